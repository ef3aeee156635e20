"""The dialect against an imitation of the exchange that was written from the same reference by others.

What it states by stream and by REST is compared with the imitation's own record.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
import websocket

from core.clock import SystemClock
from core.errors import FatalError, VigilError
from core.facts import Balance, CashMove, Fact, Fill, OrderState, Position
from core.wire import Call, Reply
from exchanges.base import Broken, Complete, Credentials, Endpoints, HeldOrder, Known, Reached, Send
from exchanges.cryptocom import Cryptocom
from tests.support.sandbox import Sandbox, account
from transport.origin import RestOrigin
from transport.rest import RestClient

CLOCK = SystemClock()
WAIT = 15.0


class Place:
    """One account at the imitation, by REST and by stream."""

    def __init__(self, box: Sandbox, name: str = "main") -> None:
        self.admin = box.admin
        entry = next(entry for entry in box.accounts if entry["account"] == name)
        self.credentials = Credentials(entry["api_key"], entry["api_secret"])
        self.endpoints = Endpoints(box.url("cryptocom"), box.ws("cryptocom"))
        self.dialect = Cryptocom().rest(self.credentials, self.endpoints)
        self.origin = RestOrigin(CLOCK, 6000)
        self.client = RestClient(self.endpoints.rest, dialect=self.dialect, origin=self.origin, clock=CLOCK)

    def close(self) -> None:
        self.client.close()

    def run(self, plan: Generator[Call, Reply, Any]) -> Any:
        """Drive a plan at the pace of its calls, as the poller does."""
        try:
            call = next(plan)
            while True:
                threading.Event().wait(self.client.pause(call))
                try:
                    reply = self.client.call(call)
                except VigilError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(reply)
        except StopIteration as end:
            return end.value

    def sync(self) -> Complete:
        now = CLOCK.wall_ms()
        answer = self.run(self.dialect.sync(Known(since=now - 3_600_000, now=now, balances={})))
        assert isinstance(answer, Complete)
        return answer


class Stream:
    """A session on a real socket, read until something is seen."""

    def __init__(self, place: Place) -> None:
        self.session = Cryptocom().stream(place.credentials, place.endpoints, "auto")
        self.socket = websocket.create_connection(self.session.url, timeout=WAIT)
        self.facts: list[Fact] = []
        self.stages: list[str] = []
        for signal in self.session.opened(CLOCK.wall_ms()):
            self._act(signal)

    def read_until(self, seen: Callable[[], Any]) -> None:
        while not seen():
            decoded = self.session.received(str(self.socket.recv()), CLOCK.wall_ms())
            self.facts += decoded.facts
            for signal in decoded.signals:
                self._act(signal)

    def close(self) -> None:
        self.socket.close()

    def _act(self, signal: Any) -> None:
        match signal:
            case Send():
                threading.Event().wait(signal.after)
                self.socket.send(signal.text)
            case Reached(stage=stage):
                self.stages.append(stage)
            case Broken(error=error):
                raise error


ACCOUNTS = [account(name, "cryptocom") for name in ("main", "contracts")]
HEARTBEATS = ("--ping-every", "1", "--pong-within", "1")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(ACCOUNTS, exchanges=("cryptocom",), options=HEARTBEATS) as one:
        yield one


@pytest.fixture
def place(box: Sandbox) -> Iterator[Place]:
    box.admin.clear()
    with closing(Place(box)) as made:
        yield made


@pytest.fixture
def stream(place: Place) -> Iterator[Stream]:
    with closing(Stream(place)) as made:
        made.read_until(lambda: "subscribed" in made.stages)
        yield made


def of(facts: Any, kind: type) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kind)]


def fills(facts: Any) -> dict[str, Fill]:
    return {fact.trade_id: fact for fact in of(facts, Fill)}


def trade(place: Place) -> None:
    """A maker fill in two parts, a taker fill, and a cancel."""
    admin = place.admin
    resting = admin.place("main", "BTC_USD", "buy", "0.01", "10000")["order_id"]
    admin.fill(resting, quantity="0.004")
    admin.fill(resting)
    admin.place("main", "CRO_USD", "sell", "100")
    admin.cancel(admin.place("main", "CRO_USD", "buy", "100", "0.01")["order_id"])


# ------------------------------------------------------------------------ the stream


def test_it_is_subscribed_by_acknowledgement_and_in_this_order(stream: Stream) -> None:
    assert stream.stages == ["authenticating", "subscribing", "subscribed"]


def test_heartbeats_are_answered_in_time_again_and_again(stream: Stream) -> None:
    """The socket would be closed within a second otherwise."""
    until = CLOCK.monotonic() + 3.5
    stream.read_until(lambda: CLOCK.monotonic() > until)
    assert stream.session.heartbeat(CLOCK.wall_ms()) is None


@pytest.mark.parametrize("texts", [False, True])
def test_the_same_trade_by_stream_and_by_rest_is_the_same_fill(
    place: Place, stream: Stream, texts: bool
) -> None:
    if texts:
        place.admin.fault("number_texts", account="main")
    trade(place)
    stream.read_until(lambda: len(fills(stream.facts)) >= 3)
    shown = fills(place.sync().facts)
    streamed = fills(stream.facts)
    assert {number: shown[number] for number in streamed} == streamed
    recorded = {str(fill["trade_id"]): fill for fill in place.admin.truth("main")["fills"]}
    assert {number: said(fill) for number, fill in shown.items()} == {
        number: truly(fill) for number, fill in recorded.items()
    }


def said(fill: Fill) -> tuple[Any, ...]:
    return (
        fill.symbol, fill.order_id, fill.client_order_id, fill.side, fill.price, fill.quantity,
        fill.fee, fill.fee_asset, fill.liquidity, fill.traded_at,
    )  # fmt: skip


def truly(fill: dict[str, Any]) -> tuple[Any, ...]:
    return (
        fill["symbol"], str(fill["order_id"]), fill["client_order_id"], fill["side"], Decimal(fill["price"]),
        Decimal(fill["quantity"]), Decimal(fill["fee"]), fill["fee_asset"], fill["liquidity"], fill["traded_at"],
    )  # fmt: skip


def test_a_wrong_secret_is_for_a_person_to_mend_on_both_ways(place: Place) -> None:
    place.credentials = Credentials(place.credentials.api_key, "x" * 64)
    with closing(Stream(place)) as stream, pytest.raises(FatalError):
        stream.read_until(lambda: False)
    place.client._dialect = Cryptocom().rest(place.credentials, place.endpoints)
    with pytest.raises(FatalError):
        place.sync()


# -------------------------------------------------------------------------- the REST


def test_the_account_is_what_the_record_says(place: Place) -> None:
    trade(place)
    place.admin.place("main", "A2Z_USD", "sell", "3000", "1")
    place.admin.place("main", "BTC_USD", "buy", "0.01", "9000")
    place.admin.place("main", "CRO_USD", "sell", "100", "0.01", stop_price="0.011", type="stop_loss_limit")
    place.admin.deposit("main", "CRO", "10.5")
    truth, facts = place.admin.truth("main"), place.sync().facts
    orders = {fact.order_id: (fact.status, fact.filled, fact.price) for fact in of(facts, OrderState)}
    assert orders == {
        str(order["order_id"]): (
            order["status"],
            Decimal(order["filled"]),
            order["price"] and Decimal(order["price"]),
        )
        for order in truth["orders"]
    }
    balances = {fact.asset: (fact.free, fact.locked) for fact in of(facts, Balance)}
    assert balances == {
        one["asset"]: (Decimal(one["free"]), Decimal(one["locked"])) for one in truth["balances"]
    }
    moved = {fact.id: (fact.asset, fact.amount, fact.kind) for fact in of(facts, CashMove)}
    assert moved == {
        one["id"]: (one["asset"], Decimal(one["amount"]), one["kind"])
        for one in truth["cash"]
        if one["kind"] != "opening"
    }


def test_a_position_is_what_the_record_says(box: Sandbox) -> None:
    with closing(Place(box, "contracts")) as place:
        place.admin.place("contracts", "BTCUSD-PERP", "sell", "0.02")
        (position,) = of(place.sync().facts, Position)
        (truth,) = place.admin.truth("contracts")["positions"]
        assert (position.symbol, position.side, position.size) == ("BTCUSD-PERP", "sell", Decimal("0.02"))
        assert position.entry_price == Decimal(truth["entry_price"])


def test_more_fills_than_pages_hold_are_all_found_without_a_single_refusal(place: Place) -> None:
    place.admin.burst("main", 230)
    found = fills(place.sync().facts)
    assert found.keys() == {str(fill["trade_id"]) for fill in place.admin.truth("main")["fills"]}


def test_one_order_is_found_with_its_fills_and_an_unknown_one_is_not(place: Place) -> None:
    resting = place.admin.place("main", "BTC_USD", "buy", "0.01", "10000")["order_id"]
    place.admin.fill(resting, quantity="0.004")
    place.admin.cancel(resting)
    answer = place.run(place.dialect.order(HeldOrder("spot", "BTC_USD", str(resting))))
    (state,) = of(answer.facts, OrderState)
    assert (state.status, state.filled) == ("canceled", Decimal("0.004"))
    assert [fill.quantity for fill in of(answer.facts, Fill)] == [Decimal("0.004")]
    nobody = place.run(place.dialect.order(HeldOrder("spot", "BTC_USD", "6142909895884702096")))
    assert nobody == Complete((), as_of=0)


def test_its_clock_is_found_to_within_a_second(place: Place) -> None:
    told = place.run(place.dialect.clock())
    assert abs(told - place.admin.state()["cryptocom"]["server_time"]) < 1_500
