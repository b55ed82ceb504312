"""Hashing a password with bcrypt: `auth.hash_password` against pgcrypto's `crypt()`."""

from measure import Line, connect, interleaved, milliseconds

PASSWORD = "seven green sailing boats"


def measure():
    with connect("DB") as owner:
        for cost, rounds in ((10, 30), (12, 12)):
            times = interleaved(
                rounds,
                ours=asking(owner, "select auth.hash_password(%s, 'bcrypt', %s)", cost),
                theirs=asking(owner, "select crypt(%s, gen_salt('bf', %s))", cost),
            )
            yield Line(f"bcrypt at cost {cost}, pgcrypto's `crypt()` against `auth.hash_password`",
                       f"{milliseconds(times['theirs'])} against {milliseconds(times['ours'])}",
                       times["theirs"] / times["ours"], at_least=1)


def asking(connection, query, cost):
    return lambda: connection.execute(query, [PASSWORD, cost]).fetchone() and None
