"""Crypto.com's REST as one account's dialect: signing, refusals, and the plans that read.

All private methods are POSTs of one JSON object that holds the request, the key
and the signature (sign.py); its bytes are made once, from the values that were
signed. The id counts the requests of this dialect, so that no two bodies are the
same even within a millisecond: the exchange refuses a repeated one. Public
methods are GETs.

A Call that needs lists or objects brings its parameters as a JSON object in its
body; for all others they are its `params`.
"""

import itertools
from collections.abc import Generator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from core.errors import BadRequest, NotFound, Unreadable, VigilError
from core.facts import Fact
from core.wire import Call, Reply, Wire
from exchanges.base import Complete, HeldOrder, Known, Permissions, Plan
from exchanges.cryptocom import calls, rows
from exchanges.cryptocom.errors import Refusal, classify
from exchanges.cryptocom.finding import fills, find
from exchanges.cryptocom.history import Sync
from exchanges.cryptocom.paging import Notes
from exchanges.cryptocom.sign import Signer
from exchanges.cryptocom.words import milliseconds, whole
from exchanges.doubts import UNREADABLE
from exchanges.replies import excerpt, header, retry_after

_HEADERS = (("Content-Type", "application/json"),)


class CryptocomRest:
    """The RestDialect of Crypto.com. It counts its requests, and keeps nothing else."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._numbers = itertools.count(1)

    def sign(self, call: Call, wall_ms: int) -> Wire:
        """The exact request, with exchange time as its nonce."""
        if call.auth == "none":
            query = f"?{urlencode(call.params)}" if call.params else ""
            return Wire(call.method, call.path + query, ())
        params = dict(call.params) if call.body is None else msgspec.json.decode(call.body)
        method = call.path.removeprefix(calls.ROOT)
        request = self._signer.request(method, next(self._numbers), wall_ms, params)
        return Wire("POST", call.path, _HEADERS, msgspec.json.encode(request))

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        """None where the reply is good; else as `errors.classify` says."""
        said = _said(reply.body)
        code = _number(said.get("code"))
        if 200 <= reply.status < 300 and not code:
            return None
        text = said.get("message")
        result = said.get("result")
        refusal = Refusal(
            text=text[:300] if isinstance(text, str) else excerpt(b"" if said else reply.body),
            status=reply.status,
            code=code or None,
            wait=retry_after(reply),
            writes=call.auth == "signed" and call.method != "GET",
            order_id=str(result.get("order_id") or "") if isinstance(result, dict) else None,
        )
        return classify(refusal)

    def used_weight(self, reply: Reply) -> int | None:  # noqa: ARG002
        """None: nothing is weighed here, and no reply says how much is left."""
        return None

    # ------------------------------------------------------------------------- plans

    def clock(self) -> Generator[Call, Reply, int]:
        """One sample of the exchange's time, ms.

        There is no method that tells it. A reply's Date has lost the part of its
        second, and a ticker's time is that of its last change: neither is later
        than now, so the later of the two is nearer. Should the one instrument that is
        asked for not be traded here, all are.
        """
        try:
            reply = yield calls.TICKER
        except (BadRequest, NotFound):
            reply = yield calls.TICKERS
        told = [*_date(reply), *_ticks(reply)]
        if not told:
            raise Unreadable("neither a Date nor a ticker that tells the time")
        return max(told)

    def sync(self, known: Known) -> Plan:
        """Open orders, wallet, positions, and what happened since `known.since`: see history.py."""
        return Sync(known).run()

    def order(self, held: HeldOrder) -> Plan:
        """One order with its fills, in every way there is to ask for it: see finding.py."""
        notes = Notes()
        row = yield from find(held, notes)
        if row is None:
            return Complete((), as_of=0)
        asked_ms = notes.asked_ms
        trades = yield from fills(row, held.filled, notes)
        facts: tuple[Fact, ...] = (*rows.order_facts(row), *itertools.chain(*map(rows.trade_facts, trades)))
        return Complete(facts, asked_ms, tuple(notes.raw))

    def permissions(self) -> Generator[Call, Reply, Permissions]:
        """That the key may read is all that can be found out; there is no method for the rest."""
        yield calls.WALLET
        return Permissions(
            note="cannot be verified: Crypto.com does not tell; a key that can read is enough here"
        )


class _Tick(msgspec.Struct, frozen=True, gc=False):
    t: Any = None


class _Ticks(msgspec.Struct, frozen=True, gc=False):
    data: list[_Tick] = []


class _Tickers(msgspec.Struct, frozen=True, gc=False):
    result: _Ticks = _Ticks()


def _ticks(reply: Reply) -> list[int]:
    """When the tickers of an answer were published, ms."""
    try:
        told = msgspec.json.decode(reply.body, type=_Tickers).result.data
    except UNREADABLE:
        return []
    times = (milliseconds(tick.t) for tick in told if isinstance(tick.t, int | str))
    return [time for time in times if time is not None]


def _date(reply: Reply) -> list[int]:
    """The reply's own time, in the middle of the second that it names."""
    try:
        return [int(parsedate_to_datetime(header(reply, "date")).timestamp() * 1000) + 500]
    except (ValueError, TypeError, OverflowError):
        return []


def _said(body: bytes) -> dict[str, Any]:
    """The body as the object that it should be; an empty one where it is none."""
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return said if isinstance(said, dict) else {}


def _number(code: Any) -> int | None:
    """A code, which may be written as a string."""
    if isinstance(code, bool) or not isinstance(code, int | str):
        return None
    return whole(code)
