"""What we want, and what we make of a BUY, is in the ledger before anything leaves, to the last digit."""

from decimal import Decimal as D
from typing import Any

import pytest

from core.intents import Placement
from core.records import Intended, IntentState, Remember, Traded
from models.ledger import Ledger, Unstorable
from models.read import Reader, placement_of
from tests.support.ledger import NOW, batch, fill, order, rows


def placement(name: str = "vt-0", **changes: Any) -> Placement:
    wanted: dict[str, Any] = {
        "account": "main",
        "category": "spot",
        "symbol": "SHIBUSDT",
        "side": "sell",
        "quantity": D("1234567890.12345678"),
        "price": D("0.00000783"),
        "client_order_id": name,
        "closes": "vt",
    }
    return Placement(**wanted | changes)


def intended(state: IntentState = "intended", name: str = "vt-0", at: int = NOW, **known: Any) -> Intended:
    return Intended(at, placement(name), state, "trader", **known)


def traded(name: str, seq: int, state: str = "resting", at: int = NOW) -> Traded:
    return Traded(at, name, "main", "spot", "BTCUSDT", state, "{}", seq)


@pytest.fixture
def reader(place: str) -> Any:
    it = Reader(place)
    yield it
    it.close()


def test_an_order_that_is_wanted_comes_back_as_it_was_meant(ledger: Ledger, reader: Reader) -> None:
    ledger.write([intended()])
    (row,) = reader.intents("main")
    assert placement_of(row) == placement()
    assert (row["state"], row["price"], row["sent_at"]) == ("intended", "0.00000783", None)


def test_an_order_at_the_market_has_no_price_and_not_the_price_nothing(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write([Intended(NOW, placement(price=None, post_only=False, closes=None), "intended", "control")])
    (row,) = reader.intents("main")
    assert row["price"] is None
    assert placement_of(row) == placement(price=None, post_only=False, closes=None)


def test_the_last_word_about_an_order_counts_and_when_it_was_first_wanted_stays(
    ledger: Ledger, reader: Reader
) -> None:
    ledger.write([intended()])
    ledger.write(
        [intended("unclear", at=NOW + 5, sent_at=NOW + 4), intended("accepted", at=NOW + 9, order_id="7")]
    )
    row = reader.intent("main", "vt-0")
    assert row is not None
    assert (row["state"], row["order_id"]) == ("accepted", "7")
    assert (row["created_at"], row["updated_at"]) == (NOW, NOW + 9)


@pytest.mark.parametrize("state", ["withheld", "refused", "absent", "over"])
def test_what_cannot_live_is_asked_for_no_more(ledger: Ledger, reader: Reader, state: IntentState) -> None:
    ledger.write([intended(state), intended(name="vt-1")])
    assert [row["client_order_id"] for row in reader.intents("main")] == ["vt-1"]
    assert [row["client_order_id"] for row in reader.intents("main", closes="vt")] == ["vt-0", "vt-1"]
    assert reader.wanted_orders() == 1
    assert reader.intents("other") == []


def test_what_is_rolled_back_leaves_no_intent_behind(ledger: Ledger, place: str) -> None:
    """The trade, the intent and how far the journal was read are one transaction."""
    bad = Remember(NOW, None, "a key is needed")  # type: ignore[arg-type]
    with pytest.raises(Unstorable):
        ledger.write([intended(), traded("a", 1), bad])
    assert rows(place, "intents", "state", "state") == []
    ledger.write([traded("b", 2)])
    assert rows(place, "trades", "id") == ["b"]


def test_trades_come_in_the_order_in_which_they_began(ledger: Ledger, reader: Reader) -> None:
    ledger.write([traded("second", 9), traded("first", 4)])
    ledger.write([traded("first", 99, "sold", NOW + 1)])
    assert [(row["id"], row["seq"], row["state"]) for row in reader.trades()] == [
        ("first", 4, "sold"),
        ("second", 9, "resting"),
    ]
    assert [row["id"] for row in reader.trades(open_only=True)] == ["second"]
    assert [row["id"] for row in reader.trades(limit=0, after=4)] == ["second"]
    assert reader.trade("none") is None


def test_the_journal_is_read_on_by_account_and_says_what_is_news(ledger: Ledger, reader: Reader) -> None:
    ledger.write([batch(fill("1")), batch(fill("2"), account="other"), batch(order("filled", filled=D(1)))])
    ledger.write([batch(fill("1", fee=D("0.1"), fee_asset="BNB"), source="audit")])
    said = reader.spoken("main", after=0)
    assert [(one.is_first, type(one.fact).__name__) for one in said] == [
        (True, "Fill"),
        (True, "OrderState"),
        (False, "Fill"),
    ]
    assert reader.spoken("main", after=said[-1].seq) == []


def test_how_much_is_free_is_not_nothing_where_nobody_said_it(ledger: Ledger, reader: Reader) -> None:
    assert reader.free("main", "USDT") is None
