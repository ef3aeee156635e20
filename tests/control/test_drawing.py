"""A table fits whoever looks at it, and says what it does not show."""

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.drawing import Column, Screen, cell, cells, draw, folded, harmless, say, screen
from control.moments import as_span
from control.tables import COLUMNS, LOOKS, moment, number, text
from control.words import WORDS

NOW = 1_700_000_000_000
DAY = 86_400_000

COLOUR = re.compile(r"\x1b\[\d+m")

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60)
names = st.sampled_from(["main", "demo-binance-us", "a-name-of-32-characters-0123456789"[:32]])
amounts = st.decimals("0.00000001", "9999999", places=4).map(lambda amount: f"{amount:f}"[:12])
moments = st.sampled_from([NOW, NOW - DAY, NOW - 400 * DAY])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "account": names,
    "id": names,
    "order_id": st.sampled_from(["1000013", "3a23e2ee-e89c-498a-b0ab-fa6e8a25a252"]),
    "symbol": st.sampled_from(["BTCUSDT", "BTCUSD-PERP", "币安人生USDT"]),
    "status": st.sampled_from(["open", "partially_filled"]),
    "state": st.sampled_from(["live", "authenticating"]),
    "breaker": st.just({"mode": "open", "failures": 5, "retry_in_s": 12.0}),
    "mailbox": st.just({"depth": 0, "high": 12, "dropped": 0}),
    "worth": st.one_of(amounts, st.none()),
    "refused": st.dictionaries(st.sampled_from(["jump", "stale"]), st.integers(1, 99)),
    "accounts": st.lists(names, max_size=3),
    "used_by": st.lists(st.just("accounts.main.api_key"), max_size=2),
    "fact": st.dictionaries(st.sampled_from(["side", "price"]), amounts),
}
SHORT = st.sampled_from(["spot", "stream", "buy", "changed"])


@st.composite
def tables(draw_: Any) -> tuple[str, list[dict[str, Any]]]:
    """A look, and rows that fit it."""
    look = draw_(st.sampled_from(sorted(COLUMNS)))
    row = st.fixed_dictionaries({column.key: value_of(look, column) for column in COLUMNS[look]})
    return look, draw_(st.lists(row, max_size=4, min_size=1))


def value_of(look: str, column: Column) -> st.SearchStrategy[Any]:
    if look == "fees" and column.key == "worth":
        return st.dictionaries(st.sampled_from(["USDT", "BTC"]), amounts)
    if column.key in VALUES:
        return st.none() | VALUES[column.key]
    if column.short is not None:
        return st.none() | moments
    if column.folds:
        return st.none() | words
    if column.show is as_span:
        return st.floats(0, 1e7)
    if column.right and column.show is not str:
        return st.floats(0, 100)
    return st.none() | (amounts if column.right else SHORT)


@given(tables(), st.integers(80, 250))
def test_no_line_is_wider_than_the_terminal(table: tuple[str, list[dict[str, Any]]], width: int) -> None:
    look, rows = table
    drawn = draw(COLUMNS[look], rows, Screen(width, now_ms=NOW))
    assert all(cells(line) <= width for line in drawn.splitlines()), drawn


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.integers(4, 30), st.integers(20, 200))
def test_what_is_not_shown_is_named_and_is_what_tells_least(ranks: list[int], size: int, width: int) -> None:
    columns = [text(f"h{at}", rank=rank) for at, rank in enumerate(ranks)]
    head, _, *more = draw(columns, [{c.key: "x" * size for c in columns}], Screen(width)).splitlines()
    shown = {column for column in columns if column.heading in head.split()}
    named = {column for column in columns if re.search(rf"\b{column.heading}\b", " ".join(more))}
    assert shown | named == set(columns)
    assert not shown & named
    assert min((column.rank for column in named), default=1) > 0
    assert all(one.rank >= other.rank for one in named for other in shown)
    assert shown, "one is always there"


@given(tables())
def test_a_pipe_gets_every_column_in_full_on_one_line_each(table: tuple[str, list[dict[str, Any]]]) -> None:
    look, rows = table
    head, *lines = draw(COLUMNS[look], rows, Screen()).splitlines()
    assert len(lines) == len(rows)
    for column in COLUMNS[look]:
        assert column.heading in head
        for row, line in zip(rows, lines, strict=True):
            assert cell(column, row).strip() in line


WHEN = moment("at", "at")
WHAT = text("what", folds=24)
ROWS = [{"at": NOW - 1000, "what": "something happened to somebody", "n": "12.5"}]


def test_all_of_it_is_shown_as_it_is_where_there_is_room() -> None:
    assert draw([WHEN, number("n"), WHAT], ROWS, Screen(80, now_ms=NOW)).splitlines() == [
        "at (UTC)                n  what",
        "2023-11-14 22:13:19  12.5  something happened to somebody",
    ]


