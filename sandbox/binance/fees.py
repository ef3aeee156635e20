"""What an account pays, as the fee calls tell it: the very rates that its trades are charged."""

from typing import Any

from sandbox.binance.calls import Call
from sandbox.binance.quotes import Quotes
from sandbox.binance.shapes import Json, amount
from sandbox.market import Instrument, Rates
from sandbox.settlement import DISCOUNTED
from sandbox.venue import Venue

NONE = {"maker": "0.00000000", "taker": "0.00000000"}
NO_SIDE = {"buyer": "0.00000000", "seller": "0.00000000"}


class Fees:
    """Answers about the fees of one venue's accounts."""

    def __init__(self, venue: Venue, quotes: Quotes) -> None:
        self._venue = venue
        self._quotes = quotes

    def commission(self, call: Call) -> Any:
        """Every kind of commission in one symbol; nothing but the standard one is charged here."""
        one = self._quotes.instrument(call.args)
        return {
            "symbol": one.symbol,
            "standardCommission": self._standard(call.account, one) | NO_SIDE,
            "specialCommission": NONE | NO_SIDE,
            "taxCommission": NONE | NO_SIDE,
            "discount": self._discount(call.account),
        }

    def of_order(self, account: str, symbol: str) -> Json:
        """What a test order would be charged, its side included."""
        one = self._venue.market.instruments[symbol]
        return {
            "standardCommissionForOrder": self._standard(account, one),
            "specialCommissionForOrder": NONE,
            "taxCommissionForOrder": NONE,
            "discount": self._discount(account),
        }

    def by_symbol(self, call: Call) -> Any:
        """Maker and taker of one symbol, or of all: how Binance.US tells it."""
        listed = self._venue.market.instruments.values()
        chosen = [self._quotes.instrument(call.args)] if "symbol" in call.args else list(listed)
        return [self._row(one, self._venue.settlement.rates(call.account, one)) for one in chosen]

    def _row(self, one: Instrument, rates: Rates) -> Json:
        return {
            "symbol": one.symbol,
            "makerCommission": f"{rates.maker.normalize():f}",
            "takerCommission": f"{rates.taker.normalize():f}",
        }

    def _standard(self, account: str, one: Instrument) -> Json:
        rates = self._venue.settlement.rates(account, one)
        return {"maker": amount(rates.maker), "taker": amount(rates.taker)}

    def _discount(self, account: str) -> Json:
        asset = self._venue.settlement.terms_of(account).fee_asset
        return {
            "enabledForAccount": bool(asset),
            "enabledForSymbol": True,
            "discountAsset": asset or "BNB",
            "discount": amount(DISCOUNTED),
        }
