"""What the REST calls answer when all is well: rows, windows, pages, money."""

import pytest

from tests.sandbox.client import now_ms
from tests.sandbox.cryptocom.client import NS, Rest
from tests.support.sandbox import Sandbox, account

LIMIT = {"instrument_name": "CRO_USD", "side": "BUY", "type": "LIMIT", "price": "0.05", "quantity": "1000"}
CREATE, CANCEL, DETAIL = "private/create-order", "private/cancel-order", "private/get-order-detail"
OPEN, TRADES, HISTORY = "private/get-open-orders", "private/get-trades", "private/get-order-history"
AMEND, LEDGER = "private/amend-order", "private/get-transactions"


def fills_of(box, order_id, name="main"):
    return [one for one in box.admin.truth(name)["fills"] if one["order_id"] == order_id]


def wallet(rest):
    rows = rest.rows("private/user-balance")[0]["position_balances"]
    return {row["instrument_name"]: row for row in rows}


# -- orders ----------------------------------------------------------------------------


def test_an_order_is_acknowledged_with_its_ids_alone(rest):
    body = rest.call(CREATE, **LIMIT, client_oid=f"mine-{now_ms()}").json()
    assert list(body) == ["id", "method", "code", "result"]
    assert set(body["result"]) == {"client_oid", "order_id"}
    assert body["result"]["order_id"].isdigit()
    assert int(body["result"]["order_id"]) > 2**53


def test_without_a_clients_id_the_order_bears_the_requests(rest):
    number = now_ms() * 1000
    body = rest.call(CREATE, number=number, **LIMIT).json()
    assert body["result"]["client_oid"] == str(number)


def test_a_partly_filled_order_is_still_active_and_counts_up(box, rest):
    made = rest.ask(CREATE, **LIMIT, client_oid=f"part-{now_ms()}")
    box.admin.fill(made["order_id"], quantity="400")
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["status"], row["cumulative_quantity"], row["cumulative_value"]) == ("ACTIVE", "400", "20")
    assert (row["avg_price"], row["cumulative_fee"], row["fee_instrument_name"]) == ("0.05", "0.4", "CRO")
    assert (row["reason"], row["order_type"], row["limit_price"]) == (0, "LIMIT", "0.05")
    assert "maker_fee_rate" not in row
    box.admin.fill(made["order_id"])
    row = rest.ask(DETAIL, client_oid=made["client_oid"])
    assert (row["status"], row["cumulative_quantity"], row["ref_price_type"]) == (
        "FILLED",
        "1000",
        "NULL_VAL",
    )
    assert rest.rows(OPEN) == []


def test_open_orders_come_oldest_first_and_can_be_narrowed(box, rest):
    first = box.admin.place("main", "CRO_USD", "buy", "1000", "0.05")["order_id"]
    second = box.admin.place("main", "BTC_USD", "sell", "0.01", "99000")["order_id"]
    assert [row["order_id"] for row in rest.rows(OPEN)] == [first, second]
    assert [row["order_id"] for row in rest.rows(OPEN, instrument_name="BTC_USD")] == [second]


def test_a_cancel_is_confirmed_and_a_second_one_finds_no_active_order(rest):
    made = rest.ask(CREATE, **LIMIT, client_oid=f"gone-{now_ms()}")
    assert rest.ask(CANCEL, order_id=made["order_id"]) == made | {"message": "NO_ERROR"}
    again = rest.call(CANCEL, client_oid=made["client_oid"])
    assert (again.status_code, again.json()["code"], again.json()["message"]) == (500, 316, "NO_ACTIVE_ORDER")
    assert rest.ask(DETAIL, order_id=int(made["order_id"]))["status"] == "CANCELED"


