"""S27 with threads: stop and ping do not queue behind data."""

from typing import Any, NamedTuple

from core.messages import Ping, Pong, Ready
from core.records import DeadLetter
from tests.support.actors import Hang, Puppet, listening, reached, start
from tests.support.house import House, core, group


def test_a_stop_is_obeyed_before_the_data_that_waits() -> None:
    with House([core(), group("one", "one/child")]) as house:
        puppet = house.puppet("one/child")
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        for n in range(100):
            puppet.me.tell(n)
        house.operate("restart", "one/child")
        house.noted("one/child", "stop_asked")
        puppet.events.release.set()
        house.noted("one/child", "became_ready", 2)
        assert len(puppet.events.heard) == 1
        assert len([record for record in house.records if isinstance(record, DeadLetter)]) == 100


class Announces(Puppet):
    """Tells the supervisor of everything it handles."""

    def handle(self, message: Any) -> Any:
        super().handle(message)
        self.context.supervisor.tell(Handled(message))


class Handled(NamedTuple):
    message: Any


def test_a_ping_is_answered_before_the_data_that_waits() -> None:
    with listening() as supervisor:
        puppet = start(Announces, supervisor)
        supervisor.next(Ready)
        puppet.me.tell(Hang())
        reached(puppet.events.handling)
        puppet.me.tell("waiting")
        puppet.me.urge(Ping(1, 1))
        puppet.events.release.set()
        assert isinstance(supervisor.next(Handled).message, Hang)
        assert supervisor.next(Pong).n == 1
        assert supervisor.next(Handled).message == "waiting"
