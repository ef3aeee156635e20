"""What a refusal of Binance means for us: `classify`, for REST and WS API alike.

Decided on the code of the body first, then on the status, because gateways and
the firewall answer with HTML and the engine with codes (error tables: Binance
spot API docs, errors, 2026-07-21; the HTTP statuses beside them as users
reported them). In words:

* Rate: 429, 418, 403, -1003 and -1034 stop every caller of the origin (`ban`);
  -1015 counts the orders of one account and stops only placing. A wait that is
  not said is 2 minutes for a ban, a minute for the firewall, else the rest of
  the present minute, because the windows follow the clock.
* A *write* is a signed call that changes something. Where its effect is open
  (5xx, -1006, -1007, and the "busy" codes) the outcome is unknown. A read that
  fails in the same way is merely tried again.
* The order codes are a rejection on a write and our own bug on a read.
* -2010 is an ordinary rejection, but for two texts about the account itself, and
  one that tells of an open order under the same client id. Why the order was not
  wanted stands in the text only, of the filters and of the engine alike: REASONS.
* -2011 for an order that is gone is an answer (NotFound), as is -2013. An order
  that is archived (-2026) did exist: it ended without a fill, long ago.
* A method that is not known here is told by words; no code is documented for it.
* What nobody knows is a LinkError: tried again, after the backoff.
"""

import re

import msgspec

from core.errors import (
    BadRequest,
    ClockError,
    DuplicateOrder,
    FatalError,
    KeyGone,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    RejectReason,
    UnknownOutcome,
    VigilError,
)

BAN_WAIT = 120.0  # bans grow from 2 minutes …
LONGEST_BAN = 3 * 86_400.0  # … to 3 days; a hint beyond that is no hint
FIREWALL_WAIT = 60.0

ALREADY_SUBSCRIBED = -2035

_ADVICE = {
    -2014: "the API key is malformed: check that it was copied whole",
    -2015: "key, permission or address refused: check that the key is right and has not expired, "
    "that it may read, and its IP list",
    -1022: "signature refused: the secret does not belong to this key",
    -1002: "not authorised: check the key and its permissions",
    -2008: "unknown API key: it was deleted or belongs to another site",
    -1099: "key not found or not allowed: check the key and its permissions",
}
_BUSY = frozenset({-1000, -1001, -1008})
_OUTCOME_OPEN = frozenset({-1006, -1007, -2021})
_WAIT = frozenset({-1003, -1015, -1034})
_LINK = frozenset({-1016, -1209, -2036, -2042})
_BAD_QUERY = frozenset({-1101, -1102, -1104, -1122, -1127, -1131, -1135, -1139, -1151, -1194, -1220})
_ORDER = frozenset(
    {-1010, -1013, -1014, -1020, -1111, -1121, -1128, -1130, -1134, -1145, -1210, -1211, -2010}
    | {-2022, -2038, -2039}
    | set(range(-1106, -1099))
    | {-1108}
    | set(range(-1119, -1113))
)
_ACCOUNT_REFUSED = ("may not place or cancel orders", "disabled on this account")
_GONE = "unknown order"
_DUPLICATE = "duplicate order"
REASONS: tuple[tuple[str, RejectReason], ...] = (
    ("immediately match and take", "would_take"),
    ("insufficient balance", "funds"),
    ("too much precision", "precision"),
    ("percent_price", "percent_price"),
    ("price_filter", "price"),
    ("invalid price", "price"),
    ("max_num", "count"),
    ("notional", "notional"),
    ("price * qty", "notional"),
    ("lot_size", "size"),
    ("max_position", "size"),
    ("max_asset", "size"),
    ("invalid quantity", "size"),
    ("market is closed", "trading"),
    ("not permitted for this account", "trading"),
    ("restricted for this account", "trading"),
    ("invalid symbol", "trading"),
)
"""What a refused order was refused for, by a part of the text; the first that fits."""
_UNKNOWN_METHOD = re.compile(
    r"(unknown|invalid|unsupported) method|method .*(not found|not supported|unknown)", re.IGNORECASE
)
_UNTIL = re.compile(r"until (\d{13})\b")


