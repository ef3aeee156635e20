"""S3 with threads: who does not become ready in time is asked to stop, then abandoned."""

import threading

from tests.support.actors import HangsAtStart, NeverReady, Puppet, reached
from tests.support.house import House, child, core, group

IMPATIENT = {"start_timeout": 0.1, "stop_timeout": 0.1}


class ReadyTheSecondTime(NeverReady):
    """Only its second generation says that it does its job."""

    def started(self) -> None:
        super().started()
        if self.gen > 1:
            self.ready()


class HangsTheFirstTime(HangsAtStart):
    """Only its first generation hangs in `started`."""

    def started(self) -> None:
        Puppet.started(self) if self.gen > 1 else super().started()


def test_one_that_is_never_ready_is_asked_to_stop_and_started_again() -> None:
    spec = group("lazy", "lazy/child", quick=IMPATIENT)
    with House([core(), spec], {"lazy/child": ReadyTheSecondTime}) as house:
        reached(house.events("lazy/child").stopping)
        snapshot = house.until_running("lazy/child")
        assert child(snapshot, "lazy/child").last_reason == "start_timeout"
        assert house.history("lazy/child")[:5] == [
            ("lazy/child", 1, "started"),
            ("lazy/child", 1, "start_timed_out"),
            ("lazy/child", 1, "stop_asked"),
            ("lazy/child", 1, "stopped"),
            ("lazy/child", 2, "started"),
        ]


def test_one_that_hangs_while_starting_is_abandoned_and_replaced() -> None:
    spec = group("stuck", "stuck/child", quick=IMPATIENT)
    with House([core(), spec], {"stuck/child": HangsTheFirstTime}) as house:
        house.noted("stuck/child", "abandoned", 1)
        snapshot = house.until_running("stuck/child")
        assert child(snapshot, "stuck/child").generation == 2
        assert snapshot.abandoned == 1
        assert any(thread.name == "stuck/child#1" for thread in threading.enumerate())
