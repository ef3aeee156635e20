"""What a trader is put through: the whole menu, and what can go wrong with an order on its way.

The entries of the menu are walked one after another while trading goes on, so of
their steps those that trade are only time that passes. What is added here concerns
the way of an order: answers that are late, torn off or refused, whether the order was
made or not, and ends that come from elsewhere. `{orders}` is the path that places;
where others share it (a cancel, a question), they meet the same.
"""

from collections.abc import Mapping

from drill.dialects import DIALECTS
from drill.menu import MENU, Act, Clear, Entry, Inject, Machine, Person, Wait

_LATE = {"path": "{orders}", "seconds": 1.0}
_CUT = Inject("drop", whole=True)


def _answering(name: str, what: str, status: int, **more: object) -> Entry:
    fault = Inject("rest_status", {"path": "{orders}", "status": status, **more})
    return Entry(name, what, "account", (fault, Act(), Wait(3), Clear()))


ORDERS = (
    Entry(
        "order-late",
        "an order is answered two seconds late",
        "account",
        (Inject("slow_rest", {**_LATE, "seconds": 2.0}), Act(), Wait(4), Clear()),
    ),
    Entry(
        "order-hung",
        "two orders are made, and nobody waits as long as their answers take",
        "account",
        (Inject("slow_rest", {**_LATE, "seconds": 12.0, "count": 2}), Act(), Wait(11), Clear()),
    ),
    Entry(
        "order-torn",
        "orders are made, and the connection is reset before they are answered",
        "address",
        (Inject("slow_rest", _LATE), *(Act(), _CUT) * 4, Clear()),
    ),
    _answering("order-500", "orders are refused with 500, and not made", 500),
    _answering("order-500-made", "orders are answered with 500, and made", 500, done=True),
    _answering("order-503-made", "orders are answered with 503, and made", 503, done=True),
    _answering("order-504-made", "orders are answered with 504, and made", 504, done=True),
    _answering("order-400", "two orders are answered with 400", 400, count=2),
    _answering("order-403", "the firewall refuses orders", 403, retry_after=2),
    _answering("order-429", "too many orders, and when to come again", 429, retry_after=2),
    Entry(
        "false-crossed",
        "the public stream tells a bid above the ask",
        "address",
        (Inject("false_price", {"what": "crossed"}, whole=True), Act(), Wait(3), Clear()),
    ),
    Entry(
        "false-jump",
        "the public stream tells twice the price",
        "address",
        (Inject("false_price", {"what": "jump"}, whole=True), Act(), Wait(3), Clear()),
    ),
    Entry(
        "prices-mute",
        "every stream is silent, the public ones too",
        "address",
        (Inject("mute", whole=True), Act(), Wait(4), Clear()),
    ),
    Entry(
        "ended-there",
        "SELLs are cancelled and expire without our doing",
        "account",
        (Machine("end_sells"), Act(), Machine("end_sells"), Act()),
    ),
    Entry(
        "sandbox-killed",
        "the exchange is killed amid its work and started again",
        "daemon",
        (Act(), Machine("kill_exchange"), Act()),
    ),
    Entry(
        "killed-late",
        "the daemon is killed while orders wait for their answers",
        "daemon",
        (
            Inject("slow_rest", _LATE),
            Act(),
            Machine("kill"),
            Machine("launch"),
            Act(),
            Machine("kill"),
            Clear(),
            Machine("launch"),
        ),
    ),
    Entry(
        "restarted",
        "the daemon is stopped and started again",
        "daemon",
        (Act(), Machine("stop"), Machine("launch"), Act()),
    ),
    Entry(
        "halted",
        "a person halts trading, and lets it go on",
        "daemon",
        (Act(), Machine("halt"), Wait(2), Person("release")),
    ),
)

TRADING: Mapping[str, Entry] = {entry.name: entry for entry in (*MENU.values(), *ORDERS)}
"""Everything that a trader is put through."""
TRADED = tuple(name for name, dialect in DIALECTS.items() if dialect.orders)
"""The exchanges where one is drilled."""
CLOSING = frozenset(
    {"429-bare", "418-bare", "403", "403-bare", "ban", "ban-cut", "gone", "order-403", "order-429"}
)
"""After these an exchange is not called for minutes, ten at Bybit, as its documents want it: the daemon is
started again then, which is what a person would do who knows that it is over."""
