"""The life of an order: which steps there are, and which of two statements is the newer.

What an exchange says of an order comes twice, late and out of order: by stream,
reconcile, audit and poll. `merge` folds one statement into what is known. It
knows no account, no database and no clock; the rules, in words:

1. STEPS is the whole table. A step that is not in it is impossible.
2. A final state (filled, canceled, rejected, expired) is never left, neither
   for a living state nor for another final one. So a final statement is newer
   than any living row, whatever the clocks say: nothing can follow it.
3. Between two others the newer is the one with the greater version, where both
   have one; else with the later `updated_at`; else the one that got further: more
   filled, then the higher rank of its state. The row keeps a version only while
   the statement it stands on had one.
4. Of two that are equal in all this the one that came last counts (an amend
   within one millisecond), unless it answers a request that was made before the
   stream's last word on this order (`late`); such an answer never speaks against
   a final state either.
5. An older statement never overwrites. It may still complete what is unknown,
   and raise what is filled: an exchange that ever said "3 filled" has filled 3,
   so `filled` is a high-water mark, also inside a final state.
6. Filled never falls. A newer statement that lets it fall is impossible.
7. Side, type, time in force and creation never change once known: the known
   value stays, the rest of the statement counts, and it is `contradicted`.
   Price, stop price, quantity and client order id follow the newer statement: an
   amend may change them. What a statement does not mention stays as it was.
8. An order of which something is filled is not merely `open` but
   `partially_filled`, also where an exchange has no word for that.
9. An impossible step is reported with the row as it was: recorded and flagged,
   answered by asking the exchange, never obeyed.

`canceled` followed by `filled` is thus impossible even when everything is
filled: an exchange whose cancel lost the race says filled both times, and one
that says both contradicts itself. The fills themselves are kept in any case.
"""

from typing import Any

import msgspec

from core.facts import OrderState, OrderStatus
from core.merge import Merged, completing, conflicting

STEPS: dict[OrderStatus, frozenset[OrderStatus]] = {
    "untriggered": frozenset(
        {"untriggered", "pending", "open", "partially_filled", "filled", "canceled", "rejected", "expired"}
    ),
    "pending": frozenset(
        {"pending", "untriggered", "open", "partially_filled", "filled", "canceled", "rejected", "expired"}
    ),
    "open": frozenset({"open", "partially_filled", "filled", "canceled", "rejected", "expired"}),
    "partially_filled": frozenset({"partially_filled", "filled", "canceled", "rejected", "expired"}),
    "filled": frozenset({"filled"}),
    "canceled": frozenset({"canceled"}),
    "rejected": frozenset({"rejected"}),
    "expired": frozenset({"expired"}),
}
FINAL: frozenset[OrderStatus] = frozenset(state for state, following in STEPS.items() if following == {state})
LIVING: frozenset[OrderStatus] = frozenset(STEPS) - FINAL
RANK: dict[OrderStatus, int] = {
    "untriggered": 0,
    "pending": 0,
    "open": 1,
    "partially_filled": 2,
    "filled": 3,
    "canceled": 3,
    "rejected": 3,
    "expired": 3,
}
FIXED = ("side", "type", "time_in_force", "created_at")
NAMED = ("client_order_id", "price", "stop_price", "quantity")
FOLLOWING = ("filled", *NAMED, "average_price", "reason")

OLDER, EQUAL, NEWER = -1, 0, 1


def merge(row: OrderState | None, fact: OrderState, *, late: bool = False) -> Merged[OrderState]:
    """Fold one statement into what is known; the rules are this file's docstring.

    `late` marks the answer to a request that was made before the stream last
    spoke of this order.
    """
    if row is None:
        return Merged("new", _canonical(fact), news=True)
    age = compare(row, fact)
    merged = _behind(row, fact) if age == OLDER else _ahead(row, fact)
    if late and merged.outcome != "same" and (age == EQUAL or row.status in FINAL):
        merged = _behind(row, fact)
    conflicts = conflicting(row, fact, FIXED)
    if not conflicts or merged.outcome == "impossible":
        return merged
    return Merged("contradicted", merged.row, conflicts, merged.news)


def compare(row: OrderState, fact: OrderState) -> int:
    """OLDER, EQUAL or NEWER: where the statement stands to the row (rules 2 and 3)."""
    if row.status in FINAL and fact.status in FINAL and row.status != fact.status:
        return NEWER  # so that the table refuses it
    if row.status not in FINAL and fact.status in FINAL:
        return NEWER
    if row.version is not None and fact.version is not None:
        return _sign(fact.version, row.version)
    if row.updated_at is not None and fact.updated_at is not None and row.updated_at != fact.updated_at:
        return _sign(fact.updated_at, row.updated_at)
    if row.filled is not None and fact.filled is not None and row.filled != fact.filled:
        return _sign(fact.filled, row.filled)
    return _sign(RANK[_status(fact.status, row.filled)], RANK[row.status])


def _ahead(row: OrderState, fact: OrderState) -> Merged[OrderState]:
    """The statement is at least as new: obey it, if the step exists (rules 1 and 6)."""
    status = _status(fact.status, row.filled if fact.filled is None else fact.filled)
    fell = row.filled is not None and fact.filled is not None and fact.filled < row.filled
    if fell or status not in STEPS[row.status]:
        return Merged("impossible", row, ("filled",) if fell else ("status",))
    changes = {
        name: said
        for name in FOLLOWING
        if (said := getattr(fact, name)) is not None and said != getattr(row, name)
    }
    if status != row.status:
        changes["status"] = status
    news = any(getattr(row, name) is not None for name in changes)
    changes |= completing(row, fact, FIXED)
    if not changes:
        return Merged("same", row)
    if news or row.updated_at is None:
        changes |= {"version": fact.version, "updated_at": fact.updated_at or row.updated_at}
    return Merged("changed", _replaced(row, changes), news=news)


def _behind(row: OrderState, fact: OrderState) -> Merged[OrderState]:
    """The statement is older: it completes and raises, and never overwrites (rule 5)."""
    changes = completing(row, fact, (*FIXED, *NAMED))
    news = row.filled is not None and fact.filled is not None and fact.filled > row.filled
    if news:
        changes |= {"filled": fact.filled, "status": _status(row.status, fact.filled)}
        changes |= {} if fact.average_price is None else {"average_price": fact.average_price}
    if not changes:
        return Merged("stale", row)
    return Merged("changed", _replaced(row, changes), news=news)


def _status(status: OrderStatus, filled: Any) -> OrderStatus:
    """Rule 8."""
    return "partially_filled" if status == "open" and filled else status


def _canonical(fact: OrderState) -> OrderState:
    status = _status(fact.status, fact.filled)
    return fact if status == fact.status else _replaced(fact, {"status": status})


def _replaced(row: OrderState, changes: dict[str, Any]) -> OrderState:
    return msgspec.structs.replace(row, **changes)


def _sign(said: Any, known: Any) -> int:
    return int(said > known) - int(said < known)
