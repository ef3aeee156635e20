"""`rebuild`, `backup`, `vacuum`, `export`: what they take, print and refuse, on a ledger of their own."""

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from control.cli import Offline, command_line
from core.clock import SystemClock
from core.facts import CashMove, Position, Unrecognised
from core.records import Incident
from host import export
from host.lock import DataLock
from host.upkeep import KINDS, commands
from models.ledger import Ledger
from models.read import Reader
from tests.support.ledger import NOW, balance, batch, fill, order, rows, url

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = '[web]\nlisten = ""\n'
TINY = D("0.0000000000000000001")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with a little of everything in the usual place of a settings file."""
    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "data").mkdir(mode=0o700)
    path = tmp_path / "data" / "vigil.db"
    ledger = Ledger.open(url(path), SystemClock())
    ledger.write(
        [
            batch(order(), balance("5"), fill("1", fee=D("-0.10"), fee_asset="BNB"), fill("2")),
            batch(*(order("open", name, updated_at=None) for name in ("8", "9"))),
            batch(fill("3", symbol="ETHUSDT", traded_at=NOW + 9)),
            batch(
                Position("linear", "BTCUSDT", "long", D("0.5"), updated_at=NOW),
                CashMove('c,"1"\n', "USDT", TINY, "deposit", NOW),
                Unrecognised("odd", "?"),
            ),
            batch(fill("9", client_order_id="äöü"), account="other"),
            Incident(NOW, "k1", "protocol_changed", "warning", "404", account="main"),
        ]
    )
    ledger.close()
    return path


def run(path: Path, *words: str, in_use: str | None = None) -> Result:
    offline = Offline(run=lambda _: 0, check=lambda _: 0, commands=commands(lambda _: in_use))
    return CliRunner().invoke(command_line(path.parent.parent / "settings.toml", offline), list(words))


def meddle(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE fills SET price = '1' WHERE trade_id = '2'")
    connection.commit()
    connection.close()


WORDS = (["rebuild"], ["rebuild", "--check"], ["backup"], ["vacuum"], ["export", "fills"])


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_beside_a_daemon_each_is_refused(path: Path, words: list[str]) -> None:
    result = run(path, *words, in_use="data is in use by pid 7: stop that daemon first")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "vigil: data is in use by pid 7: stop that daemon first\n"


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_who_takes_the_lock_in_the_last_moment_is_named(path: Path, words: list[str]) -> None:
    lock = DataLock(path.parent)
    lock.acquire()
    result = run(path, *words)
    lock.release()
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"is in use by pid {os.getpid()}" in result.stderr


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_where_there_is_no_ledger_none_is_made(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    result = run(tmp_path / "data" / "vigil.db", *words)
    assert result.exit_code == 1
    assert f"there is no ledger at {tmp_path}/data/vigil.db yet" in result.stderr
    assert not (tmp_path / "data").exists()


def test_settings_that_do_not_hold_are_78(path: Path) -> None:
    (path.parent.parent / "settings.toml").write_text("[supervisr]\n")
    result = run(path, "backup")
    assert result.exit_code == 78
    assert "supervisr" in result.stderr


def test_a_daemon_may_start_when_a_word_is_done(path: Path) -> None:
    assert run(path, "rebuild").exit_code == 0
    lock = DataLock(path.parent)
    lock.acquire()
    lock.release()


# --------------------------------------------------------------------------- rebuild


def test_a_ledger_that_agrees_is_fine_and_counted(path: Path) -> None:
    result = run(path, "rebuild", "--check")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "11 statements make 4 fills, 3 orders, 1 balances, 1 positions, 1 cash_moves",
        "ledger and journal agree",
    ]
    assert sorted(one.name for one in path.parent.iterdir() if "rebuild" in one.name) == []


def test_a_check_names_what_was_meddled_with_and_leaves_it(path: Path) -> None:
    meddle(path)
    for _ in range(2):
        result = run(path, "rebuild", "--check")
        assert result.exit_code == 1
        assert (
            "  fills main spot BTCUSDT 7 2: price is 1, the journal says 60000\n1 difference\n"
            in result.stdout
        )


def test_a_rebuild_tells_the_same_and_puts_it_right(path: Path) -> None:
    meddle(path)
    document = json.loads(run(path, "rebuild", "--json").stdout)
    assert (document["different"], document["put_right"]) == (1, True)
    assert document["rows"]["fills"] == 4
    result = run(path, "rebuild", "--check", "--json")
    assert (result.exit_code, json.loads(result.stdout)["differences"]) == (0, [])


def test_what_a_killed_rebuild_left_is_removed(path: Path) -> None:
    left = path.parent / "vigil-rebuild-abc"
    left.mkdir()
    run(path, "rebuild", "--check")
    assert not left.exists()


# ------------------------------------------------------------------- backup and vacuum


def test_a_copy_lies_beside_the_ledger_where_nobody_says_where(path: Path) -> None:
    document = json.loads(run(path, "backup", "--json").stdout)
    copy = Path(document["path"])
    assert copy.parent == path.parent / "backups"
    assert (document["size"], document["rows"]["fills"]) == (copy.stat().st_size, 4)
    assert rows(url(copy), "journal") == rows(url(path), "journal")


def test_a_named_copy_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    result = run(path, "backup", str(target))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{target}: ")
    assert "good; 1 balances, 1 cash_moves, 4 fills" in result.stdout
    again = run(path, "backup", str(target))
    assert again.exit_code == 1
    assert f"{target} exists already" in again.stderr


def test_a_server_has_a_tool_of_its_own(path: Path) -> None:
    (path.parent.parent / "settings.toml").write_text(
        '[database]\nurl = "postgresql://vigil:secret@localhost/vigil"\n'
    )
    result = run(path, "backup")
    assert result.exit_code == 1
    assert "pg_dump" in result.stderr
    assert "secret" not in result.stderr


def test_a_vacuum_says_what_it_brought(path: Path) -> None:
    result = run(path, "vacuum")
    assert result.exit_code == 0
    assert " before, " in result.stdout
    document = json.loads(run(path, "vacuum", "--json").stdout)
    assert document["after"] == path.stat().st_size


# ---------------------------------------------------------------------------- export


@pytest.fixture
def told(path: Path) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """What the reader answers, by kind."""
    reader = Reader(url(path))
    yield {
        "fills": reader.fills(limit=0),
        "orders": reader.orders(limit=0),
        "balances": reader.balances(),
        "positions": reader.positions(),
        "cash": reader.cash(limit=0),
        "journal": reader.journal(),
        "incidents": reader.incidents(limit=0),
    }
    reader.close()


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("page", [1, 5000])
def test_json_lines_are_every_row_as_it_is_answered(
    path: Path,
    told: dict[str, list[dict[str, Any]]],
    what: str,
    page: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", page)
    monkeypatch.setattr("models.read.MOST_ROWS", page)
    assert told[what]
    assert lines(run(path, "export", what, "--format", "jsonl")) == told[what]


@pytest.mark.parametrize("what", KINDS)
def test_csv_reads_back_as_the_same_texts(
    path: Path, told: dict[str, list[dict[str, Any]]], what: str
) -> None:
    result = run(path, "export", what)
    found = list(csv.DictReader(io.StringIO(result.stdout, newline="")))
    assert len(found) == len(told[what])
    for row, original in zip(found, told[what], strict=True):
        if what == "journal":
            assert json.loads(row.pop("fact")) == original.pop("fact")
        assert row == {name: "" if value is None else str(value) for name, value in original.items()}


def test_an_export_can_be_narrowed(path: Path) -> None:
    def keys(*words: str, key: str = "trade_id") -> list[str]:
        return [row[key] for row in lines(run(path, "export", *words, "--format", "jsonl"))]

    assert keys("fills", "--account", "other") == ["9"]
    assert keys("fills", "--symbol", "ETHUSDT", "--since", str(NOW + 1)) == ["3"]
    assert keys("journal", "--symbol", "ETHUSDT", key="key") == ["3"]
    assert keys("journal", "--since", str(2**52)) == []
    assert keys("balances", "--symbol", "BTC", key="asset") == []
    assert keys("orders", "--since", str(NOW), key="order_id") == ["7"]
    assert keys("incidents", "--account", "other", key="key") == []


def test_a_file_is_there_whole_or_as_it_was(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "fills.csv"
    target.write_text("before")

    def breaks(*_: Any) -> Any:
        yield []
        assert list(tmp_path.glob(".fills.csv.part"))
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(export, "pages", lambda *_, **__: breaks())
        result = run(path, "export", "fills", "--output", str(target))
    assert (result.exit_code, result.stderr) == (1, "vigil: the disk is full\n")
    assert target.read_text() == "before"
    assert not list(tmp_path.glob(".*"))
    assert run(path, "export", "fills", "--output", str(target)).stdout == f"{target}: 4 rows\n"
    assert target.read_text() == run(path, "export", "fills").stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_what_is_no_file_is_written_to_and_not_replaced(path: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR)  # holds it open, whatever happens
    assert run(path, "export", "cash", "--output", str(pipe)).exit_code == 0
    assert os.read(end, 65_536).decode() == run(path, "export", "cash").stdout
    os.close(end)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fils"], "'fils' is not one of"),
        (["fills", "--since", "yesterday"], "'yesterday' is no time: write 1h"),
        (["cash", "--symbol", "BTC"], "cash have no symbol"),
        (["fills", "--format", "xml"], "'xml' is not one of"),
    ],
)
def test_what_is_not_understood_is_usage(path: Path, words: list[str], said: str) -> None:
    result = run(path, "export", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_the_words_cost_the_command_line_nothing_that_is_slow_to_import() -> None:
    script = (
        "import sys\n"
        "from host.upkeep import commands\n"
        "commands(lambda _: None)\n"
        "heavy = 'peewee pydantic pykka rich msgspec structlog models'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
