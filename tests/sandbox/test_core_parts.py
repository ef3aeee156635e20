"""Keys, limits, faults, market, store: each part keeps its own promise."""

import base64
import json
from decimal import Decimal as D

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from sandbox.binance import BALANCES, INSTRUMENTS
from sandbox.binance.errors import Refusal
from sandbox.binance.params import Param, decimal, long, read
from sandbox.binance.site import pairs, without_signature
from sandbox.binance.wsapi import Frame, signed_text, spelled
from sandbox.clock import Clock
from sandbox.faults import Board, Fault, parse_fault
from sandbox.keys import Credential, KeyRing
from sandbox.limits import FIRST_BAN_S, Banned, Limits, TooMany
from sandbox.market import LEVELS, Market, floor_to
from sandbox.store import Store
from sandbox.trader import Trader
from sandbox.truth import plain
from sandbox.venue import Venue
from tests.sandbox.client import Signer, public_pem

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SEED = bytes(range(32))

# The official samples, with the two of Ed25519 made from the throwaway seed 00..1f.
HMAC_VECTORS = [
    (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    (
        "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
    ),
    (
        f"apiKey={KEY}&price=0.10000000&quantity=1.00000000&recvWindow=5000&side=BUY&symbol=１２３４５６&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
        "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
    ),
    (
        f"apiKey={KEY}&timestamp=1747385641636",
        "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e",
    ),
    (
        f"apiKey={KEY}&recvWindow=5000&timestamp=1747385641636",
        "49601ffc5b0122c3c7ee3ea85ef7d6cd76256f5191a57c976418faa32e917653",
    ),
]
ED25519_VECTORS = [
    (
        "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000",
        "m5loLRxgkb9HyW0wkZ4KNrpck881bx5D0OrKNnPklvk4tlGjEJkhiP9DoyC0sc1lXA/TWugjVPrMb/bfNdmdBw==",
    ),
    (
        "apiKey=4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO&timestamp=1747385641636",
        "GAUIY+/nwFlIxHnAXpHo+2zmtHNvoSvZzniDzMd2sk7XYRJYPJReL2eC7QZuQrJJSSmNydzfp8vTDr9Q12HnAg==",
    ),
]


def credential(**more):
    return Credential(exchange="binance", account="main", api_key=KEY, **more)


class SteppedClock(Clock):
    """A clock that stands where the test puts it."""

    def __init__(self):
        self.step_ms = 1_700_000_000_000

    def now(self):
        return self.step_ms


# -- keys ----------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "signature"), HMAC_VECTORS)
def test_the_official_hmac_samples_verify_in_any_case(payload, signature):
    owner = credential(api_secret=SECRET)
    assert owner.verifies(payload.encode(), signature)
    assert owner.verifies(payload.encode(), signature.upper())
    assert not owner.verifies(payload.encode() + b"0", signature)


@pytest.mark.parametrize(("payload", "signature"), ED25519_VECTORS)
def test_ed25519_samples_verify_and_are_case_sensitive(payload, signature):
    owner = credential(public_key=public_pem(ed25519.Ed25519PrivateKey.from_private_bytes(SEED)))
    assert owner.is_ed25519
    assert owner.verifies(payload.encode(), signature)
    assert not owner.verifies(payload.encode(), signature.swapcase())
    assert not owner.verifies(payload.encode(), "not base64 !")


def test_rsa_signatures_verify():
    private = rsa.generate_private_key(65537, 2048)
    owner = credential(public_key=public_pem(private))
    signature = Signer({"api_key": KEY}, private).sign("a=1")
    assert owner.verifies(b"a=1", signature)
    assert not owner.verifies(b"a=2", signature)
    assert not owner.verifies(b"a=1", base64.b64encode(b"x" * 256).decode())
    assert not owner.is_ed25519


def test_the_ws_order_sample_is_rebuilt_from_its_own_frame():
    text = (
        '{"id":"1","method":"order.place","params":{"symbol":"BTCUSDT","side":"SELL","type":"LIMIT",'
        '"timeInForce":"GTC","quantity":"0.01000000","price":"52000.00","recvWindow":100,'
        f'"timestamp":1645423376532,"apiKey":"{KEY}",'
        '"signature":"aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"}}'
    )
    import msgspec

    frame = msgspec.json.decode(text, type=Frame)
    params = {name: spelled(raw) for name, raw in frame.params.items()}
    assert credential(api_secret=SECRET).verifies(signed_text(params), params["signature"])


def test_numbers_count_as_they_were_spelled():
    import msgspec

    frame = msgspec.json.decode('{"id":1,"method":"x","params":{"a":1.10,"b":true,"c":"é"}}', type=Frame)
    assert signed_text({k: spelled(v) for k, v in frame.params.items()}) == "a=1.10&b=true&c=é".encode()


def test_the_signature_is_cut_out_wherever_it_stands():
    assert without_signature("a=1&signature=ff&b=2") == "a=1&b=2"
    assert without_signature("signature=ff") == ""
    assert pairs("a=%5B1%5D&b=x+y") == [("a", "[1]"), ("b", "x y")]


def test_a_broken_accounts_file_changes_nothing(tmp_path):
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps([{"exchange": "binance", "account": "a", "api_key": "k", "api_secret": "s"}]))
    ring = KeyRing(path)
    path.write_text("[{")
    with pytest.raises(ValueError):
        ring.reload()
    assert ring.by_key("binance", "k").account == "a"
    assert ring.by_key("bybit", "k") is None


