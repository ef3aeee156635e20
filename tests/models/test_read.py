"""Every question, and the exact shape of every answer."""

import threading
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core import fee_rates
from core.errors import DatabaseProblem
from core.facts import CashMove, Position
from core.records import ActorEvent, ConnectionState, Incident, Proof, Remember
from models.database import begin, run
from models.ledger import Ledger
from models.read import MOST_ROWS, Reader, rates_key
from tests.support.ledger import NOW, balance, batch, fill, order, rows, url

DAY = 86_400


@pytest.fixture
def reader(ledger: Ledger, place: str) -> Any:
    opened = Reader(place)
    yield opened
    opened.close()


FIRST_SEEN = (("main", 4), ("main", 9), ("second", 7))


def proof(until: Any, category: Any = "spot", account: Any = "main") -> Any:
    return Proof(until, account, category, until - 1000, until, "audit")


# ------------------------------------------------------------------------------- the shapes


def test_a_fill_has_exactly_these_columns(ledger: Ledger, reader: Reader, place: str) -> None:
    ledger.write([batch(fill(fee=D("0.00000783"), fee_asset="BNB", liquidity="maker", client_order_id="c"))])
    (recorded_at,) = rows(place, "fills", "recorded_at")
    assert reader.fills() == [
        {
            "seq": 1,
            "account": "main",
            "exchange": "binance",
            "category": "spot",
            "symbol": "BTCUSDT",
            "trade_id": "1",
            "order_id": "7",
            "client_order_id": "c",
            "side": "buy",
            "price": "60000",
            "quantity": "0.1",
            "fee": "0.00000783",
            "fee_asset": "BNB",
            "liquidity": "maker",
            "kind": "trade",
            "traded_at": NOW,
            "recorded_at": recorded_at,
            "source": "stream",
        }
    ]


def test_an_order_has_exactly_these_columns(ledger: Ledger, reader: Reader) -> None:
    stated = order(
        client_order_id="c", side="sell", type="limit", time_in_force="GTC", price=D("1e-8"), created_at=5
    )
    ledger.write([batch(stated)])
    assert reader.orders() == [
        {
            "account": "main",
            "exchange": "binance",
            "category": "spot",
            "symbol": "BTCUSDT",
            "order_id": "7",
            "client_order_id": "c",
            "side": "sell",
            "type": "limit",
            "time_in_force": "GTC",
            "status": "open",
            "price": "0.00000001",
            "quantity": "1",
            "filled": "0",
            "average_price": None,
            "created_at": 5,
            "updated_at": NOW,
        }
    ]
    assert reader.order("main", "spot", "BTCUSDT", "7") == reader.orders()[0]
    assert reader.order("main", "spot", "BTCUSDT", "8") is None


def test_a_balance_has_exactly_these_columns(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(balance("5.50"))])
    assert reader.balances() == [
        {
            "account": "main",
            "exchange": "binance",
            "asset": "USDT",
            "free": "5.5",
            "locked": "0",
            "total": "5.5",
            "updated_at": NOW,
        }
    ]


def test_a_position_has_exactly_these_columns(ledger: Ledger, reader: Reader) -> None:
    ledger.write(
        [batch(Position("linear", "BTCUSDT", "buy", D(2), D(7), unrealised_pnl=D("-0.50"), updated_at=NOW))]
    )
    assert reader.positions() == [
        {
            "account": "main",
            "exchange": "binance",
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "buy",
            "size": "2",
            "entry_price": "7",
            "unrealised_pnl": "-0.5",
            "updated_at": NOW,
        }
    ]


def test_a_total_is_the_exact_sum_of_its_parts(ledger: Ledger, reader: Reader) -> None:
    small = balance("123456789012345678901234567890")
    ledger.write([batch(type(small)(small.asset, small.free, D("1e-19"), updated_at=NOW))])
    assert reader.balances()[0]["total"] == "123456789012345678901234567890.0000000000000000001"


def test_a_flat_position_is_shown_only_when_asked_for(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(Position("linear", "BTCUSDT", "buy", D(0), updated_at=NOW))])
    assert reader.positions() == []
    assert [row["size"] for row in reader.positions(flat=True)] == ["0"]


