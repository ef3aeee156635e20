"""A whole daemon: the drill's own, started as a fork so that it is there at once."""

from drill import daemon
from drill.daemon import ROOT, Refused
from tests.support.forkserver import fork

__all__ = ["ROOT", "Daemon", "Refused"]


class Daemon(daemon.Daemon):
    """Where `is_forked` is False it is started as a user starts it (see tests/support/forkserver)."""

    is_forked = True

    def launch(self) -> None:
        if not self.is_forked:
            super().launch()
            return
        with self.log_path.open("ab") as words:
            self.process = fork(self._command()[1:], self.home, self.env, words.fileno())
