"""The board of prices: what is known of every symbol that somebody needs, and whether to act on it.

The host owns it and it outlives every generation, like Vitals. Those who hear
prices write on it, whoever wants one reads it, in any thread; the lock is all
that this adds to the rules in core/prices, and a clock. Ages are on the boottime
clock, so that a machine which slept has old prices when it wakes.

A *source* is one place where an exchange is (the real one, the sandbox): accounts
there share its prices. Which source an account goes by is said by `serve`; an
account without one has no price, and never another place's.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import structlog

from core.clock import Clock
from core.money import plain
from core.prices import (
    STREAM,
    Price,
    PriceState,
    Quote,
    Reason,
    Rules,
    Watch,
    age,
    ask_because,
    asked,
    good,
    heard,
    looked,
    trouble,
)
from exchanges.trading import TopOfBook

log = structlog.get_logger()

REST = "rest"
REFUSED_FOR = 60.0  # seconds until what the exchange does not tell is asked for once more
TOLD_EVERY = 60.0  # seconds between two lines in the log about the same
NO_SOURCE = "its exchange has no prices here: those of an account that came later begin at the next start"

Need = tuple[str, str]
"""A category and a symbol."""


class Place(NamedTuple):
    """Where something is traded."""

    source: str
    category: str
    symbol: str


class NoPrice(msgspec.Struct, frozen=True):
    """There is none to act on; `why` is for people."""

    why: str


class Source(msgspec.Struct, frozen=True):
    """A place where an exchange is; `accounts` go by it."""

    exchange: str
    accounts: frozenset[str] = frozenset()


class _Refusal(msgspec.Struct, frozen=True):
    """What the exchange said instead of a price, at a boottime second."""

    why: str
    at: float


_NOTHING = Watch()
_URGENCY: Mapping[PriceState, int] = {"doubted": 0, "unknown": 1, "stale": 1, "good": 2}


class Quotes:
    """Thread-safe, and nothing here waits.

    `rules` are looked up each time. `needed` says what an account needs the prices
    of; it is asked every second, in any thread, and neither waits nor raises.
    """

    def __init__(
        self, clock: Clock, rules: Callable[[], Rules], needed: Callable[[str], Iterable[Need]]
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._needed = needed
        self._lock = threading.Lock()
        self._sources: dict[str, Source] = {}
        self._watches: dict[Place, Watch] = {}
        self._refusals: dict[Place, _Refusal] = {}
        self._told: dict[tuple[Place, Reason], float] = {}  # boottime of the last line in the log
        self._lacking: dict[Place, float] = {}  # boottime since when there is no good price
        self._open: set[Place] = set()  # whose lack is an incident

    # --------------------------------------------------------------- the host

    def offer(self, source: str, exchange: str) -> None:
        """There are children that hear the prices of this place."""
        with self._lock:
            self._sources.setdefault(source, Source(exchange))

    def serve(self, account: str, source: str | None) -> None:
        """From now on the account goes by the prices of this place, if there are any; None = by no prices."""
        with self._lock:
            for name, one in self._sources.items():
                others = one.accounts - {account}
                accounts = others | {account} if name == source else others
                self._sources[name] = Source(one.exchange, accounts)

    # --------------------------------------------------------- whoever wants a price

    def good(self, account: str, category: str, symbol: str) -> Price | NoPrice:
        """The price to act on at this moment, or why there is none."""
        source = next((name for name, one in self._known().items() if account in one.accounts), None)
        if source is None:
            return NoPrice(NO_SOURCE)
        place, now, rules = Place(source, category, symbol), self._clock.boottime(), self._rules()
        watch = self._watch(place)
        return good(watch, now, rules) or NoPrice(self._why(place, watch, now, rules) or "")

    def rows(self) -> list[dict[str, Any]]:
        """Every symbol that is needed, as the word `prices` shows it."""
        now, rules = self._clock.boottime(), self._rules()
        return [
            self._row(place, one, now, rules)
            for source, one in sorted(self._known().items())
            for place in self.needed(source)
        ]

    def ages(self) -> dict[str, float]:
        """By account: seconds since the oldest of the prices that it needs was so."""
        ages: dict[str, float] = {}
        now = self._clock.boottime()
        for account, place in self._needs():
            if (old := age(self._watch(place), now)) is not None:
                ages[account] = max(old, ages.get(account, 0.0))
        return ages

    def lacking(self) -> dict[str, int]:
        """By account: how many of the symbols that it needs have no price to act on."""
        counts: dict[str, int] = {}
        now, rules = self._clock.boottime(), self._rules()
        for account, place in self._needs():
            counts[account] = counts.get(account, 0) + (good(self._watch(place), now, rules) is None)
        return counts

    def refused(self) -> dict[tuple[str, str], int]:
        """By exchange and reason: how many prices were not believed since the start."""
        counts: dict[tuple[str, str], int] = {}
        sources = self._known()
        with self._lock:
            watches = dict(self._watches)
        for place, watch in watches.items():
            for reason, count in watch.refused.items():
                key = sources[place.source].exchange, reason
                counts[key] = counts.get(key, 0) + count
        return counts

    # ------------------------------------------------------- those who hear prices

    def needed(self, source: str) -> tuple[Place, ...]:
        """Everything of which somebody needs the price there, in a steady order."""
        accounts = self._known().get(source, Source("")).accounts
        return tuple(sorted({Place(source, *need) for account in accounts for need in self._needed(account)}))

    def hear(self, source: str, top: TopOfBook, at: float, by: str = STREAM) -> Reason | None:
        """Take a price in that was so at this boottime second; why it was refused, if it was."""
        place = Place(source, top.category, top.symbol)
        now, rules = self._clock.boottime(), self._rules()
        with self._lock:
            watch = self._watches.get(place, Watch())
            if by == REST and _is_overtaken(watch, at, now, rules):
                return None
            self._watches[place], reason = heard(watch, Quote(top.bid, top.ask, at, by), now, rules)
            self._refusals.pop(place, None)
            is_news = reason is not None and now - self._told.get((place, reason), -TOLD_EVERY) >= TOLD_EVERY
            if reason is not None and is_news:
                self._told[place, reason] = now
        if is_news:
            told = {"bid": str(top.bid), "ask": str(top.ask), "by": by, "reason": reason}
            log.warning("price_refused", place=source, category=top.category, symbol=top.symbol, **told)
        return reason

    def due(self, source: str) -> list[Place]:
        """What has to be asked for by REST now: first what is doubted, then what is lacking, then the silent."""
        now, rules = self._clock.boottime(), self._rules()
        found: list[tuple[int, float, Place]] = []
        for place in self.needed(source):
            refusal, watch = self._refusals.get(place), self._watch(place)
            if refusal is not None and now - refusal.at < REFUSED_FOR:
                continue
            if ask_because(watch, now, rules) is not None:
                state = looked(watch, now, rules).state
                found.append((_URGENCY[state], watch.asked_at or -1.0, place))
        return [place for _, _, place in sorted(found)]

    def asked(self, place: Place) -> None:
        """REST is asked for it now, whatever comes of that."""
        with self._lock:
            self._watches[place] = asked(self._watches.get(place, Watch()), self._clock.boottime())

    def refuses(self, place: Place, why: str) -> None:
        """The exchange does not tell this price; it is not asked for a while."""
        with self._lock:
            self._refusals[place] = _Refusal(why, self._clock.boottime())

    def turned(self, source: str) -> list[tuple[Place, str | None]]:
        """What has lacked a price for so long that people should know, with why; and what has one again.

        Each is told once, and nothing of a symbol that the exchange does not have.
        """
        now, rules = self._clock.boottime(), self._rules()
        needed, turned = self.needed(source), list[tuple[Place, str | None]]()
        with self._lock:
            for place in {*needed, *(one for one in self._open if one.source == source)}:
                why = trouble(self._watches.get(place, Watch()), now, rules)
                if place not in needed or place in self._refusals or why is None:
                    self._lacking.pop(place, None)
                    if place in self._open:
                        self._open.discard(place)
                        turned.append((place, None))
                elif now - self._lacking.setdefault(place, now) > rules.max_age and place not in self._open:
                    self._open.add(place)
                    turned.append((place, why))
        return sorted(turned)

    # ------------------------------------------------------------------ the insides

    def _known(self) -> dict[str, Source]:
        with self._lock:
            return dict(self._sources)

    def _watch(self, place: Place) -> Watch:
        return self._watches.get(place, _NOTHING)

    def _needs(self) -> Iterator[tuple[str, Place]]:
        """Every account with everything that it needs."""
        for source, one in self._known().items():
            for account in one.accounts:
                yield from ((account, Place(source, *need)) for need in dict.fromkeys(self._needed(account)))

    def _why(self, place: Place, watch: Watch, now: float, rules: Rules) -> str | None:
        refusal = self._refusals.get(place)
        why = trouble(watch, now, rules)
        return why if why is None or refusal is None else f"{why}; the exchange says: {refusal.why}"

    def _row(self, place: Place, source: Source, now: float, rules: Rules) -> dict[str, Any]:
        watch = looked(self._watch(place), now, rules)
        last, old, why = watch.last, age(watch, now), self._why(place, watch, now, rules)
        return {
            "accounts": sorted(source.accounts),
            "exchange": source.exchange,
            "category": place.category,
            "symbol": place.symbol,
            "bid": None if last is None else plain(last.bid),
            "ask": None if last is None else plain(last.ask),
            "age_s": None if old is None else round(old, 3),
            "source": None if last is None else last.source,
            "good": why is None,
            "refused": dict(watch.refused),
            "why": why,
        }


def _is_overtaken(watch: Watch, at: float, now: float, rules: Rules) -> bool:
    """Whether something later is believed: an answer that was overtaken on its way is no mistake of anybody's."""
    price = good(watch, now, rules)
    return price is not None and price.at >= at
