"""From a database of 0.1.0 by 0.2.0 to this version: the same objects as in a new one, and all of the data."""

import os
import pathlib
import re
import shutil
import subprocess

import catalog
import pytest
import throwaway

HERE = pathlib.Path(__file__).parent
FIRST = "pg_gatehouse--0.1.0.sql"
PASSWORD = "seven green sailing boats"
TAKE = "select auth.authenticate(%s)"


@pytest.fixture(scope="module")
def cluster():
    """With 0.1.0 available in it, which the library of this version serves well enough to fill it."""
    program = pathlib.Path(os.environ["GATEHOUSE_PG_BIN"]) / "pg_config"
    folder = subprocess.run([program, "--sharedir"], check=True, capture_output=True, text=True).stdout.strip()
    script = pathlib.Path(folder) / "extension" / FIRST
    shutil.copy(HERE / "upgrade" / FIRST, script)
    try:
        with throwaway.cluster() as made:
            yield made
    finally:
        script.unlink()


class Former:
    """What was in the database of 0.1.0."""

    def __init__(self, owner):
        one = lambda *query: owner.execute(*query).fetchone()[0]  # noqa: E731
        owner.execute("create extension pg_gatehouse version '0.1.0'")
        self.kids = [one("select auth.rotate_signing_key()"), one("select auth.rotate_signing_key('RS256')")]
        self.service = one("""select auth.mint_token('{"role": "service_role"}', '10 years')""")
        self.kids.append(one("select auth.rotate_signing_key()"))
        self.user = {}
        for name in ("ann", "ben", "cat", "dan"):
            owner.execute("select auth.sign_up(%s, %s)", [f"{name}@example.com", PASSWORD])
            self.user[name] = one("select id from auth.\"user\" where email = %s", [f"{name}@example.com"])
        with owner.transaction():
            acme = one("select auth.create_tenant('acme', 'Acme')")
            owner.execute("insert into auth.membership (tenant_id, user_id) values (%s, %s)", [acme, self.user["ann"]])
        owner.execute("insert into auth.membership (tenant_id, user_id) values (%s, %s)", [acme, self.user["ben"]])
        open_one = one("select auth.create_tenant('open', 'Open')")
        owner.execute("update auth.tenant set sign_up_open = true where slug = 'open'")
        owner.execute("select auth.sign_up('stranger@example.com', %s, '{}', 'open')", [PASSWORD])
        self.tenant = {"acme": acme, "open": open_one}
        self.token = one("select access_token from auth.sign_in('ann@example.com', %s)", [PASSWORD])
        owner.execute("select auth.sign_in('ann@example.com', 'wrong')")
        owner.execute("update auth.\"user\" set banned_until = 'infinity' where email = 'dan@example.com'")
        owner.execute("update auth.audit_event set at = at - interval '70 days' where id < 4")
        self.events = self.audit(owner)
        self.counts = self.rows(owner)

    @staticmethod
    def audit(owner):
        return owner.execute(
            "select id, at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail from auth.audit_event order by id"
        ).fetchall()

    @staticmethod
    def rows(owner):
        tables = ("tenant", '"user"', "membership", "session", "signing_key")
        return {table: owner.execute(f"select count(*) from auth.{table}").fetchone()[0] for table in tables}


class Second:
    """What came on top of it with 0.2.0, whose functions the library of this version serves."""

    def __init__(self, owner):
        self.token, self.refresh = owner.execute(
            "select access_token, refresh_token from auth.sign_in('ben@example.com', %s)", [PASSWORD]).fetchone()
        owner.execute("set pg_gatehouse.autoconfirm = off")
        owner.execute("select auth.sign_up('eve@example.com', %s)", [PASSWORD])
        owner.execute("select auth.request_recovery('ben@example.com')")
        owner.execute("reset pg_gatehouse.autoconfirm")
        self.links = {
            recipient: (kind, data["token"]) for recipient, kind, data in owner.execute("""
                select m.recipient, m.kind, convert_from(auth.unseal('mail:' || m.id, m.data), 'UTF8')::jsonb
                  from auth.mail_outbox as m where m.state = 'waiting'""")}
        owner.execute("select auth.invite('fay@example.com', 'member', id) from auth.tenant where slug = 'acme'")
        owner.execute("update auth.throttle_limit set attempts = 77 where act = 'invite' and scope = 'tenant'")
        self.counts = self.rows(owner)

    @staticmethod
    def rows(owner):
        tables = ("one_time_token", "mail_outbox", "refresh_token", "invitation", "membership_role", "secret")
        return {table: owner.execute(f"select count(*) from auth.{table}").fetchone()[0] for table in tables}


