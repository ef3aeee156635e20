"""An exchange that answers nonsense, on its stream and by REST, to a daemon that has other accounts too.

Servers that follow a script stand in for it. Every account meets another kind of
nonsense, all in one daemon: what is odd is journalled, what breaks the protocol
costs a connection, and nothing is ever a bug, whose deaths would add up to the
end of the daemon (S11).
"""

import json
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.peers import (
    BINARY,
    TEXT,
    Answered,
    Asked,
    Guest,
    RestPeer,
    StreamPeer,
    frame,
    rest_peer,
    stream_peer,
)
from tests.support.waiting import eventually

REPORT = {
    "e": "executionReport", "E": 1790000000003, "s": "ETHBTC", "c": "mine-1", "S": "BUY", "o": "LIMIT", "f": "GTC",
    "q": "1.50000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "TRADE",
    "X": "FILLED", "r": "NONE", "i": 4293153, "l": "1.50000000", "z": "1.50000000", "L": "0.10000000",
    "n": "0.00050000", "N": "ETH", "T": 1790000000000, "t": 77, "I": 8641990, "w": False, "m": True, "M": True,
    "O": 1789999940000, "Z": "0.15000000", "Y": "0.15000000", "Q": "0.00000000", "W": 1789999940000, "V": "NONE",
}  # fmt: skip


def event(**changes: Any) -> str:
    """A private event as the WS API wraps it."""
    return json.dumps({"subscriptionId": 0, "event": {**REPORT, **changes}})


def wrapped(**event: Any) -> str:
    return json.dumps({"subscriptionId": 0, "event": event})


def framed(*texts: str) -> bytes:
    return b"".join(frame(TEXT, text.encode()) for text in texts)


# ------------------------------------------------------------------------- on the stream

ODD: Mapping[str, bytes] = {
    "no-json": framed("", "{", "nonsense", "[]", "1", '"text"', "null", "true"),
    "too-deep": framed("[" * 100_000, '{"event":' * 20_000),
    "no-event": framed("{}", '{"event":[]}', '{"event":1}', '{"event":null}', '{"subscriptionId":0,"event":"x"}'),
    "events": framed(
        wrapped(),
        wrapped(e=1),
        wrapped(e=[]),
        wrapped(e="unheardOf", x=[1, 2]),
        wrapped(e="executionReport"),
        wrapped(e="outboundAccountPosition"),
        wrapped(e="outboundAccountPosition", E=1, u=1, B={}),
        wrapped(e="outboundAccountPosition", E=1, u=1, B=[1, "x", None, {"a": 1}]),
        wrapped(e="balanceUpdate", a="BTC", d=[], T="x"),
        wrapped(e="externalLockUpdate"),
    ),
    "values": framed(
        event(i="abc"),
        event(i=None),
        event(q="NaN", i=11),
        event(q=[], i=12),
        event(L="1e999999999", i=13),
        event(S=7, X={}, i=14),
        event(T="soon", t=1, i=15),
        event(t={}, i=16),
    ),
    "bytes": frame(BINARY, b"\x00\x01\xff") + frame(TEXT, b"\xff\xfe\xfd") + frame(TEXT, b"cut \xc3"),
}  # fmt: skip
"""What is odd and ends nothing, by account."""

BREAKING: Mapping[str, bytes] = {
    "garbage": framed(*["garbage"] * 12),
    "oversized": b"\x81\x7f" + struct.pack(">Q", 5 << 20) + b"x" * 100_000,
    "reserved": b"\xf1\x02{}",
    "masked": b"\x81\x82\x00\x00\x00\x00{}",
    "refusal": framed(json.dumps({"status": [], "id": None, "error": []})),
}
"""After this nobody knows where the next frame begins, or whether one will."""


def script(first: bytes) -> Any:
    """Grant the subscription; then the nonsense, at the first visit only; then one good trade."""
    visits = iter([first])

    def serve(guest: Guest) -> None:
        guest.greet()
        asked = json.loads(guest.expect(TEXT))
        guest.text(json.dumps({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}))
        guest.raw(next(visits, b"") + framed(event()))
        guest.until_gone()

    return serve


def sound(asked: Asked) -> Answered:
    """What an exchange says that knows of nothing."""
    answers: Mapping[str, Any] = {
        "/api/v3/time": {"serverTime": int(time.time() * 1000)},
        "/api/v3/account": {"balances": []},
        "/api/v3/exchangeInfo": {"symbols": []},
        "/api/v3/order": {"code": -2013, "msg": "Order does not exist."},
        "/sapi/v1/account/apiRestrictions": {},
    }
    status = 400 if asked.path == "/api/v3/order" else 200
    return Answered(json.dumps(answers.get(asked.path, [])).encode(), status)


def settings(exchanges: Mapping[str, tuple[str, str]]) -> str:
    """Accounts by name, each with the REST and the stream of its own exchange."""
    text = '[web]\nlisten = ""\n'
    for name, (rest, stream) in exchanges.items():
        text += f'[accounts.{name}]\nexchange = "binance"\nrest_url = "{rest}"\nws_url = "{stream}"\n'
        text += 'api_key = "env:MISHAP_KEY"\napi_secret = "env:MISHAP_SECRET"\npoll_every = 0.3\n'
        text += "backoff = {base = 0.1, cap = 0.3, trip = 1000, stable = 1}\n"
    return text


