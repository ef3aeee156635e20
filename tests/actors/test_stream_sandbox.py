"""The stream and its REST shadow together, with Binance's own dialect, against the sandbox."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.connection import ConnectionActor
from actors.feed import Feed
from actors.inlet import Inlet
from actors.keepalive import KeepaliveActor
from actors.persistence import PersistenceActor
from actors.poller import PollerActor
from core.clock import SystemClock
from core.messages import (
    Audited,
    Down,
    Polled,
    Ready,
    Reconciled,
    ResyncNeeded,
    Rotate,
    StreamDown,
    StreamUp,
)
from core.status import LedgerVitals, Vitals
from exchanges.base import Credentials, Endpoints
from exchanges.registry import REGISTRY
from host.ticker import Ticker
from models import database
from models.read import Reader
from tests.support.actors import Listener, listening
from tests.support.peers import WAIT
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually
from transport.origin import Origins

EXCHANGE = REGISTRY["binance"]


class House:
    """One account's actors round a ledger, as the host puts them together."""

    def __init__(self, listener: Listener, box: Sandbox, folder: Path) -> None:
        self.listener = listener
        self.admin = box.admin
        self.clock = SystemClock()
        self.url = f"sqlite:///{folder / 'vigil.db'}"
        database.prepare(self.url)
        self.reader = Reader(self.url)
        self.vitals = Vitals()
        self.ticker = Ticker()
        who = box.accounts[0]
        self.shared: dict[str, Any] = {
            "account": "main",
            "exchange": EXCHANGE,
            "credentials": lambda: Credentials(who["api_key"], who["api_secret"]),
            "endpoints": Endpoints(box.rest_url, box.ws_url),
            "inlet": Inlet(folder / "spill", self.clock, LedgerVitals()),
            "vitals": self.vitals,
            "origins": Origins(self.clock),
        }
        PersistenceActor.start(
            listener.context("core/persistence"),
            url=self.url,
            inlet=self.shared["inlet"],
            feed=Feed(),
            vitals=LedgerVitals(),
        )
        listener.next(Ready)

    def connect(self, gen: int = 1) -> None:
        self.connection = ConnectionActor.start(
            self.listener.context("main/connection", gen), user_stream="auto", stale_after=45.0, **self.shared
        )

    def keep_alive(self, heartbeat: float) -> None:
        KeepaliveActor.start(
            self.listener.context("main/keepalive"),
            account="main",
            heartbeat=heartbeat,
            rotate_after=3600.0,
            connection=self.listener.directory.address("main/connection"),
            ticker=self.ticker,
        )

    def poll(self, audit_every: float = 3600.0) -> None:
        self.poller = PollerActor.start(
            self.listener.context("main/poller"),
            audit_every=audit_every,
            poll_every=0.2,
            backfill=86_400.0,
            symbols=(),
            reader=self.reader,
            **self.shared,
        )

    def trades(self) -> dict[str, str]:
        return {row["trade_id"]: row["source"] for row in self.reader.fills(account="main", limit=0)}

    def agrees(self) -> bool:
        """The ledger says what really happened."""
        truth = self.admin.truth("main")
        return sorted(self.trades()) == sorted(str(fill["trade_id"]) for fill in truth["fills"])

    def close(self) -> None:
        self.ticker.shutdown()


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


@pytest.fixture
def house(box: Sandbox, tmp_path: Path) -> Iterator[House]:
    box.admin.clear()
    with listening() as listener:
        made = House(listener, box, tmp_path)
        yield made
    made.close()
    made.reader.close()


def up(house: House) -> None:
    house.connect()
    house.listener.skip_to(Ready)


def test_the_stream_is_subscribed_and_its_fills_are_committed(house: House) -> None:
    up(house)
    house.admin.burst("main", 20)
    eventually(lambda: len(house.trades()), lambda count: count >= 20)
    assert set(house.trades().values()) == {"stream"}


def test_a_wrong_secret_is_for_the_user_to_mend(house: House) -> None:
    key = house.shared["credentials"]().api_key
    house.shared["credentials"] = lambda: Credentials(key, "x" * 64)
    house.connect()
    assert house.listener.skip_to(Down).reason == "fatal"


def test_a_swallowed_acknowledgement_never_makes_it_ready(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchanges.binance.user_stream.SUBSCRIBE_TIMEOUT", 0.3)
    house.admin.fault("swallow_subscribe_ack", account="main")
    house.connect()
    heard: list[Any] = []
    while not any(isinstance(message, Down) for message in heard):
        heard.append(house.listener.mailbox.get(WAIT * 2).message)
    assert not any(isinstance(message, Ready) for message in heard)
    assert heard[-1].reason == "link"


def test_what_happened_while_blind_is_found_by_polling_and_by_the_reconcile(house: House) -> None:
    house.admin.burst("main", 5)
    house.poll()
    house.listener.next(Ready)
    house.poller.tell(StreamDown("not connected yet"))
    house.listener.skip_to(Polled)
    assert house.agrees()
    house.admin.burst("main", 5)
    house.poller.tell(StreamUp(1))
    house.listener.skip_to(Reconciled)
    assert house.agrees()
    assert {"poll", "reconcile"} <= set(house.trades().values())


def test_one_frame_that_a_healthy_stream_lost_is_found_by_the_next_audit(house: House) -> None:
    up(house)
    house.poll(audit_every=2.0)
    house.listener.skip_to(Ready)
    house.poller.tell(StreamUp(1))
    house.listener.skip_to(Reconciled)
    house.admin.fault("lose_one", account="main")
    house.admin.burst("main", 10)
    while not house.agrees():
        house.listener.skip_to(Audited)
    assert "audit" in house.trades().values()


def test_a_heartbeat_is_answered_and_stamped(house: House) -> None:
    up(house)
    stamp = house.vitals.duties["heartbeat"]
    house.keep_alive(heartbeat=0.1)
    eventually(lambda: house.vitals.duties["heartbeat"], lambda now: now > stamp)


def test_a_subscription_that_ends_is_renewed_on_the_same_socket(house: House) -> None:
    up(house)
    house.admin.fault("stream_terminated", account="main")
    house.listener.skip_to(ResyncNeeded)
    house.admin.burst("main", 3)
    eventually(house.trades)
    assert house.listener.rest() == []


@pytest.mark.parametrize("by", ["age", "the server"])
def test_a_rotation_under_load_loses_and_doubles_nothing(house: House, by: str) -> None:
    up(house)
    before = len(house.admin.truth("main")["fills"])
    trading = threading.Thread(target=lambda: house.admin.burst("main", 60, rate=60))
    trading.start()
    if by == "age":
        house.connection.tell(Rotate("age"))
    else:
        house.admin.fault("server_shutdown", account="main")
    trading.join(WAIT * 2)
    wanted = len(house.admin.truth("main")["fills"]) - before
    eventually(lambda: len(house.trades()), lambda count: count == wanted, what=f"{wanted} fills")
    connection = house.connection._actor_weakref()
    eventually(lambda: connection._made == 2 and connection._retiring is None, what="the end of the rotation")  # type: ignore[union-attr]
    assert house.listener.rest() == []
