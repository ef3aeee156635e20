"""What should go wrong, to whom, and how often still.

A fault is put on the board by the admin; the dialects ask the board at fixed
places whether one applies. A fault names an exchange, an account of it, or
neither (everything); it spares the first `skip` occasions and ends after
`count` uses, after `seconds`, or when it is cleared. Faults change what a client is shown, never what happened: the world
and its truth go on.
"""

from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.clock import monotonic

LASTING = frozenset(
    {
        "mute", "lose_one", "duplicate", "reorder", "delay", "slow_rest", "rest_status", "gone", "lag",
        "auth_revoked", "swallow_subscribe_ack", "refuse_connect", "number_texts", "double_filled",
        "lost_pongs", "no_heartbeats", "late_auth", "false_price",
    }
)  # fmt: skip
AT_ONCE = frozenset(
    {
        "drop",
        "half_open",
        "garbage",
        "ban",
        "clock_step",
        "server_shutdown",
        "stream_terminated",
        "key_expired",
        "clear",
    }
)
PUBLIC = frozenset({"false_price"})
"""Kinds that only those notice who hear prices."""
ONCE_BY_DEFAULT = frozenset(
    {"lose_one", "duplicate", "reorder", "swallow_subscribe_ack", "double_filled", "late_auth"}
)
LATE = frozenset({"slow_rest", "delay", "lag", "late_auth"})
"""Kinds whose `seconds` say how late something is, and not how long they last."""


class Fault(msgspec.Struct, kw_only=True):
    """One fault; which of the parameters mean something depends on `kind`."""

    kind: str
    exchange: str | None = None
    account: str | None = None
    skip: int = 0
    count: int | None = None
    seconds: float | None = None
    path: str | None = None
    having: str | None = None
    status: int = 500
    code: int | None = None
    message: str | None = None
    retry_after: float | None = None
    transport: str | None = None
    form: str = "text"
    what: str | None = None
    ms: int = 0
    size: int = 8 * 1024 * 1024
    close: bool = False
    done: bool = False
    until: float | None = None

    def concerns(self, exchange: str, account: str | None) -> bool:
        """True when it applies to that exchange and account."""
        if self.exchange not in (None, exchange):
            return False
        return self.account is None or self.account == account

    def covers(self, path: str, asked: str) -> bool:
        """True when it applies to a REST request of this path; `asked` is its query or body."""
        return path.startswith(self.path or "/") and (self.having or "") in asked


class Board:
    """The faults that last."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._living())

    def put(self, fault: Fault) -> None:
        """Let a fault last from now on."""
        if fault.kind not in LASTING:
            raise ValueError(f"unknown kind of fault: {fault.kind}")
        lasts = None if fault.kind in LATE else fault.seconds
        if lasts is not None:
            fault.until = monotonic() + lasts
        elif fault.count is None and fault.kind in ONCE_BY_DEFAULT:
            fault.count = 1
        self._faults.append(fault)

    def clear(self, like: Fault) -> None:
        """End the faults of that exchange and account; of all, when it names neither."""
        self._faults = [
            one
            for one in self._faults
            if (like.exchange and like.exchange != one.exchange)
            or (like.account and like.account != one.account)
        ]

    def find(
        self,
        kind: str,
        exchange: str,
        account: str | None = None,
        fits: Callable[[Fault], bool] = lambda _: True,
    ) -> Fault | None:
        """The first fault of that kind which applies, without using it up."""
        for one in self._living():
            if one.kind == kind and one.concerns(exchange, account) and fits(one):
                return one
        return None

    def take(
        self,
        kind: str,
        exchange: str,
        account: str | None = None,
        fits: Callable[[Fault], bool] = lambda _: True,
    ) -> Fault | None:
        """The first fault of that kind which applies; one use of it is gone."""
        found = self.find(kind, exchange, account, fits)
        if found is None:
            return None
        if found.skip > 0:
            found.skip -= 1
            return None
        if found.count is not None:
            found.count -= 1
        return found

    def strikes(self, kind: str, exchange: str, accounts: Collection[str]) -> bool:
        """True when a socket of these accounts (of nobody, where there are none) is struck; uses it up."""
        return any(self.take(kind, exchange, one) for one in accounts or (None,))

    def is_mute(self, exchange: str) -> bool:
        """True while nothing happens on the public sockets, which are nobody's."""
        return self.find("mute", exchange) is not None

    def shown(self, exchange: str, bid: Decimal, ask: Decimal) -> tuple[Decimal, Decimal]:
        """The best prices as the public streams tell them; REST tells the truth."""
        fault = self.take("false_price", exchange)
        if fault is None:
            return bid, ask
        if fault.what == "zero":
            return Decimal(0), ask
        return (bid * 2, ask * 2) if fault.what == "jump" else (ask, bid)

    def _living(self) -> list[Fault]:
        now = monotonic()
        self._faults = [
            one
            for one in self._faults
            if (one.until is None or one.until > now) and (one.count is None or one.count > 0)
        ]
        return list(self._faults)


def parse_fault(body: dict[str, Any]) -> Fault:
    """A fault from the admin's JSON; raises `ValueError` that names what is wrong."""
    try:
        fault = msgspec.convert(body, Fault)
    except msgspec.ValidationError as wrong:
        raise ValueError(str(wrong)) from None
    unknown = set(body) - set(Fault.__struct_fields__)
    if unknown or fault.kind not in LASTING | AT_ONCE:
        raise ValueError(f"unknown: {', '.join(sorted(unknown)) or fault.kind}")
    return fault
