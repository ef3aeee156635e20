"""What a comparison found: the ledger did not say what the exchange says.

To know less is no difference: what completes a row (a fee, a maker flag), or
revalues a position at a new price, does not count. What does is whatever the
ledger did not know to have happened, and whatever the two tell differently.
"""

from collections.abc import Iterable

import msgspec

from core.facts import Fact

Name = tuple[str, str | None, str | None, str]
PRESENT = frozenset({"balance", "position"})  # stated as they are now: their time is that of the reading


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One thing of which the two differ, by its identity in the journal.

    `ledger` is what was held, `exchange` what the answer says, None where nothing
    was, or is. `outcome` is what became of it: `new` and `changed` are repaired,
    while `impossible` and `contradicted` stand as they were, and so does what is
    `unconfirmed`: held, and nothing that the exchange shows. `is_repair` says that
    it was older than the stream may be late, at exchange time `at`.
    """

    kind: str
    category: str | None
    symbol: str | None
    key: str
    at: int | None
    outcome: str
    ledger: Fact | None
    exchange: Fact | None
    is_repair: bool = False

    @property
    def name(self) -> Name:
        """What it is about."""
        return self.kind, self.category, self.symbol, self.key

    @property
    def is_stored(self) -> bool:
        """Whether the ledger says it too by now."""
        return self.outcome in {"new", "changed"}

    def concerns(self, category: str) -> bool:
        """Whether it is of that market; what belongs to none (money) concerns each."""
        return self.category in (None, category)


def repaired_in(category: str, found: Iterable[Difference], watched: int) -> int:
    """How many facts of a market were missing: too old to be under way, or of before anybody watched."""
    return sum(
        one.is_repair or (one.is_stored and one.at is not None and one.at < watched)
        for one in found
        if one.concerns(category)
    )


def is_hole_in(category: str, found: Iterable[Difference], proven: int | None) -> bool:
    """Whether one that should have come by stream happened after what is proven: the stream was silent."""
    return any(
        one.is_repair and one.concerns(category) and one.at is not None and one.at >= (proven or 0)
        for one in found
    )


def settled(found: Iterable[Difference], until: int) -> tuple[Difference, ...]:
    """Each thing once: what was held at first, and what the exchange said last.

    What happened after `until` is left out: it may still be on its way by stream.
    """
    whole: dict[Name, Difference] = {}
    for one in found:
        if one.kind in PRESENT or one.at is None or one.at <= until:
            held = whole.get(one.name, one).ledger
            whole[one.name] = msgspec.structs.replace(one, ledger=held)
    return tuple(whole.values())


class Compared(msgspec.Struct, frozen=True):
    """What it came to when somebody had the ledger of an account compared with its exchange.

    `error` says why it could not be; all else is of no meaning then. Compared was
    the time from `since`, which is later than it was asked for where the exchange
    shows no more, up to `until`, in these `categories`. `symbols` are those whose
    histories were asked for, None = all there are. `unseen` says in words what of
    that time the exchange does not show.
    """

    error: str | None = None
    since: int | None = None
    until: int | None = None
    categories: tuple[str, ...] = ()
    symbols: tuple[str, ...] | None = None
    unseen: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
