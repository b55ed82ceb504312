"""Requests by wrk, which runs on the same processors as what it measures."""

import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).parent
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Load:
    """What wrk says of one run: requests per second, and the 99th percentile of their latencies in seconds."""

    def __init__(self, printed):
        if "Non-2xx" in printed or "Socket errors" in printed:
            raise RuntimeError(f"wrk had failures:\n{printed}")
        self.rate = float(re.search(r"^Requests/sec: +([\d.]+)", printed, re.M)[1])
        self.requests = int(re.search(r"^ +(\d+) requests in", printed, re.M)[1])
        value, unit = re.search(r"^ +99% +([\d.]+)(us|ms|s)", printed, re.M).groups()
        self.p99 = float(value) * UNITS[unit]


def run(*arguments, **options):
    return Load(subprocess.run(command(*arguments, **options), check=True, capture_output=True, text=True).stdout)


def command(script, path, *arguments, connections, seconds, threads=None):
    """`threads` of wrk, as many as there are processors if connections suffice."""
    threads = threads or min(connections, os.cpu_count())
    return ["wrk", "--latency", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s",
            "-s", str(HERE / script), f"{os.environ['GATEHOUSE_URL']}{path}", "--", *map(str, arguments)]


def repeat(method, path, token, body=None, *, connections, seconds, **headers):
    """The same request again and again; `body` is a file."""
    named = [f"{name}: {value}" for name, value in {"Authorization": f"Bearer {token}", **headers}.items()]
    return run("request.lua", path, method, body or "-", *named, connections=connections, seconds=seconds)
