"""What the HTTP front makes of logins: refreshing, `GET /user`, signing in against the bcrypt hashes that the cores can
do, and data requests while a storm of logins runs.

The hashes that signing in is compared with are those of `auth.verify_password`, which is the same library, on as many
connections as there are cores. wrk itself runs on the same cores."""

import contextlib
import os
import pathlib
import subprocess

import front
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
HERE = pathlib.Path(__file__).parent

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
    access, url = sessions[0][0], address("user")
    statements = front.recorded(owner, url, access)
    both = front.script("user", statements)
    path = pathlib.Path(os.environ["GATEHOUSE_ENV"]).parent / "refresh-tokens"
    path.write_text("\n".join(refresh for _, refresh in sessions[1:]) + "\n")
    rates = interleaved(ROUNDS, user=lambda: front.wrk(url, access), same=lambda: front.pgbench("AUTHENTICATOR", *both))
    yield Line(f"`GET /auth/v1/user`, {CONNECTIONS} connections, against its statements by `pgbench -M prepared`",
               f"{rates.median('user'):.0f}/s against {rates.median('same'):.0f}/s", rates.ratio("user", "same"))
    # Once: the tokens of a round are spent in it.
    rate = wrk("refresh.lua", address("token?grant_type=refresh_token"), path, 2, seconds=3 * SECONDS, threads=2)
    yield Line(f"refreshing a session by `POST /auth/v1/token`, {CONNECTIONS} connections", f"{rate:.0f}/s")


def sign_ins(owner):
    """The two take turns, each with all cores for itself."""
    hash = owner.execute("select auth.hash_password(%s, 'bcrypt', %s)", [PASSWORD, COST]).fetchone()[0]
    script = [(f"select auth.verify_password('{PASSWORD}', '{hash}')", "")]
    path, options = front.script("hash", script)
    rates = interleaved(
        ROUNDS,
        sign_in=lambda: login(CONNECTIONS),
        hashes=lambda: front.pgbench("AUTHENTICATOR", path, options, clients=CORES),
    )
    yield Line(f"signing in at bcrypt cost {COST}, {CONNECTIONS} connections, against bare hashes on {CORES} cores",
               f"{rates.median('sign_in'):.1f}/s against {rates.median('hashes'):.1f}/s", rates.ratio("sign_in", "hashes"),
               at_least=0.9)


def storm(owner):
    token = owner.execute("select access_token from auth.sign_in('alice@acme.example', 'seven green sailing boats')").fetchone()[0]
    note = owner.execute("select min(id) from public.note").fetchone()[0]
    url = f"{os.environ['GATEHOUSE_URL']}/rest/v1/note?select=id,title&id=eq.{note}"
    stormed = []

    def during():
        with subprocess.Popen(command("login.lua", address("token?grant_type=password"), PASSWORD, USERS,
                                      connections=STORM, seconds=SECONDS + 2), stdout=subprocess.PIPE, text=True) as logins:
            owner.execute("select pg_sleep(1)")  # until all of them wait
            rate = front.wrk(url, token, seconds=SECONDS)
            stormed.append(front.rate(logins.communicate()[0]))
        return rate

    rates = interleaved(ROUNDS, calm=lambda: front.wrk(url, token, seconds=SECONDS), storm=during)
    yield Line(f"`GET` of one row while {STORM} clients sign in ({sorted(stormed)[len(stormed) // 2]:.1f}/s), against the same without them",
               f"{rates.median('storm'):.0f}/s against {rates.median('calm'):.0f}/s", rates.ratio("storm", "calm"), at_least=0.6)


def login(connections):
    return wrk("login.lua", address("token?grant_type=password"), PASSWORD, USERS, connections=connections)


def wrk(*arguments, **options):
    return front.rate(subprocess.run(command(*arguments, **options), check=True, capture_output=True, text=True).stdout)


def command(script, url, *arguments, connections=CONNECTIONS, seconds=SECONDS, threads=1):
    return ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s", str(HERE / script),
            url, "--", *map(str, arguments)]


def address(path):
    return f"{os.environ['GATEHOUSE_URL']}/auth/v1/{path}"
