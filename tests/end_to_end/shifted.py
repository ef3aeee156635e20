"""A daemon whose wall clock somebody moves: `Shifted` in the test, `main` in its process.

The machine's own clock is everybody's, so the process is shown another one: what
reads the wall clock there (our clock, the scheduler) reads it through here. The
monotonic clocks are left alone, as they are by whoever sets the time.
"""

import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from tests.support.daemon import ROOT, Daemon


class Shifted(Daemon):
    """A daemon with a clock of its own."""

    program = ("-m", "tests.end_to_end.shifted")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.env["PYTHONPATH"] = str(ROOT)
        self.shift(0)

    def shift(self, seconds: int) -> None:
        """From now on its wall clock is ahead of ours by so much."""
        fresh = self.home / "shift.new"
        fresh.write_text(str(seconds))
        fresh.replace(self.home / "shift")


# ------------------------------------------------------------ inside that process

_real_time_ns = time.time_ns


def _seconds() -> int:
    return int(Path("shift").read_text())


def _time_ns() -> int:
    return _real_time_ns() + _seconds() * 1_000_000_000


class _ShiftedDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_ShiftedDatetime":
        return super().now(tz) + timedelta(seconds=_seconds())


def main() -> None:
    from apscheduler.schedulers import base
    from apscheduler.triggers import interval

    import supervisor
    from control.cli import Offline
    from control.cli import main as command_line

    time.time_ns = _time_ns
    time.time = lambda: _time_ns() / 1e9
    base.datetime = interval.datetime = _ShiftedDatetime
    offline = Offline(run=supervisor._be_the_daemon, check=supervisor._check)
    command_line(Path("settings.toml"), offline)


if __name__ == "__main__":
    main()
