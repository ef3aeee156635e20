"""How a drill is shown."""

from pathlib import Path

import pytest

from drill.report import BEGIN, END, as_table, remarks, summary, told_settings, write_into
from drill.result import Line

LINE = Line("drop", "binance", 1, 0.04, 1.26, 0, 0, 0, 12, 100, is_well=True, must_notice=True)


def test_a_row_reads_like_a_sentence_and_never_and_need_not_are_told_apart() -> None:
    unseen = LINE._replace(exchange="bybit", noticed_after_s=None, score=50)
    quiet = LINE._replace(exchange="cryptocom", noticed_after_s=None, must_notice=False)
    ill = LINE._replace(exchange="binance_us", repaired_after_s=None, lost=3, wrong=1, score=0)
    _, _, *rows = as_table([LINE, unseen, quiet, ill]).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["drop", "binance", "0.0 s", "1.3 s", "0", "0", "12", "100"],
        ["drop", "bybit", "never", "1.3 s", "0", "0", "12", "50"],
        ["drop", "cryptocom", "-", "1.3 s", "0", "0", "12", "100"],
        ["drop", "binance_us", "0.0 s", "NEVER", "3", "0 + 1 wrong", "12", "0"],
    ]


def test_the_summary_counts_what_matters() -> None:
    ill = LINE._replace(seeds=4, lost=2, doubled=1, score=0, is_well=False, noticed_after_s=None)
    assert summary([LINE, ill], 61.4) == (
        "5 accounts in 61 s: 2 facts lost, 1 doubled, 0 wrong, 1 of 2 rows not well again, 1 unnoticed; score 50"
    )


def test_remarks_say_where_they_belong() -> None:
    assert remarks([LINE, LINE._replace(remarks=("seed 3: odd",))]) == ["drop on binance: seed 3: odd"]


def test_settings_are_told_as_the_file_has_them() -> None:
    assert (
        told_settings({"audit_every": 2, "backoff": {"base": 0.1}})
        == "audit_every = 2, backoff = {base = 0.1}"
    )


def test_a_table_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for text in ("new", "newer"):
        write_into(page, text)
        assert page.read_text() == f"before\n{BEGIN}\n{text}\n{END}\nafter\n"


def test_a_page_without_a_place_for_it_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match="no place"):
        write_into(page, "table")
    assert page.read_text() == "nothing here"
