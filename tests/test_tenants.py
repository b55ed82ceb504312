"""Tenants, roles and invitations where several connections meet."""

import concurrent.futures
import os
import subprocess
import threading
import uuid

import psycopg
import pytest
from conftest import code, connect, uri

PASSWORD = "seven green sailing boats"


class Tenant:
    """A tenant of the test's own, and who is in it."""

    def __init__(self, owner):
        self.owner, self.slug = owner, f"t{uuid.uuid4().hex[:12]}"
        self.id = owner.execute("select auth.create_tenant(%s, 'Test')", [self.slug]).fetchone()[0]
        self.people = {}

    def enter(self, name, *roles):
        """A user with these roles here: their id."""
        user = self.owner.execute("select \"user\" ->> 'id' from auth.sign_up(%s, %s)", [self.address(name), PASSWORD]).fetchone()[0]
        self.people[name] = uuid.UUID(user)
        for role in roles:
            self.owner.execute("select auth.grant_role(%s, %s, %s)", [user, role, self.id])
        return self.people[name]

    def address(self, name):
        return f"{name}.{self.slug}@example.com"

    def token(self, name, tenant=True):
        return self.owner.execute("select access_token from auth.sign_in(%s, %s, %s)", [
            self.address(name), PASSWORD, self.slug if tenant else None]).fetchone()[0]

    def roles(self, name):
        row = self.owner.execute("select roles from auth.membership where tenant_id = %s and user_id = %s", [self.id, self.people[name]]).fetchone()
        return row and row[0]


@pytest.fixture
def tenant(owner):
    owner.execute("set pg_gatehouse.bcrypt_cost = 10")
    made = Tenant(owner)
    yield made
    owner.execute("reset pg_gatehouse.bcrypt_cost")
    owner.execute("delete from auth.tenant where id = %s", [made.id])
    owner.execute("delete from auth.\"user\" where id = any (%s)", [list(made.people.values())])


class Signed:
    """A connection in a transaction that is authenticated."""

    def __init__(self, token, isolation="read committed"):
        self.connection = connect()
        self.connection.execute(f"begin isolation level {isolation}")
        self.connection.execute("select auth.authenticate(%s)", [token])

    def ask(self, statement, *arguments):
        return self.connection.execute(statement, arguments).fetchone()[0]

    def commit(self):
        self.connection.execute("commit")
        self.connection.close()


def start(function, *arguments):
    """Runs it in a thread; the future gives its answer or the stable code of its refusal."""
    def run():
        try:
            return function(*arguments)
        except psycopg.errors.InsufficientPrivilege as error:
            return error.diag.message_detail
        except psycopg.errors.SerializationFailure:
            return "serialization_failure"

    future = concurrent.futures.Future()
    threading.Thread(target=lambda: future.set_result(run())).start()
    return future


def is_waiting(owner, connection):
    """Until the connection waits for a lock of another."""
    return owner.execute(
        "select pg_sleep(0.01), cardinality(pg_blocking_pids(%s)) > 0", [connection.info.backend_pid]).fetchone()[1]


def wait_until_waiting(owner, connection):
    assert any(is_waiting(owner, connection) for _ in range(1000)), "it does not wait"


def test_a_role_change_holds_at_the_next_transaction_of_an_open_connection(owner, tenant):
    tenant.enter("mia", "member")
    token = tenant.token("mia")
    owner.execute("select auth.create_role('editor', '{notes:*}', tenant => %s)", [tenant.id])
    ask = "select auth.has_permission('notes:write'), auth.has_role('editor'), auth.jwt() -> 'permissions' ? 'notes:*'"

    def now(connection):
        with connection.transaction():
            connection.execute("select auth.authenticate(%s)", [token])
            return connection.execute(ask).fetchone()

    with connect() as connection:
        assert now(connection) == (False, False, False)
        with connection.transaction():
            connection.execute("select auth.authenticate(%s)", [token])
            owner.execute("select auth.grant_role(%s, 'editor', %s)", [tenant.people["mia"], tenant.id])
            assert connection.execute(ask).fetchone() == (False, False, False), "an identity does not change under a transaction"
        assert now(connection) == (True, True, True)
        owner.execute("select auth.update_role('editor', '{files:read}', tenant => %s)", [tenant.id])
        assert now(connection) == (False, True, False)
        owner.execute("select auth.revoke_role(%s, 'editor', %s)", [tenant.people["mia"], tenant.id])
        assert now(connection) == (False, False, False)
        for statement in ("auth.suspend_member(%s, %s)", "auth.remove_member(%s, %s)"):
            owner.execute(f"select {statement}", [tenant.people["mia"], tenant.id])
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
                now(connection)
            assert code(error) == "token_revoked"


