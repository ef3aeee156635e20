"""Which of Bybit's markets are worth asking: one poller's memory of where something happened.

A market is active for seven days after an order, a fill or an open position was
seen in it. All are asked where nothing tells them apart (after a gap, and now and
then); in between the active ones, those in which the ledger holds something open
and those of which the stream spoke. Spot is always asked: an account has to be
proven by something.

The first comparison of a poller knows nothing of the days before its window, so
each market that shows nothing in it is asked once for a trace (`unprobed`).

A market that has never shown anything may be refused by a key, an account or a
site (the EU one has spot only). Then it does not count as asked: nothing is said
of it, and that is told once.
"""

from collections.abc import Iterable

from exchanges.base import Known
from exchanges.bybit.calls import DAY_MS
from exchanges.bybit.words import CATEGORIES

ACTIVE_MS = 7 * DAY_MS


class Markets:
    """One dialect's memory; one thread only."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._probed: set[str] = set()
        self._refused: set[str] = set()

    def to_ask(self, known: Known) -> tuple[str, ...]:
        """The markets to ask this time, spot first."""
        if known.deep or known.first or known.categories is None:
            return CATEGORIES
        wanted = self._grounds(known) | {"spot"}
        return tuple(category for category in CATEGORIES if category in wanted)

    def is_idle(self, category: str, known: Known) -> bool:
        """Whether nothing says that the account uses this market."""
        return category != "spot" and category not in self._grounds(known)

    def saw(self, category: str, at_ms: int) -> None:
        """Something happened there at that time."""
        self._seen[category] = max(at_ms, self._seen.get(category, 0))

    def unprobed(self, categories: Iterable[str]) -> list[str]:
        """Those of which not even the last seven days are known. They are taken as probed from now on."""
        missing = [name for name in categories if name not in self._seen and name not in self._probed]
        self._probed.update(missing)
        return missing

    def is_refused(self, category: str) -> bool:
        """Note a refusal; whether it is the first."""
        first = category not in self._refused
        self._refused.add(category)
        return first

    def _grounds(self, known: Known) -> set[str]:
        lately = {name for name, at_ms in self._seen.items() if known.now - at_ms < ACTIVE_MS}
        held = {order.category for order in known.open_orders}
        held |= {position.category for position in known.positions}
        return lately | held | set(known.categories or ())
