"""Bybit's refusals: retCode and text under HTTP 200, and the few that are bare HTTP.

Codes are those of the reference, sections 2 and 9; texts are the public ones
where they are known. Spot and contracts word the same thing differently.
"""

NOT_FOUND_PAGE = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n"
    b"<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
TOO_FREQUENT = b"access too frequent"


class Refusal(Exception):
    """The request is refused with `code` and `message`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class Unauthorised(Exception):
    """Refused with HTTP 401 and a body that says nothing."""


def bad_params(what: str) -> Refusal:
    """A parameter is unknown, missing or wrong."""
    return Refusal(10001, f"params error: {what}")


def not_offered(name: str) -> Refusal:
    """The real one would take it; the imitation does not."""
    return bad_params(f"{name} is not offered by this sandbox")


def out_of_time(stamp: int, now: int, window: int) -> Refusal:
    """The timestamp is outside of the window."""
    return Refusal(
        10002,
        "invalid request, please check your server timestamp or recv_window param. "
        f"req_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]",
    )


def bad_key() -> Refusal:
    """The key is unknown here, or belongs to another environment."""
    return Refusal(10003, "API key is invalid.")


def bad_signature(signed: str) -> Refusal:
    """The signature does not cover the bytes that came."""
    return Refusal(10004, f"error sign! origin_string[{signed}]")


def not_permitted() -> Refusal:
    """The key may not do this."""
    return Refusal(10005, "Permission denied, please check your API key permissions.")


def too_many() -> Refusal:
    """The rate limit of the endpoint."""
    return Refusal(10006, "Too many visits!")


def unmatched_ip() -> Refusal:
    """The key is bound to other addresses."""
    return Refusal(10010, "Unmatched IP, please check your API key's bound IP addresses.")


def expired_key() -> Refusal:
    """The key has run out."""
    return Refusal(33004, "Your api key has expired.")


def no_such_order(category: str) -> Refusal:
    """The order is not there, or has ended."""
    if category == "spot":
        return Refusal(170213, "Order does not exist.")
    return Refusal(110001, "order not exists or too late to cancel")


def duplicate_client_id(category: str) -> Refusal:
    """An order of that client id exists already."""
    if category == "spot":
        return Refusal(170141, "Duplicate clientOrderId")
    return Refusal(110072, "OrderLinkedID is duplicate")


def no_funds(category: str) -> Refusal:
    """The account does not have what the order needs."""
    if category == "spot":
        return Refusal(170131, "Insufficient balance.")
    return Refusal(110007, "ab not enough for new order")


def nothing_to_reduce() -> Refusal:
    """An order that may only close, without a position."""
    return Refusal(110017, "current position is zero, cannot fix reduce-only order qty")


def wrong_leg() -> Refusal:
    """PositionIdx does not fit the position mode."""
    return Refusal(10001, "position idx not match position mode")
