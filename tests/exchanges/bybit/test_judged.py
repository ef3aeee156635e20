"""Session and dialect over real sockets, judged by the sandbox's own record of what happened."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import ClockError, FatalError, LinkError, RateLimited, VigilError
from core.facts import Balance, CashMove, Fact, Fill, OrderState, Position, Unrecognised
from exchanges.base import (
    Broken,
    Complete,
    Credentials,
    HeldOrder,
    HeldPosition,
    Known,
    PongReceived,
    Reached,
    Send,
)
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer
from exchanges.bybit.stream import BybitStream
from tests.support.peers import WAIT
from tests.support.sandbox import Sandbox, account
from transport.origin import Origins
from transport.rest import RestClient
from transport.websocket import WebSocket

DAY = 86_400_000
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox([account("main", "bybit")], exchanges=("bybit",)) as one:
        yield one


class Side:
    """The account's REST side."""

    def __init__(self, box: Sandbox, credentials: Credentials | None = None) -> None:
        who = box.accounts[0]
        self.signer = Signer(credentials or Credentials(who["api_key"], who["api_secret"]))
        self.dialect = BybitRest(self.signer)
        origin = Origins(CLOCK).rest(box.url("bybit"), 7_200)
        self.client = RestClient(box.url("bybit"), dialect=self.dialect, origin=origin, clock=CLOCK)

    def known(self, **changes: Any) -> Known:
        now = CLOCK.wall_ms()
        return Known(**{"since": now - DAY, "now": now, "balances": {}, **changes})

    def sync(self, **changes: Any) -> Complete:
        answer = self.client.drive(self.dialect.sync(self.known(**changes)))
        assert isinstance(answer, Complete)
        return answer

    def order(self, held: HeldOrder) -> Complete:
        answer = self.client.drive(self.dialect.order(held))
        assert isinstance(answer, Complete)
        return answer


class Line:
    """The account's private socket, read by this thread."""

    def __init__(self, box: Sandbox, signer: Signer) -> None:
        self.session = BybitStream(box.ws("bybit"), signer)
        self.socket = WebSocket(self.session.url, clock=CLOCK)
        self.socket.open()
        self.facts: list[Fact] = []
        self.signals: list[Any] = list(self.session.opened(CLOCK.wall_ms()))
        self._send(self.signals)

    def until(self, enough: Callable[[], bool]) -> None:
        deadline = CLOCK.monotonic() + WAIT
        while not enough():
            assert CLOCK.monotonic() < deadline, f"never came; so far {self.signals[-3:]} {self.facts[-3:]}"
            received = self.socket.read(0.5)
            for text in () if received is None else received.messages:
                decoded = self.session.received(str(text), CLOCK.wall_ms())
                self.facts += decoded.facts
                self.signals += decoded.signals
                self._send(decoded.signals)

    def _send(self, signals: Any) -> None:
        for signal in signals:
            if isinstance(signal, Send):
                self.socket.send_text(signal.text)

    def of(self, kind: Any) -> Any:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def broken(self) -> VigilError:
        self.until(lambda: any(isinstance(signal, Broken) for signal in self.signals))
        return next(signal.error for signal in self.signals if isinstance(signal, Broken))

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def side(box: Sandbox) -> Iterator[Side]:
    box.admin.clear()
    made = Side(box)
    yield made
    made.client.close()


@pytest.fixture
def line(box: Sandbox, side: Side) -> Iterator[Line]:
    made = Line(box, side.signer)
    made.until(lambda: Reached("subscribed") in made.signals)
    yield made
    made.close()


def fills(facts: Any) -> dict[str, Fill]:
    return {fact.trade_id: fact for fact in facts if isinstance(fact, Fill)}


def truth(box: Sandbox) -> Any:
    return box.admin.truth("main")


def assert_fill(fact: Fill, told: Any) -> None:
    """The sandbox's words for the very same fill."""
    assert (fact.category, fact.symbol, fact.order_id, fact.side) == (
        told["category"], told["symbol"], told["order_id"], told["side"],
    )  # fmt: skip
    assert (fact.price, fact.quantity, fact.fee) == (
        Decimal(told["price"]), Decimal(told["quantity"]), Decimal(told["fee"]),
    )  # fmt: skip
    assert (fact.fee_asset, fact.liquidity, fact.kind, fact.traded_at) == (
        told["fee_asset"], told["liquidity"], told["kind"], told["traded_at"],
    )  # fmt: skip


def assert_whole(box: Sandbox, facts: Any) -> None:
    """Every fill of the record is stated, and says what really happened."""
    found, told = fills(facts), truth(box)["fills"]
    assert found.keys() == {fill["trade_id"] for fill in told}
    for fill in told:
        assert_fill(found[fill["trade_id"]], fill)


