"""One account's REST beside its sync: clock, one order, what the key may do, and the account of calls."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import BadRequest, FatalError, LinkError, NotFound, ProtocolChanged, Unreadable, VigilError
from core.facts import CashMove, Fill, OrderState, Unrecognised
from exchanges.base import Complete, HeldOrder, Permissions
from exchanges.bybit import Bybit
from exchanges.bybit.errors import NotAllowed
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer
from tests.exchanges.bybit.rows import NOW, UUID, execution_row, filled_row, order_row
from tests.exchanges.bybit.server import DAY, NAMES, Server
from tests.exchanges.kit import CREDENTIALS, drive, reply

HELD = HeldOrder("spot", "BTCUSDT", UUID, "mine-1")


def dialect() -> BybitRest:
    return BybitRest(Signer(CREDENTIALS))


def good(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "", "result": result, "retExtInfo": {}, "time": NOW}


# ---------------------------------------------------------------------------- clock


def test_the_exchanges_time_is_read_to_the_millisecond() -> None:
    told = {"timeSecond": "1688639403", "timeNano": "1688639403423213947"}
    at, calls = drive(dialect().clock(), lambda call: good(told))
    assert at == 1688639403423
    assert [(call.path, call.auth) for call in calls] == [("/v5/market/time", "none")]


@pytest.mark.parametrize(
    "body", [{}, good({}), good({"timeNano": ""}), good({"timeNano": "soon"}), b"<html>"]
)
def test_a_time_that_is_none_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        drive(dialect().clock(), lambda call: reply(body))


def test_no_header_tells_the_weight_that_was_used() -> None:
    headers = {"X-Bapi-Limit": "50", "X-Bapi-Limit-Status": "49", "X-Bapi-Limit-Reset-Timestamp": str(NOW)}
    assert dialect().used_weight(reply(good({}), headers=headers)) is None


# ------------------------------------------------------------------------ one order


def order(server: Any, held: HeldOrder = HELD) -> tuple[Complete, list[Any]]:
    answer, calls = drive(dialect().order(held), server, at=NOW)
    assert isinstance(answer, Complete)
    return answer, calls


def asked(calls: Any) -> list[str]:
    return [NAMES[call.path] for call in calls]


def state(answer: Complete) -> OrderState:
    (found,) = [fact for fact in answer.facts if isinstance(fact, OrderState)]
    return found


def test_an_order_that_rests_costs_one_call() -> None:
    server = Server()
    server.orders["spot"] = [order_row()]
    answer, calls = order(server)
    assert state(answer).status == "open"
    assert asked(calls) == ["realtime"]
    assert dict(calls[0].params) == {"category": "spot", "symbol": "BTCUSDT", "orderId": UUID, "limit": "50"}


def test_a_filled_order_comes_with_all_its_fills() -> None:
    server = Server()
    server.orders["spot"] = [filled_row(createdTime=str(NOW - 100 * DAY))]
    server.executions["spot"] = [
        execution_row(execId=str(number), execTime=str(NOW - 99 * DAY)) for number in range(3)
    ]
    server.pages = 2
    answer, calls = order(server)
    assert state(answer).filled == Decimal("0.100")
    assert len([fact for fact in answer.facts if isinstance(fact, Fill)]) == 3
    assert asked(calls) == ["realtime", "executions", "executions"]
    assert (answer.as_of, answer.categories) == (NOW, ("spot",))
    assert len(answer.raw) == 3


@pytest.mark.parametrize("missing", [NotFound("110001"), "empty"])
def test_an_order_that_is_over_is_found_in_the_history(missing: Any) -> None:
    server = Server()
    server.orders["spot"] = [order_row(orderStatus="Cancelled")]
    empty = good({"list": [], "nextPageCursor": "", "category": "spot"})
    absent = empty if missing == "empty" else missing
    answer, calls = order(lambda call: absent if NAMES[call.path] == "realtime" else server(call))
    assert state(answer).status == "canceled"
    assert asked(calls) == ["realtime", "history"]


def test_an_order_that_nobody_knows_is_a_complete_answer_without_it() -> None:
    answer, calls = order(Server())
    assert answer.facts == ()
    assert asked(calls) == ["realtime", "history", "executions"]


def test_an_order_that_nobody_knows_any_more_may_have_left_fills() -> None:
    server = Server()
    server.executions["spot"] = [execution_row()]
    answer, _ = order(server)
    assert [type(fact) for fact in answer.facts] == [Fill]


def test_an_order_that_is_not_found_in_words_is_not_found_everywhere() -> None:
    answer, calls = order(lambda call: NotFound("170213: Order does not exist."))
    assert answer.facts == ()
    assert asked(calls) == ["realtime", "history", "executions"]


def test_an_order_of_which_only_our_own_id_is_known_is_asked_for_by_it() -> None:
    server = Server()
    server.orders["linear"] = [filled_row()]
    server.executions["linear"] = [execution_row()]
    answer, calls = order(server, HeldOrder("linear", "BTCUSDT", "", "mine-1"))
    assert state(answer).order_id == UUID
    assert dict(calls[0].params)["orderLinkId"] == "mine-1"
    assert dict(calls[1].params)["orderId"] == UUID


def test_an_order_without_any_id_of_its_own_is_not_asked_for_executions() -> None:
    answer, calls = order(Server(), HeldOrder("spot", "BTCUSDT", "", "mine-1"))
    assert answer.facts == ()
    assert asked(calls) == ["realtime", "history"]


def test_another_order_in_the_answer_is_not_taken_for_ours() -> None:
    other = good({"list": [order_row(orderId="another")], "category": "spot"})
    empty = good({"list": [], "category": "spot"})
    answer, _ = order(lambda call: empty if NAMES[call.path] == "executions" else other)
    assert answer.facts == ()


@pytest.mark.parametrize("error", [LinkError("HTTP 500"), FatalError("10003"), BadRequest("10001")])
@pytest.mark.parametrize("name", ["realtime", "history", "executions"])
def test_a_query_that_fails_is_no_answer(name: Any, error: Any) -> None:
    server = Server()
    server.broken[name] = error
    with pytest.raises(type(error)):
        order(server)


def test_a_status_that_nobody_knows_is_told_and_states_no_order() -> None:
    server = Server()
    server.orders["spot"] = [order_row(orderStatus="OnHoliday")]
    answer, _ = order(server)
    assert [type(fact) for fact in answer.facts] == [Unrecognised]


def test_a_liquidation_order_is_stated_with_its_kind() -> None:
    server = Server()
    server.orders["linear"] = [filled_row(createType="CreateByLiq")]
    server.executions["linear"] = [execution_row(execType="BustTrade")]
    answer, _ = order(server, HeldOrder("linear", "BTCUSDT", UUID))
    assert [fact.kind for fact in answer.facts if isinstance(fact, Fill)] == ["liquidation"]
    assert not [fact for fact in answer.facts if isinstance(fact, CashMove)]


# ------------------------------------------------------------------ what the key may do


KEY: dict[str, Any] = {
    "id": "2208369",
    "note": "testnet",
    "readOnly": 1,
    "secret": "",
    "permissions": {
        "ContractTrade": ["Order", "Position"],
        "Spot": ["SpotTrade"],
        "Wallet": [],
        "Options": [],
        "Exchange": [],
        "FiatP2P": [],
        "NFT": None,
    },
    "ips": ["18.181.170.164"],
    "deadlineDay": -2,
    "expiredAt": "1970-01-01T00:00:00Z",
    "uta": 1,
    "userID": 1448939,
    "isMaster": True,
}


def permissions(key: Any = KEY, account: Any = None) -> Permissions:
    info = {"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5} if account is None else account

    def served(call: Any) -> Any:
        said = key if call.path == "/v5/user/query-api" else info
        assert call.auth == "signed"
        return said if isinstance(said, VigilError | bytes) else good(said)

    told, _ = drive(
        dialect().permissions(),
        lambda call: reply(served(call)) if isinstance(served(call), bytes) else served(call),
    )
    assert isinstance(told, Permissions)
    return told


def key(**changes: Any) -> dict[str, Any]:
    return {**KEY, **changes}


def groups(**changes: Any) -> dict[str, Any]:
    return key(permissions={**KEY["permissions"], **changes})


def test_a_reading_key_bound_to_an_address_is_as_it_should_be() -> None:
    assert permissions() == Permissions(can_withdraw=False, can_trade=False, ip_restricted=True)


def test_a_key_that_may_withdraw_is_told() -> None:
    told = permissions(groups(Wallet=["AccountTransfer", "Withdraw"]))
    assert told.can_withdraw is True
    assert "Wallet Withdraw" in told.note


@pytest.mark.parametrize("group", ["Wallet", "FiatP2P", "Exchange"])
def test_a_key_that_may_move_money_is_told_by_what_it_may(group: Any) -> None:
    told = permissions(groups(**{group: ["Something"]}))
    assert told.can_withdraw is False
    assert f"{group} Something" in told.note


@pytest.mark.parametrize(
    ("read_only", "spot", "may"),
    [(0, ["SpotTrade"], True), (1, ["SpotTrade"], False), (0, [], False), (None, [], None)],
)
def test_a_key_may_trade_where_it_has_a_trading_permission_and_is_not_for_reading_only(
    read_only: Any, spot: Any, may: Any
) -> None:
    changed = {**groups(Spot=spot, ContractTrade=[]), "readOnly": read_only}
    assert permissions(changed).can_trade is may


@pytest.mark.parametrize(("ips", "bound"), [(["*"], False), ([], False), (["1.2.3.4"], True), (None, None)])
def test_a_key_without_a_bound_address_is_told(ips: Any, bound: Any) -> None:
    assert permissions(key(ips=ips)).ip_restricted is bound


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-02-18T12:00:00Z", 1_802_952_000_000),
        ("1970-01-01T00:00:00Z", None),
        ("", None),
        ("soon", None),
        (None, None),
    ],
)
def test_the_end_of_a_key_is_told_where_it_has_one(text: Any, at: Any) -> None:
    assert permissions(key(expiredAt=text)).expires_at == at


def test_permissions_that_are_not_told_are_unknown() -> None:
    told = permissions(key(permissions=None))
    assert told.can_withdraw is None


@pytest.mark.parametrize(
    "error", [ProtocolChanged("HTTP 404"), BadRequest("10001"), b"<html>", b'{"retCode":0}']
)
def test_a_key_that_cannot_be_looked_up_is_not_verified_and_nothing_worse(error: Any) -> None:
    assert permissions(error).note.startswith("cannot be verified")


@pytest.mark.parametrize("error", [FatalError("10003"), LinkError("HTTP 500")])
def test_a_key_that_is_refused_here_is_refused_everywhere(error: Any) -> None:
    with pytest.raises(type(error)):
        permissions(error)


def test_a_classic_account_is_refused() -> None:
    with pytest.raises(FatalError, match="classic"):
        permissions(account={"unifiedMarginStatus": 1})


@pytest.mark.parametrize(
    "account", [{}, {"unifiedMarginStatus": 4}, NotAllowed("10005"), ProtocolChanged("HTTP 404"), b"<html>"]
)
def test_an_account_whose_kind_is_not_told_is_taken_for_a_unified_one(account: Any) -> None:
    assert permissions(account=account).can_withdraw is False


# --------------------------------------------------------------------------- the whole


def test_the_defaults_are_the_documented_ones() -> None:
    defaults = Bybit.defaults
    assert defaults.endpoints.ws.endswith("/v5/private")
    assert (defaults.heartbeat, defaults.weight_per_minute) == (20, 12 * 600)


def test_both_halves_are_built_for_the_accounts_own_addresses() -> None:
    endpoints = Bybit.defaults.endpoints
    assert Bybit().stream(CREDENTIALS, endpoints, "auto").url == endpoints.ws
    assert isinstance(Bybit().rest(CREDENTIALS, endpoints), BybitRest)
