"""The daemon's life on the main thread, from the lock to the exit code.

Read top to bottom, `run` is the start and the stop: settings, secrets, lock,
logging, sandbox, inlet, supervisor; then one second after another of signals,
watchdog and clock, while a thread beside it (`host.reload`) follows the settings;
then everything in reverse. The main thread tells and never
asks, so no actor can keep it from leaving.

Exit codes: 0 stopped as asked, 1 could not start, 70 escalated, 75 watchdog,
78 bad settings, 130 a second signal cut the stop short.
"""

import os
import random
import secrets
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pykka
import structlog

from actors.base import Address, Directory
from actors.feed import Feed
from actors.inlet import Inlet
from actors.notifier import MEMORY, Notebook
from actors.price_poller import INCIDENT as PRICE_LACKING
from core.clock import SystemClock
from core.errors import FatalError, VigilError
from core.messages import Ping, StopDaemon
from core.problems import Problem
from core.records import Incident, Record
from core.status import LedgerVitals, Vitals
from host import interpreter, prices
from host.alerts import addresses
from host.clocks import StepDetector
from host.configuration import Loaded, SettingsError, load
from host.front import VERSION, Board, services
from host.in_force import InForce
from host.keyring import Keyring
from host.lock import DataLock
from host.logs import Masker, configure
from host.memories import Memories
from host.plan import GroupPlan, Pulse, Wiring
from host.reload import Reloader
from host.signals import Signals
from host.tenants import Marks, Tenants, web_token
from host.ticker import Ticker
from host.traders import trader_children
from host.tree import House, Tenant, account_groups, account_plan, core_group
from host.vault import Custody, custody
from host.watch import Watcher
from host.watchdog import Watchdog, systemd_notifier, write_stacks_and_exit
from models.database import prepare
from models.read import Reader, Row
from transport.origin import Origins

log = structlog.get_logger()

FINE, CANNOT_START, BAD_SETTINGS, INTERRUPTED = 0, 1, 78, 130
STOP_DEADLINE = 4.4
"""Seconds from the first signal to the last flush: the supervisor has 4 (S33), the exit as such takes the rest."""


def run(supervisor: type[pykka.ThreadingActor], path: Path) -> int:
    """Be the daemon that `path` describes, until it is stopped; the exit code."""
    masker = Masker()
    try:
        loaded = load(path)
        kept = custody(loaded, learn=masker.learn)
        _try_key(loaded.settings.vault.key, kept.keys)
        tenants = Tenants(masker, kept.secrets)
        read = tenants.real(loaded)
    except SettingsError as error:
        for problem in error.problems:
            _say(f"{problem.severity}: {problem}")
        return BAD_SETTINGS
    interpreter.tune()
    os.umask(0o077)  # ledger, log and spill are for our user alone, also in a folder that is not
    daemon = Daemon(loaded, masker, kept, tenants, read.marks)
    # before anything slow, for a stop that comes during the start is an ordered one as well; and to
    # the very end, for one that comes then must not cut off what is being written
    with Signals() as signals:
        try:
            return daemon.live(supervisor, read.tenants, signals)
        except (VigilError, OSError) as error:
            if structlog.is_configured():  # else the log would be a second line of the same on the terminal
                log.critical("cannot_start", error=str(error))
            _say(f"error: {error}")
            return CANNOT_START
        finally:
            daemon.clear_up()


