"""The one scheduler of the process, and how little it is trusted with.

APScheduler goes by the wall clock, and a job that blocks or fails is trouble for
all. So a job does nothing but tell an actor "look at what is due"; the actor
decides on its own clock. What the wall clock's steps would do to the jobs (an
hour back: no tick for an hour) the host mends with `rearm`, when it sees wall
and monotonic time part.

Jobs run in the scheduler's own thread: telling takes microseconds, and a pool of
threads for it would only add a hop.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

Tell = Callable[[], object]

logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it announces each job that comes and goes


class Ticker:
    """Thread-safe. A job's id is child#generation: its generation takes it away when it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[float, Tell]] = {}
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": DebugExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.start()

    def every(self, job_id: str, seconds: float, tell: Tell) -> None:
        """Call `tell` every `seconds` until removed; a job of the same id is replaced."""
        with self._lock:
            self._jobs[job_id] = (seconds, tell)
            self._add(job_id, seconds, tell)

    def remove(self, job_id: str) -> None:
        """No tick of this job begins after this. Removing what is not there is fine."""
        with self._lock:
            if self._jobs.pop(job_id, None) is not None:
                with suppress(JobLookupError):
                    self._scheduler.remove_job(job_id)

    def rearm(self) -> None:
        """The wall clock stepped: count every job's period from now."""
        with self._lock:
            for job_id, (seconds, tell) in self._jobs.items():
                self._add(job_id, seconds, tell)

    def jobs(self) -> frozenset[str]:
        """The ids of the jobs there are."""
        with self._lock:
            return frozenset(self._jobs)

    def shutdown(self) -> None:
        """End the scheduler's thread; no job runs any more."""
        with self._lock:
            self._jobs.clear()
        self._scheduler.shutdown()

    def _add(self, job_id: str, seconds: float, tell: Tell) -> None:
        trigger = IntervalTrigger(seconds=seconds, timezone="UTC")
        self._scheduler.add_job(tell, trigger, id=job_id, replace_existing=True)
