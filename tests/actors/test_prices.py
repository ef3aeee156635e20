"""The public streams of one source, against a server that behaves and one that does not."""

import queue
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pykka
import pytest

from actors.prices import PricesActor
from actors.quote_reader import QuotesSubscribed
from core.clock import Clock, SystemClock
from core.messages import Down, PriceDoubted, Ready
from core.offset import Sample
from exchanges.base import Endpoints
from tests.actors.quoting import Board, PricedExchange
from tests.actors.streams import no_readers_left
from tests.support.actors import Listener, Puppet, listening, start
from tests.support.clock import ManualClock
from tests.support.peers import PING, TEXT, WAIT, Guest, StreamPeer, stream_peer
from tests.support.waiting import eventually
from transport.origin import Origins

CHILD, POLLER = "trading/prices-words-spot", "trading/prices-words-rest"


class Market:
    """The server: lets everybody in; `next()` is a guest that was subscribed, with what it wants."""

    def __init__(self) -> None:
        self._came: queue.Queue[tuple[Guest, str]] = queue.Queue()
        self.acknowledges = True

    def __call__(self, guest: Guest) -> None:
        guest.greet()
        wanted = guest.expect(TEXT).decode()
        if self.acknowledges:
            guest.text("subscribed")
        self._came.put((guest, wanted))
        guest.until_gone()

    def next(self) -> tuple[Guest, str]:
        return self._came.get(timeout=WAIT)


class Scene:
    """One child with its board, at a server."""

    def __init__(self, listener: Listener, peer: StreamPeer, clock: Clock, *symbols: str) -> None:
        self.listener = listener
        self.peer = peer
        self.clock = clock
        self.board = Board(clock, *symbols)
        self.origins = Origins(clock)
        self.exchange = PricedExchange()
        self.ref: pykka.ActorRef[Any] | None = None

    def start(self, gen: int = 1, **options: Any) -> "Scene":
        scene = self

        class Kept(PricesActor):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                scene.actor = self

        self.ref = Kept.start(
            self.listener.context(CHILD, gen),
            source="words",
            category="spot",
            exchange=self.exchange,
            endpoints=Endpoints("http://127.0.0.1:1", "", self.peer.url),
            quotes=self.board,
            origins=self.origins,
            poller=POLLER,
            **{"heartbeat": 20.0, "stale_after": 45.0, **options},
        )
        if isinstance(self.clock, ManualClock):
            self.clock.drives(self.actor)
        return self

    actor: PricesActor

    def until_bid(self, bid: Any, symbol: str = "BTCUSDT") -> None:
        eventually(lambda: self.board.bid(symbol), lambda seen: seen == D(bid), what=f"{symbol} at {bid}")

    def down(self) -> Down:
        return self.listener.skip_to(Down)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one
    no_readers_left()


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def scene(listener: Listener, market: Market) -> Iterator[Scene]:
    """A child that needs the price of one symbol, not started yet."""
    with stream_peer(market) as peer:
        one = Scene(listener, peer, SystemClock(), "BTCUSDT")
        yield one
        if one.ref is not None:
            one.ref.stop(block=True, timeout=WAIT)


def test_it_is_ready_when_all_symbols_are_acknowledged_and_prices_reach_the_board(
    scene: Scene, market: Market
) -> None:
    scene.start()
    guest, wanted = market.next()
    assert wanted == "want BTCUSDT"
    assert scene.listener.next(Ready) == Ready(CHILD, 1)
    guest.text("price BTCUSDT 99 101")
    scene.until_bid(99)
    guest.text("price BTCUSDT 100 102")
    scene.until_bid(100)


def test_where_nobody_needs_a_price_it_is_ready_and_opens_nothing(scene: Scene) -> None:
    scene.board.needs = {}
    scene.start()
    scene.listener.next(Ready)
    assert scene.peer.visits == 0


