"""The parts of the dialect that keep a promise of their own: ids, quotas, pages, the repeated book."""

from decimal import Decimal as D
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest

from sandbox.bybit import INSTRUMENTS, BybitCustoms, public
from sandbox.bybit.calls import Call
from sandbox.bybit.errors import Refusal
from sandbox.bybit.log import Entry
from sandbox.bybit.pages import begin, in_order, page
from sandbox.bybit.params import (
    Param,
    amount,
    boolean,
    coins,
    digits,
    integer,
    one_of,
    pairs,
    read,
    text,
    within,
)
from sandbox.bybit.public import PublicSession, Shown
from sandbox.bybit.quota import Banned, Quota
from sandbox.bybit.quotes import Quotes
from sandbox.clock import Clock
from sandbox.faults import Board
from sandbox.market import Market


class SteppedClock(Clock):
    """A clock that only goes when told to."""

    def now(self):
        return 1_790_000_000_000 + self.step_ms


# -- ids -----------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["spot", "linear", "inverse"])
def test_every_shown_order_id_leads_back_to_its_number(category):
    customs = BybitCustoms()
    numbers = [1, 2, 1_000_001, 1_000_002, 10**12]
    shown = [customs.order_id(category, number) for number in numbers]
    assert [customs.order_number(text) for text in shown] == numbers
    assert len(set(shown)) == len(shown)


def test_contract_ids_are_uuids_of_their_kind_and_spot_ids_digits():
    customs = BybitCustoms()
    assert UUID(customs.order_id("linear", 7)).version == 4
    assert UUID(customs.trade_id("linear", 7)).version == 5
    assert (len(customs.order_id("spot", 7)), len(customs.trade_id("spot", 7))) == (19, 19)


@pytest.mark.parametrize(
    "text", ["", "x", "12", "1586519807000000001", "0ab1bdf7-4219-438b-b30a-32ec863018f7"]
)
def test_an_id_that_was_never_given_leads_nowhere(text):
    with pytest.raises(ValueError):
        BybitCustoms().order_number(text)


# -- quotas ---------------------------------------------------------------------------------


def test_an_endpoint_s_second_rolls():
    clock = SteppedClock()
    quota = Quota(clock)
    first = [quota.call("main", "x", 2) for _ in range(3)]
    assert [(one.left, one.exceeded) for one in first] == [(1, False), (0, False), (0, True)]
    assert first[2].reset_at == clock.now() + 1000
    assert not quota.call("other", "x", 2).exceeded
    assert not quota.call("main", "y", 2).exceeded
    clock.step_ms += 999
    assert quota.call("main", "x", 2).exceeded
    clock.step_ms += 1
    assert not quota.call("main", "x", 2).exceeded


def test_more_than_six_hundred_requests_in_five_seconds_are_banned_for_ten_minutes():
    clock = SteppedClock()
    quota = Quota(clock)
    for _ in range(600):
        quota.request("ip")
    quota.request("elsewhere")
    for _ in range(2):
        with pytest.raises(Banned):
            quota.request("ip")
    with pytest.raises(Banned):
        quota.connect("ip")
    clock.step_ms += 600_000 - 1
    with pytest.raises(Banned):
        quota.request("ip")
    clock.step_ms += 1
    quota.request("ip")
    clock.step_ms += 5_000
    for _ in range(600):
        quota.request("ip")


def test_five_hundred_sockets_in_five_minutes_are_the_most():
    quota = Quota(SteppedClock())
    for _ in range(500):
        quota.connect("ip")
    with pytest.raises(Banned):
        quota.connect("ip")
    quota.pardon()
    quota.connect("ip")


# -- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "good", "bad"),
    [
        (amount, ["0", "0.001", "90000"], ["", "-1", "1e3", ".5", "5.", "NaN", 5, 0.5, None, " 1", "٣"]),
        (integer, [0, 2], ["0", True, 0.5, None]),
        (boolean, [True, False], [0, 1, "true"]),
        (digits, ["0", "1790000000000"], ["", "-1", "1.5", 5, "9" * 19]),
        (within(1, 50), ["1", "50"], ["0", "51", "x"]),
        (one_of("Buy", "Sell"), ["Buy"], ["buy", "", 1]),
        (text(r"[A-Z]{2}"), ["AB"], ["ABC", "AB\n", "ab", 5]),
        (coins, ["BTC", "BTC,USDT"], ["", ",", "btc", "BTC,", "BTC USDT"]),
    ],
)
def test_a_reader_takes_what_is_documented_and_nothing_else(reader, good, bad):
    for value in good:
        assert read((Param("x", reader),), [("x", value)])["x"] is not None
    for value in bad:
        if value not in (None, ""):
            with pytest.raises(Refusal) as refused:
                read((Param("x", reader),), [("x", value)])
            assert refused.value.code == 10001


def test_empty_is_absent_and_absent_is_wrong_where_it_is_required():
    optional, needed = Param("x", amount), Param("x", amount, required=True)
    assert read((optional,), [("x", "")]) == read((optional,), [("x", None)]) == read((optional,), []) == {}
    for sent in ([], [("x", "")]):
        with pytest.raises(Refusal, match="x is missing"):
            read((needed,), sent)


def test_a_query_is_decoded_once():
    assert pairs("a=1&b=%252C&c=&d") == [("a", "1"), ("b", "%2C"), ("c", ""), ("d", "")]


# -- pages ------------------------------------------------------------------------------------------


