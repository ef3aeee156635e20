"""Binance's REST as one account's dialect: signing, refusals, and the plans that read.

Everything goes into the query, percent-encoded before it is signed, with the
signature last; the target of the Wire is what was signed and must be sent byte
for byte. Timestamps are exchange time in ms; the window is the 5 s that the
exchange takes for granted.

What differs on Binance.US stands in the two class attributes.
"""

from collections.abc import Generator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from core.errors import BadRequest, FatalError, NotFound, ProtocolChanged, Rejected, Unreadable, VigilError
from core.facts import Fact, OrderState
from core.wire import Call, Reply, Wire
from exchanges.base import Complete, HeldOrder, Known, Permissions, Plan
from exchanges.binance import calls
from exchanges.binance.errors import Archived, Refusal, classify
from exchanges.binance.history import Sync, read_account
from exchanges.binance.paging import allocations_of, trades_of
from exchanges.binance.rows import (
    ExchangeInfo,
    OrderRow,
    Pair,
    Restrictions,
    ServerTime,
    fill,
    order_facts,
)
from exchanges.binance.sign import Signer, encoded
from exchanges.binance.words import milliseconds
from exchanges.doubts import UNREADABLE
from exchanges.replies import excerpt, header, parse, retry_after, whole

RECEIVE_WINDOW_MS = 5_000
PAIRS_FOR_MS = 3_600_000

_REFUSED = (ProtocolChanged, BadRequest, Rejected, NotFound, FatalError, Unreadable)


class BinanceRest:
    """The RestDialect of binance.com. It remembers the list of pairs for an hour, nothing else."""

    omit_zeros: ClassVar[bool] = True
    allocations: ClassVar[bool] = True

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._pairs: tuple[Pair, ...] = ()
        self._pairs_until_ms = 0

    def sign(self, call: Call, wall_ms: int) -> Wire:
        """The exact request. A keyed call carries the key and nothing else: extras are refused."""
        headers = () if call.auth == "none" else (("X-MBX-APIKEY", self._signer.api_key),)
        query = encoded(call.params)
        if call.auth == "signed":
            stamps = (("recvWindow", str(RECEIVE_WINDOW_MS)), ("timestamp", str(wall_ms)))
            query = self._signer.query((*call.params, *stamps))
        return Wire(call.method, f"{call.path}?{query}" if query else call.path, headers, call.body)

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        """None where the reply is good; else as `errors.classify` says."""
        good = 200 <= reply.status < 300
        if good and not reply.body.lstrip().startswith(b'{"code"'):
            return None
        code, text = complaint(reply.body)
        if good and (code is None or code >= 0):
            return None
        writes = call.auth == "signed" and call.method != "GET"
        return classify(Refusal(reply.status, text, reply.began_ms, code, retry_after(reply), writes))

    def used_weight(self, reply: Reply) -> int | None:
        """The weight of the present minute; None where the reply does not say (/sapi has another pool)."""
        return whole(header(reply, "x-mbx-used-weight-1m") or header(reply, "x-mbx-used-weight"))

    # ------------------------------------------------------------------------- plans

    def clock(self) -> Generator[Call, Reply, int]:
        """One sample of the exchange's time, ms."""
        reply = yield calls.TIME
        return parse(reply, ServerTime).server_time

    def sync(self, known: Known) -> Plan:
        """Open orders, balances, fills and orders since `known.since`: see history.py."""
        run = Sync(known, self._ask_pairs, omit_zeros=self.omit_zeros, allocations=self.allocations)
        return run.run()

    def order(self, held: HeldOrder) -> Plan:
        """One order with its fills, by the exchange's id, or by ours where that is all we have.

        An archived order (-2026) is known to have ended without a fill: canceled or
        expired, which of the two nobody tells any more.
        """
        try:
            reply = yield self._order_call(held)
        except NotFound:
            return Complete((), as_of=0)
        except Archived:
            return Complete((_archived(held),), as_of=0)
        row, raw = parse(reply, OrderRow), [reply.body.decode()]
        trades = (yield from trades_of(row, raw)) if row.executed_qty else []
        if row.used_sor and row.executed_qty and self.allocations:
            trades += yield from allocations_of(row, raw)
        facts: tuple[Fact, ...] = (*order_facts(row), *(fill(trade, row.client_order_id) for trade in trades))
        return Complete(facts, reply.began_ms, tuple(raw))

    def balances(self, held: Mapping[str, Decimal]) -> Plan:
        """The account alone."""
        reply = yield calls.account(omit_zeros=self.omit_zeros)
        _, facts = read_account(reply, held)
        return Complete(facts, reply.began_ms, (reply.body.decode(),))

    def permissions(self) -> Generator[Call, Reply, Permissions]:
        """What the key may do; a refusal of any kind only means that it cannot be verified."""
        try:
            reply = yield calls.API_RESTRICTIONS
            said = parse(reply, Restrictions)
        except _REFUSED as error:
            return Permissions(note=f"cannot be verified: {error}")
        ways = {
            "withdrawals": said.enable_withdrawals,
            "internal transfers": said.enable_internal_transfer,
            "universal transfers": said.permits_universal_transfer,
        }
        allowed = [way for way, enabled in ways.items() if enabled]
        return Permissions(
            can_withdraw=True if allowed else said.enable_withdrawals,
            can_trade=said.enable_spot_and_margin_trading,
            ip_restricted=said.ip_restrict,
            expires_at=milliseconds(said.trading_authority_expiration_time),
            note=f"the key allows {', '.join(allowed)}" if allowed else "",
        )

    def _order_call(self, held: HeldOrder) -> Call:
        if not held.order_id and held.client_order_id:
            return calls.order_of_client(held.symbol, held.client_order_id)
        return calls.order(held.symbol, held.order_id)

    def _ask_pairs(self, now_ms: int) -> Generator[Call, Reply, tuple[Pair, ...]]:
        """Every pair of the exchange, an hour old at most."""
        if now_ms >= self._pairs_until_ms:
            reply = yield calls.EXCHANGE_INFO
            self._pairs = tuple(parse(reply, ExchangeInfo).symbols)
            self._pairs_until_ms = now_ms + PAIRS_FOR_MS
        return self._pairs


def _archived(held: HeldOrder) -> OrderState:
    return OrderState(
        category=held.category,
        symbol=held.symbol,
        order_id=held.order_id,
        status="canceled",
        client_order_id=held.client_order_id,
        reason="archived: canceled or expired without a fill more than 90 days ago",
    )


def complaint(body: bytes) -> tuple[int | None, str]:
    """Code and text of an error body, which may be HTML, empty or anything."""
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        said = None
    said_as: dict[str, Any] = said if isinstance(said, dict) else {}
    code, text = said_as.get("code"), said_as.get("msg")
    if isinstance(text, str):
        return (code if isinstance(code, int) else None), text[:300]
    return (code if isinstance(code, int) else None), excerpt(body)
