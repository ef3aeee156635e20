"""S24 with threads: an abandoned actor that wakes up changes no row and no state."""

from typing import Any

from core.errors import StaleGeneration
from core.messages import AccountRefused, Audited, Ready
from tests.support.actors import Hang, Puppet, reached
from tests.support.house import ACME, House, acme, child, core

PINGED = {"ping_every": 0.1, "ping_misses": 3}


class WritesWhenItWakes(Puppet):
    """Hangs, and then does everything that it is not allowed to do any more."""

    rows: list[Any]
    refusals: list[Exception]
    house: House

    def handle(self, message: Any) -> Any:
        super().handle(message)
        if isinstance(message, Hang):
            self.wake()

    def wake(self) -> None:
        lowest = max(gen for child, gen in self.house.fences if child == self.name)
        try:
            if self.context.origin.gen < lowest:
                raise StaleGeneration("fenced")
            self.rows.append(self.context.origin)
        except StaleGeneration as error:
            self.refusals.append(error)
        if self.is_current():
            self.rows.append("a signed call")
        self.context.supervisor.tell(Ready(self.name, self.gen))
        self.context.supervisor.tell(AccountRefused(self.name, self.gen, "acme", "stale word"))
        self.context.supervisor.tell(Audited(self.name, self.gen, "acme", 0, 0))


def test_it_writes_nothing_sends_nothing_and_its_word_counts_for_nothing() -> None:
    kinds = {"acme/connection": WritesWhenItWakes}
    with House([core(), *acme(quick=PINGED)], kinds, accounts=[ACME]) as house:
        WritesWhenItWakes.house, WritesWhenItWakes.rows, WritesWhenItWakes.refusals = house, [], []
        old = house.puppet("acme/connection")
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        old.me.tell(Hang())
        reached(old.events.handling)
        house.noted("acme/keepalive", "became_ready", 2)
        states = house.states()
        old.events.release.set()
        house.noted("acme/connection", "thread_ended", 1)
        snapshot = house.until(lambda s: s.stale_messages >= 4)
        assert WritesWhenItWakes.rows == []
        assert len(WritesWhenItWakes.refusals) == 1
        assert house.states() == states
        assert child(snapshot, "acme/connection").generation == 2
