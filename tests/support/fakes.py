"""An exchange that speaks in words: for testing what runs dialects, not the dialects.

Its stream takes one word per frame (see `WordSession`); its REST side asks what
the test has put into its answers. `Venue` is the other end of the stream.
"""

import queue
from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.inlet import Inlet
from core.clock import Clock
from core.differences import Difference
from core.errors import (
    AuthInDoubt,
    BadRequest,
    ClockError,
    FatalError,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    VigilError,
)
from core.facts import Balance, Batch, Fact, Fill, OrderState, Unrecognised
from core.records import Entry
from core.status import LedgerVitals
from core.wire import Call, Reply, Wire
from exchanges.base import (
    NOTHING,
    Answer,
    Broken,
    Complete,
    Credentials,
    Decoded,
    Defaults,
    Endpoints,
    HeldOrder,
    Known,
    Permissions,
    Plan,
    PongReceived,
    Reached,
    Resubscribed,
    RotateSoon,
    Send,
    Signal,
)
from tests.support.peers import TEXT, WAIT, Guest

CREDENTIALS = Credentials("the-api-key", "the-api-secret")


def fill(trade_id: str, order_id: str = "1") -> Fill:
    return Fill("spot", "BTCUSDT", order_id, trade_id, "buy", Decimal(100), Decimal(1), 1_699_999_000_000)


def order(order_id: str, status: Any = "open", **more: Any) -> OrderState:
    return OrderState("spot", "BTCUSDT", order_id, status, **more)


ERRORS: dict[str, Callable[[], Exception]] = {
    "link": lambda: LinkError("the session ended"),
    "fatal": lambda: FatalError("the key is wrong"),
    "clock": lambda: ClockError("the timestamp is off"),
    "doubt": lambda: AuthInDoubt("stamp or key"),
    "limited": lambda: RateLimited("too fast", retry_after=77),
    "banned": lambda: RateLimited("banned", retry_after=120, ban=True),
    "changed": lambda: ProtocolChanged("method gone"),
    "bad": lambda: BadRequest("not understood"),
}


class WordSession:
    """Greets, subscribes, and takes words: `fill ID`, `order ID`, `balance ASSET`, `broken ERROR`, `later TEXT`, and some more."""

    subscribe_timeout = 10.0

    def __init__(self, url: str, own_heartbeat: bool = False) -> None:
        self.url = url
        self._own_heartbeat = own_heartbeat

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:
        return (Reached("authenticating"), Send("hello"))

    def received(self, text: str, wall_ms: int) -> Decoded:
        word, _, rest = text.partition(" ")
        match word:
            case "welcome":
                return Decoded(signals=(Reached("subscribing"), Send("subscribe")))
            case "subscribed":
                return Decoded(signals=(Reached("subscribed"),))
            case "fill":
                return Decoded(facts=(fill(rest.split()[0]),))
            case "order":
                return Decoded(facts=(order(rest, side="buy"),))
            case "balance":
                return Decoded(facts=(Balance(rest, Decimal(1), Decimal(0)),))
            case "leaving":
                return Decoded(signals=(RotateSoon("the server leaves"),))
            case "renewed":
                return Decoded(signals=(Resubscribed("it had ended"),))
            case "pong":
                return Decoded(signals=(PongReceived(),))
            case "later":
                return Decoded(signals=(Send(rest, after=0.02),))
            case "broken":
                error = ERRORS[rest]()
                assert isinstance(error, VigilError)
                return Decoded(facts=(fill(f"with {rest}"),), signals=(Broken(error),))
            case "bug":
                raise ValueError("a mistake of ours")
            case "quiet":
                return NOTHING
        return Decoded(facts=(Unrecognised(word, "not a word of ours"),))

    def heartbeat(self, wall_ms: int) -> Send | None:
        return Send("ping") if self._own_heartbeat else None


