"""The socket against whoever sends anything: no crash, no leak, bounded memory, and everybody else is served.

The ledger behind it is a real one, in a file and on a server, because what a database
makes of a strange parameter only a database knows.
"""

import gc
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from control.connection import Limits
from control.words import HISTORIES, ROWS_PER_ANSWER, WORDS
from core.clock import SystemClock
from core.differences import Compared
from core.facts import CashMove
from core.fees import KEYS
from core.records import ConnectionState, Incident
from models.ledger import Ledger
from models.read import Reader
from tests.control.kit import WAIT, ByHand, Served, control_threads, fill, request, serve, statement
from tests.support.ledger import NOW, balance, batch, order
from tests.support.ledger import fill as filled
from tests.support.waiting import eventually

ENDLESS = frozenset({"tail"})  # their answers do not end: tried apart
CODES = {-32700, -32600, -32601, -32602, -32000}
"""All that may come of nonsense. -32603, a bug, is not among them."""


@pytest.fixture
def address(place: str) -> str:
    """A ledger with something of everything."""
    ledger = Ledger.open(place, SystemClock())
    ledger.write(
        [
            batch(order("open"), order("filled", "8"), balance("1"), filled("1"), filled("2")),
            batch(CashMove("c1", "USDT", filled().price, "deposit", NOW)),
            Incident(NOW, "k", "discrepancy", "warning", "text", "main"),
            ConnectionState(NOW, "main", "live", "reconciling", "reconciled"),
        ]
    )
    ledger.close()
    return place


@pytest.fixture
def served(address: str, tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path / "s", reader=lambda: Reader(address)) as running:
        running.pollers = {"main": Compared("not now")}
        running.reloaded = {"applied": False, "problems": []}
        yield running


# -------------------------------------------------------------------------- what is sent

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "main",
    "core",
    "spot",
    "USDT",
    "BTCUSDT",
    "7",
    "1",
    "test",
    "linear",
    "main/connection",
    "core/control",
    "main.stream",
]
MOMENTS = [
    "1h",
    "30m",
    "9999999w",
    "2023-11-14T22:13:20",
    "0001-01-01",
    "9999-12-31T23:59:59+14:00",
    "1700000000000",
]
STRANGE = ["\x00", "a\x00b", "';--", "%", "_", "\u202e", "é" * 256, "\n", "-1", "1e9", "NaN", "\U0010ffff"]
COUNTS = [0, 1, 3, 100, 5001, 2**31, 2**63 - 1, "17", "0"]
WRONG = ["", "x" * 257, -1, 2**63, 10**30, 0.5, 1e308, True, [], {}]

names = st.sampled_from([*NAMES, *HISTORIES, *KEYS])
texts = names | st.sampled_from(STRANGE) | st.text(min_size=1, max_size=20)
places = st.fixed_dictionaries(
    dict.fromkeys(["account", "category", "symbol", "side", "order_id", "asset", "exchange"], texts),
    optional={
        name: st.none() | texts | st.sampled_from(COUNTS)
        for name in ["since", "updated_at", "key", "fee_asset", "fill_seq", "seq"]
    },
)
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "count": st.sampled_from(COUNTS),
    "time": st.sampled_from([*MOMENTS, *COUNTS]),
    "flag": st.sampled_from([True, False, "true", "false"]),
    "row": places,
}
"""By the kind of a parameter: what may be said there. Beside it now and then what may not."""


@st.composite
def calls(draw: Any, *words: str) -> bytes:
    """A word with parameters that it has, and now and then one that it has not, or that does not fit."""
    word = WORDS[draw(st.sampled_from(words or sorted(set(WORDS) - ENDLESS)))]
    params = {
        param.name: draw(names if param.name in {"kind", "by", "target"} else FITTING[param.kind])
        for param in word.params
        if param.required or draw(st.booleans())
    }
    if params and draw(st.integers(0, 7)) == 0:
        params[draw(st.sampled_from(sorted(params)))] = draw(st.sampled_from(WRONG) | anything)
    if draw(st.integers(0, 19)) == 0:
        params[draw(st.text(max_size=9))] = draw(anything)
    message = {"jsonrpc": "2.0", "id": draw(st.integers() | st.text(max_size=5)), "method": word.name}
    return json.dumps({**message, "params": params}).encode() + b"\n"


