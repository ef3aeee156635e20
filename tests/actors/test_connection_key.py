"""A stream that is entered by a key: taken, renewed, lost, refused, and its second way."""

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.connection import _Look
from actors.memory import Held, StreamMemory
from core.clock import SystemClock
from core.messages import Down, Ready, RenewKey, StreamProgressed, Warned
from core.records import Incident
from exchanges.base import Endpoints
from exchanges.registry import REGISTRY
from tests.actors.streams import Scene, no_readers_left
from tests.exchanges.binance.frames import trade
from tests.support.actors import Listener, listening
from tests.support.peers import TEXT, WAIT, Answered, Asked, Guest, rest_peer, stream_peer
from tests.support.waiting import eventually

PATH = "/api/v3/userDataStream"
GONE = Answered(b"<html>410 Gone</html>", 410)
UNKNOWN_KEY = Answered(b'{"code":-1125,"msg":"This listenKey does not exist."}', 400)
BROKEN = Answered(b"<html>oops</html>", 500)


class Host:
    """The exchange: gives out keys, lets sockets in, and answers what the test puts into `answers`."""

    def __init__(self) -> None:
        self.number = 1
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, list[Answered]] = {"POST": [], "PUT": []}
        self.always: Answered | None = None
        self.paths: list[str] = []
        self.api_refuses = False
        self.guests: queue.Queue[Guest] = queue.Queue()

    def answer(self, asked: Asked) -> Answered:
        self.asked.append((asked.method, asked.target))
        assert asked.headers["x-mbx-apikey"] == "the-api-key"
        if self.always is not None:
            return self.always
        if self.answers[asked.method]:
            return self.answers[asked.method].pop(0)
        return Answered(json.dumps({"listenKey": self.key}).encode() if asked.method == "POST" else b"{}")

    def script(self, guest: Guest) -> None:
        self.paths.append(guest.greet().split()[1])
        if self.paths[-1].endswith("/ws-api/v3"):
            request = json.loads(guest.expect(TEXT))
            if self.api_refuses:
                error = {"code": -1020, "msg": "Unknown method"}
                guest.text(json.dumps({"id": request["id"], "status": 400, "error": error}))
            else:
                guest.text(json.dumps({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}}))
        self.guests.put(guest)
        guest.until_gone()

    @property
    def key(self) -> str:
        return f"listen-key-number-{self.number}"

    def next(self) -> Guest:
        return self.guests.get(timeout=WAIT)

    def calls(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.asked)


class Keyed(Scene):
    """A connection to that host; `start` it as often as it ended."""

    host: Host
    memory: StreamMemory

    @property
    def kinds(self) -> list[str]:
        return self.incidents()

    def renew(self) -> None:
        self.ref.tell(RenewKey(self.clock.boottime()))

    def again(self, gen: int = 2) -> None:
        self.ref.stop(block=True, timeout=WAIT)
        self.listener.rest()
        self.start(gen)


@contextmanager
def keyed(
    listener: Listener, folder: Path, *, ws_api: bool = True, held: Held | None = None
) -> Iterator[Keyed]:
    host = Host()
    with stream_peer(host.script) as stream, rest_peer(host.answer) as rest:
        clock = SystemClock()
        memory = StreamMemory(clock, held=held)
        scene = Keyed(
            listener, folder, stream.url, clock, exchange=REGISTRY["binance_us"], rest=rest.url, memory=memory
        )
        base = stream.url.removesuffix("/ws")
        scene.host, scene.memory = host, memory
        scene.endpoints = Endpoints(rest.url, f"{base}/ws", ws_api=f"{base}/ws-api/v3" if ws_api else "")
        scene.start()
        try:
            yield scene
        finally:
            scene.ref.stop(block=True, timeout=WAIT)
            no_readers_left()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture
def live(listener: Listener, tmp_path: Path) -> Iterator[Keyed]:
    with keyed(listener, tmp_path) as scene:
        listener.skip_to(Ready)
        yield scene


# ------------------------------------------------------------------------- coming up


