"""Which sources of prices there are, and whose they are: never another place's."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.base import Directory
from actors.feed import Feed
from actors.inlet import Inlet
from actors.quotes import NO_SOURCE, NoPrice, Place
from core.clock import SystemClock
from core.settings import AccountSettings, Settings
from core.settings_schema import TraderSettings
from core.status import LedgerVitals
from exchanges.base import Credentials, Endpoints
from exchanges.registry import REGISTRY
from exchanges.trading import TopOfBook
from host import prices
from host.ticker import Ticker
from host.tree import House, Tenant
from tests.support.actors import Listener
from transport.origin import Origins

CLOCK = SystemClock()
HERE = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1", "ws://127.0.0.1:1")


def settings(its: dict[str, Any], **trader: Any) -> Settings:
    """Settings in which somebody trades in BTCUSDT."""
    return Settings(
        trader=TraderSettings(**{"enabled": True, "symbols": ("BTCUSDT",), **trader}),
        accounts={name: AccountSettings(**own) for name, own in its.items()},
    )


def house(tmp_path: Path, its: dict[str, Any], **trader: Any) -> House:
    """What the host has before the first actor."""
    ledger = LedgerVitals()
    one = House(
        settings=settings(its, **trader),
        directory=Directory(CLOCK, list[Any]().append),
        inlet=Inlet(tmp_path / "spill", CLOCK, ledger),
        feed=Feed(),
        ledger=ledger,
        ticker=Ticker(),
        origins=Origins(CLOCK),
    )
    if one.settings.trader.enabled:
        one.quotes = prices.board(one, CLOCK)
    return one


def tenant(it: House, name: str, endpoints: Endpoints | None = None) -> Tenant:
    """An account, at the exchange's own addresses unless it is said where."""
    chosen = it.settings.accounts[name]
    own = REGISTRY[chosen.exchange].defaults.endpoints
    return Tenant(name, chosen, lambda: Credentials("key", "secret"), endpoints or own)


def grouped(it: House, *tenants: Tenant) -> tuple[str, ...]:
    """The children of the group, as they are made for these accounts."""
    groups = prices.trading_groups(it, {one.name: one for one in tenants})
    return tuple(child.id for group in groups for child in group.spec.children)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_exchange_has_a_child_for_each_market_and_one_that_asks(tmp_path: Path, name: str) -> None:
    it = house(tmp_path, {"main": {"exchange": name}})
    exchange: Any = REGISTRY[name]
    assert grouped(it, tenant(it, "main")) == (
        *(f"trading/prices-{name}-{category}" for category in exchange.trades),
        f"trading/prices-{name}-rest",
    )


def test_without_a_trader_there_is_no_group(tmp_path: Path) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance"}}, enabled=False)
    assert grouped(it, tenant(it, "main")) == ()


def test_what_hears_prices_is_never_held_and_no_reason_not_to_start(tmp_path: Path) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance"}})
    (group,) = prices.trading_groups(it, {"main": tenant(it, "main")})
    assert group.spec.never_trips == {child.id for child in group.spec.children} == set(group.factories)
    assert (group.spec.id, group.spec.account, group.spec.boot_critical) == ("trading", None, False)


def test_accounts_at_one_place_share_a_source_and_one_with_its_own_addresses_does_not(
    tmp_path: Path,
) -> None:
    names = {name: {"exchange": "binance"} for name in ("one", "two", "far")}
    it = house(tmp_path, names | {"toy": {"exchange": "binance", "sandbox": True}})
    tenants = [tenant(it, "one"), tenant(it, "two"), tenant(it, "far", HERE), tenant(it, "toy", HERE)]
    assert grouped(it, *tenants) == (
        "trading/prices-binance-spot",
        "trading/prices-binance-rest",
        "trading/prices-binance-far-spot",
        "trading/prices-binance-far-rest",
        "trading/prices-binance-sandbox-spot",
        "trading/prices-binance-sandbox-rest",
    )
    assert it.quotes is not None
    assert it.quotes.needed("binance") == (Place("binance", "spot", "BTCUSDT"),)
    assert [row["accounts"] for row in it.quotes.rows()] == [["one", "two"], ["far"], ["toy"]]