@pytest.mark.parametrize("act", ["select auth.leave_tenant()", "select auth.revoke_role(auth.uid(), 'owner')",
                                 "select auth.remove_member(auth.uid())", "select auth.suspend_member(auth.uid())"])
def test_of_two_owners_who_go_at_once_one_stays(owner, tenant, act):
    tenant.enter("ann", "owner"), tenant.enter("ben", "owner")
    first, second = Signed(tenant.token("ann")), Signed(tenant.token("ben"))
    first.ask(act)
    answer = start(second.ask, act)
    wait_until_waiting(owner, second.connection)
    first.commit()
    assert answer.result(10) == "last_owner"
    second.connection.close()
    assert tenant.roles("ben") == ["owner"]


def test_two_owners_who_demote_each_other_leave_one(owner, tenant):
    tenant.enter("ann", "owner"), tenant.enter("ben", "owner")
    first, second = Signed(tenant.token("ann")), Signed(tenant.token("ben"))
    first.ask("select auth.revoke_role(%s, 'owner')", tenant.people["ben"])
    answer = start(second.ask, "select auth.revoke_role(%s, 'owner')", tenant.people["ann"])
    wait_until_waiting(owner, second.connection)
    first.commit()
    assert answer.result(10) == "permission_missing"
    second.connection.close()
    assert (tenant.roles("ann"), tenant.roles("ben")) == (["owner"], [])


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_an_old_snapshot_does_not_help_the_last_owner_out(owner, tenant, isolation):
    tenant.enter("ann", "owner"), tenant.enter("ben", "owner")
    first, second = Signed(tenant.token("ann"), isolation), Signed(tenant.token("ben"), isolation)
    second.ask("select count(*) from auth.my_tenants()")
    first.ask("select auth.leave_tenant()")
    first.commit()
    assert start(second.ask, "select auth.leave_tenant()").result(10) == "serialization_failure"
    second.connection.close()
    assert tenant.roles("ben") == ["owner"]


def test_many_owners_leaving_at_once_leave_one(owner, tenant):
    names = [f"o{n}" for n in range(6)]
    for name in names:
        tenant.enter(name, "owner")
    signed = [Signed(tenant.token(name)) for name in names]

    def leave(one):
        try:
            one.ask("select auth.leave_tenant()")
        finally:
            one.commit()
        return "left"

    answers = [start(leave, one) for one in signed]
    assert sorted(answer.result(20) for answer in answers) == ["last_owner"] + ["left"] * 5
    assert owner.execute("select count(*) from auth.membership where tenant_id = %s", [tenant.id]).fetchone()[0] == 1


def test_whoever_is_demoted_meanwhile_grants_nothing(owner, tenant):
    tenant.enter("ann", "owner"), tenant.enter("adam", "admin"), tenant.enter("mia", "member")
    boss, admin = Signed(tenant.token("ann")), Signed(tenant.token("adam"))
    assert admin.ask("select auth.has_permission('members:update')")
    boss.ask("select auth.revoke_role(%s, 'admin')", tenant.people["adam"])
    answer = start(admin.ask, "select auth.grant_role(%s, 'admin')", tenant.people["mia"])
    wait_until_waiting(owner, admin.connection)
    boss.commit()
    assert answer.result(10) == "permission_missing"
    admin.connection.close()
    assert tenant.roles("mia") == ["member"]


def test_what_is_granted_meanwhile_counts_from_the_next_transaction(owner, tenant):
    """The membership says more than the token: both must."""
    tenant.enter("mia", "member")
    token = tenant.token("mia")
    signed = Signed(token)
    owner.execute("select auth.grant_role(%s, 'owner', %s)", [tenant.people["mia"], tenant.id])
    assert start(signed.ask, "select auth.grant_role(auth.uid(), 'viewer')").result(10) == "permission_missing"
    signed.connection.close()
    signed = Signed(token)
    assert signed.ask("select auth.grant_role(auth.uid(), 'viewer')") == ["member", "owner", "viewer"]
    signed.commit()


