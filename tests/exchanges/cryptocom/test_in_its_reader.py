"""The session in the hands of a real connection: what only the two together can show."""

import json
from pathlib import Path

import pytest

from core.messages import Ready, SendHeartbeat
from exchanges.cryptocom import Cryptocom, stream
from exchanges.cryptocom.stream import NEEDED, USEFUL
from tests.actors.streams import Scene, scene
from tests.support.actors import listening
from tests.support.peers import TEXT, Guest
from tests.support.waiting import eventually


def let_in(guest: Guest) -> None:
    """Accept the authentication and every channel."""
    guest.greet()
    for _ in range(1 + len(NEEDED) + len(USEFUL)):
        request = json.loads(guest.expect(TEXT))
        guest.text(json.dumps({"id": request["id"], "method": request["method"], "code": 0}))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE", 0.01)


def test_what_is_to_be_sent_later_is_sent_and_the_session_comes_up(tmp_path: Path) -> None:
    def manners(guest: Guest) -> None:
        let_in(guest)
        guest.until_gone()

    with listening() as listener, scene(listener, tmp_path, manners, exchange=Cryptocom()):
        listener.skip_to(Ready)


def test_a_heartbeat_of_the_server_is_answered_from_the_socket_itself(tmp_path: Path) -> None:
    answers: list[object] = []

    def manners(guest: Guest) -> None:
        let_in(guest)
        guest.text('{"id":1587523073344,"method":"public/heartbeat","code":0}')
        answers.append(json.loads(guest.expect(TEXT)))
        guest.until_gone()

    with listening() as listener, scene(listener, tmp_path, manners, exchange=Cryptocom()):
        listener.skip_to(Ready)
        eventually(lambda: answers)
    assert answers == [{"id": 1587523073344, "method": "public/respond-heartbeat"}]


def test_a_peer_that_answers_pings_and_says_nothing_else_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "QUIET_MS", 50)

    def manners(guest: Guest) -> None:
        let_in(guest)
        guest.until_gone()

    def is_down(one: Scene) -> bool:
        if one.ref.is_alive():
            one.ref.tell(SendHeartbeat())
        return not one.ref.is_alive()

    with listening() as listener, scene(listener, tmp_path, manners, exchange=Cryptocom()) as one:
        listener.skip_to(Ready)
        eventually(lambda: is_down(one), what="the end of a session that hears pongs only")
        assert one.down().reason == "link"