def test_a_swallowed_acknowledgement_is_a_failed_attempt_and_never_ready(
    scene: Scene, market: Market
) -> None:
    market.acknowledges = False
    scene.exchange = PricedExchange(subscribe_timeout=0.05)
    scene.start()
    down = scene.listener.next(Down)
    assert (down.reason, "not subscribed" in down.detail) == ("link", True)


def test_there_are_as_many_sockets_as_the_exchange_demands(scene: Scene, market: Market) -> None:
    scene.board.needs["main"] = [("spot", name) for name in "ABCDE"] + [("linear", "X")]
    scene.start()
    assert {market.next()[1] for _ in range(3)} == {"want A B", "want C D", "want E"}
    scene.listener.next(Ready)


def test_a_symbol_more_is_subscribed_and_a_symbol_less_disturbs_nobody(scene: Scene, market: Market) -> None:
    scene.start()
    market.next()
    scene.listener.next(Ready)
    scene.board.needs["main"] = [("spot", "BTCUSDT"), ("spot", "ETHUSDT")]
    guest, wanted = market.next()
    assert wanted == "want BTCUSDT ETHUSDT"
    scene.board.needs["main"] = [("spot", "ETHUSDT")]
    guest.text("price ETHUSDT 9 11")
    scene.until_bid(9, "ETHUSDT")
    assert scene.peer.visits == 2
    assert scene.listener.rest() == []


# ------------------------------------------------------------------- what ends it


def test_a_cut_ends_this_generation_and_the_board_keeps_what_it_said(scene: Scene, market: Market) -> None:
    scene.start()
    guest, _ = market.next()
    guest.text("price BTCUSDT 99 101")
    scene.until_bid(99)
    guest.reset()
    assert scene.down().reason == "link"
    assert scene.board.bid() == 99
    scene.start(gen=2)
    market.next()[0].text("price BTCUSDT 98 100")
    scene.until_bid(98)


@pytest.mark.parametrize(
    ("word", "reason", "hint"),
    [
        ("broken link", "link", None),
        ("broken limited", "link", 77),
        ("broken fatal", "link", 60),
        ("broken changed", "link", 60),
        ("leaving", "link", None),
        ("bug", "bug", None),
    ],
)
def test_whatever_ends_a_session_nothing_is_held_for_there_is_no_key_to_mend(
    scene: Scene, market: Market, word: str, reason: str, hint: float | None
) -> None:
    scene.start()
    market.next()[0].text(word)
    down = scene.down()
    assert (down.reason, down.retry_after) == (reason, hint)


def test_a_ban_that_the_stream_heard_of_stops_rest_and_the_next_attempt(scene: Scene, market: Market) -> None:
    scene.start()
    market.next()[0].text("broken banned")
    assert scene.down().retry_after == 120
    scene.start(gen=2)
    assert "banned" in scene.down().detail
    assert scene.peer.visits == 1


def test_a_peer_that_says_nothing_is_left(listener: Listener, market: Market) -> None:
    clock = ManualClock()
    listener.clock = clock
    with stream_peer(market) as peer:
        scene = Scene(listener, peer, clock, "BTCUSDT").start(heartbeat=1000.0)
        market.next()
        listener.next(Ready)
        clock.advance(46)
        assert "no byte from the peer" in scene.down().detail


def test_a_heartbeat_is_sent_and_its_answer_keeps_the_peer_alive(listener: Listener) -> None:
    beats: queue.Queue[bytes] = queue.Queue()

    def serve(guest: Guest) -> None:
        guest.greet()
        guest.expect(TEXT)
        guest.text("subscribed")
        while True:
            kind, payload = guest.receive()
            assert kind in (TEXT, PING)
            beats.put(payload)
            guest.text("pong")

    clock = ManualClock()
    listener.clock = clock
    with stream_peer(serve) as peer:
        scene = Scene(listener, peer, clock, "BTCUSDT").start()
        listener.next(Ready)
        assert scene.ref is not None
        for _ in range(4):
            scene.ref.ask(QuotesSubscribed(99), timeout=WAIT)  # what it was at is done: the next beat is set
            clock.advance(20)
            assert beats.get(timeout=WAIT) == b"ping"
            until_heard(scene, clock.boottime())
        assert listener.rest() == []
        scene.ref.stop(block=True, timeout=WAIT)