def test_a_fill_reported_without_its_client_order_id_shows_that_of_its_order(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write([batch(fill(), source="audit")])
    assert reader.fills()[0]["client_order_id"] is None
    ledger.write([batch(order(client_order_id="c"))])
    assert reader.fills()[0]["client_order_id"] == "c"


# --------------------------------------------------------------------- filters, limits, pages


@pytest.fixture
def many(ledger: Ledger) -> Any:
    for n in range(6):
        name = {"order_id": str(n), "symbol": "ETHUSDT" if n % 2 else "BTCUSDT"}
        facts = [fill(str(n), traded_at=NOW + n, **name)]
        stated = order("open" if n < 3 else "filled", order_id=str(n), updated_at=NOW - n)
        ledger.write([batch(*facts, stated, account="second" if n == 5 else "main")])


def trades(found: Any) -> Any:
    return [row["trade_id"] for row in found]


def ids(found: Any) -> Any:
    return [row["order_id"] for row in found]


def test_fills_come_ascending_and_the_newest_where_there_are_more(many: None, reader: Reader) -> None:
    assert trades(reader.fills(limit=3)) == ["3", "4", "5"]
    assert trades(reader.fills(limit=0)) == ["0", "1", "2", "3", "4", "5"]


def test_fills_are_filtered_by_account_symbol_and_time(many: None, reader: Reader) -> None:
    assert trades(reader.fills(account="second")) == ["5"]
    assert trades(reader.fills(symbol="ETHUSDT")) == ["1", "3", "5"]
    assert trades(reader.fills(since=NOW + 4)) == ["4", "5"]
    assert trades(reader.fills(account="main", symbol="ETHUSDT", since=NOW + 2)) == ["3"]


def test_fills_are_paged_forwards_by_seq(many: None, reader: Reader) -> None:
    page = reader.fills(limit=4, after=0)
    assert trades(page) == ["0", "1", "2", "3"]
    assert trades(reader.fills(limit=4, after=page[-1]["seq"])) == ["4", "5"]


def test_orders_come_ascending_by_their_last_change(many: None, reader: Reader) -> None:
    assert ids(reader.orders()) == ["5", "4", "3", "2", "1", "0"]
    assert ids(reader.orders(limit=2)) == ["1", "0"]
    assert ids(reader.orders(since=NOW - 2)) == ["2", "1", "0"]


def test_orders_are_filtered_by_account_and_being_open(many: None, reader: Reader) -> None:
    assert ids(reader.orders(open_only=True)) == ["2", "1", "0"]
    assert ids(reader.orders(open_only=True, account="second")) == []
    assert ids(reader.orders(account="second")) == ["5"]


def test_orders_are_paged_by_the_row_before_even_where_times_are_equal_or_unknown(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write(
        [batch(*(order(order_id=str(n), updated_at=None if n < 2 else NOW + n // 4) for n in range(9)))]
    )
    page, seen = reader.orders(limit=0), []
    assert len(page) == 9
    page = reader.orders(limit=3, after={**page[0], "updated_at": 0, "account": ""})
    while page:
        seen += ids(page)
        page = reader.orders(limit=3, after=page[-1])
    assert seen == [str(n) for n in range(2, 9)]


def test_no_answer_is_longer_than_the_contract_says(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(*(fill(str(n)) for n in range(MOST_ROWS + 2)))])
    assert len(reader.fills(limit=0)) == MOST_ROWS
    assert len(reader.fills(limit=MOST_ROWS + 1)) == MOST_ROWS
    assert len(reader.fills(after=MOST_ROWS, limit=0)) == 2
    assert len(reader.journal(limit=MOST_ROWS + 1)) == MOST_ROWS


def test_fees_are_exact_sums_by_asset(ledger: Ledger, reader: Reader) -> None:
    paid = [("1", "1e-19", "BNB"), ("2", "123456789012345678901", "BNB"), ("3", "-0.5", "USDT")]
    ledger.write([batch(*(fill(n, fee=D(fee), fee_asset=asset) for n, fee, asset in paid), fill("4"))])
    found = [(row["fee_asset"], row["fee"], row["fills"], row["unknown"]) for row in reader.fees()]
    assert found == [
        ("BNB", "123456789012345678901.0000000000000000001", 2, 0),
        ("USDT", "-0.5", 1, 0),
        (None, None, 1, 1),
    ]


def test_a_fee_in_a_third_asset_is_worth_what_a_fill_of_that_minute_proves(
    ledger: Ledger, reader: Reader
) -> None:
    minute = NOW - NOW % 60_000
    paid = {"fee": D("0.001"), "fee_asset": "BNB"}
    ledger.write(
        [
            batch(*(balance("1", asset) for asset in ("BTC", "USDT", "BNB"))),
            batch(fill("1", traded_at=minute + 10, **paid), fill("2", traded_at=minute + 60_000, **paid)),
            batch(fill("3", symbol="BNBUSDT", price=D(600), traded_at=minute)),
            batch(fill("4", symbol="BNBUSDT", price=D(610), traded_at=minute + 15)),
            batch(fill("5", symbol="BNBUSDT", price=D(7), traded_at=minute + 10, category="linear")),
        ]
    )
    worth = {fill["trade_id"]: one.worth for fill, one, _ in reader.charges(limit=0)}
    assert worth == {"1": D("0.61"), "2": None, "3": None, "4": None, "5": None}
    (bnb, _none) = reader.fees()
    assert (bnb["fee"], bnb["worth"], bnb["unproven"]) == ("0.002", {"USDT": "0.61"}, 1)


def test_what_another_exchange_paid_proves_nothing(ledger: Ledger, reader: Reader) -> None:
    ledger.write(
        [
            batch(*(balance("1", asset) for asset in ("BTC", "USDT", "BNB"))),
            batch(fill("1", fee=D(1), fee_asset="BNB")),
            msgspec.structs.replace(batch(fill("3", symbol="BNBUSDT"), account="b"), exchange="bybit"),
        ]
    )
    assert [one.worth for _fill, one, _ in reader.charges(account="main")] == [None]


def rates(*answers: tuple[int, str, str], symbol: str = "BTCUSDT") -> Remember:
    """What a trader heard of the fee rates of main: when, the maker's and the taker's."""
    known: fee_rates.Rates = ()
    for at, maker, taker in answers:
        known = fee_rates.learned(known, at, D(maker), D(taker))
    return Remember(1, rates_key("main", "spot", symbol), fee_rates.dumped(known))


def test_what_makers_saved_goes_by_the_rate_that_was_known_when_they_traded(
    ledger: Ledger, reader: Reader
) -> None:
    maker = {"liquidity": "maker", "fee": D("0.6"), "fee_asset": "USDT", "quantity": D("0.01")}
    ledger.write(
        [
            batch(*(balance("1", asset) for asset in ("BTC", "USDT"))),
            rates((NOW, "0.001", "0.002"), (NOW + 10, "0.001", "0.003")),
            batch(
                fill("early", traded_at=NOW - 1, **maker),
                fill("first", traded_at=NOW, **maker),
                fill("between", traded_at=NOW + 5, **maker),
                fill("second", traded_at=NOW + 10, **maker),
                fill("taken", traded_at=NOW + 10, **(maker | {"liquidity": "taker"})),
                fill("untold", traded_at=NOW + 10, **(maker | {"liquidity": None})),
            ),
            batch(fill("other", traded_at=NOW, **maker), account="second"),
        ]
    )
    saved = {fill["trade_id"]: one.saved for fill, _, one in reader.charges(account="main", limit=0)}
    assert saved == {
        "early": None, "first": D("0.6"), "between": None, "second": D("1.2"), "taken": D(0), "untold": None,
    }  # fmt: skip
    assert reader.fees("account") == [
        {
            "account": "main",
            "exchange": "binance",
            "quote": "USDT",
            "fills": 6,
            "unknown": 1,
            "volume": "3000",
            "maker": "2400",
            "maker_pct": 80.0,
            "saved": "1.8",
            "unproven": 2,
            "last_at": NOW + 10,
        },
        {
            "account": "second",
            "exchange": "binance",
            "quote": "USDT",
            "fills": 1,
            "unknown": 0,
            "volume": "600",
            "maker": "600",
            "maker_pct": 100.0,
            "saved": None,
            "unproven": 1,
            "last_at": NOW,
        },
    ]


def test_fee_rates_are_read_as_a_trader_left_them(ledger: Ledger, reader: Reader) -> None:
    ledger.write(
        [rates((NOW, "0.001", "-0.0001")), rates((5, "0", "1"), symbol="ETHUSDT"), Remember(1, "a", "b")]
    )
    assert reader.rates() == {
        rates_key("main", "spot", "BTCUSDT"): (fee_rates.Rated(NOW, NOW, D("0.001"), D("-0.0001")),),
        rates_key("main", "spot", "ETHUSDT"): (fee_rates.Rated(5, 5, D(0), D(1)),),
    }


def test_cash_moves_come_ascending_by_seq(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(*(CashMove(str(n), "USDT", D(n), "funding", NOW + n) for n in range(3)))])
    assert [row["id"] for row in reader.cash(limit=2)] == ["1", "2"]
    assert [row["id"] for row in reader.cash(since=NOW + 2, account="main")] == ["2"]
    assert set(reader.cash()[0]) == {
        "seq", "account", "exchange", "id", "asset", "amount", "kind", "at", "recorded_at", "source",
    }  # fmt: skip


# ------------------------------------------------------------------------------------ history


def test_the_journal_is_read_onwards_from_a_sequence(many: None, reader: Reader) -> None:
    assert [row["seq"] for row in reader.journal(after=3, limit=4)] == [4, 5, 6, 7]
    assert reader.sequence() == 12
    assert reader.journal(after=12) == []


def test_a_journal_row_tells_the_statement_in_plain_notation(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(fill(price=D("1e-8")))])
    (row,) = reader.journal()
    assert row["fact"]["price"] == "0.00000001"
    assert (row["kind"], row["key"], row["outcome"], row["source"]) == ("fill", "1", "new", "stream")


def test_the_history_of_a_thing_is_all_that_was_said_of_it(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(order(client_order_id="c"), order(order_id="8"), balance("5"), fill())])
    ledger.write([batch(order("canceled", updated_at=NOW + 1), balance("4", at=NOW + 1))])
    ledger.write([batch(fill(fee=D(1)), order("open", updated_at=NOW + 2))])
    said = [(row["fact"]["status"], row["outcome"]) for row in reader.history("order", "7")]
    assert said == [("open", "new"), ("canceled", "changed"), ("open", "impossible")]
    assert reader.history("order", "c", account="main") == reader.history("order", "7")
    assert [row["fact"]["free"] for row in reader.history("balance", "USDT")] == ["5", "4"]
    assert [row["outcome"] for row in reader.history("fill", "1")] == ["new", "changed"]
    assert reader.history("order", "7", account="second") == []
    assert reader.history("order", "nobody") == []


def spans(reader: Reader, kind: str, key: str) -> list[tuple[str, int | None, int | None]]:
    """Outcome, from and until of each statement; times as distances from NOW."""
    return [
        (
            row["outcome"],
            *(None if at is None else at - NOW for at in (row["valid_from"], row["valid_until"])),
        )
        for row in reader.history(kind, key)
    ]


def test_a_history_says_from_when_until_when_each_state_was_so(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(order("open", updated_at=NOW), received_at=NOW + 1)])
    ledger.write([batch(order("partially_filled", filled=D("0.1"), updated_at=NOW + 20))])
    ledger.write([batch(order("canceled", filled=D("0.1"), updated_at=NOW + 50))])
    assert spans(reader, "order", "7") == [("new", 0, 20), ("changed", 20, 50), ("changed", 50, None)]


def test_where_the_exchange_names_no_time_it_is_that_of_the_receipt(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(balance("5", at=None), received_at=NOW + 3)])
    ledger.write([batch(balance("6", at=None), received_at=NOW + 9)])
    assert spans(reader, "balance", "USDT") == [("new", 3, 9), ("changed", 9, None)]


