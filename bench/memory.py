"""The memory of the front at 64 connections, and whether it stays as it is over a million requests."""

import re

import data
import load
from measure import Line, connect

REQUESTS = 1_000_000
CONNECTIONS = 64
SECONDS = 10
MOST = 40
PATH = "/rest/v1/note?select=id,title&order=id&limit=1"


def measure():
    with connect("DB") as owner:
        token = data.sign_in(owner)
    at_rest = resident()
    answered, after = 0, []
    while answered < REQUESTS:
        answered += load.repeat("GET", PATH, token, connections=CONNECTIONS, seconds=SECONDS).requests
        after.append(resident())
    first, last, most = after[0], after[-1], resident("VmHWM")
    yield Line(f"resident memory of the front, {CONNECTIONS} connections, the most of {answered / 1e6:.1f} million requests, against {MOST} MiB",
               f"{most:.1f} MiB (at rest {at_rest:.1f} MiB)", most / MOST, at_most=1)
    yield Line(f"the same after {answered / 1e6:.1f} million requests against after the first {SECONDS} s",
               f"{last:.1f} MiB against {first:.1f} MiB", last / first, at_most=1.1)


def resident(field="VmRSS"):
    """MiB."""
    return int(re.search(rf"^{field}:\s+(\d+) kB", data.process("status"), re.M)[1]) / 1024