def test_all_orders_of_an_instrument_or_of_all_are_canceled_with_a_bare_answer(box, rest):
    for symbol, price in (("CRO_USD", "0.05"), ("CRO_USD", "0.051"), ("BTC_USD", "90000")):
        box.admin.place("main", symbol, "buy", "1000" if symbol == "CRO_USD" else "0.001", price)
    answer = rest.call("private/cancel-all-orders", instrument_name="CRO_USD").json()
    assert answer == {"id": 1, "method": "private/cancel-all-orders", "code": 0}
    assert [row["instrument_name"] for row in rest.rows(OPEN)] == ["BTC_USD"]
    assert rest.ask("private/cancel-all-orders", type="LIMIT") is None
    assert rest.rows(OPEN) == []


def test_a_post_only_order_that_would_take_is_accepted_and_ends_rejected(box, rest):
    made = rest.ask(CREATE, **LIMIT | {"price": "0.07"}, exec_inst=["POST_ONLY"], client_oid=f"po-{now_ms()}")
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["status"], row["reason"], row["cumulative_quantity"]) == ("REJECTED", 43005, "0")
    assert row["exec_inst"] == ["POST_ONLY"]
    assert fills_of(box, made["order_id"]) == []


def test_a_post_only_order_that_rests_is_an_order_like_others(box, rest):
    made = rest.ask(CREATE, **LIMIT, exec_inst=["POST_ONLY"], client_oid=f"po-{now_ms()}")
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["status"], row["time_in_force"]) == ("ACTIVE", "GOOD_TILL_CANCEL")
    assert box.admin.truth("main")["orders"][-1]["time_in_force"] == "gtc"


def test_a_smart_post_only_order_is_priced_to_rest(rest):
    made = rest.ask(
        CREATE, **LIMIT | {"price": "0.07"}, exec_inst=["SMART_POST_ONLY"], client_oid=f"sm-{now_ms()}"
    )
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["status"], row["limit_price"]) == ("ACTIVE", "0.06089")


@pytest.mark.parametrize(
    ("in_force", "price", "status", "reason"),
    [
        ("IMMEDIATE_OR_CANCEL", "0.05", "EXPIRED", 43004),
        ("FILL_OR_KILL", "0.05", "EXPIRED", 43003),
        ("IMMEDIATE_OR_CANCEL", "0.07", "FILLED", 0),
        ("FILL_OR_KILL", "0.07", "FILLED", 0),
    ],
)
def test_an_order_ends_by_its_time_in_force(rest, in_force, price, status, reason):
    made = rest.ask(CREATE, **LIMIT | {"price": price}, time_in_force=in_force, client_oid=f"tif-{now_ms()}")
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["status"], row["reason"], row["time_in_force"]) == (status, reason, in_force)


def test_a_market_buy_by_notional_ends_canceled_although_it_bought(box, rest):
    made = rest.ask(
        CREATE,
        instrument_name="CRO_USD",
        side="BUY",
        type="MARKET",
        notional="20",
        client_oid=f"n-{now_ms()}",
    )
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["status"], row["exec_inst"], row["order_value"]) == ("CANCELED", ["NOTIONAL_ORDER"], "20")
    assert 19 < float(row["cumulative_value"]) <= 20
    assert "limit_price" not in row
    truth = next(one for one in box.admin.truth("main")["orders"] if one["order_id"] == made["order_id"])
    assert (truth["status"], truth["filled"]) == ("canceled", row["cumulative_quantity"])


def test_an_order_that_pays_its_fee_in_usd_shows_it_in_the_asset_it_received(box, rest):
    """The trap of the reference: only the fill tells the truth."""
    made = rest.ask(CREATE, **LIMIT, fee_instrument_name="USD", client_oid=f"usd-{now_ms()}")
    box.admin.fill(made["order_id"])
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["fee_instrument_name"], row["cumulative_fee"]) == ("USD", "1")
    fill = rest.rows(TRADES)[0]
    assert (fill["fees"], fill["fee_instrument_name"]) == ("-0.05", "USD")
    truth = fills_of(box, made["order_id"])[0]
    assert (truth["fee"], truth["fee_asset"]) == ("0.05", "USD")


