"""Whether the stream owes a word on balances: an order's event moved them, and nothing says how they stand.

An order that opens locks money, one that ends frees it, a fill moves it. The
exchanges say so in a statement of its own that follows within milliseconds; where
it does not come (some events of some exchanges have none, and a frame can be lost)
the balances would be wrong until the next audit. So each such event is a debt, and
who finds one that is older than `GRACE` asks by REST. The rules:

* A debt is of a symbol and a side, for these say whose balance moves: a buyer pays
  with what the symbol ends in, a seller with what it begins with. A statement about
  that asset pays it, however often it was incurred; one about others does not.
* Only what a balance shows counts: what contracts bind is no lock of an asset, so
  of contracts only fills do, and what they settle in is either end of the symbol.
  An order that was rejected, or is not accepted yet, holds nothing.
* Statements are not told apart further. One that says nothing new (an order twice)
  costs a look at worst, and a look costs one call.

Stamped by the reader of the stream, looked at by the poller: thread-safe. Each debt
is announced at most once until somebody looks, however many events come.
"""

import threading
from collections.abc import Iterable

from core.facts import Balance, Fact, Fill, OrderState, Side

GRACE = 1.0
"""Seconds in which the stream has to say what an order's event did."""

_HOLD_NOTHING = frozenset({"pending", "rejected"})
_Debt = tuple[str, Side | None]  # None: either end of the symbol pays it


class Owed:
    """The debts of one account's stream; moments are seconds of any one clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[_Debt, float] = {}
        self._is_watched = False

    def heard(self, facts: Iterable[Fact], at: float) -> bool:
        """Take in what a frame stated. True where somebody should be told to look after `GRACE`."""
        before = None
        with self._lock:
            for fact in facts:
                if type(fact) is Balance:
                    self._pay(fact.asset)
                elif (debt := _debt(fact)) is not None and debt != before:
                    self._since.setdefault(debt, at)
                    before = debt
            is_news = bool(self._since) and not self._is_watched
            self._is_watched |= is_news
        return is_news

    def look(self) -> float | None:
        """Since when something is owed. With None nobody needs to look again before `heard` says so."""
        with self._lock:
            since = min(self._since.values(), default=None)
            self._is_watched = since is not None
        return since

    def settle(self, at: float) -> None:
        """All balances were asked for at that moment: what was owed before is known."""
        with self._lock:
            self._since = {debt: since for debt, since in self._since.items() if since > at}

    def _pay(self, asset: str) -> None:
        if self._since:
            self._since = {debt: since for debt, since in self._since.items() if not _pays(asset, *debt)}


def _debt(fact: Fact) -> _Debt | None:
    if isinstance(fact, Fill):
        return fact.symbol, fact.side if fact.category == "spot" else None
    if isinstance(fact, OrderState) and fact.category == "spot" and fact.status not in _HOLD_NOTHING:
        return fact.symbol, fact.side
    return None


def _pays(asset: str, symbol: str, side: Side | None) -> bool:
    begins, ends = symbol.startswith(asset), symbol.endswith(asset)
    if side is None:
        return begins or ends
    return ends if side == "buy" else begins
