"""The actor round the control socket: ready when it listens, gone when it ends."""

import os
from pathlib import Path

import pytest

from actors.control import ControlActor
from actors.serving import ServerFailed
from control.unix import Listener
from core.messages import Down, Ping, Pong, Ready, Stop
from tests.control.kit import ByHand, Served, control_threads
from tests.support.actors import Listener as Supervisor
from tests.support.actors import gone, listening


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def begin(supervisor: Supervisor, path: Path, gen: int = 1) -> tuple[ControlActor, Served]:
    served = Served(path)
    ref = ControlActor.start(supervisor.context("core/control", gen), path=path, services=served.services)
    actor = ref._actor_weakref()
    assert isinstance(actor, ControlActor)
    return actor, served


def test_it_is_ready_when_the_socket_answers(path: Path) -> None:
    with listening() as supervisor:
        begin(supervisor, path)
        assert supervisor.next(Ready) == Ready("core/control", 1)
        with ByHand(path) as peer:
            assert "result" in peer.ask("version")


def test_it_answers_pings_while_clients_are_served(path: Path) -> None:
    """No question passes through its mailbox."""
    with listening() as supervisor:
        actor, _ = begin(supervisor, path)
        supervisor.next(Ready)
        with ByHand(path) as tailing, ByHand(path) as half:
            tailing.ask("tail")
            half.send(b'{"half')
            actor.me.urge(Ping(1, 7))
            assert supervisor.next(Pong) == Pong("core/control", 1, 7)


def test_an_ordered_stop_ends_clients_threads_and_file(path: Path) -> None:
    with listening() as supervisor:
        actor, _ = begin(supervisor, path)
        supervisor.next(Ready)
        with ByHand(path) as idle, ByHand(path) as tailing:
            idle.ask("version")
            tailing.ask("tail")
            actor.me.urge(Stop())
            assert supervisor.next(Down).reason == "shutdown"
            assert (idle.receive(), tailing.receive()) == (None, None)
    gone(actor.thread)
    assert control_threads() == []
    assert not path.exists()


def test_a_path_that_another_daemon_has_is_a_failure_that_names_it(path: Path) -> None:
    other = Listener.open(path)
    with listening() as supervisor:
        begin(supervisor, path)
        down = supervisor.next(Down)
        assert down.reason == "link", "waiting may help, and it must never escalate"
        assert f"in use by pid {os.getpid()}" in down.detail
    assert path.is_socket(), "the other daemon keeps its file"
    other.close()


def test_a_server_that_fails_by_itself_ends_the_generation(path: Path) -> None:
    with listening() as supervisor:
        actor, _ = begin(supervisor, path)
        supervisor.next(Ready)
        actor.me.tell(ServerFailed("cannot accept any more"))
        down = supervisor.next(Down)
        assert (down.reason, "cannot accept any more" in down.detail) == ("link", True)
        gone(actor.thread)
        assert control_threads() == []


def test_the_servers_own_word_reaches_the_actor(path: Path) -> None:
    with listening() as supervisor:
        actor, _ = begin(supervisor, path)
        supervisor.next(Ready)
        actor._server_failed("the thread ended")
        assert "the thread ended" in supervisor.next(Down).detail


def test_the_next_generation_takes_over_the_path(path: Path) -> None:
    with listening() as supervisor:
        first, _ = begin(supervisor, path)
        supervisor.next(Ready)
        first.me.urge(Stop())
        supervisor.next(Down)
        begin(supervisor, path, gen=2)
        assert supervisor.next(Ready).gen == 2
        with ByHand(path) as peer:
            assert "result" in peer.ask("version")


def test_an_abandoned_generation_makes_way_at_once(path: Path) -> None:
    """Its thread may hang for ever; its clients are cut off and its socket is free."""
    with listening() as supervisor:
        hung, _ = begin(supervisor, path)
        supervisor.next(Ready)
        with ByHand(path) as peer:
            peer.ask("version")
            hung.abandon("it hangs")
            assert peer.receive() is None
        gone(hung.thread)
        assert path.is_socket(), "what might be its successor's by now is not removed"
        begin(supervisor, path, gen=2)
        supervisor.skip_to(Ready)
        with ByHand(path) as peer:
            assert "result" in peer.ask("version")


def test_an_unknown_message_is_a_bug(path: Path) -> None:
    with listening() as supervisor:
        actor, _ = begin(supervisor, path)
        supervisor.next(Ready)
        actor.me.tell("nonsense")
        assert supervisor.next(Down).reason == "bug"
        gone(actor.thread)
        assert control_threads() == []
