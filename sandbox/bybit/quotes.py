"""The public calls: time, what is listed, what it costs."""

from typing import Any

from sandbox.bybit.calls import Args, Call
from sandbox.bybit.errors import bad_params
from sandbox.bybit.pages import in_order
from sandbox.bybit.shapes import price_text, size_text
from sandbox.clock import Clock
from sandbox.market import Instrument
from sandbox.truth import plain
from sandbox.venue import Venue
from sandbox.world import key_of

Json = dict[str, Any]
FUNDING_HOURS = 8
FUNDING_RATE = "0.0001"
HOUR_MS = 3_600_000
DEPTH = {"spot": 200, "linear": 500, "inverse": 500, "option": 25}


class Quotes:
    """Answers about the market of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def instrument(self, args: Args) -> Instrument:
        """The symbol that a call names, within its category."""
        one = self._venue.market.instruments.get(key_of(args["category"], args["symbol"]))
        if one is None:
            raise bad_params("symbol invalid")
        return one

    def chosen(self, args: Args) -> list[Instrument]:
        """The instruments that symbol, baseCoin and settleCoin leave of the category."""
        if "symbol" in args:
            return [self.instrument(args)]
        listed = (one for one in self._venue.market.instruments.values() if one.category == args["category"])
        wanted = (args.get("baseCoin"), args.get("settleCoin"))
        return [one for one in listed if wanted[0] in (None, one.base) and wanted[1] in (None, one.settle)]

    def time(self, _: Call) -> Any:
        """The server's clock."""
        now = self._venue.clock.now()
        return {"timeSecond": str(now // 1000), "timeNano": f"{now}{0:06}"}

    def listed(self, call: Call) -> Any:
        """Instruments with their filters; spot is not paged."""
        args = call.args
        if args["category"] == "spot" and "baseCoin" in args:
            raise bad_params("baseCoin does not apply to spot")
        chosen = self.chosen(args) if args.get("status", "Trading") == "Trading" else []
        if args["category"] == "spot":
            return {"category": "spot", "list": [_spot_info(one) for one in chosen]}
        rows, cursor = in_order(args, 500, list(enumerate(chosen)))
        return {
            "category": args["category"],
            "list": [_contract_info(one) for one in rows],
            "nextPageCursor": cursor,
        }

    def tickers(self, call: Call) -> Any:
        """Prices of one symbol or of a category."""
        args = call.args
        if args["category"] == "option" and "symbol" not in args and "baseCoin" not in args:
            raise bad_params("symbol or baseCoin is missing")
        return {"category": args["category"], "list": [self.ticker(one) for one in self.chosen(args)]}

    def ticker(self, one: Instrument) -> Json:
        """The ticker of an instrument as REST shows it."""
        return self.day(one) | self.best(one) | (self.contract(one) if one.settle else {})

    def best(self, one: Instrument) -> Json:
        """Best bid and ask."""
        bid = self._venue.market.levels(one.symbol, "buy", 1)[0]
        ask = self._venue.market.levels(one.symbol, "sell", 1)[0]
        return {
            "bid1Price": price_text(one, bid.price),
            "bid1Size": size_text(one, bid.quantity),
            "ask1Price": price_text(one, ask.price),
            "ask1Size": size_text(one, ask.quantity),
        }

    def day(self, one: Instrument) -> Json:
        """The last price and a day's figures, whose volumes are made up."""
        last, opened = (
            self._venue.market.last[one.symbol],
            self._venue.market.instruments[one.follows or one.symbol].start,
        )
        low, high = sorted((last, opened))
        row = {
            "symbol": one.name,
            "lastPrice": price_text(one, last),
            "prevPrice24h": price_text(one, opened),
            "price24hPcnt": f"{last / opened - 1:.4f}",
            "highPrice24h": price_text(one, high),
            "lowPrice24h": price_text(one, low),
            "turnover24h": "1000000.0000",
            "volume24h": "1000.0000",
        }
        return row if one.settle else row | {"usdIndexPrice": plain(last)}

    def contract(self, one: Instrument) -> Json:
        """What a contract's ticker has beyond a pair's."""
        mark = price_text(one, self._venue.market.last[one.symbol])
        return {
            "markPrice": mark,
            "indexPrice": mark,
            "prevPrice1h": mark,
            "openInterest": "1000.000",
            "openInterestValue": "1000000.00",
            "fundingRate": FUNDING_RATE,
            "nextFundingTime": str(next_funding(self._venue.clock)),
            "fundingIntervalHour": str(FUNDING_HOURS),
            "fundingCap": "0.005",
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "predictedDeliveryPrice": "",
            "basis": "",
            "basisRate": "",
            "basisRateYear": "",
            "preOpenPrice": "",
            "preQty": "",
            "curPreListingPhase": "",
        }

    def book(self, call: Call) -> Any:
        """The book of a symbol."""
        one = self.instrument(call.args)
        count = min(call.args.get("limit", 25), DEPTH[one.category])
        now = self._venue.clock.now()

        def side(name: str) -> list[list[str]]:
            levels = self._venue.market.levels(one.symbol, name, count)
            return [[price_text(one, level.price), size_text(one, level.quantity)] for level in levels]

        return {
            "s": one.name,
            "b": side("buy"),
            "a": side("sell"),
            "ts": now,
            "u": now,
            "seq": now,
            "cts": now,
        }


def next_funding(clock: Clock) -> int:
    """When funding is due next, by the timetable; here it comes on command only."""
    period = FUNDING_HOURS * HOUR_MS
    return (clock.now() // period + 1) * period


def _spot_info(one: Instrument) -> Json:
    return {
        "symbol": one.name,
        "symbolId": 9,
        "baseCoin": one.base,
        "quoteCoin": one.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": f"{one.step:f}",
            "quotePrecision": "0.0000001",
            "minOrderQty": f"{one.min_quantity:f}",
            "maxOrderQty": plain(one.max_quantity),
            "minOrderAmt": plain(one.min_notional),
            "maxOrderAmt": plain(one.max_notional),
            "maxLimitOrderQty": plain(one.max_quantity),
            "maxMarketOrderQty": plain(one.max_market_quantity),
            "postOnlyMaxLimitOrderSize": plain(one.max_quantity * 5),
        },
        "priceFilter": {"tickSize": f"{one.tick:f}"},
        "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"},
        "symbolType": "",
    }


def _contract_info(one: Instrument) -> Json:
    most = size_text(one, one.max_quantity)
    lots = {
        "maxOrderQty": most,
        "minOrderQty": f"{one.min_quantity:f}",
        "qtyStep": f"{one.step:f}",
        "postOnlyMaxOrderQty": most,
        "maxMktOrderQty": size_text(one, one.max_market_quantity),
    }
    return {
        "symbol": one.name,
        "symbolId": 5,
        "contractType": "InversePerpetual" if one.inverse else "LinearPerpetual",
        "status": "Trading",
        "baseCoin": one.base,
        "quoteCoin": one.quote,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": f"{one.min_price:f}",
            "maxPrice": f"{one.max_price:f}",
            "tickSize": f"{one.tick:f}",
        },
        "lotSizeFilter": lots if one.inverse else lots | {"minNotionalValue": plain(one.min_notional)},
        "unifiedMarginTrade": True,
        "fundingInterval": FUNDING_HOURS * 60,
        "settleCoin": one.settle,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "symbolType": "",
    }
