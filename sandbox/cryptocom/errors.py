"""Crypto.com's refusals: code, name and HTTP status, in one table.

Statuses are those of the reference, section 6, odd as they are: an unknown
order is 200, refused orders are split between 400 and 500. What the list leaves
out is 400. Over a WebSocket only the code counts.
"""

from typing import Any

from sandbox.venue import InsufficientBalance, Refused, WouldTrigger

NAMES = {
    204: "DUPLICATE_CLORDID",
    209: "INVALID_INSTRUMENT",
    212: "INVALID_ORDERID",
    213: "INVALID_ORDERQTY",
    215: "INVALID_FEE_CURRENCY",
    218: "INVALID_ORDTYPE",
    219: "INVALID_EXECINST",
    220: "INVALID_SIDE",
    221: "INVALID_TIF",
    224: "REJ_BY_MATCHING_ENGINE",
    229: "INVALID_REF_PRICE",
    306: "INSUFFICIENT_AVAILABLE_BALANCE",
    308: "INVALID_PRICE",
    314: "EXCEEDS_MAX_ORDER_SIZE",
    315: "FAR_AWAY_LIMIT_PRICE",
    316: "NO_ACTIVE_ORDER",
    318: "EXCEEDS_MAX_ALLOWED_ORDERS",
    415: "BELOW_MIN_ORDER_SIZE",
    1110: "REDUCE_ONLY_REJECTED",
    10004: "BAD_REQUEST",
    40001: "BAD_REQUEST",
    40002: "METHOD_NOT_FOUND",
    40003: "INVALID_REQUEST",
    40004: "MISSING_OR_INVALID_ARGUMENT",
    40005: "INVALID_DATE",
    40006: "DUPLICATE_REQUEST",
    40101: "UNAUTHORIZED",
    40102: "INVALID_NONCE",
    40103: "IP_ILLEGAL",
    40104: "USER_TIER_INVALID",
    40107: "EXCEED_MAX_SUBSCRIPTIONS",
    40401: "NOT_FOUND",
    40801: "REQUEST_TIMEOUT",
    42901: "TOO_MANY_REQUESTS",
    43003: "FILL_OR_KILL",
    43004: "IMMEDIATE_OR_CANCEL",
    43005: "POST_ONLY_REJ",
    43012: "SELF_TRADE_PREVENTION",
    50001: "INTERNAL_SERVER_ERROR",
    130008: "NON_APPLICABLE",
    9010001: "SYSTEM_MAINTENANCE",
}
FINE = frozenset({0, 40401, 43012})
OWN = {40101: 401, 40103: 401, 40104: 401, 40801: 408, 42901: 429, 50001: 500, 9010001: 503}
FAILED = frozenset(
    {201, 203, 205, 206, 210, 211, 212, *range(214, 218), 219, *range(301, 308), *range(309, 314), 316, 317, 320,
     321, 406, 407, *range(409, 413), 415, 501, 604, 605, 606, *range(613, 621), 43003, 43004, 43005, 120009, 130008}
)  # fmt: skip
CLIENT_BUGS = frozenset({10004, *range(40001, 40007)})
CODE_OF_STATUS = {400: 40001, 401: 40101, 408: 40801, 429: 42901, 500: 50001}
MAINTENANCE = "Crypto.com Exchange is currently under maintenance. Please refer to https://status.crypto.com for more details."


def status_of(code: int) -> int:
    """The HTTP status that goes with a code."""
    if code in FINE:
        return 200
    return OWN.get(code) or (500 if code in FAILED else 400)


class Refusal(Exception):
    """The request is refused with `code`; `result` names an order that exists nevertheless."""

    def __init__(self, code: int, message: str = "", result: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message or NAMES.get(code, "REJECTED")
        self.result = result


def invalid(name: str) -> Refusal:
    """A parameter is missing or of the wrong kind."""
    return Refusal(40004, f"MISSING_OR_INVALID_ARGUMENT: {name}")


def code_of(refused: Refused) -> int:
    """The engine's refusal as a code."""
    match refused:
        case InsufficientBalance():
            return 306
        case WouldTrigger():
            return 229
        case _:
            return 224
