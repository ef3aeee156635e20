"""The unified account: every coin with what is locked, and the whole of it in dollars.

`locked` is what open spot orders reserve; contracts tie up margin of the coin
they settle in and leave its wallet balance alone. One row a coin, the same over
REST and in a push, where only the coins that may have changed are named.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.bybit.shapes import MAINTENANCE
from sandbox.matching import down
from sandbox.truth import plain
from sandbox.venue import Venue

Json = dict[str, Any]
ZERO = Decimal(0)


class Wallet:
    """The wallets of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def account(self, account: str, coins: Iterable[str]) -> Json:
        """The account, showing these coins; the sums are over all of them."""
        everything = {one.asset: self._coin(account, one.asset) for one in self._venue.balances(account)}
        shown = [everything.get(coin) or self._coin(account, coin) for coin in coins]

        def total(name: str) -> Decimal:
            return sum((Decimal(row[name]) * self._dollars(coin) for coin, row in everything.items()), ZERO)

        equity, orders, positions = total("equity"), total("totalOrderIM"), total("totalPositionIM")
        tied, least = orders + positions, total("totalPositionMM")
        sums = {
            "totalEquity": equity,
            "totalWalletBalance": total("walletBalance"),
            "totalMarginBalance": equity,
            "totalAvailableBalance": equity - tied - total("locked"),
            "totalPerpUPL": total("unrealisedPnl"),
            "totalInitialMargin": tied,
            "totalInitialMarginByMp": tied,
            "totalMaintenanceMargin": least,
            "totalMaintenanceMarginByMp": least,
            "accountIMRate": tied / equity if equity > 0 else ZERO,
            "accountIMRateByMp": tied / equity if equity > 0 else ZERO,
            "accountMMRate": least / equity if equity > 0 else ZERO,
            "accountMMRateByMp": least / equity if equity > 0 else ZERO,
        }
        row: Json = {name: plain(down(value)) for name, value in sums.items()}
        return row | {"accountLTV": "0", "accountType": "UNIFIED", "coin": shown}

    def held(self, account: str) -> list[str]:
        """The coins that an account has any of, or owes anything in."""
        return [one.asset for one in self._venue.balances(account) if one.free or one.locked]

    def _dollars(self, coin: str) -> Decimal:
        return Decimal(1) if coin == "USDT" else self._venue.market.last.get(f"{coin}USDT", ZERO)

    def _coin(self, account: str, coin: str) -> Json:
        venue = self._venue
        balance = venue.balance(account, coin)
        total = balance.free + balance.locked
        held = [
            one
            for one in venue.positions.all_of(account)
            if venue.market.instruments[one.symbol].settle == coin
        ]
        unrealised = sum((venue.positions.unrealised(one) for one in held), ZERO)
        margin = sum((venue.settlement.position_margin(one) for one in held), ZERO)
        orders = [
            venue.settlement.order_margin(one)
            for one in venue.open_of(account)
            if venue.market.instruments[one.symbol].settle == coin
        ]
        leverage = next((venue.market.instruments[one.symbol].leverage for one in held), ZERO)
        known = self._dollars(coin)
        return {
            "coin": coin,
            "equity": plain(total + unrealised),
            "usdValue": plain(down((total + unrealised) * known)),
            "walletBalance": plain(total),
            "locked": plain(balance.locked),
            "spotHedgingQty": "0",
            "borrowAmount": "0",
            "accruedInterest": "0",
            "totalOrderIM": plain(sum(orders, ZERO)),
            "totalPositionIM": plain(margin),
            "totalPositionMM": plain(down(margin * leverage * MAINTENANCE)),
            "unrealisedPnl": plain(unrealised),
            "cumRealisedPnl": plain(sum((one.realised_total for one in held), ZERO)),
            "bonus": "0",
            "collateralSwitch": bool(known),
            "marginCollateral": bool(known),
            "spotBorrow": "0",
            "colRes": "",
            "free": "",
            "availableToBorrow": "",
            "availableToWithdraw": plain(balance.free),
        }