def test_an_amended_order_keeps_its_id_and_changes_all_else(rest):
    made = rest.ask(CREATE, **LIMIT, client_oid=f"old-{now_ms()}")
    new = f"new-{now_ms()}"
    amended = rest.ask(
        AMEND, order_id=made["order_id"], client_oid=new, new_price="0.049", new_quantity="1200"
    )
    assert amended == {"client_oid": new, "order_id": made["order_id"]}
    row = rest.ask(DETAIL, client_oid=new)
    assert (row["order_id"], row["status"]) == (made["order_id"], "ACTIVE")
    assert (row["limit_price"], row["quantity"]) == ("0.049", "1200")


@pytest.mark.parametrize(
    ("price", "quantity", "code"),
    [("0.0490001", "1000", 308), ("0.049", "10.5", 213), ("0.049", "400", 213), ("0.05", "900000000", 306)],
)
def test_an_impossible_amendment_is_refused_and_changes_nothing(box, rest, price, quantity, code):
    made = rest.ask(CREATE, **LIMIT, client_oid=f"am-{now_ms()}")
    box.admin.fill(made["order_id"], quantity="400")
    answer = rest.call(AMEND, orig_client_oid=made["client_oid"], new_price=price, new_quantity=quantity)
    assert answer.json()["code"] == code
    row = rest.ask(DETAIL, order_id=made["order_id"])
    assert (row["limit_price"], row["quantity"], row["client_oid"]) == ("0.05", "1000", made["client_oid"])


# -- trigger orders ----------------------------------------------------------------------

STOP = {
    "instrument_name": "BTC_USD", "side": "SELL", "type": "STOP_LIMIT", "quantity": "0.01", "price": "93000",
    "ref_price": "94000",
}  # fmt: skip
ADVANCED = "private/advanced"


def test_a_trigger_order_is_known_to_the_advanced_methods_until_it_triggers(box, rest):
    made = rest.ask(f"{ADVANCED}/create-order", **STOP, client_oid=f"stop-{now_ms()}")
    assert rest.rows(OPEN) == []
    assert rest.call(DETAIL, order_id=made["order_id"]).json()["code"] == 40401
    assert rest.call(CANCEL, order_id=made["order_id"]).json()["code"] == 40401
    row = rest.rows(f"{ADVANCED}/get-open-orders")[0]
    assert (row["status"], row["order_type"], row["ref_price"]) == ("ACTIVE", "STOP_LIMIT", "94000")
    assert row["ref_price_type"] == "MARK_PRICE"
    box.admin.post("price", symbol="BTC_USD", price="94000")
    assert rest.ask(DETAIL, order_id=made["order_id"])["status"] == "FILLED"
    assert rest.rows(f"{ADVANCED}/get-order-history")[0]["exchange_order_id"] == made["order_id"]


def test_trigger_orders_are_canceled_by_the_advanced_methods_only(rest):
    made = rest.ask(f"{ADVANCED}/create-order", **STOP, client_oid=f"stop-{now_ms()}")
    rest.ask("private/cancel-all-orders")
    assert len(rest.rows(f"{ADVANCED}/get-open-orders")) == 1
    rest.ask(f"{ADVANCED}/cancel-order", client_oid=made["client_oid"])
    rest.ask(f"{ADVANCED}/create-order", **STOP, client_oid=f"again-{now_ms()}")
    rest.ask(f"{ADVANCED}/cancel-all-orders", type="TRIGGER")
    assert rest.rows(f"{ADVANCED}/get-open-orders") == []
    assert rest.ask(f"{ADVANCED}/get-order-detail", order_id=made["order_id"])["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("kind", "side", "ref", "reached"),
    [
        ("STOP_LOSS", "SELL", "94000", "94000"),
        ("STOP_LOSS", "BUY", "96000", "96000"),
        ("TAKE_PROFIT", "SELL", "96000", "96000"),
        ("TAKE_PROFIT", "BUY", "94000", "94000"),
    ],
)
def test_a_trigger_at_the_market_waits_on_its_side_of_the_price(box, rest, kind, side, ref, reached):
    made = rest.ask(
        f"{ADVANCED}/create-order", instrument_name="BTC_USD", side=side, type=kind, quantity="0.001",
        ref_price=ref, client_oid=f"{kind}-{side}-{now_ms()}",
    )  # fmt: skip
    row = rest.rows(f"{ADVANCED}/get-open-orders")[0]
    assert (row["order_type"], row["ref_price"], "limit_price" in row) == (kind, ref, False)
    box.admin.post("price", symbol="BTC_USD", price=reached)
    assert rest.ask(DETAIL, order_id=made["order_id"])["status"] == "FILLED"


