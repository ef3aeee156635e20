"""The command line in this process: words, options, what is printed, and every exit code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from control.cli import Offline, command_line
from control.connection import Limits
from control.words import WORDS
from core.errors import DatabaseProblem
from core.messages import Operate
from core.records import ConnectionState
from tests.control.kit import STATUS, Served, degraded, fill, serve

UPTIME = ("uptime_pct", "uptime_24h_pct", "blind_s", "gaps", "last_cause")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("")
    (tmp_path / "data").mkdir()
    return path


@pytest.fixture
def served(settings: Path) -> Iterator[Served]:
    with serve(settings.parent / "data" / "control.sock") as running:
        yield running


def run(settings: Path, *words: str, offline: Offline | None = None) -> Result:
    offline = offline or Offline(run=lambda _path: 0, check=lambda _path: 0)
    return CliRunner().invoke(command_line(settings, offline), list(words), prog_name="supervisor.py")


# --------------------------------------------------------------------- reading


def test_status_as_json_is_the_document_itself(settings: Path, served: Served) -> None:
    result = run(settings, "status", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, STATUS)


@pytest.mark.parametrize("word", ["status", "health"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_bad_news_is_exit_code_1_in_either_form(
    settings: Path, served: Served, word: str, form: list[str]
) -> None:
    assert run(settings, word, *form).exit_code == 0
    served.status = degraded()
    assert run(settings, word, *form).exit_code == 1


def test_status_for_people_says_the_verdict_and_why(settings: Path, served: Served) -> None:
    served.status = degraded()
    text = run(settings, "status").stdout
    assert text.startswith("degraded   vigil 1.2.3, pid 4711")
    assert "why: account main is tripped (next attempt in 12 s)" in text
    assert "open, 5 failed, next in 12.0 s" in text


def test_a_part_of_the_status_as_json_is_an_array(settings: Path, served: Served) -> None:
    assert json.loads(run(settings, "actors", "--json").stdout) == STATUS["actors"]


def test_accounts_are_those_of_the_status_with_their_uptime(settings: Path, served: Served) -> None:
    (row,) = json.loads(run(settings, "accounts", "--json").stdout)
    assert row == STATUS["accounts"][0] | dict.fromkeys(UPTIME), "of an account that was never seen"
    now = served.services.clock.wall_ms()
    live = ConnectionState(now - 100_000, "main", "live", "reconciling", "")
    lost = ConnectionState(now - 25_000, "main", "backoff", "live", "cut")
    served.ledger.states = [
        {"id": id_, **msgspec.structs.asdict(state)} for id_, state in enumerate((live, lost), start=1)
    ]
    (row,) = json.loads(run(settings, "accounts", "--json").stdout)
    assert (round(row["uptime_pct"]), round(row["uptime_24h_pct"]), round(row["blind_s"])) == (75, 75, 25)
    assert (row["gaps"], row["last_cause"]) == (1, "cut")
    assert set(json.loads(run(settings, "status", "--json").stdout)["accounts"][0]) == set(
        STATUS["accounts"][0]
    )
    lines = run(settings, "accounts").stdout.splitlines()
    assert lines[0].endswith("last blind because")
    assert re.search(r" 7\d\.\d{3} %  7\d\.\d{3} %  2\d\.\d s +1  cut$", lines[1]), lines[1]


def test_an_uptime_that_cannot_be_read_is_unknown_and_the_rest_is_told(
    settings: Path, served: Served
) -> None:
    served.ledger.broken = DatabaseProblem("locked", passing=True)
    (row,) = json.loads(run(settings, "accounts", "--json").stdout)
    assert (row["state"], [row[name] for name in UPTIME]) == ("live", [None] * len(UPTIME))


def test_an_empty_list_as_json_is_an_empty_array(settings: Path, served: Served) -> None:
    assert json.loads(run(settings, "fills", "--json").stdout) == []


def test_a_list_as_json_is_one_array_with_a_row_a_line(settings: Path, served: Served) -> None:
    served.ledger.facts = [fill(1), fill(2)]
    result = run(settings, "fills", "--json")
    assert json.loads(result.stdout) == [fill(1), fill(2)]
    assert result.stdout.count("\n") == 2


def test_everything_is_printed_however_many_pages_it_takes(settings: Path, served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 5003)]
    rows = json.loads(run(settings, "fills", "--json", "--limit", "0").stdout)
    assert [row["seq"] for row in rows] == list(range(1, 5003))


def test_filters_reach_the_ledger(settings: Path, served: Served) -> None:
    words = [
        "fills",
        "--account",
        "main",
        "--symbol",
        "BTCUSDT",
        "--since",
        "1700000000001",
        "--limit",
        "7",
        "--after",
        "3",
    ]
    assert run(settings, *words).exit_code == 0
    assert served.ledger.asked == [
        {"account": "main", "symbol": "BTCUSDT", "since": 1_700_000_000_001, "limit": 7, "after": 3}
    ]


def test_a_list_for_people_is_in_plain_columns_where_nobody_draws(settings: Path, served: Served) -> None:
    served.ledger.facts = [fill(9), fill(10, price="1", fee=None)]
    lines = run(settings, "fills").stdout.splitlines()
    assert lines[0].split()[:4] == ["seq", "traded", "(UTC)", "account"]
    assert len(lines) == 3
    assert lines[1].index("60000.10") + len("60000.10") == lines[2].index(" 1 ") + 2  # right-aligned


def test_nothing_of_an_account_that_does_not_run_is_doubted(settings: Path, served: Served) -> None:
    """A misspelt name would look like an account without a fill."""
    assert run(settings, "fills", "--account", "main").stdout == "none\n"
    result = run(settings, "fills", "--account", "mian")
    assert (result.exit_code, result.stdout) == (
        0,
        "none\nno account 'mian' runs here; did you mean 'main'?\n",
    )
    assert json.loads(run(settings, "fills", "--account", "mian", "--json").stdout) == []


def test_version_names_the_daemon(settings: Path, served: Served) -> None:
    assert run(settings, "version").stdout.startswith("vigil 1.2.3, pid ")


# ------------------------------------------------------------------- operating


@pytest.mark.parametrize("action", ["reconcile", "restart", "reset", "pause", "resume"])
def test_an_operation_is_told_and_says_that_it_is_on_its_way(
    settings: Path, served: Served, action: Any
) -> None:
    result = run(settings, action, "main")
    assert (result.exit_code, served.told) == (0, [Operate(action, "main")])
    assert result.stdout == f"{action} main: on its way; `status` shows when it is done\n"


def test_an_unknown_target_is_usage(settings: Path, served: Served) -> None:
    result = run(settings, "restart", "mian")
    assert result.exit_code == 2
    assert "did you mean 'main'?" in result.stderr


def test_a_daemon_that_cannot_obey_is_bad_news(settings: Path, served: Served) -> None:
    served.takes_commands = False
    result = run(settings, "restart", "main")
    assert result.exit_code == 1
    assert "starting or stopping" in result.stderr


APPLIED = {
    "applied": True,
    "accounts": [
        {"account": "new", "change": "added", "keys": [], "restarts": []},
        {"account": "main", "change": "retuned", "keys": ["audit_every"], "restarts": ["main/poller"]},
    ],
    "sections": [{"section": "supervisor", "keys": ["log_level"], "restarts": []}],
    "later": ["control.socket: takes effect at the next start"],
    "warnings": [],
}


def test_a_reload_says_what_was_applied(settings: Path, served: Served) -> None:
    served.reloaded = APPLIED
    result = run(settings, "reload")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "new: added",
            "main: retuned (audit_every); begins anew: main/poller",
            "[supervisor]: changed (log_level)",
            "warning: control.socket: takes effect at the next start",
        ],
    )
    assert json.loads(run(settings, "reload", "--json").stdout) == APPLIED


def test_a_reload_that_changes_nothing_says_so(settings: Path, served: Served) -> None:
    served.reloaded = {**APPLIED, "accounts": [], "sections": [], "later": []}
    assert run(settings, "reload").stdout == "nothing changes now\n"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_settings_that_do_not_hold_are_bad_news(settings: Path, served: Served, form: list[str]) -> None:
    served.reloaded = {"applied": False, "problems": ["web.listen: must be HOST:PORT"]}
    result = run(settings, "reload", *form)
    assert result.exit_code == 1
    assert "web.listen: must be HOST:PORT" in result.stdout


# ----------------------------------------------------------------------- usage


def test_an_unknown_word_is_usage_with_the_nearest_and_all_there_are(settings: Path) -> None:
    result = run(settings, "fils")
    assert result.exit_code == 2
    assert "unknown word 'fils'; did you mean 'fills'?; there are: status, health" in result.stderr
    assert all(name in result.stderr for name in [*WORDS, "check"])


@pytest.mark.parametrize("later", ["rebuild", "drill"])
def test_a_word_of_a_later_version_is_unknown_like_any_other(settings: Path, later: str) -> None:
    result = run(settings, later)
    assert result.exit_code == 2
    assert f"unknown word '{later}'" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["fills", "--acount", "main"],
        ["fills", "--limit", "-1"],
        ["fills", "--limit", "many"],
        ["fills", "extra"],
        ["restart"],
        ["history", "order"],
        ["status", "--limit", "1"],
        ["--sttings", "x", "status"],
    ],
)
def test_a_wrong_option_or_argument_is_usage(settings: Path, words: list[str]) -> None:
    assert run(settings, *words).exit_code == 2


def test_a_value_that_only_the_daemon_can_judge_is_usage_too(settings: Path, served: Served) -> None:
    result = run(settings, "fills", "--since", "yesterday")
    assert result.exit_code == 2
    assert "write 1h, 30m, 2d" in result.stderr


def test_help_lists_every_word_by_what_it_is_for(settings: Path) -> None:
    text = run(settings, "--help").stdout
    ask, operate, without = (text.index(title) for title in ("Ask:", "Operate:", "Without a daemon:"))
    for name, word in WORDS.items():
        at = text.index(f"\n  {name} ")
        assert (ask < at < operate) if word.kind == "read" else (operate < at < without)
    assert text.index("\n  check ") > without


@pytest.mark.parametrize("name", WORDS)
def test_every_word_explains_itself(settings: Path, name: str) -> None:
    result = run(settings, name, "--help")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert WORDS[name].help in text
    assert WORDS[name].example in text
    assert all(param.help in text for param in WORDS[name].params if param.kind != "row")
    assert ("--json" in result.stdout) is WORDS[name].takes_json


# ------------------------------------------------------- no daemon, bad settings


@pytest.mark.parametrize("name", WORDS)
def test_every_word_without_a_daemon_is_exit_code_3(settings: Path, name: str) -> None:
    arguments = ["x" for param in WORDS[name].params if param.required]
    result = run(settings, name, *arguments)
    assert result.exit_code == 3
    assert f"nobody listens on {settings.parent}/data/control.sock" in result.stderr
    assert "start it with: python supervisor.py" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["other.toml", "other/settings.toml"])
def test_how_to_start_names_the_settings_that_were_asked_for(
    tmp_path: Path, settings: Path, name: str
) -> None:
    other = tmp_path / name
    other.parent.mkdir(exist_ok=True)
    other.write_text("")
    result = run(settings, "--settings", str(other), "status")
    assert result.stderr.endswith(f"python supervisor.py --settings {other}\n")
    assert run(settings, "status").stderr.endswith("start it with: python supervisor.py\n")


def test_settings_that_do_not_parse_are_78_when_nobody_answers(settings: Path) -> None:
    settings.write_text("[supervisor\n")
    result = run(settings, "status")
    assert result.exit_code == 78
    assert str(settings) in result.stderr


def test_settings_that_are_not_there_are_78(settings: Path) -> None:
    result = run(settings, "--settings", "/nonexistent/settings.toml", "status")
    assert result.exit_code == 78
    assert "/nonexistent/settings.toml: No such file or directory" in result.stderr


def test_settings_that_were_just_broken_do_not_hide_a_running_daemon(settings: Path, served: Served) -> None:
    settings.write_text("[supervisor\n")
    assert run(settings, "status").exit_code == 0


def test_a_busy_daemon_is_bad_news(settings: Path) -> None:
    with serve(settings.parent / "data" / "control.sock", limits=Limits(connections=0)):
        result = run(settings, "status")
    assert (result.exit_code, "busy" in result.stderr) == (1, True)


def test_a_daemon_that_fails_at_a_question_is_bad_news(settings: Path, served: Served) -> None:
    served.ledger.broken = ZeroDivisionError()
    result = run(settings, "fills")
    assert (result.exit_code, "the daemon's log has the details" in result.stderr) == (1, True)


# -------------------------------------------------------------- without a daemon


def test_without_a_word_the_daemon_runs_with_the_settings_and_its_exit_code_is_ours(settings: Path) -> None:
    ran: list[Path] = []
    offline = Offline(run=lambda path: ran.append(path) or 75, check=lambda _path: 0)  # type: ignore[func-returns-value]
    assert run(settings, offline=offline).exit_code == 75
    assert run(settings, "--settings", "other.toml", offline=offline).exit_code == 75
    assert ran == [settings, Path("other.toml")]


def test_check_needs_no_daemon_and_its_exit_code_is_ours(settings: Path) -> None:
    checked: list[Path] = []
    offline = Offline(run=lambda _path: 0, check=lambda path: checked.append(path) or 78)  # type: ignore[func-returns-value]
    assert run(settings, "check", offline=offline).exit_code == 78
    assert checked == [settings]


# ---------------------------------------------------------------------- alerts

GOOD = {"channel": 0, "reference": "env:A", "url": "slack://***", "ok": True, "error": None}
BAD = {"channel": 1, "reference": "env:B", "url": None, "ok": False, "error": "env:B: is not set"}


def test_a_test_of_the_alerts_is_one_line_for_each_address_and_1_where_one_failed(
    settings: Path, served: Served
) -> None:
    served.trials = [GOOD, BAD]
    result = run(settings, "alerts", "test")
    assert (result.exit_code, result.stdout) == (
        1,
        "0  slack://***  ok\n1  env:B  failed: env:B: is not set\n",
    )
    assert run(settings, "alerts", "test", "--url", "0").exit_code == 0
    wrong = run(settings, "alerts", "test", "--url", "2")
    assert (wrong.exit_code, wrong.stderr) == (2, "vigil: alerts: there is no address 2 in alerts.urls\n")


def test_alerts_know_no_action_but_test(settings: Path, served: Served) -> None:
    result = run(settings, "alerts", "send")
    assert (result.exit_code, result.stderr) == (2, "vigil: alerts: no action 'send'; there is: test\n")
    assert run(settings, "alerts").exit_code == 2


def test_without_a_daemon_alerts_are_tested_from_here(settings: Path) -> None:
    asked: list[Any] = []

    def alone(path: Path, only: int | None) -> int:
        asked.append((path, only))
        return 1

    offline = Offline(run=lambda _path: 0, check=lambda _path: 0, alerts=alone)
    assert run(settings, "alerts", "test", "--url", "3", offline=offline).exit_code == 1
    assert run(settings, "alerts", "send", offline=offline).exit_code == 3
    assert run(settings, "status", offline=offline).exit_code == 3
    assert asked == [(settings, 3)]
