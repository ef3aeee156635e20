"""The example of docs/trading.md is what the rules come to."""

from decimal import Decimal as D
from pathlib import Path

from core.earnings import realised
from core.money import plain
from core.profit import Holding, bought
from core.trading import Book, Considered
from tests.core.trades import PAIR, buy, sold, terms

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "trading.md").read_text(encoding="utf-8")


def row(name: str) -> str:
    """What the table of the example says of that."""
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
    return line.split("|")[2].strip()


def test_every_figure_of_the_example_is_what_the_rules_come_to() -> None:
    book = Book("main", "spot", "SOLUSDT", PAIR)
    book.take(buy())
    (sell,) = book.take(Considered(terms())).placements
    book.take(sold(sell, "1.49"))
    (lot,) = book.lots.values()
    earned = realised(lot)
    assert earned is not None
    assert bought(buy(), PAIR, {}) == Holding(D("1.4985"), D(150))
    assert row("bought").endswith("= 1.4985 SOL")
    assert row("cost").endswith("= 150 USDT")
    assert row("to sell") == f"{plain(sell.quantity)} SOL"
    assert row("price").endswith(f"so {sell.price} USDT")
    assert row("proceeds").endswith(f"= {plain(earned.proceeds)} USDT")
    assert row("sell fee") == f"{plain(earned.fees)} USDT"
    assert row("cost of what is sold").endswith(f"= {plain(earned.cost)} USDT")
    wanted = plain(D("0.003") * earned.cost)
    assert row("profit") == f"{plain(earned.profit)} USDT; 0.003 of the cost are {wanted}"
    lower = D("100.50") * D("1.49") * D("0.999") - earned.cost
    assert row("one tick lower, 100.50") == f"{plain(lower)} USDT: too little"
    assert lower < D("0.003") * earned.cost <= earned.profit
    assert row("dust") == f"{plain(book.dust.units)} SOL that cost {plain(book.dust.cost)} USDT"


def test_the_price_of_the_example_is_the_quotient_that_is_shown() -> None:
    exact = D(150) * D("1.003") / (D("1.4985") * D("0.999"))
    assert f"= {str(exact)[:8]}…" in row("price")


def test_every_file_that_the_page_names_is_there() -> None:
    named = {word.strip("`") for word in PAGE.replace(",", " ").split() if word.startswith("`core/")}
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name.rstrip(")")).exists()] == []
