"""What a refusal of Bybit means for us: `classify`, for REST and stream alike.

Decided on the code of the body first, then on the HTTP status, because gateways
answer with HTML or nothing and the engine with codes (v5/error, 2026-07-24). In
words:

* Codes of "setting unchanged" are as good as 0: `is_good`.
* Rate: 10006 and its like stop until the moment that the reply's header names,
  else for a second; HTTP 403 and the codes that go with it are a ban of the
  address (`ban`) for as long as `Retry-After` says, else for 10 minutes. A 403
  that speaks of a country is fatal instead.
* 10002 and -1 are the clock's: never evidence about an order.
* A *write* is a call that changes something. Where its effect is open (5xx, an
  unreadable body, a server timeout, a repeated request) the outcome is unknown. A
  read that fails in the same way is merely tried again. A client order id that was
  used before is a DuplicateOrder: an earlier attempt did work.
* An order that is not there, or final already, is an answer: NotFound.
* A refused key, account or region is fatal, and the text says what to check.
  NotAllowed tells that only this question was refused.
* The codes of the order engine are a rejection on a write and our bug on a read.
  A contract's quantity off its step comes as a wrong parameter (10001), which its
  text tells from others.
* What nobody knows is an alarm: on a write the outcome is unknown, on a read it
  is shown as a rejection and not repeated at once.

The stream refuses in free text. Its "Params Error" means that the request had
expired, and sometimes a wrong key: AuthInDoubt, which costs a resynchronisation
and another attempt, and then REST is asked for the verdict about the key.

"error sign!" repeats the text that was to be signed, with the key in it: that part
is not passed on.
"""

import re

import msgspec

from core.errors import (
    AuthInDoubt,
    BadRequest,
    ClockError,
    DuplicateOrder,
    FatalError,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    RejectReason,
    UnknownOutcome,
    Unreadable,
    VigilError,
)

BAN_WAIT = 600.0  # "stay silent for at least 10 minutes"
SECOND = 1.0
TOO_MANY_VISITS = 10006
LONGEST_WAIT = 3_600.0  # a hint beyond that is no hint
WINDOW = 5.0  # seconds over which the calls of an address are counted

_GOOD = frozenset({0, 110025, 110026, 110027, 110043, 34040})
_CLOCK = frozenset({10002, -1})
_TOO_FAST = frozenset({10006, 170005, 170222, 30035, 20003})
_BANNED = frozenset({10403, 10018})
_NOT_FOUND = frozenset({110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213, 40004})
_USED_BEFORE = frozenset({110072, 170141, 110030})
_REPEATED = frozenset({10014, 20006})  # a request, which need not be that of an order
_BUSY = frozenset({110079, 170144, 170191, 170212})
_OUTCOME_OPEN = frozenset(
    {429, 10000, 10016, 10019, 10429, 3400214, 170001, 170007, 170032, 170234}
    | {170035, 170146, 170147, 170149, 170150, 170310}
)
_CHANGED = frozenset({10017, 10404})
_BAD_REQUEST = frozenset(
    {10001, 10029, 110018, 110019, 110032, 170105, 170121, 170130, 170201, 181017} | {170115, 170116, 170117}
)
_KEY = {
    10003: "the API key is unknown here: it belongs to another site or environment, or was deleted",
    10004: "signature refused: the secret does not belong to this key",
    10007: "the key was refused: check that it is copied whole and belongs to this site",
    10010: "this address is not on the key's IP list: add it there",
    33004: "the API key has expired: make a new one, or bind it to an address",
    -2015: "the API key has expired: make a new one, or bind it to an address",
}
_NOT_ALLOWED = {
    10005: "the key lacks a permission: give it reading permission",
    10024: "not offered to this account for legal reasons",
    10028: "not offered to this kind of account: a unified one is needed",
    100028: "not offered to this kind of account: a unified one is needed",
}
_ACCOUNT = frozenset(
    {10008, 10009, 10027, 110066, 110067, 110088, 110123, 110124, 110125, 110132, 170209, 170348}
)
_REJECTED = (range(110000, 111000), range(170000, 171000), range(30000, 31000))
_MARGIN = (range(176000, 177000), range(182000, 183000))
REASONS: dict[RejectReason, frozenset[int]] = {
    "would_take": frozenset({170218}),
    "funds": frozenset(
        {110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053, 170033, 170131}
    ),
    "precision": frozenset({170134, 170137, 170148}),
    "price": frozenset({110003, 110092, 110093, 170132, 170133, 30208, 30209}),
    "percent_price": frozenset({170192, 170193, 170194}),
    "size": frozenset({110017, 170124, 170135, 170136}),
    "notional": frozenset({110094, 170140}),
    "count": frozenset({110009, 110020, 170810}),
    "trading": frozenset({110023, 110042, 110062, 110065, 110069}),
}
"""Why an order was not wanted, by the code (v5/error, 2026-07-24); of all others only the text tells."""

_REASON_OF: dict[int, RejectReason] = {code: reason for reason, codes in REASONS.items() for code in codes}
_PARAMETER = 10001
_QUANTITY_TEXT = re.compile(r"\bqty\b|quantity|number of contracts", re.IGNORECASE)
_REGION = re.compile(r"your (country|region)|restricted (country|region|location)", re.IGNORECASE)

