"""What is told of the incidents, to whom somebody gave an address, and when.

Pure: what is open now goes in, messages come out, and what became of them goes in
again. Who looks, who sends and how is not known here. In words:

* An incident is known by its key. It is told once when it is opened, again when its
  severity rises above what was told, and again after each `repeat_after` while it is
  open and nobody has acknowledged it. Of what is below `min_severity` nothing is told.
* That it is over is told if and only if it was told open, and not before it has been
  over for `CALM`. What comes back within that time was never gone. Each time it comes
  back later, its next end has to last twice as long, up to `MEMORY`: one that flaps
  grows quiet. What has been over for twice `MEMORY` is forgotten.
* What is over before it could be told is not told.
* At most `RATE` messages leave in a minute. Where more than `SINGLY` things are to be
  told at once, or a message is all that is left of the minute, they are one message, a
  digest; what does not fit into the minute waits, and is told as it stands then.
* Told is what at least one channel took (`settled`). Until that is known nothing else
  is told of the same key. What no channel took is due again.
* `dumped` is what has to survive a restart. It is kept *after* a message was taken, so
  a crash between the two tells that message again, under the same id.

Times are wall milliseconds, because they outlive the process. A clock that was set
back only makes waits longer by as much, and those of `repeat_after` begin anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, get_args

import msgspec

from core.records import Severity

RATE, MINUTE_MS = 6, 60_000
SINGLY = 3
CALM_MS = 10_000
MEMORY_MS = 3_600_000
LISTED = 20  # things that the text of a digest names

Event = Literal["opened", "repeated", "resolved", "test"]
ChannelState = Literal["unused", "ok", "failing"]
_RANK: Mapping[str, int] = {severity: rank for rank, severity in enumerate(get_args(Severity))}


class Policy(msgspec.Struct, frozen=True):
    """The settings of `[alerts]`; `repeat_after` in seconds."""

    min_severity: Severity = "warning"
    repeat_after: float = 3600.0


class Case(msgspec.Struct, frozen=True):
    """An open incident as it stands; `count` is how often it was said."""

    key: str
    kind: str
    severity: Severity
    text: str
    account: str | None
    opened_at: int
    count: int = 1
    acknowledged_at: int | None = None


class Told(msgspec.Struct, frozen=True):
    """What was told of one key: the case then, the worst severity, when, and how often.

    `returns` counts how often it came back after its end was told, `over_since` is
    when it was first seen to be over, `is_over` whether that was told.
    """

    case: Case
    severity: Severity
    at: int
    times: int = 1
    returns: int = 0
    is_over: bool = False
    over_since: int | None = None


class Item(msgspec.Struct, frozen=True):
    """One thing to tell. `id` is the same whenever the same thing is told again."""

    id: str
    event: Event
    case: Case
    resolved_at: int | None = None


class Message(msgspec.Struct, frozen=True):
    """What leaves as one: a single thing, or a digest of several."""

    items: tuple[Item, ...]

    @property
    def id(self) -> str:
        ids = [item.id for item in self.items]
        return ids[0] if len(ids) == 1 else _digest_of(*ids)


class Book(msgspec.Struct, frozen=True):
    """What was told by key, the keys of messages that are under way, and when messages left lately."""

    told: Mapping[str, Told] = {}
    under_way: frozenset[str] = frozenset()
    left: tuple[int, ...] = ()


def look(book: Book, cases: Iterable[Case], now: int, policy: Policy) -> tuple[Book, tuple[Message, ...]]:
    """What is to be told now, of all that is open. Each message must be answered by `settled`."""
    open_now = {case.key: case for case in cases}
    told = {key: _seen(was, key in open_now, now) for key, was in book.told.items()}
    told = {key: was for key, was in told.items() if not _is_forgotten(was, now)}
    left = tuple(at for at in book.left if now - MINUTE_MS < at <= now)
    due = [item for item in _due(told, open_now, now, policy) if item.case.key not in book.under_way]
    due.sort(key=lambda item: (-_RANK[item.case.severity], item.case.opened_at))
    messages = _messages(due, RATE - len(left))
    keys = {item.case.key for message in messages for item in message.items}
    return Book(told, book.under_way | keys, left + (now,) * len(messages)), messages


def settled(book: Book, message: Message, now: int, *, taken: bool) -> Book:
    """What became of a message: some channel took it, or none ever did."""
    told = dict(book.told)
    for item in message.items if taken else ():
        told[item.case.key] = _after(told.get(item.case.key), item, now)
    return Book(told, book.under_way - {item.case.key for item in message.items}, book.left)


def dumped(book: Book) -> str:
    """What of the book has to survive a restart."""
    return msgspec.json.encode({"told": book.told}).decode()


def loaded(text: str | None) -> Book:
    """The book as an earlier daemon left it; an empty one where it left none, or one that nobody can read."""
    if text is None:
        return Book()
    try:
        return msgspec.json.decode(text, type=Book)
    except msgspec.MsgspecError:
        return Book()


# ----------------------------------------------------------------------- what is due


def _due(told: Mapping[str, Told], cases: Mapping[str, Case], now: int, policy: Policy) -> Iterator[Item]:
    for key, case in cases.items():
        was = told.get(key)
        if _RANK[case.severity] < _RANK[policy.min_severity]:
            continue
        if was is None or was.is_over:
            yield _item(was, case, "opened")
        elif _RANK[case.severity] > _RANK[was.severity] or (
            case.acknowledged_at is None and now - was.at >= policy.repeat_after * 1000
        ):
            yield _item(was, case, "repeated")
    for was in told.values():
        if not was.is_over and was.over_since is not None and now - was.over_since >= _calm(was):
            yield _item(was, was.case, "resolved", was.over_since)


def _seen(was: Told, is_open: bool, now: int) -> Told:
    """Remember since when it is over; never believe that something was told in the future."""
    over_since = None if is_open else min(now, was.over_since or now)
    return msgspec.structs.replace(was, over_since=over_since, at=min(was.at, now))


def _calm(was: Told) -> int:
    return min(CALM_MS << min(was.returns, 20), MEMORY_MS)


def _is_forgotten(was: Told, now: int) -> bool:
    return was.is_over and was.over_since is not None and now - was.over_since >= 2 * MEMORY_MS


def _item(was: Told | None, case: Case, event: Event, resolved_at: int | None = None) -> Item:
    """By its id the same telling is known again: the key, which opening, and the how-manieth telling."""
    times, first = (0, case.opened_at) if was is None else (was.times, was.case.opened_at)
    return Item(_digest_of(case.key, str(first), str(times), event), event, case, resolved_at)


def _digest_of(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _after(was: Told | None, item: Item, now: int) -> Told:
    """What is known of the key once this was told."""
    severity = item.case.severity
    if was is None:
        return Told(item.case, severity, now)
    is_return = was.is_over and item.event == "opened"
    if not is_return and _RANK[was.severity] > _RANK[severity]:
        severity = was.severity
    return msgspec.structs.replace(
        was,
        case=item.case,
        severity=severity,
        at=now,
        times=was.times + 1,
        returns=was.returns + is_return,
        is_over=item.event == "resolved",
    )


def _messages(due: Sequence[Item], room: int) -> tuple[Message, ...]:
    if not due or room <= 0:
        return ()
    if len(due) <= min(SINGLY, room - 1) or len(due) == 1:
        return tuple(Message((item,)) for item in due)
    return (Message(tuple(due)),)


# ---------------------------------------------------------------------- how it is said


def trial(at: int, channel: int) -> Message:
    """A message that says nothing but that it arrives."""
    text = "This is a test of vigil's alerts. Nothing is wrong."
    case = Case(f"alerts:test:{channel}", "test", "info", text, None, at)
    return Message((Item(_digest_of("test", str(at), str(channel)), "test", case),))


def worst(message: Message) -> Severity:
    """The severity of the message as a whole: that of what is still wrong, if anything is."""
    wrong = [item.case.severity for item in message.items if item.event != "resolved"]
    return max(wrong or ["info"], key=lambda severity: _RANK[severity])


def is_good_news(message: Message) -> bool:
    """Whether all of it is over."""
    return all(item.event == "resolved" for item in message.items)


def title(message: Message) -> str:
    """One line for people."""
    if len(message.items) > 1:
        counts = {event: sum(item.event == event for item in message.items) for event in get_args(Event)}
        return "vigil: " + ", ".join(f"{count} {event}" for event, count in counts.items() if count)
    (item,) = message.items
    what = " ".join(part for part in (item.case.account, item.case.kind) if part)
    match item.event:
        case "opened":
            return f"vigil: {item.case.severity}: {what}"
        case "repeated":
            return f"vigil: {item.case.severity}, still open: {what}"
        case "resolved":
            return f"vigil: resolved: {what}"
        case "test":
            return "vigil: test"


def body(message: Message) -> str:
    """The text for people; of a long digest the first ones, and how many more there are."""
    if len(message.items) == 1:
        return message.items[0].case.text
    lines = [_line(item) for item in message.items[:LISTED]]
    if more := len(message.items) - LISTED:
        lines += [f"and {more} more"] if more > 0 else []
    return "\n".join(lines)


def _line(item: Item) -> str:
    what = " ".join(part for part in (item.case.account, item.case.kind) if part)
    return f"{item.event}, {item.case.severity}: {what}: {item.case.text}"


def document(message: Message) -> dict[str, Any]:
    """The message for programs: docs/alerts.md has the shape."""
    if len(message.items) == 1:
        return _entry(message.items[0])
    return {
        "id": message.id,
        "event": "digest",
        "severity": worst(message),
        "text": title(message),
        "count": len(message.items),
        "incidents": [_entry(item) for item in message.items],
    }


def _entry(item: Item) -> dict[str, Any]:
    case = item.case
    return {
        "id": item.id,
        "event": item.event,
        "key": case.key,
        "kind": case.kind,
        "severity": case.severity,
        "account": case.account,
        "text": case.text,
        "opened_at": case.opened_at,
        "resolved_at": item.resolved_at,
        "count": case.count,
    }
