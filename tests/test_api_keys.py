"""API keys: made once, cut to what their user holds, gone when anything behind them is."""

import os
import threading

import httpx
import psycopg
import pytest
from conftest import PASSWORDS, code, connect, sign_in

CREATE = "select key from auth.create_api_key(%s, %s, for_tenant => %s)"
PERMISSIONS = ["notes:*", "files:read", "api_keys:manage"]


PASSWORDS["kim@keyland.example"] = "seven green sailing boats"


@pytest.fixture(scope="module", autouse=True)
def keyland(owner):
    """A tenant of their own: these tests shut users and tenants out, which ends their sessions."""
    tenant = owner.execute("select auth.create_tenant('keyland', 'Keyland')").fetchone()[0]
    owner.execute("update auth.tenant set sign_up_open = true where id = %s", [tenant])
    assert owner.execute("select status from auth.sign_up('kim@keyland.example', %s, '{}', 'keyland')", [PASSWORDS["kim@keyland.example"]]).fetchone()[0] == "ok"
    owner.execute("insert into public.note (tenant_id, title) values (%s, 'Keyland: one'), (%s, 'Keyland: two')", [tenant, tenant])
    yield tenant
    owner.execute("delete from public.note where tenant_id = %s", [tenant])
    owner.execute("delete from auth.\"user\" where email = 'kim@keyland.example'")
    owner.execute("delete from auth.tenant where id = %s", [tenant])


def hold(owner, email, permissions, roles=()):
    """Gives a member permissions in every tenant, as the tables of roles would."""
    owner.execute(
        "update auth.membership set permissions = %s, roles = %s, suspended_at = null where user_id = (select id from auth.\"user\" where email = %s)",
        [permissions, list(roles), email])


@pytest.fixture
def holder(owner):
    """Makes keys for kim, who holds PERMISSIONS; afterwards kim holds what kim held before."""
    before = owner.execute("select id, permissions, roles from auth.membership").fetchall()
    hold(owner, "kim@keyland.example", PERMISSIONS, ["editor"])
    claims = {"permissions": PERMISSIONS, "roles": ["editor"]}
    token = session_token(owner, "kim@keyland.example", claims)

    def make(permissions=("notes:read",), for_tenant=False, name="test", **more):
        with connect() as login, login.transaction():
            login.execute("select auth.authenticate(%s)", [token])
            arguments = ", ".join(f"{key} => %({key})s" for key in more)
            return login.execute(
                f"select id, key, prefix from auth.create_api_key(%(n)s, %(p)s, for_tenant => %(t)s{', ' + arguments if more else ''})",
                {"n": name, "p": list(permissions), "t": for_tenant, **more}).fetchone()

    make.token = token
    yield make
    owner.execute("delete from auth.api_key")
    for identifier, permissions, roles in before:
        owner.execute("update auth.membership set permissions = %s, roles = %s, suspended_at = null where id = %s", [permissions, roles, identifier])


def session_token(owner, email, claims):
    """A token of a real session; its permissions are those of the membership, as authenticate reads them."""
    token = sign_in(owner, email)
    with connect("DB") as other, other.transaction():
        other.execute("select auth.authenticate(%s)", [token])
        held = other.execute("select auth.claims()").fetchone()[0]
    if held.get("permissions") == claims["permissions"]:
        return token
    return owner.execute("select auth.mint_token(%s)", [psycopg.types.json.Jsonb({k: v for k, v in held.items() if k != "exp"} | claims)]).fetchone()[0]


def act(key, statement, *arguments, kind="AUTHENTICATOR"):
    """One statement in a transaction of the key's holder."""
    with connect(kind) as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [key])
        return login.execute(statement, arguments).fetchone()


def refused(key):
    with connect() as login:
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            login.execute("select auth.authenticate(%s)", [key])
        assert key not in str(error.value)
        return code(error)


def test_a_key_is_its_user_in_the_tenant_with_no_more_than_it_was_made_for(owner, holder):
    identifier, key, prefix = holder(["notes:read", "files:read"])
    assert key.startswith("ghk_") and len(key) == 42 and key.startswith(prefix)
    claims, role, read, write = act(key, "select auth.claims(), current_user, auth.has_permission('notes:read'), auth.has_permission('notes:write')")
    kim, keyland = owner.execute("select \"user\".id, tenant.id from auth.\"user\", auth.tenant where email = 'kim@keyland.example' and slug = 'keyland'").fetchone()
    assert claims["sub"] == str(kim) and claims["tenant_id"] == str(keyland) and claims["api_key_id"] == str(identifier)
    assert (role, read, write, claims["aal"]) == ("authenticated", True, False, "aal1")
    assert claims["amr"][0]["method"] == "api_key" and "session_id" not in claims
    assert act(key, "select string_agg(title, ', ' order by title) from public.note")[0] == "Keyland: one, Keyland: two"


