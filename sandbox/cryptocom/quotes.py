"""The public side: instruments, prices, books, and the trades of others.

The tape keeps the last public trades: one of some stranger whenever a price has
moved, and every trade of our accounts under the match id that its fill bears.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.cryptocom import shapes
from sandbox.cryptocom.calls import Call
from sandbox.cryptocom.customs import FIRST_MATCH
from sandbox.cryptocom.rules import instrument
from sandbox.cryptocom.shapes import Json, plain
from sandbox.market import Instrument
from sandbox.venue import Venue
from sandbox.world import Event, OrderChanged, Trade

KEPT = 150
STRANGERS = FIRST_MATCH // 2


class Quotes:
    """Answers about the market of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._tape: defaultdict[str, deque[Json]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._seen: dict[str, Decimal] = {}
        venue.listeners.append(self._record)

    # -- the tape ------------------------------------------------------------------

    def _record(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, OrderChanged) and event.trade is not None:
                self._append(event.trade)

    def _append(self, trade: Trade) -> None:
        taker = trade.side if trade.liquidity == "taker" else ("sell" if trade.side == "buy" else "buy")
        match = shapes.match_id(trade)
        row = {"d": match, "t": trade.at, "p": plain(trade.price), "q": plain(trade.quantity)}
        self._tape[trade.symbol].append(row | {"s": taker.upper(), "i": trade.symbol, "m": match})

    def tick(self) -> None:
        """Somebody trades wherever the price has moved."""
        for one in self._venue.market.instruments.values():
            last, before = self._venue.market.last[one.symbol], self._seen.get(one.symbol)
            if last == before:
                continue
            self._seen[one.symbol] = last
            number = str(STRANGERS + self._venue.store.next_id(f"{self._venue.name}.stranger"))
            row = {"d": number, "t": self._venue.clock.now(), "p": plain(last), "q": plain(one.min_quantity)}
            side = "SELL" if before is not None and last < before else "BUY"
            self._tape[one.symbol].append(row | {"s": side, "i": one.symbol, "m": number})

    def tape(self, symbol: str, count: int = 50) -> list[Json]:
        """The last public trades, newest first."""
        return list(self._tape[symbol])[-count:][::-1]

    # -- rows ----------------------------------------------------------------------

    def ticker(self, one: Instrument, *, sizes: bool = True) -> Json:
        """The ticker; sizes are shown on the stream only."""
        last, bid, ask = self._venue.market.last[one.symbol], *self._best(one)
        row = {
            "h": plain(max(last, one.start)),
            "l": plain(min(last, one.start)),
            "a": plain(last),
            "c": plain(((last - one.start) / one.start).quantize(Decimal("1E-8"))),
            "b": plain(bid.price),
            "k": plain(ask.price),
            "i": one.symbol,
            "v": "1000",
            "vv": plain(1000 * last),
            "oi": "0",
            "t": self._venue.clock.now(),
        }
        return row | ({"bs": plain(bid.quantity), "ks": plain(ask.quantity)} if sizes else {})

    def _best(self, one: Instrument) -> tuple[Any, Any]:
        market = self._venue.market
        return market.levels(one.symbol, "buy", 1)[0], market.levels(one.symbol, "sell", 1)[0]

    def book(self, symbol: str, depth: int) -> Json:
        """The book, best levels first."""

        def side(name: str) -> list[list[str]]:
            rows = self._venue.market.levels(symbol, name, depth)
            return [[plain(row.price), plain(row.quantity), "1"] for row in rows]

        now = self._venue.clock.now()
        return {"asks": side("sell"), "bids": side("buy"), "t": now, "tt": now, "u": now}

    # -- calls ---------------------------------------------------------------------

    def instruments(self, call: Call) -> Any:
        """Everything that is listed."""
        del call
        return {"data": [self._instrument(one) for one in self._venue.market.instruments.values()]}

    def _instrument(self, one: Instrument) -> Json:
        contract = bool(one.settle)
        row = {
            "symbol": one.symbol,
            "inst_type": "PERPETUAL_SWAP" if contract else "CCY_PAIR",
            "display_name": f"{one.base}{one.quote} Perpetual" if contract else f"{one.base}/{one.quote}",
            "base_ccy": one.base,
            "quote_ccy": one.quote,
            "quote_decimals": -int(one.tick.normalize().as_tuple().exponent),
            "quantity_decimals": max(0, -int(one.step.normalize().as_tuple().exponent)),
            "price_tick_size": plain(one.tick),
            "qty_tick_size": plain(one.step),
            "max_leverage": plain(one.leverage) if contract else "50",
            "tradable": True,
            "expiry_timestamp_ms": 0,
            "beta_product": False,
            "margin_buy_enabled": False,
            "margin_sell_enabled": False,
        }
        return row | ({"contract_size": "1", "underlying_symbol": "BTCUSD-INDEX"} if contract else {})

    def tickers(self, call: Call) -> Any:
        """Last and best prices, of one instrument or of all."""
        market = self._venue.market
        chosen = list(market.instruments.values())
        if "instrument_name" in call.args:
            chosen = [instrument(self._venue, call.args)]
        return {"data": [self.ticker(one, sizes=False) for one in chosen]}

    def trades(self, call: Call) -> Any:
        """Public trades; the side is in small letters here, and the nanoseconds are a number."""
        symbol = instrument(self._venue, call.args).symbol
        start, end = call.args.get("start_ts", 0), call.args.get("end_ts", 1 << 62)
        rows = [row for row in self.tape(symbol, KEPT) if start <= row["t"] * shapes.NS < end]
        rows = rows[: call.args.get("count", 25)]
        return {"data": [row | {"s": row["s"].lower(), "tn": row["t"] * shapes.NS} for row in rows]}

    def book_call(self, call: Call) -> Any:
        """The book of one instrument."""
        symbol, depth = instrument(self._venue, call.args).symbol, call.args.get("depth", 50)
        return {"instrument_name": symbol, "depth": depth, "data": [self.book(symbol, depth)]}

    def risk_parameters(self, call: Call) -> Any:
        """How small and how large an order may be, by base currency."""
        del call
        rows = [
            {
                "instrument_name": one.base,
                "min_order_notional_usd": plain(one.min_notional),
                "max_order_notional_usd": plain(one.max_notional),
                "order_limit": str(one.max_orders),
            }
            for one in self._venue.market.instruments.values()
            if not one.settle
        ]
        return {"base_currency_config": rows}
