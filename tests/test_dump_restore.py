"""A dump and the master key are all of a database: restored elsewhere, everything goes on."""

import os
import pathlib
import secrets
import time

import psycopg
import pyotp
import pytest
import throwaway

BIN = pathlib.Path(os.environ["GATEHOUSE_PG_BIN"])
PASSWORD = "seven green sailing boats"
TAKE = "select auth.authenticate(%s)"
SIGN_IN = "select status, access_token, refresh_token from auth.sign_in(%s, %s)"


def as_user(cluster, token, statement, *parameters, login="authenticator"):
    """One statement under the token, in a transaction of its own."""
    with cluster.connect(login) as connection, connection.transaction():
        connection.execute(TAKE, [token])
        return connection.execute(statement, parameters).fetchone()


class Filled:
    """Everything that a user may still hold when their database moves."""

    def __init__(self, cluster):
        self.cluster = cluster
        with cluster.connect() as owner:
            self.fill(owner)
            # Several months, of which the first ones are sealed in their partitions.
            owner.execute("""insert into auth.audit_event (at, event, outcome, detail)
                select now() - n * interval '20 days', 'test', 'success', '{"a": 1.50, "b": "ü"}' from generate_series(1, 6) as n""")
            owner.execute("select auth.maintain_audit()")
            while owner.execute("select auth.seal_audit()").fetchone()[0]:
                pass
            # The dump and what it is compared with are of one moment.
            wait_for_quiet(owner)
            self.tables = contents(owner)
            self.last_event = owner.execute("select last_value from auth.audit_event_id_seq").fetchone()[0]
            self.policies = policies(owner)

    def fill(self, owner):
        one = lambda *query: owner.execute(*query).fetchone()[0]  # noqa: E731
        token = one("select access_token from auth.sign_up('ann@example.com', %s)", [PASSWORD])
        self.ann = one("select id from auth.\"user\"")
        self.acme = as_user(self.cluster, token, "select auth.create_tenant('acme', 'Acme')")[0]
        globex = one("select auth.create_tenant('globex', 'Globex')")
        one("select auth.create_tenant('pool', 'A pool of its own', isolated => true)")
        owner.execute("update auth.tenant set sign_up_open = true")
        for email, tenant in (("ben@example.com", "acme"), ("ben@example.com", "pool"), ("cat@example.com", "globex")):
            assert one("select status from auth.sign_up(%s, %s, '{}', %s)", [email, PASSWORD, tenant]) == "ok"
        one("select auth.ban_user(id) from auth.\"user\" where email = 'cat@example.com'")
        # The second factor, and a session that has given it.
        token = one("select access_token from auth.sign_in('ann@example.com', %s)", [PASSWORD])
        factor, uri = as_user(self.cluster, token, "select id, uri from auth.enroll_totp('phone')")
        self.factor, self.authenticator = factor, pyotp.parse_uri(uri)
        status, self.access, self.refresh = as_user(
            self.cluster, token, "select status, access_token, refresh_token from auth.verify_factor(%s, %s)", factor, self.authenticator.now())
        assert status == "ok"
        self.recovery = as_user(self.cluster, self.access, "select auth.generate_recovery_codes()")[0]
        self.api_key = as_user(self.cluster, self.access, "select key from auth.create_api_key('robot', '{members:read}')")[0]
        as_user(self.cluster, self.access, "select auth.invite('dan@example.com', 'member')")
        as_user(self.cluster, self.access, "select auth.create_role('editor', '{notes:write}')")
        owner.execute("select auth.request_recovery('ben@example.com')")
        owner.execute("update auth.throttle_limit set attempts = 77 where act = 'invite' and scope = 'tenant'")
        owner.execute("create table public.memo (id serial primary key, tenant_id uuid not null references auth.tenant, body text)")
        owner.execute("insert into public.memo (tenant_id, body) values (%s, 'of acme'), (%s, 'of globex')", [self.acme, globex])
        owner.execute("select auth.protect('public.memo')")
        owner.execute("grant select on public.memo to authenticated")


def wait_for_quiet(owner):
    """Until the background worker has gone, which it does when there is nothing to do."""
    deadline = time.monotonic() + 60
    while owner.execute("select exists (select from pg_stat_activity where backend_type = 'pg_gatehouse audit')").fetchone()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def contents(owner):
    """Every row of every table in schema auth and of the application's."""
    tables = owner.execute("""
        select oid::regclass::text from pg_class
         where relkind = 'r' and relnamespace in ('auth'::regnamespace, 'public'::regnamespace)""").fetchall()
    # The extension brings its default limits by itself; permissions that are restored are a change of their role.
    return {table: sorted(text for (text,) in owner.execute(
        f"select (to_jsonb(t) - case t.tableoid when 'auth.role'::regclass then 'updated_at' else '' end)::text from {table} as t"
        " where to_jsonb(t) -> 'is_default' is distinct from 'true'")) for (table,) in tables}


def policies(owner):
    return owner.execute("select tablename, policyname, permissive, roles, cmd, qual, with_check from pg_policies order by 1, 2").fetchall()


def restore(source, target, kind):
    file = target.folder / f"dump.{kind}"
    throwaway.as_server(BIN / "pg_dump", "-F", "p" if kind == "plain" else "c", "-f", file, source.uri())
    if kind == "plain":
        throwaway.as_server(BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file, target.uri())
        return
    # Rows one table after the other: side by side, pg_restore does not heed the foreign keys of an extension's tables.
    for section, jobs in (("pre-data", 1), ("data", 1), ("post-data", 3)):
        throwaway.as_server(BIN / "pg_restore", "--section", section, "-j", jobs, "--exit-on-error", "-d", target.uri(), file)


