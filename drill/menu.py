"""The menu: what is done to a daemon, how it must be noticed, and how soon all must be well again.

One entry per fault, read top to bottom. An entry is data: its steps say what goes
wrong and what happens meanwhile, in the sandbox's own words (docs/sandbox.md);
`drill/round.py` carries them out. Among the parameters of a fault, `{trades}` and
the like are a field of the exchange's dialect ("" leaves the parameter out), and a
tuple is a choice that each seed makes for itself.

A fault of an *account* touches nobody else; one of an *address* everybody behind
it, so that nothing else is going on there; one of the *daemon* its own machine.
Every seed has an address of its own, for exchanges count by address and the
budget of one does not last for twenty accounts at the drill's pace.
"""

from collections.abc import Mapping
from random import Random
from typing import Any, Literal, NamedTuple

from drill.dialects import DIALECTS

Scope = Literal["account", "address", "daemon"]

PACE: Mapping[str, Any] = {
    "audit_every": 2,
    "poll_every": 1,
    "heartbeat": 1,
    "stale_after": 3,
    "listen_key_refresh": 2,
    "backoff": {"base": 0.1, "cap": 0.5, "trip": 20, "open": 1, "open_cap": 2, "stable": 1},
}
"""The private daemon's settings for each account: all that takes a minute in earnest takes seconds here."""

# ------------------------------------------------------------------------- steps


class Inject(NamedTuple):
    """A fault of the sandbox's. `whole`: of the exchange with all its accounts, not of this one alone."""

    kind: str
    params: Mapping[str, Any] = {}
    whole: bool = False

    def meant(self, exchange: str, random: Random) -> dict[str, Any]:
        """The parameters as that exchange means them; a choice is made by `random`."""
        filled = {key: _meant(value, exchange, random) for key, value in self.params.items()}
        return {key: value for key, value in filled.items() if value != ""}


def _meant(value: Any, exchange: str, random: Random) -> Any:
    if isinstance(value, tuple):
        return random.choice(value)
    if isinstance(value, str) and value.startswith("{"):
        return getattr(DIALECTS[exchange], value.strip("{}"))
    return value


class Clear(NamedTuple):
    """The end of every fault of the exchange; of those only that name the account, where it is not `whole`."""

    whole: bool = True


class Act(NamedTuple):
    """What a seed does: orders filled, filled in part, cancelled, opened; trades and a deposit."""


class Trade(NamedTuple):
    """One order at the market."""


class Trading(NamedTuple):
    """Orders at the market, one every `every` seconds."""

    seconds: float
    every: float = 0.7


class Burst(NamedTuple):
    """So many pages of the trade history at once, plus `more` trades."""

    pages: int = 0
    more: int = 20


class Wait(NamedTuple):
    """Time passes; `full` where the whole length was asked for."""

    seconds: float
    full: float | None = None


class Person(NamedTuple):
    """A person says this word of every account that is not live by then."""

    word: Literal["reset", "reconcile", "release"]


class Machine(NamedTuple):
    """Something happens to the daemon's own machine; the last four are the trader's (trading_menu)."""

    what: Literal[
        "lock",
        "unlock",
        "names_gone",
        "names_back",
        "kill",
        "launch",
        "stop",
        "halt",
        "kill_exchange",
        "end_sells",
    ]


Step = Inject | Clear | Act | Trade | Trading | Burst | Wait | Person | Machine

# ------------------------------------------------------------------------ entries

BLIND = frozenset({"backoff", "polling", "tripped", "connecting", "authenticating", "subscribing"})
"""The states of an account whose stream is not there."""
SPILL = frozenset({"spilled", "incident:spilling"})
DOUBT = BLIND | {"incident:unknown_event", "reconciling"}
"""What could not be read may have been an event: it is told, and the exchange is asked."""
REFUSED = frozenset({"stale", "incident:comparison_failed"})
CLOSED = frozenset({"incident:rest_closed"})
"""The exchange asked not to be called: the stream goes on, so the account stays live, but people are told."""
GONE = frozenset({"incident:protocol_changed"})

ALL = tuple(DIALECTS)
BINANCES = ("binance", "binance_us")
LOSABLE = ("trade", "canceled", "new", "balances")


