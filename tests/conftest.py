"""What holds for the whole suite.

A test that was left out is named with its reason; where VIGIL_NOTHING_LEFT_OUT
is set (the continuous integration sets it) it fails the run, so that a missing
system package can not pass for a green suite.

The suite runs on several workers. Tests that share something dear (a fixture of
their module's: a sandbox, a daemon) go to one of them together. A story of real
time that failed beside the others is told once more by itself (`support/alone`).
"""

import os
import re
import sys
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from models.database import prepare
from tests.support.alone import pass_alone
from tests.support.ledger import url
from tests.support.postgres import MISSING, Postgres, programs

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("vigil", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vigil")

HERE = Path(__file__).parent
LONGEST = (
    "test_stranger.py",
    "test_bad_secrets.py",
    "end_to_end/test_prices.py",
    "test_b04_lost_frame.py",
    "test_live.py",
    "test_public_prices.py",
    "test_trading_against_sandbox.py",
    "test_b16_mismatch.py",
    "test_trader_drill.py",
    "test_b20_clock_steps.py",
    "test_trades.py",
    "test_kill.py",
)
"""What takes a worker half a minute and more, and is not divided."""
LONG = ("end_to_end", "page", "drill", "test_watch.py", "test_add_an_exchange.py")
"""What waits for whole daemons."""
SHARED = re.compile(r"@pytest\.fixture\([^)]*scope=.module")

_left_out: list[str] = []
_failed: dict[str, None] = {}  # in the order in which they failed


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, the same one for all tests of this worker."""
    installed = programs()
    if installed is None:
        pytest.skip(MISSING)
    server = Postgres(installed)
    try:
        server.start()
        server.tell("CREATE DATABASE migrated")
        prepare(server.url("migrated"))
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new ledger: in a file, then on a server. Tests of the ledger are of both."""
    if request.param == "sqlite":
        prepare(url(tmp_path / "vigil.db"))
        yield url(tmp_path / "vigil.db")
        return
    with request.getfixturevalue("postgres").database(template="migrated") as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a place where no ledger is yet."""
    if request.param == "sqlite":
        yield url(tmp_path / "vigil.db")
        return
    with request.getfixturevalue("postgres").database() as address:
        yield address


def _shares(file: Path) -> bool:
    """Whether the tests of this file share a fixture of their module's: their own, or one of a conftest."""
    beside = [folder / "conftest.py" for folder in file.parents if HERE in (folder, *folder.parents)]
    return any(SHARED.search(one.read_text()) for one in (file, *beside) if one.exists())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: begun last, one worker would wait for it alone."""
    items.sort(key=lambda item: _turn(item.path))


def _turn(file: Path) -> int:
    for turn, name in enumerate(LONGEST):
        if str(file).endswith(name):
            return turn
    return len(LONGEST) + (not any(part in LONG for part in file.parts))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """xdist's own groups are no way to this: it writes them into ids, which pytest 9 keeps to itself."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if shares(config.rootpath / file) else nodeid

    shares = cache(_shares)
    config.option.loadscopereorder = False  # it would take those with most tests first, and these have few
    return ByWhatIsShared(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _left_out.append(f"{report.nodeid}: {reason}")
    elif report.failed:
        _failed[report.nodeid] = None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _left_out:
        terminalreporter.write_line(f"left out: {line}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None]:
    yield  # the reports of all that failed come first
    several = not hasattr(session.config, "workerinput") and session.config.getvalue("numprocesses")
    if exitstatus == pytest.ExitCode.TESTS_FAILED and several and pass_alone(_failed):
        sys.stdout.write(f"failed beside others, passed by themselves: {', '.join(_failed)}\n")
        session.exitstatus = pytest.ExitCode.OK
    if _left_out and session.exitstatus == pytest.ExitCode.OK and os.environ.get("VIGIL_NOTHING_LEFT_OUT"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
