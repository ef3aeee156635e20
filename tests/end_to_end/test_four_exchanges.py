"""Four exchanges side by side, each with accounts of its own, and every one equal to its record."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import DIALECTS
from tests.end_to_end.kit import VIEWS, Scene, scene
from tests.support.waiting import eventually

ACCOUNTS: dict[str, dict[str, Any]] = {
    **{exchange.replace("_", "-"): {"exchange": exchange} for exchange in DIALECTS},
    "bybit-second": {"exchange": "bybit"},
    "cryptocom-second": {"exchange": "cryptocom"},
}
ORDERS = 360
RATE = 150
FACTS = 10_000
CONTRACTS = {
    "bybit": ("BTCUSDT", {"category": "linear"}),
    "bybit-second": ("BTCUSDT", {"category": "linear"}),
    "cryptocom-second": ("BTCUSD-PERP", {}),
}
MARGINED = {"cryptocom-second": "USD"}
"""While Crypto.com holds a position, it says of the asset that margins it how much there is, not how much is free."""


@pytest.mark.timeout(120)
def test_ten_thousand_facts_of_four_exchanges_at_once_equal_their_records_to_the_last_digit(
    tmp_path: Path,
) -> None:
    """Fills with fees, orders, balances and positions of each account; every account stays live meanwhile."""
    with scene(tmp_path, ACCOUNTS) as it:
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(partial(trade, it, name)) for name in ACCOUNTS]:
                done.result()
        for name in ACCOUNTS:
            it.agrees(
                name, within=30, of=[view for view in VIEWS if name not in MARGINED or view != "balances"]
            )
            row = it.daemon.account(name)
            assert (row["state"], row["reconnects"], row["exchange"]) == (
                "live",
                0,
                ACCOUNTS[name]["exchange"],
            )
        for name, asset in MARGINED.items():
            eventually(partial(totals, it, name), lambda found: found[0] == found[1], what=f"{name}'s totals")
            free = [row["free"] for row in it.daemon.ask("balances", account=name) if row["asset"] == asset]
            assert free == [None], "what the exchange does not say is unknown"
        assert it.daemon.status()["ledger"]["sequence"] >= FACTS
        assert it.daemon.status()["state"] == "ok"


def trade(it: Scene, name: str) -> None:
    """A burst at the spot market; then orders that are cancelled, rest and fill in part; then contracts."""
    exchange = ACCOUNTS[name]["exchange"]
    symbol = DIALECTS[exchange].instruments[0].symbol
    it.admin.burst(name, ORDERS, RATE, symbol=symbol)
    for _ in range(3):
        orders = [it.admin.place(name, symbol, "buy", "0.02", "50000") for _ in range(2)]
        it.admin.fill(orders[0]["order_id"], quantity="0.0053", account=name)
        it.admin.cancel(orders[1]["order_id"], account=name)
    if name in CONTRACTS:
        contract, more = CONTRACTS[name]
        it.admin.place(name, contract, "buy", "0.005", **more)  # the first level of the book: one price
        resting = it.admin.place(name, contract, "buy", "0.003", "90000", **more)
        it.admin.fill(resting["order_id"], account=name)
        it.admin.place(name, contract, "sell", "0.004", **more)


def totals(it: Scene, name: str) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """What the account has of each asset: in the ledger, and in the record."""
    ours = {row["asset"]: Decimal(row["total"]) for row in it.daemon.ask("balances", account=name)}
    truth = it.admin.truth(name)["balances"]
    return ours, {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in truth}
