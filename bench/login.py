"""What the HTTP front makes of logins: refreshing, `GET /user`, signing in against the bcrypt hashes that the cores can
do, and data requests while a storm of logins runs.

The hashes that signing in is compared with are those of `auth.verify_password`, which is the same library, on as many
connections as there are cores. wrk itself runs on the same cores."""

import contextlib
import os
import subprocess

import data
import load
import statements
from measure import Line, connect, interleaved

PASSWORD = "seven green sailing boats"
COST = 10
USERS = 500
# Enough of them that none is asked for twice at the same time.
SESSIONS = 64
CONNECTIONS = 8
STORM = 64
SECONDS = 4
ROUNDS = 5
CORES = os.cpu_count()

USERS_MADE = """
select auth.admin_create_user(format('login%s@bench.example', n), password_hash => hash, email_confirm => true)
  from generate_series(1, {users}) as n, (select auth.hash_password('{password}', 'bcrypt', {cost}) as hash offset 0) as once
"""
# Attempts are what is measured here, not how they are throttled.
SETTINGS = f"""
update auth.throttle_limit set attempts = null;
delete from auth.throttle_delay;
"""


def measure():
    with connect("DB") as owner, cost(owner):
        owner.execute(SETTINGS)
        owner.execute(USERS_MADE.format(users=USERS, password=PASSWORD, cost=COST))
        sessions = [owner.execute("select access_token, refresh_token from auth.sign_in(%s, %s)",
                                  [f"login{n}@bench.example", PASSWORD]).fetchone() for n in range(1, SESSIONS + 1)]
        yield from tokens(owner, sessions)
        yield from sign_ins(owner)
        yield from storm(owner)


@contextlib.contextmanager
def cost(owner):
    """For everybody: a password whose hash costs something else than configured would be hashed again."""
    change(owner, f"alter system set pg_gatehouse.bcrypt_cost = {COST}")
    try:
        yield
    finally:
        change(owner, "alter system reset pg_gatehouse.bcrypt_cost")


def change(owner, statement):
    owner.execute(statement)
    owner.execute("select pg_reload_conf()")
    owner.execute("select pg_sleep(0.5)")


def tokens(owner, sessions):
    """What costs no hash."""
    access, path = sessions[0][0], "/auth/v1/user"
    same = statements.script("user", statements.recorded("GET", path, access))
    spent = statements.STATE / "refresh-tokens"
    spent.write_text("\n".join(refresh for _, refresh in sessions[1:]) + "\n")
    rates = interleaved(
        ROUNDS,
        user=lambda: load.repeat("GET", path, access, connections=CONNECTIONS, seconds=SECONDS).rate,
        same=lambda: statements.pgbench("AUTHENTICATOR", *same, clients=CONNECTIONS, seconds=SECONDS),
    )
    yield Line(f"`GET /auth/v1/user`, {CONNECTIONS} connections, against its statements by `pgbench -M prepared`",
               f"{rates.median('user'):.0f}/s against {rates.median('same'):.0f}/s", rates.ratio("user", "same"))
    # Once: the tokens of a round are spent in it.
    found = load.run("refresh.lua", token_path("refresh_token"), spent, 2, connections=CONNECTIONS, seconds=3 * SECONDS, threads=2)
    yield Line(f"refreshing a session by `POST /auth/v1/token`, {CONNECTIONS} connections", f"{found.rate:.0f}/s")


def sign_ins(owner):
    """The two take turns, each with all cores for itself."""
    hashed = owner.execute("select auth.hash_password(%s, 'bcrypt', %s)", [PASSWORD, COST]).fetchone()[0]
    # As parameters: of constants the planner would make one hash for all.
    script = statements.script("hash", [("select auth.verify_password($1, $2)", (25, 25), [PASSWORD, hashed])])
    rates = interleaved(
        ROUNDS,
        sign_in=lambda: login(CONNECTIONS).rate,
        hashes=lambda: statements.pgbench("DB", *script, clients=CORES, seconds=SECONDS),
    )
    yield Line(f"signing in at bcrypt cost {COST}, {CONNECTIONS} connections, against bare hashes on {CORES} cores",
               f"{rates.median('sign_in'):.1f}/s against {rates.median('hashes'):.1f}/s", rates.ratio("sign_in", "hashes"),
               at_least=0.9)


def storm(owner):
    token = data.sign_in(owner)
    note = owner.execute("select min(id) from public.note").fetchone()[0]
    stormed = []

    def rows():
        return load.repeat("GET", f"/rest/v1/note?select=id,title&id=eq.{note}", token, connections=CONNECTIONS, seconds=SECONDS).rate

    def during():
        command = load.command("login.lua", token_path("password"), PASSWORD, USERS, connections=STORM, seconds=SECONDS + 2, threads=1)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as logins:
            owner.execute("select pg_sleep(1)")  # until all of them wait
            rate = rows()
            stormed.append(load.Load(logins.communicate()[0]).rate)
        return rate

    rates = interleaved(ROUNDS, calm=rows, storm=during)
    yield Line(f"`GET` of one row, {CONNECTIONS} connections, while {STORM} clients sign in ({data.middle(stormed):.1f}/s), against the same without them",
               f"{rates.median('storm'):.0f}/s against {rates.median('calm'):.0f}/s", rates.ratio("storm", "calm"), at_least=0.6)


def login(connections):
    return load.run("login.lua", token_path("password"), PASSWORD, USERS, connections=connections, seconds=SECONDS, threads=1)


def token_path(grant):
    return f"/auth/v1/token?grant_type={grant}"