broken = (
    st.binary(max_size=60)
    | st.sampled_from(
        [
            b"[" * 100_000,
            b'{"a":' * 5_000,
            b'"' + b"\\" * 999,
            b"\xff\xfe",
            b"1e999999",
            b"{}",
            b'{"id": 1, "method": "\\ud800"}',
        ]
    )
    | st.builds(json.dumps, anything).map(str.encode)
    | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params"]), anything).map(
        lambda message: json.dumps(message).encode()
    )
).map(lambda line: line.replace(b"\n", b"") + b"\n")
half = calls().map(lambda line: line[: len(line) // 2])


def well_formed(answer: dict[str, Any]) -> bool:
    """A result, or an error that is the caller's, and not said to be the database's."""
    if "error" not in answer:
        return answer["jsonrpc"] == "2.0" and "result" in answer
    error = answer["error"]
    blames_the_ledger = "cannot be used" in error["message"]
    is_short = error["message"].isprintable() and len(error["message"]) < 2000
    return error["code"] in CODES and is_short and not blames_the_ledger


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def asked(served: Served, sent: bytes) -> list[dict[str, Any]]:
    """All that comes back; nothing of it is a bug, nor does the log speak of one."""
    with capture_logs() as logged, served.peer() as peer:
        peer.send(sent)
        peer.socket.shutdown(socket.SHUT_WR)
        found = list(iter(peer.receive, None))
    assert [answer for answer in found if not well_formed(answer)] == []
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []
    assert served.failures == []
    return found


@settings(FUZZ, max_examples=60)
@given(st.lists(calls(), min_size=5, max_size=15))
def test_every_word_answers_every_parameter(served: Served, lines: list[bytes]) -> None:
    found = asked(served, b"".join(lines))
    assert [answer["id"] for answer in found] == [json.loads(line)["id"] for line in lines]


@settings(FUZZ, max_examples=50)
@given(st.lists(calls() | broken, max_size=6), half | st.just(b""))
def test_each_line_is_answered_once_whatever_it_holds(
    served: Served, lines: list[bytes], rest: bytes
) -> None:
    found = asked(served, b"".join(lines) + rest)
    silent = sum(map(is_notification, [*lines, rest]))
    assert len(found) == len(lines) + bool(rest) - silent


def is_notification(line: bytes) -> bool:
    """A request without an id, which is obeyed and never answered."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(message, dict)
        and "id" not in message
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and isinstance(message.get("params", {}), dict)
    )


@settings(FUZZ, max_examples=25)
@given(calls("tail"), st.lists(calls(), max_size=2))
def test_a_tail_with_any_parameters_is_answered_first_and_ends_with_its_client(
    served: Served, tail: bytes, more: list[bytes]
) -> None:
    with served.peer() as peer:
        peer.send(tail + b"".join(more))
        answer = peer.receive()
    assert answer is not None
    assert well_formed(answer)
    eventually(lambda: not served.server._clients(), what="the end of its thread")


# ------------------------------------------------------------------------------ leaks

BUSY = Limits(connections=16, idle=WAIT, pace=0.2, send=0.2)
HUGE = b"x" * 8_000_000
ROOM = 64 * 2**20
"""What 16 clients may cost: a line of 1 MiB and an answer each, and some more. Eight times that is sent."""


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def sent(peer: ByHand, data: bytes) -> None:
    with suppress(OSError):  # it was shown out in the midst of it
        peer.send(data)


def half_a_line(peer: ByHand) -> None:
    sent(peer, b'{"jsonrpc":')


def a_huge_line(peer: ByHand) -> None:
    sent(peer, HUGE)


def many_questions_and_no_ear(peer: ByHand) -> None:
    sent(peer, request("fills", limit=0) * 50)


def a_tail_and_no_ear(peer: ByHand) -> None:
    sent(peer, request("tail", after=0))


def nothing(_peer: ByHand) -> None:
    pass


ABUSES: tuple[Callable[[ByHand], None], ...] = (
    half_a_line,
    a_huge_line,
    many_questions_and_no_ear,
    a_tail_and_no_ear,
    nothing,
)


@contextmanager
def crowd(served: Served, size: int) -> Iterator[list[ByHand]]:
    """So many clients at once, each on a thread of its own with its own way to misbehave."""
    peers = [served.peer() for _ in range(size)]
    threads = [
        threading.Thread(target=ABUSES[at % len(ABUSES)], args=(peer,)) for at, peer in enumerate(peers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield peers
    finally:
        for peer in peers:
            with suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(WAIT)
        for peer in peers:
            with peer:
                pass
        assert not any(thread.is_alive() for thread in threads)


def is_answered(served: Served) -> bool:
    """Who finds no place in a crowd is told so, or cut, and comes again."""
    try:
        return "result" in served.ask("version")
    except OSError:
        return False


def test_a_crowd_of_the_worst_clients_costs_a_bounded_amount_and_leaves_nothing(tmp_path: Path) -> None:
    with capture_logs() as logged, serve(tmp_path / "s", limits=BUSY) as served:
        served.ledger.facts = [fill(seq) for seq in range(1, ROWS_PER_ANSWER + 1)]
        served.ledger.journaled = [statement(seq) for seq in range(1, 1001)]
        gc.collect()  # what others left open is not counted as ours
        before = descriptors(), len(control_threads())
        kept = []
        tracemalloc.start()
        try:
            for _ in range(3):
                with crowd(served, 30):
                    eventually(lambda: is_answered(served), what="a decent client among them")
                eventually(lambda: len(control_threads()) == before[1], what="the end of their threads")
                gc.collect()
                kept.append(tracemalloc.get_traced_memory()[0])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < ROOM
        assert kept[2] - kept[0] < 2**20
        assert (descriptors(), len(control_threads())) == before
        assert served.ledger.open == 0
        assert served.ask("version")["result"]["version"] == "1.2.3"
        assert served.failures == []
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []
