"""How much of the time an account was live, and how long it was blind.

A fold over the states that the account entered, one after another; nobody has to
keep more than the tally. In words:

* *Up* is `live`, and nothing else.
* *Blind* is every state without an acknowledged stream: all but `reconciling`,
  `live` and `stale`. While polls get through the account is blind too: facts come,
  and they come late. So it is while a person has paused it.
* A *gap* begins whenever an account that saw becomes blind.
* Each state says what it followed. Where that is not the one before, a daemon ended
  in between without a word (a power cut, a kill): the state before lasted until the
  last sign of life, and from then on the account was down, which is blind. The sign
  is the last proof, so up to an audit's period too much may count as down, and never
  too little.
* Time runs from the first state that was ever entered. A clock that was set back
  makes no time negative.
"""

import msgspec

from core.account import SEEING
from core.records import ConnectionState

DAY_MS = 86_400_000
WITHOUT_A_WORD = "the daemon ended without a word"
Span = tuple[int, int]


class Tally(msgspec.Struct, frozen=True):
    """An account up to `at`, when it entered `state`; ms of our clock. `lately` are live spans of a day."""

    first_seen: int
    at: int
    state: str
    live_ms: int = 0
    blind_ms: int = 0
    gaps: int = 0
    last_cause: str | None = None
    lately: tuple[Span, ...] = ()


class Uptime(msgspec.Struct, frozen=True):
    """What is told of an account; shares in percent, None where there is no time yet to judge by.

    `last_cause` is why it became blind the last time.
    """

    uptime_pct: float | None = None
    uptime_24h_pct: float | None = None
    blind_s: float | None = None
    gaps: int | None = None
    last_cause: str | None = None


def is_broken(tally: Tally | None, entered: ConnectionState) -> bool:
    """Whether something ended without a word before this state: then a sign of life is wanted."""
    return tally is not None and tally.state != entered.previous


def follow(tally: Tally | None, entered: ConnectionState, alive_at: int | None = None) -> Tally:
    """One state more. `alive_at` is the last sign of life before it; the last state's own where None."""
    if tally is None:
        return Tally(entered.at, entered.at, entered.state)
    if is_broken(tally, entered):
        tally = _cut_off(tally, alive_at, entered.at)
    return _entering(_lasting(tally, entered.at), entered.state, entered.cause)


def uptime(tally: Tally, now: int) -> Uptime:
    """What is told at this moment, while the last state lasts."""
    tally = _lasting(tally, now)
    return Uptime(
        uptime_pct=_share(tally.live_ms, tally.at - tally.first_seen),
        uptime_24h_pct=_share(*_of_a_day(tally)),
        blind_s=round(tally.blind_ms / 1000, 1),
        gaps=tally.gaps,
        last_cause=tally.last_cause,
    )


def abandoned(tally: Tally, alive_at: int | None, now: int) -> Tally:
    """Of an account about which the present daemon has not said anything: the one before has ended."""
    return _cut_off(tally, alive_at, now)


def _cut_off(tally: Tally, alive_at: int | None, latest: int) -> Tally:
    end = min(max(tally.at, alive_at or 0), max(tally.at, latest))
    return _entering(_lasting(tally, end), "stopped", WITHOUT_A_WORD)


def _lasting(tally: Tally, until: int) -> Tally:
    """The state lasted until then."""
    until = max(until, tally.at)
    lasted = until - tally.at
    is_live, is_blind = tally.state == "live", tally.state not in SEEING
    lately = (*tally.lately, (tally.at, until)) if is_live else tally.lately
    return msgspec.structs.replace(
        tally,
        at=until,
        live_ms=tally.live_ms + lasted * is_live,
        blind_ms=tally.blind_ms + lasted * is_blind,
        lately=tuple(span for span in lately if span[1] > until - DAY_MS),
    )


def _entering(tally: Tally, state: str, cause: str) -> Tally:
    if tally.state in SEEING and state not in SEEING:
        return msgspec.structs.replace(tally, state=state, gaps=tally.gaps + 1, last_cause=cause)
    return msgspec.structs.replace(tally, state=state)


def _of_a_day(tally: Tally) -> Span:
    """How long it was live in the last day, of how much time."""
    begin = max(tally.first_seen, tally.at - DAY_MS)
    return sum(end - max(start, begin) for start, end in tally.lately), tally.at - begin


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 3) if whole > 0 else None
