"""The vocabulary: every word, what it takes, and how a caller's mistakes are answered.

One table serves all surfaces. The command line makes its commands from it, the
socket checks what it is sent against it, and a test holds the page of
documentation against it; so a word cannot exist in one place and be missing, or
mean something else, in another.

A name is exact: an unknown word or parameter is refused, and the nearest known
one is proposed. A value may be written as JSON or as text (`100` or `"100"`),
because two of the surfaces know only text.

Clients import this file: it imports nothing that is slow.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from core.faults import CHOICES

ROWS_PER_ANSWER = 5000
AUDIT_WITHIN = 120.0  # seconds that an audit may take
RELOAD_WITHIN = 40.0  # seconds that a reload may take: the sandbox may have to be started for it
DEFAULT_LIMIT = 100
TEST = "test"
TRADE_WITHIN = 20.0  # seconds that a trader has to say what came of an order
TRADING = frozenset({"buy", "sell", "cancel", "halt", "retry"})
ALERTS_WITHIN = 30.0  # seconds that a test of the alerts may take
HISTORIES = ("order", "fill", "balance", "position", "cash", "account", "actor")
_LONGEST_QUOTE = 64
_LONGEST_TEXT = 256

Arguments = dict[str, Any]


class Mistake(Exception):
    """The caller's: the text says what was not understood, and what would be."""


class UnknownWord(Mistake):
    """There is no such word."""


class Unavailable(Exception):
    """Not to be had of this daemon: it is stopping, or of a version that lacks it."""


class Param(NamedTuple):
    """One parameter; `positional` ones stand without a name on the command line.

    `text` is taken as it is, `count` is an integer from 0, `time` is what
    `control.moments` reads, `flag` is on or off, `row` is a row of an earlier
    answer (only programs can hand that in). `offers` is what a shell completes it with
    (`control.completion`).
    """

    name: str
    kind: Literal["text", "count", "time", "flag", "row"]
    help: str
    default: object = None
    positional: bool = False
    required: bool = False
    offers: str = ""


class Word(NamedTuple):
    """One word of the vocabulary; `rows` says that its answer is a list, `more` is for who asks for help."""

    name: str
    kind: Literal["read", "operate"]
    help: str
    params: tuple[Param, ...] = ()
    rows: bool = False
    example: str = ""
    more: str = ""

    @property
    def takes_json(self) -> bool:
        """Whether its answer says more than that it is on its way."""
        return self.kind == "read" or self.name == "reload" or self.name in TRADING

    @property
    def is_paged(self) -> bool:
        """Whether a caller can go on behind the last row of an answer."""
        return self.rows and any(param.name == "after" for param in self.params)


ACCOUNT = Param("account", "text", "Only this account.", offers="account")
SYMBOL = Param("symbol", "text", "Only this symbol, as the exchange writes it.")
ASSET = Param("symbol", "text", "Only this asset.")
SINCE = Param(
    "since", "time", "From then on: 1h, 30m, 2d, an ISO time (UTC), or milliseconds.", offers="moment"
)
LIMIT = Param("limit", "count", "The newest N; 0 for all.", default=DEFAULT_LIMIT)
ALL = Param("limit", "count", "The N that changed last; 0 for all.", default=0)
AFTER = Param("after", "count", "Go on behind this seq, oldest first.")
AFTER_ROW = Param("after", "row", "Go on behind this row, the last of the answer before.")
OPEN = Param("open", "flag", "Only those that are not over.", default=False)
KIND = Param("kind", "text", f"One of {', '.join(HISTORIES)}.", positional=True, required=True, offers="kind")
BY = Param(
    "by",
    "text",
    "The totals' key: asset, day, symbol or order; fill for each fill; account for the maker's share.",
    default="asset",
    offers="total",
)
KEY = Param(
    "key",
    "text",
    "Which one: an order id, an asset, a symbol, a name.",
    positional=True,
    required=True,
    offers="key",
)
AUDITED = Param(
    "target",
    "text",
    "An account, or anything of one; all of them where none is named.",
    positional=True,
    offers="account",
)
WINDOW = Param("since", "time", "From then on, as for other words.", default="24h", offers="moment")
TARGET = Param(
    "target", "text", "An account, a child or a group.", positional=True, required=True, offers="target"
)
PLAYER = Param(
    "target",
    "text",
    "An account of the built-in sandbox.",
    positional=True,
    required=True,
    offers="account",
)
FAULT = Param(
    "kind",
    "text",
    "; ".join(f"{choice.kind}: {choice.label[0].lower()}{choice.label[1:]}" for choice in CHOICES.values()),
    positional=True,
    required=True,
    offers="fault",
)
ACTION = Param("action", "text", "What to do: test.", positional=True, required=True, offers="action")
URL = Param("url", "count", "Only the address at this place of alerts.urls, from 0.")
INCIDENT = Param("id", "count", "The id of an incident.", positional=True, required=True, offers="incident")

