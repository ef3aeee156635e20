"""How Crypto.com writes what an account has: one wallet valued in USD, and positions.

The trap of the reference, section 4.6, is kept: for an asset that counts as
collateral `reserved_qty` stays "0" while orders are open, and only
`max_withdrawal_balance` and the totals go down. Tokens that do not count show
what is reserved.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.cryptocom.shapes import Json, account_id, plain
from sandbox.cryptocom.symbols import COLLATERAL
from sandbox.matching import down
from sandbox.venue import Venue
from sandbox.world import Balance, Position

ZERO = Decimal(0)
ONE = Decimal(1)


class Wallet:
    """The accounts of one venue as Crypto.com shows them."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def _price(self, asset: str) -> Decimal:
        return ONE if asset == "USD" else self._venue.market.last.get(f"{asset}_USD", ZERO)

    def _asset(self, one: Balance) -> Json:
        eligible = one.asset in COLLATERAL
        haircut = COLLATERAL.get(one.asset, ONE)
        total = one.free + one.locked
        value = down(total * self._price(one.asset))
        return {
            "instrument_name": one.asset,
            "quantity": plain(total),
            "market_value": plain(value),
            "collateral_eligible": eligible,
            "haircut": plain(haircut),
            "collateral_amount": plain(down(value * (1 - haircut))),
            "max_withdrawal_balance": plain(down(one.free)),
            "reserved_qty": "0" if eligible else plain(one.locked),
            "hourly_interest_rate": "0",
        }

    def _collateral(self, rows: Iterable[Balance], *, free_only: bool) -> Decimal:
        amounts = (
            (one.free if free_only else one.free + one.locked, one.asset)
            for one in rows
            if one.asset in COLLATERAL
        )
        return sum(
            (down(amount * self._price(asset) * (1 - COLLATERAL[asset])) for amount, asset in amounts), ZERO
        )

    def balance(self, account: str) -> Json:
        """The account object of `user-balance` and of its channel."""
        rows = self._venue.balances(account)
        held = self.held(account)
        unrealised = sum((self._venue.positions.unrealised(one) for one in held), ZERO)
        margin = sum((self._venue.settlement.position_margin(one) for one in held), ZERO)
        cost = sum((one.cost for one in held), ZERO)
        collateral = self._collateral(rows, free_only=False) + unrealised
        cash = sum((down((one.free + one.locked) * self._price(one.asset)) for one in rows), ZERO)
        return {
            "instrument_name": "USD",
            "total_available_balance": plain(self._collateral(rows, free_only=True) + unrealised - margin),
            "total_margin_balance": plain(collateral),
            "total_initial_margin": plain(margin),
            "total_position_im": plain(margin),
            "total_haircut": "0",
            "total_maintenance_margin": plain(margin / 2),
            "total_position_cost": plain(cost),
            "total_cash_balance": plain(cash),
            "total_collateral_value": plain(collateral),
            "total_session_unrealized_pnl": plain(unrealised),
            "total_session_realized_pnl": "0",
            "is_liquidating": False,
            "total_effective_leverage": "0",
            "position_limit": "3000000",
            "used_position_limit": plain(cost),
            "total_isolated_cash_balance": "0",
            "isolated_positions": [],
            "position_balances": [self._asset(one) for one in rows],
        }

    def held(self, account: str) -> list[Position]:
        """The positions that are not flat."""
        return [one for one in self._venue.positions.all_of(account) if one.size]

    def position(self, one: Position) -> Json:
        """A position as REST shows it; short is negative."""
        signed = one.cost if one.size > 0 else -one.cost
        pnl = plain(self._venue.positions.unrealised(one))
        return {
            "account_id": account_id(one.account),
            "instrument_name": one.symbol,
            "type": "PERPETUAL_SWAP",
            "quantity": plain(one.size),
            "cost": plain(signed),
            "open_position_pnl": pnl,
            "open_pos_cost": plain(signed),
            "session_pnl": pnl,
            "update_timestamp_ms": one.updated_at,
        }

    def pushed_position(self, one: Position) -> Json:
        """A position as its channel shows it: with what it risks."""
        instrument, last = self._venue.market.instruments[one.symbol], self._venue.market.last[one.symbol]
        margin = self._venue.settlement.position_margin(one)
        return self.position(one) | {
            "mark_price": plain(last),
            "leverage": plain(instrument.leverage),
            "target_leverage": plain(instrument.leverage),
            "market_value": plain(down(one.size * last)),
            "pos_initial_margin": plain(margin),
            "pos_maintenance_margin": plain(margin / 2),
            "session_unrealized_pnl": plain(self._venue.positions.unrealised(one)),
        }

    def position_balance(self, account: str) -> Json:
        """The slim object of `user.position_balance`."""
        rows: list[dict[str, Any]] = [
            {
                "instrument_name": one.asset,
                "quantity": plain(one.free + one.locked),
                "update_timestamp_ms": one.updated_at,
            }
            for one in self._venue.balances(account)
        ]
        held = [self.position(one) for one in self.held(account)]
        return {"balances": rows, "positions": held, "isolated_positions": []}

    def risk(self, account: str) -> Json:
        """The full object of `user.account_risk`."""
        row = self.balance(account)
        row["balances"] = row.pop("position_balances")
        return row | {"positions": [self.pushed_position(one) for one in self.held(account)]}
