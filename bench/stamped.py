"""A whole daemon that remembers when it committed and asked what: `Stamped` for the bench, `main` in its process.

Nothing else of it differs from `python supervisor.py`. The moment of a commit is that at
which the feed is told of it, and that of a call the one at which it is handed to the
transport, on the machine's monotonic clock; they are kept in memory and written down when
the daemon ends.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from core.wire import Call, Reply
from tests.support.daemon import ROOT, Daemon
from tests.support.waiting import eventually

COMMITS, CALLS = "commits", "calls"


class Stamped(Daemon):
    """A daemon with a page on a port of its own."""

    program = ("-m", "bench.stamped")
    is_forked = False  # nothing of what is measured is another process's

    def __init__(self, home: Path, settings: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(home, settings.replace('listen = ""', 'listen = "127.0.0.1:0"'), env)
        self.env["PYTHONPATH"] = str(ROOT)

    def page(self) -> tuple[str, int]:
        """Where it is served."""
        parts = urlsplit(eventually(lambda: self.ask("version")["web"], what="a page"))
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def commits(self) -> list[tuple[int, int]]:
        """Sequence and nanosecond of every commit, once it has ended."""
        lines = (self.home / COMMITS).read_text().splitlines()
        return [(int(sequence), int(ns)) for sequence, ns in (line.split() for line in lines)]

    def calls(self, path: str) -> list[int]:
        """Nanosecond of every call of that path, once it has ended."""
        calls = (line.split() for line in (self.home / CALLS).read_text().splitlines())
        return [int(ns) for ns, called in calls if called == path]

    def seconds(self) -> float:
        """Processor time that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------ inside that process


def _be_the_daemon(settings: Path) -> int:
    import host.run
    from bench.pipeline import StampingFeed
    from supervisor import Supervisor

    feed = StampingFeed()
    vars(host.run)["Feed"] = lambda: feed
    calls = _stamp_calls()
    code = host.run.run(Supervisor, settings)
    Path(COMMITS).write_text("".join(f"{sequence} {ns}\n" for sequence, ns in feed.heard))
    Path(CALLS).write_text("".join(f"{ns} {path}\n" for ns, path in calls))
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _stamp_calls() -> list[tuple[int, str]]:
    """Nanosecond and path of every call from now on, whoever makes it."""
    from transport.rest import RestClient

    stamped, plain = list[tuple[int, str]](), RestClient.call

    def call(self: RestClient, call: Call, *, urgent: bool = False) -> Reply:
        stamped.append((time.monotonic_ns(), call.path))
        return plain(self, call, urgent=urgent)

    RestClient.call = call  # type: ignore[method-assign]
    return stamped


def main() -> None:
    import supervisor
    from control.cli import Offline
    from control.cli import main as command_line

    offline = Offline(run=_be_the_daemon, check=supervisor._check)
    command_line(Path("settings.toml"), offline)


if __name__ == "__main__":
    main()