def test_what_was_not_obeyed_was_never_so(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(order("canceled", updated_at=NOW))])
    ledger.write([batch(order("open", updated_at=NOW + 5))])
    ledger.write([batch(fill())])
    ledger.write([batch(fill(price=D(1)))])
    assert spans(reader, "order", "7") == [("new", 0, None), ("impossible", None, None)]
    assert spans(reader, "fill", "1") == [("new", 0, None), ("contradicted", None, None)]


def test_a_contradiction_that_also_brought_news_began_something(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(order("open", side="buy", updated_at=NOW))])
    ledger.write([batch(order("canceled", side="sell", updated_at=NOW + 5))])
    assert spans(reader, "order", "7") == [("new", 0, 5), ("contradicted", 5, None)]


def test_what_happened_once_does_not_end_when_more_of_it_is_known(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(fill())])
    ledger.write([batch(fill(fee=D(1), fee_asset="BNB"), source="audit", received_at=NOW + 9)])
    assert spans(reader, "fill", "1") == [("new", 0, None), ("changed", 0, None)]


def test_things_of_one_name_have_each_a_validity_of_their_own(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(balance("5")), batch(balance("5", at=NOW + 1), account="second")])
    ledger.write([batch(balance("6", at=NOW + 7), account="second")])
    assert spans(reader, "balance", "USDT") == [("new", 0, None), ("new", 1, 7), ("changed", 7, None)]