def test_whose_session_has_ended_meanwhile_joins_and_switches_no_more(owner, tenant):
    tenant.enter("mia", "member")
    signed = Signed(tenant.token("mia"))
    owner.execute("update auth.session set ended_at = now() where user_id = %s", [tenant.people["mia"]])
    assert start(signed.ask, "select auth.switch_tenant(%s)", tenant.id).result(10) == "not_authenticated"
    signed.connection.close()


def test_twenty_acceptances_of_one_invitation_at_once_are_one(owner, tenant):
    tenant.enter("ivy")
    token = tenant.token("ivy", tenant=False)
    invitation = owner.execute("select token from auth.invite(%s, 'member', %s)", [tenant.address("ivy"), tenant.id]).fetchone()[0]
    barrier = threading.Barrier(20)

    def accept(signed):
        barrier.wait()
        status = signed.ask("select status from auth.accept_invitation(%s)", invitation)
        signed.commit()
        return status

    answers = [start(accept, Signed(token)) for _ in range(20)]
    assert sorted(answer.result(30) for answer in answers) == ["invite_not_found"] * 19 + ["ok"]
    assert tenant.roles("ivy") == ["member"]
    assert owner.execute("select count(*) from auth.audit_event where event = 'invitation_accepted' and outcome = 'success' and tenant_id = %s",
                         [tenant.id]).fetchone()[0] == 1


def test_an_acceptance_that_is_rolled_back_has_not_happened(owner, tenant):
    tenant.enter("ivy")
    token = tenant.token("ivy", tenant=False)
    invitation = owner.execute("select token from auth.invite(%s, 'member', %s)", [tenant.address("ivy"), tenant.id]).fetchone()[0]
    first, second = Signed(token), Signed(token)
    assert first.ask("select status from auth.accept_invitation(%s)", invitation) == "ok"
    answer = start(second.ask, "select status from auth.accept_invitation(%s)", invitation)
    wait_until_waiting(owner, second.connection)
    first.connection.execute("rollback")
    first.connection.close()
    assert answer.result(10) == "ok"
    second.commit()
    assert tenant.roles("ivy") == ["member"]


def test_an_invitation_revoked_while_it_is_accepted_counts_for_nothing(owner, tenant):
    tenant.enter("ann", "owner"), tenant.enter("ivy")
    row = owner.execute("select id, token from auth.invite(%s, 'member', %s)", [tenant.address("ivy"), tenant.id]).fetchone()
    boss, invited = Signed(tenant.token("ann")), Signed(tenant.token("ivy", tenant=False))
    assert boss.ask("select auth.revoke_invitation(%s)", row[0])
    answer = start(invited.ask, "select status from auth.accept_invitation(%s)", row[1])
    wait_until_waiting(owner, invited.connection)
    boss.commit()
    assert answer.result(10) == "invite_not_found"
    invited.commit()
    assert tenant.roles("ivy") is None


def sign_up(connection, address, slug):
    return connection.execute("select status from auth.sign_up(%s, %s, '{}', %s)", [address, PASSWORD, slug]).fetchone()[0]


def permissions(owner, address):
    return owner.execute("select permissions from auth.membership join auth.\"user\" on \"user\".id = user_id where email = %s", [address]).fetchone()[0]


def test_a_member_who_joins_while_the_role_changes_has_what_it_permits_then(owner, tenant):
    owner.execute("select auth.update_tenant('{\"sign_up_open\": true}', %s)", [tenant.id])
    change = "select auth.update_role('member', %s, tenant => %s)"
    with connect("DB") as changing, connect() as joining:
        joining.execute("set role anon")
        # The change first: who joins waits for it.
        changing.execute("begin")
        changing.execute(change, [["notes:read"], tenant.id])
        answer = start(sign_up, joining, tenant.address("one"), tenant.slug)
        wait_until_waiting(owner, joining)
        changing.execute("commit")
        assert answer.result(10) == "ok" and permissions(owner, tenant.address("one")) == ["notes:read"]
        # The joining first: the change waits for it.
        joining.execute("begin")
        assert sign_up(joining, tenant.address("two"), tenant.slug) == "ok"
        answer = start(lambda: changing.execute(change, [["notes:write"], tenant.id]))
        wait_until_waiting(owner, changing)
        joining.execute("commit")
        answer.result(10)
        assert permissions(owner, tenant.address("two")) == permissions(owner, tenant.address("one")) == ["notes:write"]
        # A snapshot of before the change is a serialisation failure, not a wrong row.
        joining.execute("begin isolation level repeatable read")
        joining.execute("select 1 from auth.sign_in('nobody@example.com', 'x')")
        changing.execute(change, [["notes:delete"], tenant.id])
        assert start(sign_up, joining, tenant.address("three"), tenant.slug).result(10) == "serialization_failure"
        joining.execute("rollback")