@pytest.fixture(scope="module")
def upgraded(cluster):
    """An owner's connection, what was there before, the warnings, and a connection as old as the data."""
    with cluster.connect() as owner:
        owner.execute("create database aged")
    with cluster.connect(database="aged") as owner, cluster.connect(database="aged") as witness:
        warnings = []
        owner.add_notice_handler(lambda notice: warnings.append((notice.message_primary, notice.message_hint)))
        former = Former(owner)
        # Its ring of keys is made before the upgrade.
        witness.execute("""select auth.mint_token('{"role": "anon"}')""")
        owner.execute("alter extension pg_gatehouse update to '0.2.0'")
        after = Former.audit(owner)
        former.second = Second(owner)
        owner.execute("alter extension pg_gatehouse update")
        yield owner, former, warnings, witness, after


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_an_upgraded_database_has_the_objects_of_a_new_one(kind, cluster, upgraded):
    with cluster.connect() as new:
        expected = catalog.described(new, kind)
    found = catalog.described(upgraded[0], kind)
    # The test build has faults, and only create extension makes them.
    faults = re.findall(r"^create function (auth\.\w+\()", (HERE.parent / "sql/99_fault_injection.sql").read_text(), re.M)
    assert faults
    expected = {name: what for name, what in expected.items() if not any(fault in name for fault in faults)}
    assert sorted(found) == sorted(expected)
    assert {name: (found[name], expected[name]) for name in found if found[name] != expected[name]} == {}


def test_every_row_is_still_there(upgraded):
    owner, former, _, _, after = upgraded
    eve_and_two_sessions = {'"user"': 1, "session": 1}
    assert Former.rows(owner) == {table: count + eve_and_two_sessions.get(table, 0) for table, count in former.counts.items()}
    assert after[: len(former.events)] == former.events
    assert Second.rows(owner) == former.second.counts


def test_what_0_2_0_gave_out_still_counts(cluster, upgraded):
    owner, former, *_ = upgraded
    second = former.second
    assert second.links.keys() == {"eve@example.com", "ben@example.com"}
    with cluster.connect("authenticator", "aged") as login, login.transaction():
        login.execute(TAKE, [second.token])
        assert login.execute("select auth.uid()").fetchone() == (former.user["ben"],)
    status = lambda call, *values: owner.execute(f"select status from auth.{call}", values).fetchone()[0]  # noqa: E731
    assert status("refresh(%s)", second.refresh) == "ok"
    assert second.links["eve@example.com"][0] == "confirm_email"
    assert status("verify_link(%s)", second.links["eve@example.com"][1]) == "ok"
    # The link was mailed without a challenge: the new way gives a session, too.
    kind, access = owner.execute("select status, access_token from auth.follow_link(%s, 'recovery')",
                                 [second.links["ben@example.com"][1]]).fetchone()
    assert kind == "ok" and access
    assert owner.execute("select attempts from auth.throttle_limit where act = 'invite' and scope = 'tenant'").fetchone() == (77,)