def until_heard(scene: Scene, at: float) -> None:
    def heard() -> bool:
        return [reader.heard_at for reader in scene.actor._readers.values()] == [at]

    eventually(heard, what="the answer to a heartbeat")


# ---------------------------------------------------------------- what is believed


def test_a_jump_has_the_second_source_asked_at_once(scene: Scene, market: Market) -> None:
    poller = start(Puppet, scene.listener)
    scene.listener.directory.enter(POLLER, poller)
    scene.start()
    guest, _ = market.next()
    guest.text("price BTCUSDT 99 101")
    guest.text("price BTCUSDT 199 201")
    poller.events.has_heard(PriceDoubted)
    assert "a jump is in doubt" in scene.board.why()


def test_a_price_that_was_long_on_its_way_is_as_old_as_the_exchange_says(
    listener: Listener, market: Market
) -> None:
    """Where our clock was set by the exchange's; else nobody knows, and it is as old as its arrival."""
    clock = SystemClock()
    with stream_peer(market) as peer:
        scene = Scene(listener, peer, clock, "BTCUSDT").start()
        guest, _ = market.next()
        guest.text(f"price BTCUSDT 99 101 1 {clock.wall_ms() - 60_000}")
        scene.until_bid(99)
        rest = scene.origins.rest("http://127.0.0.1:1", 1)
        rest.learn([Sample(clock.boottime(), clock.boottime(), clock.wall_ms())])
        guest.text(f"price BTCUSDT 98 100 2 {clock.wall_ms() - 60_000}")
        eventually(scene.board.refused, lambda counts: counts == {("binance", "stale"): 1}, what="a refusal")
        now = clock.wall_ms()
        guest.text(f"price BTCUSDT 98 100 3 {now}")
        scene.until_bid(98)
        guest.text(f"price BTCUSDT 97 99 4 {now - 100}")
        scene.until_bid(97)
        assert scene.board.refused() == {("binance", "stale"): 1}, "what comes later is not older"
        assert scene.ref is not None
        scene.ref.stop(block=True, timeout=WAIT)


def test_a_symbol_that_the_exchange_refuses_is_shown_and_the_others_go_on(
    scene: Scene, market: Market
) -> None:
    scene.board.needs["main"].append(("spot", "NOSUCH"))
    scene.start()
    guest, _ = market.next()
    guest.text("unknown NOSUCH")
    guest.text("something else")
    guest.text("price BTCUSDT 99 101")
    scene.until_bid(99)
    why = {row["symbol"]: row["why"] for row in scene.board.rows()}
    assert why == {
        "BTCUSDT": None,
        "NOSUCH": "no price has come yet; the exchange says: there are no prices of it",
    }


def test_a_generation_without_authority_writes_nothing(
    scene: Scene, market: Market, logged: list[Any]
) -> None:
    scene.start()
    guest, _ = market.next()
    guest.text("price BTCUSDT 99 101")
    scene.until_bid(99)
    heir = start(Puppet, scene.listener, gen=2)
    scene.listener.directory.enter(CHILD, heir)
    guest.text("price BTCUSDT 98 100")
    guest.text("unknown BTCUSDT")
    guest.text("the last word")
    eventually(
        lambda: [line for line in logged if line["event"] == "quote_not_readable"], what="all to be read"
    )
    assert scene.board.bid() == 99
    assert scene.board.rows()[0]["why"] is None


def test_an_abandoned_one_leaves_no_socket(scene: Scene, market: Market) -> None:
    scene.start()
    market.next()
    scene.listener.next(Ready)
    scene.actor.abandon("it hung")
    no_readers_left()
