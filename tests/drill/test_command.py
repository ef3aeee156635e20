"""`supervisor.py drill`: what it takes, what it refuses, and how it ends."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from control.cli import Offline, command_line
from drill import running, trading
from drill.command import command
from drill.judging import Finding, Verdict
from drill.menu import ALL, MENU
from drill.result import Outcome, line
from drill.trading_menu import TRADING

GOOD = Outcome("drop", "binance", 1, noticed_after_s=0.1, repaired_after_s=1.0, rest_calls=9)


def run(*words: str, in_use: str | None = None) -> Result:
    offline = Offline(run=lambda _: 0, check=lambda _: 0, commands=(command(lambda _: in_use),))
    return CliRunner().invoke(command_line(Path("settings.toml"), offline), ["drill", *words])


@pytest.fixture
def drilled(monkeypatch: pytest.MonkeyPatch) -> list[running.Wanted]:
    """What was asked for; every drill ends as `GOOD` says."""
    return ending(monkeypatch, GOOD)


def ending(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[running.Wanted]:
    asked: list[running.Wanted] = []

    def drill(wanted: running.Wanted, say: Any) -> running.Result:
        asked.append(wanted)
        say("1/1 drop on binance")
        return running.Result((line(MENU["drop"], [outcome]),), (outcome,), None)

    monkeypatch.setattr(running, "drill", drill)
    return asked


def test_without_a_choice_it_is_the_whole_menu_on_every_exchange_with_one_seed(
    drilled: list[running.Wanted],
) -> None:
    assert run().exit_code == 0
    assert drilled == [running.Wanted(list(MENU), list(ALL), 1, full=False, jobs=4)]


def test_a_choice_is_taken_in_the_order_of_the_menu(drilled: list[running.Wanted]) -> None:
    words = [
        "--fault",
        "locked",
        "--fault",
        "drop",
        "--exchange",
        "bybit",
        "--seeds",
        "3",
        "--jobs",
        "2",
        "--full",
    ]
    assert run(*words).exit_code == 0
    assert drilled == [running.Wanted(["drop", "locked"], ["bybit"], 3, full=True, jobs=2)]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--fault", "dorp"], "unknown fault 'dorp'; did you mean 'drop'?; there are: drop, "),
        (["--exchange", "bibit"], "unknown exchange 'bibit'; did you mean 'bybit'?; there are: binance, "),
        (["--fault", "xyzzy"], "unknown fault 'xyzzy'; there are: drop, "),
        (["--seeds", "0"], "0 is not in the range"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    drilled: list[running.Wanted], words: list[str], answer: str
) -> None:
    result = run(*words)
    assert (result.exit_code, drilled) == (2, [])
    assert answer in " ".join(result.output.split())


def test_people_read_a_table_on_standard_output_and_the_progress_beside_it(
    drilled: list[running.Wanted],
) -> None:
    result = run()
    assert drilled
    assert "| drop  | binance  | 0.1 s         | 1.0 s" in result.stdout
    assert "0 facts lost, 0 doubled" in result.stdout
    assert "1/1 drop on binance" in result.stderr
    assert "audit_every = 2" in result.stderr


def test_programs_read_one_document(drilled: list[running.Wanted]) -> None:
    document = json.loads(run("--json", "--seeds", "7").stdout)
    assert drilled
    assert (document["seeds"], document["well"], document["rows"][0]["score"]) == (7, True, 100)
    assert document["settings"]["audit_every"] == 2


@pytest.mark.parametrize("harm", [{"lost": 1}, {"doubled": 1}, {"repaired_after_s": None}])
def test_a_loss_a_double_or_no_recovery_is_bad_news(
    monkeypatch: pytest.MonkeyPatch, harm: dict[str, Any]
) -> None:
    ending(monkeypatch, GOOD._replace(**harm))
    assert run().exit_code == 1
    assert run("--json").exit_code == 1


def test_beside_a_daemon_that_runs_there_is_no_drill(drilled: list[running.Wanted]) -> None:
    result = run(in_use="data is in use by pid 7: stop that daemon first")
    assert (result.exit_code, drilled) == (1, [])
    assert "vigil: data is in use by pid 7" in result.stderr


def test_the_menu_can_be_read_without_a_drill_and_beside_a_daemon(drilled: list[running.Wanted]) -> None:
    result = run("--list", in_use="data is in use by pid 7")
    assert (result.exit_code, drilled) == (0, [])
    assert all(entry.name in result.output and entry.what in result.output for entry in MENU.values())


def test_help_says_what_it_is_and_shows_an_example() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "--seeds N" in result.output
    assert "Example: python supervisor.py drill" in result.output


# ------------------------------------------------------------------------ with a trader


def traded(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> list[trading.Wanted]:
    """What was asked for; every drill with a trader ends with these findings."""
    asked: list[trading.Wanted] = []
    half = Fraction(1, 2)
    verdict = Verdict(9, 4, 5, 9, 1, 8, half, half, ())

    def trade(wanted: trading.Wanted, say: Any) -> trading.Result:
        asked.append(wanted)
        say("drop")
        line = trading.Line("bybit", verdict, findings)
        return trading.Result((line,), {"drop": 1}, {"accepted": 3}, 0, 0, 61.0, None)

    monkeypatch.setattr(trading, "trade", trade)
    return asked


def test_with_a_trader_the_menu_is_longer_and_the_whole_of_it_is_walked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = traded(monkeypatch)
    result = run("--trader", "--exchange", "bybit", "--seed", "7", "--minutes", "2")
    assert result.exit_code == 0
    assert asked == [trading.Wanted(["bybit"], list(TRADING), 2.0, 7)]
    assert "| bybit" in result.output
    assert "order-torn" in run("--trader", "--list").output
    assert "order-torn" not in run("--list").output


def test_one_difference_in_the_books_is_bad_news_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    traded(monkeypatch, Finding("profit", "trade X: 0.4, and 0.5 by the record"))
    result = run("--trader")
    assert result.exit_code == 1
    assert "bybit: profit: trade X: 0.4, and 0.5 by the record" in result.output


def test_programs_read_one_document_of_the_trader_too(monkeypatch: pytest.MonkeyPatch) -> None:
    traded(monkeypatch, Finding("orphan", "SELL X"))
    document = json.loads(run("--trader", "--json").stdout)
    assert (document["well"], document["rows"][0]["findings"]) == (
        False,
        [{"kind": "orphan", "text": "SELL X"}],
    )
