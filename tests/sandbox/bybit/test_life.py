"""The whole process: trading by itself, surviving a kill, beside another exchange."""

from tests.sandbox.bybit.client import LINEAR, LONG, Rest, Stream
from tests.support.sandbox import Sandbox, account


def test_an_automatic_account_fills_within_seconds():
    with Sandbox([account("bot", "bybit", auto=True)], exchanges=("bybit",), auto=True) as box:
        with Stream(box, box.accounts[0]) as stream:
            stream.login("order", "execution", "position", "wallet")
            told = stream.push("execution")["data"][0]
        assert told["execType"] == "Trade"
        assert told["execId"] in {one["trade_id"] for one in box.admin.truth("bot")["fills"]}


def test_a_kill_loses_nothing_that_was_told():
    with Sandbox([account("main", "bybit")], exchanges=("bybit",)) as box:
        rest = Rest(box, box.accounts[0])
        with Stream(box, box.accounts[0]) as stream:
            stream.login("execution")
            open_one, order_id = rest.placed(LONG), rest.placed(LONG, orderLinkId="before")
            box.admin.fill(order_id)
            fill = stream.push("execution")["data"][0]
            box.restart()
        rest.close()
        rest = Rest(box, box.accounts[0])
        listed = rest.rows("/v5/execution/list", category="linear")
        assert [(one["execId"], one["seq"]) for one in listed] == [(fill["execId"], fill["seq"])]
        held = rest.rows("/v5/position/list", **LINEAR)[0]
        assert (held["size"], held["seq"]) == ("0.010", fill["seq"])
        assert [one["orderId"] for one in rest.rows("/v5/order/realtime", **LINEAR)] == [open_one]
        again = rest.placed(LONG)
        assert again not in (open_one, order_id)
        assert rest.order(LONG, orderLinkId="before")["retCode"] == 110072
        rest.close()


def test_accounts_of_one_name_on_two_exchanges_are_two_accounts():
    entries = [account("main"), account("main", "bybit")]
    with Sandbox(entries, exchanges=("binance", "bybit")) as box:
        box.admin.place("main", "BTCUSDT", "buy", "0.01", "90000", exchange="bybit", category="linear")
        assert box.admin.truth("main", exchange="binance")["orders"] == []
        assert len(box.admin.truth("main", exchange="bybit")["orders"]) == 1
        box.admin.fault("clock_step", exchange="bybit", ms=5000)
        state = box.admin.state()
        assert state["bybit"]["server_time"] - state["binance"]["server_time"] > 4000
