"""The drill as a user runs it: it passes a good daemon, finds out a bad one, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.menu import MENU, Machine, Trade, Wait
from drill.round import Round, Seat
from drill.running import sandboxes
from host.lock import DataLock
from tests.drill.forgetful import Forgetful
from tests.support.daemon import ROOT
from tests.support.waiting import eventually

FAULTS = ("drop", "lose-one", "locked")
EXCHANGES = ("bybit", "cryptocom")


@pytest.fixture
def tmp() -> Iterator[Path]:
    """A folder with a short name, for the path of a socket below it may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="t-"))
    yield folder
    shutil.rmtree(folder)


def started(tmp: Path, *words: str) -> "subprocess.Popen[str]":
    """`python supervisor.py drill …` that makes its temporary folders in `tmp`."""
    return subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "supervisor.py"),
            "--settings",
            str(tmp / "settings.toml"),
            "drill",
            *words,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp)},
    )


def processes(tmp: Path) -> list[str]:
    """The command line of every process that works in there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended
                continue
            found += [words] if f"{tmp}/" in words and " drill" not in words else []
    return found


def test_a_short_drill_of_two_exchanges_loses_and_doubles_nothing(tmp: Path) -> None:
    words = [word for name in FAULTS for word in ("--fault", name)]
    words += [word for name in EXCHANGES for word in ("--exchange", name)]
    process = started(tmp, "--json", "--jobs", "3", *words)
    out, err = process.communicate(timeout=100)
    document: dict[str, Any] = json.loads(out)
    assert process.returncode == 0, err
    assert {(row["fault"], row["exchange"]) for row in document["rows"]} == {
        (fault, exchange) for fault in FAULTS for exchange in EXCHANGES
    }
    assert (document["lost"], document["doubled"], document["wrong"]) == (0, 0, 0)
    for row in document["rows"]:
        assert row["repaired_after_s"] is not None
        assert (row["noticed_after_s"] is not None) or not row["must_notice"]
        assert row["score"] > 0
    is_odd = any(row["remarks"] for row in document["rows"])
    assert bool(list(tmp.iterdir())) == is_odd, err
    assert processes(tmp) == []


def test_a_daemon_that_loses_one_fill_and_doubles_another_is_found_out(tmp: Path) -> None:
    """Otherwise a drill that finds nothing would mean nothing."""
    entry = MENU["duplicate"]._replace(patience=3)
    with sandboxes(1, ("binance",)) as (box,):
        (found,) = Round(entry, [Seat("binance", 1, box)], tmp, make=Forgetful).play()
    assert (found.lost, found.doubled, found.repaired_after_s) == (1, 1, None)
    assert any("missing in fills" in text for text in found.remarks)
    assert any("not well within" in text for text in found.remarks)


def test_a_daemon_that_dies_is_a_finding_and_not_the_end_of_the_drill(tmp: Path) -> None:
    """A round that breaks says how its daemon ended."""
    entry = MENU["killed"]._replace(steps=(Machine("kill"), Wait(0.1), Trade()))
    with (
        sandboxes(1, ("binance",)) as (box,),
        pytest.raises(RuntimeError, match="the daemon has ended with -9"),
    ):
        Round(entry, [Seat("binance", 1, box)], tmp / "home").play()


def test_beside_a_daemon_that_holds_the_data_directory_there_is_no_drill(tmp: Path) -> None:
    """It would take that one's processor time; the settings say where to look, and need not be there."""
    lock = DataLock(tmp / "data")
    lock.acquire()
    refused = started(tmp, "--fault", "drop")
    _, err = refused.communicate(timeout=20)
    assert (refused.returncode, f"is in use by pid {os.getpid()}: stop that daemon first" in err) == (1, True)
    lock.release()
    listed = started(tmp, "--list")
    out, _ = listed.communicate(timeout=20)
    assert (listed.returncode, out.split()[0]) == (0, "drop")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drill_that_is_interrupted_leaves_neither_processes_nor_data(tmp: Path, number: int) -> None:
    process = started(tmp, "--exchange", "binance", "--fault", "swallow-ack")
    eventually(lambda: len(processes(tmp)), lambda count: count >= 2, within=30, what="sandbox and daemon")
    process.send_signal(number)
    process.communicate(timeout=40)
    assert process.returncode == 130
    eventually(lambda: processes(tmp), lambda left: not left, what="the end of every process")
    assert list(tmp.iterdir()) == []
