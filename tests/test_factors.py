"""One-time codes, the mail outbox and the second factor, from several connections and with a real authenticator."""

import itertools
import random
import re
import secrets
import threading
import time

import psycopg
import pyotp
import pytest
from conftest import code, connect

PASSWORD = "seven green sailing boats"


@pytest.fixture
def anon():
    with connect() as connection:
        connection.execute("set role anon")
        yield connection


class Person:
    """A user of their own for each test, gone after it."""

    def __init__(self, owner, tenant=None):
        self.owner = owner
        self.email = f"p{secrets.token_hex(6)}@example.com"
        row = owner.execute("select status, access_token, \"user\" ->> 'id' from auth.sign_up(%s, %s, '{}', %s)", [self.email, PASSWORD, tenant]).fetchone()
        self.status, self.token, self.id = row

    def call(self, statement, *parameters, token=None):
        """One statement as this user, in a transaction of its own."""
        with connect() as login, login.transaction():
            login.execute("select auth.authenticate(%s)", [token or self.token])
            return login.execute(statement, parameters).fetchone()

    def enroll(self, name="phone"):
        factor, secret, uri = self.call("select id, secret, uri from auth.enroll_totp(%s, 'Gatehouse')", name)
        return factor, pyotp.parse_uri(uri), secret

    def verify(self, factor, digits, token=None):
        return self.call("select status, access_token from auth.verify_factor(%s, %s)", factor, digits, token=token)

    def sign_in(self, tenant=None):
        return self.owner.execute("select status, access_token from auth.sign_in(%s, %s, %s)", [self.email, PASSWORD, tenant]).fetchone()

    def claims(self, token):
        return self.owner.execute("select claims from auth.jwt_decode_unverified(%s)", [token]).fetchone()[0]


@pytest.fixture
def person(owner):
    somebody = Person(owner)
    yield somebody
    owner.execute("delete from auth.\"user\" where id = %s", [somebody.id])


def mail(owner, address, kind):
    """What was in the latest mail of a kind."""
    row = owner.execute(
        "select convert_from(auth.unseal('mail:' || id, data), 'UTF8')::jsonb from auth.mail_outbox"
        " where recipient = %s and kind = %s and state = 'waiting' order by created_at desc limit 1", [address, kind]).fetchone()
    return row and row[0]