WHERE = Param("account", "text", "The account to trade in.", positional=True, required=True)
PAIR = Param("symbol", "text", "The symbol, as the exchange writes it.", positional=True, required=True)
YES = Param("yes", "flag", "Send it; without this it is only judged, and told.", default=False)
DRY_RUN = Param("dry_run", "flag", "Send nothing, whatever else is said.", default=False)
ORDERING = (
    WHERE,
    PAIR,
    Param("quantity", "text", "How much of the base asset."),
    Param("worth", "text", "How much in the quote asset; the quantity is rounded down to the step."),
    Param("price", "text", "The limit; without one the order is at the market, which needs --taker."),
    Param("taker", "flag", "It may trade at once; otherwise it is refused where it would.", default=False),
    Param("again", "flag", "It is meant although an equal order lives.", default=False),
    DRY_RUN,
    YES,
)
TRADES = ("list", "show", "profit", "curve")
WHAT = Param("what", "text", f"One of {', '.join(TRADES)}.", default="list", positional=True)
TRADE = Param("id", "text", "Which trade, for show.", positional=True)
SUMS = ("day", "symbol")
SUM_BY = Param("by", "text", "Profit by day or by symbol alone; without it by both.")

_TABLE = (
    Word(
        "status",
        "read",
        "Everything at a glance; exit code 1 when not ok.",
        example="status --json",
        more="Below the accounts: what should be known of them, the actors that do not run, and the ledger: "
        "its newest seq, what it holds, what waits outside it, and how long commits take.",
    ),
    Word(
        "health",
        "read",
        "The state, and why it is not ok; exit code 1 when not ok.",
        example="health",
        more="A line for each account that is not live, for facts that wait outside the ledger, for a part of "
        "the core that does not run, for a duty that is overdue.",
    ),
    Word(
        "accounts",
        "read",
        "What each account sees, and how fresh that is.",
        rows=True,
        example="accounts --json",
        more="Further words edit the settings file; a running daemon applies that at once.",
    ),
    Word(
        "actors",
        "read",
        "Each supervised actor: phase, generation, restarts, mailbox.",
        rows=True,
        example="actors",
    ),
    Word(
        "orders",
        "read",
        "Orders as they stand.",
        (ACCOUNT, SYMBOL, SINCE, LIMIT, AFTER_ROW, OPEN),
        rows=True,
        example="orders --account main --open",
    ),
    Word(
        "fills",
        "read",
        "Every fill, once.",
        (ACCOUNT, SYMBOL, SINCE, LIMIT, AFTER),
        rows=True,
        example="fills --since 1h --limit 0 --json",
    ),
    Word(
        "balances",
        "read",
        "What is held, free and locked.",
        (ACCOUNT, ASSET, SINCE, ALL, AFTER_ROW),
        rows=True,
        example="balances --symbol USDT",
    ),
    Word(
        "positions",
        "read",
        "Open positions.",
        (ACCOUNT, SYMBOL, SINCE, ALL, AFTER_ROW),
        rows=True,
        example="positions --account main",
    ),
    Word(
        "cash",
        "read",
        "Money moved without a trade.",
        (ACCOUNT, SINCE, LIMIT, AFTER),
        rows=True,
        example="cash --since 30d",
    ),
    Word(
        "fees",
        "read",
        "What trading cost, exactly, and what that was worth.",
        (BY, ACCOUNT, SYMBOL, SINCE, ALL, AFTER_ROW),
        rows=True,
        example="fees --by day --since 7d",
    ),
    Word(
        "prices",
        "read",
        "The prices that the trader needs: how old, from where, and why one is not acted on.",
        (ACCOUNT, SYMBOL),
        rows=True,
        example="prices --symbol BTCUSDT",
    ),
    Word(
        "trades",
        "read",
        "What the trader makes of each BUY fill; one of them from order to order; profit by day and symbol, and its curve.",
        (WHAT, TRADE, ACCOUNT, SYMBOL, SINCE, LIMIT, AFTER, OPEN, SUM_BY),
        rows=True,
        example="trades show ID",
    ),
    Word(
        "history",
        "read",
        "How something came to be as it is.",
        (KIND, KEY, ACCOUNT, SINCE, LIMIT),
        rows=True,
        example="history actor main/connection",
    ),
    Word(
        "incidents",
        "read",
        "What somebody should look at.",
        (ACCOUNT, SINCE, LIMIT, OPEN),
        rows=True,
        example="incidents --open",
    ),
    Word(
        "coverage",
        "read",
        "Of which time the ledger is proven, and the gaps: how each was closed, and which are open.",
        (ACCOUNT, SINCE, ALL, AFTER_ROW),
        rows=True,
        example="coverage --account main",
    ),
    Word(
        "audit",
        "read",
        "Compare a window with the exchange; exit code 1 when the two differ, or it could not be done.",
        (AUDITED, ACCOUNT, WINDOW),
        example="audit main --since 2d",
        more="It takes its time, and what the daemon needs has the right of way. What was missing is in the "
        "ledger afterwards.",
    ),
    Word(
        "tail",
        "read",
        "Each fact as it is committed, until you go.",
        (ACCOUNT, SYMBOL, SINCE, AFTER),
        example="tail --since 10m --json",
        more="A line each: seq, when it was recorded (UTC), account, kind, who said so, and what. Ctrl-C ends "
        "it; --after with the last seq goes on from there.",
    ),
    Word(
        "version",
        "read",
        "Which vigil answers.",
        example="version",
        more="Fails when nobody answers and in no other case, which makes it a health check for a container.",
    ),
    Word(
        "faults",
        "read",
        "What may be broken of an account at the built-in sandbox, and what happens then.",
        rows=True,
        example="faults",
    ),
    Word(
        "reconcile",
        "operate",
        "Compare an account with its exchange now.",
        (TARGET,),
        example="reconcile main",
        more="The comparison that follows every reconnect, without one. `audit` looks further back, and says "
        "what it found.",
    ),
    Word(
        "restart",
        "operate",
        "Give a child, a group or an account a new generation.",
        (TARGET,),
        example="restart main.stream",
        more="What waits for its backoff starts at once. No failure is counted or forgotten by it.",
    ),
    Word(
        "reset",
        "operate",
        "Forget failures and try at once; ends a hold.",
        (TARGET,),
        example="reset main",
        more="Secrets are looked up anew: it is what to say once the key is mended.",
    ),
    Word(
        "pause",
        "operate",
        "Leave an account alone, across restarts too.",
        (TARGET,),
        example="pause main",
        more="Its stream is closed and nothing is asked. What happens meanwhile is fetched after `resume`.",
    ),
    Word("resume", "operate", "End a pause.", (TARGET,), example="resume main"),
    Word(
        "reload",
        "operate",
        "Read the settings again and apply what changed; exit code 1 when they do not hold.",
        example="reload",
        more="Every save of the file does the same. Here the answer says what was applied, what begins anew, "
        "and what waits for the next start.",
    ),
    Word(
        "buy",
        "operate",
        "Place a BUY order; exit code 1 when it was not.",
        ORDERING,
        rows=True,
        example="buy main BTCUSDT --worth 50 --price 60000 --yes",
    ),
    Word(
        "sell",
        "operate",
        "Place a SELL order; exit code 1 when it was not.",
        ORDERING,
        rows=True,
        example="sell main BTCUSDT --quantity 0.01 --price 70000 --yes",
    ),
    Word(
        "cancel",
        "operate",
        "End an open order; exit code 1 when it was not.",
        (
            WHERE,
            Param("order", "text", "Its order id, or our client order id.", positional=True, required=True),
            DRY_RUN,
            YES,
        ),
        rows=True,
        example="cancel main 4711 --yes",
    ),
    Word(
        "halt",
        "operate",
        "Place nothing more, and cancel what the trader placed and nothing else; exit code 1 where it failed.",
        (
            Param("account", "text", "Only this account; all where none is named.", positional=True),
            Param("why", "text", "The reason, for those who look later."),
            Param("release", "flag", "Let it go on instead.", default=False),
        ),
        rows=True,
        example="halt main --why holidays",
    ),
    Word(
        "retry",
        "operate",
        "Let a stuck trade go on; exit code 1 where it does not.",
        (Param("id", "text", "Which trade.", positional=True, required=True),),
        rows=True,
        example="retry ID",
    ),
    Word(
        "alerts",
        "operate",
        "Send a test message to every address of [alerts], or to one; exit code 1 when any failed.",
        (ACTION, URL),
        example="alerts test --url 0",
        more="A line for each: its place in alerts.urls, the address without its secret, and ok or why not. "
        "Without a daemon it is sent from here.",
    ),
    Word(
        "acknowledge",
        "operate",
        "Say that you have seen an incident: it is not told again, and stays open until its cause is gone.",
        (INCIDENT,),
        example="acknowledge 7",
        more="`incidents --open` has the ids, docs/operations.md a runbook for each kind.",
    ),
    Word(
        "fault",
        "operate",
        "Break something of an account at the built-in sandbox, or mend it.",
        (PLAYER, FAULT),
        example="fault demo-bybit stream-down",
        more="It is done when the answer comes. `faults` says what happens by each.",
    ),
    Word(
        "stop",
        "operate",
        "Stop the daemon in order, and wait until it has ended.",
        example="stop",
        more="All that it had accepted is committed, or kept for the next start. Under systemd say "
        "`systemctl stop vigil`, for systemd starts it again otherwise.",
    ),
)
WORDS = {word.name: word for word in _TABLE}