_KEY_TEXT = re.compile(
    r"api.?key.{0,40}(invalid|expired|unknown|not exist|not found)|invalid.{0,10}api.?key"
    r"|unmatched ip|permission denied|(error|invalid|wrong) sign",
    re.IGNORECASE,
)
_SIGNED_TEXT = re.compile(r"\s*origin_string\[.*", re.DOTALL)
_TOPIC_GONE = "handler not found"


class NotAllowed(FatalError):
    """The key, account or site may not ask for this; other questions may be answered all the same."""


class Refusal(msgspec.Struct, frozen=True):
    """An answer that is not good.

    `wait` is the server's Retry-After in seconds, `until_ms` the moment at which
    its limit ends, `now_ms` exchange time.
    """

    status: int
    text: str
    now_ms: int
    code: int | None = None
    wait: float | None = None
    until_ms: int | None = None
    writes: bool = False


def is_good(status: int, code: int | None) -> bool:
    """Whether an answer is what was asked for."""
    return status == 200 and code in _GOOD


def classify(refusal: Refusal) -> VigilError:
    """The error whose remedy fits; this file's docstring says which and why."""
    refusal = msgspec.structs.replace(refusal, text=_SIGNED_TEXT.sub("", refusal.text))
    known = None if refusal.code is None else _by_code(refusal, refusal.code)
    return known or _by_status(refusal)


def refused_auth(text: str, code: int | None, now_ms: int) -> VigilError:
    """What a refused authentication of a stream means."""
    text = _SIGNED_TEXT.sub("", text)
    if code is not None:
        return classify(Refusal(200, text, now_ms, code))
    if _KEY_TEXT.search(text):
        return FatalError(f"the key was refused: check key, secret, site and IP list ({text})")
    return AuthInDoubt(f"authentication refused: {text}")


def refused_subscription(text: str, code: int | None, now_ms: int) -> VigilError:
    """What a refused subscription means."""
    if code is not None:
        return classify(Refusal(200, text, now_ms, code))
    return ProtocolChanged(text) if _TOPIC_GONE in text else LinkError(f"subscription refused: {text}")


def _by_code(refusal: Refusal, code: int) -> VigilError | None:
    text = f"{code}: {refusal.text}"
    if code in _KEY:
        return FatalError(f"{_KEY[code]} ({text})")
    if code in _NOT_ALLOWED:
        return NotAllowed(f"{_NOT_ALLOWED[code]} ({text})")
    if code in _ACCOUNT:
        return FatalError(f"the account or region is refused ({text})")
    if code in _CLOCK:
        return ClockError(text)
    if code in _TOO_FAST and refusal.status != 403:
        return RateLimited(text, retry_after=_limit_ends(refusal, 0.0 if code == TOO_MANY_VISITS else SECOND))
    if code in _BANNED:
        return RateLimited(text, retry_after=_hint(refusal, BAN_WAIT), ban=True)
    if code in _NOT_FOUND:
        return NotFound(text)
    if code in _CHANGED:
        return ProtocolChanged(text)
    if code in _BUSY:
        return LinkError(text)
    if code in _USED_BEFORE and refusal.writes:
        return DuplicateOrder(text)
    if code in _OUTCOME_OPEN or code in _REPEATED or code in _USED_BEFORE:
        return UnknownOutcome(text) if refusal.writes else LinkError(text)
    if code == _PARAMETER and refusal.writes and _QUANTITY_TEXT.search(refusal.text):
        return Rejected(text, "size")
    if code in _BAD_REQUEST:
        return BadRequest(text)
    if any(code in codes for codes in (*_REJECTED, *_MARGIN)):
        return Rejected(text, _REASON_OF.get(code, "other")) if refusal.writes else BadRequest(text)
    return None


def _by_status(refusal: Refusal) -> VigilError:
    status = refusal.status
    text = f"HTTP {status}: {refusal.text}" if refusal.code is None else f"{refusal.code}: {refusal.text}"
    if status == 401:
        return FatalError(f"not authorised: check the key, its secret and its permissions ({text})")
    if status == 403 and _REGION.search(refusal.text):
        return FatalError(f"this address is in a country that is not served ({text})")
    if status == 403:
        return RateLimited(text, retry_after=_hint(refusal, BAN_WAIT), ban=True)
    if status == 429:
        return RateLimited(text, retry_after=_hint(refusal, WINDOW), ban=True)
    if status in {404, 410}:
        return ProtocolChanged(text)
    if status == 400:
        return BadRequest(text)
    if refusal.writes:
        return UnknownOutcome(text)
    if status == 200:
        return Unreadable(text) if refusal.code in {None, *_GOOD} else Rejected(text)
    return LinkError(text)


def _limit_ends(refusal: Refusal, least: float) -> float:
    """Seconds to the end of an endpoint's limit, which counts by the second; `least` of them at least.

    Only the code of that very limit speaks of the moment that the header names.
    """
    if refusal.until_ms is None:
        return _hint(refusal, SECOND)
    return max(least, min((refusal.until_ms - refusal.now_ms) / 1000, LONGEST_WAIT))


def _hint(refusal: Refusal, otherwise: float) -> float:
    return otherwise if refusal.wait is None else min(refusal.wait, LONGEST_WAIT)
