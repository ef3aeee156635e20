"""`reload`: asked of the host, and waited for in the thread of the client who asked.

It may take as long as a sandbox takes to start; nobody else waits with him.
"""

import threading
from collections.abc import Callable

from control.services import Services
from control.words import RELOAD_WITHIN
from core.status import Document

LISTEN = 0.25  # seconds between two looks at whether anybody still listens
UNKNOWN = "no word of what came of it: the log says more"


class Reload:
    """Begun when it is made; `wait` returns what came of it, once."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._until = self._clock.monotonic() + RELOAD_WITHIN
        self._said: Document | None = None
        self._heard = threading.Event()
        asked = "asked by a client" if services.front == "control" else "asked on the page"
        services.reload(asked, self._hear)

    def wait(self, is_heard: Callable[[], bool]) -> Document:
        """What was applied, or why nothing was."""
        while not self._heard.wait(LISTEN) and is_heard() and self._clock.monotonic() < self._until:
            pass
        return self._said or {"applied": False, "problems": [UNKNOWN]}

    def _hear(self, said: Document) -> None:
        self._said = said
        self._heard.set()
