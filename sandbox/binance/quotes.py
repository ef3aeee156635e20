"""The public calls: what is listed and what it costs."""

from collections.abc import Callable
from typing import Any

from sandbox.binance import rules, shapes
from sandbox.binance.calls import Args, Call
from sandbox.binance.errors import Refusal, bad_combination
from sandbox.limits import Limits
from sandbox.market import Instrument
from sandbox.venue import Venue


class Quotes:
    """Answers about the market of one venue."""

    def __init__(self, venue: Venue, limits: Limits) -> None:
        self._venue = venue
        self._limits = limits

    def instrument(self, args: Args) -> Instrument:
        """The symbol that a call names; -1121 when there is none."""
        one = self._venue.market.instruments.get(args["symbol"])
        if one is None:
            raise Refusal(-1121, "Invalid symbol.")
        return one

    def _instruments(self, args: Args) -> list[Instrument]:
        if "symbol" in args and "symbols" in args:
            raise bad_combination()
        if "symbol" in args:
            return [self.instrument(args)]
        if "symbols" in args:
            return [self.instrument({"symbol": name}) for name in args["symbols"]]
        return list(self._venue.market.instruments.values())

    def _each(self, args: Args, row: Callable[[Instrument], Any]) -> Any:
        """One object for `symbol`, an array otherwise; other statuses than TRADING match nothing."""
        chosen = self._instruments(args)
        if args.get("symbolStatus", "TRADING") != "TRADING":
            if "symbol" in args:
                raise Refusal(-1220, "The symbol's status does not match the requested symbolStatus.")
            chosen = []
        rows = [row(one) for one in chosen]
        return rows[0] if "symbol" in args else rows

    def exchange_info(self, call: Call) -> Any:
        """Limits and symbols with their filters."""
        chosen = self._instruments(call.args)
        if call.args.get("symbolStatus", "TRADING") != "TRADING":
            chosen = []
        limits = (self._limits.weight, *self._limits.orders, self._limits.raw)
        return {
            "timezone": "UTC",
            "serverTime": self._venue.clock.now(),
            "rateLimits": [shapes.limit_row(window) for window in limits],
            "exchangeFilters": [],
            "symbols": [shapes.symbol_info(one) for one in chosen],
        }

    def price(self, call: Call) -> Any:
        """Last prices."""
        last = self._venue.market.last
        return self._each(
            call.args, lambda one: {"symbol": one.symbol, "price": shapes.amount(last[one.symbol])}
        )

    def book(self, call: Call) -> Any:
        """Best bid and ask."""

        def row(one: Instrument) -> dict[str, Any]:
            bid = self._venue.market.levels(one.symbol, "buy", 1)[0]
            ask = self._venue.market.levels(one.symbol, "sell", 1)[0]
            return {
                "symbol": one.symbol,
                "bidPrice": shapes.amount(bid.price),
                "bidQty": shapes.amount(bid.quantity),
                "askPrice": shapes.amount(ask.price),
                "askQty": shapes.amount(ask.quantity),
            }

        return self._each(call.args, row)

    def average(self, call: Call) -> Any:
        """The average price; the market being synthetic, the last one."""
        price = self._venue.market.last[self.instrument(call.args).symbol]
        return {
            "mins": rules.AVG_MINUTES,
            "price": shapes.amount(price),
            "closeTime": self._venue.clock.now(),
        }

    def depth(self, call: Call) -> Any:
        """The book."""
        symbol, limit = self.instrument(call.args).symbol, call.args.get("limit", 100)

        def side(name: str) -> list[list[str]]:
            rows = self._venue.market.levels(symbol, name, limit)
            return [[shapes.amount(one.price), shapes.amount(one.quantity)] for one in rows]

        return {"lastUpdateId": self._venue.clock.now(), "bids": side("buy"), "asks": side("sell")}