def test_a_trigger_on_the_wrong_side_of_the_price_is_refused(rest):
    answer = rest.call(f"{ADVANCED}/create-order", **STOP | {"ref_price": "96000"}).json()
    assert answer["code"] == 229


# -- fills and ledger --------------------------------------------------------------------


def test_a_fill_row_says_what_was_paid_and_how(box, rest):
    order = box.admin.place("main", "BTC_USD", "sell", "0.01", "99000")
    fill = box.admin.fill(order["order_id"])
    row = rest.rows(TRADES, instrument_name="BTC_USD")[0]
    assert row["trade_id"] == fill["trade_id"]
    assert row["order_id"] == order["order_id"]
    assert (row["fees"], row["fee_instrument_name"], row["fee_credits"]) == ("-0.99", "USD", "0")
    assert (row["taker_side"], row["side"], row["match_count"], row["match_index"]) == ("MAKER", "SELL", 1, 0)
    assert (row["traded_price"], row["traded_quantity"]) == ("99000", "0.01")
    assert isinstance(row["create_time"], int)
    assert row["create_time_ns"][:13] == str(row["create_time"])
    taken = box.admin.place("main", "BTC_USD", "buy", "0.001")
    newest = rest.rows(TRADES)[0]
    assert (newest["trade_id"], newest["taker_side"]) == (taken["fills"][0]["trade_id"], "TAKER")
    assert "match_index" not in newest


@pytest.fixture(scope="module")
def busy_box():
    entries = [account("main", "cryptocom")]
    with Sandbox(entries, exchanges=("cryptocom",)) as box:
        box.admin.burst("main", 130, symbol="CRO_USD")
        box.admin.deposit("main", "USD", "5")
        yield box


@pytest.fixture
def busy(busy_box):
    client = Rest(busy_box, busy_box.accounts[0])
    yield client
    client.close()


def test_a_list_holds_the_newest_hundred_rows_newest_first(busy):
    stamps = [int(row["create_time_ns"]) for row in busy.rows(TRADES)]
    assert len(stamps) == 100
    assert stamps == sorted(stamps, reverse=True)
    assert [int(row["create_time_ns"]) for row in busy.rows(TRADES, limit=3)] == stamps[:3]


def test_paging_backwards_by_the_oldest_nanosecond_finds_every_fill(busy, busy_box):
    found, end = {}, str(now_ms() * NS + NS)
    while True:
        page = busy.rows(TRADES, end_time=end, start_time=str(int(end) - 86_400_000 * NS))
        new = {row["trade_id"]: row for row in page if row["trade_id"] not in found}
        if not new:
            break
        found |= new
        end = str(min(int(row["create_time_ns"]) for row in page) + 1)
    assert sorted(found) == sorted(one["trade_id"] for one in busy_box.admin.truth("main")["fills"])


