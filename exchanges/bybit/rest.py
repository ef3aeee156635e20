"""Bybit's REST as one account's dialect: signing, refusals, and the plans that read.

Parameters go into the query of a GET exactly as they were signed, the body of a
POST likewise; a GET never has a body. Timestamps are exchange time in ms. There
is no count of used weight in the replies: `X-Bapi-Limit-Status` is what one
endpoint leaves one account in the present second, and what an address may ask in
five seconds (600 calls) is not told. (v5/guide, v5/rate-limit, 2026-07-24.)
"""

from collections.abc import Generator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from core.errors import (
    BadRequest,
    FatalError,
    NotFound,
    ProtocolChanged,
    Rejected,
    Unreadable,
    VigilError,
)
from core.wire import Call, Reply, Wire
from exchanges.base import Complete, HeldOrder, Known, Permissions, Plan
from exchanges.bybit import calls
from exchanges.bybit.errors import NotAllowed, Refusal, classify, is_good
from exchanges.bybit.found import Found, filled
from exchanges.bybit.history import Sync, order_named, read_wallet
from exchanges.bybit.markets import Markets
from exchanges.bybit.paging import Answered, Trail, pages
from exchanges.bybit.rows import ExecutionRow
from exchanges.bybit.sign import Signer, encoded
from exchanges.doubts import UNREADABLE
from exchanges.replies import excerpt, header, parse, retry_after, whole

UNVERIFIED = (ProtocolChanged, BadRequest, Rejected, NotFound, Unreadable)
CLASSIC = 1  # unifiedMarginStatus of an account whose REST and topics mean something else
_MONEY = ("Wallet", "FiatP2P", "Exchange")  # groups of permissions that move or exchange coins
_TRADES = ("ContractTrade", "Spot", "Options", "Derivatives")


class ServerTime(msgspec.Struct, frozen=True, rename="camel"):
    """The exchange's time, as text."""

    time_nano: str


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """What a key may do; a key of it that is missing is unknown, not false."""

    permissions: dict[str, list[str] | None] | None = None
    read_only: int | None = None
    ips: list[str] | None = None
    expired_at: str | None = None


class AccountInfo(msgspec.Struct, frozen=True, rename="camel"):
    """Which kind of account it is."""

    unified_margin_status: int | None = None


class BybitRest:
    """The RestDialect of Bybit. It remembers which markets are in use, nothing else."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._markets = Markets()

    def sign(self, call: Call, wall_ms: int) -> Wire:
        """The exact request, signed over the query or the body as it will be sent."""
        query = encoded(call.params)
        target = f"{call.path}?{query}" if query else call.path
        if call.auth == "none":
            return Wire(call.method, target, (), call.body)
        headers = self._signer.headers(query.encode() if call.body is None else call.body, wall_ms)
        if call.body is not None:
            headers = (*headers, ("Content-Type", "application/json"))
        return Wire(call.method, target, headers, call.body)

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        """None where the reply is good; else as `errors.classify` says."""
        code, text = _complaint(reply.body)
        if is_good(reply.status, code):
            return None
        refusal = Refusal(
            reply.status,
            text,
            reply.began_ms,
            code,
            retry_after(reply),
            whole(header(reply, "x-bapi-limit-reset-timestamp")),
            writes=call.method != "GET",
        )
        return classify(refusal)

    def used_weight(self, reply: Reply) -> int | None:  # noqa: ARG002
        """Not told: see above."""
        return None

    # ------------------------------------------------------------------------- plans

    def clock(self) -> Generator[Call, Reply, int]:
        """One sample of the exchange's time, ms."""
        reply = yield calls.TIME
        nanoseconds = whole_text(parse(reply, Answered[ServerTime]).result.time_nano)
        return nanoseconds // 1_000_000

    def sync(self, known: Known) -> Plan:
        """Open orders, positions, balances, fills and orders since `known.since`: see history.py."""
        return Sync(known, self._markets).run()

    def order(self, held: HeldOrder) -> Plan:
        """One order with its executions: the present first, then the history, which lags.

        Where both are silent the executions are asked for all the same: an order
        that ended long ago may have left nothing else.
        """
        trail, found = Trail(), Found()
        row = yield from order_named(
            held.category,
            held.symbol,
            trail,
            order_id=held.order_id,
            client_order_id=held.client_order_id,
        )
        order_id = held.order_id if row is None else row.order_id
        if row is not None:
            found.keep_orders([row])
        if order_id and (row is None or filled(row)):
            call = calls.executions_of(held.category, held.symbol, order_id)
            with suppress(NotFound):
                found.keep_executions((yield from pages(call, ExecutionRow, trail)))
        return Complete(found.facts(), trail.began_ms, tuple(trail.raw), (held.category,))

    def balances(self, held: Mapping[str, Decimal]) -> Plan:
        """The wallet alone."""
        reply = yield calls.WALLET
        return Complete(read_wallet(reply, held), reply.began_ms, (reply.body.decode(),))

    def permissions(self) -> Generator[Call, Reply, Permissions]:
        """What the key may do. A key that is refused here is refused everywhere: that is raised.

        So is an account of the classic kind, in which the same words mean other things.
        """
        try:
            reply = yield calls.KEY
            key = parse(reply, Answered[Key]).result
        except UNVERIFIED as error:
            return Permissions(note=f"cannot be verified: {error}")
        try:
            reply = yield calls.ACCOUNT
            info = parse(reply, Answered[AccountInfo]).result
        except (NotAllowed, *UNVERIFIED):
            info = AccountInfo()
        if info.unified_margin_status == CLASSIC:
            raise FatalError("this is a classic account: upgrade it to a unified one")
        return _permissions(key)


def _permissions(key: Key) -> Permissions:
    groups = {name: allowed or [] for name, allowed in (key.permissions or {}).items()}
    moves = [f"{group} {word}" for group in _MONEY for word in groups.get(group, ())]
    trades = any(groups.get(group) for group in _TRADES)
    return Permissions(
        can_withdraw=None if key.permissions is None else "Withdraw" in groups.get("Wallet", ()),
        can_trade=None if key.read_only is None else key.read_only == 0 and trades,
        ip_restricted=None if key.ips is None else any(ip not in {"", "*"} for ip in key.ips),
        expires_at=_moment(key.expired_at),
        note=f"the key allows {', '.join(moves)}" if moves else "",
    )


def _moment(text: str | None) -> int | None:
    """An ISO time in ms; None for 1970, which means that there is none."""
    try:
        seconds = datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError):
        return None
    return int(seconds * 1000) if seconds > 0 else None


def whole_text(text: str) -> int:
    """A whole number in quotes; raises Unreadable for anything else."""
    if text.isascii() and text.isdigit() and len(text) < 25:
        return int(text)
    raise Unreadable("the exchange's time is no number")


def _complaint(body: bytes) -> tuple[int | None, str]:
    """Code and text of any body, which may be HTML, empty or anything."""
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        said = None
    said_as: dict[str, Any] = said if isinstance(said, dict) else {}
    code, text = said_as.get("retCode"), said_as.get("retMsg")
    shown = text[:300] if isinstance(text, str) and text else excerpt(body)
    return (code if type(code) is int else None), shown
