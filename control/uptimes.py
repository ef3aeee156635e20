"""The uptime of every account, kept up to date between two questions.

The states that accounts went through only ever grow, so each is read once: who
asks reads on from where the last one stopped. What the numbers mean, core/uptime
says.
"""

import threading
from typing import Any

import msgspec

from core.records import ConnectionState
from core.uptime import Tally, Uptime, abandoned, follow, is_broken, uptime
from models.read import Reader, Row

UNSEEN: dict[str, Any] = msgspec.structs.asdict(Uptime())


class Uptimes:
    """For all threads. States up to row `newest` were entered under earlier daemons."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._lock = threading.Lock()
        self._read_up_to = 0
        self._tallies: dict[str, Tally] = {}
        self._last_rows: dict[str, int] = {}

    def of_accounts(self, reader: Reader, now: int) -> dict[str, dict[str, Any]]:
        """The fields of an Uptime for each account that has ever been seen. Raises DatabaseProblem."""
        with self._lock:
            while rows := reader.transitions(after=self._read_up_to):
                for row in rows:
                    self._follow(reader, row)
            return {
                account: msgspec.structs.asdict(uptime(self._present(reader, account, now), now))
                for account in self._tallies
            }

    def _follow(self, reader: Reader, row: Row) -> None:
        entered = ConnectionState(**{name: row[name] for name in ConnectionState.__struct_fields__})
        tally = self._tallies.get(entered.account)
        alive_at = None
        if is_broken(tally, entered):
            alive_at = reader.alive_at(entered.account, before=entered.at)
        self._tallies[entered.account] = follow(tally, entered, alive_at)
        self._read_up_to = self._last_rows[entered.account] = row["id"]

    def _present(self, reader: Reader, account: str, now: int) -> Tally:
        """As it is now. Of which this daemon has said nothing, the state went with an earlier one."""
        tally = self._tallies[account]
        if self._last_rows[account] > self._newest:
            return tally
        return abandoned(tally, reader.alive_at(account, before=now), now)
