"""What can go wrong, named by what should be done about it.

The supervisor and the poller decide on these classes alone; each exchange maps
its wire errors to them in one function, `classify`. Whatever is none of these
is a bug, and is treated as one: counted, reported, never swallowed.
"""

from typing import Literal

RejectReason = Literal[
    "would_take",
    "funds",
    "precision",
    "price",
    "size",
    "percent_price",
    "notional",
    "count",
    "trading",
    "post_only",
    "other",
]
"""Why an exchange did not want an order; the filters by the words of `core/instruments`.

`would_take`: it was to be maker only and would have traded at once. `size` is also
said where an exchange does not tell quantity and worth apart.
"""


class VigilError(Exception):
    """The root: an error whose remedy is known."""


class InvalidTree(VigilError):
    """The children asked for make no sense; `problems` lists every reason (S1)."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class LinkError(VigilError):
    """The way to the exchange failed: try again, after the backoff."""


class StaleGeneration(VigilError):
    """An effect was refused because a newer generation has the authority (S24)."""


class RateLimited(LinkError):
    """The exchange asked us to wait.

    `retry_after` is seconds from now, None where it did not say. Every REST caller
    of that origin stops for so long, because the exchange counts by address; `ban`
    means that the address itself is shut out, and that streams must not knock either.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, ban: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.ban = ban


class ClockError(LinkError):
    """Our timestamp was refused: resync the clock, then retry once.

    Never evidence about an order.
    """


class AuthInDoubt(ClockError):
    """Refused for our timestamp or for our key, and the exchange does not say for which.

    Resync and retry once like any clock error; after that ask what the key is worth.
    """


class KeyGone(LinkError):
    """The key that a stream was entered by is unknown or has expired: a new one, on a new socket."""


class FatalError(VigilError):
    """Key, permission or address is wrong: hold the account and say what to fix."""


class UnknownOutcome(VigilError):
    """A request may or may not have taken effect: query by client id first."""


class DuplicateOrder(UnknownOutcome):
    """There is an order with this client order id: an earlier request did take effect."""


class Rejected(VigilError):
    """The exchange refused this request for a reason that the user should read."""

    def __init__(self, message: str, reason: RejectReason = "other") -> None:
        super().__init__(message)
        self.reason = reason


class NotFound(VigilError):
    """The exchange says that it does not know this order."""


class ProtocolChanged(VigilError):
    """The exchange no longer offers this method (404, 410, unknown method)."""


class BadRequest(VigilError):
    """The exchange did not understand us: our own bug, never repeated in a loop."""


class Unreadable(LinkError):
    """Bytes came that are no message of the protocol (not JSON, wrong shape, too large)."""


class DatabaseProblem(VigilError):
    """The ledger's database cannot be used as it is: says what is wrong and what to do.

    `passing` marks what may heal without anybody's hand: a lock, a full disk, a
    server that restarts. The rest needs a person.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