def test_nothing_of_the_key_is_stored(owner, holder):
    key = holder()[1]
    row = owner.execute("select api_key::text, encode(key_hash, 'escape') from auth.api_key").fetchone()
    assert key not in " ".join(row) and key[12:36] not in " ".join(row)
    assert owner.execute("select count(*) from auth.audit_event where detail::text like %s", [f"%{key[12:36]}%"]).fetchone()[0] == 0


@pytest.mark.parametrize("permissions,more,sqlstate,reason", [
    (["notes:read", "files:write"], {}, "42501", "permission_not_held"),
    (["*:*"], {}, "42501", "permission_not_held"),
    ([], {"roles": ["owner"]}, "42501", "role_not_held"),
    (["notes"], {}, "22023", "api_key_permissions_malformed"),
    ([None], {}, "22023", "api_key_permissions_malformed"),
    (["notes:read"] * 101, {}, "22023", "api_key_permissions_malformed"),
    ([], {"name": " "}, "22023", "api_key_name_invalid"),
    ([], {"name": "a\nb"}, "22023", "api_key_name_invalid"),
    ([], {"expires_at": "2020-01-01"}, "22023", "api_key_expiry_invalid"),
])
def test_a_key_can_not_have_what_its_maker_lacks(owner, holder, permissions, more, sqlstate, reason):
    with pytest.raises(psycopg.Error) as error:
        holder(permissions, **more)
    assert (error.value.sqlstate, code(error)) == (sqlstate, reason)
    assert owner.execute("select count(*) from auth.api_key").fetchone()[0] == 0


def test_what_the_user_loses_the_key_loses_at_its_next_use(owner, holder):
    key = holder(["notes:*", "files:read"], roles=["editor"])[1]
    ask = "select auth.claims() -> 'permissions', auth.claims() -> 'roles'"
    assert act(key, ask) == (["notes:*", "files:read"], ["editor"])
    hold(owner, "kim@keyland.example", ["*:read", "files:write"])
    assert act(key, ask) == (["notes:read", "files:read"], [])
    hold(owner, "kim@keyland.example", [])
    assert act(key, ask) == ([], [])


def test_a_users_key_dies_with_whatever_ends_the_user(owner, holder):
    key = holder()[1]
    for end, undo in (
        ("update auth.\"user\" set banned_until = 'infinity' where email = 'kim@keyland.example'", "update auth.\"user\" set banned_until = null where email = 'kim@keyland.example'"),
        ("update auth.tenant set suspended_at = now() where slug = 'keyland'", "update auth.tenant set suspended_at = null where slug = 'keyland'"),
        ("update auth.membership set suspended_at = now() where tenant_id = (select id from auth.tenant where slug = 'keyland')", "update auth.membership set suspended_at = null"),
        ("update auth.api_key set expires_at = now() - interval '1 second'", "update auth.api_key set expires_at = null"),
    ):
        owner.execute(end)
        try:
            assert refused(key) in ("api_key_invalid", "token_revoked"), end
        finally:
            owner.execute(undo)
        act(key, "select 1")
    with owner.transaction(force_rollback=True):
        # Within one transaction of the owner: authenticate looks at what is there now.
        owner.execute("delete from auth.membership where user_id = (select id from auth.\"user\" where email = 'kim@keyland.example')")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            with owner.transaction():
                owner.execute("select auth.authenticate(%s)", [key])


def test_a_tenants_own_key_needs_the_permission_and_is_nobody(owner, holder):
    key = holder(["notes:read"], for_tenant=True)[1]
    uid, tenant, can = act(key, "select auth.uid(), auth.tenant_id(), auth.has_permission('notes:read')")
    assert uid is None and tenant is not None and can
    # It is the tenant's: it stays when its maker loses everything, until the tenant is suspended.
    hold(owner, "kim@keyland.example", ["notes:*"])
    assert act(key, "select auth.has_permission('notes:read')")[0]
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
        holder(["notes:read"], for_tenant=True)
    assert code(error) == "permission_missing"
    owner.execute("update auth.tenant set suspended_at = now() where slug = 'keyland'")
    try:
        assert refused(key) == "token_revoked"
    finally:
        owner.execute("update auth.tenant set suspended_at = null where slug = 'keyland'")


def test_revoking_ends_a_key_at_once_and_only_ones_own(owner, holder, bob):
    identifier, key, _ = holder()
    with connect() as login:
        login.execute("select auth.authenticate(%s)", [key])
        assert act(bob, "select auth.revoke_api_key(%s)", identifier)[0] is False
        login.execute("select auth.authenticate(%s)", [key])
        assert act(holder.token, "select auth.revoke_api_key(%s)", identifier)[0] is True
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            login.execute("select auth.authenticate(%s)", [key])
    assert act(holder.token, "select auth.revoke_api_key(%s)", identifier)[0] is False


