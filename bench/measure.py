"""What every topic needs: connections, interleaved medians, and the line that a comparison gives."""

import dataclasses
import os
import statistics
import time

import psycopg


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the table. Without a target it is there to be known, not to be judged."""

    what: str
    measured: str
    ratio: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self):
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"

    @property
    def met(self):
        """By the digits that are shown: the third one is the machine's."""
        if self.at_most is not None:
            return round(self.ratio, 2) <= self.at_most
        return None if self.at_least is None else round(self.ratio, 2) >= self.at_least


def connect(kind, **options):
    """A connection of DB (superuser), AUTHENTICATOR or SERVICE_AUTHENTICATOR, which prepares nothing by itself."""
    connection = psycopg.connect(os.environ[f"GATEHOUSE_{kind}_URI"], autocommit=True, **options)
    connection.prepare_threshold = None
    return connection


class Times(dict):
    """What each work took, by round."""

    def median(self, name):
        return statistics.median(self[name])

    def ratio(self, one, other):
        """The median of the ratios of the rounds: what slows the machine down meanwhile falls out."""
        return statistics.median(a / b for a, b in zip(self[one], self[other], strict=True))


def interleaved(rounds, **works):
    """Seconds of each work, one after the other in every round and back in the next, so that whatever slows this
    machine down for a while slows all of them. A work that returns a number has measured itself, in its own unit."""
    times = Times((name, []) for name in works)
    order = list(works.items())
    for _, work in order:
        work()  # what the first run pays for caches and plans is nobody's
    for _ in range(rounds):
        for name, work in order:
            start = time.perf_counter()
            own = work()
            times[name].append(time.perf_counter() - start if own is None else own)
        order.reverse()
    return times


def against(times, one, other):
    """How a line shows two works, and their ratio."""
    return f"{duration(times.median(one))} against {duration(times.median(other))}", times.ratio(one, other)


def duration(seconds):
    for factor, name in ((1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.{0 if seconds * factor >= 100 else 1}f} {name}"
    return f"{seconds * 1e6:.2f} µs"