def test_sign_ups_into_one_tenant_do_not_wait_for_each_other(owner, tenant):
    owner.execute("select auth.update_tenant('{\"sign_up_open\": true}', %s)", [tenant.id])
    with connect() as first, connect() as second:
        first.execute("set role anon"), second.execute("set role anon")
        first.execute("begin")
        assert sign_up(first, tenant.address("one"), tenant.slug) == "ok"
        second.execute("set lock_timeout = '1ms'")
        assert sign_up(second, tenant.address("two"), tenant.slug) == "ok"
        first.execute("commit")


def test_two_roles_granted_at_once_by_hand_are_both_there(owner, tenant):
    tenant.enter("mia", "member")
    grant = "insert into auth.membership_role (tenant_id, user_id, role_id) select tenant_id, %s, id from auth.role where tenant_id = %s and name = %s"
    with connect("DB") as first, connect("DB") as second:
        first.execute("begin")
        first.execute(grant, [tenant.people["mia"], tenant.id, "admin"])
        answer = start(lambda: second.execute(grant, [tenant.people["mia"], tenant.id, "viewer"]))
        wait_until_waiting(owner, second)
        first.execute("commit")
        answer.result(10)
    assert tenant.roles("mia") == ["admin", "member", "viewer"]


def test_switching_gives_a_token_of_the_same_session_and_takes_none_away(owner, tenant):
    other = Tenant(owner)
    tenant.enter("mia", "member")
    owner.execute("select auth.grant_role(%s, 'viewer', %s)", [tenant.people["mia"], other.id])
    token = tenant.token("mia")
    signed = Signed(token)
    session = signed.ask("select auth.session_id()")
    status, switched = signed.connection.execute("select status, access_token from auth.switch_tenant(%s)", [other.id]).fetchone()
    signed.commit()
    assert status == "ok"
    for which, home, role in ((token, tenant, "member"), (switched, other, "viewer")):
        signed = Signed(which)
        assert signed.connection.execute("select auth.tenant_id(), auth.session_id(), auth.has_role(%s)", [role]).fetchone() == (home.id, session, True)
        signed.commit()
    # The end of one tenant leaves the other.
    owner.execute("select auth.suspend_tenant(%s)", [other.id])
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        Signed(switched)
    Signed(token).commit()
    owner.execute("delete from auth.tenant where id = %s", [other.id])


def test_tokens_of_one_tenant_are_left_alone_where_no_user_is_named(owner, tenant, mint):
    token = mint(role="anon", tenant_id=str(tenant.id))
    Signed(token).commit()
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        Signed(mint(sub=str(uuid.uuid4()), tenant_id=str(tenant.id), permissions=["*:*"]))
    owner.execute("select auth.suspend_tenant(%s)", [tenant.id])
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        Signed(token)


def fill(owner):
    """Enough rows that the planner has a choice."""
    for statement in (
        "insert into auth.tenant (slug, name) select 'many-' || n, 'Many' from generate_series(1, 1000) as n",
        "insert into auth.permission (name) select 'many:' || n from generate_series(1, 10) as n",
        "insert into auth.role (tenant_id, name) select id, 'member' from auth.tenant where slug like 'many-%'",
        "insert into auth.role_permission (role_id, permission) select r.id, p.name from auth.role as r, auth.permission as p where r.name = 'member' and p.name like 'many:%'",
        "insert into auth.\"user\" (email) select 'many' || n || '@example.com' from generate_series(1, 5000) as n",
        "analyze",
        """insert into auth.membership (tenant_id, user_id)
           select t.id, u.id from (select id, row_number() over () as n from auth.tenant where slug like 'many-%') as t
             join (select id, row_number() over () as n from auth."user" where email like 'many%') as u on mod(u.n, 1000) = mod(t.n, 1000)""",
        "analyze",
        """insert into auth.membership_role (tenant_id, user_id, role_id)
           select m.tenant_id, m.user_id, r.id from auth.membership as m join auth.role as r on r.tenant_id = m.tenant_id
             join auth.tenant as t on t.id = m.tenant_id where t.slug like 'many-%'""",
        """insert into auth.invitation (tenant_id, email, role_id, token_hash, expires_at)
           select r.tenant_id, 'many@example.com', r.id, sha256(r.id::text::bytea), now() + interval '1 day'
             from auth.role as r join auth.tenant as t on t.id = r.tenant_id where t.slug like 'many-%'""",
        "insert into auth.session (user_id, expires_at) select id, now() + interval '1 day' from auth.\"user\" where email like 'many%'",
        "analyze",
    ):
        owner.execute(statement)


