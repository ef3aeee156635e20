"""Who trades: a child for each account that is to be traded in, and what it is given.

They are there from the start of the daemon. An account that comes later, or is to be
traded in only then, has its trader from the next start on.
"""

from collections.abc import Callable, Mapping

from actors.quotes import Need, Quotes
from actors.trader import TraderActor
from core.status import AccountState
from exchanges.registry import REGISTRY
from exchanges.trading import TradingExchange
from host.plan import Factory
from host.tree import House, Tenant, trader_of
from models.read import Reader


def trader_children(
    house: House, tenants: Mapping[str, Tenant], state: Callable[[str], AccountState]
) -> dict[str, Factory]:
    """How to start each trader, by its id; none where [trader] is off. `state` says how an account stands now."""
    if house.quotes is None:
        return {}
    named = [tenants[name] for name in house.settings.trader.accounts or tenants if name in tenants]
    found: dict[str, Factory] = {}
    for tenant in named:
        exchange = REGISTRY[tenant.settings.exchange]
        if isinstance(exchange, TradingExchange):
            found[trader_of(tenant.name)] = _trader(house, house.quotes, tenant, exchange, state)
    house.traders = tuple(found)
    return found


def _trader(
    house: House,
    quotes: Quotes,
    tenant: Tenant,
    exchange: TradingExchange,
    state: Callable[[str], AccountState],
) -> Factory:
    name = tenant.name

    def need(needs: frozenset[Need]) -> None:
        house.needs[name] = needs

    return lambda context: TraderActor.start(
        context,
        account=name,
        exchange=exchange,
        credentials=tenant.credentials,
        endpoints=tenant.endpoints,
        rules=house.settings.trader,
        state=lambda: state(name),
        inlet=house.inlet,
        feed=house.feed,
        reader=Reader(house.settings.database.url),
        origins=house.origins,
        quotes=quotes,
        need=need,
    )
