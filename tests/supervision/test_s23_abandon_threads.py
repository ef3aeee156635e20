"""S23 with threads: everything that abandoning a generation means."""

import socket
import threading
from typing import Any

import pykka

from tests.support.actors import WITHIN, FailsToBeAbandoned, Hang, Puppet, reached
from tests.support.house import House, core, group

PINGED = {"ping_every": 0.1, "ping_misses": 3}


def abandoned(house: House) -> Puppet:
    """Have `one/child` hang, and wait until its second generation works."""
    puppet = house.puppet("one/child")
    puppet.me.tell(Hang())
    reached(puppet.events.handling)
    house.noted("one/child", "became_ready", 2)
    return puppet


def test_its_stack_is_logged_so_that_somebody_can_see_where_it_hangs(logged: list[Any]) -> None:
    with House([core(), group("one", "one/child", quick=PINGED)]) as house:
        abandoned(house)
        [event] = [event for event in logged if event["event"] == "actor_abandoned"]
        assert (event["child"], event["gen"]) == ("one/child", 1)
        assert "self.events.hang()" in event["stack"]


def test_its_mailbox_is_closed_its_name_forgotten_and_its_ticker_job_removed() -> None:
    with House([core(), group("one", "one/child", quick=PINGED)]) as house:
        old = abandoned(house)
        assert not old.me.tell("too late")
        assert old.actor_ref not in pykka.ActorRegistry.get_all()
        assert house.directory.find("one/child", 1) is None
        assert house.removed_jobs == ["one/child#1"]
        assert house.fences == [("core/persistence", 1), ("one/child", 1), ("one/child", 2), ("one/child", 2)]


class StuckInRecv(Puppet):
    """Reads from a socket on which nothing comes; `abandoned` shuts it down, as the rule says."""

    def handle(self, message: Any) -> Any:
        if not isinstance(message, Hang):
            return super().handle(message)
        self.socket, self.peer = socket.socketpair()
        self.events.handling.set()
        with self.socket, self.peer:
            return self.socket.recv(1)

    def abandoned(self) -> None:
        self.events.abandoner = threading.current_thread()  # type: ignore[attr-defined]
        self.socket.shutdown(socket.SHUT_RDWR)


def test_the_author_shuts_the_sockets_down_in_the_supervisors_thread_and_the_thread_is_free() -> None:
    spec = group("one", "one/child", quick=PINGED)
    with House([core(), spec], {"one/child": StuckInRecv}) as house:
        old = abandoned(house)
        assert house.supervisor is not None
        assert old.events.abandoner is house.supervisor.thread  # type: ignore[attr-defined]
        house.noted("one/child", "thread_ended", 1)
        old.thread.join(WITHIN)
        assert not old.thread.is_alive()


def test_a_hook_that_fails_does_not_keep_the_supervisor_from_going_on() -> None:
    spec = group("one", "one/child", quick=PINGED)
    with House([core(), spec], {"one/child": FailsToBeAbandoned}) as house:
        assert abandoned(house).events.abandoned.is_set()
