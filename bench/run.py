"""make bench: runs the topics against the instance that GATEHOUSE_ENV names, prints the table and keeps it.

Give topics to run some only: `run.py scan data`."""

import datetime
import os
import pathlib
import re
import sys

ENV = pathlib.Path(os.environ["GATEHOUSE_ENV"])
os.environ.update(re.findall(r"^export (\w+)=(.*)$", ENV.read_text(), re.M))

import data  # noqa: E402
import identity  # noqa: E402
import login  # noqa: E402
import measure  # noqa: E402
import memory  # noqa: E402
import passwords  # noqa: E402
import scan  # noqa: E402
import tokens  # noqa: E402

TOPICS = {"scan": scan, "tokens": tokens, "passwords": passwords, "data": data,
          "memory": memory, "login": login, "identity": identity}

PREPARE = """
drop schema if exists bench cascade;
create schema bench;
grant usage on schema bench to authenticated, service_role;
create extension if not exists pgcrypto;
"""


def main():
    with measure.connect("DB") as owner:
        owner.execute(PREPARE)
    lines = []
    for name in sys.argv[1:] or TOPICS:
        print(f"  measuring: {name}", file=sys.stderr)
        for line in TOPICS[name].measure():
            print(f"    {line.what}: {line.measured}", file=sys.stderr)
            lines.append(line)
    text = table(lines)
    print(text, end="")
    result = ENV.parent / "results.md"
    result.write_text(text)
    print(f"kept in {result}", file=sys.stderr)


def table(lines):
    rows = [("what", "measured", "ratio", "target", "met"), ("---", "---", "---:", "---", "---")]
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        met = {True: "yes", False: "**missed**", None: ""}[line.met]
        rows.append((line.what, line.measured, ratio, line.target, met))
    body = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    return f"{body}\n{conditions()}\n"


def conditions():
    """What whoever compares has to know."""
    with measure.connect("DB") as owner:
        version = owner.execute("show server_version").fetchone()[0].split()[0]
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    cpu = f"{os.cpu_count()} × {model[1]}" if model else f"{os.cpu_count()} processors"
    return f"PostgreSQL {version}, {cpu}, {datetime.date.today()}. Medians of interleaved rounds; a ratio is the median of the rounds' ratios."


if __name__ == "__main__":
    main()