def find(name: str) -> Word:
    """The word of that name; UnknownWord lists what there is."""
    if word := WORDS.get(name):
        return word
    raise UnknownWord(f"unknown method {quoted(name)}{hint(name, WORDS)}; there are: {', '.join(WORDS)}")


def read_arguments(word: Word, given: Mapping[str, object]) -> Arguments:
    """Every parameter of `word`, from `given` or by default; Mistake names what does not fit."""
    known = {param.name: param for param in word.params}
    for name in given:
        if name not in known:
            raise Mistake(f"{word.name} has no parameter {quoted(name)}{hint(name, known)}{_offer(known)}")
    return {name: _value(word, param, given.get(name)) for name, param in known.items()}


def hint(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean 'right'?` for what `wrong` resembles, else nothing."""
    if len(wrong) > _LONGEST_QUOTE:
        return ""
    import difflib  # only the rare mistake pays for it

    near = difflib.get_close_matches(wrong.lower(), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def quoted(wrong: str) -> str:
    """What somebody wrote, as it may stand in an error: short, and without control characters."""
    shown = wrong if len(wrong) <= _LONGEST_QUOTE else f"{wrong[:_LONGEST_QUOTE]}…"
    return repr(shown)


def _offer(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"; it takes: {names}" if names else "; it takes none"


def _value(word: Word, param: Param, given: object) -> Any:
    if given is None:
        if param.required:
            raise Mistake(f"{word.name} needs {param.name!r}: {param.help.lower()}")
        return param.default
    value = _READERS[param.kind](given)
    if value is None:
        raise Mistake(f"{word.name}: {param.name!r} is {_EXPECTED[param.kind]}")
    return value


def _text(given: object) -> str | None:
    """NUL is in nobody's name, and not every database can be asked for it."""
    is_text = isinstance(given, str) and 0 < len(given) <= _LONGEST_TEXT and "\0" not in given
    return given if is_text else None  # type: ignore[return-value]


def _count(given: object) -> int | None:
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 19:
        return int(given)
    is_integer = isinstance(given, int) and not isinstance(given, bool)
    return given if is_integer and 0 <= given < 2**63 else None  # type: ignore[operator,return-value]


def _time(given: object) -> str | int | None:
    return _count(given) if isinstance(given, int) else _text(given)


def _row(given: object) -> dict[str, Any] | None:
    return given if isinstance(given, dict) else None


def _flag(given: object) -> bool | None:
    return given if isinstance(given, bool) else {"true": True, "false": False}.get(str(given))


_READERS = {"text": _text, "count": _count, "time": _time, "flag": _flag, "row": _row}
_EXPECTED = {
    "text": f"a text of {_LONGEST_TEXT} characters at most, without NUL",
    "count": "an integer from 0",
    "time": "a time: 1h, an ISO time, or milliseconds",
    "flag": "true or false",
    "row": "a row of an earlier answer",
}
