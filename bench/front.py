"""Requests per second through the HTTP front, against the same statements sent by pgbench.

The statements and their parameters are not written down here: one request is made, and they are taken from the
server's log. So pgbench runs what the front runs, in one pipeline as the front does, prepared, and with as many
clients. What stands in a log and in arguments here is a token of this instance, which holds nothing but the demo."""

import json
import os
import pathlib
import re
import subprocess
import urllib.request

import psycopg

from measure import Line, connect, interleaved

CLIENTS = 8
SECONDS = 3
ROUNDS = 5
EXECUTED = re.compile(r"^.* LOG:  execute \S+: (.*)\n.* DETAIL:  parameters: (.*)$", re.M)
PARAMETER = re.compile(r"\$(\d+) = (?:'((?:[^']|'')*)'|NULL)")


def measure():
    with connect("DB") as owner:
        token = owner.execute("select access_token from auth.sign_in('alice@acme.example', 'seven green sailing boats')").fetchone()[0]
        note = owner.execute("select min(id) from public.note").fetchone()[0]
        url = f"{os.environ['GATEHOUSE_URL']}/rest/v1/note?select=id,title&id=eq.{note}"
        statements = recorded(owner, url, token)
        yield from compare(url, token, statements)


def compare(url, token, statements):
    both, bare = script("front", statements), script("bare", statements[-1:])
    rates = interleaved(
        ROUNDS,
        http=lambda: wrk(url, token),
        same=lambda: pgbench("AUTHENTICATOR", *both),
        bare=lambda: pgbench("DB", *bare),
    )
    http, same, bare = (rates.median(name) for name in rates)
    yield Line(f"`GET` of one row by key, {CLIENTS} connections, against its statements by `pgbench -M prepared`",
               f"{http:.0f}/s against {same:.0f}/s", rates.ratio("http", "same"), at_least=0.33)
    yield Line("the same against its query alone, as the superuser: no token, no policy, no transaction's settings",
               f"{http:.0f}/s against {bare:.0f}/s", rates.ratio("http", "bare"))


def recorded(owner, url, token):
    """For an answer of one row or one object: the statements of one request with their parameters, from the server's log."""
    log = pathlib.Path(os.environ["GATEHOUSE_LOG"])
    owner.execute("alter system set log_statement = 'all'")
    owner.execute("select pg_reload_conf()")
    try:
        for _ in range(50):
            start = log.stat().st_size
            get(url, token)
            with log.open("rb") as file:
                file.seek(start)
                found = EXECUTED.findall(file.read().decode())
            if len(found) > 1:
                return found
            owner.execute("select pg_sleep(0.1)")
        raise RuntimeError("the front's statements did not appear in the log")
    finally:
        owner.execute("alter system reset log_statement")
        owner.execute("select pg_reload_conf()")


def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    if isinstance(answer, list) and len(answer) != 1:
        raise RuntimeError("the request to be measured does not give one row")


def script(name, statements):
    """A script for pgbench and the options that carry its parameters."""
    lines, options = ["\\startpipeline"], []
    for number, (sql, parameters) in enumerate(statements):
        values = {int(index): value.replace("''", "'") for index, value in PARAMETER.findall(parameters)}
        lines.append(re.sub(r"\$(\d+)", rf":s{number}p\1", sql) + ";")
        for index, value in values.items():
            options += ["-D", f"s{number}p{index}={value}"]
    path = pathlib.Path(os.environ["GATEHOUSE_ENV"]).parent / f"{name}.pgbench"
    path.write_text("\n".join([*lines, "\\endpipeline", ""]))
    return path, options


def pgbench(kind, path, options, clients=CLIENTS):
    uri = psycopg.conninfo.conninfo_to_dict(os.environ[f"GATEHOUSE_{kind}_URI"])
    login = {"PGHOST": uri["host"], "PGPORT": str(uri["port"]), "PGUSER": uri["user"], "PGPASSWORD": uri["password"]}
    command = [os.environ["GATEHOUSE_PG_BIN"] + "/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
               "-T", str(SECONDS), *options, "-f", str(path), uri["dbname"]]
    # An error ends a client, and pgbench with a failure.
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **login}).stdout
    return float(re.search(r"^tps = ([\d.]+)", printed, re.M)[1])


def wrk(url, token, seconds=SECONDS):
    command = ["wrk", "-t", "2", "-c", str(CLIENTS), "-d", f"{seconds}s", "-H", f"Authorization: Bearer {token}", url]
    return rate(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rate(printed):
    """What wrk says, if there were no failures."""
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(f"wrk had failures:\n{printed}")
    return float(re.search(r"^Requests/sec: +([\d.]+)", printed, re.M)[1])
