"""S36 with threads: the records alone tell what every child went through."""

from typing import cast

from core.status import Phase
from core.supervision_state import PHASES, PhaseTrigger
from tests.support.actors import Hang, Raise, reached
from tests.support.house import House, acme, child, core


def test_the_phases_of_every_child_can_be_rebuilt_from_the_records() -> None:
    with House([core(), *acme(quick={"ping_every": 0.1, "ping_misses": 3})]) as house:
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        house.directory.address("acme/poller").tell(Raise(ValueError("boom")))
        puppet = house.puppet("acme/connection")
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        house.noted("acme/keepalive", "became_ready", 2)
        house.noted("acme/poller", "became_ready", 2)
        assert house.stop() == 0

        waiting: Phase = "waiting"
        rebuilt = dict.fromkeys(house.children.events, waiting)
        for name, _, event in house.history(*rebuilt):
            phase = rebuilt[name]
            if phase == "down" and event == "started":
                phase = "waiting"
            if (after := PHASES[phase].get(cast("PhaseTrigger", event))) is not None:
                rebuilt[name] = after
        last = house.snapshots[-1]
        assert rebuilt == {name: child(last, name).phase for name in rebuilt}


def test_a_record_says_when_who_which_generation_what_and_why() -> None:
    with House([core(), *acme()]) as house:
        house.until_running("acme/poller")
        house.directory.address("acme/poller").tell(Raise(ValueError("boom")))
        record = house.noted("acme/poller", "died")
        assert (record.boot, record.gen, record.detail) == ("boot", 1, "bug: ValueError: boom")
        assert record.at > 1_700_000_000_000
