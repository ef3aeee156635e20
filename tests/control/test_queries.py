"""What the ledger's words answer, from a real ledger."""

import json
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from control.queries import ask, covered
from control.words import WORDS, Mistake, read_arguments
from core.clock import SystemClock
from core.facts import CashMove, Position
from core.records import ActorEvent, ConnectionState, Incident, Proof
from models.ledger import Ledger
from models.read import Reader, Row
from tests.support.ledger import NOW, balance, batch, fill, order, url

KEYS = {
    "fills": (
        "seq account exchange category symbol trade_id order_id client_order_id side price quantity fee "
        "fee_asset liquidity kind traded_at recorded_at source"
    ),
    "orders": (
        "account exchange category symbol order_id client_order_id side type time_in_force status price "
        "quantity filled average_price created_at updated_at"
    ),
    "balances": "account exchange asset free locked total updated_at",
    "positions": "account exchange category symbol side size entry_price unrealised_pnl updated_at",
}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A ledger that has seen a little of everything."""
    address = url(tmp_path / "vigil.db")
    ledger = Ledger.open(address, SystemClock())
    ledger.write(
        [
            batch(order("open", updated_at=NOW), balance("100", at=NOW), balance("1", "BTC", at=NOW + 5)),
            batch(
                order("filled", filled=D(1), updated_at=NOW + 10), fill("1"), fill("2", traded_at=NOW + 10)
            ),
            batch(order("open", "8", updated_at=NOW + 20), fill("3", symbol="ETHUSDT", traded_at=NOW + 20)),
            batch(
                Position("linear", "BTCUSDT", "long", D("0.5"), updated_at=NOW),
                Position("linear", "ETHUSDT", "long", D(0), updated_at=NOW),
                CashMove("c1", "USDT", D(5), "deposit", NOW),
            ),
            batch(balance("7", at=NOW + 30), account="other"),
            Proof(NOW, "main", "spot", NOW - 1000, NOW, "reconcile"),
            Incident(NOW, "k1", "protocol_changed", "warning", "404", account="main"),
            Incident(NOW + 1, "k2", "contradicted_fill", "critical", "fee", account="main"),
            Incident(NOW + 2, "k2", "contradicted_fill", "critical", "fee", account="main", resolved=True),
            ConnectionState(NOW - 60_000, "idle", "connecting", "starting", "a stream starts"),
            ConnectionState(NOW, "main", "live", "reconciling", "reconciled"),
            ActorEvent(NOW, "b1", "main/connection", 1, "started"),
        ]
    )
    ledger.close()
    reading = Reader(address)
    yield reading
    reading.close()


def rows(reader: Reader, word: str, **given: Any) -> list[Row]:
    said = read_arguments(WORDS[word], given)
    found = list(covered(reader, said, lambda _: NOW, NOW) if word == "coverage" else ask(reader, word, said))
    assert json.loads(json.dumps(found)) == found, "an answer is JSON as it is"
    return found


def values(found: list[Row], name: str) -> list[Any]:
    return [row[name] for row in found]


@pytest.mark.parametrize("word", KEYS)
def test_rows_are_those_of_the_contract(reader: Reader, word: str) -> None:
    found = rows(reader, word)
    assert found
    assert all(set(row) == set(KEYS[word].split()) for row in found)


def test_fills_come_by_seq_and_are_filtered(reader: Reader) -> None:
    assert values(rows(reader, "fills"), "trade_id") == ["1", "2", "3"]
    assert values(rows(reader, "fills", symbol="ETHUSDT"), "trade_id") == ["3"]
    assert values(rows(reader, "fills", since=NOW + 10), "trade_id") == ["2", "3"]
    assert values(rows(reader, "fills", limit=2), "trade_id") == ["2", "3"]
    assert rows(reader, "fills", account="other") == []
    assert rows(reader, "fills")[0]["price"] == "60000"


def test_fills_go_on_behind_a_seq(reader: Reader) -> None:
    first = rows(reader, "fills", limit=1, after=0)
    assert values(first, "trade_id") == ["1"]
    assert values(rows(reader, "fills", limit=0, after=first[-1]["seq"]), "trade_id") == ["2", "3"]


def test_orders_come_by_their_last_change_and_go_on_behind_a_row(reader: Reader) -> None:
    found = rows(reader, "orders", limit=0)
    assert values(found, "order_id") == ["7", "8"]
    assert rows(reader, "orders", limit=0, after=found[0]) == found[1:]
    assert rows(reader, "orders", limit=0, after=found[1]) == []
    timeless = {name: value for name, value in found[0].items() if name != "updated_at"}
    assert rows(reader, "orders", limit=0, after=timeless) == found, "nobody knows when: least of all"
    assert values(rows(reader, "orders", open=True), "order_id") == ["8"]


def test_balances_are_all_there_unless_a_limit_is_asked_for(reader: Reader) -> None:
    found = rows(reader, "balances")
    assert [(row["account"], row["asset"]) for row in found] == [
        ("main", "BTC"),
        ("main", "USDT"),
        ("other", "USDT"),
    ]
    assert rows(reader, "balances", symbol="BTC") == found[:1]
    assert rows(reader, "balances", since=NOW + 5) == [found[0], found[2]]
    assert rows(reader, "balances", limit=2) == [found[0], found[2]], "those that changed last"


@pytest.mark.parametrize("word", ["balances", "positions", "coverage"])
def test_a_list_of_what_is_goes_on_behind_any_of_its_rows(reader: Reader, word: str) -> None:
    found = rows(reader, word)
    for at, row in enumerate(found, start=1):
        assert rows(reader, word, after=row) == found[at:]


def test_no_answer_is_larger_than_the_bound(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control.queries.ROWS_PER_ANSWER", 2)
    found = rows(reader, "balances")
    assert len(found) == 2
    assert len(rows(reader, "balances", after=found[-1])) == 1


def test_a_row_that_has_gone_is_no_place_to_go_on_from(reader: Reader) -> None:
    gone = {**rows(reader, "positions")[0], "symbol": "XRPUSDT"}
    with pytest.raises(Mistake, match="no longer in the list: begin again"):
        rows(reader, "positions", after=gone)


@pytest.mark.parametrize("word", ["orders", "balances", "positions", "coverage"])
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"account": "main"},
        "every value a list",
        "every value null",
        "every value too large",
        "every value a text",
        "every value a number",
    ],
)
def test_anything_but_a_row_is_no_place_to_go_on_from(reader: Reader, word: str, wrong: Any) -> None:
    whole = rows(reader, word)[0]
    if isinstance(wrong, str):
        value: Any = {"list": [1], "null": None, "text": "x", "number": 1}.get(wrong.split()[-1], 2**70)
        wrong = dict.fromkeys(whole, value)
    with pytest.raises(Mistake, match=r"'after' is a whole row of the answer before|no longer in the list"):
        rows(reader, word, after=wrong)


def test_flat_positions_are_none(reader: Reader) -> None:
    assert values(rows(reader, "positions"), "symbol") == ["BTCUSDT"]
    assert rows(reader, "positions", symbol="ETHUSDT") == []


def test_cash_moves_come_by_seq(reader: Reader) -> None:
    assert values(rows(reader, "cash"), "amount") == ["5"]
    assert rows(reader, "cash", since=NOW + 1) == []


def test_fees_are_totals_by_asset_or_by_another_key(reader: Reader) -> None:
    (only,) = rows(reader, "fees")
    assert (only["account"], only["key"], only["fee"], only["fills"], only["unknown"]) == (
        "main",
        None,
        None,
        3,
        3,
    )
    assert values(rows(reader, "fees", by="symbol"), "key") == ["BTCUSDT", "ETHUSDT"]
    assert values(rows(reader, "fees", by="symbol", limit=1), "key") == ["ETHUSDT"]
    assert values(rows(reader, "fees", by="day", account="other"), "key") == []
    assert set(only) == {
        "account", "exchange", "category", "symbol", "key", "fee_asset", "fee", "fills", "unknown", "worth",
        "unproven", "last_at",
    }  # fmt: skip


@pytest.mark.parametrize("by", ["fill", "symbol", "order", "asset", "account"])
def test_fees_go_on_behind_a_row(reader: Reader, by: str) -> None:
    whole = rows(reader, "fees", by=by)
    for at, row in enumerate(whole):
        assert rows(reader, "fees", by=by, after=row) == whole[at + 1 :]


def test_fees_by_something_else_are_a_mistake(reader: Reader) -> None:
    with pytest.raises(Mistake, match=r"fees: no total by 'dai'; did you mean 'day'\?; there are: fill, day"):
        rows(reader, "fees", by="dai")


@pytest.mark.parametrize(
    ("kind", "key", "said"),
    [
        ("order", "7", ["open", "filled"]),
        ("fill", "2", ["2"]),
        ("balance", "BTC", ["1"]),
        ("position", "BTCUSDT", ["0.5"]),
        ("cash", "c1", ["5"]),
    ],
)
def test_the_history_of_a_thing_is_what_was_said_about_it(
    reader: Reader, kind: str, key: str, said: list[str]
) -> None:
    telling = {"order": "status", "fill": "trade_id", "balance": "free", "position": "size", "cash": "amount"}
    found = rows(reader, "history", kind=kind, key=key)
    assert [row["fact"][telling[kind]] for row in found] == said
    assert values(found, "seq") == sorted(values(found, "seq"))


def test_a_history_can_be_cut(reader: Reader) -> None:
    whole = rows(reader, "history", kind="order", key="7")
    assert rows(reader, "history", kind="order", key="7", limit=1) == whole[-1:]
    assert rows(reader, "history", kind="order", key="7", since=2**60) == []
    assert rows(reader, "history", kind="order", key="7", limit=0) == whole
    assert rows(reader, "history", kind="order", key="7", account="other") == []


def test_accounts_and_actors_have_a_history_too(reader: Reader) -> None:
    assert values(rows(reader, "history", kind="account", key="main"), "state") == ["live"]
    assert values(rows(reader, "history", kind="actor", key="main/connection"), "event") == ["started"]


def test_an_unknown_kind_of_history_is_a_mistake(reader: Reader) -> None:
    with pytest.raises(Mistake, match=r"no kind 'oder'; did you mean 'order'\?; there are: order, fill, "):
        rows(reader, "history", kind="oder", key="7")


def test_incidents_are_all_or_those_that_are_not_over(reader: Reader) -> None:
    assert values(rows(reader, "incidents"), "key") == ["k1", "k2"]
    assert values(rows(reader, "incidents", open=True), "key") == ["k1"]


def test_coverage_is_the_spans_that_are_proven(reader: Reader) -> None:
    (row,) = rows(reader, "coverage", account="main")
    assert row == {
        "account": "main",
        "category": "spot",
        "kind": "proven",
        "since": NOW - 1000,
        "until": NOW,
        "seconds": 1.0,
        "open": False,
        "source": "reconcile",
        "at": NOW,
        "closed_after_s": None,
        "proofs": 1,
        "repaired": 0,
    }
    assert rows(reader, "coverage", account="other") == []
    assert rows(reader, "coverage", account="main", since=NOW + 1) == []


def test_a_gap_that_goes_on_is_part_of_the_coverage(reader: Reader) -> None:
    """Nobody watches `main`, and `idle` has gone through something and was never proven."""
    said = read_arguments(WORDS["coverage"], {"since": NOW + 2000})
    found = covered(reader, said, lambda _: None, NOW + 5000)
    assert [(row["account"], row["category"], row["since"], row["open"]) for row in found] == [
        ("idle", None, NOW - 60_000, True),
        ("main", "spot", NOW, True),
    ]
    assert (found[1]["until"], found[1]["seconds"], found[1]["repaired"]) == (None, 5.0, None)
    after = read_arguments(WORDS["coverage"], {"after": found[0]})
    assert covered(reader, after, lambda _: NOW, NOW + 5000)[0]["account"] == "main"


def test_every_word_about_the_ledger_is_answered(reader: Reader) -> None:
    """A word in the vocabulary that nobody answers would be a stub."""
    elsewhere = {
        "status",
        "health",
        "accounts",
        "actors",
        "faults",
        "version",
        "audit",
        "tail",
        "prices",
        "trades",
    }
    for name, word in WORDS.items():
        if word.kind == "read" and name not in elsewhere:
            needed = {"kind": "order", "key": "7"} if name == "history" else {}
            assert rows(reader, name, **needed) is not None
