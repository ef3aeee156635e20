"""Which settings hold now, and what a person should know about the file as it is."""

from core.problems import Problem
from core.report import SettingsInfo
from host.configuration import Loaded


class InForce:
    """Read by anybody; written by the one thread that reloads.

    `error` says why the file as it is now was refused, `later` what of it has to
    wait for the next start.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.error: str | None = None
        self.later: tuple[Problem, ...] = ()

    def info(self) -> SettingsInfo:
        """What `status` shows of them."""
        warnings = (*self.loaded.warnings, *self.later)
        return SettingsInfo(str(self.loaded.path), self.error, tuple(str(problem) for problem in warnings))