class WordDialect:
    """A REST side whose plans make one call each; the answers are the test's.

    `sync` and `order` are what these plans return; `order` by order id. The
    calls go to a real server, which decides what fails.
    """

    def __init__(self) -> None:
        self.sync_answer: Callable[[Known], Answer] = lambda known: Complete((), as_of=known.now)
        self.order_answers: dict[str, Answer] = {}
        self.told = Permissions(can_withdraw=False)
        self.balance_facts: tuple[Fact, ...] = ()
        self.held: list[Mapping[str, Decimal]] = []
        self.known: list[Known] = []

    def sign(self, call: Call, wall_ms: int) -> Wire:
        return Wire(call.method, f"{call.path}?stamp={wall_ms}", ())

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        hint = float(reply.headers["retry-after"]) if "retry-after" in reply.headers else None
        match reply.status:
            case 400:
                return ClockError("the timestamp is off")
            case 401:
                return FatalError("the key is wrong")
            case 404:
                return NotFound("no such order")
            case 410:
                return ProtocolChanged("gone")
            case 418 | 429:
                return RateLimited("too fast", retry_after=hint, ban=reply.status == 418)
            case status if status >= 500:
                return LinkError(f"HTTP {status}")
        return None

    def used_weight(self, reply: Reply) -> int | None:
        return None

    def clock(self) -> Generator[Call, Reply, int]:
        reply = yield Call("GET", "/time")
        return int(reply.body)

    def sync(self, known: Known) -> Plan:
        self.known.append(known)
        yield Call("GET", "/open-orders", auth="signed")
        yield Call("GET", "/trades", auth="signed")
        return self.sync_answer(known)

    def order(self, held: HeldOrder) -> Plan:
        try:
            yield Call("GET", f"/order/{held.order_id}", auth="signed")
        except NotFound:
            return Complete((), as_of=0)
        return self.order_answers.get(held.order_id, Complete((), as_of=0))

    def balances(self, held: Mapping[str, Decimal]) -> Plan:
        self.held.append(held)
        reply = yield Call("GET", "/balances", auth="signed")
        return Complete(self.balance_facts, reply.began_ms)

    def permissions(self) -> Generator[Call, Reply, Permissions]:
        yield Call("GET", "/permissions", auth="signed")
        return self.told


class WordExchange:
    """Implements exchanges.base.Exchange with the two above."""

    name = "words"
    defaults = Defaults(Endpoints("", ""), heartbeat=20, stale_after=45, weight_per_minute=100_000)

    def __init__(self, *, own_heartbeat: bool = False, subscribe_timeout: float = 10.0) -> None:
        self.dialect = WordDialect()
        self._own_heartbeat = own_heartbeat
        self._subscribe_timeout = subscribe_timeout

    def stream(self, credentials: Credentials, endpoints: Endpoints, user_stream: str) -> WordSession:
        session = WordSession(endpoints.ws, self._own_heartbeat)
        session.subscribe_timeout = self._subscribe_timeout
        return session

    def rest(self, credentials: Credentials, endpoints: Endpoints) -> WordDialect:
        return self.dialect


class Venue:
    """The stream's other end: lets guests in as `WordSession` expects it; `next()` is one subscribed.

    `manners` may be replaced: what is done with each guest from its handshake on.
    """

    def __init__(self) -> None:
        self._subscribed: queue.Queue[Guest] = queue.Queue()
        self.manners: Callable[[Guest], None] = self.welcome

    def __call__(self, guest: Guest) -> None:
        """The script for `stream_peer`."""
        self.manners(guest)

    def welcome(self, guest: Guest) -> None:
        guest.greet()
        assert guest.expect(TEXT) == b"hello"
        guest.text("welcome")
        assert guest.expect(TEXT) == b"subscribe"
        guest.text("subscribed")
        self._subscribed.put(guest)
        guest.until_gone()

    def mute(self, guest: Guest) -> None:
        """Let it in, and swallow its subscription."""
        guest.greet()
        guest.until_gone()

    def next(self) -> Guest:
        """The next guest that was subscribed."""
        return self._subscribed.get(timeout=WAIT)


class Tap:
    """Takes from an inlet in the ledger's stead, and keeps what came."""

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.entries: list[Entry] = []
        inlet.connect(lambda: self._woken.put(None))

    def until(self, enough: Callable[[list[Batch]], bool]) -> list[Batch]:
        """All batches so far, once they are enough."""
        while not enough(self.batches()):
            self._woken.get(timeout=WAIT)
            self.drain()
        return self.batches()

    def trades(self, *ids: str) -> list[Batch]:
        """All batches so far, once these fills are among them."""
        return self.until(lambda batches: set(ids) <= set(trade_ids(batches)))

    def batches(self) -> list[Batch]:
        return [entry for entry in self.entries if isinstance(entry, Batch)]

    def drain(self) -> None:
        while (taken := self._inlet.take(1000)) is not None:
            self.entries.extend(taken.entries)
            self._inlet.settle(taken, [_Nothing()] * len(taken.entries), 0)


class _Nothing(msgspec.Struct, frozen=True):
    changed: int = 0
    repaired: int = 0
    requery: tuple[tuple[str, str, str], ...] = ()
    differences: tuple[Difference, ...] = ()


def trade_ids(batches: list[Batch]) -> list[str]:
    return [fact.trade_id for batch in batches for fact in batch.facts if isinstance(fact, Fill)]


def new_inlet(folder: Any, clock: Clock) -> Inlet:
    return Inlet(folder, clock, LedgerVitals())
