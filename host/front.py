"""What the outside may see and do: the services behind socket and page.

Everything here answers at once and in any thread: the status is computed from
stamps that others leave, and a command is told, never asked.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actors.base import Address
from control.courtesy import Courtesy
from control.services import Services
from control.uptimes import Uptimes
from core.account import UNWATCHED
from core.clock import Clock
from core.errors import DatabaseProblem
from core.figures import Figures
from core.messages import Command
from core.reconcile import is_overdue
from core.report import ProcessInfo, Readings, build
from core.status import AccountState, Document, Snapshot
from host.alerts import trial
from host.in_force import InForce
from host.logs import Masker
from host.tree import House, poller_of, trader_of
from models.read import Reader

VERSION = "0.1.0"


class Board:
    """The newest snapshot that the supervisor published (S37). One writer, any number of readers."""

    def __init__(self) -> None:
        self.snapshot = Snapshot("starting")

    def publish(self, snapshot: Snapshot) -> None:
        """Called by the supervisor after each change."""
        self.snapshot = snapshot

    def state_of(self, account: str) -> AccountState:
        """How an account stands; one that is not there is stopped."""
        found = (one.state for one in self.snapshot.accounts if one.account == account)
        return next(found, "stopped")


def services(
    house: House,
    board: Board,
    in_force: InForce,
    clock: Clock,
    *,
    masker: Masker,
    supervisor: Address[Command],
    reload: Callable[[str, Callable[[Document], object]], object],
    disturb: Callable[[Sequence[Mapping[str, Any]]], object],
    boot: str = "",
) -> Services:
    """What a client of either is served from; no answer holds a secret that `masker` knows."""
    status = _status(house, board, in_force, clock)
    uptimes = Uptimes(house.states_before)
    return Services(
        status=lambda: masker.clean(status()),
        snapshot=lambda: board.snapshot,
        tell=supervisor.tell,
        compare=lambda account, message: house.directory.address(poller_of(account)).tell(message),
        reload=reload,
        trade=lambda account, message: house.directory.address(trader_of(account)).tell(message),
        traders=lambda: _traders(house, board),
        watched=_watched(house, board, clock),
        uptimes=uptimes,
        reader=lambda: Reader(house.settings.database.url),
        feed=house.feed,
        clock=clock,
        version=VERSION,
        pid=os.getpid(),
        prices=None if house.quotes is None else house.quotes.rows,
        turn=Courtesy(clock, house.feed, lambda: house.inlet.is_busy).turn,
        figures=_figures(house, uptimes, clock),
        try_alerts=lambda channel: masker.clean(
            trial(house.settings.alerts, house.address, channel, clock=clock)
        ),
        disturb=disturb,
        boot=boot,
        web=lambda: house.web.address,
    )


def _traders(house: House, board: Board) -> tuple[str, ...]:
    """The accounts that a trader works in."""
    children = {child.id for child in board.snapshot.children}
    return tuple(name for name in house.settings.accounts if trader_of(name) in children)


def _watched(house: House, board: Board, clock: Clock) -> Callable[[str], int | None]:
    """Since when somebody watches an account; nobody does where nothing may be asked, or proofs are overdue."""

    def watched(account: str) -> int | None:
        vitals, settings = house.vitals.get(account), house.settings.accounts.get(account)
        states = {row.account: row.state for row in board.snapshot.accounts}
        if vitals is None or settings is None or states.get(account, "stopped") in UNWATCHED:
            return None
        compared_at, closed_until = vitals.audit_at, vitals.closed_until
        if compared_at is not None and is_overdue(
            clock.boottime(), compared_at, closed_until, settings.audit_every
        ):
            return None
        return vitals.sight.since

    return watched


def _status(house: House, board: Board, in_force: InForce, clock: Clock) -> Callable[[], Document]:
    process = ProcessInfo(VERSION, os.getpid(), clock.wall_ms())

    def status() -> Document:
        snapshot = board.snapshot
        counts = {child.id: house.directory.mailbox(child.id) for child in snapshot.children}
        return build(
            Readings(
                snapshot=snapshot,
                vitals=house.vitals,
                ledger=house.ledger,
                alerts=house.alerts,
                mailboxes={child: count for child, count in counts.items() if count is not None},
                settings=in_force.info(),
                process=process,
                boottime=clock.boottime(),
                monotonic=clock.monotonic(),
            )
        )

    return status


def _figures(house: House, uptimes: Uptimes, clock: Clock) -> Callable[[], Figures]:
    """What the status does not say, read at this moment."""

    def figures() -> Figures:
        ledger, now, now_ms, quotes = house.ledger, clock.boottime(), clock.wall_ms(), house.quotes
        return Figures(
            now_ms=now_ms,
            news=ledger.news,
            commit=ledger.commit,
            event_to_commit=ledger.event_to_commit,
            open_incidents=ledger.open_incidents,
            key_expires_in={
                account: renewed_at + vitals.key_life - now
                for account, vitals in dict(house.vitals).items()
                if vitals.key_life is not None and (renewed_at := vitals.duties.get("listen_key")) is not None
            },
            blind=_blind(house.settings.database.url, uptimes, now_ms),
            origins=tuple(house.origins.usage()),
            price_ages=quotes.ages() if quotes is not None else {},
            prices_lacking=quotes.lacking() if quotes is not None else {},
            prices_refused=quotes.refused() if quotes is not None else {},
        )

    return figures


def _blind(url: str, uptimes: Uptimes, now_ms: int) -> dict[str, float]:
    """How long each account was blind; nothing while the ledger cannot be read."""
    reader = Reader(url)
    try:
        known = uptimes.of_accounts(reader, now_ms)
    except DatabaseProblem:
        return {}
    finally:
        reader.close()
    return {account: row["blind_s"] for account, row in known.items() if row["blind_s"] is not None}