def fetch_from(rows):
    return lambda below, count: [one for one in rows if one < below][:count]


def walk(rows, size, fits=lambda _: True):
    """All pages of a list of numbers."""
    args, found = {"category": "spot"}, []
    while True:
        shown, cursor = page(args, size, fetch_from(rows), lambda one: one, fits)
        found.append(shown)
        if not cursor:
            return found
        args = {"category": "spot", "cursor": cursor}


def test_pages_cover_everything_once_whatever_their_size():
    rows = list(range(1000, 0, -1))
    for size in (1, 7, 50, 200, 300, 1000, 1001):
        assert [one for shown in walk(rows, size) for one in shown] == rows


def test_what_does_not_fit_leaves_no_hole_in_a_page():
    rows = list(range(1000, 0, -1))
    shown = walk(rows, 20, lambda one: one % 100 == 0)
    assert [one for part in shown for one in part] == list(range(1000, 0, -100))


def test_a_list_by_rank_comes_lowest_first():
    ranked = [(3, "a"), (6, "b"), (7, "c")]
    first, cursor = in_order({"x": 1}, 2, ranked)
    rest, end = in_order({"x": 1, "cursor": cursor}, 2, ranked)
    assert (first, rest, end) == (["a", "b"], ["c"], "")


@pytest.mark.parametrize(
    "cursor", ["", "x", "page_token=5", "page_token%3D5_0%26", "page_token%3Dx_1%26", "5"]
)
def test_a_cursor_that_was_never_given_is_refused(cursor):
    with pytest.raises(Refusal):
        begin({"cursor": cursor})


# -- the log ----------------------------------------------------------------------------------------------


def test_a_change_is_the_flow_less_fee_and_funding():
    assert Entry(coin="USDT", at=1, kind="TRADE", flow=D(90), fee=D("0.2")).change == D("89.8")
    assert Entry(coin="USDT", at=1, kind="SETTLEMENT", funding=D("-1.5")).change == D("1.5")


# -- what is quoted -------------------------------------------------------------------------------------------


@pytest.fixture
def site():
    clock = SteppedClock()
    venue = SimpleNamespace(market=Market(INSTRUMENTS, 1), clock=clock)
    quotes = SimpleNamespace(quotes=Quotes(venue))
    return SimpleNamespace(name="bybit", venue=venue, api=quotes, markets=set(), board=Board())


class Peer:
    """Keeps what a session sends."""

    def __init__(self):
        self.sent, self.heart = [], None

    def send(self, text):
        self.sent.append(msgspec.json.decode(text))


def test_an_unmoved_book_is_repeated_after_three_seconds_with_its_number(site, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(public, "monotonic", lambda: now[0])
    peer = Peer()
    session = PublicSession(site, "spot", peer)
    session.topics["orderbook.1.BTCUSDT"] = Shown()
    for moment in (100.0, 101.0, 102.9, 103.0, 104.0):
        now[0] = moment
        session.tick()
    assert [one["data"]["u"] for one in peer.sent] == [2, 2]
    site.venue.market.set_price("BTCUSDT", D(96000))
    session.tick()
    assert peer.sent[-1]["data"]["u"] == 3


def test_a_subscription_is_answered_and_then_served_at_once(site):
    peer = Peer()
    session = PublicSession(site, "linear", peer)
    session.received('{"op":"subscribe","args":["tickers.BTCUSDT","tickers.ETHUSDT"]}')
    assert [one.get("topic", one.get("op")) for one in peer.sent] == [
        "subscribe", "tickers.BTCUSDT", "tickers.ETHUSDT",
    ]  # fmt: skip
    session.received('{"op":"unsubscribe","args":["tickers.BTCUSDT"]}')
    assert list(session.topics) == ["tickers.ETHUSDT"]


def test_trades_say_who_took_and_contracts_the_tick(site):
    peer = Peer()
    session = PublicSession(site, "linear", peer)
    session.topics["publicTrade.BTCUSDT"] = Shown()
    for price in (95000, 96000, 94000, 94000):
        site.venue.market.set_price("BTCUSDT", D(price))
        session.tick()
    rows = [one["data"][0] for one in peer.sent]
    assert [(row["S"], row["L"], row["p"]) for row in rows] == [
        ("Buy", "PlusTick", "95000.00"), ("Buy", "PlusTick", "96000.00"), ("Sell", "MinusTick", "94000.00"),
    ]  # fmt: skip


def test_contracts_follow_the_price_of_their_pair_on_their_own_tick(site):
    market = site.venue.market
    market.set_price("SOLUSDT", D("180.123"))
    assert (market.last["SOLUSDT"], market.last["linear:SOLUSDT"]) == (D("180.123"), D("180.120"))
    market.set_price("linear:BTCUSDT", D(97000))
    assert {market.last[name] for name in ("BTCUSDT", "linear:BTCUSDT", "inverse:BTCUSD")} == {D(97000)}
    market.wander()
    assert market.last["BTCUSDT"] == market.last["inverse:BTCUSD"] != D(97000)


def test_the_filters_that_are_shown_are_those_of_the_instruments(site):
    quotes = Quotes(site.venue)
    for category in ("spot", "linear", "inverse"):
        rows = quotes.listed(Call({"category": category}))["list"]
        assert [row["symbol"] for row in rows] == [
            one.name for one in INSTRUMENTS if one.category == category
        ]
        assert all(D(row["priceFilter"]["tickSize"]) > 0 for row in rows)
