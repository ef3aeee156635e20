"""Which actors there are: the settings, turned into groups and factories.

This file decides who stands in which group and what each generation is given.
A factory is called anew for every generation, so what it closes over is what
outlives them: the inlet, the vitals, the origin of an exchange's REST with its
budget and clock. Credentials are looked up by each generation itself, in its own
thread, for a file may have been mended since.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from actors.base import Directory
from actors.connection import ConnectionActor
from actors.control import ControlActor
from actors.feed import Feed
from actors.inlet import Inlet
from actors.keepalive import KeepaliveActor
from actors.notifier import Notebook, NotifierActor
from actors.persistence import PersistenceActor
from actors.poller import PollerActor
from actors.quotes import Need, Quotes
from actors.web import WebActor
from control.services import Services
from core.settings import AccountSettings, Backoff, Settings
from core.status import AlertVitals, LedgerVitals, Vitals, WebVitals
from core.tree import ChildSpec, GroupSpec, Strategy
from exchanges.base import Credentials, Endpoints
from exchanges.registry import REGISTRY
from host.memories import Memories
from host.plan import AccountPlan, Factory, GroupPlan
from host.ticker import Ticker
from models.read import Reader
from transport.origin import Origins
from web.server import Where

WINDOWS = frozenset({"core/web", "core/notifier"})
"""Without these the daemon starts all the same: a port that another program has is no reason not to watch."""


@dataclass
class House:
    """What the host owns and every generation shares.

    `settings` are those that hold; a reload puts others in their place, so whoever
    needs them later asks for them later.
    """

    settings: Settings
    directory: Directory
    inlet: Inlet
    feed: Feed
    ledger: LedgerVitals
    ticker: Ticker
    origins: Origins
    memories: Memories | None = None
    vitals: dict[str, Vitals] = field(default_factory=dict)
    alerts: AlertVitals = field(default_factory=AlertVitals)
    told: Notebook = field(default_factory=Notebook)
    address: Callable[[str], str] = lambda reference: reference  # of an alert: what a reference stands for
    web: WebVitals = field(default_factory=WebVitals)
    web_token: Callable[[], str] = lambda: ""
    quotes: Quotes | None = None  # only where there is a trader
    price_sources: dict[str, Endpoints] = field(default_factory=dict)  # where each of them is
    open_needs: Callable[[str], Iterable[Need]] = lambda _account: ()  # prices that open trades need
    states_before: int = 0  # the last row of the accounts' states that an earlier daemon wrote


@dataclass(frozen=True)
class Tenant:
    """One account, ready to be served: where its exchange is, and how what it signs with is looked up."""

    name: str
    settings: AccountSettings
    credentials: Callable[[], Credentials]
    endpoints: Endpoints


def core_group(house: House, services: Services) -> GroupPlan:
    """Persistence first: it stops last, and nothing works without it."""
    url = house.settings.database.url
    path = house.settings.control.socket
    assert path is not None, "validated settings know where the socket is"
    factories: dict[str, Factory] = {
        "core/persistence": lambda context: PersistenceActor.start(
            context,
            url=url,
            inlet=house.inlet,
            feed=house.feed,
            vitals=house.ledger,
            keep_days=lambda: house.settings.database.keep_days,
        ),
        "core/control": lambda context: ControlActor.start(context, path=path, services=services),
        "core/web": lambda context: WebActor.start(
            context, where=_where(house.settings), token=house.web_token, services=services, vitals=house.web
        ),
        "core/notifier": lambda context: NotifierActor.start(
            context,
            settings=house.settings.alerts,
            address=house.address,
            reader=Reader(url),
            ledger=house.ledger,
            vitals=house.alerts,
            notebook=house.told,
        ),
    }
    spec = GroupSpec(
        "core",
        tuple(ChildSpec(child, optional=child in WINDOWS) for child in factories),
        strategy="one_for_one",
        never_trips=frozenset({"core/persistence"}),
        boot_critical=True,
    )
    return GroupPlan(spec, factories)


def _where(settings: Settings) -> Where | None:
    """Where the page is served, None where it is switched off."""
    web = settings.web
    if web.address is None:
        return None
    return Where(*web.address, is_loopback=web.is_loopback, tls_cert=web.tls_cert, tls_key=web.tls_key)


def account_groups(house: House, tenant: Tenant) -> tuple[GroupPlan, ...]:
    """The stream and the poller of one account: two bulkheads, because one is needed when the other fails."""
    vitals = house.vitals.setdefault(tenant.name, Vitals())
    return _stream_group(house, tenant, vitals), _poller_group(house, tenant, vitals)


def poller_of(account: str) -> str:
    """The id of the child that asks for this account by REST."""
    return f"{account}/poller"


def account_plan(name: str, settings: AccountSettings, *, enabled: bool) -> AccountPlan:
    """How the supervisor finds what works for the account."""
    return AccountPlan(
        account=name,
        exchange=settings.exchange,
        stream=f"{name}.stream",
        poller=poller_of(name),
        audit_every=settings.audit_every,
        enabled=enabled,
        blind_after=settings.blind_after,
        sandbox=settings.sandbox,
    )


def _stream_group(house: House, tenant: Tenant, vitals: Vitals) -> GroupPlan:
    """The keep-alive is the junior: its duties are those of one generation of the connection."""
    name, chosen, exchange = tenant.name, tenant.settings, REGISTRY[tenant.settings.exchange]
    connection, keepalive = f"{name}/connection", f"{name}/keepalive"
    memory = house.memories.of(name) if house.memories is not None else None
    factories: dict[str, Factory] = {
        connection: lambda context: ConnectionActor.start(
            context,
            account=name,
            exchange=exchange,
            credentials=tenant.credentials,
            endpoints=tenant.endpoints,
            user_stream=chosen.user_stream,
            stale_after=chosen.stale_after,
            inlet=house.inlet,
            vitals=vitals,
            origins=house.origins,
            memory=memory,
        ),
        keepalive: lambda context: KeepaliveActor.start(
            context,
            account=name,
            heartbeat=chosen.heartbeat,
            rotate_after=chosen.rotate_after,
            connection=house.directory.address(connection),
            ticker=house.ticker,
            renew_every=chosen.listen_key_refresh,
            memory=memory,
            vitals=vitals,
        ),
    }
    return _paced(f"{name}.stream", "rest_for_one", factories, chosen.backoff)


def _poller_group(house: House, tenant: Tenant, vitals: Vitals) -> GroupPlan:
    name, chosen, exchange = tenant.name, tenant.settings, REGISTRY[tenant.settings.exchange]
    child = poller_of(name)
    factories: dict[str, Factory] = {
        child: lambda context: PollerActor.start(
            context,
            account=name,
            exchange=exchange,
            credentials=tenant.credentials,
            endpoints=tenant.endpoints,
            audit_every=chosen.audit_every,
            poll_every=chosen.poll_every,
            backfill=chosen.backfill,
            symbols=chosen.symbols,
            inlet=house.inlet,
            reader=Reader(house.settings.database.url),
            vitals=vitals,
            origins=house.origins,
        )
    }
    return _paced(f"{name}.poller", "one_for_one", factories, chosen.backoff)


def _paced(group: str, strategy: Strategy, factories: dict[str, Factory], pace: Backoff) -> GroupPlan:
    """A group of the account's own pace: its settings say how soon what failed is tried again."""
    children = tuple(ChildSpec(child) for child in factories)
    return GroupPlan(GroupSpec(group, children, strategy, **pace.model_dump()), factories)
