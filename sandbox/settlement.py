"""What a trade does to money: amounts swapped, or a position moved, and the fee.

Where the assets themselves are traded they change hands, and the fee is a rate
of what is received, in the asset received; a rebate is paid in the asset given.
A contract moves its position instead: profit and fee are booked in the asset it
settles in. An account with a fee asset pays there, at three quarters of the
rate, while it lasts. The lock of an order is not touched here.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from sandbox.market import Instrument, Market, Rates
from sandbox.matching import down
from sandbox.positions import Positions
from sandbox.purse import Purse
from sandbox.world import Order, Position, Trade

DISCOUNTED = Decimal("0.75")
ZERO = Decimal(0)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed with one account: where its fees go, what they are, what it hedges."""

    fee_asset: str = ""
    fees: Mapping[str, Rates] = {}
    hedged: frozenset[str] = frozenset()


class Settlement:
    """The money side of the trades of one exchange."""

    def __init__(self, market: Market, purse: Purse, positions: Positions) -> None:
        self._market = market
        self._purse = purse
        self._positions = positions
        self.terms: dict[str, Terms] = {}

    def terms_of(self, account: str) -> Terms:
        """What was agreed with an account."""
        return self.terms.get(account) or Terms()

    def rates(self, account: str, one: Instrument) -> Rates:
        """The fee rates of an account for an instrument."""
        return self.terms_of(account).fees.get(one.category, one.rates)

    def settle(self, trade: Trade, fee_asset: str = "") -> Trade:
        """Book a trade; returns it with the fee and what it closed.

        `fee_asset` is what the order wants to pay in; only quote is more than a wish.
        """
        one = self._market.instruments[trade.symbol]
        rates = self.rates(trade.account, one)
        rate = rates.maker if trade.liquidity == "maker" else rates.taker
        if one.settle:
            return self._contract(trade, one, rate)
        return self._swap(trade, one, rate, in_quote=fee_asset == one.quote)

    def _swap(self, trade: Trade, one: Instrument, rate: Decimal, *, in_quote: bool) -> Trade:
        got, gave = (one.base, one.quote) if trade.side == "buy" else (one.quote, one.base)
        received, spent = (
            (trade.quantity, trade.quote) if trade.side == "buy" else (trade.quote, trade.quantity)
        )
        self._purse.add(trade.account, got, free=received)
        self._purse.add(trade.account, gave, free=-spent)
        fee, asset = (down(received * rate), got) if rate >= 0 else (down(spent * rate), gave)
        if in_quote and self._purse.of(trade.account, one.quote).free >= down(trade.quote * rate):
            fee, asset = down(trade.quote * rate), one.quote
        fee, asset = self._charge(trade, one, rate, fee, asset)
        return msgspec.structs.replace(trade, rate=rate, fee=fee, fee_asset=asset)

    def _contract(self, trade: Trade, one: Instrument, rate: Decimal) -> Trade:
        closed, pnl = self._positions.trade(trade, one)
        self._purse.add(trade.account, one.settle, free=pnl)
        fee, asset = self._charge(trade, one, rate, down(trade.quote * rate), one.settle)
        if asset == one.settle:
            self._positions.charge(trade.account, trade.symbol, trade.position_index, fee, trade.seq)
        return msgspec.structs.replace(trade, rate=rate, fee=fee, fee_asset=asset, closed=closed, pnl=pnl)

    def _charge(
        self, trade: Trade, one: Instrument, rate: Decimal, fee: Decimal, asset: str
    ) -> tuple[Decimal, str]:
        """Take the fee, in the account's fee asset where it has enough of it."""
        other = self.terms_of(trade.account).fee_asset
        converted = self._fee_in(other, one, trade.quote, rate)
        if converted is not None and self._purse.of(trade.account, other).free >= converted:
            fee, asset = converted, other
        self._purse.add(trade.account, asset, free=-fee)
        return fee, asset

    def _fee_in(self, asset: str, one: Instrument, quote: Decimal, rate: Decimal) -> Decimal | None:
        """The discounted fee in `asset`, None for a rebate and where no price leads to it."""
        price = self._market.last.get(f"{asset}{one.quote}")
        if price is None or rate < 0 or one.inverse:
            return None
        return down(quote * rate * DISCOUNTED / price)

    # -- margin --------------------------------------------------------------------

    def position_margin(self, one: Position) -> Decimal:
        """What an open position ties up."""
        instrument = self._market.instruments[one.symbol]
        value = instrument.worth(abs(one.size), self._market.last[one.symbol])
        return down(value / instrument.leverage)

    def order_margin(self, order: Order) -> Decimal:
        """What an open order of a contract ties up."""
        one = self._market.instruments[order.symbol]
        if not one.settle or order.reduce_only or not order.price:
            return ZERO
        return down(one.worth(order.remaining, order.price) / one.leverage)

    def available(self, account: str, asset: str, orders: list[Order]) -> Decimal:
        """What may still be put up in `asset`, with `orders` open: losses count, gains do too."""
        held = [one for one in self._positions.all_of(account) if self._in(one.symbol, asset)]
        tied = sum((self.position_margin(one) for one in held), ZERO)
        tied += sum((self.order_margin(one) for one in orders if self._in(one.symbol, asset)), ZERO)
        unrealised = sum((self._positions.unrealised(one) for one in held), ZERO)
        return self._purse.of(account, asset).free + unrealised - tied

    def _in(self, symbol: str, asset: str) -> bool:
        return self._market.instruments[symbol].settle == asset