class UnknownSymbol(BadRequest):
    """There is no such symbol here: it has no orders and no trades."""


class Archived(Rejected):
    """The order ended without a fill more than 90 days ago and is no longer shown."""


class Refusal(msgspec.Struct, frozen=True):
    """An answer that is not good. `wait` is the server's own hint, seconds; `now_ms` exchange time."""

    status: int
    text: str
    now_ms: int
    code: int | None = None
    wait: float | None = None
    writes: bool = False


def classify(refusal: Refusal) -> VigilError:
    """The error whose remedy fits; this file's docstring says which and why."""
    known = None if refusal.code is None else _by_code(refusal, refusal.code)
    return known or _by_status(refusal)


def _by_code(refusal: Refusal, code: int) -> VigilError | None:
    text = f"{code}: {refusal.text}"
    if code in _ADVICE:
        return FatalError(f"{_ADVICE[code]} ({text})")
    if code in _WAIT:
        return RateLimited(text, retry_after=_wait(refusal), ban=code != -1015)
    if _UNKNOWN_METHOD.search(refusal.text):
        return ProtocolChanged(text)
    if code in _BUSY or code in _OUTCOME_OPEN:
        return UnknownOutcome(text) if refusal.writes else LinkError(text)
    if code in _LINK:
        return LinkError(text)
    if special := _SPECIAL.get(code):
        return special(text)
    if code == -2011:
        return NotFound(text) if _GONE in refusal.text.lower() else Rejected(text)
    if code == -2010 and any(words in refusal.text for words in _ACCOUNT_REFUSED):
        return FatalError(f"the account may not trade ({text})")
    if code == -2010 and refusal.writes and _DUPLICATE in refusal.text.lower():
        return DuplicateOrder(text)
    if code == -1121 and not refusal.writes:
        return UnknownSymbol(text)
    if code in _ORDER and refusal.writes:
        return Rejected(text, _reason(refusal.text))
    return BadRequest(text) if code in _ORDER or code in _BAD_QUERY else None


def _reason(text: str) -> RejectReason:
    lower = text.lower()
    return next((reason for part, reason in REASONS if part in lower), "other")


_SPECIAL: dict[int, type[VigilError]] = {
    -1021: ClockError,
    -1125: KeyGone,
    -2013: NotFound,
    -2026: Archived,
}


def _by_status(refusal: Refusal) -> VigilError:
    status = refusal.status
    text = f"HTTP {status}: {refusal.text}" if refusal.code is None else f"{refusal.code}: {refusal.text}"
    if status in {418, 429, 403}:
        return RateLimited(text, retry_after=_wait(refusal), ban=True)
    if status == 401:
        return FatalError(f"not authorised: check the key and its permissions ({text})")
    if status in {404, 410} or _UNKNOWN_METHOD.search(refusal.text):
        return ProtocolChanged(text)
    if (status >= 500 or status == 408) and refusal.writes:
        return UnknownOutcome(text)
    if 400 <= status < 500 and refusal.writes:
        return Rejected(text)
    return LinkError(text)


def _wait(refusal: Refusal) -> float:
    """How long to stay away: the server's hint, else what is known of its limits."""
    if refusal.status == 403:
        return max(FIREWALL_WAIT, refusal.wait or 0.0)
    if refusal.wait is not None:
        return max(0.0, min(refusal.wait, LONGEST_BAN))
    if until := _UNTIL.search(refusal.text):
        return max(0.0, min((int(until[1]) - refusal.now_ms) / 1000, LONGEST_BAN))
    if refusal.status == 418:
        return BAN_WAIT
    return 60.0 - refusal.now_ms / 1000 % 60
