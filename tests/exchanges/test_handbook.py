"""docs/exchanges.md says of each exchange what its dialect does, as far as that can be looked up."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from exchanges.base import Exchange
from exchanges.binance import Binance
from exchanges.binance import words as binance
from exchanges.binance_us import BinanceUs
from exchanges.bybit import Bybit
from exchanges.bybit import words as bybit
from exchanges.cryptocom import Cryptocom
from exchanges.cryptocom import words as cryptocom
from exchanges.trading import TradingExchange
from tests.exchanges.kit import CREDENTIALS

PAGE = (Path(__file__).parents[2] / "docs" / "exchanges.md").read_text(encoding="utf-8")
SECTIONS: dict[str, Exchange] = {
    "Binance": Binance(),
    "Binance.US": BinanceUs(),
    "Bybit V5": Bybit(),
    "Crypto.com Exchange v1": Cryptocom(),
}
WORDS: dict[str, tuple[Iterable[Any], ...]] = {
    "Binance": (binance.STATUSES,),
    "Bybit V5": (bybit.STATUSES, bybit.KINDS, bybit.CASH),
    "Crypto.com Exchange v1": (cryptocom.STATUSES,),
}


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


@pytest.mark.parametrize("title", SECTIONS)
def test_the_handbook_names_an_exchange_and_its_addresses_as_the_dialect_does(title: str) -> None:
    exchange = SECTIONS[title]
    at = exchange.defaults.endpoints
    assert f"`{exchange.name}`" in PAGE
    assert [url for url in (at.rest, at.ws, at.ws_api) if url and f"`{url}`" not in section(title)] == []


@pytest.mark.parametrize("title", SECTIONS)
def test_the_handbook_tells_the_budget_that_an_exchange_has(title: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| REST budget |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    budget = dict(zip(SECTIONS, cells, strict=True))[title]
    assert budget.startswith(f"{SECTIONS[title].defaults.weight_per_minute:,} ")


@pytest.mark.parametrize("title", WORDS)
def test_the_handbook_translates_every_word_of_an_order_and_of_an_execution(title: str) -> None:
    own = section(title)
    assert [word for table in WORDS[title] for word in table if f"`{word}`" not in own] == []


# ------------------------------------------------------------- orders and prices


def cells(name: str) -> dict[str, str]:
    """A row of the table of orders and prices, by exchange."""
    (row,) = (line for line in section("Orders and prices").splitlines() if line.startswith(f"| {name} |"))
    return dict(zip(SECTIONS, (cell.strip() for cell in row.strip("|").split("|")[1:]), strict=True))


@pytest.mark.parametrize("title", SECTIONS)
def test_the_handbook_tells_when_an_unknown_order_is_absent_and_what_is_traded(title: str) -> None:
    exchange = SECTIONS[title]
    assert isinstance(exchange, TradingExchange)
    absence = exchange.trading(exchange.rest(CREDENTIALS, exchange.defaults.endpoints)).absence
    shown = "always" if absence.shown_for is None else f"{absence.shown_for / 86_400:.0f} days"
    assert cells("absent after")[title] == f"{absence.proven_after:.0f} s"
    assert cells("shown for")[title] == shown
    assert cells("categories")[title] == ", ".join(exchange.trades)
    assert cells("symbols at once")[title] == f"{exchange.quotes_at_once:,}"
