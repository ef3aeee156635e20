"""When is `1h`? How people write a moment, and how one is shown to them.

Three forms are read: a span back from now (`90s`, `30m`, `1h`, `2d`), an ISO
time (UTC where it names no zone), and the milliseconds that the ledger itself
uses. The daemon reads them, not its clients, so that one clock decides.
"""

import re
from datetime import UTC, datetime

_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_MILLISECONDS = re.compile(r"[0-9]{1,16}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def since_ms(moment: str | int, now_ms: int) -> int:
    """The moment in milliseconds UTC; ValueError says how to write one."""
    if isinstance(moment, int):
        return moment
    text = moment.strip()
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    if span := _SPAN.fullmatch(text.lower()):
        return now_ms - int(span[1]) * _SECONDS[span[2]] * 1000
    return _from_iso(text)


def _from_iso(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 1h, 30m, 2d, an ISO time, or milliseconds") from None
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)


def as_utc(ms: int) -> str:
    """`2026-11-20 12:00:00`, UTC; what lies beyond the calendar stays a number."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(ms)


def as_clock(ms: int, now_ms: int) -> str:
    """The same without what goes without saying: today's day, this year's year."""
    whole = as_utc(ms)
    same_day = whole[:10] == as_utc(now_ms)[:10]
    return whole[11:] if same_day else whole[5:] if whole[:5] == as_utc(now_ms)[:5] else whole


def as_span(seconds: float) -> str:
    """A duration in its two largest units: `1.2 s`, `3 m 20 s`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours < 24 else f"{hours // 24} d {hours % 24} h"
