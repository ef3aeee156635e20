"""The 99th percentile of the last minute."""

from core.latency import EDGES, Latency, Spread


def p99(latency: Latency, now: float) -> float:
    found = latency.quantile(now, 0.99)
    assert found is not None
    return found


def test_nothing_measured_is_unknown() -> None:
    assert Latency().quantile(0.0, 0.99) is None


def test_the_percentile_is_never_too_low_and_at_most_a_tenth_too_high() -> None:
    latency = Latency()
    for ms in range(1, 1001):
        latency.add(5.0, float(ms))
    assert 990 <= p99(latency, 5.0) <= 990 * 1.1


def test_one_slow_event_in_a_thousand_does_not_show() -> None:
    latency = Latency()
    latency.add(5.0, 1.0, times=999)
    latency.add(5.0, 5_000.0)
    assert p99(latency, 5.0) < 1.2


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    latency = Latency()
    latency.add(5.0, 100.0)
    assert latency.quantile(50.0, 0.99) is not None
    assert latency.quantile(71.0, 0.99) is None


def test_a_long_silence_is_no_trouble() -> None:
    latency = Latency()
    latency.add(5.0, 1.0)
    latency.add(1_000_000.0, 2.0)
    assert 2.0 <= p99(latency, 1_000_000.0) < 2.3


def test_beyond_the_last_bucket_the_last_edge_is_said() -> None:
    latency = Latency()
    latency.add(5.0, 1e12)
    assert latency.quantile(5.0, 0.99) == EDGES[-1]


def test_every_share_is_told_with_count_and_sum_since_the_start() -> None:
    latency = Latency()
    for ms in range(1, 101):
        latency.add(5.0, float(ms))
    spread = latency.spread(5.0)
    for share, ms in ((0.5, 50), (0.9, 90), (0.99, 99)):
        assert ms <= spread.quantiles[share] <= ms * 1.1
    assert (spread.count, spread.sum_ms) == (100, 5050.0)
    assert latency.spread(1_000.0) == Spread({}, 100, 5050.0), "no percentile of an empty minute"