def test_the_history_of_positions_and_cash(ledger: Ledger, reader: Reader) -> None:
    ledger.write(
        [batch(Position("linear", "X", "buy", D(1), updated_at=NOW), CashMove("t", "A", D(1), "funding", 1))]
    )
    ledger.write([batch(Position("linear", "X", "buy", D(2), updated_at=NOW + 1))])
    assert [row["fact"]["size"] for row in reader.history("position", "X")] == ["1", "2"]
    assert [row["fact"]["amount"] for row in reader.history("cash", "t")] == ["1"]


def test_incidents_states_and_events_come_ascending(ledger: Ledger, reader: Reader) -> None:
    ledger.write(
        [
            Incident(1, "a", "discrepancy", "warning", "first", "main"),
            Incident(2, "b", "discrepancy", "critical", "second"),
            Incident(3, "a", "discrepancy", "warning", "", resolved=True),
            ConnectionState(4, "main", "live", "reconciling", "reconciled"),
            ActorEvent(5, "boot", "core/web", 1, "started"),
        ]
    )
    assert [row["key"] for row in reader.incidents()] == ["b", "a"]
    assert [row["key"] for row in reader.incidents(open_only=True)] == ["b"]
    assert [row["key"] for row in reader.incidents(account="main", since=3)] == ["a"]
    assert [row["state"] for row in reader.states(account="main")] == ["live"]
    assert reader.events(child="core/persistence") == []
    assert reader.events(since=5) == [
        {"at": 5, "boot": "boot", "child": "core/web", "gen": 1, "event": "started", "detail": None}
    ]


