"""Who watches the supervisor: the main thread, and above it systemd (S26).

The main thread pings the supervisor once a second. Thirty seconds in which
thirty pings found no answer mean that the one who restarts everybody hangs
itself (elapsed time alone means nothing: the whole process may have been
stopped and continued); nothing inside this process can
mend that, so all stacks are written down and the process ends with code 75 for
its parent to start anew. systemd is told of health only while pings are
answered, so its own watchdog sees the same thing.
"""

import faulthandler
import os
import socket
import sys
from collections.abc import Callable

import structlog

from core.clock import Clock

SILENCE = 30.0
EXIT_CODE = 75

log = structlog.get_logger()


class Watchdog:
    """Call `look` about once a second with the number of the last ping answered."""

    def __init__(
        self,
        clock: Clock,
        ping: Callable[[int], None],
        notify: Callable[[str], None],
        give_up: Callable[[float], None],
        *,
        silence: float = SILENCE,
    ) -> None:
        self._clock = clock
        self._ping = ping
        self._notify = notify
        self._give_up = give_up
        self._silence = silence
        self._sent = 0
        self._answered = 0
        self._answered_at = clock.monotonic()

    def look(self, answered: int) -> None:
        """Judge the last answer, then ping again."""
        now = self._clock.monotonic()
        if answered > self._answered:
            self._answered, self._answered_at = answered, now
            self._notify("WATCHDOG=1")
        elif self._sent - self._answered >= self._silence and now - self._answered_at >= self._silence:
            self._give_up(now - self._answered_at)
        self._sent += 1
        self._ping(self._sent)


def write_stacks_and_exit(silent_for: float) -> None:
    """Log every thread's stack and leave at once: nobody is left who could stop in order."""
    log.critical("supervisor_silent", silent_for=round(silent_for, 1), exit_code=EXIT_CODE)
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    sys.stderr.flush()
    os._exit(EXIT_CODE)


def systemd_notifier(address: str | None) -> Callable[[str], None]:
    """A function that sends one state to $NOTIFY_SOCKET, or does nothing where there is none.

    Source: sd_notify(3); "@" begins an abstract socket.
    """
    if not address:
        return lambda _state: None
    target = "\0" + address[1:] if address.startswith("@") else address

    def send(state: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(state.encode(), target)
            except OSError as error:
                log.warning("systemd_not_reached", error=str(error))

    return send