# -- limits --------------------------------------------------------------------


def test_windows_are_aligned_to_the_clock_and_fall_to_zero():
    clock = SteppedClock()
    clock.step_ms = 1_700_000_040_000 + 59_000
    limits = Limits(clock)
    limits.charge("ip", 100)
    assert limits.weight.used("ip", clock.now()) == 100
    clock.step_ms += 1000
    assert limits.weight.used("ip", clock.now()) == 0


def test_who_asks_on_while_refused_is_banned_and_each_ban_is_longer():
    clock = SteppedClock()
    limits = Limits(clock, patience=2)
    limits.charge("ip", 6000)
    for _ in range(2):
        with pytest.raises(TooMany) as full:
            limits.charge("ip", 1)
        assert 1 <= full.value.retry_after <= 60
    with pytest.raises(Banned) as ban:
        limits.charge("ip", 1)
    assert ban.value.retry_after == FIRST_BAN_S
    limits.charge("elsewhere", 1)
    clock.step_ms += FIRST_BAN_S * 1000
    assert limits.ban("ip") - clock.now() == 2 * FIRST_BAN_S * 1000
    limits.pardon()
    limits.charge("ip", 1)


def test_the_order_count_never_goes_below_zero():
    limits = Limits(SteppedClock())
    limits.count_order("main", 1)
    limits.count_order("main", -1)
    limits.count_order("main", -1)
    for _ in range(50):
        limits.check_orders("main")
        limits.count_order("main", 1)
    with pytest.raises(TooMany) as full:
        limits.check_orders("main")
    assert full.value.window.seconds == 10


def test_three_hundred_connections_in_five_minutes_are_the_most():
    limits = Limits(SteppedClock())
    for _ in range(300):
        limits.connect("ip")
    with pytest.raises(TooMany):
        limits.connect("ip")


# -- faults --------------------------------------------------------------------


def test_a_fault_spares_what_it_skips_and_ends_after_its_count():
    board = Board()
    board.put(Fault(kind="rest_status", skip=1, count=2))
    taken = [board.take("rest_status", "binance") is not None for _ in range(5)]
    assert taken == [False, True, True, False, False]


def test_a_fault_concerns_only_whom_it_names():
    board = Board()
    board.put(Fault(kind="mute", exchange="binance", account="main"))
    assert board.find("mute", "binance", "main")
    assert not board.find("mute", "binance", "other")
    assert not board.find("mute", "bybit", "main")


def test_clearing_an_account_leaves_the_others_alone():
    board = Board()
    board.put(Fault(kind="mute", account="main"))
    board.put(Fault(kind="mute", account="other"))
    board.clear(Fault(kind="clear", account="main"))
    assert [one.account for one in board] == ["other"]
    board.clear(Fault(kind="clear"))
    assert list(board) == []


