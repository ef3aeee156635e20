"""`buy`, `sell`, `cancel`, `halt` and `retry`: asked of the traders, and waited for here.

An order is sent only where the caller says that it is meant (`yes`); else it is
judged by all the rules, and the answer says what they say. The traders answer by a
call of their own; whoever asked waits in his own thread, and no longer than
`TRADE_WITHIN`. What is heard of an order later is in `orders` and `trades`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from control.services import Services, TradeMessage
from control.words import TRADE_WITHIN, Arguments, Mistake, hint, quoted
from core.messages import CancelOrder, PlaceOrder, RetryTrade, SwitchTrading
from core.status import Document
from models.read import Reader

LISTEN = 0.25  # seconds between two looks at whether anybody still listens
OFF = "the trader is off: [trader] enabled = true switches it on, with the next start of the daemon"
LATE = "no word of what came of it yet: `orders` and `trades` show it when there is one"
ABSENT = "its trader is not there: try again"
Make = Callable[[float, Callable[[Mapping[str, object]], object]], TradeMessage]


class TraderOff(Exception):
    """There is nobody to ask: the settings do not want a trader."""


class Asked:
    """A message to the traders of these accounts, sent when it is made; `wait` returns what they say, once."""

    def __init__(self, services: Services, accounts: Sequence[str], make: Make) -> None:
        self._clock = services.clock
        self._until = self._clock.boottime() + TRADE_WITHIN
        self._news = threading.Condition()
        self._said: dict[str, Document] = {}
        self._accounts = accounts
        for account in accounts:
            if not services.trade(account, make(self._until, partial(self._hear, account))):
                self._hear(account, {"account": account, "state": "refused", "why": ABSENT})

    def wait(self, is_heard: Callable[[], bool]) -> list[Document]:
        """One row for each account."""
        with self._news:
            while len(self._said) < len(self._accounts) and is_heard() and self._left() > 0:
                self._news.wait(min(LISTEN, self._left()))
            late = {"state": "unknown", "why": LATE}
            return [self._said.get(name, {"account": name, **late}) for name in self._accounts]

    def _left(self) -> float:
        return max(0.0, self._until - self._clock.boottime())

    def _hear(self, account: str, said: Mapping[str, object]) -> None:
        with self._news:
            self._said.setdefault(account, dict(said))
            self._news.notify_all()


def order(services: Services, side: Any, said: Arguments) -> Asked:
    """`buy` and `sell`."""
    account = _trader(services, said["account"])
    quantity, worth, price = (_amount(side, said, name) for name in ("quantity", "worth", "price"))
    if (quantity is None) == (worth is None):
        raise Mistake(
            f"{side}: say how much, as 'quantity' (of the base asset) or as 'worth' (in the quote asset)"
        )
    if price is None and not said["taker"]:
        raise Mistake(f"{side} needs 'price', or 'taker' for an order at the market")
    return Asked(
        services,
        [account],
        lambda until, reply: PlaceOrder(
            category="spot",
            symbol=said["symbol"],
            side=side,
            price=price,
            quantity=quantity,
            worth=worth,
            post_only=not said["taker"],
            is_sent=said["yes"] and not said["dry_run"],
            is_meant=said["again"],
            by=services.front,
            until=until,
            reply=reply,
        ),
    )


def cancel(services: Services, said: Arguments) -> Asked:
    """`cancel`."""
    account = _trader(services, said["account"])
    is_sent = said["yes"] and not said["dry_run"]
    return Asked(
        services,
        [account],
        lambda until, reply: CancelOrder(said["order"], is_sent, services.front, until, reply),
    )


def halt(services: Services, said: Arguments) -> Asked:
    """`halt`, of one account or of all."""
    named = said["account"]
    accounts = _traders(services) if named is None else [_trader(services, named)]
    why = said["why"] or f"asked for by a person ({services.front})"
    return Asked(
        services, accounts, lambda until, reply: SwitchTrading(not said["release"], why, until, reply)
    )


def retry(services: Services, reader: Reader, trade: str) -> Asked:
    """`retry`: of the trader whose trade it is."""
    _traders(services)
    row = reader.trade(trade)
    if row is None:
        raise Mistake(f"retry: there is no trade {quoted(trade)}: `trades` lists them with their ids")
    account = _trader(services, row["account"])
    return Asked(services, [account], lambda until, reply: RetryTrade(trade, until, reply))


def _traders(services: Services) -> Sequence[str]:
    if not (traders := services.traders()):
        raise TraderOff(OFF)
    return traders


def _trader(services: Services, account: str) -> str:
    traders = _traders(services)
    if account not in traders:
        there_are = f"; there are: {', '.join(traders)}"
        raise Mistake(f"no trader works in account {quoted(account)}{hint(account, traders)}{there_are}")
    return account


def _amount(word: str, said: Arguments, name: str) -> Decimal | None:
    text = said[name]
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0 or not -40 < amount.adjusted() < 40:
        raise Mistake(f"{word}: {name!r} is a decimal above 0")
    return amount
