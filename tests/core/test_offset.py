"""The exchange's time from samples."""

from collections.abc import Generator

import pytest

from core.offset import Anchor, Sample, best, measured
from core.wire import Call, Reply


def test_the_sample_with_the_shortest_round_trip_wins() -> None:
    samples = [
        Sample(began=10.0, ended=12.0, server_ms=999_999),
        Sample(began=20.0, ended=20.1, server_ms=5_000_000),
        Sample(began=30.0, ended=30.5, server_ms=1),
    ]
    assert best(samples) == Anchor(at=20.05, server_ms=5_000_000, round_trip=20.1 - 20.0)


def test_time_goes_on_from_the_anchor_with_the_boottime_clock() -> None:
    anchor = Anchor(at=100.0, server_ms=1_000_000, round_trip=0.02)
    assert anchor.time_ms(100.0) == 1_000_000
    assert anchor.time_ms(161.5) == 1_061_500
    assert anchor.time_ms(99.0) == 999_000


def test_the_error_of_an_anchor_is_at_most_half_its_round_trip() -> None:
    for position in (0.0, 0.25, 0.5, 1.0):
        began, round_trip = 50.0, 0.4
        truth = began + position * round_trip  # when the server read its clock
        anchor = best([Sample(began, began + round_trip, round(truth * 1000))])
        assert abs(anchor.time_ms(60.0) - 60_000) <= 200


def test_a_measured_plan_is_timed_by_its_last_reply() -> None:
    def plan() -> Generator[Call, Reply, int]:
        first = yield Call("GET", "/ping")
        assert first.status == 200
        second = yield Call("GET", "/time")
        return int(second.body)

    steps = measured(plan())
    assert next(steps).path == "/ping"
    assert steps.send(Reply(200, {}, b"", 0, 1.0, 1.5)).path == "/time"
    with pytest.raises(StopIteration) as end:
        steps.send(Reply(200, {}, b"42", 0, 2.0, 2.25))
    assert end.value.value == Sample(2.0, 2.25, 42)