class Daemon:
    """Everything that is there before the first actor and after the last."""

    def __init__(self, loaded: Loaded, masker: Masker, kept: Custody, tenants: Tenants, marks: Marks) -> None:
        self._loaded = loaded
        self._masker = masker
        self._kept = kept
        self._tenants = tenants
        self._clock = SystemClock()
        self._in_force = InForce(loaded)
        self._reloader = Reloader(self._in_force, tenants, marks, self._clock, self._record)
        self._watcher = Watcher(self._reloader.files, self._reloader.saved)
        self._lock: DataLock | None = None
        self._inlet: Inlet | None = None
        self._ticker: Ticker | None = None

    def live(
        self, supervisor: type[pykka.ThreadingActor], tenants: dict[str, Tenant], signals: Signals
    ) -> int:
        """From the lock to the last word of the supervisor."""
        settings = self._loaded.settings
        lock = DataLock(settings.supervisor.data_dir)
        lock.acquire()
        self._lock = lock
        configure(settings.supervisor.log_level, settings.supervisor.log_file, self._masker)
        self._tell_what_was_read()
        prepare(settings.database.url)
        tenants = tenants | self._tenants.guests(self._loaded)
        return self._watch(supervisor, self._house(), tenants, signals)

    def clear_up(self) -> None:
        """What was not committed (the last words of the actors, if nothing else) is synced to the spill."""
        if self._inlet is not None and (left := self._inlet.close()):
            log.info("kept_for_the_next_start", entries=left)
        self._tenants.stop()
        if self._lock is not None:
            self._lock.release()

    # -------------------------------------------------------------------- start

    def _tell_what_was_read(self) -> None:
        log.info("daemon_starting", version=VERSION, pid=os.getpid(), settings=str(self._loaded.path))
        for problem in self._loaded.warnings:
            log.warning("settings_warning", problem=str(problem))
        for seen in self._loaded.older:
            log.info("older_environment_name", name=seen[0], outcome=seen[1])

    def _house(self) -> House:
        settings, ledger = self._loaded.settings, LedgerVitals()
        inlet = self._inlet = Inlet(settings.supervisor.data_dir / "spill", self._clock, ledger)
        ticker = self._ticker = Ticker()
        left = _left(settings.database.url)
        self._end_orphaned(left.incidents)
        house = House(
            settings=settings,
            directory=Directory(self._clock, self._record),
            inlet=inlet,
            feed=Feed(),
            ledger=ledger,
            ticker=ticker,
            origins=Origins(self._clock),
            memories=Memories(
                self._clock, self._kept.keys, self._record, self._masker.learn, left.remembered
            ),
            vitals={account: Vitals(ends) for account, ends in left.proven.items()},
            told=Notebook(left.remembered.get(MEMORY)),
            address=addresses(self._kept.secrets, learn=self._masker.learn),
            web_token=lambda: web_token(self._in_force.loaded.settings, self._kept.secrets),
            states_before=left.newest_state,
        )
        if settings.trader.enabled:
            house.quotes = prices.board(house, self._clock)
        return house

    def _end_orphaned(self, incidents: list[Row]) -> None:
        """What nobody would see end, would be open, and be told, for ever.

        So of an account that nobody serves any more, and of prices: who lacks one now, says so again.
        """
        at, served = self._clock.wall_ms(), self._loaded.startable()
        for row in incidents:
            if row["kind"] == PRICE_LACKING or (row["account"] is not None and row["account"] not in served):
                over = (row["key"], row["kind"], row["severity"], row["text"], row["account"])
                self._record(Incident(at, *over, resolved=True))

    def _record(self, record: Record) -> None:
        """An exchange may echo a key in its complaint: no secret is stored with it."""
        assert self._inlet is not None, "there is an inlet before anybody has something to record"
        self._inlet.record(self._masker.record(record))

    def _wiring(
        self, house: House, board: Board, tenants: dict[str, Tenant], pulse: Pulse, signals: Signals
    ) -> Wiring:
        boot = secrets.token_hex(4)
        front = services(
            house,
            board,
            self._in_force,
            self._clock,
            masker=self._masker,
            supervisor=house.directory.address("supervisor"),
            reload=self._reloader.wish,
            disturb=self._tenants.disturb,
            boot=boot,
        )
        groups: list[GroupPlan] = [core_group(house, front)]
        for tenant in tenants.values():
            groups += account_groups(house, tenant)
        groups += prices.trading_groups(house, tenants, trader_children(house, tenants, board.state_of))
        accounts = self._loaded.settings.accounts.items()
        return Wiring(
            clock=self._clock,
            boot=boot,
            groups=groups,
            accounts=[account_plan(name, account, enabled=name in tenants) for name, account in accounts],
            directory=house.directory,
            record=self._record,
            publish=board.publish,
            vitals=house.vitals,
            fence=house.inlet.fence,
            ticker_remove=house.ticker.remove,
            on_exit=signals.all_down,
            paused=_paused(house),
            pulse=pulse,
            seed=random.SystemRandom().getrandbits(32),
        )

    # --------------------------------------------------------------------- watch

    def _watch(
        self,
        supervisor: type[pykka.ThreadingActor],
        house: House,
        tenants: dict[str, Tenant],
        signals: Signals,
    ) -> int:
        board, pulse = Board(), Pulse()
        supervisor.start(self._wiring(house, board, tenants, pulse, signals))
        address = house.directory.address("supervisor")
        self._reloader.start(house, address)
        self._watcher.start()
        notify = systemd_notifier(os.environ.get("NOTIFY_SOCKET"))
        watchdog = Watchdog(self._clock, lambda n: _ping(address, n), notify, write_stacks_and_exit)
        steps = StepDetector(self._clock)
        ready = False
        while (woken := signals.wait(1.0)) in (None, "reload"):
            if woken == "reload":
                self._reloader.wish("SIGHUP")
            watchdog.look(pulse.answered)
            if (moved := steps.stepped()) is not None:
                log.warning("wall_clock_stepped", seconds=round(moved, 3))
                house.ticker.rearm()
            if not ready and board.snapshot.core_ready:
                ready = True
                notify("READY=1")
        return self._stop(address, signals, notify)

    def _stop(self, address: Any, signals: Signals, notify: Any) -> int:
        """The ordered stop; what has not ended by the deadline is left behind."""
        self._watcher.stop()
        self._reloader.stop()
        if signals.exit is None:
            notify("STOPPING=1")
            log.info("daemon_stopping", cause=signals.cause)
            address.urge(StopDaemon(signals.cause))
            deadline = self._clock.monotonic() + STOP_DEADLINE
            while signals.exit is None and (left := deadline - self._clock.monotonic()) > 0:
                if signals.wait(left) == "signal":
                    log.warning("stop_cut_short")
                    return INTERRUPTED
        code, why = signals.exit or (CANNOT_START, "not everything stopped in time")
        log.info("daemon_stopped", exit_code=code, why=why)
        if code != FINE:
            _say(self._masker.text(f"error: {why}"))
        return code


def _paused(house: House) -> frozenset[str]:
    """The accounts that a person paused and nobody has resumed, whatever happened in between."""
    remembered = _left(house.settings.database.url).remembered
    return frozenset(key.removeprefix("paused:") for key in remembered if key.startswith("paused:"))


class _Left(NamedTuple):
    """What earlier daemons left: what they remembered, proved, left open, and the last state they wrote."""

    remembered: dict[str, str]
    proven: dict[str, dict[str, int]]
    newest_state: int
    incidents: list[Row]


def _left(url: str) -> _Left:
    reader = Reader(url)
    try:
        return _Left(
            reader.remembered(), reader.proven(), reader.newest_transition(), reader.open_incidents()
        )
    finally:
        reader.close()


def _try_key(reference: str, keys: Keyring) -> None:
    """Have the key that the settings name, if they do; SettingsError where it cannot be had."""
    try:
        if reference:
            keys.keys()
    except FatalError as error:
        raise SettingsError((Problem("vault.key", str(error)),)) from error


def _ping(supervisor: Address[Any], number: int) -> None:
    supervisor.urge(Ping(1, number))


def _say(text: str) -> None:
    print(f"vigil: {text}", file=sys.stderr)
