"""What has to be known of a symbol before anything is placed in it: its filters, fees and price.

It is asked for as long as somebody needs it, through the desk, and kept as long as
it is good for. What could not be had is None, with the reason in words; nothing is
ever assumed in its place.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.desk import Desk
from core import prices
from core.clock import Clock
from core.errors import VigilError
from core.fees import spellings
from core.instruments import Instrument
from core.prices import Price, Quote, Rules, Watch
from exchanges.trading import FeeRates, Listing, TopOfBook

Key = tuple[str, str]  # category, symbol

FILTERS_FOR = RATES_FOR = 3600.0  # seconds that what an exchange lists is trusted
ASK_AGAIN = 5.0  # seconds after a question that failed
MAX_AGE = 15.0  # seconds that a price is good for
IDLE = 5.0  # seconds between two looks at a price by which nothing is to be placed
FORGET = 60.0  # seconds after which an old price measures no new one


class Market:
    """What is known of one symbol; None is not known, and `why` has the reasons."""

    def __init__(self) -> None:
        self.instrument: Instrument | None = None
        self.rates: FeeRates | None = None
        self.watch = Watch()
        self.is_unlisted = False
        self.why: dict[str, str] = {}
        self.due: dict[str, float] = {}  # boottime: when what is asked for next
        self.asking: set[str] = set()


class Markets:
    """One desk's. One thread only."""

    def __init__(self, desk: Desk, clock: Clock, max_jump: Decimal) -> None:
        self._desk = desk
        self._clock = clock
        self._rules = Rules(max_jump=max_jump, max_age=MAX_AGE, silent_after=1.0)
        self._known: dict[Key, Market] = {}

    def of(self, key: Key) -> Market:
        """What is known of a symbol now."""
        return self._known.setdefault(key, Market())

    def need(self, key: Key, *, price: bool = True, eager: bool = True) -> Market:
        """Have asked for what is not known, or not good any more; `eager` where it is waited for."""
        market, now = self.of(key), self._clock.boottime()
        trading = self._desk.trading
        self._ask(market, "filters", now, lambda: trading.instruments(key[0], [key[1]]), self._listed)
        if market.instrument is None:
            return market
        self._ask(market, "rates", now, lambda: trading.fee_rates(*key), self._charged)
        if price:
            market.watch = self._looked(market.watch, now)
            last = market.watch.last
            if eager or last is None or now - last.at > IDLE:
                self._ask(market, "price", now, lambda: trading.quote(*key), self._quoted)
        return market

    def price(self, key: Key) -> Price | None:
        """A good price of this moment; None where there is none to act on."""
        return prices.good(self.of(key).watch, self._clock.boottime(), self._rules)

    def trouble(self, key: Key) -> str | None:
        """Why there is no good price."""
        market = self.of(key)
        return prices.trouble(market.watch, self._clock.boottime(), self._rules) or market.why.get("price")

    def values(self, assets: set[str], category: str, quote: str) -> Mapping[str, Decimal]:
        """What third assets are worth in the quote asset, as far as a price of them is good."""
        found: dict[str, Decimal] = {}
        for asset in sorted(assets):
            for symbol in spellings(asset, quote):
                key = (category, symbol)
                if self.of(key).is_unlisted:
                    continue
                self.need(key)
                if (price := self.price(key)) is not None:
                    found[asset] = price.bid
                    break
        return found

    # ---------------------------------------------------------------------- inside

    def _ask(self, market: Market, what: str, now: float, plan: Any, then: Any) -> None:
        if what in market.asking or now < market.due.get(what, 0.0) or market.is_unlisted:
            return
        market.asking.add(what)

        def done(came_of_it: Any) -> None:
            market.asking.discard(what)
            market.due[what] = self._clock.boottime() + ASK_AGAIN
            if isinstance(came_of_it, VigilError):
                market.why[what] = self._desk.masked(str(came_of_it))
                return
            market.why.pop(what, None)
            then(market, came_of_it, self._clock.boottime())

        self._desk.ask(plan, done)

    def _listed(self, market: Market, listing: Listing, now: float) -> None:
        market.due["filters"] = now + FILTERS_FOR
        if listing.instruments:
            market.instrument = listing.instruments[0]
            return
        market.instrument = None
        market.is_unlisted = bool(listing.missing)
        market.why["filters"] = "; ".join(listing.unreadable) or "the exchange does not list it"

    def _charged(self, market: Market, rates: FeeRates, now: float) -> None:
        market.rates = rates
        market.due["rates"] = now + RATES_FOR

    def _quoted(self, market: Market, top: TopOfBook, now: float) -> None:
        market.watch, _reason = prices.heard(
            self._looked(market.watch, now), Quote(top.bid, top.ask, now, "rest"), now, self._rules
        )
        market.due["price"] = now + 1.0

    def _looked(self, watch: Watch, now: float) -> Watch:
        """A price that nobody has asked for in a while measures nothing any more."""
        if watch.last is not None and now - watch.last.at > FORGET:
            return msgspec.structs.replace(watch, state="unknown", last=None, doubts=())
        return watch