def test_a_window_includes_its_start_and_excludes_its_end(busy):
    rows = busy.rows(TRADES, limit=10)
    newest, oldest = rows[0], rows[-1]
    between = busy.rows(TRADES, start_time=oldest["create_time_ns"], end_time=newest["create_time_ns"])
    assert [row["trade_id"] for row in between] == [row["trade_id"] for row in rows[1:]]


def test_a_window_may_be_given_in_milliseconds(busy):
    at = busy.rows(TRADES)[50]["create_time"]
    rows = busy.rows(TRADES, start_time=at, end_time=str(at + 1))
    assert rows
    assert {row["create_time"] for row in rows} == {at}


def test_the_order_history_holds_ended_orders_by_their_last_change(busy, busy_box):
    rows = busy.rows(HISTORY, limit=20)
    assert {row["status"] for row in rows} == {"FILLED"}
    changed = [row["update_time"] for row in rows]
    assert changed == sorted(changed, reverse=True)
    assert busy.rows(HISTORY, end_time=busy_box.admin.truth("main")["fills"][0]["traded_at"] - 1) == []


def test_the_ledger_has_trades_deposits_and_withdrawals_but_no_opening(busy, busy_box):
    rows = busy.rows(LEDGER, limit=5)
    assert rows[0]["journal_type"] == "ONCHAIN_DEPOSIT"
    assert (rows[0]["instrument_name"], rows[0]["transaction_qty"]) == ("USD", "5")
    cash = [one for one in busy_box.admin.truth("main")["cash"] if one["kind"] == "deposit"][-1]
    assert rows[0]["journal_id"] == cash["id"]
    assert {row["journal_type"] for row in rows[1:]} == {"TRADING"}
    only = busy.rows(LEDGER, journal_type="ONCHAIN_DEPOSIT")
    assert [row["journal_type"] for row in only] == ["ONCHAIN_DEPOSIT"]
    assert busy.rows(LEDGER, instrument_name="BTC_USD") == []


# -- wallet, positions, fees ---------------------------------------------------------------


def test_collateral_hides_what_is_locked_and_other_tokens_show_it(box, rest):
    before = wallet(rest)
    assert before["USD"]["max_withdrawal_balance"] == before["USD"]["quantity"]
    box.admin.place("main", "CRO_USD", "buy", "1000", "0.05")
    box.admin.place("main", "A2Z_USD", "sell", "2000", "0.003")
    after = wallet(rest)
    assert after["USD"]["quantity"] == before["USD"]["quantity"]
    assert after["USD"]["reserved_qty"] == "0"
    assert float(before["USD"]["max_withdrawal_balance"]) - float(
        after["USD"]["max_withdrawal_balance"]
    ) == pytest.approx(50)
    assert (after["A2Z"]["reserved_qty"], after["A2Z"]["collateral_eligible"]) == ("2000", False)
    truth = {one["asset"]: one for one in box.admin.truth("main")["balances"]}
    assert {name: row["max_withdrawal_balance"] for name, row in after.items()} == {
        name: one["free"] for name, one in truth.items()
    }


def test_the_available_total_falls_by_what_open_buys_lock(box, rest):
    def available():
        return float(rest.rows("private/user-balance")[0]["total_available_balance"])

    before = available()
    box.admin.place("main", "CRO_USD", "buy", "1000", "0.05")
    assert before - available() == pytest.approx(50)


def test_a_position_is_signed_and_settles_in_usd(box, rest):
    order = box.admin.place("main", "BTCUSD-PERP", "sell", "0.02", "96000")
    assert rest.rows("private/get-positions") == []
    box.admin.fill(order["order_id"])
    row = rest.rows("private/get-positions", instrument_name="BTCUSD-PERP")[0]
    assert (row["quantity"], row["cost"], row["type"]) == ("-0.02", "-1920", "PERPETUAL_SWAP")
    assert (row["open_position_pnl"], "mark_price" in row) == ("20", False)
    fill = rest.rows(TRADES, instrument_name="BTCUSD-PERP")[0]
    assert (fill["fees"], fill["fee_instrument_name"]) == ("-0.2112", "USD")
    box.admin.place("main", "BTCUSD-PERP", "buy", "0.02")
    assert rest.rows("private/get-positions") == []