def at_once(count, work):
    """Runs work(n) in threads that start together; what each gave."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(n):
        barrier.wait()
        results[n] = work(n)

    threads = [threading.Thread(target=run, args=[n]) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def verify_otp(connection, email, digits, kind="recovery"):
    return connection.execute("select status from auth.verify_otp(%s, %s, %s)", [email, digits, kind]).fetchone()[0]


def shown(authenticator, steps):
    """What the authenticator shows so many steps from now."""
    return authenticator.at(int(time.time()) + 30 * steps)


def wrong(digits):
    return f"{(int(digits) + 1) % 1_000_000:06}"


# Codes and links


def test_a_code_signs_in_once(owner, anon, person):
    assert anon.execute("select status from auth.request_recovery(%s)", [person.email]).fetchone() == ("ok",)
    sent = mail(owner, person.email, "recovery")
    status, token, method = anon.execute(
        "select status, access_token, null from auth.verify_otp(%s, %s, 'recovery')", [person.email, sent["code"]]).fetchone()
    assert status == "ok"
    assert [entry["method"] for entry in person.claims(token)["amr"]] == ["recovery"]
    assert person.call("select auth.email()", token=token) == (person.email,)
    assert verify_otp(anon, person.email, sent["code"]) == "otp_expired"
    # The link is the same token: it went with the code.
    assert anon.execute("select status from auth.verify_link(%s)", [sent["token"]]).fetchone() == ("otp_expired",)


def test_of_fifty_tries_of_the_right_code_at_once_one_succeeds(owner, anon, person):
    anon.execute("select auth.request_otp(%s)", [person.email])
    digits = mail(owner, person.email, "magic_link")["code"]

    def attempt(_):
        with connect() as login:
            login.execute("set role anon")
            return verify_otp(login, person.email, digits, "email")

    statuses = at_once(50, attempt)
    assert statuses.count("ok") == 1 and statuses.count("otp_expired") == 49
    assert owner.execute("select count(*) from auth.session where user_id = %s", [person.id]).fetchone()[0] == 2


def test_of_fifty_openings_of_a_link_at_once_one_succeeds(owner, anon, person):
    anon.execute("select auth.request_otp(%s)", [person.email])
    token = mail(owner, person.email, "magic_link")["token"]

    def attempt(_):
        with connect() as login:
            login.execute("set role anon")
            return login.execute("select status from auth.verify_link(%s)", [token]).fetchone()[0]

    assert sorted(at_once(50, attempt)) == ["ok"] + ["otp_expired"] * 49


def test_after_five_tries_a_code_is_dead_even_when_each_is_rolled_back(owner, anon, person):
    anon.execute("select auth.request_recovery(%s)", [person.email])
    sent = mail(owner, person.email, "recovery")

    def attempt(_):
        with connect() as login:
            login.execute("begin")
            login.execute("set local role anon")
            status = verify_otp(login, person.email, wrong(sent["code"]))
            login.execute("rollback")
            return status

    assert set(at_once(5, attempt)) == {"otp_expired"}
    assert verify_otp(anon, person.email, sent["code"]) == "otp_expired"
    # The link, which nobody guesses, still works.
    assert anon.execute("select status from auth.verify_link(%s)", [sent["token"]]).fetchone() == ("ok",)


def test_a_savepoint_gives_no_more_tries(owner, person):
    with connect() as login:
        login.execute("begin; set local role anon")
        login.execute("select auth.request_recovery(%s)", [person.email])
        login.execute("commit; set role anon")
        right = mail(owner, person.email, "recovery")["code"]
        login.execute("begin")
        for _ in range(5):
            login.execute("savepoint s")
            assert verify_otp(login, person.email, wrong(right)) == "otp_expired"
            login.execute("rollback to s")
        assert verify_otp(login, person.email, right) == "otp_expired"
        login.execute("rollback")


def test_a_hundred_guesses_at_once_are_five(owner, anon, person):
    anon.execute("select auth.request_recovery(%s)", [person.email])
    sent = mail(owner, person.email, "recovery")
    right = sent["code"]

    def guess(worker):
        found = []
        with connect() as login:
            login.execute("set role anon")
            for n in range(5):
                found.append(verify_otp(login, person.email, f"{(int(right) + 1 + worker * 5 + n) % 1_000_000:06}"))
        return found

    statuses = [status for found in at_once(20, guess) for status in found]
    assert statuses == ["otp_expired"] * 100
    assert verify_otp(anon, person.email, right) == "otp_expired"


def test_nobody_blocks_a_code_by_holding_a_transaction_open(owner, anon, person):
    """A wrong try and a request of a stranger hold no lock that the right code would wait for."""
    anon.execute("select auth.request_otp(%s)", [person.email])
    digits = mail(owner, person.email, "magic_link")["code"]
    with connect() as stranger:
        stranger.execute("begin; set local role anon")
        verify_otp(stranger, person.email, wrong(digits), "email")
        stranger.execute("select auth.request_otp(%s)", [person.email])
        anon.execute("set statement_timeout = '5s'")
        assert verify_otp(anon, person.email, digits, "email") == "ok"
        stranger.execute("rollback")


def test_a_new_code_voids_the_one_before(owner, anon, person):
    anon.execute("select auth.request_recovery(%s)", [person.email])
    first = mail(owner, person.email, "recovery")
    anon.execute("select auth.request_recovery(%s)", [person.email])
    second = mail(owner, person.email, "recovery")
    if first["code"] != second["code"]:
        assert verify_otp(anon, person.email, first["code"]) == "otp_expired"
    assert anon.execute("select status from auth.verify_link(%s)", [first["token"]]).fetchone() == ("otp_expired",)
    assert verify_otp(anon, person.email, second["code"]) == "ok"


def test_a_rolled_back_request_leaves_the_former_code_good(owner, anon, person):
    anon.execute("select auth.request_recovery(%s)", [person.email])
    first = mail(owner, person.email, "recovery")
    with connect() as login:
        login.execute("begin; set local role anon")
        login.execute("select auth.request_recovery(%s)", [person.email])
        login.execute("rollback")
    assert verify_otp(anon, person.email, first["code"]) == "ok"


def test_requests_tell_nothing_of_who_is_known(owner, anon, person):
    unknown = f"n{secrets.token_hex(6)}@example.com"
    for statement in ("select (r).* from auth.request_recovery(%s) as r", "select (r).* from auth.request_otp(%s, false) as r",
                      "select (r).* from auth.request_otp(%s) as r", "select (r).* from auth.resend('signup', %s) as r",
                      "select (r).* from auth.resend('email_change', %s) as r"):
        assert anon.execute(statement, [person.email]).fetchone() == anon.execute(statement, [unknown]).fetchone()
    # The same number of rows was written for both; only what may be sent is sent.
    for table, column in (("one_time_token", "address"), ("mail_outbox", "recipient")):
        count = f"select count(*) from auth.{table} where {column} = %s"
        assert owner.execute(count, [person.email]).fetchone() == owner.execute(count, [unknown]).fetchone()
    assert owner.execute("select array_agg(kind) from auth.mail_outbox where recipient = %s and state = 'waiting'", [unknown]).fetchone()[0] == ["magic_link"]


def same_time(rounds, **kinds):
    """Runs the kinds in turn, in a random order each round. The chance that one call of one kind is slower than one of
    another (Mann-Whitney's U / n²) is a half when nothing can be told; 0.03 is its standard error for 300 rounds."""
    times = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in random.sample(sorted(kinds), len(kinds)):
            start = time.perf_counter()
            kinds[kind]()
            times[kind].append(time.perf_counter() - start)
    for one, other in itertools.combinations(kinds, 2):
        ranks = sorted([(t, 1) for t in times[one]] + [(t, 0) for t in times[other]])
        chance = (sum(rank for rank, (_, mine) in enumerate(ranks, 1) if mine) - rounds * (rounds + 1) / 2) / rounds**2
        assert 0.35 < chance < 0.65, (one, other, chance)


def nobody():
    return f"n{secrets.token_hex(6)}@example.com"


def test_an_unknown_address_takes_the_same_time(anon, person):
    # Without waiting for the disk, whose times would hide what there is to see.
    anon.execute("set synchronous_commit = off")
    same_time(500, known=lambda: anon.execute("select auth.request_recovery(%s)", [person.email]),
              unknown=lambda: anon.execute("select auth.request_recovery(%s)", [nobody()]))


def test_a_wrong_code_takes_the_same_time_for_everybody(owner, anon, person):
    anon.execute("set synchronous_commit = off")
    without = nobody()
    owner.execute("insert into auth.\"user\" (email, email_confirmed_at) values (%s, now())", [without])
    anon.execute("select auth.request_recovery(%s)", [person.email])
    same_time(300, live=lambda: verify_otp(anon, person.email, "000000"), without=lambda: verify_otp(anon, without, "000000"),
              unknown=lambda: verify_otp(anon, nobody(), "000000"))
    owner.execute("delete from auth.\"user\" where email = %s", [without])


def test_somebody_new_is_made_when_the_address_is_proved(owner, anon):
    address = f"new{secrets.token_hex(6)}@example.com"
    anon.execute("select auth.request_otp(%s, true, '{\"name\": \"New\"}')", [address])
    users = "select count(*) from auth.\"user\" where email = %s"
    assert owner.execute(users, [address]).fetchone() == (0,)
    digits = mail(owner, address, "magic_link")["code"]
    row = anon.execute("select status, \"user\" ->> 'email', \"user\" -> 'user_metadata' from auth.verify_otp(%s, %s)", [address, digits]).fetchone()
    assert row == ("ok", address, {"name": "New"})
    owner.execute("delete from auth.\"user\" where email = %s", [address])


# Sign-up with confirmation


def set_autoconfirm(owner, change, value, *connections):
    owner.execute(f"alter system {change}")
    owner.execute("select pg_reload_conf()")
    # The postmaster tells the backends in its own time.
    for connection in (owner, *connections):
        while connection.execute("select current_setting('pg_gatehouse.autoconfirm')").fetchone()[0] != value:
            pass


@pytest.fixture
def fresh_anon(owner):
    with connect() as connection:
        connection.execute("set role anon")
        set_autoconfirm(owner, "set pg_gatehouse.autoconfirm = off", "off", connection)
        yield connection
    set_autoconfirm(owner, "reset pg_gatehouse.autoconfirm", "on")


def sign_up(connection, address, password=PASSWORD):
    return connection.execute("select status, access_token, \"user\" from auth.sign_up(%s, %s, '{\"name\": \"X\"}')", [address, password]).fetchone()


def test_without_autoconfirm_a_sign_up_waits_for_the_mail(owner, fresh_anon):
    address = f"c{secrets.token_hex(6)}@example.com"
    status, token, user = sign_up(fresh_anon, address)
    assert (status, token) == ("ok", None) and "email_confirmed_at" not in user
    assert fresh_anon.execute("select status from auth.sign_in(%s, %s)", [address, PASSWORD]).fetchone() == ("email_not_confirmed",)
    token = mail(owner, address, "confirm_email")["token"]
    assert fresh_anon.execute("select status, \"user\" ->> 'email' from auth.confirm_email(%s)", [token]).fetchone() == ("ok", address)
    assert fresh_anon.execute("select status from auth.sign_in(%s, %s)", [address, PASSWORD]).fetchone() == ("ok",)
    owner.execute("delete from auth.\"user\" where email = %s", [address])


def test_a_second_sign_up_tells_nothing_and_the_owner_is_told(owner, person, fresh_anon):
    address = f"c{secrets.token_hex(6)}@example.com"
    shapes, ids = [], []
    for where in (address, address, person.email):
        status, token, user = sign_up(fresh_anon, where)
        ids.append(user.pop("id"))
        for identity in user["identities"]:
            assert identity.pop("id") == identity.pop("user_id") == identity.pop("identity_id") == ids[-1] == identity["identity_data"].pop("sub")
        shapes.append(re.sub(r'\d{4}-\d\d-\d\dT[^"]*', "T", str((status, token, user)).replace(where, "A")))
    assert len(set(shapes)) == 1 and len(set(ids)) == 3
    assert mail(owner, person.email, "sign_up_attempt") and mail(owner, person.email, "confirm_email") is None
    owner.execute("delete from auth.\"user\" where email = %s", [address])


def test_a_password_set_before_the_address_was_proved_does_not_survive_its_owner(owner, fresh_anon):
    """Somebody signs up with a stranger's address and waits for its owner to arrive another way."""
    address = f"c{secrets.token_hex(6)}@example.com"
    sign_up(fresh_anon, address, "the password of an intruder")
    fresh_anon.execute("select auth.request_otp(%s)", [address])
    assert verify_otp(fresh_anon, address, mail(owner, address, "magic_link")["code"], "email") == "ok"
    assert fresh_anon.execute("select status from auth.sign_in(%s, 'the password of an intruder')", [address]).fetchone() == ("invalid_credentials",)
    owner.execute("delete from auth.\"user\" where email = %s", [address])


# Change of address and presence


def test_an_address_changes_when_both_have_confirmed(owner, anon, person):
    new = f"new{secrets.token_hex(6)}@example.com"
    assert person.call("select status from auth.request_email_change(%s)", new) == ("ok",)
    here, there = mail(owner, person.email, "email_change_current"), mail(owner, new, "email_change_new")
    old_recovery = (anon.execute("select auth.request_recovery(%s)", [person.email]), mail(owner, person.email, "recovery"))[1]
    assert anon.execute("select status, access_token is null from auth.verify_otp(%s, %s, 'email_change')", [new, there["code"]]).fetchone() == ("ok", True)
    assert owner.execute("select email from auth.\"user\" where id = %s", [person.id]).fetchone() == (person.email,)
    assert anon.execute("select status, \"user\" ->> 'email' from auth.verify_link(%s, 'email_change')", [here["token"]]).fetchone() == ("ok", new)
    assert anon.execute("select status from auth.verify_link(%s)", [old_recovery["token"]]).fetchone() == ("otp_expired",)
    assert mail(owner, person.email, "email_changed")["new_email"] == new


def test_both_confirmations_at_once_change_the_address_once(owner, person):
    new = f"new{secrets.token_hex(6)}@example.com"
    person.call("select auth.request_email_change(%s)", new)
    tokens = [mail(owner, person.email, "email_change_current")["token"], mail(owner, new, "email_change_new")["token"]]

    def confirm(n):
        with connect() as login:
            login.execute("set role anon")
            return login.execute("select status, access_token is not null from auth.verify_link(%s)", [tokens[n]]).fetchone()

    assert sorted(at_once(2, confirm)) == [("ok", False), ("ok", True)]
    assert owner.execute("select email from auth.\"user\" where id = %s", [person.id]).fetchone() == (new,)


def test_an_address_that_is_taken_is_not_told_apart_and_never_taken_over(owner, anon, person):
    assert person.call("select status from auth.request_email_change('alice@acme.example')") == ("ok",)
    assert mail(owner, "alice@acme.example", "email_change_new") is None
    assert anon.execute("select status, access_token from auth.verify_link(%s)", [mail(owner, person.email, "email_change_current")["token"]]).fetchone() == ("ok", None)
    assert owner.execute("select email from auth.\"user\" where id = %s", [person.id]).fetchone() == (person.email,)


def test_the_nonce_of_reauthentication_counts_once_and_opens_nothing(owner, anon, person):
    assert person.call("select status from auth.reauthenticate()") == ("ok",)
    sent = mail(owner, person.email, "reauthentication")
    assert anon.execute("select status from auth.verify_link(%s)", [sent["token"]]).fetchone() == ("otp_expired",)
    for kind in ("email", "recovery", "email_change"):
        assert verify_otp(anon, person.email, sent["code"], kind) == "otp_expired"
    spend = "select public.fixture_spend(%s)"
    owner.execute("create function public.fixture_spend(text) returns boolean language sql security definer set search_path = pg_catalog, pg_temp as 'select auth.reauthenticated($1)'")
    try:
        assert person.call(spend, wrong(sent["code"])) == (False,)
        assert person.call(spend, sent["code"]) == (True,)
        assert person.call(spend, sent["code"]) == (False,)
    finally:
        owner.execute("drop function public.fixture_spend(text)")


# The outbox


@pytest.fixture
def sender():
    with connect("SERVICE_AUTHENTICATOR") as connection:
        connection.execute("set role service_role")
        yield connection


def drain(sender):
    while sender.execute("select count(auth.mail_sent(id)) from auth.take_mail(1000)").fetchone()[0]:
        pass


def test_the_outbox_keeps_secrets_from_whoever_reads_the_table(owner, anon, person):
    anon.execute("select auth.request_recovery(%s)", [person.email])
    sent = mail(owner, person.email, "recovery")
    for table in ("mail_outbox", "one_time_token"):
        rows = owner.execute(f"select to_jsonb(t)::text from auth.{table} as t").fetchall()
        for (row,) in rows:
            assert sent["token"] not in row and f'"{sent["code"]}"' not in row
            assert sent["token"].encode().hex() not in row


def test_two_senders_never_take_the_same_mail(owner, anon, person, sender):
    drain(sender)
    for _ in range(20):
        anon.execute("select auth.request_recovery(%s)", [person.email])

    def take(_):
        with connect("SERVICE_AUTHENTICATOR") as connection:
            connection.execute("set role service_role")
            return [row[0] for row in connection.execute("select id from auth.take_mail(8)")]

    taken = [mail_id for ids in at_once(4, take) for mail_id in ids]
    assert len(taken) == len(set(taken)) == 20
    drain(sender)


def test_a_mail_comes_back_after_its_lease_and_is_given_up_after_eight_failures(owner, anon, person, sender):
    drain(sender)
    anon.execute("select auth.request_recovery(%s)", [person.email])
    due = "update auth.mail_outbox set due_at = clock_timestamp() where recipient = %s and done_at is null"
    for attempt in range(1, 9):
        mail_id, data, number = sender.execute("select id, data, attempt from auth.take_mail()").fetchone()
        assert (data["email"], number) == (person.email, attempt)
        assert sender.execute("select count(*) from auth.take_mail()").fetchone() == (0,)
        again = sender.execute("select auth.mail_failed(%s, 'connection refused') - clock_timestamp()", [mail_id]).fetchone()[0]
        if attempt < 8:
            assert 15 * 2 ** (attempt - 1) - 2 < again.total_seconds() <= 15 * 2 ** (attempt - 1)
        else:
            assert again is None
        owner.execute(due, [person.email])
    assert owner.execute("select state, data, last_error from auth.mail_outbox where id = %s", [mail_id]).fetchone() == ("dead", None, "connection refused")


def test_a_mail_that_was_sent_is_forgotten(owner, anon, person, sender):
    drain(sender)
    anon.execute("select auth.request_recovery(%s)", [person.email])
    mail_id = sender.execute("select id from auth.take_mail(1)").fetchone()[0]
    assert sender.execute("select auth.mail_sent(%s)", [mail_id]).fetchone() == (True,)
    assert sender.execute("select auth.mail_sent(%s)", [mail_id]).fetchone() == (False,)
    assert owner.execute("select state, data from auth.mail_outbox where id = %s", [mail_id]).fetchone() == ("sent", None)


def test_only_the_service_takes_mail(anon, person):
    for statement in ("select auth.take_mail()", "select auth.mail_sent(gen_random_uuid())", "select auth.mail_failed(gen_random_uuid(), 'x')",
                      "select auth.enqueue_mail('x', 'y', null, '{}')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            anon.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            person.call(statement)


# The second factor


def test_a_real_authenticator_makes_the_session_aal2(owner, person):
    factor, authenticator, secret = person.enroll()
    assert (authenticator.secret, authenticator.issuer, authenticator.name) == (secret, "Gatehouse", person.email)
    assert person.call("select friendly_name, status from auth.my_factors()") == ("phone", "unverified")
    status, token = person.verify(factor, authenticator.now())
    assert status == "ok"
    claims = person.claims(token)
    assert claims["aal"] == "aal2" and [entry["method"] for entry in claims["amr"]] == ["password", "totp"]
    assert claims["session_id"] == person.claims(person.token)["session_id"]
    assert person.call("select auth.aal(), (select status from auth.my_factors())", token=token) == ("aal2", "verified")
    assert secret not in str(owner.execute("select * from auth.mfa_factor where id = %s", [factor]).fetchone())


def test_no_code_counts_twice_also_of_twenty_at_once(owner, person):
    factor, authenticator, _ = person.enroll()
    digits = authenticator.now()
    statuses = [row[0] for row in at_once(20, lambda _: person.verify(factor, digits))]
    assert statuses.count("ok") == 1 and set(statuses) <= {"ok", "mfa_verification_failed", "throttled"}
    token = person.sign_in()[1]
    assert person.verify(factor, digits, token)[0] in ("mfa_verification_failed", "throttled")
    owner.execute("select auth.forget_attempts(%s)", [factor])
    assert person.verify(factor, digits, token)[0] == "mfa_verification_failed"
    assert person.verify(factor, shown(authenticator, 1), token)[0] == "ok"


def test_a_code_of_the_step_before_or_after_is_good_and_of_two_steps_is_not(person):
    factor, authenticator, _ = person.enroll()
    assert person.verify(factor, shown(authenticator, -3))[0] == "mfa_verification_failed"
    assert person.verify(factor, shown(authenticator, 3))[0] == "mfa_verification_failed"
    assert person.verify(factor, shown(authenticator, 1))[0] == "ok"


def test_five_wrong_codes_close_the_factor_for_a_while_also_when_rolled_back(person):
    factor, authenticator, _ = person.enroll()

    def attempt(_):
        with connect() as login:
            login.execute("begin")
            login.execute("select auth.authenticate(%s)", [person.token])
            status = login.execute("select status from auth.verify_factor(%s, %s)", [factor, wrong(shown(authenticator, 5))]).fetchone()[0]
            login.execute("rollback")
            return status

    assert at_once(5, attempt) == ["mfa_verification_failed"] * 5
    status, wait = person.call("select status, retry_after from auth.verify_factor(%s, %s)", factor, authenticator.now())
    assert status == "throttled" and 0 < wait <= 300


def test_a_challenge_belongs_to_its_factor_and_session(person):
    factor, authenticator, _ = person.enroll()
    other, _, _ = person.enroll("tablet")
    verify = "select status from auth.verify_factor(%s, %s, %s)"
    challenge, expiry = person.call("select challenge_id, expires_at - now() from auth.challenge_factor(%s)", factor)
    assert 290 < expiry.total_seconds() <= 300
    foreign = person.call("select challenge_id from auth.challenge_factor(%s)", other)[0]
    token = person.sign_in()[1]
    elsewhere = person.call("select challenge_id from auth.challenge_factor(%s)", factor, token=token)[0]
    for bad in (foreign, elsewhere, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"):
        assert person.call(verify, factor, authenticator.now(), bad) == ("mfa_challenge_expired",)
    assert person.call(verify, factor, authenticator.now(), challenge) == ("ok",)


def test_another_users_factor_is_no_factor(owner, person):
    stranger = Person(owner)
    factor, authenticator, _ = person.enroll()
    assert stranger.verify(factor, authenticator.now())[0] == "mfa_factor_not_found"
    for statement in ("select auth.challenge_factor(%s)", "select auth.unenroll_factor(%s)"):
        with pytest.raises(psycopg.errors.NoDataFound) as error:
            stranger.call(statement, factor)
        assert code(error) == "mfa_factor_not_found"
    assert stranger.call("select count(*) from auth.my_factors()") == (0,)
    owner.execute("delete from auth.\"user\" where id = %s", [stranger.id])


def test_a_verified_factor_is_due_at_every_sign_in_and_until_then_no_tenant_is_open(owner):
    person = Person(owner, "acme")
    assert person.call("select auth.tenant_id() is not null, count(*) >= 0 from public.note") == (True, True)
    factor, authenticator, _ = person.enroll()
    person.verify(factor, authenticator.now())
    status, token = person.sign_in("acme")
    claims = person.claims(token)
    assert status == "mfa_required" and claims["aal"] == "aal1"
    assert claims["tenant_id"] is None and claims["tenant_slug"] is None and claims["roles"] == claims["permissions"] == []
    owner.execute("insert into public.note (tenant_id, title) select tenant_id, 'of acme' from auth.membership where user_id = %s", [person.id])
    assert person.call("select count(*) from public.note", token=token) == (0,)
    with pytest.raises(psycopg.Error):
        person.call("insert into public.note (tenant_id, title) values ((select id from auth.tenant where slug = 'acme'), 'x') returning id", token=token)
    status, token = person.verify(factor, shown(authenticator, 1), token)
    assert status == "ok" and person.claims(token)["tenant_slug"] == "acme"
    assert person.call("select count(*) > 0 from public.note", token=token) == (True,)
    owner.execute("delete from public.note where title = 'of acme'")
    owner.execute("delete from auth.\"user\" where id = %s", [person.id])


def test_a_tenant_that_requires_a_second_factor_opens_to_nobody_without(owner):
    owner.execute("insert into auth.tenant (slug, name, sign_up_open) values ('vault', 'Vault', true)")
    try:
        person = Person(owner, "vault")
        assert person.status == "ok"
        owner.execute("update auth.tenant set require_second_factor = true where slug = 'vault'")
        # Sessions from before the rule have ended.
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            person.call("select 1")
        assert code(error) == "token_revoked"
        status, person.token = person.sign_in("vault")
        assert status == "mfa_required"
        assert person.call("select auth.tenant_id() is null, count(*) from public.note group by 1") in (None, (True, 0))
        factor, authenticator, _ = person.enroll()
        status, token = person.verify(factor, authenticator.now())
        assert status == "ok" and person.claims(token)["tenant_slug"] == "vault"
        # A shorter password will do there, and nowhere else.
        with connect() as anon:
            anon.execute("set role anon")
            up = "select status from auth.sign_up(%s, 'kX9#vQ2m!', '{}', %s)"
            assert anon.execute(up, ["short-one@example.com", "vault"]).fetchone() == ("mfa_required",)
            assert anon.execute(up, ["short-two@example.com", "acme"]).fetchone() == ("weak_password",)
    finally:
        owner.execute("delete from auth.\"user\" where id in (select user_id from auth.membership join auth.tenant on tenant.id = tenant_id where slug = 'vault')")
        owner.execute("delete from auth.tenant where slug = 'vault'")


def test_enrolling_ends_the_sessions_that_have_no_second_factor(owner, person):
    elsewhere = person.sign_in()[1]
    factor, authenticator, _ = person.enroll()
    person.verify(factor, authenticator.now())
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
        person.call("select 1", token=elsewhere)
    assert code(error) == "token_revoked"
    assert mail(owner, person.email, "factor_added") == {"friendly_name": "phone"}


def test_a_session_without_the_factor_can_not_remove_it_add_another_or_change_the_address(owner, person):
    factor, authenticator, _ = person.enroll()
    strong = person.verify(factor, authenticator.now())[1]
    weak = person.sign_in()[1]
    for statement in (f"select auth.unenroll_factor('{factor}')", "select auth.enroll_totp('mine')", "select auth.generate_recovery_codes()",
                      "select auth.request_email_change('thief@example.com')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
            person.call(statement, token=weak)
        assert code(error) == "insufficient_aal", statement
    assert person.call("select auth.unenroll_factor(%s)", factor, token=strong) == (factor,)
    assert owner.execute("select aal from auth.session where id = %s", [person.claims(strong)["session_id"]]).fetchone() == ("aal1",)
    assert person.sign_in()[0] == "ok"


def test_a_recovery_by_mail_still_asks_for_the_second_factor(owner, anon, person):
    factor, authenticator, _ = person.enroll()
    person.verify(factor, authenticator.now())
    anon.execute("select auth.request_recovery(%s)", [person.email])
    row = anon.execute("select status, access_token from auth.verify_otp(%s, %s, 'recovery')", [person.email, mail(owner, person.email, "recovery")["code"]]).fetchone()
    assert row[0] == "mfa_required"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        person.call("select auth.request_email_change('thief@example.com')", token=row[1])


def test_recovery_codes_stand_in_for_the_factor_once_each(owner, person):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        person.call("select auth.generate_recovery_codes()")
    factor, authenticator, _ = person.enroll()
    strong = person.verify(factor, authenticator.now())[1]
    codes = person.call("select array_agg(c) from auth.generate_recovery_codes() as c", token=strong)[0]
    assert len(set(codes)) == 10 and all(re.fullmatch("([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", c) for c in codes)
    verify = "select status, access_token from auth.verify_recovery_code(%s)"
    tokens = [person.sign_in()[1] for _ in range(4)]
    typed = codes[0].upper().replace("-", " ")
    statuses = [row[0] for row in at_once(4, lambda n: person.call(verify, typed, token=tokens[n]))]
    assert statuses.count("ok") == 1
    weak = person.sign_in()[1]
    status, token = person.call(verify, codes[1], token=weak)
    assert status == "ok" and person.claims(token)["aal"] == "aal2"
    assert mail(owner, person.email, "recovery_code_used") == {"remaining": 8}
    # New ones void the old.
    person.call("select count(*) from auth.generate_recovery_codes()", token=token)
    assert person.call(verify, codes[2], token=person.sign_in()[1])[0] == "mfa_verification_failed"


def test_a_factor_begun_by_a_thief_never_counts_beside_the_owners(owner, person):
    """The thief has the password, and began a factor before the owner had any."""
    thief = person.sign_in()[1]
    factor, authenticator, _ = person.enroll("phone")
    theirs, secret = person.call("select id, secret from auth.enroll_totp('watch')", token=thief)
    token = person.verify(factor, authenticator.now())[1]
    assert person.call("select count(*) from auth.my_factors()", token=token) == (1,)
    # Even if the row were still there, it would not help.
    owner.execute("insert into auth.mfa_factor (id, user_id, secret) values (%s, %s, auth.seal('mfa_factor:' || %s, %s))",
                  [theirs, person.id, str(theirs), pyotp.TOTP(secret).byte_secret()])
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
        person.verify(theirs, pyotp.TOTP(secret).now(), person.sign_in()[1])
    assert code(error) == "insufficient_aal"


def test_of_two_first_factors_at_once_one_counts(owner, person):
    other = person.sign_in()[1]
    factors = [person.enroll("phone"), person.enroll("watch")]
    tokens = [person.token, other]

    def verify(n):
        try:
            return person.verify(factors[n][0], factors[n][1].now(), tokens[n])[0]
        except psycopg.Error as error:
            return error.diag.message_detail

    statuses = at_once(2, verify)
    assert statuses.count("ok") == 1, statuses
    assert owner.execute("select count(*) from auth.mfa_factor where user_id = %s and status = 'verified'", [person.id]).fetchone() == (1,)


def test_names_and_the_number_of_factors_are_limited(person):
    factor, authenticator, _ = person.enroll("phone")
    token = person.verify(factor, authenticator.now())[1]
    with pytest.raises(psycopg.errors.UniqueViolation) as error:
        person.call("select auth.enroll_totp('phone')", token=token)
    assert code(error) == "mfa_factor_name_conflict"
    for n in range(9):
        person.call("select auth.enroll_totp(%s)", f"device {n}", token=token)
    with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as error:
        person.call("select auth.enroll_totp('one too many')", token=token)
    assert code(error) == "too_many_enrolled_mfa_factors"


def test_the_user_object_lists_the_factors_without_their_secrets(owner, person):
    factor, _, secret = person.enroll()
    user = owner.execute("select auth.user_json(u) from auth.\"user\" as u where id = %s", [person.id]).fetchone()[0]
    assert [(f["id"], f["status"], f["factor_type"]) for f in user["factors"]] == [(str(factor), "unverified", "totp")]
    assert secret not in str(user)


def test_the_functions_for_signed_in_users_refuse_everybody_else(anon, login):
    for statement in ("select auth.enroll_totp()", "select auth.my_factors()", "select auth.verify_factor(gen_random_uuid(), '123456')",
                      "select auth.verify_recovery_code('x')", "select auth.generate_recovery_codes()", "select auth.reauthenticate()",
                      "select auth.challenge_factor(gen_random_uuid())", "select auth.unenroll_factor(gen_random_uuid())",
                      "select auth.request_email_change('x@example.com')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            anon.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
            with login.transaction():
                login.execute("set local role authenticated")
                login.execute(statement)
        assert code(error) == "not_authenticated", statement
