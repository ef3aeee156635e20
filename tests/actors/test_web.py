"""The actor round the page's server: ready when the port is ours, gone when it ends."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.serving import ServerFailed
from actors.web import WebActor
from core.errors import FatalError
from core.messages import Down, Ping, Pong, Ready, Stop
from core.status import WebVitals
from tests.support.actors import Listener, gone, listening
from tests.support.waiting import eventually
from tests.web.kit import Ears, Site, web_threads
from web.server import Where

ANY = Where("127.0.0.1", 0)


class Begun:
    """A generation of the actor, over a daemon of memory."""

    def __init__(
        self, supervisor: Listener, home: Path, where: Where | None = ANY, gen: int = 1, **options: Any
    ) -> None:
        self.vitals = WebVitals()
        ref = WebActor.start(
            supervisor.context("core/web", gen),
            where=where,
            services=Site(home).daemon.services,
            vitals=self.vitals,
            **{"token": lambda: "", **options},
        )
        self._actor = ref._actor_weakref()  # None where it has ended already

    @property
    def actor(self) -> WebActor:
        assert isinstance(self._actor, WebActor)
        return self._actor

    @property
    def place(self) -> tuple[str, int]:
        assert self.vitals.address is not None
        host, _, port = self.vitals.address.removeprefix("http://").partition(":")
        return host, int(port)

    def greeted(self) -> Ears:
        ears = Ears(self.place, "/events", {})
        ears.hello = ears.next("hello")
        return ears


def test_it_is_ready_when_the_port_is_ours_and_says_which(tmp_path: Path) -> None:
    with listening() as supervisor:
        begun = Begun(supervisor, tmp_path)
        assert supervisor.next(Ready) == Ready("core/web", 1)
        with begun.greeted() as ears:
            assert ears.hello["name"] == "hello"


def test_where_the_page_is_switched_off_it_is_ready_and_serves_nothing(tmp_path: Path) -> None:
    with listening() as supervisor:
        begun = Begun(supervisor, tmp_path, where=None)
        assert supervisor.next(Ready) == Ready("core/web", 1)
        assert (begun.vitals.address, web_threads()) == (None, [])
        begun.actor.me.urge(Stop())
        assert supervisor.next(Down).reason == "shutdown"


def test_it_answers_pings_while_clients_are_served(tmp_path: Path) -> None:
    """No request passes through its mailbox."""
    with listening() as supervisor:
        begun = Begun(supervisor, tmp_path)
        supervisor.next(Ready)
        with begun.greeted():
            begun.actor.me.urge(Ping(1, 7))
            assert supervisor.next(Pong) == Pong("core/web", 1, 7)


def test_an_ordered_stop_ends_clients_threads_and_address(tmp_path: Path) -> None:
    with listening() as supervisor:
        begun = Begun(supervisor, tmp_path)
        supervisor.next(Ready)
        with begun.greeted() as ears:
            begun.actor.me.urge(Stop())
            assert supervisor.next(Down).reason == "shutdown"
            assert ears.ended()
    gone(begun.actor.thread)
    eventually(lambda: not web_threads(), what="no thread left")
    assert begun.vitals.address is None


def test_a_port_that_another_program_has_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with closing(socket.socket()) as other, listening() as supervisor:
        other.bind(("127.0.0.1", 0))
        other.listen()
        begun = Begun(supervisor, tmp_path, Where(*other.getsockname()))
        down = supervisor.next(Down)
        assert down.reason == "link", "waiting may help, and it must never escalate"
        assert "is in use by another program" in down.detail
        assert begun.vitals.address is None


def test_a_token_that_cannot_be_had_is_fatal(tmp_path: Path) -> None:
    def token() -> str:
        raise FatalError("env:TOKEN: the environment variable TOKEN is not set")

    with listening() as supervisor:
        Begun(supervisor, tmp_path, token=token)
        down = supervisor.next(Down)
        assert (down.reason, down.detail) == ("fatal", "env:TOKEN: the environment variable TOKEN is not set")


def test_a_server_that_fails_by_itself_ends_the_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a test")

    monkeypatch.setattr("web.app.build", broken)
    with listening() as supervisor:
        Begun(supervisor, tmp_path)
        supervisor.next(Ready)
        down = supervisor.next(Down)
        assert (down.reason, "ZeroDivisionError" in down.detail) == ("link", True)


def test_the_next_generation_has_the_same_port(tmp_path: Path) -> None:
    with listening() as supervisor:
        begun = Begun(supervisor, tmp_path)
        supervisor.next(Ready)
        place = begun.place
        with begun.greeted():
            begun.actor.me.urge(ServerFailed("a test"))
            supervisor.next(Down)
        gone(begun.actor.thread)
        successor = Begun(supervisor, tmp_path, Where(*place), gen=2)
        assert supervisor.next(Ready) == Ready("core/web", 2)
        with successor.greeted() as ears:
            assert ears.hello["name"] == "hello"


def test_one_that_is_abandoned_leaves_its_port_to_the_next(tmp_path: Path) -> None:
    with listening() as supervisor:
        begun = Begun(supervisor, tmp_path)
        supervisor.next(Ready)
        place = begun.place
        with begun.greeted() as ears:
            begun.actor.abandon("a test")
            successor = Begun(supervisor, tmp_path, Where(*place), gen=2)
            assert supervisor.skip_to(Ready) == Ready("core/web", 2)
            assert ears.ended()
            assert successor.vitals.address is not None