def test_states_are_read_on_from_the_last_one(ledger: Ledger, reader: Reader) -> None:
    assert (reader.transitions(after=0), reader.newest_transition()) == ([], 0)
    ledger.write([ConnectionState(at, "main", "live", "stale", "why") for at in (1, 2, 3)])
    rows = reader.transitions(after=1)
    assert [(row["id"], row["at"]) for row in rows] == [(2, 2), (3, 3)]
    assert reader.newest_transition() == 3


def test_the_last_proof_of_an_account_is_a_sign_of_its_life(ledger: Ledger, reader: Reader) -> None:
    ledger.write([Proof(7, "main", "spot", 0, 5, "audit"), Proof(9, "main", "linear", 0, 5, "audit")])
    ledger.write([Proof(11, "second", "spot", 0, 5, "audit")])
    found = [reader.alive_at("main", before=before) for before in (7, 8, 9, 12)]
    assert found == [None, 7, 7, 9]


def test_what_is_remembered_is_told_and_what_was_taken_back_is_not(ledger: Ledger, reader: Reader) -> None:
    ledger.write([Remember(1, "paused:main", "yes"), Remember(1, "paused:second", None)])
    assert reader.remembered() == {"paused:main": "yes"}


# ----------------------------------------------------------------------- coverage, the poller


def test_proven_to_is_the_least_of_the_categories(ledger: Ledger, reader: Reader) -> None:
    assert reader.proven_to("main") is None
    ledger.write([proof(5000), proof(3000, "linear"), proof(9000), proof(1000, account="second")])
    assert reader.proven_to("main") == 3000
    assert {row["category"]: row["until"] for row in reader.coverage("main")} == {
        "spot": 9000,
        "linear": 3000,
    }


def test_what_is_proven_is_told_of_every_account_and_category(ledger: Ledger, reader: Reader) -> None:
    assert reader.proven() == {}
    ledger.write([proof(5000), proof(3000, "linear"), proof(9000), proof(1000, account="second")])
    assert reader.proven() == {"main": {"spot": 9000, "linear": 3000}, "second": {"spot": 1000}}


