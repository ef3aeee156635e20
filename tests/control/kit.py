"""A daemon's inside for tests of its socket: services that answer from memory.

The ledger is a list of rows, the supervisor a list of commands, the feed a
condition. The clock is the real one: nothing here waits for it.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from control.connection import Limits
from control.server import Server
from control.services import Services
from control.unix import connect
from control.uptimes import Uptimes
from core.clock import SystemClock
from core.differences import Compared
from core.errors import VigilError
from core.messages import Command, Compare
from core.status import AccountStatus, ChildStatus, Document, GroupStatus, Snapshot
from models.read import Row

WAIT = 30.0  # seconds until a test gives up waiting

STATUS: Document = {
    "state": "ok",
    "version": "1.2.3",
    "pid": 4711,
    "started_at": 1_700_000_000_000,
    "settings": {"path": "/etc/vigil/settings.toml", "error": None, "warnings": []},
    "accounts": [
        {
            "account": "main",
            "exchange": "bybit",
            "sandbox": False,
            "state": "live",
            "since": 1_700_000_000_000,
            "transport_age_s": 1.2,
            "subscribed": True,
            "audit_age_s": None,
            "proven_to": None,
            "polling": False,
            "reconnects": 0,
            "breaker": {"mode": "closed", "failures": 0, "retry_in_s": None},
            "last_event_at": None,
            "held_reason": None,
            "warnings": [],
            "duties": {},
        }
    ],
    "actors": [
        {
            "id": "core/control",
            "group": "core",
            "phase": "running",
            "generation": 1,
            "restarts": 0,
            "last_reason": None,
            "last_detail": None,
            "mailbox": {"depth": 0, "high": 3, "dropped": 0},
        }
    ],
    "ledger": {
        "sequence": 0,
        "fills": 0,
        "orders": 0,
        "spilled": 0,
        "commit_p99_ms": None,
        "event_to_commit_p50_ms": None,
        "event_to_commit_p99_ms": None,
    },
    "alerts": [],
}

SNAPSHOT = Snapshot(
    state="running",
    children=(
        ChildStatus(id="main/connection", group="main.stream", phase="running", generation=1, restarts=0),
        ChildStatus(id="core/control", group="core", phase="running", generation=1, restarts=0),
    ),
    groups=(
        GroupStatus(id="main.stream", mode="closed", failures=0),
        GroupStatus(id="core", mode="closed", failures=0),
    ),
    accounts=(AccountStatus(account="main", exchange="bybit", state="live", since=0),),
)


def degraded() -> Document:
    """The same daemon with its account blind."""
    document: Document = json.loads(json.dumps(STATUS))
    document["state"] = "degraded"
    document["accounts"][0]["state"] = "tripped"
    document["accounts"][0]["breaker"] = {"mode": "open", "failures": 5, "retry_in_s": 12.0}
    return document


def fill(seq: int, **changed: Any) -> Row:
    """A row of `fills` as the contract has it."""
    row = {
        "seq": seq,
        "account": "main",
        "exchange": "bybit",
        "category": "spot",
        "symbol": "BTCUSDT",
        "trade_id": f"t{seq}",
        "order_id": "o1",
        "client_order_id": None,
        "side": "buy",
        "price": "60000.10",
        "quantity": "0.001",
        "fee": "0.00006",
        "fee_asset": "BNB",
        "liquidity": "maker",
        "kind": "trade",
        "traded_at": 1_700_000_000_000 + seq,
        "recorded_at": 1_700_000_000_000 + seq,
        "source": "stream",
    }
    return {**row, **changed}


def statement(seq: int, **changed: Any) -> Row:
    """A row of the journal."""
    row = {
        "seq": seq,
        "boot": "b1",
        "account": "main",
        "exchange": "bybit",
        "kind": "fill",
        "category": "spot",
        "symbol": "BTCUSDT",
        "key": f"o1/t{seq}",
        "source": "stream",
        "outcome": "applied",
        "exchange_at": 1_700_000_000_000 + seq,
        "received_at": 1_700_000_000_000 + seq,
        "recorded_at": 1_700_000_000_000 + seq,
        "fact": {"fact": "fill", "side": "buy", "price": "60000.10"},
    }
    return {**row, **changed}


class Feed:
    """The feed's promise on a condition; `asleep` is set while somebody waits on it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._sequence = 0
        self.asleep = threading.Event()

    def publish(self, sequence: int) -> None:
        with self._condition:
            self._sequence = sequence
            self._condition.notify_all()

    def wait(self, after: int, timeout: float) -> int:
        with self._condition:
            self.asleep.set()
            self._condition.wait_for(lambda: self._sequence > after, timeout)
            return self._sequence


class Turns:
    """Gives a turn to everybody at once, and counts them."""

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        self.taken += 1
        yield