def test_fee_rates_are_told_in_basis_points(rest):
    assert rest.ask("private/get-fee-rate")["effective_spot_maker_rate_bps"] == "10"
    row = rest.ask("private/get-instrument-fee-rate", instrument_name="BTCUSD-PERP")
    assert row["effective_taker_rate_bps"] == "3"


def test_agreed_rates_are_told_by_both_calls():
    fees = {"spot": {"maker": "0.00065", "taker": "0.002425"}}
    with Sandbox([account("main", "cryptocom", fees=fees)], exchanges=("cryptocom",)) as box:
        own = Rest(box, box.accounts[0])
        assert own.ask("private/get-fee-rate")["effective_spot_maker_rate_bps"] == "6.5"
        assert own.ask("private/get-fee-rate")["effective_deriv_maker_rate_bps"] == "1.1"
        row = own.ask("private/get-instrument-fee-rate", instrument_name="BTC_USD")
        assert (row["effective_maker_rate_bps"], row["effective_taker_rate_bps"]) == ("6.5", "24.25")


def test_a_key_belongs_to_one_account(rest):
    answer = rest.ask("private/get-accounts", page=0, page_size=20)
    assert (answer["master_account"]["name"], answer["sub_account_list"]) == ("main", [])
    assert {row["account_id"] for row in rest.rows(HISTORY)} <= {answer["master_account"]["uuid"]}


# -- public ------------------------------------------------------------------------------


def test_the_steps_of_an_instrument_are_not_its_decimals(rest):
    body = rest.public("public/get-instruments").json()
    rows = {row["symbol"]: row for row in body["result"]["data"]}
    assert (body["code"], body["method"]) == (0, "public/get-instruments")
    assert (rows["A2Z_USD"]["quantity_decimals"], rows["A2Z_USD"]["qty_tick_size"]) == (0, "1000")
    assert (rows["BTC_USD"]["price_tick_size"], rows["BTC_USD"]["qty_tick_size"]) == ("0.01", "0.00001")
    assert (rows["BTCUSD-PERP"]["inst_type"], rows["BTC_USD"]["inst_type"]) == ("PERPETUAL_SWAP", "CCY_PAIR")
    assert "underlying_symbol" not in rows["BTC_USD"]


def test_tickers_books_and_limits_are_open_to_all(box, rest):
    row = rest.public("public/get-tickers", instrument_name="BTC_USD").json()["result"]["data"][0]
    assert (row["a"], row["b"], row["k"]) == ("95000", "94995.25", "95004.75")
    assert "bs" not in row
    assert len(rest.public("public/get-tickers").json()["result"]["data"]) == 5
    book = rest.public("public/get-book", instrument_name="BTC_USD", depth=10).json()["result"]
    assert len(book["data"][0]["bids"]) == book["depth"] == 10
    assert book["data"][0]["bids"][0][0] == "94995.25"
    limits = rest.public("public/get-risk-parameters").json()["result"]["base_currency_config"]
    assert limits[0]["min_order_notional_usd"] == "1"
    assert rest.public("public/get-book", instrument_name="BTC_USD", depth=51).json()["code"] == 40004


def test_a_fill_and_the_public_trade_share_their_match(box, rest):
    order = box.admin.place("main", "ETH_USD", "buy", "0.01", "3000")
    box.admin.fill(order["order_id"])
    match = rest.rows(TRADES)[0]["trade_match_id"]
    rows = rest.public("public/get-trades", instrument_name="ETH_USD").json()["result"]["data"]
    public = next(row for row in rows if row["m"] == match)
    assert (public["s"], public["q"], isinstance(public["tn"], int)) == ("sell", "0.01", True)