@pytest.fixture(scope="module")
def master_key():
    return secrets.token_hex(32)


@pytest.fixture(scope="module")
def filled(master_key):
    with throwaway.cluster(master_key=master_key) as made:
        yield Filled(made)


@pytest.fixture(scope="module", params=["plain", "sections"])
def restored(request, filled, master_key):
    with throwaway.cluster(master_key=master_key, extension=False) as made:
        restore(filled.cluster, made, request.param)
        # Before anything happens there.
        with made.connect() as owner:
            made.tables, made.policies = contents(owner), policies(owner)
        yield made


def test_every_row_is_restored(filled, restored):
    # An empty table would show nothing.
    for table in ("session", "refresh_token", "api_key", "mfa_factor", "recovery_code", "mail_outbox", "invitation", "secret", "signing_key", "role"):
        assert filled.tables["auth." + table], table
    assert sum(rows != [] for table, rows in filled.tables.items() if table.startswith("auth.audit_event_2")) >= 4
    assert sorted(restored.tables) == sorted(filled.tables)
    for table, rows in filled.tables.items():
        assert restored.tables[table] == rows, table


def test_an_access_token_still_counts_and_sees_its_own_tenant(filled, restored):
    assert as_user(restored, filled.access, "select auth.uid(), auth.aal(), auth.has_role('owner')") == (filled.ann, "aal2", True)
    assert as_user(restored, filled.access, "select array_agg(body) from public.memo") == (["of acme"],)
    assert restored.policies == filled.policies != []


def test_an_api_key_still_counts(filled, restored):
    assert as_user(restored, filled.api_key, "select auth.uid(), auth.tenant_id(), auth.has_permission('members:read')") == (
        filled.ann, filled.acme, True)


def test_a_refresh_token_still_goes_on_and_its_reuse_is_still_seen(filled, restored):
    with restored.connect() as owner:
        statement = "select status, refresh_token from auth.refresh(%s)"
        status, following = owner.execute(statement, [filled.refresh]).fetchone()
        assert status == "ok" and following not in (None, filled.refresh)
        assert owner.execute(statement, [following]).fetchone()[0] == "ok"


def test_the_second_factor_still_opens_and_takes_no_code_twice(filled, restored):
    with restored.connect() as owner:
        status, token, _ = owner.execute(SIGN_IN, ["ann@example.com", PASSWORD]).fetchone()
        assert status == "mfa_required"
        used = owner.execute("select last_step from auth.mfa_factor").fetchone()[0]
    verify = "select status, access_token from auth.verify_factor(%s, %s)"
    assert as_user(restored, token, verify, filled.factor, filled.authenticator.at(used * 30))[0] == "mfa_verification_failed"
    # The next step's code, which counts already.
    later = max((used + 1) * 30, int(time.time()))
    status, stronger = as_user(restored, token, verify, filled.factor, filled.authenticator.at(later))
    assert status == "ok"
    assert as_user(restored, stronger, "select auth.aal()") == ("aal2",)
    assert as_user(restored, token, "select status from auth.verify_recovery_code(%s)", filled.recovery) == ("ok",)


def test_the_chain_of_the_audit_goes_on(filled, restored):
    with restored.connect() as owner:
        assert owner.execute("select ok, what from auth.verify_audit()").fetchall() == [(True, "unbroken")]
        owner.execute("select auth.create_tenant(%s, 'After')", [f"after-{secrets.token_hex(4)}"])
        assert owner.execute("select count(*) from auth.audit_event where id > %s", [filled.last_event]).fetchone()[0] > 0
        assert owner.execute("select count(*) = count(distinct id) from auth.audit_event").fetchone() == (True,)
        owner.execute("select auth.maintain_audit()")
        while owner.execute("select auth.seal_audit()").fetchone()[0]:
            pass
        assert owner.execute("select ok, what from auth.verify_audit()").fetchall() == [(True, "unbroken")]


def test_changed_limits_and_pools_are_kept(restored):
    with restored.connect() as owner:
        assert owner.execute("select attempts, is_default from auth.throttle_limit where act = 'invite' and scope = 'tenant'").fetchone() == (77, False)
        assert owner.execute("select count(*) from auth.\"user\" where email = 'ben@example.com'").fetchone() == (2,)
        assert owner.execute(SIGN_IN, ["cat@example.com", PASSWORD]).fetchone()[0] == "invalid_credentials"


def test_with_another_master_key_there_is_one_clear_error(filled):
    clear = ("58000", "the encrypted value can not be opened with this master key", "seal_broken")
    with throwaway.cluster(extension=False) as made:
        restore(filled.cluster, made, "plain")
        for statement, parameter in (
            ("select auth.sign_in('ben@example.com', %s)", PASSWORD),
            ("select auth.refresh(%s)", filled.refresh),
            ("select auth.mint_token(%s)", '{"role": "anon"}'),
            ("select auth.verify_audit('-infinity', %s)", "infinity"),
        ):
            with made.connect() as owner, pytest.raises(psycopg.Error) as refused:
                owner.execute(statement, [parameter])
            assert (refused.value.sqlstate, refused.value.diag.message_primary, refused.value.diag.message_detail) == clear
        # What signs nothing needs no key: tokens verify with the public half.
        assert as_user(made, filled.access, "select auth.uid()") == (filled.ann,)
        # And nothing is lost: with the right key all is well again, as the other tests show.
        with made.connect() as owner:
            assert owner.execute("select count(*) from auth.signing_key where private_key is not null").fetchone() == (1,)
