"""How answers look to people, and to whatever reads a pipe."""

import io
import json
from typing import Any

import pytest

from control import present
from tests.control.kit import STATUS, degraded, fill, price, statement


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def table(look: str, *rows: dict[str, Any], out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    present.write_table(look, list(rows), out)
    return out.getvalue()


def test_a_pipe_gets_plain_aligned_columns() -> None:
    account = STATUS["accounts"][0]
    head, row = table("status", account).splitlines()
    assert head.split("  ")[0] == "account"
    assert head.index("state") == row.index("live")
    assert head.index("breaker") == row.index("closed")
    assert row.split() == [
        "main",
        "bybit",
        "live",
        "2023-11-14",
        "22:13:20",
        "1.2",
        "s",
        "yes",
        "-",
        "-",
        "no",
        "0",
        "closed",
    ]


def test_numbers_stand_to_the_right_and_what_is_not_known_is_a_dash() -> None:
    lines = table("fills", fill(1), fill(2, price="1", fee=None, liquidity=None)).splitlines()
    end = lines[1].index("60000.10") + len("60000.10")
    assert lines[2][end - 8 : end] == "       1"
    assert lines[2].split()[-4:] == ["BNB", "-", "o1", "stream"]


def test_a_price_is_shown_with_what_was_refused_and_why_it_is_not_acted_on() -> None:
    head, good, old = table(
        "prices", price("BTCUSDT", "main", "spare"), price("ETHUSDT", "spare", why="it is old")
    ).splitlines()
    assert head.index("why not") == old.index("it is old")
    assert good.split()[-6:] == ["stream", "yes", "none", "-", "main,", "spare"]
    assert "2 jump, 1 empty" in old


def test_an_empty_list_says_so() -> None:
    assert table("fills") == "none\n"


def test_a_terminal_gets_a_drawn_table_with_the_same_cells() -> None:
    drawn = table("actors", *STATUS["actors"], out=Terminal())
    assert "core/control" in drawn
    assert "0 / 3 / 0" in drawn


def test_what_an_exchange_says_is_no_markup_and_moves_no_cursor() -> None:
    drawn = table("balances", {"account": "main", "asset": "[red]X[/red]\x1b[31m"}, out=Terminal())
    assert "[red]X[/red]?[31m" in drawn


def test_the_status_page_says_what_is_wrong_and_leaves_out_what_is_well() -> None:
    status = degraded()
    status["settings"] = {"path": "/s.toml", "error": "accounts.x: unknown", "warnings": ["slow"]}
    status["accounts"][0]["warnings"] = ["key expires soon"]
    status["actors"][0]["phase"] = "waiting"
    out = io.StringIO()
    present.write_status(status, {"state": "degraded", "reasons": ["main is blind"]}, 1_700_000_090_000, out)
    page = out.getvalue()
    assert page.startswith("degraded   vigil 1.2.3, pid 4711, up 1 m 30 s\n  why: main is blind\n")
    assert "settings error: accounts.x: unknown" in page
    assert "settings warning: slow" in page
    assert "main: key expires soon" in page
    assert "core/control" in page
    assert "ledger  seq 0, 0 fills, 0 orders, 0 spilled, commit p99 -, event to commit p99 -\n" in page


def test_a_page_where_all_is_well_lists_no_actor() -> None:
    out = io.StringIO()
    present.write_status(STATUS, {"state": "ok", "reasons": []}, STATUS["started_at"], out)
    assert "core/control" not in out.getvalue()


@pytest.mark.parametrize(
    "pages", [[], [[]], [[{"a": 1}]], [[{"a": 1}], []], [[{"a": 1}, {"a": 2}], [{"a": "é"}]]]
)
def test_pages_become_one_json_array(pages: list[list[dict[str, Any]]]) -> None:
    out = io.StringIO()
    present.write_array(pages, out)
    assert json.loads(out.getvalue()) == [row for page in pages for row in page]


def test_a_fact_is_one_line() -> None:
    line = present.fact_line(statement(7, fact={"side": "buy", "price": "1\n2", "fee": None}))
    assert line == "7  2023-11-14 22:13:20  main  fill  stream  side=buy price=1?2"
