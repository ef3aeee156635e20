"""From rows that name their category to facts: the one way for every push and every answer.

A category that we do not know states nothing, because nothing that was stated of
it could ever be asked for by REST. So does a wallet of another kind than the
unified one: its coins would be mistaken for those.
"""

from collections.abc import Callable, Iterable
from typing import Any

from core.facts import Balance, Fact
from exchanges.bybit.reading import balance, execution, order, position
from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow, Row
from exchanges.bybit.shapes import Push, PushedExecution, PushedOrder, PushedPosition, WalletPush
from exchanges.bybit.words import CATEGORIES, Notes, milliseconds

_CATEGORIES = frozenset(CATEGORIES)
_READERS: dict[type[Row], Callable[[str, Any, Notes], tuple[Fact, ...]]] = {
    OrderRow: order,
    PushedOrder: order,
    ExecutionRow: execution,
    PushedExecution: execution,
    PositionRow: position,
    PushedPosition: position,
}


def read(push: Push, notes: Notes) -> tuple[Fact, ...]:
    """What an ordinary push states."""
    facts: list[Fact] = []
    if type(push) is WalletPush:
        at = milliseconds(push.at)
        for wallet in push.data:
            facts += states_wallet(wallet.account_type, wallet.coin, at, notes)
    else:
        row: Any
        for row in push.data:
            facts += states(row, notes)
    return tuple(facts)


def states(row: Row, notes: Notes, otherwise: str = "") -> tuple[Fact, ...]:
    """One row; `otherwise` is the category of one that names none."""
    category = row.category or otherwise
    if category in _CATEGORIES:
        return _READERS[type(row)](category, row, notes)
    notes.word("category", category)
    return ()


def states_wallet(kind: str | None, coins: Iterable[CoinRow], at: int | None, notes: Notes) -> list[Balance]:
    """The coins that are listed; the others are as they were."""
    if kind not in {None, "UNIFIED"}:
        notes.word("account type", kind)
        return []
    return [stated for coin in coins for stated in balance(coin, at, notes)]
