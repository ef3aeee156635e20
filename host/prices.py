"""Where prices come from: which sources there are, who hears them, and of what.

Accounts at one place of an exchange share its prices: those at its own addresses,
and those at the built-in sandbox. An account that names addresses of its own has
its own source. So no account ever acts on a price of another place.

A source has a child for each kind of market (its streams) and one that asks by REST.
They are there from the start of the daemon. An account that comes later, or moves,
goes by a source that is where it is, or by none.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from actors.price_poller import PricePollerActor
from actors.prices import PricesActor
from actors.quotes import Need, Quotes
from core.clock import Clock
from core.exchange import Endpoints
from core.prices import Rules
from core.settings_schema import TraderSettings
from core.tree import TRADING, ChildSpec, GroupSpec
from exchanges.registry import REGISTRY
from exchanges.trading import TradingExchange
from host.plan import Factory, GroupPlan
from host.tree import House, Tenant

START_WITHIN = 40.0  # seconds: to connect, and what the slowest exchange takes to subscribe
SILENT, ASK = 1 / 3, 1 / 5
"""Parts of the age that a price may reach: when a silent stream is doubted, and how often REST is asked then."""


class Source(NamedTuple):
    """One place where an exchange is; `heartbeat` and `stale_after` as the first account there has them."""

    name: str
    exchange: TradingExchange
    endpoints: Endpoints
    heartbeat: float
    stale_after: float


def board(house: House, clock: Clock) -> Quotes:
    """The board of prices, by the settings that hold at each moment."""
    return Quotes(clock, lambda: rules(house.settings.trader), lambda account: tuple(_needed(house, account)))


def rules(trader: TraderSettings) -> Rules:
    """What may be believed, as the settings have it."""
    age = trader.max_price_age
    return Rules(Decimal(trader.max_jump), age, silent_after=age * SILENT, ask_every=age * ASK)


def source_of(tenant: Tenant) -> Source | None:
    """Where the account's prices come from; None where its exchange cannot be traded at."""
    exchange = REGISTRY[tenant.settings.exchange]
    if not isinstance(exchange, TradingExchange) or not tenant.endpoints.rest:
        return None
    if tenant.settings.sandbox:
        name = f"{exchange.name}-sandbox"
    elif tenant.endpoints == exchange.defaults.endpoints:
        name = exchange.name
    else:
        name = f"{exchange.name}-{tenant.name}"
    return Source(name, exchange, tenant.endpoints, tenant.settings.heartbeat, tenant.settings.stale_after)


def trading_groups(house: House, tenants: Mapping[str, Tenant]) -> tuple[GroupPlan, ...]:
    """The group of what trades and what it needs; none without a trader, or with nobody to trade for."""
    if house.quotes is None or not (factories := price_children(house, house.quotes, tenants)):
        return ()
    children = tuple(ChildSpec(child, start_timeout=START_WITHIN) for child in factories)
    spec = GroupSpec(TRADING, children, strategy="one_for_one", never_trips=frozenset(factories))
    return (GroupPlan(spec, factories),)


def price_children(house: House, quotes: Quotes, tenants: Mapping[str, Tenant]) -> dict[str, Factory]:
    """How to start each child that hears prices, by its id; every account is told where it belongs."""
    factories: dict[str, Factory] = {}
    for tenant in tenants.values():
        if (source := source_of(tenant)) is None:
            continue
        if source.name not in house.price_sources:
            house.price_sources[source.name] = source.endpoints
            quotes.offer(source.name, source.exchange.name)
            factories |= _children(house, quotes, source)
        settle(house, tenant.name, tenant)
    return factories


def settle(house: House, account: str, tenant: Tenant | None) -> None:
    """The account goes by the prices of the place where it is now, if anybody hears them; None = it is gone."""
    if house.quotes is None:
        return
    source = None if tenant is None else source_of(tenant)
    is_heard = source is not None and house.price_sources.get(source.name) == source.endpoints
    house.quotes.serve(account, source.name if source is not None and is_heard else None)


def _children(house: House, quotes: Quotes, source: Source) -> dict[str, Factory]:
    poller = f"trading/prices-{source.name}-rest"

    def streams(category: str) -> Factory:
        return lambda context: PricesActor.start(
            context,
            source=source.name,
            category=category,
            exchange=source.exchange,
            endpoints=source.endpoints,
            quotes=quotes,
            origins=house.origins,
            poller=poller,
            heartbeat=source.heartbeat,
            stale_after=source.stale_after,
        )

    heard = source.exchange.trades if source.endpoints.public_ws else ()
    return {
        **{f"trading/prices-{source.name}-{category}": streams(category) for category in heard},
        poller: lambda context: PricePollerActor.start(
            context,
            source=source.name,
            exchange=source.exchange,
            endpoints=source.endpoints,
            quotes=quotes,
            origins=house.origins,
        ),
    }


def _needed(house: House, account: str) -> Iterator[Need]:
    """What the settings name, and what is open there."""
    trader, settings = house.settings.trader, house.settings.accounts.get(account)
    exchange = REGISTRY.get(settings.exchange) if settings is not None else None
    if isinstance(exchange, TradingExchange) and (not trader.accounts or account in trader.accounts):
        yield from ((exchange.trades[0], symbol) for symbol in trader.symbols)
    yield from house.open_needs(account)
