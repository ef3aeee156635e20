"""S16 and S19 with threads: the breaker opens, probes, and probes sooner when REST gets through."""

from core.errors import LinkError
from core.messages import Polled
from tests.support.actors import Puppet
from tests.support.house import ACME, House, acme, core, group


class NoLink(Puppet):
    """Cannot reach the exchange."""

    def started(self) -> None:
        raise LinkError("connection refused")


def test_the_breaker_opens_after_trip_failures_and_lets_one_probe_through_at_a_time() -> None:
    spec = group("far", "far/child", trip=2, open=0.1, open_cap=0.1)
    with House([core(), spec], {"far/child": NoLink}) as house:
        house.noted("far/child", "died", 4)
        assert house.history("far", "far/child")[:10] == [
            ("far/child", 1, "started"),
            ("far/child", 1, "died"),
            ("far", 0, "backed_off"),
            ("far/child", 2, "started"),
            ("far/child", 2, "died"),
            ("far", 0, "tripped"),
            ("far", 0, "probed"),
            ("far/child", 3, "started"),
            ("far/child", 3, "died"),
            ("far", 0, "tripped"),
        ]


def test_the_snapshot_shows_the_mode_and_when_it_is_tried_again() -> None:
    spec = group("far", "far/child", trip=1, open=30, open_cap=30)
    with House([core(), spec], {"far/child": NoLink}) as house:
        snapshot = house.until(lambda s: any(g.mode == "open" for g in s.groups))
        shown = next(g for g in snapshot.groups if g.id == "far")
        assert shown.failures == 1
        assert shown.retry_at is not None


def test_a_poll_that_gets_through_brings_the_probe_of_the_stream_forward() -> None:
    specs = [core(), *acme(trip=1, open=3600, open_cap=3600)]
    with House(specs, {"acme/connection": NoLink}, accounts=[ACME]) as house:
        house.noted("acme.stream", "tripped")
        house.until_running("acme/poller")
        house.tell(Polled("acme/poller", 1, "acme"))
        house.noted("acme.stream", "hurried")
        house.noted("acme/connection", "started", 2)


def test_the_word_of_an_old_poller_brings_nothing_forward() -> None:
    specs = [core(), *acme(trip=1, open=3600, open_cap=3600)]
    with House(specs, {"acme/connection": NoLink}, accounts=[ACME]) as house:
        house.noted("acme.stream", "tripped")
        house.until_running("acme/poller")
        house.operate("restart", "acme/poller")
        house.noted("acme/poller", "became_ready", 2)
        house.tell(Polled("acme/poller", 1, "acme"))
        house.until(lambda s: s.stale_messages == 1)
        house.stop()
        assert ("acme.stream", 0, "hurried") not in house.history()
