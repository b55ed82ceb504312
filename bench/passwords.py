"""Hashing a password with bcrypt: `auth.hash_password` against pgcrypto's `crypt()`."""

from measure import Line, against, connect, interleaved

PASSWORD = "seven green sailing boats"


def measure():
    with connect("DB") as owner:
        for cost, rounds in ((10, 60), (12, 20)):
            times = interleaved(
                rounds,
                ours=asking(owner, "select auth.hash_password(%s, 'bcrypt', %s)", cost),
                theirs=asking(owner, "select crypt(%s, gen_salt('bf', %s))", cost),
            )
            yield Line(f"bcrypt at cost {cost}, pgcrypto's `crypt()` against `auth.hash_password`",
                       *against(times, "theirs", "ours"), at_least=1)


def asking(connection, query, cost):
    return lambda: connection.execute(query, [PASSWORD, cost]).fetchone() and None
