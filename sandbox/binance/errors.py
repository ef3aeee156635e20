"""Binance's refusals: code, text and HTTP status, in one place.

Texts are those of the public error list (binance-spot-api-docs, errors.md);
statuses are the documented or reported ones of the reference, section 7.
"""

from sandbox.limits import Banned, TooMany

GONE_PAGE = (
    b"<html>\r\n<head><title>410 Gone</title></head>\r\n<body>\r\n"
    b"<center><h1>410 Gone</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
NOT_FOUND_PAGE = GONE_PAGE.replace(b"410 Gone", b"404 Not Found")


class Refusal(Exception):
    """The request is refused with `code` and `message` under `status`."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        *,
        retry_after: int | None = None,
        until: int | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.until = until


def bad_key() -> Refusal:
    """The key is unknown, revoked, or may not do this."""
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_signature() -> Refusal:
    """The signature does not cover the bytes that came."""
    return Refusal(-1022, "Signature for this request is not valid.")


def missing(name: str) -> Refusal:
    """A mandatory parameter is absent, empty or unreadable."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def missing_either(one: str, other: str) -> Refusal:
    """One of two parameters has to be there."""
    return Refusal(-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def unwanted(name: str) -> Refusal:
    """A parameter that this kind of order does not take."""
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def invalid(name: str) -> Refusal:
    """A parameter whose value is out of the question."""
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_combination() -> Refusal:
    """Optional parameters that exclude each other."""
    return Refusal(-1128, "Combination of optional parameters invalid.")


def filter_failure(name: str) -> Refusal:
    """A filter of the symbol does not let the order through."""
    return Refusal(-1013, f"Filter failure: {name}")


def no_such_order() -> Refusal:
    """A query for an order that never was."""
    return Refusal(-2013, "Order does not exist.")


def unknown_order() -> Refusal:
    """A cancel of an order that is not open."""
    return Refusal(-2011, "Unknown order sent.")


def ids_disagree() -> Refusal:
    """Two ids were sent and they name different orders."""
    return Refusal(-2039, "Client order ID is not correct for this order ID.")


def rejected(message: str) -> Refusal:
    """The matching engine said no."""
    return Refusal(-2010, message)


def too_many(error: TooMany) -> Refusal:
    """429 for a window that is full."""
    window = error.window
    if window.name == "ORDERS":
        unit = "10 SECOND" if window.seconds == 10 else "1 DAY"
        message = f"Too many new orders; current limit is {window.limit} orders per {unit}."
        return Refusal(-1015, message, 429, retry_after=error.retry_after)
    message = (
        f"Too much request weight used; current limit is {window.limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return Refusal(-1003, message, 429, retry_after=error.retry_after)


def banned(error: Banned) -> Refusal:
    """418 until the ban ends."""
    message = (
        f"Way too much request weight used; IP banned until {error.until}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return Refusal(-1003, message, 418, retry_after=error.retry_after, until=error.until)
