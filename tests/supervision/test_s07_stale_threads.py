"""S7 with threads: what is said of an old generation changes nothing and is counted."""

import pytest

from core.messages import Down, Pong, Ready, Reconciled, ThreadEnded
from tests.support.house import ACME, House, acme, core

STALE = [
    Ready("acme/poller", 1),
    Down("acme/poller", 1, "fatal", "too late"),
    Pong("acme/poller", 1, 3),
    ThreadEnded("acme/poller", 1),
    Reconciled("acme/poller", 1, "acme", stream_gen=1, repaired=0),
    Ready("acme/nobody", 1),
]


@pytest.mark.parametrize("message", STALE, ids=lambda message: type(message).__name__)
def test_a_message_of_an_old_generation_is_counted_and_changes_nothing(message: object) -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        house.operate("restart", "acme/poller")
        house.noted("acme/poller", "became_ready", 2)
        before = house.until(lambda s: s.stale_messages == 0)
        history, states = house.history(), house.states()
        house.tell(message)
        after = house.until(lambda s: s.stale_messages == 1)
        assert (house.history(), house.states()) == (history, states)
        assert [c.phase for c in after.children] == [c.phase for c in before.children]