# ------------------------------------------------------------------------- the stream


def test_what_streams_is_what_happened(box: Sandbox, line: Line) -> None:
    before = {fill["trade_id"] for fill in truth(box)["fills"]}
    box.admin.burst("main", 10)
    box.admin.place("main", "BTCUSDT", "buy", "0.01", category="linear")
    wanted = {fill["trade_id"]: fill for fill in truth(box)["fills"] if fill["trade_id"] not in before}
    line.until(lambda: wanted.keys() <= fills(line.facts).keys())
    for trade_id, fill in wanted.items():
        assert_fill(fills(line.facts)[trade_id], fill)
    assert line.of(Unrecognised) == []


def test_our_heartbeat_is_answered(line: Line) -> None:
    ping = line.session.heartbeat(CLOCK.wall_ms())
    assert ping is not None
    line.socket.send_text(ping.text)
    line.until(lambda: PongReceived() in line.signals)


def test_an_order_is_told_from_its_acceptance_to_its_end(box: Sandbox, line: Line) -> None:
    placed = box.admin.place("main", "ETHUSDT", "buy", "1", "3000")
    box.admin.fill(placed["order_id"], quantity="0.4")
    box.admin.cancel(placed["order_id"])
    mine = lambda: [state for state in line.of(OrderState) if state.order_id == placed["order_id"]]  # noqa: E731
    line.until(lambda: bool(mine()) and mine()[-1].status == "canceled")
    assert [state.status for state in mine()] == ["open", "partially_filled", "canceled"]
    assert mine()[-1].filled == Decimal("0.4")


def test_positions_follow_the_record_and_end_flat(box: Sandbox, line: Line) -> None:
    box.admin.place("main", "SOLUSDT", "sell", "2", category="linear")
    sol = lambda: {leg.side: leg.size for leg in line.of(Position) if leg.symbol == "SOLUSDT"}  # noqa: E731
    line.until(lambda: sol() == {"sell": Decimal(2), "buy": Decimal(0)})
    box.admin.place("main", "SOLUSDT", "buy", "2", category="linear")
    line.until(lambda: sol() == {"sell": Decimal(0), "buy": Decimal(0)})


def test_balances_that_stream_are_those_of_the_record(box: Sandbox, line: Line) -> None:
    placed = box.admin.place("main", "SOLUSDT", "buy", "1", "100")
    last = lambda: {one.asset: one for one in line.of(Balance)}.get("USDT")  # noqa: E731
    line.until(lambda: last() is not None and last().locked == 100)
    told = next(row for row in truth(box)["balances"] if row["asset"] == "USDT")
    assert (last().free, last().locked) == (Decimal(told["free"]), Decimal(told["locked"]))
    box.admin.cancel(placed["order_id"])


def test_funding_is_cash_by_stream_and_by_rest_alike(box: Sandbox, side: Side, line: Line) -> None:
    box.admin.place("main", "ETHUSDT", "buy", "1", category="linear")
    before = len(truth(box)["fills"])
    box.admin.post("funding", account="main", symbol="ETHUSDT", category="linear", rate="0.0001")
    line.until(lambda: bool(line.of(CashMove)))
    (move,) = line.of(CashMove)
    assert (move.kind, move.asset) == ("funding", "USDT")
    assert move.amount < 0
    assert len(truth(box)["fills"]) == before
    assert move in side.sync().facts


@pytest.mark.parametrize("kind", ["liquidation", "adl"])
def test_a_forced_fill_is_told_by_its_kind(box: Sandbox, line: Line, kind: Any) -> None:
    box.admin.place("main", "BTCUSD", "buy", "100", category="inverse")
    forced = box.admin.post("force", account="main", symbol="BTCUSD", category="inverse", kind=kind)
    line.until(lambda: forced["trade_id"] in fills(line.facts))
    assert fills(line.facts)[forced["trade_id"]].kind == kind


# -------------------------------------------------------------------------- the REST


def test_a_sync_finds_what_the_record_holds(box: Sandbox, side: Side) -> None:
    box.admin.burst("main", 5)
    box.admin.place("main", "BTCUSDT", "buy", "0.5", "90000")
    answer = side.sync()
    assert_whole(box, answer.facts)
    record = truth(box)
    stated = {state.order_id: state for state in answer.facts if isinstance(state, OrderState)}
    for order in record["orders"]:
        state = stated[order["order_id"]]
        assert (state.status, state.filled) == (order["status"], Decimal(order["filled"]))
        assert (state.side, state.category, state.symbol) == (
            order["side"],
            order["category"],
            order["symbol"],
        )
    held = {fact.asset: fact for fact in answer.facts if isinstance(fact, Balance)}
    for row in record["balances"]:
        assert (held[row["asset"]].free, held[row["asset"]].locked) == (
            Decimal(row["free"]),
            Decimal(row["locked"]),
        )
    legs = {(at.category, at.symbol, at.side): at.size for at in answer.facts if isinstance(at, Position)}
    assert legs == {
        (at["category"], at["symbol"], at["side"]): Decimal(at["size"])
        for at in record["positions"]
        if Decimal(at["size"])
    }
    assert not [fact for fact in answer.facts if isinstance(fact, Unrecognised) and fact.event == "answer"]