@contextmanager
def watching(home: Path, exchanges: Mapping[str, tuple[str, str]]) -> Iterator[Daemon]:
    keys = {"MISHAP_KEY": "k" * 64, "MISHAP_SECRET": "s" * 64}
    with Daemon(home, settings(exchanges), keys) as daemon:
        yield daemon
        assert_no_bug(daemon)
        assert daemon.terminate() == 0


def assert_no_bug(daemon: Daemon) -> None:
    status = daemon.status()
    assert {actor["last_reason"] for actor in status["actors"]} <= {None, "link", "shutdown"}
    assert {actor["phase"] for actor in status["actors"]} == {"running"}
    assert "Traceback" not in daemon.log()


def journalled(daemon: Daemon) -> Counter[str]:
    """How much of what every account said nobody understood."""
    path = daemon.home / "data" / "vigil.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return Counter(
            row[0] for row in database.execute("SELECT account FROM journal WHERE kind = 'unknown'")
        )


def test_frames_that_are_nonsense_are_journalled_or_cost_a_connection_and_the_next_fill_counts(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        rest = stack.enter_context(rest_peer(sound))
        streams: dict[str, StreamPeer] = {
            name: stack.enter_context(stream_peer(script(first)))
            for name, first in {**ODD, **BREAKING}.items()
        }
        exchanges = {name: (rest.url, stream.url) for name, stream in streams.items()}
        daemon = stack.enter_context(watching(tmp_path, exchanges))
        eventually(
            lambda: {name: len(daemon.fills(account=name, symbol="ETHBTC")) for name in exchanges},
            lambda fills: min(fills.values()) > 0,
            within=30,
            what=f"a fill behind every nonsense ({daemon.log_path})",
        )
        for name in exchanges:
            daemon.until_live(name)
            assert [fill["trade_id"] for fill in daemon.fills(account=name)][-1] == "77"
        restarts = {name: daemon.actor(f"{name}/connection")["restarts"] for name in exchanges}
        assert restarts == {name: int(name in BREAKING) for name in exchanges}
        found = journalled(daemon)
        assert {name: found[name] for name in ODD} == {
            "no-json": 8, "too-deep": 2, "no-event": 5, "events": 10, "values": 8, "bytes": 3
        }  # fmt: skip


# ------------------------------------------------------------------------------- by REST

NONSENSE: Mapping[str, Answered] = {
    "html": Answered(b"<html><body>Service unavailable</body></html>", headers={"Content-Type": "text/html"}),
    "empty": Answered(b""),
    "null": Answered(b"null"),
    "number": Answered(b"42"),
    "list": Answered(b'[[], {"serverTime": 1}, 3]'),
    "object": Answered(b'{"serverTime": "soon", "balances": {}, "symbols": 7}'),
    "text": Answered(b'"all is well"'),
    "bytes": Answered(b"\xff\xfe\x00\x01"),
    "deep": Answered(b"[" * 200_000),
    "cut": Answered(b'{"serverTime": 1790000000000}', cut=9),
    "gateway": Answered(b"<html>502</html>", 502),
    "huge": Answered(b" " * (33 << 20)),
    "odd-code": Answered(b'{"code": {"a": 1}, "msg": [2]}', 400),
}
IN_SHAPE: Mapping[str, Answered] = {
    "rows": Answered(b'[1, null, {"symbol": "BTCUSDT"}]'),
    "types": Answered(b'[{"symbol": 1, "orderId": "x", "status": [], "price": {}, "executedQty": "NaN"}]'),
    "balances": Answered(b'{"balances": [{"asset": "BTC", "free": "1e999999999", "locked": null}]}'),
    "later-html": Answered(b"<html></html>"),
    "later-null": Answered(b"null"),
}
"""What only the calls behind the clock's are answered with."""


def test_answers_that_are_nonsense_prove_nothing_and_all_is_well_when_they_end(tmp_path: Path) -> None:
    nonsense = {**NONSENSE, **IN_SHAPE}
    accounts = list(nonsense)
    with ExitStack() as stack:

        def peer(name: str) -> RestPeer:
            def answer(asked: Asked) -> Answered:
                is_sound = name in IN_SHAPE and asked.path == "/api/v3/time"
                return sound(asked) if is_sound else nonsense.get(name) or sound(asked)

            return stack.enter_context(rest_peer(answer))

        stream = stack.enter_context(stream_peer(script(b"")))
        rests = {name: peer(name) for name in accounts}
        daemon = stack.enter_context(
            watching(tmp_path, {name: (rest.url, stream.url) for name, rest in rests.items()})
        )
        eventually(
            lambda: {name: len(causes(daemon, name)) for name in accounts},
            lambda told: min(told.values()) > 1,
            within=30,
            what=f"a cause for every account that is not live ({daemon.log_path})",
        )
        status = daemon.status()
        assert status["state"] == "degraded"
        assert {row["account"]: row["state"] for row in status["accounts"]} == dict.fromkeys(
            accounts, "reconciling"
        )
        assert all(row["proven_to"] is None for row in status["accounts"])
        assert {daemon.actor(f"{name}/poller")["restarts"] for name in accounts} == {0}
        nonsense.clear()
        for name in accounts:
            daemon.until_live(name)


def causes(daemon: Daemon, account: str) -> Sequence[str]:
    """What the log says of the comparisons of an account that came to nothing."""
    lines = [json.loads(line) for line in daemon.log().splitlines() if '"errand_failed"' in line]
    return [line["error"] for line in lines if line["account"] == account and line["error"]]
