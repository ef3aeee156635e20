"""What has to be known of a symbol before anything is placed in it: its filters, fees and price.

Filters and fees are asked for through the desk as long as somebody needs them, and kept
as long as they are good for. Prices come from the board, which is told what is
needed. What could not be had is None, with the reason in words; nothing is ever
assumed in its place.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from actors.desk import Desk
from actors.quotes import Need, NoPrice, Quotes
from core.clock import Clock
from core.errors import VigilError
from core.fees import spellings
from core.instruments import Instrument
from core.prices import Price
from exchanges.trading import FeeRates, Listing

Key = Need  # category, symbol

FILTERS_FOR = RATES_FOR = 3600.0  # seconds that what an exchange lists is trusted
ASK_AGAIN = 5.0  # seconds after a question that failed
NEEDED_FOR = 30.0  # seconds that a price is heard on after it was last needed


class Market:
    """What is known of one symbol; None is not known, and `why` has the reasons.

    `is_unlisted` says that the exchange does not list it, or not so that it can be read.
    """

    def __init__(self) -> None:
        self.instrument: Instrument | None = None
        self.rates: FeeRates | None = None
        self.is_unlisted = False
        self.why: dict[str, str] = {}
        self.due: dict[str, float] = {}  # boottime: when what is asked for next
        self.asking: set[str] = set()


class Markets:
    """One desk's. One thread only."""

    def __init__(
        self,
        account: str,
        desk: Desk,
        clock: Clock,
        quotes: Quotes,
        *,
        need: Callable[[frozenset[Need]], object],
        learned: Callable[[Key, FeeRates], object],
    ) -> None:
        """`learned` is told of every answer that named fee rates."""
        self._account = account
        self._desk = desk
        self._clock = clock
        self._quotes = quotes
        self._need = need
        self._learned = learned
        self._known: dict[Key, Market] = {}
        self._needed: dict[Key, float] = {}  # boottime at which its price was last needed
        self._told: frozenset[Need] = frozenset()

    def of(self, key: Key) -> Market:
        """What is known of a symbol now."""
        return self._known.setdefault(key, Market())

    def need(self, key: Key, *, price: bool = True) -> Market:
        """Have asked for what is not known, or not good any more."""
        market, now = self.of(key), self._clock.boottime()
        trading = self._desk.trading
        self._ask(market, "filters", now, lambda: trading.instruments(key[0], [key[1]]), self._listed)
        if market.instrument is not None:
            self._ask(market, "rates", now, lambda: trading.fee_rates(*key), partial(self._charged, key))
            if price:
                self._needed[key] = now
        return market

    def tell_needs(self) -> None:
        """Tell the board of what prices are needed now."""
        now = self._clock.boottime()
        self._needed = {key: at for key, at in self._needed.items() if now - at < NEEDED_FOR}
        needs = frozenset(self._needed)
        if needs != self._told:
            self._told = needs
            self._need(needs)

    def price(self, key: Key) -> Price | None:
        """A good price of this moment; None where there is none to act on."""
        found = self._quotes.good(self._account, *key)
        return None if isinstance(found, NoPrice) else found

    def trouble(self, key: Key) -> str | None:
        """Why there is no good price."""
        found = self._quotes.good(self._account, *key)
        return found.why if isinstance(found, NoPrice) else None

    def values(self, assets: set[str], category: str, quote: str) -> Mapping[str, Decimal]:
        """What third assets are worth in the quote asset, as far as a price of them is good."""
        found: dict[str, Decimal] = {}
        for asset in sorted(assets):
            for symbol in spellings(asset, quote):
                key = (category, symbol)
                self.need(key)
                if (price := self.price(key)) is not None:
                    found[asset] = price.bid
                    break
        return found

    # ---------------------------------------------------------------------- inside

    def _ask(self, market: Market, what: str, now: float, plan: Any, then: Any) -> None:
        if what in market.asking or now < market.due.get(what, 0.0):
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
        market.instrument = next(iter(listing.instruments), None)
        market.is_unlisted = market.instrument is None
        if market.is_unlisted:
            market.why["filters"] = "; ".join(listing.unreadable) or "the exchange does not list it"

    def _charged(self, key: Key, market: Market, rates: FeeRates, now: float) -> None:
        market.rates = rates
        self._learned(key, rates)
        market.due["rates"] = now + RATES_FOR