class Ledger:
    """The reader's promises over lists, for any number of threads; counts who has it open."""

    def __init__(self) -> None:
        self.facts: list[Row] = []
        self.journaled: list[Row] = []
        self.states: list[Row] = []
        self.incident_ids: set[int] = set()
        self.open = 0
        self.broken: Exception | None = None
        self.asked: list[dict[str, Any]] = []

    def reader(self) -> "Ledger":
        self.open += 1
        return self

    def close(self) -> None:
        self.open -= 1

    def fills(self, **asked: Any) -> list[Row]:
        self.asked.append(asked)
        if self.broken:
            raise self.broken
        rows = [
            row
            for row in self.facts
            if asked["account"] in (None, row["account"])
            and asked["symbol"] in (None, row["symbol"])
            and (asked["since"] or 0) <= row["traded_at"]
            and (asked["after"] or 0) < row["seq"]
        ]
        limit = min(asked["limit"] or 5000, 5000)
        newest_first = asked["after"] is None and asked["limit"]
        return rows[-limit:] if newest_first else rows[:limit]

    def trades(self, **_asked: Any) -> list[Row]:
        return []

    def transitions(self, *, after: int) -> list[Row]:
        if self.broken:
            raise self.broken
        return [dict(row) for row in self.states if row["id"] > after]

    def alive_at(self, account: str, *, before: int) -> int | None:
        return None

    def has_incident(self, incident: int) -> bool:
        return incident in self.incident_ids

    def sequence(self) -> int:
        return max((row["seq"] for row in self.journaled), default=0)

    def journal(self, *, after: int, limit: int) -> list[Row]:
        if self.broken:
            raise self.broken
        return [row for row in self.journaled if row["seq"] > after][:limit]


def price(symbol: str, *accounts: str, why: str | None = None) -> Document:
    """A row of `prices`, of one that is good unless it is said why not."""
    return {
        "accounts": list(accounts),
        "exchange": "bybit",
        "category": "spot",
        "symbol": symbol,
        "bid": "95000",
        "ask": "95009.5",
        "age_s": 0.4,
        "source": "stream",
        "good": why is None,
        "refused": {"jump": 2, "empty": 1} if why else {},
        "why": why,
    }


class Served:
    """A running server, and what it serves; `reader` is another ledger than the one of memory."""

    def __init__(self, path: Path, *, reader: Any = None, **server: Any) -> None:
        self.path = path
        self.status: Document = STATUS
        self.told: list[Command] = []
        self.takes_commands = True
        self.when_told: Callable[[], object] = lambda: None
        self.ledger = Ledger()
        self.feed = Feed()
        self.turns = Turns()
        self.failures: list[str] = []
        self.pollers: dict[str, Compared | None] = {"main": None}
        self.questions: list[tuple[str, Compare]] = []
        self.snapshot = SNAPSHOT
        self.reloaded: Document | None = None  # what a reload comes to; None: it never ends
        self.reloads: list[str] = []
        self.trials: list[Row] = []
        self.disturbed: list[Mapping[str, Any]] = []  # what the sandbox was asked for
        self.refusal: VigilError | None = None  # why it does nothing
        self.services = Services(
            status=lambda: self.status,
            snapshot=lambda: self.snapshot,
            tell=self._tell,
            compare=self._compare,
            reload=self._reload,
            watched=lambda _account: None,
            uptimes=Uptimes(newest=0),
            reader=reader or self.ledger.reader,  # type: ignore[arg-type]
            feed=self.feed,
            clock=SystemClock(),
            version="1.2.3",
            pid=os.getpid(),
            prices=lambda: [price("BTCUSDT", "main", "spare"), price("ETHUSDT", "spare", why="it is old")],
            turn=self.turns.turn,
            try_alerts=lambda channel: [row for row in self.trials if channel in (None, row["channel"])],
            disturb=self._disturb,
        )
        self.server = Server(path, self.services, failed=self.failures.append, **server)

    def _compare(self, account: str, question: Compare) -> bool:
        """Kept, for the test to answer; where it has its answers ready they come at once."""
        if account not in self.pollers:
            return False
        self.questions.append((account, question))
        if (ready := self.pollers[account]) is not None:
            question.reply(ready)
        return True

    def _disturb(self, faults: Sequence[Mapping[str, Any]]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.disturbed += faults

    def _reload(self, cause: str, reply: Callable[[Document], object]) -> None:
        self.reloads.append(cause)
        if self.reloaded is not None:
            reply(self.reloaded)

    def _tell(self, command: Command) -> bool:
        if self.takes_commands:
            self.told.append(command)
            self.when_told()
        return self.takes_commands

    def commit(self, *rows: Row) -> None:
        """Journal rows and say so, as the writer does after its commit."""
        self.ledger.journaled.extend(rows)
        self.feed.publish(rows[-1]["seq"])

    def peer(self) -> "ByHand":
        return ByHand(self.path)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One question on a connection of its own, and the whole answer."""
        with self.peer() as peer:
            return peer.ask(method, **params)


class ByHand:
    """A client that sends exactly what it is told to."""

    def __init__(self, path: Path) -> None:
        self.socket = connect(path, timeout=WAIT)
        self._lines = self.socket.makefile("rb")

    def __enter__(self) -> "ByHand":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> dict[str, Any] | None:
        """The next message, None at the end of the connection."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def receive_whole(self) -> dict[str, Any] | None:
        """The next message that came whole, None at the end, even one in the middle of a line."""
        line = self._lines.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self.send(request(method, **params))
        answer = self.receive()
        assert answer is not None, "the server hung up"
        return answer


def request(method: str, id_: Any = 1, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).encode() + b"\n"


@contextmanager
def serve(path: Path, *, limits: Limits | None = None, **server: Any) -> Iterator[Served]:
    """A server on `path`; every thread of it is gone at the end, or the test fails."""
    served = Served(path, limits=limits or Limits(), **server)
    served.server.start()
    try:
        yield served
    finally:
        assert served.server.stop(WAIT), "a thread of the server is left"
        assert control_threads() == []
        assert served.ledger.open == 0


def control_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("control-")]