class Entry(NamedTuple):
    """One fault. Seconds; `calls` is how many REST calls an account may spend until all is well.

    `shows` are the words of which the daemon has to say at least one: a state of
    the account, `incident:KIND`, `warning`, `spilled`. Empty, nothing need be
    said; `calm`, nothing may: the account stays live. `quiet_on` are exchanges
    where nothing need be said though elsewhere it must. `pace` is laid over PACE. An
    account that is not well after `patience` is given up. `besides` are fields that
    are not compared.
    """

    name: str
    what: str
    scope: Scope
    steps: tuple[Step, ...]
    shows: frozenset[str] = frozenset()
    notice_within: float = 2.0
    repair_within: float = 5.0
    calls: int = 200
    calm: bool = False
    exchanges: tuple[str, ...] = ALL
    quiet_on: tuple[str, ...] = ()
    pace: Mapping[str, Any] = {}
    patience: float = 45.0
    besides: tuple[str, ...] = ()

    def must_show(self, exchange: str) -> frozenset[str]:
        """What the daemon has to say of an account of this exchange."""
        return frozenset() if exchange in self.quiet_on else self.shows


PAGE_TWO = {"path": "{trades}", "having": "{further}", "skip": "{spared}", "status": 500, "count": 3}


def _refusing(status: int, retry_after: float | None) -> tuple[Step, ...]:
    hint = {} if retry_after is None else {"retry_after": retry_after}
    return (Inject("rest_status", {"status": status, **hint}, whole=True), Act(), Wait(4), Clear())


STREAM = (
    Entry(
        "drop",
        "the stream's connection is reset",
        "account",
        (Inject("drop"), Act()),
        BLIND,
        notice_within=1,
    ),
    Entry(
        "flapping",
        "ten resets, one after another",
        "account",
        (*(Inject("drop"), Wait(0.3)) * 5, Act(), *(Inject("drop"), Wait(0.3)) * 5),
        BLIND,
        notice_within=1,
        calls=400,
    ),
    Entry(
        "half-open",
        "the stream's connection stays open and says nothing any more, not even a pong",
        "account",
        (Inject("half_open"), Act(), Wait(4)),
        BLIND,
        notice_within=4.5,
    ),
    Entry(
        "half-open-all",
        "stream and REST connections stay open and say nothing any more",
        "address",
        (Inject("half_open", whole=True), Act(), Wait(4)),
        BLIND,
        notice_within=4.5,
        repair_within=8,
    ),
    Entry(
        "mute",
        "pongs come, and no event",
        "account",
        (Inject("mute"), Act(), Trading(20), Clear()),
        frozenset({"stale"}),
        notice_within=20,
        repair_within=15,
        pace={"audit_every": 6},
    ),
    Entry(
        "lose-one",
        "one event is never sent, all others are",
        "account",
        (Inject("lose_one", {"what": LOSABLE}), Act()),
        repair_within=11,
        calm=True,
    ),
    Entry(
        "lost-then-cut",
        "frame A is lost, B delivered, and the connection cut before an audit could tell",
        "account",
        (Inject("lose_one"), Trade(), Trade(), Inject("drop")),
        BLIND,
        pace={"audit_every": 60},
    ),
    Entry(
        "duplicate",
        "every event is sent twice",
        "account",
        (Inject("duplicate", {"count": 1000}), Act(), Clear()),
        calm=True,
    ),
    Entry(
        "reorder",
        "an event is sent after its successor",
        "account",
        (Inject("reorder", {"what": LOSABLE}), Act(), Trade()),
        repair_within=11,
        calm=True,
    ),
    Entry(
        "delay",
        "events come a second late",
        "account",
        (Inject("delay", {"seconds": 1.0}), Act(), Wait(1.5), Clear()),
        calm=True,
    ),
    Entry(
        "garbage",
        "frames that are no event: cut JSON, and bytes",
        "account",
        (Inject("garbage", {"form": "text"}), Act(), Inject("garbage", {"form": "binary"})),
        DOUBT,
        notice_within=1,
    ),
    Entry(
        "garbage-frames",
        "frames that break the protocol: text that is no UTF-8, and eight megabytes",
        "account",
        (Inject("garbage", {"form": "utf8"}), Act(), Wait(1), Inject("garbage", {"form": "oversized"})),
        DOUBT,
        notice_within=1,
    ),
    Entry(
        "swallow-ack",
        "after a reset nobody answers the subscription",
        "account",
        (Inject("swallow_subscribe_ack"), Inject("drop"), Act(), Wait(11)),
        BLIND,
        notice_within=1,
    ),
    Entry(
        "late-auth",
        "after a reset the authentication is answered three seconds late",
        "account",
        (Inject("late_auth", {"seconds": 3.0}), Inject("drop"), Act(), Wait(4)),
        BLIND,
        notice_within=1,
        exchanges=("binance", "bybit", "cryptocom"),
    ),
    Entry(
        "lost-pongs",
        "no ping is answered any more; events would come",
        "account",
        (Inject("lost_pongs"), Act(), Wait(5), Clear(), Wait(3)),
        BLIND,
        notice_within=6,
        quiet_on=("cryptocom",),  # it tells the balance every other second, changed or not
    ),
    Entry(
        "no-heartbeats",
        "the exchange sends no pings or heartbeats of its own for a while",
        "account",
        (Inject("no_heartbeats"), Act(), Wait(4), Clear()),
        calm=True,
    ),
    Entry(
        "terminated",
        "the subscription ends (eventStreamTerminated); where there is no such event, the socket does",
        "account",
        (Inject("stream_terminated"), Act()),
        BLIND | {"reconciling"},
        notice_within=1,
    ),
    Entry(
        "shutdown",
        "the server is shut down; Binance announces it (serverShutdown), the others end the socket",
        "account",
        (Inject("server_shutdown", {"close": True, "seconds": 0.5}), Act(), Wait(1)),
        BLIND,
        quiet_on=BINANCES,
    ),
    Entry(
        "key-expired",
        "the listen key expires and the exchange says so",
        "account",
        (Inject("key_expired"), Act()),
        BLIND,
        exchanges=("binance_us",),
    ),
    Entry(
        "key-gone",
        "the listen key is gone and nobody says so",
        "account",
        (Inject("key_expired", {"what": "silent"}), Act(), Wait(3)),
        BLIND,
        notice_within=5,
        repair_within=8,
        exchanges=("binance_us",),
    ),
    Entry(
        "revoked",
        "the API key is revoked, and later valid again",
        "account",
        (Inject("auth_revoked"), Act(), Wait(3), Clear(), Person("reset")),
        frozenset({"held"}),
        notice_within=4,
        calls=60,
    ),
)