def test_where_there_is_no_public_stream_there_is_rest(tmp_path: Path) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance"}})
    assert grouped(it, tenant(it, "main", Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1"))) == (
        "trading/prices-binance-main-rest",
    )


def told(it: House, source: str) -> None:
    """Somebody says a price there."""
    assert it.quotes is not None
    it.quotes.hear(source, TopOfBook("spot", "BTCUSDT", Decimal(99), Decimal(101)), CLOCK.boottime())


def why(it: House, account: str) -> str | None:
    """Why the account has no price; None where it has one."""
    assert it.quotes is not None
    price = it.quotes.good(account, "spot", "BTCUSDT")
    return price.why if isinstance(price, NoPrice) else None


def test_an_account_that_moves_out_of_the_sandbox_leaves_its_prices_behind(tmp_path: Path) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance", "sandbox": True}})
    grouped(it, tenant(it, "main", HERE))
    told(it, "binance-sandbox")
    assert why(it, "main") is None
    it.settings = settings({"main": {"exchange": "binance"}})
    prices.settle(it, "main", tenant(it, "main"))
    assert why(it, "main") == NO_SOURCE


def test_an_account_that_changes_its_addresses_has_no_price_of_the_old_ones(tmp_path: Path) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance"}})
    grouped(it, tenant(it, "main", HERE))
    told(it, "binance-main")
    there = Endpoints("http://127.0.0.1:2", "ws://127.0.0.1:2", "ws://127.0.0.1:2")
    prices.settle(it, "main", tenant(it, "main", there))
    assert why(it, "main") == NO_SOURCE


def test_an_account_that_comes_later_shares_what_is_there_and_one_that_goes_needs_nothing(
    tmp_path: Path,
) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance"}, "late": {"exchange": "binance"}})
    grouped(it, tenant(it, "main"))
    told(it, "binance")
    prices.settle(it, "late", tenant(it, "late"))
    assert why(it, "late") is None
    prices.settle(it, "main", None)
    prices.settle(it, "late", None)
    assert it.quotes is not None
    assert it.quotes.needed("binance") == ()


def test_needed_is_what_the_settings_of_this_moment_name_and_what_is_open(tmp_path: Path) -> None:
    accounts = {"main": {"exchange": "bybit"}, "other": {"exchange": "bybit"}}
    it = house(tmp_path, accounts, accounts=("main",))
    it.open_needs = lambda account: [("linear", "ETHUSDT")] if account == "other" else []
    grouped(it, tenant(it, "main"), tenant(it, "other"))
    assert it.quotes is not None
    assert {place[1:] for place in it.quotes.needed("bybit")} == {("spot", "BTCUSDT"), ("linear", "ETHUSDT")}
    it.settings = settings(accounts, accounts=("main",), symbols=("SOLUSDT",))
    assert {place[1:] for place in it.quotes.needed("bybit")} == {("spot", "SOLUSDT"), ("linear", "ETHUSDT")}


def test_the_rules_are_those_of_the_settings_of_this_moment(tmp_path: Path) -> None:
    it = house(tmp_path, {"main": {"exchange": "binance"}}, max_price_age=60.0)
    rules = prices.rules(it.settings.trader)
    assert (rules.max_age, rules.silent_after, rules.ask_every) == (60, 20, 12)
    assert str(rules.max_jump) == "0.05"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_no_key_is_needed_to_hear_prices(tmp_path: Path, name: str) -> None:
    """Whatever an account signs with may be missing: prices are public."""
    it = house(tmp_path, {"main": {"exchange": name}})
    listener = Listener()
    (group,) = prices.trading_groups(it, {"main": tenant(it, "main", HERE)})
    started = [factory(listener.context(child)) for child, factory in group.factories.items()]
    for ref in started:
        ref.stop(block=True, timeout=10)