def test_a_key_is_asked_for_first_and_leads_to_the_socket(live: Keyed) -> None:
    assert live.host.asked == [("POST", PATH)]
    live.host.next()
    assert live.host.paths == [f"/ws/{live.host.key}"]
    assert live.memory.held is not None
    assert live.memory.held.key == live.host.key
    assert set(live.vitals.duties) == {"heartbeat", "rotation", "listen_key"}


def test_facts_come_and_no_key_is_kept_in_what_came(live: Keyed) -> None:
    guest = live.host.next()
    guest.text(json.dumps({"stream": live.host.key, "data": trade(t=7)}))
    (batch, *_) = live.tap.trades("7")
    assert live.host.key not in str(batch.raw)
    assert "[masked]" in str(batch.raw)


def test_a_refused_key_is_for_a_person(listener: Listener, tmp_path: Path) -> None:
    with keyed(listener, tmp_path) as scene:
        listener.skip_to(Ready)
        scene.host.always = Answered(b'{"code":-2015,"msg":"Invalid API-key"}', 401)
        scene.again()
        assert listener.skip_to(Down).reason == "fatal"


def test_a_key_that_cannot_be_confirmed_is_used_while_it_must_be_alive(live: Keyed) -> None:
    live.host.next()
    live.host.answers["POST"] = [BROKEN]
    live.again()
    live.listener.skip_to(Ready)
    live.host.next()
    assert live.host.paths == [f"/ws/{live.host.key}"] * 2


def test_one_that_may_have_expired_is_not(listener: Listener, tmp_path: Path) -> None:
    old = Held("an-old-key", SystemClock().boottime() - 3601)
    with keyed(listener, tmp_path, held=old) as scene:
        listener.skip_to(Ready)
        scene.host.answers["POST"] = [BROKEN]
        scene.memory._held = old
        scene.again()
        assert listener.skip_to(Down).reason == "link"


# -------------------------------------------------------------------------- renewals


def test_a_renewal_prolongs_the_key_on_the_same_socket(live: Keyed) -> None:
    before = live.memory.held
    live.renew()
    live.settle()
    assert live.host.asked[-1] == ("PUT", f"{PATH}?listenKey={live.host.key}")
    assert live.memory.held is not None
    assert before is not None
    assert live.memory.held.renewed_at > before.renewed_at
    assert live.vitals.duties["listen_key"] >= live.memory.held.renewed_at
    assert live.listener.rest() == []


def test_a_renewal_that_fails_is_one_incident_and_the_next_ends_it(live: Keyed) -> None:
    live.host.answers["PUT"] = [BROKEN, BROKEN]
    stamp = live.vitals.duties["listen_key"]
    for _ in range(2):
        live.renew()
        live.settle()
    assert live.vitals.duties["listen_key"] == stamp
    assert set(live.kinds) == {"listen_key"}
    live.renew()
    live.settle()
    assert live.vitals.duties["listen_key"] > stamp
    last = [record for record in live.listener.records if isinstance(record, Incident)][-1]
    assert (last.kind, last.resolved) == ("listen_key", True)


def test_what_was_asked_for_during_a_try_is_not_tried_again(live: Keyed) -> None:
    asked_at = live.clock.boottime()
    for _ in range(5):
        live.ref.tell(RenewKey(asked_at))
    live.settle()
    assert live.host.calls("PUT") == 1


def test_a_key_that_is_unknown_is_left_for_a_new_one(live: Keyed) -> None:
    live.host.answers["PUT"] = [UNKNOWN_KEY]
    live.renew()
    down = live.down()
    assert (down.reason, down.retry_after) == ("link", None)
    assert live.memory.held is None
    live.host.number = 2
    live.again()
    live.listener.skip_to(Ready)
    eventually(lambda: live.host.paths[-1], lambda path: path == "/ws/listen-key-number-2")
    assert live.kinds == ["listen_key"]


def test_a_key_that_is_said_to_have_expired_too(live: Keyed) -> None:
    live.host.next().text(json.dumps({"e": "listenKeyExpired", "E": 1, "listenKey": live.host.key}))
    down = live.down()
    assert down.reason == "link"
    assert live.host.key not in down.detail
    assert live.memory.held is None