def test_a_key_manages_no_keys(holder):
    identifier, key, _ = holder(["api_keys:manage"])
    for statement in ("select auth.create_api_key('more')", "select auth.my_api_keys()", "select auth.tenant_api_keys()",
                      f"select auth.revoke_api_key('{identifier}')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
            act(key, statement)
        assert code(error) == "session_required", statement


def test_a_key_is_locked_to_its_transaction_like_a_token(holder, bob):
    key = holder()[1]
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [key])
        for attack in ("reset role", "set local role anon", f"select auth.authenticate('{bob}')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                with login.transaction():
                    login.execute(attack)
    with connect() as login:
        login.execute("begin")
        login.execute("set local role authenticated")
        login.execute("select set_config('pg_gatehouse.token', %s, true)", [key])
        assert login.execute("select auth.uid() is not null, current_setting('pg_gatehouse.token')").fetchone() == (True, "(sealed)")
        login.execute("rollback")
        login.execute("set role anon")
        assert login.execute("select auth.uid()").fetchone()[0] is None


def test_typos_are_refused_before_any_look_up_and_unknown_keys_after_one(holder):
    key = holder()[1]
    assert refused(key[:-1] + ("x" if key[-1] != "x" else "y")) == "api_key_malformed"
    assert refused("ghk_" + "0" * 38) == "api_key_malformed"
    assert refused("ghk_") == "api_key_malformed"
    # Well-formed, and none of ours: the published example of the format.
    assert refused(EXAMPLE) == "api_key_invalid"


EXAMPLE = "ghk_000000000000000000000000000000002NBntw"


def test_keys_are_listed_to_their_user_and_to_who_manages_the_tenant(holder, bob):
    holder(["notes:read"], name="mine", expires_at="2999-01-01")
    holder(["notes:read"], for_tenant=True, name="ours")
    names = "select array_agg(name order by name), bool_and(to_jsonb(k)::text not like '%%hash%%') from auth.{}() as k"
    assert act(holder.token, names.format("my_api_keys")) == (["mine"], True)
    assert act(holder.token, names.format("tenant_api_keys")) == (["mine", "ours"], True)
    assert act(bob, names.format("my_api_keys"))[0] is None
    # An owner, but of another tenant.
    assert act(bob, names.format("tenant_api_keys"))[0] is None


def test_the_last_use_is_kept_and_neither_fails_nor_waits(owner, holder):
    identifier, key, _ = holder()
    last = "select last_used_at from auth.api_key where id = %s"
    listed = "select last_used_at from auth.my_api_keys() where id = %s"
    with connect() as login:
        for mode in ("read only", "isolation level serializable"):
            login.execute(f"begin {mode}")
            login.execute("select auth.authenticate(%s)", [key])
            login.execute("commit")
    # Neither could be written; the running server knows.
    assert owner.execute(last, [identifier]).fetchone()[0] is None
    assert act(holder.token, listed, identifier)[0] is not None

    second = holder()
    with connect("DB") as other, other.transaction():
        other.execute("select from auth.api_key where id = %s for update", [second[0]])
        with connect() as login:
            login.execute("set statement_timeout = '2s'")
            login.execute("select auth.authenticate(%s)", [second[1]])
    third = holder()
    act(third[1], "select 1")
    written = owner.execute(last, [third[0]]).fetchone()[0]
    assert written is not None
    act(third[1], "select 1")
    assert owner.execute(last, [third[0]]).fetchone()[0] == written


def test_many_uses_at_once_write_once_and_all_succeed(owner, holder):
    identifier, key, _ = holder()
    failures = []

    def use():
        try:
            with connect() as login:
                for _ in range(20):
                    with login.transaction():
                        login.execute("select auth.authenticate(%s)", [key])
                        assert login.execute("select current_user").fetchone()[0] == "authenticated"
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert owner.execute("select last_used_at is not null from auth.api_key where id = %s", [identifier]).fetchone()[0]


def test_over_http_as_bearer_and_as_apikey(http, holder):
    key = holder()[1]
    for headers in ({"Authorization": f"Bearer {key}"}, {"apikey": key}):
        answer = http.get("/rest/v1/note?select=title&order=title", headers=headers)
        assert answer.status_code == 200, answer.text
        assert {row["title"].split(":")[0] for row in answer.json()} == {"Keyland"}
        made = http.post("/rest/v1/note", json={"title": "Keyland: by key"}, headers=headers | {"Prefer": "return=representation"})
        assert made.status_code == 201, made.text
    with httpx.Client(base_url=os.environ["GATEHOUSE_URL"]) as client:
        assert client.get("/rest/v1/note", headers={"apikey": key[:-1] + "!"}).status_code == 401


@pytest.fixture(autouse=True)
def keep_notes(owner):
    yield
    owner.execute("delete from public.note where title like '%%by key%%'")
