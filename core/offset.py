"""What time it is at the exchange.

A request for the exchange's time tells it only to within its round trip, so the
best of several samples is the one with the shortest (B20). What is kept is not a
difference to our wall clock, which people and NTP step about, but an anchor: at
this boottime second it was that millisecond there. Everything signed is stamped
from the anchor; without one the wall clock has to do.
"""

from collections.abc import Generator, Sequence

import msgspec

from core.wire import Call, Reply

SAMPLES = 3


class Sample(msgspec.Struct, frozen=True):
    """One answer, and the boottime seconds between which the exchange gave it."""

    began: float
    ended: float
    server_ms: int

    @property
    def round_trip(self) -> float:
        return self.ended - self.began


class Anchor(msgspec.Struct, frozen=True):
    """At boottime second `at` it was `server_ms` there, give or take half of `round_trip`."""

    at: float
    server_ms: int
    round_trip: float

    def time_ms(self, boottime: float) -> int:
        return self.server_ms + round((boottime - self.at) * 1000)


def best(samples: Sequence[Sample]) -> Anchor:
    """The anchor that the sample with the shortest round trip gives; at least one sample."""
    one = min(samples, key=lambda sample: sample.round_trip)
    return Anchor((one.began + one.ended) / 2, one.server_ms, one.round_trip)


def measured(plan: Generator[Call, Reply, int]) -> Generator[Call, Reply, Sample]:
    """A dialect's clock plan, timed: the sample that its last reply makes."""
    call = next(plan)
    while True:
        reply = yield call
        try:
            call = plan.send(reply)
        except StopIteration as end:
            return Sample(reply.began, reply.ended, end.value)
