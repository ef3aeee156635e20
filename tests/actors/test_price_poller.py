"""The second source of prices: what is asked by REST, when, and how much of it."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pykka
import pytest

from actors.price_poller import INCIDENT, SHARE, PricePollerActor
from core.messages import PriceDoubted, Ready
from core.prices import Rules
from core.records import Incident
from exchanges.base import Endpoints
from tests.actors.quoting import Board, PricedExchange
from tests.support.actors import Listener, Puppet, listening, start
from tests.support.clock import ManualClock
from tests.support.peers import WAIT, Answered, Asked, RestPeer, rest_peer
from transport.origin import Origins

CHILD = "trading/prices-words-rest"


class Scene:
    """One poller with its board, at a server that says `prices` by symbol, or what `answer` does."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.clock = ManualClock()
        listener.clock = self.clock
        self.board = Board(self.clock, "BTCUSDT")
        self.origins = Origins(self.clock)
        self.exchange = PricedExchange()
        self.prices: dict[str, Answered] = {"BTCUSDT": Answered(b"99 101")}
        self.peer: RestPeer
        self.ref: pykka.ActorRef[Any]
        self.actor: PricePollerActor

    def answer(self, asked: Asked) -> Answered:
        return self.prices[asked.path.rpartition("/")[2]]

    def start(self) -> "Scene":
        scene = self

        class Kept(PricePollerActor):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                scene.actor = self

        self.ref = Kept.start(
            self.listener.context(CHILD),
            source="words",
            exchange=self.exchange,
            endpoints=Endpoints(self.peer.url, ""),
            quotes=self.board,
            origins=self.origins,
        )
        self.clock.drives(self.actor)
        self.settle()
        return self

    def settle(self) -> None:
        """Until it has done all that was due."""
        self.ref.ask(PriceDoubted(), timeout=WAIT)

    def wait(self, seconds: float) -> None:
        """Time goes by in steps in which it looks, and everything that is due is done."""
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            self.settle()

    @property
    def asked(self) -> list[str]:
        return [one.path for one in self.peer.asked]

    def incidents(self) -> list[tuple[str, bool]]:
        records = [record for record in self.listener.records if isinstance(record, Incident)]
        return [(record.text, record.resolved) for record in records if record.kind == INCIDENT]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with listening() as listener:
        one = Scene(listener)
        with rest_peer(one.answer) as one.peer:
            yield one
            one.ref.stop(block=True, timeout=WAIT)


def test_it_asks_at_once_while_there_is_no_price_and_then_at_its_pace(scene: Scene) -> None:
    scene.start()
    assert scene.listener.next(Ready) == Ready(CHILD, 1)
    assert scene.asked == ["/price/spot/BTCUSDT"]
    assert scene.board.bid() == D(99)
    scene.wait(6)
    assert len(scene.asked) == 4, "every two seconds, for no stream says anything"


def test_it_asks_nothing_while_the_stream_speaks(scene: Scene) -> None:
    scene.board.told(99, 101)
    scene.start()
    for _ in range(10):
        scene.wait(1)
        scene.board.told(99, 101)
    assert scene.asked == []


def test_it_takes_over_when_the_stream_is_silent_and_leaves_off_when_it_speaks_again(scene: Scene) -> None:
    scene.board.told(98, 100)
    scene.start()
    scene.wait(3)
    assert scene.asked == []
    scene.wait(20)
    assert scene.board.bid() == D(99)
    assert scene.board.rows()[0]["source"] == "rest"
    scene.board.told(97, 99)
    before = len(scene.asked)
    scene.wait(2)
    assert len(scene.asked) == before


def test_a_jump_is_asked_about_at_once_and_believed_when_it_is_so(scene: Scene) -> None:
    scene.board.told(99, 101)
    scene.start()
    scene.prices["BTCUSDT"] = Answered(b"199 201")
    scene.board.told(199, 201)
    scene.settle()
    assert scene.board.bid() == D(199)
    assert len(scene.asked) == 1


def test_a_jump_that_is_not_so_leaves_no_price_and_is_asked_about_again(scene: Scene) -> None:
    scene.board.told(99, 101)
    scene.start()
    scene.board.told(199, 201)
    scene.wait(5)
    assert scene.board.bid() is None
    assert len(scene.asked) == 3