def test_a_key_that_nobody_renewed_for_an_hour_is_dead_though_the_socket_lives(live: Keyed) -> None:
    live.memory._held = Held(live.host.key, live.clock.boottime() - 3600)
    live.ref.tell(_Look())
    assert "not renewed for 60 min" in live.down().detail
    assert live.memory.held is None


def test_no_stop_ever_deletes_a_key(live: Keyed) -> None:
    live.again()
    live.listener.skip_to(Ready)
    live.ref.stop(block=True, timeout=WAIT)
    assert {method for method, _ in live.host.asked} == {"POST"}


def test_the_duties_of_a_stream_end_with_it(live: Keyed) -> None:
    live.ref.stop(block=True, timeout=WAIT)
    assert live.vitals.duties == {}


# ---------------------------------------------------------------------- the other way


def test_where_listen_keys_have_ended_the_next_try_takes_the_other_way(live: Keyed) -> None:
    live.host.always = GONE
    live.again()
    down = live.listener.skip_to(Down)
    assert (down.reason, down.retry_after) == ("link", None)
    live.again(3)
    live.listener.skip_to(Ready)
    assert live.host.paths[-1].endswith("/ws-api/v3")
    assert live.kinds == ["protocol_changed"]
    assert live.memory.held is None
    assert "listen_key" not in live.vitals.duties
    live.again(4)
    live.listener.skip_to(Ready)
    assert live.host.calls("POST") == 2


def test_where_both_have_ended_there_is_one_try_a_minute_and_one_incident(live: Keyed) -> None:
    live.host.always, live.host.api_refuses = GONE, True
    waits = []
    for gen in range(2, 6):
        live.again(gen)
        waits.append(live.listener.skip_to(Down).retry_after)
    assert waits == [None, 60, 60, 60]
    opened = [r for r in live.listener.records if isinstance(r, Incident) and not r.resolved]
    assert {incident.key for incident in opened} == {"main:stream:protocol_changed"}


def test_a_notice_stands_while_no_way_leads_to_a_stream(live: Keyed) -> None:
    live.host.always, live.host.api_refuses = GONE, True
    for gen in (2, 3):
        live.again(gen)
        live.listener.skip_to(Down)
    live.host.always, live.host.api_refuses = None, False
    live.again(4)
    notice = live.listener.next(Warned)
    assert notice.key == "stream"
    assert notice.text
    while not isinstance(message := live.listener.mailbox.get(WAIT).message, Warned):
        assert isinstance(message, StreamProgressed)
    assert message.text is None


def test_without_a_second_way_there_is_one_try_a_minute(listener: Listener, tmp_path: Path) -> None:
    with keyed(listener, tmp_path, ws_api=False) as scene:
        listener.skip_to(Ready)
        scene.host.always = GONE
        for gen in (2, 3):
            scene.again(gen)
            assert listener.skip_to(Down).retry_after == 60
        assert set(scene.kinds) == {"protocol_changed"}


def test_a_renewal_that_is_gone_goes_over_to_the_other_way_without_a_gap(live: Keyed) -> None:
    first = live.host.next()
    live.host.answers["PUT"] = [GONE]
    live.renew()
    second = live.host.next()
    first.text(json.dumps(trade(t=1)))
    second.text(json.dumps({"subscriptionId": 0, "event": trade(t=2)}))
    live.tap.trades("1", "2")
    eventually(lambda: live.memory.held, lambda held: held is None, what="a stream without a key")
    assert live.host.paths[-1].endswith("/ws-api/v3")
    assert live.kinds == ["protocol_changed"]
    assert not any(isinstance(message, Down) for message in live.listener.rest())


def test_a_renewal_that_is_gone_is_asked_for_once_a_minute(listener: Listener, tmp_path: Path) -> None:
    with keyed(listener, tmp_path, ws_api=False) as scene:
        listener.skip_to(Ready)
        scene.host.always = GONE
        for _ in range(3):
            scene.renew()
            scene.settle()
        assert scene.host.calls("PUT") == 1
        assert scene.listener.rest() == []