def test_no_function_reads_a_table_from_end_to_end(owner, tenant):
    """By the counters of the transaction."""
    tables = "'membership', 'membership_role', 'user', 'invitation', 'role', 'role_permission', 'tenant', 'session'"
    tenant.enter("ann", "owner"), tenant.enter("mia", "member"), tenant.enter("ivy")
    ann, ivy = tenant.token("ann"), tenant.token("ivy", tenant=False)
    invitation = owner.execute("select token from auth.invite(%s, 'member', %s)", [tenant.address("ivy"), tenant.id]).fetchone()[0]
    with owner.transaction(force_rollback=True):
        fill(owner)
        seen = "select relname, seq_scan from pg_stat_xact_user_tables where schemaname = 'auth' and relname in (" + tables + ") order by 1"
        for token, statements in (
            (ann, ["select * from auth.my_tenants()", "select * from auth.tenant_members()", "select * from auth.tenant_roles()",
                   "select * from auth.pending_invitations()", "select auth.invite('someone@example.com', 'member')",
                   "select auth.create_role('temp', '{a:b}')", f"select auth.grant_role('{tenant.people['mia']}', 'temp')",
                   "select auth.update_role('temp', '{a:c}', 'other')", f"select auth.revoke_role('{tenant.people['mia']}', 'other')",
                   f"select auth.suspend_member('{tenant.people['mia']}')", f"select auth.resume_member('{tenant.people['mia']}')",
                   "select auth.delete_role('other')", f"select auth.remove_member('{tenant.people['mia']}')",
                   f"select auth.switch_tenant('{tenant.id}')", "select auth.update_tenant('{\"name\": \"x\"}')",
                   f"select auth.create_tenant('z{tenant.slug}', 'x')"]),
            (ivy, [f"select auth.accept_invitation('{invitation}')", f"select auth.switch_tenant('{tenant.id}')"]),
        ):
            owner.execute("savepoint a")
            owner.execute("select auth.authenticate(%s)", [token])
            for statement in statements:
                owner.execute("savepoint b")
                owner.execute("select 1")
                before = statistics(owner, seen)
                owner.execute(statement)
                after = statistics(owner, seen)
                assert after == before, statement
            owner.execute("rollback to a")


def statistics(owner, seen):
    return dict(owner.execute(seen).fetchall())


def test_a_dump_brings_tenants_roles_and_access_back(owner, tenant):
    tenant.enter("ann", "owner"), tenant.enter("mia", "member")
    owner.execute("select auth.set_role_template('auditor', '{audit:read}', 'Reads')")
    owner.execute("select auth.create_role('editor', '{notes:*}', tenant => %s)", [tenant.id])
    owner.execute("select auth.grant_role(%s, 'editor', %s)", [tenant.people["mia"], tenant.id])
    owner.execute("select auth.invite('x@example.com', 'editor', %s)", [tenant.id])
    binary = os.environ["GATEHOUSE_PG_BIN"]
    owner.execute("drop database if exists restored")
    owner.execute("create database restored")
    try:
        dump = subprocess.run([f"{binary}/pg_dump", uri("DB")], check=True, capture_output=True).stdout
        subprocess.run([f"{binary}/psql", "-qX", "-v", "ON_ERROR_STOP=1", uri("DB", "restored")], input=dump, check=True, capture_output=True)
        with connect("DB", database="restored") as restored:
            for table, key in (("tenant", "id"), ("role", "id"), ("permission", "name"), ("role_permission", "role_id, permission"), ("membership", "id"),
                               ("membership_role", "tenant_id, user_id, role_id"), ("invitation", "id"), ("\"user\"", "id")):
                everything = f"select jsonb_agg(to_jsonb(t) - 'updated_at' order by {key}) from auth.{table} as t"
                assert restored.execute(everything).fetchone() == owner.execute(everything).fetchone(), table
            restored.execute("select auth.revoke_role(%s, 'editor', %s)", [tenant.people["mia"], tenant.id])
    finally:
        owner.execute("drop database restored")
        owner.execute("delete from auth.role where tenant_id is null and name = 'auditor'")
