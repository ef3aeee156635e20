"""Where questions that take time are answered: a few threads, none of them the server's own.

Reading the ledger blocks, and an event loop that blocks is deaf to everybody. Each
question has the ledger to itself and closes it behind itself; more of them than there
are threads wait for their turn.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from control.services import Services
from models.read import Reader

T = TypeVar("T")

THREADS = 4


class Desk:
    """For the event loop; `close` does not wait for answers that are being made."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web-desk")
        self._patient = ThreadPoolExecutor(THREADS, thread_name_prefix="web-audit")
        self.is_closed = False

    async def read(self, question: Callable[[Reader], T]) -> T:
        """What it answers, asked in a thread with a reader of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)

    async def wait(self, work: Callable[[], T]) -> T:
        """What takes minutes, apart from what takes moments."""
        return await asyncio.get_running_loop().run_in_executor(self._patient, work)

    def close(self) -> None:
        self.is_closed = True
        for threads in (self._threads, self._patient):
            threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, question: Callable[[Reader], T]) -> T:
        reader = self._services.reader()
        try:
            with self._services.turn():
                return question(reader)
        finally:
            reader.close()
