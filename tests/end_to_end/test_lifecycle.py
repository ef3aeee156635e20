"""A ledger that a daemon wrote, looked after when the daemon is gone: proven, copied, shrunk, exported."""

import csv
import io
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from control.cli import Offline, command_line
from host.upkeep import commands
from supervisor import _in_use
from tests.end_to_end.kit import Row, Scene, scene
from tests.support.daemon import Daemon
from tests.support.ledger import url, views

OFFLINE = ("rebuild --check", "export fills")


class Left(NamedTuple):
    """What a daemon left behind, what it answered before it ended, and what it said to each word."""

    daemon: Daemon
    answers: dict[str, list[Row]]
    refused: dict[str, "subprocess.CompletedProcess[str]"]
    pid: int

    @property
    def ledger(self) -> Path:
        return self.daemon.home / "data" / "vigil.db"

    def word(self, *words: str) -> Result:
        """One word of the command line, in this process: each has a start of its own to pay for else."""
        line = command_line(
            self.daemon.settings, Offline(run=lambda _: 0, check=lambda _: 0, commands=commands(_in_use))
        )
        return CliRunner().invoke(line, words)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    with scene(tmp_path_factory.mktemp("lifecycle")) as it:
        ended = happen(it)
        answers = {word: it.daemon.pages(word) for word in ("fills", "orders", "balances")}
        answers["history"] = it.daemon.ask("history", kind="order", key=ended, limit=0)
        answers["journal"] = it.daemon.journal()
        refused = {words: it.daemon.word(*words.split()) for words in OFFLINE}
        pid = it.daemon.pid
        assert it.daemon.terminate() == 0
        yield Left(it.daemon, answers, refused, pid)


def happen(it: Scene) -> str:
    """A burst, and meanwhile an order that rests, is filled in part, and is cancelled: its id."""
    with it.burst(count=150, rate=150):
        order: str = it.rest_order()["order_id"]
        it.admin.fill(order, quantity="0.0053", account="main")
        it.admin.cancel(order, account="main")
    it.agrees()
    return order


def test_the_history_of_an_order_says_how_long_each_state_lasted_and_who_said_so(left: Left) -> None:
    rows = [row for row in left.answers["history"] if row["valid_from"] is not None]
    assert [row["fact"]["status"] for row in rows] == ["open", "partially_filled", "canceled"]
    assert [row["valid_until"] for row in rows] == [*(row["valid_from"] for row in rows[1:]), None]
    assert {(row["kind"], row["source"]) for row in rows} == {("order", "stream")}
    assert [row["outcome"] for row in rows] == ["new", "changed", "changed"]


def test_while_the_daemon_runs_each_word_is_refused_and_names_it(left: Left) -> None:
    for words, answer in left.refused.items():
        assert (answer.returncode, answer.stdout) == (1, ""), words
        assert f"is in use by pid {left.pid}: stop that daemon first" in answer.stderr, words


def test_after_a_burst_the_views_are_what_the_journal_says(left: Left) -> None:
    answer = left.word("rebuild", "--check", "--json")
    found = json.loads(answer.stdout)
    assert (answer.exit_code, found["differences"]) == (0, [])
    assert found["rows"]["fills"] == len(left.answers["fills"]) > 150
    assert found["statements"] >= len(left.answers["journal"])


def test_a_row_that_was_tampered_with_is_named_and_put_right(left: Left) -> None:
    victim = left.answers["fills"][70]
    before = views(url(left.ledger))
    tamper(left.ledger, victim)
    answer = left.word("rebuild", "--check")
    assert answer.exit_code == 1
    assert f"{victim['trade_id']}: quantity is 7, the journal says {victim['quantity']}" in answer.stdout
    assert "1 difference\n" in answer.stdout
    assert left.word("rebuild").exit_code == 1
    assert left.word("rebuild", "--check").exit_code == 0
    assert views(url(left.ledger)) == before


def tamper(ledger: Path, victim: Row) -> None:
    with closing(sqlite3.connect(ledger)) as database:
        done = database.execute("UPDATE fills SET quantity = '7' WHERE seq = ?", (victim["seq"],))
        assert done.rowcount == 1
        database.commit()


def test_a_copy_is_a_whole_ledger_in_the_place_of_the_lost_one(left: Left) -> None:
    copy = Path(json.loads(left.word("backup", "--json").stdout)["path"])
    before, journal = views(url(left.ledger)), stored(left.ledger, "journal")
    for file in left.ledger.parent.glob("vigil.db*"):
        file.unlink()
    assert "there is no ledger" in left.word("rebuild").stderr
    shutil.copy(copy, left.ledger)
    assert left.word("rebuild", "--check").exit_code == 0
    assert left.word("vacuum").exit_code == 0
    assert (views(url(left.ledger)), stored(left.ledger, "journal")) == (before, journal)


def stored(ledger: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(ledger)) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall()


@pytest.mark.parametrize("what", ["fills", "orders", "balances", "journal"])
def test_an_export_is_what_the_daemon_answered_to_the_last_digit(left: Left, what: str) -> None:
    wanted = left.answers[what]
    assert wanted
    rows = [json.loads(line) for line in left.word("export", what, "--format", "jsonl").stdout.splitlines()]
    assert rows[: len(wanted)] == wanted
    target = left.daemon.home / f"{what}.csv"
    assert left.word("export", what, "--output", str(target)).exit_code == 0
    cells = list(csv.DictReader(io.StringIO(target.read_text(), newline="")))
    if what != "journal":
        assert cells == [{k: "" if v is None else str(v) for k, v in row.items()} for row in wanted]


def test_who_reads_an_export_may_stop_when_he_has_seen_enough(left: Left) -> None:
    command = left.daemon._command("export", "journal", "--format", "jsonl")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=left.daemon.home, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, "")
