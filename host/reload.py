"""Brings the daemon to the settings as they are saved now, touching only what changed.

Whoever wants that (the watcher, SIGHUP, a client) asks; it is done on a thread
of its own, one after another, because it may read secrets and start the sandbox:
the main thread has signals to obey meanwhile. Everything is read and looked up
before anything is touched. What does not hold, a secret that cannot be had and a
sandbox that does not come up included, changes nothing; it is said in status,
log and an incident, until the file holds again.

A save is believed to be wrong only at the second look: an editor that writes in
place shows half a file for a moment.

The supervisor is told, and never asked: what is applied is on its way.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from actors.base import Address
from core.clock import Clock
from core.errors import DatabaseProblem, VigilError
from core.problems import Problem
from core.records import Incident, Record
from core.reload import AccountChange, Changes, diff, document
from core.status import Vitals
from host.configuration import Loaded, SettingsError, load
from host.in_force import InForce
from host.logs import set_level
from host.plan import AccountAdded, AccountChanged, AccountRemoved, ChildOutdated
from host.prices import settle
from host.tenants import Marks, Read, Tenants, files, renewed
from host.tree import House, Tenant, account_groups, account_plan
from models.read import Reader

log = structlog.get_logger()

INCIDENT: Final = "settings_invalid"
SECOND_LOOK = 1.0
"""Seconds that a save which does not hold is left to be mended, before anybody is told."""

ENDS = frozenset({"removed", "replaced", "disabled"})
"""Changes after which nobody works for the account that there was."""

Answer = dict[str, Any]
Reply = Callable[[Answer], object]


class Wish(NamedTuple):
    """Somebody wants the file to hold. `reply` is told what came of it; a mere save has none."""

    cause: str
    reply: Reply | None = None
    is_patient: bool = False


class Reloader:
    """Serves wishes from `start` to `stop`. `marks` are those of the secrets that are in use."""

    def __init__(
        self,
        in_force: InForce,
        tenants: Tenants,
        marks: Marks,
        clock: Clock,
        record: Callable[[Record], object],
    ) -> None:
        self._in_force = in_force
        self._tenants = tenants
        self._marks = marks
        self._looked_at = in_force.loaded  # what holds, or what would if its secrets could be had
        self._clock = clock
        self._record = record
        self._wishes: SimpleQueue[Wish | None] = SimpleQueue()
        self._house: House | None = None
        self._supervisor: Address[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="settings-reload", daemon=True)
        self._over = threading.Event()

    # ------------------------------------------------------------------- from any thread

    def start(self, house: House, supervisor: Address[Any]) -> None:
        """Begin; what was wished for before is served now."""
        self._house, self._supervisor = house, supervisor
        self._record(_incident(self._clock, None))  # an earlier daemon's, for ours has begun with what holds
        self._thread.start()

    def stop(self) -> None:
        """Nothing is applied any more once what is being done now is done."""
        self._over.set()
        self._wishes.put(None)

    def saved(self) -> None:
        """The file, or a secret, may be another one."""
        self._wishes.put(Wish("saved", is_patient=True))

    def wish(self, cause: str, reply: Reply | None = None) -> None:
        """A person wants it now."""
        self._wishes.put(Wish(cause, reply))

    def files(self) -> Iterable[Path]:
        """What has to be watched."""
        return (*files(self._in_force.loaded), *files(self._looked_at))

    # --------------------------------------------------------------------- on our thread

    def _run(self) -> None:
        while not self._over.is_set() and (wish := self._wishes.get()) is not None:
            wishes = [wish, *self._others()]
            answer = self._serve(wishes)
            for one in wishes:
                if one.reply is not None:
                    one.reply(answer)

    def _others(self) -> list[Wish]:
        """What was wished for meanwhile is the same wish; the end comes last, and is heard next time."""
        found: list[Wish] = []
        while not self._over.is_set():
            try:
                wish = self._wishes.get_nowait()
            except Empty:
                break
            if wish is not None:
                found.append(wish)
        return found

    def _serve(self, wishes: list[Wish]) -> Answer:
        """Never raises: a bug here must not end the daemon's ear for the next save."""
        cause = ", ".join(dict.fromkeys(wish.cause for wish in wishes))
        try:
            return self._reload(cause, is_patient=all(wish.is_patient for wish in wishes))
        except SettingsError as error:
            return self._refused(cause, error.problems)
        except VigilError as error:
            return self._refused(cause, (Problem("settings", str(error)),))
        except Exception as error:
            log.exception("settings_not_reloaded", cause=cause)
            return self._refused(cause, (Problem("settings", f"a bug of vigil's: {type(error).__name__}"),))

    def _reload(self, cause: str, *, is_patient: bool) -> Answer:
        try:
            loaded, read = self._read()
        except SettingsError:
            if not is_patient or self._over.wait(SECOND_LOOK):
                raise
            loaded, read = self._read()
        changes = diff(
            self._in_force.loaded.settings,
            loaded.settings,
            renewed(self._marks, read.marks),
            children=() if self._house is None else self._house.traders,
        )
        tenants = read.tenants | self._tenants.guests(loaded)
        if self._over.is_set():
            raise VigilError("the daemon is stopping")
        self._apply(changes, loaded, tenants)
        self._marks = read.marks
        self._mended()
        answer = {"applied": True, **document(changes), "warnings": list(self._in_force.info().warnings)}
        if changes:
            log.info("settings_applied", cause=cause, **document(changes))
        return answer

    def _read(self) -> tuple[Loaded, Read]:
        loaded = self._looked_at = load(self._in_force.loaded.path)
        return loaded, self._tenants.real(loaded)

    # ------------------------------------------------------------------ what does not hold

    def _refused(self, cause: str, problems: tuple[Problem, ...]) -> Answer:
        told = [str(problem) for problem in problems if problem.severity == "error"]
        text = "; ".join(told)
        if text != self._in_force.error:
            self._in_force.error = text
            log.error("settings_refused", cause=cause, problems=told)
            self._record(_incident(self._clock, text))
        return {"applied": False, "problems": told}

    def _mended(self) -> None:
        if self._in_force.error is not None:
            self._in_force.error = None
            log.info("settings_hold_again")
            self._record(_incident(self._clock, None))

    # --------------------------------------------------------------------------- applying

    def _apply(self, changes: Changes, loaded: Loaded, tenants: Mapping[str, Tenant]) -> None:
        house, before = self._house, self._in_force.loaded
        assert house is not None, "whoever runs was started"
        self._in_force.loaded = msgspec.structs.replace(loaded, settings=changes.settings)
        if changes.later != self._in_force.later:
            self._in_force.later = changes.later
            for problem in changes.later:
                log.warning("settings_warning", problem=str(problem))
        for problem in loaded.warnings:
            if problem not in before.warnings:
                log.warning("settings_warning", problem=str(problem))
        house.settings = changes.settings
        if changes.settings.supervisor.log_level != before.settings.supervisor.log_level:
            set_level(changes.settings.supervisor.log_level)
        for account in changes.accounts:
            self._change(house, account, tenants.get(account.account))
        for section in changes.sections:
            for child in section.restarts:
                self._tell(ChildOutdated(child))

    def _change(self, house: House, change: AccountChange, tenant: Tenant | None) -> None:
        """Told in order: whoever starts from then on is given what is new."""
        name = change.account
        settle(house, name, tenant)
        if change.change in ("removed", "replaced"):
            self._tell(AccountRemoved(name))
        if change.change in ENDS:
            self._forget(house, name, change)
            self._close_incidents(house.settings.database.url, name)
        if change.change == "removed":
            return
        if change.is_retried and house.memories is not None:
            house.memories.forget(name)
        plan = account_plan(name, house.settings.accounts[name], enabled=tenant is not None)
        groups = () if tenant is None else account_groups(house, tenant)
        if change.change in ("added", "replaced"):
            self._tell(AccountAdded(plan, groups))
        else:
            self._tell(AccountChanged(plan, groups, change.restarts, change.is_retried))

    def _forget(self, house: House, name: str, change: AccountChange) -> None:
        """What was seen of it is over. What was proven stays so, as over a restart of the daemon."""
        old = house.vitals.get(name)
        is_same = change.change != "replaced"
        house.vitals[name] = Vitals(dict(old.proven) if old is not None and is_same else None)
        if house.memories is not None and change.change != "disabled":
            house.memories.forget(name)

    def _close_incidents(self, url: str, name: str) -> None:
        """Nobody is left who would see them end; who finds the same of it one day says so again."""
        with closing(Reader(url)) as reader:
            try:
                rows = reader.incidents(account=name, limit=0, open_only=True)
            except DatabaseProblem as problem:
                log.warning("incidents_not_closed", account=name, error=str(problem))
                return
        at = self._clock.wall_ms()
        for row in rows:
            told = (row["key"], row["kind"], row["severity"], row["text"])
            self._record(Incident(at, *told, account=name, resolved=True))

    def _tell(self, message: object) -> None:
        assert self._supervisor is not None, "whoever runs was started"
        self._supervisor.urge(message)


def _incident(clock: Clock, text: str | None) -> Incident:
    """The one incident of the settings; None as text says that it is over."""
    return Incident(
        clock.wall_ms(), INCIDENT, INCIDENT, "warning", text or "the settings hold", resolved=text is None
    )