CUT = (
    Entry(
        "cut",
        "no stream can be opened for a while (90 s in full); REST works",
        "address",
        (
            Inject("refuse_connect", {"transport": "ws"}, whole=True),
            Inject("drop"),
            Act(),
            Wait(6, full=90),
            Clear(),
        ),
        BLIND,
        notice_within=1,
        calls=1000,
    ),
    Entry(
        "outage",
        "nothing of the exchange can be reached for a while",
        "address",
        (
            Inject("refuse_connect", whole=True),
            Inject("drop", whole=True),
            Act(),
            Wait(5, full=60),
            Clear(),
        ),
        BLIND,
        notice_within=1,
    ),
    Entry(
        "dns",
        "the exchange's name cannot be resolved for a while",
        "daemon",
        (
            Machine("names_gone"),
            Inject("drop", whole=True),
            Act(),
            Wait(5, full=60),
            Machine("names_back"),
        ),
        BLIND,
        notice_within=1,
    ),
    Entry(
        "number-texts",
        "numbers come as texts, by REST and by the stream",
        "account",
        (Inject("number_texts"), Inject("drop"), Act(), Wait(3), Clear()),
        BLIND,
        exchanges=("cryptocom",),
    ),
    Entry(
        "double-filled",
        "an order is told as filled twice, as after a lost race of a cancel",
        "account",
        (Inject("double_filled", {"count": 3}), Act(), Clear()),
        calm=True,
        exchanges=("bybit",),
    ),
)

