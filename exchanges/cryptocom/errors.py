"""What a refusal of Crypto.com means for us: `classify`, for REST and stream alike.

Decided on the code of the body, which REST replies, stream replies and the reasons
of orders share, and only without one on the HTTP status, which follows no rule
here: order rejections are 400 or 500, "not found" is 200, and the body codes 401
and 408 have nothing to do with the statuses of that number (Exchange API v1,
"Response and Reason Codes", 2026-05-21; 325 and the 1xxxx family as recorded by
others). In words:

* A non-zero code whose `result` names an order: that order may exist. On a write
  the outcome is unknown, whatever the code says; DoubtfulOrder tells which to ask
  about. 204 alone needs no asking: an order with this client id exists already.
* Where a *write* may have been carried out (timeouts, internal errors,
  maintenance, 5xx without a code) the outcome is unknown; a read is merely tried
  again. 42901 is a refusal before anything was done.
* Limits are by key and method, so 42901 is no ban of the address; maintenance
  is like one, for knocking helps nobody.
* The codes of order entry are a rejection on a write and our own bug on a read.
  Why an order was not wanted, REASONS says; it is the same table for the `reason`
  of an order that ended.
* 40401, 212 and 316 say that there is no such (living) order: an answer.
* What nobody knows is a LinkError on a read; on a write it is a rejection where
  the status says that the request was bad, and else open.
"""

import msgspec

from core.errors import (
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
    VigilError,
)

RATE_WAIT = 2.0
FIREWALL_WAIT = 60.0
MAINTENANCE_WAIT = 60.0

_REFUSED = "key, signature or permission refused: check key and secret, that the key is enabled, and may read"
_ADVICE = {
    40101: _REFUSED,
    40103: "address refused: check the key's list of addresses, IPv6 too",
    40104: "the account's tier does not allow this",
    202: "the account is suspended",
    401: "the account may not do this",
    406: "the account may not do this",
    409: "the account may not do this",
    410: "the account may not do this",
    411: "the account may not do this",
    412: "the account may not do this",
    10002: _REFUSED,
    10003: "address refused: check the key's list of addresses, IPv6 too",
    10005: "the account's tier does not allow this",
}
_CLOCK = frozenset({40102, 10007})
_RATE = frozenset({42901, 10006})
_MAINTENANCE = 9010001
_OPEN = frozenset({40801, 50001, 120009})
_NOT_FOUND = frozenset({40401, 212, 316})
_UNKNOWN_METHOD = 40002
_BAD_REQUEST = frozenset({40001, *range(40003, 40008), 40107, 10001, 10004, 10008, 10009})
_ORDER = frozenset(
    {201, 203, *range(204, 212), *range(213, 231), *range(301, 316), *range(317, 322), 325, 407, 408, 415}
    | {501, 604, 605, 606, *range(613, 621), 1110, 30024, 43003, 43004, 43005, 43012, 50002, 130008}
)
_DUPLICATE = 204
REASONS: dict[int, RejectReason] = {
    43005: "would_take",
    306: "funds",
    321: "funds",
    213: "precision",
    308: "price",
    312: "price",
    313: "price",
    315: "percent_price",
    314: "size",
    415: "size",
    318: "count",
    206: "trading",
    208: "trading",
    209: "trading",
    309: "trading",
    219: "post_only",
}


class DoubtfulOrder(UnknownOutcome):
    """A refusal that names an order, which may exist all the same; ask about this id."""

    def __init__(self, message: str, order_id: str) -> None:
        super().__init__(message)
        self.order_id = order_id


class Refusal(msgspec.Struct, frozen=True):
    """An answer that is not good.

    `wait` is the server's own hint, seconds; status 0 = by stream. `order_id` is
    that of an order which the answer names all the same.
    """

    text: str
    status: int = 0
    code: int | None = None
    wait: float | None = None
    writes: bool = False
    order_id: str | None = None


def classify(refusal: Refusal) -> VigilError:
    """The error whose remedy fits; this file's docstring says which and why."""
    known = None if refusal.code is None else _by_code(refusal, refusal.code)
    return known or _by_status(refusal)


def _by_code(refusal: Refusal, code: int) -> VigilError | None:
    text = f"{code}: {refusal.text}"
    if refusal.writes and code == _DUPLICATE:
        return DuplicateOrder(text)
    if refusal.writes and refusal.order_id:
        return DoubtfulOrder(text, refusal.order_id)
    if refusal.writes and (code in _OPEN or code == _MAINTENANCE):
        return UnknownOutcome(text)
    if code in _ADVICE:
        return FatalError(f"{_ADVICE[code]} ({text})")
    if code in _CLOCK:
        return ClockError(text)
    if code in _RATE:
        return RateLimited(text, retry_after=refusal.wait or RATE_WAIT)
    if code == _MAINTENANCE:
        return RateLimited(text, retry_after=refusal.wait or MAINTENANCE_WAIT, ban=True)
    if code in _OPEN:
        return LinkError(text)
    if code in _NOT_FOUND:
        return NotFound(text)
    if code == _UNKNOWN_METHOD:
        return ProtocolChanged(text)
    if code in _ORDER and refusal.writes:
        return Rejected(text, REASONS.get(code, "other"))
    return BadRequest(text) if code in _ORDER or code in _BAD_REQUEST else None


def _by_status(refusal: Refusal) -> VigilError:
    status = refusal.status
    text = f"HTTP {status}: {refusal.text}" if refusal.code is None else f"{refusal.code}: {refusal.text}"
    if status in {403, 418, 429}:
        least = FIREWALL_WAIT if status == 403 else RATE_WAIT
        return RateLimited(text, retry_after=max(least, refusal.wait or 0.0), ban=True)
    if status == 401:
        return FatalError(f"not authorised: check the key and its permissions ({text})")
    if status in {404, 410}:
        return ProtocolChanged(text)
    if not refusal.writes:
        return LinkError(text)
    bad = 400 <= status < 500 and status != 408
    return Rejected(text) if bad else UnknownOutcome(text)