def test_losing_one_means_one_unless_said_otherwise():
    board = Board()
    board.put(Fault(kind="lose_one"))
    assert board.take("lose_one", "binance", "main")
    assert not board.take("lose_one", "binance", "main")


@pytest.mark.parametrize("body", [{"kind": "nonsense"}, {"kind": "drop", "acount": "x"}, {"kind": 3}, {}])
def test_a_fault_that_makes_no_sense_is_refused(body):
    with pytest.raises(ValueError):
        parse_fault(body)


# -- market and trader ------------------------------------------------------------


def test_the_same_seed_gives_the_same_prices_and_they_stay_on_the_tick():
    one, two = (Market(INSTRUMENTS, 5) for _ in range(2))
    for _ in range(500):
        one.wander()
        two.wander()
    assert one.last == two.last
    for row in INSTRUMENTS:
        assert one.last[row.symbol] % row.tick == 0
        assert row.start * D("0.8") < one.last[row.symbol] < row.start * D("1.2")


def test_the_book_is_sorted_around_the_price_and_never_empty():
    market = Market(INSTRUMENTS, 5)
    for row in INSTRUMENTS:
        bids = [level.price for level in market.levels(row.symbol, "buy")]
        asks = [level.price for level in market.levels(row.symbol, "sell")]
        assert len(bids) == len(asks) == LEVELS
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert bids[0] < market.last[row.symbol] < asks[0]
        assert all(level.quantity >= row.step for level in market.levels(row.symbol, "buy"))


def test_flooring_never_rounds_up():
    assert floor_to(D("1.2399"), D("0.01")) == D("1.23")


def test_the_trader_goes_on_for_days_without_running_dry(tmp_path):
    store = Store(tmp_path)
    venue = Venue("binance", Market(INSTRUMENTS, 3), store, Clock())
    venue.open_account("bot", BALANCES)
    changes = []
    venue.listeners.append(changes.extend)
    trader = Trader(venue, "bot", BALANCES, 11)
    for _ in range(3000):
        venue.wander()
        trader.act()
    whats = {one.what for one in changes if hasattr(one, "what")}
    assert {"new", "trade", "canceled"} <= whats
    trades, orders = store.trades("binance", "bot"), store.orders("binance", "bot")
    assert len(trades) > 1000
    assert any(0 < one.filled < one.quantity for one in orders)
    for asset, start in BALANCES.items():
        assert venue.balance("bot", asset).free > start * D("0.15")
    store.close()


# -- store ---------------------------------------------------------------------


def test_numbers_go_on_where_they_were_after_reopening(tmp_path):
    store = Store(tmp_path)
    first = [store.next_id("x", 10) for _ in range(3)]
    store.close()
    store = Store(tmp_path)
    assert [*first, store.next_id("x", 10)] == [10, 11, 12, 13]
    store.close()


def test_what_was_not_committed_is_not_there(tmp_path):
    store = Store(tmp_path)
    store.keep_price("binance", "BTCUSDT", D(1))
    other = Store(tmp_path)
    assert other.prices("binance") == {}
    store.commit()
    assert other.prices("binance") == {"BTCUSDT": D(1)}
    store.close()
    other.close()


# -- reading parameters --------------------------------------------------------------


def test_amounts_are_plain_text_without_exponent():
    assert [plain(D(text)) for text in ("1E+3", "0.00000001", "10.500", "0E-8", "100")] == [
        "1000", "0.00000001", "10.5", "0", "100",
    ]  # fmt: skip


def test_surplus_is_counted_over_rest_and_unread_over_the_websocket():
    declared = (Param("a", long), Param("b", decimal))
    assert read(declared, [("a", "1"), ("b", "0.5")]) == {"a": 1, "b": D("0.5")}
    codes = []
    for sent, unread in (
        ([("x", "1"), ("y", "1"), ("z", "1")], False),
        ([("x", "1")], False),
        ([("x", "1")], True),
    ):
        with pytest.raises(Refusal) as refusal:
            read(declared, sent, always_unread=unread)
        codes.append(refusal.value.code)
    assert codes == [-1101, -1104, -1104]