def test_an_account_was_first_seen_when_it_first_went_through_anything(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write([ConnectionState(at, name, "live", "reconciling", "") for name, at in FIRST_SEEN])
    assert reader.first_seen() == {"main": 4, "second": 7}
    assert reader.first_seen("second") == {"second": 7}


def test_at_the_very_first_start_the_window_is_the_backfill(ledger: Ledger, reader: Reader) -> None:
    known = reader.known("main", now=NOW, backfill=DAY)
    assert known == {
        "since": NOW - DAY * 1000,
        "now": NOW,
        "open_orders": (),
        "symbols": (),
        "balances": None,
        "moved": frozenset(),
        "first": True,
    }


def test_later_the_window_begins_a_minute_before_what_is_proven(ledger: Ledger, reader: Reader) -> None:
    ledger.write([proof(NOW)])
    known = reader.known("main", now=NOW + 5, backfill=DAY)
    assert (known["since"], known["first"]) == (NOW - 60_000, False)


def test_a_plan_is_told_of_open_orders_lately_traded_symbols_and_totals(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write(
        [
            batch(order(client_order_id="c"), order("filled", "8"), balance("5"), balance("2", "BTC")),
            batch(fill(symbol="NEW", traded_at=NOW), fill(symbol="OLD", traded_at=NOW - 8 * DAY * 1000)),
            batch(fill(symbol="THEIRS"), order(order_id="9"), account="second"),
        ]
    )
    known = reader.known("main", now=NOW, backfill=DAY, symbols=["WISHED"])
    assert known["open_orders"] == (
        {"category": "spot", "symbol": "BTCUSDT", "order_id": "7", "client_order_id": "c", "filled": D(0)},
    )
    assert known["symbols"] == ("BTCUSDT", "NEW", "WISHED")
    assert known["balances"] == {"USDT": D(5), "BTC": D(2)}


def test_an_asset_has_moved_until_what_is_proven_has_passed_its_last_change(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write([proof(NOW), batch(balance("5"), balance("2", "BTC", at=NOW - 1))])
    assert reader.known("main", now=NOW + 5, backfill=DAY)["moved"] == {"USDT"}
    ledger.write([proof(NOW + 1), batch(balance("3", "ETH", at=NOW + 2), balance("1", "BNB", at=None))])
    assert reader.known("main", now=NOW + 5, backfill=DAY)["moved"] == {"ETH"}


def test_a_chosen_window_reaches_back_at_least_so_far_and_names_all_that_moved_in_it(
    ledger: Ledger, reader: Reader
) -> None:
    long_ago = NOW - 20 * DAY * 1000
    ledger.write(
        [
            proof(NOW),
            batch(fill(symbol="OLD", traded_at=long_ago), fill("2", symbol="OLDER", traded_at=long_ago - 1)),
            batch(order("filled", updated_at=long_ago), balance("5", at=long_ago), balance("1", "BTC", at=1)),
        ]
    )
    known = reader.known("main", now=NOW + 5, backfill=DAY, since=long_ago)
    assert (known["since"], known["symbols"], known["moved"]) == (long_ago, ("BTCUSDT", "OLD"), {"USDT"})
    known = reader.known("main", now=NOW + 5, backfill=DAY, since=NOW)
    assert (known["since"], known["symbols"], known["moved"]) == (NOW - 60_000, (), set())


def test_the_fills_of_a_time_are_those_traded_in_it(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(*(fill(str(n), traded_at=NOW + n) for n in range(5)), fill("9", order_id="8"))])
    ledger.write([batch(fill("7"), account="second")])
    found = reader.fills_between("main", NOW + 1, NOW + 3)
    assert [row["trade_id"] for row in found] == ["1", "2", "3"]


def test_what_the_stream_touched_lately_is_told_by_identity(
    ledger: Ledger, reader: Reader, place: str
) -> None:
    ledger.write([batch(order(), balance("5"), fill(), Position("linear", "X", "buy", D(1), updated_at=NOW))])
    ledger.write([batch(order(order_id="8"), source="audit"), batch(order(order_id="9"), account="second")])
    (first, *_rest) = rows(place, "journal", "recorded_at")
    assert reader.touched("main", since=first) == {
        ("order", "spot", "BTCUSDT", "7"),
        ("balance", "USDT"),
        ("fill", "spot", "BTCUSDT", "1"),
        ("position", "linear", "X", "buy"),
    }
    assert reader.touched("main", since=first + 60_000) == set()


# -------------------------------------------------------------------------------- connections


def test_every_thread_reads_over_a_connection_of_its_own(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(fill())])
    found = []

    def ask() -> None:
        found.append(len(reader.fills()))
        reader.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [1] * 4
    assert len(reader.fills()) == 1


def test_a_reader_sees_what_is_committed_while_a_batch_is_being_written(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write([batch(fill())])
    with begin(ledger._db):
        run(ledger._db, "DELETE FROM fills")
        assert len(reader.fills()) == 1


def test_a_closed_reader_opens_again_at_the_next_question(ledger: Ledger, reader: Reader) -> None:
    reader.close()
    reader.close()
    assert reader.fills() == []


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseProblem, match="cannot be opened"):
        Reader(url(tmp_path / "none.db")).fills()