def test_old_events_are_sealed_and_their_numbers_go_on(upgraded):
    owner, former, *_ = upgraded
    owner.execute("select auth.maintain_audit()")
    while owner.execute("select auth.seal_audit()").fetchone()[0]:
        pass
    assert owner.execute("select ok, what from auth.verify_audit()").fetchall() == [(True, "unbroken")]
    assert owner.execute("select count(*) from auth.audit_event where position is null").fetchone()[0] == 0
    assert owner.execute("select count(*) from auth.audit_event_default").fetchone()[0] == 0
    assert Former.audit(owner)[: len(former.events)] == former.events
    owner.execute("select auth.create_tenant('later', 'Later')")
    new = owner.execute("select min(id) from auth.audit_event where id > %s", [former.events[-1][0]]).fetchone()[0]
    assert new == former.events[-1][0] + 1


def test_partitions_made_after_the_upgrade_are_dumped(upgraded):
    owner = upgraded[0]
    owner.execute("select auth.maintain_audit()")
    months = owner.execute(
        "select inhrelid from pg_inherits where inhparent = 'auth.audit_event'::regclass and inhrelid <> 'auth.audit_event_default'::regclass"
    ).fetchall()
    assert len(months) >= 3
    assert owner.execute("select count(*) from pg_depend where deptype = 'e' and objid = any (%s)", [[m for (m,) in months]]).fetchone()[0] == 0


def test_users_sign_in_and_hold_the_roles_that_fit(cluster, upgraded):
    owner, former, *_ = upgraded
    held = dict(owner.execute("""
        select u.email, m.roles from auth.membership as m join auth."user" as u on u.id = m.user_id""").fetchall())
    assert held == {"ann@example.com": ["owner"], "ben@example.com": ["member"], "stranger@example.com": ["member"]}
    status, token, refresh = owner.execute(
        "select status, access_token, refresh_token from auth.sign_in('ann@example.com', %s)", [PASSWORD]).fetchone()
    assert status == "ok" and refresh
    with cluster.connect("authenticator", "aged") as login, login.transaction():
        login.execute(TAKE, [token])
        assert login.execute(
            "select auth.uid(), auth.tenant_id(), auth.has_role('owner'), auth.has_permission('members:update')"
        ).fetchone() == (former.user["ann"], former.tenant["acme"], True, True)
    assert owner.execute("select status from auth.refresh(%s)", [refresh]).fetchone() == ("ok",)
    assert owner.execute("select status from auth.sign_in('dan@example.com', %s)", [PASSWORD]).fetchone() == ("invalid_credentials",)


def test_a_stranger_who_came_first_owns_nothing_and_the_operator_is_told(upgraded):
    owner, _, warnings, *_ = upgraded
    assert ["these tenants have no owner: open"] == [text for text, _ in warnings]
    assert "auth.grant_role" in warnings[0][1]
    assert owner.execute("select permissions from auth.membership as m join auth.tenant as t on t.id = m.tenant_id where slug = 'open'"
                         ).fetchone()[0] == ["members:read", "roles:read", "tenant:read"]


def test_sessions_of_the_former_version_have_ended(cluster, upgraded):
    owner, former, *_ = upgraded
    with cluster.connect("authenticator", "aged") as login, pytest.raises(throwaway.psycopg.Error) as refused:
        login.execute(TAKE, [former.token])
    assert (refused.value.sqlstate, refused.value.diag.message_detail) == ("28000", "token_revoked")
    reasons = owner.execute("""
        select distinct s.end_reason, s.ended_at is not null from auth.session as s
          join auth.audit_event as e on e.session_id = s.id where e.id <= %s order by 1""", [former.events[-1][0]]).fetchall()
    # Dan was banned already.
    assert reasons == [("banned", True), ("upgrade", True)]


def test_keys_of_the_former_version_sign_and_verify(cluster, upgraded):
    owner, former, _, witness, _ = upgraded
    states = dict(owner.execute("select kid, status from auth.signing_key").fetchall())
    assert states == {former.kids[0]: "retiring", former.kids[1]: "retiring", former.kids[2]: "active"}
    with cluster.connect("service_authenticator", "aged") as login, login.transaction():
        login.execute(TAKE, [former.service])
        assert login.execute("select auth.role()").fetchone() == ("service_role",)
    with witness.transaction():
        witness.execute(TAKE, [former.service])
        assert witness.execute("select auth.role()").fetchone() == ("service_role",)
