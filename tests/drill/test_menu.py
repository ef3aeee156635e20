"""The menu holds what it must, and asks for nothing that does not exist."""

import re
from pathlib import Path
from typing import Any

import pytest

from drill.dialects import DIALECTS
from drill.menu import ALL, LOSABLE, MENU, Entry, Inject
from drill.round import name_of
from drill.trading_menu import CLOSING, ORDERS, TRADED, TRADING
from exchanges.registry import REGISTRY
from sandbox.faults import AT_ONCE, LASTING, PUBLIC, parse_fault
from sandbox.server import DIALECTS as LISTED


def meant(exchange: str, value: Any) -> Any:
    """A parameter as an account of that exchange means it; the first of several."""
    first = value[0] if isinstance(value, tuple) else value
    is_named = isinstance(first, str) and first.startswith("{")
    return getattr(DIALECTS[exchange], first.strip("{}")) if is_named else first


SANDBOX = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text()


def injections(entry: Entry) -> list[Inject]:
    return [step for step in entry.steps if isinstance(step, Inject)]


def test_every_fault_that_the_sandbox_offers_is_on_the_menu() -> None:
    """Prices are heard by a trader alone, so what is wrong with them is on its menu."""
    asked, everything = (
        {step.kind for entry in menu.values() for step in injections(entry)} for menu in (MENU, TRADING)
    )
    assert asked == (LASTING | AT_ONCE) - {"clear"} - PUBLIC
    assert everything == (LASTING | AT_ONCE) - {"clear"}


def test_a_trader_is_put_through_the_whole_menu_and_more() -> None:
    assert set(TRADING) == {*MENU, *(entry.name for entry in ORDERS)}
    assert len(TRADING) == len(MENU) + len(ORDERS)
    assert set(TRADING) > CLOSING


def test_every_exchange_that_vigil_speaks_is_drilled_where_it_is_entered() -> None:
    assert set(ALL) == set(DIALECTS) == set(REGISTRY)
    for name, dialect in DIALECTS.items():
        ours, its = dialect.at("127.0.0.1:9"), REGISTRY[name].defaults.endpoints.at("127.0.0.1:9")
        assert ours == (its.rest, its.ws, its.ws_api)
        assert dialect.prices.format("127.0.0.1:9") == its.public_ws


def test_every_fault_of_the_sandbox_is_documented() -> None:
    assert {
        kind for kind in LASTING | AT_ONCE if f"`{kind}`" not in SANDBOX and f'"{kind}"' not in SANDBOX
    } == set()


@pytest.mark.parametrize("entry", TRADING.values(), ids=lambda entry: entry.name)
def test_an_entry_asks_for_what_exists(entry: Entry) -> None:
    assert set(entry.exchanges) <= set(ALL) == set(DIALECTS)
    assert set(entry.quiet_on) <= set(entry.exchanges)
    assert not (entry.calm and entry.shows & {"stale", "held", "backoff"}), "it cannot be calm and say so"
    for step in injections(entry):
        for exchange in entry.exchanges:
            params = {key: meant(exchange, value) for key, value in step.params.items()}
            assert parse_fault({"kind": step.kind, **params})


@pytest.mark.parametrize("entry", TRADING.values(), ids=lambda entry: entry.name)
def test_a_fault_of_an_account_spares_the_others_and_one_of_an_address_does_not(entry: Entry) -> None:
    whole = {step.whole for step in injections(entry)}
    assert entry.scope != "account" or True not in whole
    assert entry.scope != "address" or True in whole


@pytest.mark.parametrize("entry", MENU.values(), ids=lambda entry: entry.name)
def test_names_fit_into_an_account_s(entry: Entry) -> None:
    for exchange in entry.exchanges:
        assert re.fullmatch(r"[a-z0-9-]{1,32}", name_of(entry, exchange, 100))


@pytest.mark.parametrize("exchange", TRADED)
def test_what_an_order_is_made_of_is_what_the_sandbox_lists(exchange: str) -> None:
    ours, its = DIALECTS[exchange], LISTED[exchange].instruments[0]
    assert (ours.symbol, ours.base, ours.cash) == (its.symbol, its.base, its.quote)
    assert (ours.tick, ours.step, ours.least) == (str(its.tick), str(its.step), str(its.min_notional))


def test_what_may_be_lost_is_what_exchanges_have_in_common() -> None:
    for word in LOSABLE:
        assert re.search(rf"`[^`]*\b{word}\b[^`]*`", SANDBOX), word
