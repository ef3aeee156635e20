"""What came of a fault, and what that is worth.

Pure. The score of one account begins at 100:

* 0 where a fact was lost, doubled or wrong, or the account was not well again:
  nothing makes up for that.
* The fault went unnoticed though it must be noticed: 50 less. Noticed later than
  the menu promises: 10 less, and 10 more at twice that.
* Well again later than promised: 10 less, and 10 more at twice that.
* More REST calls than the menu allows: 10 less, and 10 more at twice that.
* A false alarm, where the account had to stay live: 20 less.
* Anything else that is odd (`remarks`): 5 less each.

A row of the table is a fault on an exchange: the worst of its seeds, and the sum
of what they lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from drill.menu import Entry

ALARMS = frozenset({"backoff", "polling", "tripped", "connecting", "stale", "held", "reconciling"})
"""States in which an account is not seen: where it had to stay live, a false alarm."""


class Said(NamedTuple):
    """The daemon said something of an account: wall ms, and a word as in `Entry.shows`."""

    at: int
    word: str


class Outcome(NamedTuple):
    """One account's, for one fault. Seconds; None is never."""

    fault: str
    exchange: str
    seed: int
    said: tuple[Said, ...] = ()
    noticed_after_s: float | None = None
    repaired_after_s: float | None = None
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    rest_calls: int = 0
    remarks: tuple[str, ...] = ()


class Line(NamedTuple):
    """One row of the table."""

    fault: str
    exchange: str
    seeds: int
    noticed_after_s: float | None
    repaired_after_s: float | None
    lost: int
    doubled: int
    wrong: int
    rest_calls: int
    score: int
    is_well: bool
    must_notice: bool
    remarks: tuple[str, ...] = ()


def is_well(outcome: Outcome) -> bool:
    """Nothing lost, doubled or wrong, and live again."""
    return outcome.repaired_after_s is not None and not (outcome.lost or outcome.doubled or outcome.wrong)


def score(outcome: Outcome, entry: Entry) -> int:
    """0 to 100; the rule stands above."""
    if not is_well(outcome) or outcome.repaired_after_s is None:
        return 0
    points = 100 - 5 * len(outcome.remarks)
    if entry.must_show(outcome.exchange):
        late = outcome.noticed_after_s
        points -= 50 if late is None else _over(late, entry.notice_within)
    if entry.calm and ALARMS & {one.word for one in outcome.said}:
        points -= 20
    points -= _over(outcome.repaired_after_s, entry.repair_within)
    points -= _over(outcome.rest_calls, entry.calls)
    return max(0, points)


def _over(value: float, bound: float) -> int:
    return 0 if value <= bound else 10 if value <= 2 * bound else 20


def spent(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """REST calls between two readings of the sandbox's counters; sockets and what they ask are not REST."""
    return sum(
        count - before.get(what, 0)
        for what, count in after.items()
        if not what.startswith(("connect ", "ws "))
    )


def line(entry: Entry, outcomes: Sequence[Outcome]) -> Line:
    """The row of one fault on one exchange; every outcome is of both."""
    exchange = outcomes[0].exchange
    remarks = [f"seed {one.seed}: {text}" for one in outcomes for text in one.remarks]
    return Line(
        fault=entry.name,
        exchange=exchange,
        seeds=len(outcomes),
        noticed_after_s=_worst(one.noticed_after_s for one in outcomes),
        repaired_after_s=_worst(one.repaired_after_s for one in outcomes),
        lost=sum(one.lost for one in outcomes),
        doubled=sum(one.doubled for one in outcomes),
        wrong=sum(one.wrong for one in outcomes),
        rest_calls=round(median(one.rest_calls for one in outcomes)),
        score=min(score(one, entry) for one in outcomes),
        is_well=all(is_well(one) for one in outcomes),
        must_notice=bool(entry.must_show(exchange)),
        remarks=tuple(remarks),
    )


def _worst(values: Iterable[float | None]) -> float | None:
    """The largest; None (never) where one is."""
    found = list(values)
    known = [value for value in found if value is not None]
    return max(known) if len(known) == len(found) else None


def as_json(lines: Sequence[Line], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The whole drill as one document."""
    return {
        "well": all(one.is_well for one in lines),
        "lost": sum(one.lost for one in lines),
        "doubled": sum(one.doubled for one in lines),
        "wrong": sum(one.wrong for one in lines),
        "score": round(sum(one.score for one in lines) / len(lines)) if lines else None,
        "rows": [{**one._asdict(), "remarks": list(one.remarks)} for one in lines],
        "accounts": [
            {
                **one._asdict(),
                "said": [word._asdict() for word in one.said],
                "remarks": list(one.remarks),
            }
            for one in outcomes
        ],
    }
