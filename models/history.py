"""How long what was said of a thing was so: the statements folded again, in order.

1. A statement began something where it changed what is held: then its time is
   `from`, by the exchange, or where that names none by its receipt. What was not
   obeyed began nothing.
2. What it began was so until the next statement about the same thing began
   something else. What happened once (a fill, a cash movement) does not end when
   more of it becomes known.
"""

from collections.abc import Sequence
from typing import Any

from models.views import BY_FACT, Folded, Key, View

Span = tuple[int | None, int | None]


def validity(statements: Sequence[tuple[dict[str, Any], Any]]) -> list[Span]:
    """From when until when (ms) for each journal row (with its `fence`) and its fact, oldest first."""
    folded: dict[View, Folded] = {}
    begun: dict[tuple[View, Key], int] = {}
    spans: list[Span] = []
    for row, fact in statements:
        view = BY_FACT[type(fact)]
        one = folded.setdefault(view, Folded(view))
        names = ("account", "exchange", "source", "fence", "seq", "recorded_at")
        _merged, moved = one.refold(fact, **{name: row[name] for name in names})
        if not moved:
            spans.append((None, None))
            continue
        start = row["received_at"] if row["exchange_at"] is None else row["exchange_at"]
        thing = (view, view.key(row["account"], fact))
        if thing in begun and not view.once:
            before = begun[thing]
            spans[before] = (spans[before][0], start)
        begun[thing] = len(spans)
        spans.append((start, None))
    return spans
