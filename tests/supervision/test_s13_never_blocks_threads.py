"""S13 with threads: while a child hangs, however it does, the supervisor answers."""

from typing import Any

import pytest

from core.messages import Ping, StopDaemon
from tests.support.actors import Hang, HangsAtStart, HangsAtStop, Puppet, SwallowsStop, reached
from tests.support.house import House, acme, core, hasty


def hung_at_work(house: House) -> Any:
    puppet = house.puppet("acme/connection")
    puppet.me.tell(Hang())
    reached(puppet.events.handling)


def hung_while_starting(house: House) -> Any:
    reached(house.events("acme/connection").started)


def hung_while_stopping(house: House) -> Any:
    house.until_running("acme/connection")
    house.operate("restart", "acme/connection")
    reached(house.events("acme/connection").stopping)


def deaf_to_stop(house: House) -> Any:
    house.until_running("acme/connection")
    house.operate("restart", "acme/connection")
    house.noted("acme/connection", "stop_asked")


TREE = hasty([core(), *acme()], "acme/connection", stop_timeout=0.2)
HANGS = [
    (Puppet, hung_at_work),
    (HangsAtStart, hung_while_starting),
    (HangsAtStop, hung_while_stopping),
    (SwallowsStop, deaf_to_stop),
]


@pytest.mark.parametrize(("kind", "hang"), HANGS, ids=lambda value: value.__name__)
def test_it_answers_commands_status_and_the_watchdog_and_stops_all(kind: type[Puppet], hang: Any) -> None:
    with House(TREE, {"acme/connection": kind}) as house:
        hang(house)
        published = len(house.snapshots)
        house.tell(Ping(1, 17))
        house.operate("restart", "acme/poller")
        house.noted("acme/poller", "became_ready", 2)
        assert house.wiring.pulse.answered == 17
        assert len(house.snapshots) > published
        house.tell(StopDaemon("asked to"))
        assert house.exit_code() == 0
        assert not house.events("acme/connection").release.is_set()
        assert ("acme/connection", 1, "abandoned") in house.history()
        assert ("core/persistence", 1, "stopped") in house.history()
