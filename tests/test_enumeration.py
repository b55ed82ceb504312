"""Whether an account exists, and in which state, is not to be told from the time that a refusal takes."""

import time

from conftest import connect

TRIALS = 500
PASSWORD = "seven green sailing boats"


def superiority(ones, others):
    """The Mann-Whitney statistic U / (n * m): how often one of `ones` is the larger; a half when both are alike."""
    wins = sum((one > other) + 0.5 * (one == other) for one in ones for other in others)
    return wins / (len(ones) * len(others))


def test_unknown_wrong_unconfirmed_and_banned_take_the_same_time(owner):
    """500 interleaved trials each; U / n² against the wrong password lies within 0.35 to 0.65.

    The hash is the cheapest that the settings allow, so that what surrounds it would show."""
    for setting in ("password_algorithm = 'argon2id'", "argon2_memory = '7MB'", "argon2_iterations = 1"):
        owner.execute(f"alter role authenticator set pg_gatehouse.{setting}")
    try:
        with connect() as anon:
            anon.execute("set role anon")
            for name in ("wrong", "unconfirmed", "banned"):
                assert anon.execute("select status from auth.sign_up(%s, %s)", [f"{name}@timing.example", PASSWORD]).fetchone()[0] == "ok"
            owner.execute("update auth.\"user\" set email_confirmed_at = null where email = 'unconfirmed@timing.example'")
            owner.execute("update auth.\"user\" set banned_until = 'infinity' where email = 'banned@timing.example'")
            attempts = {"wrong": "not the password", "unknown": PASSWORD, "unconfirmed": "not the password", "banned": PASSWORD}
            times = {name: [] for name in attempts}
            for _ in range(TRIALS):
                for name, password in attempts.items():
                    started = time.perf_counter()
                    answer = anon.execute("select status, message from auth.sign_in(%s, %s)", [f"{name}@timing.example", password]).fetchone()
                    times[name].append(time.perf_counter() - started)
                    assert answer == ("invalid_credentials", "Invalid login credentials"), name
    finally:
        owner.execute("alter role authenticator reset all")
        owner.execute("delete from auth.\"user\" where email like '%%@timing.example'")
    told = {name: superiority(times[name], times["wrong"]) for name in attempts}
    assert all(0.35 < value < 0.65 for value in told.values()), told