REST = (
    Entry(
        "slow-rest",
        "answers come three seconds late",
        "account",
        (Inject("slow_rest", {"seconds": 3.0}), Act(), Wait(4), Clear()),
        repair_within=12,
        pace={"stale_after": 15},
    ),
    Entry(
        "hung-rest",
        "an answer does not come before one stops waiting for it",
        "account",
        (Inject("slow_rest", {"seconds": 12.0, "count": 1}), Act(), Wait(9)),
        repair_within=12,
        pace={"stale_after": 15},
    ),
    Entry(
        "rest-503",
        "REST answers 503",
        "account",
        (Inject("rest_status", {"status": 503}), Act(), Wait(8), Clear()),
        REFUSED,
        notice_within=9,
    ),
    Entry(
        "rest-400",
        "REST answers 400, and a person asks again when it is over",
        "account",
        (Inject("rest_status", {"status": 400}), Act(), Wait(8), Clear(), Person("reconcile")),
        REFUSED,
        notice_within=9,
    ),
    Entry(
        "rest-410",
        "REST answers 410 Gone, and a person asks again when it is over",
        "account",
        (Inject("rest_status", {"status": 410}), Act(), Wait(8), Clear(), Person("reconcile")),
        REFUSED,
        notice_within=9,
        calls=60,
    ),
    Entry(
        "429",
        "too many requests, and when to come again",
        "address",
        _refusing(429, 3),
        CLOSED,
        notice_within=3,
        calls=60,
        calm=True,
        quiet_on=("cryptocom",),
    ),
    Entry(
        "429-bare",
        "too many requests, without a word on when to come again",
        "address",
        _refusing(429, None),
        CLOSED,
        notice_within=3,
        calls=60,
        calm=True,
        quiet_on=("cryptocom",),
    ),
    Entry(
        "418",
        "the address is banned, and for how long",
        "address",
        _refusing(418, 3),
        CLOSED,
        notice_within=3,
        calls=60,
        calm=True,
        exchanges=BINANCES,
    ),
    Entry(
        "418-bare",
        "the address is banned, without a word on how long",
        "address",
        _refusing(418, None),
        CLOSED,
        notice_within=3,
        calls=10,
        calm=True,
        exchanges=BINANCES,
    ),
    Entry(
        "403",
        "the firewall refuses, and says for how long",
        "address",
        _refusing(403, 3),
        CLOSED,
        notice_within=3,
        calls=60,
        calm=True,
    ),
    Entry(
        "403-bare",
        "the firewall refuses, without a word on how long",
        "address",
        _refusing(403, None),
        CLOSED,
        notice_within=3,
        calls=10,
        calm=True,
    ),
    Entry(
        "ban",
        "the address is banned in earnest, by every call and for new streams",
        "address",
        (Inject("ban", {"seconds": 4}, whole=True), Act(), Wait(4), Clear()),
        CLOSED,
        notice_within=3,
        calls=80,
        calm=True,
        quiet_on=("cryptocom",),
    ),
    Entry(
        "ban-cut",
        "the same, and the stream is cut meanwhile (Bybit lifts no ban before ten minutes)",
        "address",
        (
            Inject("ban", {"seconds": 4}, whole=True),
            Act(),
            Wait(2.5),
            Inject("drop"),
            Trade(),
            Wait(2),
            Clear(),
        ),
        BLIND,
        notice_within=4.5,
        repair_within=62,
        calls=600,
        exchanges=("binance", "binance_us", "cryptocom"),
        patience=75,
    ),
    Entry(
        "gone",
        "the way into the private stream is gone (410) for a while; it is tried once a minute",
        "address",
        (Inject("gone", whole=True), Inject("drop"), Act(), Wait(4), Clear()),
        GONE,
        notice_within=3,
        repair_within=66,
        calls=900,
        patience=80,
    ),
    Entry(
        "clock-ahead",
        "the exchange's clock jumps six seconds ahead",
        "address",
        (Inject("clock_step", {"ms": 6000}, whole=True), Act(), Wait(3)),
        repair_within=8,
        calm=True,
    ),
    Entry(
        "clock-back",
        "the exchange's clock jumps three seconds back",
        "address",
        (Inject("clock_step", {"ms": -3000}, whole=True), Act(), Wait(3)),
        repair_within=8,
        calm=True,
        besides=("updated_at",),  # in the ledger an order's never goes back
    ),
    Entry(
        "lag",
        "an event is lost while the histories trail by three seconds",
        "address",
        (Inject("lag", {"seconds": 3.0}, whole=True), Inject("lose_one"), Act(), Wait(4), Clear()),
        repair_within=11,
        calm=True,
    ),
    Entry(
        "page-two",
        "after a cut with more trades than a page holds, the second page fails three times",
        "address",
        (
            Inject("rest_status", {"status": 503}),
            Inject("refuse_connect", {"transport": "ws"}, whole=True),
            Inject("drop"),
            Wait(1),
            Burst(pages=1),
            Inject(
                "rest_status",
                PAGE_TWO,
                whole=True,
            ),
            Clear(whole=False),
            Wait(4),
            Clear(),
        ),
        BLIND,
        notice_within=1,
        repair_within=8,
        calls=400,
    ),
)

HOME = (
    Entry(
        "locked",
        "another program holds the database's lock for a while (60 s in full)",
        "daemon",
        (Machine("lock"), Act(), Burst(), Wait(4, full=60), Machine("unlock")),
        SPILL,
        notice_within=4,
    ),
    Entry(
        "killed",
        "the daemon is killed amid its work and started again",
        "daemon",
        (Act(), Burst(), Machine("kill"), Trade(), Trade(), Machine("launch")),
        repair_within=8,
    ),
)

MENU: Mapping[str, Entry] = {entry.name: entry for entry in (*STREAM, *CUT, *REST, *HOME)}
