"""A push that is not as documented still says what it can, and what is odd about it is told."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.facts import Balance, Fill, OrderState, Position, Unrecognised
from exchanges.base import Decoded, Resubscribed
from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow
from exchanges.bybit.shapes import PUSH, PushedCoin, PushedExecution, PushedOrder, PushedPosition
from exchanges.bybit.sign import Signer
from exchanges.bybit.stream import BybitStream
from tests.exchanges.bybit.rows import (
    NOW,
    coin,
    execution_row,
    order_row,
    position_row,
    push,
    pushed,
    wallet,
    without,
)
from tests.exchanges.kit import CREDENTIALS, text

ROWS: dict[str, dict[str, Any]] = {
    "order": {"category": "spot", **order_row()},
    "execution": {"category": "spot", **execution_row()},
    "position": {"category": "linear", **position_row()},
    "wallet": wallet(coin("BTC", "1")),
}
every_topic = pytest.mark.parametrize("topic", ROWS)


def stream() -> BybitStream:
    return BybitStream("ws://127.0.0.1:9", Signer(CREDENTIALS))


def read(frame: Any, session: BybitStream | None = None) -> Decoded:
    return (session or stream()).received(text(frame), NOW)


def known(decoded: Decoded) -> list[Any]:
    return [fact for fact in decoded.facts if not isinstance(fact, Unrecognised)]


def notes(decoded: Decoded) -> list[str]:
    return [fact.why for fact in decoded.facts if isinstance(fact, Unrecognised)]


def looks(decoded: Decoded) -> bool:
    return any(isinstance(signal, Resubscribed) for signal in decoded.signals)


# ----------------------------------------------------------------- the fast path


@every_topic
def test_an_ordinary_push_takes_the_fast_path(topic: Any) -> None:
    assert PUSH.decode(text(push(topic, ROWS[topic]))).__struct_config__.tag == topic


@every_topic
def test_the_slow_path_says_the_same_as_the_fast_one(topic: Any) -> None:
    ordinary = read(push(topic, ROWS[topic]))
    odd = read(push(topic, {**ROWS[topic], "moonPhase": "full"}))
    assert known(odd) == known(ordinary) != []


@pytest.mark.parametrize(
    ("used", "pushed"),
    [
        (OrderRow, PushedOrder),
        (ExecutionRow, PushedExecution),
        (PositionRow, PushedPosition),
        (CoinRow, PushedCoin),
    ],
)
def test_a_pushed_row_knows_all_that_we_use_and_nothing_is_named_twice(used: Any, pushed: Any) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(pushed)]
    assert {field.encode_name for field in msgspec.structs.fields(used)} <= set(names)
    assert len(names) == len(set(names))


DOCUMENTED = {
    PushedOrder: (
        "category symbol orderId orderLinkId parentOrderLinkId side orderType timeInForce orderStatus createType "
        "cancelType rejectReason price qty brokerOrderPrice avgPrice leavesQty leavesValue cumExecQty cumExecValue "
        "cumExecFee cumFeeDetail feeCurrency closedPnl positionIdx reduceOnly closeOnTrigger isLeverage marketUnit "
        "slippageToleranceType slippageTolerance stopOrderType ocoTriggerBy triggerPrice triggerBy triggerDirection "
        "takeProfit stopLoss tpslMode tpLimitPrice slLimitPrice tpTriggerBy slTriggerBy lastPriceOnCreated orderIv "
        "placeType blockTradeId smpType smpOrderId smpGroup createdTime updatedTime rpiTakerAccess rpiMatchedQty"
    ),
    PushedExecution: (
        "category symbol orderId orderLinkId side execId execType execPrice execQty execValue execTime execFee "
        "feeRate feeCurrency extraFees isMaker leavesQty orderPrice orderQty orderType stopOrderType createType "
        "marketUnit closedSize execPnl isLeverage seq markPrice indexPrice underlyingPrice markIv tradeIv blockTradeId"
    ),
    PushedPosition: (
        "category symbol side size positionIdx entryPrice sessionAvgPrice positionValue markPrice liqPrice "
        "breakEvenPrice leverage positionIM positionMM positionIMByMp positionMMByMp unrealisedPnl curRealisedPnl "
        "cumRealisedPnl takeProfit stopLoss trailingStop delta gamma vega theta positionStatus adlRankIndicator "
        "autoAddMargin riskId riskLimitValue isReduceOnly mmrSysUpdatedTime leverageSysUpdatedTime createdTime "
        "updatedTime openTime seq tpslMode bustPrice positionBalance tradeMode"
    ),
    PushedCoin: (
        "coin equity usdValue walletBalance locked spotHedgingQty borrowAmount accruedInterest totalOrderIM "
        "totalPositionIM totalPositionMM unrealisedPnl cumRealisedPnl bonus spotBorrow collateralSwitch "
        "marginCollateral colRes free availableToBorrow availableToWithdraw"
    ),
}


@pytest.mark.parametrize("shape", DOCUMENTED, ids=lambda shape: shape.__name__)
def test_every_documented_key_is_known(shape: Any) -> None:
    names = {field.encode_name for field in msgspec.structs.fields(shape)}
    assert set(DOCUMENTED[shape].split()) - names == set()


@pytest.mark.parametrize("topic", ["order", "execution", "position"])
def test_the_type_of_a_key_that_we_do_not_use_does_not_matter(topic: Any) -> None:
    unused = {"order": "leavesQty", "execution": "extraFees", "position": "seq"}[topic]
    for value in (None, 7, "text", [], {"a": 1}, True):
        decoded = read(push(topic, {**ROWS[topic], unused: value}))
        assert known(decoded) == known(read(push(topic, ROWS[topic])))
        assert notes(decoded) == []


# ------------------------------------------------------------------------ news


@every_topic
def test_an_unknown_key_is_told_beside_the_facts_and_asks_for_no_look(topic: Any) -> None:
    decoded = read(push(topic, {**ROWS[topic], "moonPhase": "full"}))
    assert len(known(decoded)) > 0
    assert notes(decoded) == [f"{topic}: unknown key moonPhase"]
    assert not looks(decoded)


def test_an_unknown_key_is_told_once_on_a_socket() -> None:
    session = stream()
    frame = push("order", {**ROWS["order"], "moonPhase": "full"})
    assert notes(read(frame, session))
    assert notes(read(frame, session)) == []
    assert len(known(read(frame, session))) == 1


def test_an_unknown_key_of_the_envelope_or_of_a_coin_is_told_too() -> None:
    assert notes(read(push("order", ROWS["order"], cs=7))) == ["unknown key cs"]
    assert notes(read(push("wallet", wallet(coin("BTC", "1", luck="7"))))) == ["coin: unknown key luck"]


def test_an_envelope_without_an_id_is_ordinary() -> None:
    frame = without(push("order", ROWS["order"]), "id")
    assert notes(read(frame)) == []


@pytest.mark.parametrize("topic", ["horoscope", "orders", "tickers.BTCUSDT", ""])
def test_an_unknown_topic_is_news_and_asks_for_no_look(topic: Any) -> None:
    decoded = read(push(topic, {"anything": 1}))
    assert notes(decoded) == ["unknown topic"]
    assert not looks(decoded)


@pytest.mark.parametrize(
    "topic", ["execution.fast", "execution.fast.linear", "greeks", "dcp.future", "dcp.spot", "dcp.option"]
)
def test_documented_topics_that_state_nothing_are_silent(topic: Any) -> None:
    assert read(push(topic, {"anything": 1})) == Decoded()


# ---------------------------------------------------------------------- trouble


@pytest.mark.parametrize(
    ("topic", "key", "kind"),
    [
        ("order", "qty", OrderState),
        ("execution", "execFee", Fill),
        ("position", "leverage", Position),
    ],
)
@pytest.mark.parametrize("value", [[], {}, True, "NaN", "1E+999999", "much"])
def test_a_value_that_cannot_be_read_is_told_and_the_rest_counts(
    topic: Any, key: Any, kind: Any, value: Any
) -> None:
    decoded = read(push(topic, {**ROWS[topic], key: value}))
    assert isinstance(known(decoded)[0], kind)
    assert notes(decoded)[0].startswith(f"{key}: ")
    assert looks(decoded)


def test_looks_are_not_asked_for_with_every_push() -> None:
    session = stream()
    frame = push("order", {**ROWS["order"], "qty": "much"})
    assert [looks(read(frame, session)) for _ in range(3)] == [True, False, False]


def test_a_number_is_taken_as_if_it_were_written_in_quotes() -> None:
    frame = json.dumps(push("execution", {**ROWS["execution"], "execTime": NOW}))
    decoded = stream().received(frame.replace('"0.100"', "0.100"), NOW)
    (deal,) = known(decoded)
    assert (deal.quantity, deal.traded_at) == (Decimal("0.100"), NOW)
    assert notes(decoded) == []


def test_an_id_that_became_a_number_is_the_same_id() -> None:
    decoded = read(push("execution", {**ROWS["execution"], "orderId": 1586519807220784896}))
    assert known(decoded)[0].order_id == "1586519807220784896"


@pytest.mark.parametrize("key", ["orderId", "symbol", "orderStatus"])
def test_an_order_without_the_key_that_tells_it_is_only_noted(key: Any) -> None:
    decoded = read(push("order", without(ROWS["order"], key)))
    assert known(decoded) == []
    assert looks(decoded)


def test_one_bad_row_spares_the_others() -> None:
    rows = [ROWS["order"], {**ROWS["order"], "orderId": []}, 7, {**ROWS["order"], "orderId": "2"}]
    decoded = read(push("order", *rows))
    assert [state.order_id for state in known(decoded)] == [ROWS["order"]["orderId"], "2"]
    assert looks(decoded)


def test_one_bad_coin_spares_the_others() -> None:
    decoded = read(push("wallet", wallet(coin("BTC", "1"), 7, coin("ETH", "2", bonus=[]))))  # type: ignore[arg-type]
    assert [balance.asset for balance in known(decoded)] == ["BTC", "ETH"]
    assert looks(decoded)


@pytest.mark.parametrize("data", [None, {}, "rows", 7])
@every_topic
def test_data_that_is_no_list_is_noted(topic: Any, data: Any) -> None:
    decoded = read({**push(topic), "data": data})
    assert notes(decoded) == ["data: no list"]
    assert looks(decoded)


@every_topic
def test_a_push_of_nothing_states_nothing(topic: Any) -> None:
    assert read(push(topic)) == Decoded()


def test_a_row_without_a_category_has_that_of_its_topic() -> None:
    (state,) = known(read(push("order.spot", order_row())))
    assert state.category == "spot"


@pytest.mark.parametrize("category", ["tradfi", ""])
def test_a_category_that_could_not_be_asked_for_states_nothing(category: Any) -> None:
    decoded = read(push("order", {**ROWS["order"], "category": category}))
    assert known(decoded) == []
    assert notes(decoded) == [f"unknown category {category}"]
    assert looks(decoded)


def test_a_wallet_of_another_kind_is_not_taken_for_the_unified_one() -> None:
    decoded = read(push("wallet", wallet(coin("BTC", "1"), accountType="FUND")))
    assert known(decoded) == []
    assert notes(decoded) == ["unknown account type FUND"]


@pytest.mark.parametrize("at", [None, "soon", -1, True, [], 2**70])
def test_a_push_without_a_time_is_a_push_all_the_same(at: Any) -> None:
    (balance,) = known(read(push("wallet", wallet(coin("BTC", "1")), at=at)))
    assert balance == Balance("BTC", Decimal(1), Decimal(0), Decimal(1), None)


def test_a_time_in_quotes_is_a_time() -> None:
    (balance,) = known(read(push("wallet", wallet(coin("BTC", "1")), at=str(NOW))))
    assert balance.updated_at == NOW


def test_notes_are_short_and_few() -> None:
    rows = [{**ROWS["order"], "qty": "x" * 1_000, f"key{number}": 1} for number in range(50)]
    (why,) = notes(read(push("order", *rows)))
    assert len(why) < 2_000


# ------------------------------------------------------------- what may come at all


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(topic=st.sampled_from([*ROWS, "order.spot", "wallet.spot"]), rows=st.lists(ANYTHING, max_size=3))
def test_no_push_makes_a_session_raise(topic: str, rows: list[Any]) -> None:
    assert isinstance(read(push(topic, *rows)), Decoded)


@given(data=st.data())
def test_no_value_of_any_key_makes_a_session_raise(data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from(sorted(ROWS)))
    row = {
        key: data.draw(ANYTHING) if data.draw(st.booleans()) else value for key, value in ROWS[topic].items()
    }
    assert isinstance(read(push(topic, row)), Decoded)


@given(
    frame=st.dictionaries(
        st.sampled_from(["op", "req_id", "success", "ret_msg", "retCode", "data", "type"]), ANYTHING
    )
)
def test_no_reply_makes_a_session_raise(frame: dict[str, Any]) -> None:
    session = stream()
    session.opened(NOW)
    assert isinstance(read(frame, session), Decoded)


AMOUNTS = st.decimals(min_value=Decimal("1E-18"), max_value=10**12, allow_nan=False, places=18).map(
    lambda value: format(value, "f")
)


@given(price=AMOUNTS, quantity=AMOUNTS, fee=AMOUNTS)
def test_amounts_survive_the_way_exactly(price: str, quantity: str, fee: str) -> None:
    row = execution_row(execPrice=price, execQty=quantity, execFee=f"-{fee}")
    (deal,) = stream().received(pushed("execution", row), NOW).facts
    assert isinstance(deal, Fill)
    assert (deal.price, deal.quantity, deal.fee) == (Decimal(price), Decimal(quantity), Decimal(f"-{fee}"))