def test_an_answer_that_is_no_price_is_refused_and_asked_for_again(scene: Scene) -> None:
    scene.prices["BTCUSDT"] = Answered(b"101 99")
    scene.start()
    assert scene.board.why() == "no price has come yet"
    assert scene.board.refused() == {("binance", "crossed"): 1}
    scene.prices["BTCUSDT"] = Answered(b"99 101")
    scene.wait(2)
    assert scene.board.bid() == D(99)


# --------------------------------------------------------------- what goes wrong


def test_an_exchange_that_fails_is_asked_at_the_same_pace_and_others_have_their_turn(scene: Scene) -> None:
    scene.prices = {"BTCUSDT": Answered(status=500), "ETHUSDT": Answered(b"9 11")}
    scene.board.needs["main"].append(("spot", "ETHUSDT"))
    scene.start()
    scene.wait(1)
    assert scene.board.bid("ETHUSDT") == D(9)
    scene.wait(5)
    assert scene.asked.count("/price/spot/BTCUSDT") == 4


def test_while_the_exchange_wants_nobody_to_call_nobody_does(scene: Scene) -> None:
    scene.prices["BTCUSDT"] = Answered(status=429, headers={"Retry-After": "30"})
    scene.start()
    scene.wait(29)
    assert len(scene.asked) == 1
    scene.prices["BTCUSDT"] = Answered(b"99 101")
    scene.wait(2)
    assert scene.board.bid() == D(99)


def test_what_the_exchange_does_not_list_is_asked_for_once_a_minute_and_is_no_incident(scene: Scene) -> None:
    scene.prices["BTCUSDT"] = Answered(status=404)
    scene.start()
    scene.wait(59)
    assert len(scene.asked) == 1
    assert scene.board.why() == "no price has come yet; the exchange says: no such symbol"
    scene.wait(2)
    assert len(scene.asked) == 2
    assert scene.incidents() == []


def test_a_lasting_lack_is_an_incident_until_there_is_a_price_again(scene: Scene) -> None:
    scene.prices["BTCUSDT"] = Answered(status=500)
    scene.start()
    scene.wait(12)
    assert scene.incidents() == [("words spot BTCUSDT: no price has come yet", False)]
    scene.prices["BTCUSDT"] = Answered(b"99 101")
    scene.wait(3)
    assert scene.incidents()[1:] == [("words spot BTCUSDT: there is a price again", True)]


def test_it_takes_a_part_of_the_budget_and_no_more(scene: Scene) -> None:
    """A hundred silent symbols at three each: a fifth of 900 a minute is sixty calls."""
    symbols = [f"S{n}" for n in range(100)]
    scene.board.rules = Rules(D("0.05"), max_age=1000, silent_after=1, ask_every=1)
    scene.board.needs["main"] = [("spot", symbol) for symbol in symbols]
    scene.prices = {symbol: Answered(b"99 101") for symbol in symbols}
    scene.exchange = PricedExchange(weight_per_minute=900)
    scene.start()
    scene.wait(60)
    (usage,) = scene.origins.usage()
    assert len(scene.asked) in (60, 61)
    assert usage.used <= 900 * SHARE + 3
    assert len(set(scene.asked)) == len(scene.asked), "each has its turn before one has its second"


def test_no_call_leaves_when_the_budget_of_all_is_used_up(scene: Scene) -> None:
    origin = scene.origins.rest(scene.peer.url, 100_000)
    origin.begin(80_000, urgent=False)
    scene.start()
    assert scene.asked == []
    origin.end(80_000, stated=0)
    scene.wait(61)
    assert scene.board.bid() == D(99)


def test_no_key_is_shown_and_nothing_is_signed(scene: Scene) -> None:
    scene.start()
    (one,) = scene.peer.asked
    assert "key" not in str(one.headers).lower()


def test_an_answer_for_a_generation_without_authority_is_dropped(scene: Scene) -> None:
    def superseded(asked: Asked) -> Answered:
        heir = start(Puppet, scene.listener, gen=2)
        scene.listener.directory.enter(CHILD, heir)
        return Answered(b"99 101")

    scene.answer = superseded  # type: ignore[method-assign]
    with rest_peer(superseded) as scene.peer:
        scene.start()
        assert scene.board.why() == "no price has come yet"
