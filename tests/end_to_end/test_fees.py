"""What `fees` says of four exchanges, held against the sandbox's own record of every fee."""

from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from core.money import plain
from sandbox.server import DIALECTS
from tests.end_to_end.kit import Row, Scene, keys, settings
from tests.support.daemon import Daemon
from tests.support.sandbox import Sandbox, account

REBATE = {"spot": {"maker": "-0.0001", "taker": "0.001"}}
ENTRIES: dict[str, dict[str, Any]] = {
    "binance": {"exchange": "binance", "fee_asset": "BNB"},
    "us": {"exchange": "binance_us", "fees": REBATE},
    "bybit": {"exchange": "bybit", "fees": REBATE},
    "saver": {"exchange": "bybit", "fee_asset": "MNT"},
    "cryptocom": {"exchange": "cryptocom", "fee_asset": "CRO"},
}
OWN_COIN = {"binance": "BNBUSDT", "saver": "MNTUSDT", "cryptocom": "CRO_USD"}
PAIRS = {
    (exchange, one.category, one.symbol.rpartition(":")[2]): (one.base, one.quote)
    for exchange, dialect in DIALECTS.items()
    for one in dialect.instruments
}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home: Path = tmp_path_factory.mktemp("fees")
    who = [account(name, **entry) for name, entry in ENTRIES.items()]
    with Sandbox(who, exchanges=tuple(DIALECTS)) as box:
        its = {name: {"exchange": entry["exchange"]} for name, entry in ENTRIES.items()}
        with Daemon(home, settings(box, its), keys(box)) as daemon:
            scene = Scene(box, daemon)
            for name in ENTRIES:
                daemon.until_live(name)
                trade(scene, name)
            for name in ENTRIES:
                scene.agrees(name, of=["fills"])
            yield scene


def trade(it: Scene, name: str) -> None:
    """Taker and maker, both sides; its own coin before and after, so that each minute has a price of it."""
    symbol = DIALECTS[ENTRIES[name]["exchange"]].instruments[0].symbol
    coin = OWN_COIN.get(name)
    if coin:
        it.admin.place(name, coin, "buy", "1")
    it.admin.place(name, symbol, "buy", "0.002")
    it.admin.place(name, symbol, "sell", "0.001")
    resting = it.admin.place(name, symbol, "buy", "0.002", "50000")
    it.admin.fill(resting["order_id"], account=name)
    if name == "saver":
        it.admin.place(name, "BTCUSDT", "buy", "0.005", category="linear")
    if coin:
        it.admin.place(name, coin, "buy", "1")


def record(it: Scene, name: str) -> list[Row]:
    """The sandbox's fills, each with what its fee was worth by the sandbox's own instruments and trades."""
    fills: list[Row] = it.admin.truth(name)["fills"]
    return [one | dict(zip(("worth", "worth_in"), worth(name, one, fills), strict=True)) for one in fills]


def worth(name: str, one: Row, fills: list[Row]) -> tuple[str | None, str | None]:
    exchange = ENTRIES[name]["exchange"]
    base, quote = PAIRS[exchange, one["category"], one["symbol"]]
    fee, asset = D(one["fee"]), one["fee_asset"]
    if asset == quote:
        return plain(fee), quote
    if asset == base:
        return plain(fee * D(one["price"])), quote
    prices = [
        (abs(other["traded_at"] - one["traded_at"]), D(other["price"]))
        for other in fills
        if PAIRS[exchange, other["category"], other["symbol"]] == (asset, quote)
        and other["traded_at"] // 60_000 == one["traded_at"] // 60_000
    ]
    return (plain(fee * min(prices)[1]), quote) if prices else (None, None)


@pytest.mark.parametrize("name", ENTRIES)
def test_each_fee_is_told_as_it_was_taken(it: Scene, name: str) -> None:
    said = {row["trade_id"]: row for row in it.daemon.ask("fees", by="fill", account=name)}
    wanted = record(it, name)
    assert len(said) == len(wanted) >= 3
    for one in wanted:
        row = said[one["trade_id"]]
        for field in ("fee", "fee_asset", "worth", "worth_in"):
            assert row[field] == one[field], (field, one)


def test_every_way_of_taking_a_fee_has_happened(it: Scene) -> None:
    rows = it.daemon.ask("fees", by="fill")
    pairs = {row["fill_seq"]: PAIRS[row["exchange"], row["category"], row["symbol"]] for row in rows}
    where = {
        "base" if row["fee_asset"] == base else "quote" if row["fee_asset"] == quote else "third"
        for row in rows
        for base, quote in [pairs[row["fill_seq"]]]
    }
    assert where == {"base", "quote", "third"}
    assert any(D(row["fee"]) < 0 for row in rows), "a rebate"
    assert all(row["worth"] is not None for row in rows)


@pytest.mark.parametrize("by", ["asset", "symbol", "order", "day"])
def test_totals_are_the_exact_sums_of_the_record(it: Scene, by: str) -> None:
    wanted: dict[tuple[str, ...], list[Row]] = {}
    for name in ENTRIES:
        for one in record(it, name):
            days = one["traded_at"] // 86_400_000
            key = {
                "asset": one["fee_asset"],
                "symbol": f"{one['category']} {one['symbol']}",
                "day": str(days),
            }
            key["order"] = f"{one['category']} {one['order_id']}"
            wanted.setdefault((name, key[by], one["fee_asset"]), []).append(one)
    rows = it.daemon.ask("fees", by=by)
    assert len(rows) == len(wanted)
    found = sorted((row["account"], row["fee_asset"], row["fee"], row["fills"]) for row in rows)
    assert found == sorted(
        (name, asset, plain(sum((D(one["fee"]) for one in ones), D(0))), len(ones))
        for (name, _key, asset), ones in wanted.items()
    )
    assert {(row["unknown"], row["unproven"]) for row in rows} == {(0, 0)}


def test_people_read_them_as_a_table(it: Scene) -> None:
    answer = it.daemon.word("fees", "--account", "binance")
    heading, *rows = answer.stdout.splitlines()
    assert answer.returncode == 0
    assert heading.split() == [
        "account",
        "category",
        "by",
        "fee",
        "in",
        "fills",
        "unknown",
        "worth",
        "unproven",
    ]
    assert rows[0].split()[0] == "binance"
    assert "BNB" in rows[0]


def test_the_trader_is_off_and_it_says_so(it: Scene) -> None:
    answer = it.daemon.word("trades")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "the trader is off: [trader] enabled = true" in answer.stderr