def test_first_todays_day_goes_then_columns_and_last_of_all_texts_are_folded() -> None:
    columns = [WHEN, number("n", rank=1), WHAT]
    assert draw(columns, ROWS, Screen(46, now_ms=NOW)).splitlines() == [
        "at (UTC)     n  what",
        "22:13:19  12.5  something happened to somebody",
    ]
    assert draw(columns, ROWS, Screen(40, now_ms=NOW)).splitlines() == [
        "at (UTC)     n  what",
        "22:13:19  12.5  something happened to",
        "                somebody",
    ]
    assert draw(columns, ROWS, Screen(34, now_ms=NOW)).splitlines() == [
        "at (UTC)  what",
        "22:13:19  something happened to",
        "          somebody",
        "not shown: n (a wider terminal or",
        "--json has them)",
    ]


def test_an_earlier_day_keeps_its_date_and_an_earlier_year_its_year() -> None:
    rows = [{"at": NOW - DAY, "what": "x" * 40}, {"at": NOW - 400 * DAY, "what": "y"}]
    lines = draw([WHEN, WHAT], rows, Screen(58, now_ms=NOW)).splitlines()
    assert [line[:19].strip() for line in lines[1:]] == ["11-13 22:13:20", "", "2022-10-10 22:13:20"]


def test_a_number_is_left_whole_whatever_it_costs() -> None:
    lines = draw([number("n"), WHAT], [{"n": "1" * 60, "what": "w"}], Screen(30)).splitlines()
    assert lines[1] == "1" * 60 + "  w"


def test_a_heading_stands_above_its_column_on_as_many_lines_as_it_needs() -> None:
    wide = [number("waiting for ever", "n"), text("what", folds=10)]
    assert draw(wide, [{"n": "1", "what": "a b c d e f g h i j"}], Screen(20)).splitlines() == [
        "waiting",
        "    for",
        "   ever  what",
        "      1  a b c d e f",
        "         g h i j",
    ]


def test_signs_of_two_cells_are_measured_as_such() -> None:
    assert [cells(sign) for sign in ("a", "币", "e\u0301")] == [1, 2, 1]
    assert draw([text("s"), text("t")], [{"s": "币安", "t": "1"}, {"s": "abcd", "t": "2"}], Screen()) == (
        "s     t\n币安  1\nabcd  2\n"
    )


@given(words, st.integers(2, 40))
def test_a_folded_text_loses_nothing_but_spaces_and_never_more_than_its_width(value: str, width: int) -> None:
    lines = folded(value, width)
    assert "".join("".join(lines).split()) == "".join(value.split())
    assert all(cells(line) <= width for line in lines)


def test_a_long_name_is_folded_behind_a_sign() -> None:
    assert folded("demo-binance-us", 13) == ["demo-binance-", "us"]
    assert folded("0123456789", 4) == ["0123", "4567", "89"]


def test_prose_is_folded_behind_its_own_indentation() -> None:
    assert say("  main: ", "the key may move money out", Screen(24)) == (
        "  main: the key may move\n    money out\n"
    )
    assert say("  main: ", "a\nb" + "c" * 100, Screen()) == "  main: a?b" + "c" * 100 + "\n"


# --------------------------------------------------------------------------- colours


def states(on: Screen) -> str:
    rows = [{"state": state} for state in ("live", "held", "backoff", "subscribing")]
    return draw([text("state", toned=True)], rows, on)


def test_a_terminal_sees_states_in_colours_and_the_columns_stay_in_line() -> None:
    on = Screen(80, coloured=True)
    assert "\x1b[32mlive\x1b[0m" in states(on)
    assert "\x1b[31mheld\x1b[0m" in states(on)
    assert COLOUR.sub("", states(on)) == states(Screen(80))


def test_no_colour_where_nobody_looks_or_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert screen(Terminal(), NOW).coloured
    assert screen(io.StringIO(), NOW) == Screen(now_ms=NOW)
    monkeypatch.setenv("TERM", "dumb")
    assert not screen(Terminal(), NOW).coloured
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not screen(Terminal(), NOW).coloured


def test_a_terminal_is_as_wide_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "123")
    assert screen(Terminal(), NOW).width == 123


# ---------------------------------------------------------------------- the tables themselves


def test_a_text_of_an_exchange_moves_no_cursor() -> None:
    assert harmless("Grüße, 漢字 – ok") == "Grüße, 漢字 – ok"
    assert cell(text("word"), {"word": "[bold]\x1b[2J\n\u202e evil"}) == "[bold]?[2J?? evil"


def test_every_column_says_what_it_means() -> None:
    assert [(look, c.heading) for look, columns in COLUMNS.items() for c in columns if not c.means] == []


def test_every_list_has_a_table_and_every_table_belongs_to_a_word() -> None:
    assert {name for name, word in WORDS.items() if word.rows} <= set(LOOKS)
    assert {look for looks in LOOKS.values() for _, look in looks} == set(COLUMNS)