def test_every_page_of_a_long_history_is_found(box: Sandbox, side: Side) -> None:
    box.admin.burst("main", 130)
    assert_whole(box, side.sync().facts)


def test_a_fill_by_stream_is_the_same_fact_as_by_rest(box: Sandbox, side: Side, line: Line) -> None:
    box.admin.burst("main", 3)
    box.admin.place("main", "BTCUSD", "sell", "50", category="inverse")
    line.until(lambda: len(fills(line.facts)) >= 4)
    by_rest = fills(side.sync().facts)
    assert all(by_rest[trade_id] == fill for trade_id, fill in fills(line.facts).items())


def test_an_order_by_stream_is_the_same_fact_as_by_rest(box: Sandbox, side: Side, line: Line) -> None:
    placed = box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000", category="linear")
    line.until(lambda: bool(line.of(OrderState)))
    assert line.of(OrderState)[-1] in side.order(HeldOrder("linear", "BTCUSDT", placed["order_id"])).facts


def test_a_position_that_was_closed_while_nobody_looked_is_flat(box: Sandbox, side: Side) -> None:
    ours = (HeldPosition("linear", "NOSUCHUSDT", "buy"),)
    flat = [at for at in side.sync(positions=ours).facts if isinstance(at, Position) and not at.size]
    assert [(at.symbol, at.side) for at in flat] == [("NOSUCHUSDT", "buy")]


def test_an_order_that_ended_is_found_with_its_fills_and_an_unknown_one_is_not(
    box: Sandbox, side: Side
) -> None:
    placed = box.admin.place("main", "ETHUSDT", "buy", "1", "3000")
    box.admin.fill(placed["order_id"])
    answer = side.order(HeldOrder("spot", "ETHUSDT", placed["order_id"]))
    assert [type(fact) for fact in answer.facts] == [OrderState, Fill]
    assert side.order(HeldOrder("spot", "ETHUSDT", "1999999999999999999")).facts == ()


def test_the_key_and_the_clock_are_told(side: Side) -> None:
    told = side.client.drive(side.dialect.permissions())
    assert told.can_withdraw is False
    assert abs(side.client.drive(side.dialect.clock()) - CLOCK.wall_ms()) < 10_000


# --------------------------------------------------------------------- being refused


def test_a_wrong_secret_is_refused_by_rest_for_the_user_to_mend(box: Sandbox) -> None:
    bad = Side(box, Credentials(box.accounts[0]["api_key"], "x" * 36))
    with pytest.raises(FatalError, match="secret"):
        bad.sync()
    bad.client.close()


def test_a_wrong_secret_ends_the_stream(box: Sandbox) -> None:
    line = Line(box, Signer(Credentials(box.accounts[0]["api_key"], "x" * 36)))
    assert isinstance(line.broken(), ClockError | FatalError)
    line.close()


def test_a_clock_that_is_off_is_the_clocks_fault(box: Sandbox, side: Side) -> None:
    box.admin.fault("clock_step", exchange="bybit", ms=60_000)
    try:
        with pytest.raises(ClockError):
            side.sync()
    finally:
        box.admin.clear()


def test_a_ban_is_a_ban(box: Sandbox, side: Side) -> None:
    box.admin.fault("rest_status", exchange="bybit", status=403, retry_after=7, count=1)
    with pytest.raises(RateLimited) as raised:
        side.sync()
    assert raised.value.ban
    assert raised.value.retry_after == 7
    box.admin.clear()


def test_a_gateway_that_fails_in_the_middle_fails_the_whole(box: Sandbox, side: Side) -> None:
    box.admin.fault("rest_status", exchange="bybit", status=502, path="/v5/position/list", skip=2, count=1)
    with pytest.raises(LinkError):
        side.sync()
    box.admin.clear()


def test_a_stream_under_load_loses_nothing(box: Sandbox, line: Line) -> None:
    before = len(truth(box)["fills"])
    trading = threading.Thread(target=lambda: box.admin.burst("main", 300, rate=600))
    trading.start()
    line.until(lambda: len(fills(line.facts)) >= 300)
    trading.join(WAIT)
    assert len(truth(box)["fills"]) - before == len(fills(line.facts)) == 300
