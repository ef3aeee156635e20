"""The Supervisor: carries out what the supervision machine decides.

It is one actor and the thin shell of `core.supervision`: messages go in as
events, commands come out and are carried out, the next deadline bounds the wait
for the next message. What the machine shows then goes to the accounts
(`host.accounts`), whose effects are carried out the same way, until nothing
follows any more; then a snapshot is published.

It never blocks (S13): it tells and never asks, joins nobody, sleeps never, and
does no I/O of its own. Factories run in its thread, which is why an actor's
`__init__` only stores. Should it fail itself, nobody is left to mend that: it
ends the daemon with code 70.

The way in stands first, before the imports of the daemon: a word for a running
daemon (`python supervisor.py status`) needs none of them and starts faster
without.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from control.cli import Offline


def _be_the_daemon(settings: Path) -> int:
    """Run until stopped. Leaves at once then: no thread that hangs can keep the process."""
    import logging

    from host.run import run
    from supervisor import Supervisor

    code = run(Supervisor, settings)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _check(settings: Path) -> int:
    from host.check import check

    text, code = check(settings)
    print(text)
    return code


def _try_alerts(settings: Path, only: int | None) -> int:
    from host.alerts import offline

    return offline(settings, only, sys.stdout, sys.stderr)


def _running(settings: Path) -> int | None:
    """The pid of the daemon of these settings."""
    from control.locate import locate
    from host.lock import holder

    return holder(locate(settings).data_dir)


def _in_use(settings: Path) -> str | None:
    """Why what needs the data directory for itself must wait: the daemon of these settings runs."""
    from control.locate import locate

    data_dir, pid = locate(settings).data_dir, _running(settings)
    return None if pid is None else f"{data_dir} is in use by pid {pid}: stop that daemon first"


def offline() -> "Offline":
    """All that the command line can do without a running daemon."""
    from control.cli import Offline
    from drill.command import command as drill
    from host.edit_words import commands as edits
    from host.upkeep import commands as upkeep
    from host.vault_words import command as secrets

    return Offline(
        run=_be_the_daemon,
        check=_check,
        commands=(secrets(_running), *upkeep(_in_use), drill(_in_use)),
        accounts=edits(_running),
        alerts=_try_alerts,
    )


if __name__ == "__main__":
    from control.cli import main

    main(Path(__file__).with_name("settings.toml"), offline())

from collections import deque
from collections.abc import Sequence
from queue import Empty
from typing import Any, assert_never

import pykka
import structlog
from pykka.messages import _ActorStop

from actors.base import Address, Mailbox, MailboxActor
from core import account as machine
from core import supervision
from core.account import Effect
from core.commands import orders
from core.errors import InvalidTree
from core.messages import (
    AccountRefused,
    Acknowledge,
    Audited,
    Down,
    Faulted,
    GiveUp,
    Operate,
    Ping,
    Polled,
    PollFailed,
    Pong,
    Ready,
    Reconciled,
    ResyncNeeded,
    StopDaemon,
    StreamProgressed,
    ThreadEnded,
    Warned,
)
from core.status import ChildStatus, GroupStatus, Snapshot
from core.supervision_events import (
    AbandonChild,
    Command,
    Event,
    Exit,
    GroupAdded,
    GroupPaused,
    GroupRemoved,
    GroupRetuned,
    Held,
    Noted,
    PingChild,
    ProbeEarly,
    Reset,
    Restarted,
    StartChild,
    StopAsked,
    StopChild,
    Tick,
)
from core.targets import UnknownTarget
from host.accounts import Accounts, Effects, Heard
from host.children import Children
from host.chronicle import Chronicle
from host.plan import (
    AccountAdded,
    AccountChanged,
    AccountPlan,
    AccountRemoved,
    ChildOutdated,
    GroupPlan,
    Wiring,
)

log = structlog.get_logger()

NAME = "supervisor"
BEAT = 1.0
"""At least so often a snapshot is published and overdue audits are looked for, in seconds."""
BROKEN = 70
"""The exit code where the supervisor itself failed; that of any escalation."""

Inbox = (
    Ready
    | Down
    | Pong
    | ThreadEnded
    | Heard
    | Operate
    | Acknowledge
    | Faulted
    | StopDaemon
    | Ping
    | AccountAdded
    | AccountChanged
    | AccountRemoved
    | ChildOutdated
    | _ActorStop
)


class Supervisor(MailboxActor):
    """Start it with `Supervisor.start(wiring)`; InvalidTree says what is wrong with the plans (S1).

    Children tell it what became of them; the host and clients tell it Operate,
    Acknowledge, Faulted, StopDaemon, AccountAdded, AccountChanged, AccountRemoved,
    ChildOutdated, and Ping, which it answers in `wiring.pulse`. Its data lane has no
    bound: a Down that was refused would be a child forgotten.
    """

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(NAME, 1, Mailbox(None, now=wiring.clock.monotonic))
        self._wiring = wiring
        self._clock = wiring.clock
        self._state = supervision.new([plan.spec for plan in wiring.groups], wiring.seed)
        self._running = Children(wiring, wiring.directory.address(NAME))
        if missing := self._running.missing():
            raise InvalidTree(tuple(f"child {child!r} has no factory" for child in missing))
        self._chronicle = Chronicle(wiring.clock, wiring.boot, wiring.record)
        self._accounts = Accounts(wiring.clock, wiring.accounts, wiring.vitals, wiring.record)
        self._paused = set(wiring.paused)  # accounts, those that are not here any more or yet included
        self._events: deque[Event] = deque()
        self._children: dict[str, ChildStatus] = {}
        self._groups: dict[str, GroupStatus] = {}
        self._due: float | None = None
        self._beat_at = 0.0
        self._stale = 0
        self._exit: Exit | None = None

    # --------------------------------------------------------------------- life

    def _start_actor_loop(self) -> None:
        self._wiring.directory.enter(NAME, self)
        super()._start_actor_loop()

    def _actor_loop(self) -> None:
        try:
            self._begin()
            while self._exit is None:
                self._turn()
        except BaseException as error:
            log.critical("supervisor_failed", exc_info=error)
            self._exit = Exit(BROKEN, f"the supervisor failed: {type(error).__name__}: {error}")
        self._end(self._exit)

    def _begin(self) -> None:
        for name in self._paused & set(self._accounts.names()):
            self._carry_out_all(self._accounts.feed(name, machine.Paused()))
            self._step(GroupPaused(name))
        self._step(Tick())
        self._beat()

    def _turn(self) -> None:
        """Take in one message, or the deadline that came instead."""
        now = self._clock.monotonic()
        until = self._beat_at if self._due is None else min(self._due, self._beat_at)
        try:
            letter = self.mailbox.get(max(0.0, until - now))
        except Empty:
            self._step(Tick())
        else:
            self._hear(letter.message)
            if letter.reply_to is not None:  # nobody asks us, but whoever does shall not wait for ever
                letter.reply_to.set(None)
        if self._clock.monotonic() >= self._beat_at:
            self._beat()

    def _beat(self) -> None:
        self._beat_at = self._clock.monotonic() + BEAT
        self._carry_out_all(self._accounts.overdue())
        self._follow_up()

    def _end(self, exit_: Exit) -> None:
        self.actor_stopped.set()
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.mailbox.close()
        self._wiring.directory.leave(NAME, self)
        self._wiring.directory.settle()
        self._wiring.on_exit(exit_.code, exit_.why)

    # ------------------------------------------------------------------ hearing

    def _hear(self, message: Inbox) -> None:
        match message:
            case Ping(n=n):
                self._wiring.pulse.answered = n
            case Ready(child=child):
                self._step(message)
                self._brief(child, message.gen)
            case Down() | Pong() | ThreadEnded():
                self._step(message)
            case StreamProgressed() | ResyncNeeded() | PollFailed() | AccountRefused() | Warned():
                self._hear_of_account(message)
            case Reconciled() | Audited() | Polled():
                self._hear_of_account(message)
                self._hurry(message)
            case Operate():
                self._operate(message)
            case Acknowledge():
                self._chronicle.acknowledged(message)
            case Faulted():
                self._chronicle.faulted(message)
            case StopDaemon(cause=cause, escalated=escalated):
                self._stop_all(cause, escalated=escalated)
            case _ActorStop():
                self._stop_all("the supervisor was asked to stop", escalated=False)
            case AccountAdded():
                self._add(message)
            case AccountChanged():
                self._change(message)
            case AccountRemoved(account=account):
                self._remove(account)
            case ChildOutdated(child=child):
                self._events.append(Reset(child))
                self._renew([child])
                self._follow_up()
            case _:
                log.warning("message_not_understood", message=repr(message)[:200])

    def _hear_of_account(self, message: Heard) -> None:
        if self._has_authority(message.child, message.gen):
            self._carry_out_all(self._accounts.heard(message))
        else:
            self._stale += 1
        self._follow_up()

    def _has_authority(self, child: str, gen: int) -> bool:
        status = self._children.get(child)
        return status is not None and status.generation == gen and status.phase in ("starting", "running")

    def _brief(self, child: str, gen: int) -> None:
        """A poller that newly came up is told how things stand."""
        plan = self._accounts.of_poller(child)
        if plan is None or not self._has_authority(child, gen):
            return
        order = machine.briefing(self._accounts.state(plan.account))
        if order is not None:
            self._tell_poller(plan, order)

    def _hurry(self, message: Reconciled | Audited | Polled) -> None:
        """REST gets through: an open breaker of the stream may try sooner (S19)."""
        plan = self._accounts.of_poller(message.child)
        if plan is None or not self._has_authority(message.child, message.gen):
            return
        stream = self._groups.get(plan.stream)
        if stream is not None and stream.mode == "open":
            self._step(ProbeEarly(stream.id))

    # ----------------------------------------------------------------- stepping

    def _step(self, event: Event) -> None:
        """Take one event in, carry out what follows, and what follows from that."""
        self._events.append(event)
        self._follow_up()

    def _follow_up(self) -> None:
        while self._events:
            now = self._clock.monotonic()
            self._state, commands, self._due = supervision.step(self._state, now, self._events.popleft())
            for command in commands:
                self._carry_out(command)
            self._look()
        self._publish()

    def _carry_out(self, command: Command) -> None:
        match command:
            case StartChild() | StopChild() | PingChild() | AbandonChild():
                down = self._running.carry_out(command)
                if down is not None:
                    self._events.append(down)
            case Noted():
                self._chronicle.noted(command)
            case Exit():
                self._exit = command
            case _:
                assert_never(command)

    def _look(self) -> None:
        """Read what the machine shows now, and bring the accounts up to it."""
        shift = self._clock.boottime() - self._clock.monotonic()
        self._children = {child.id: child for child in supervision.children(self._state, shift)}
        self._groups = {group.id: group for group in supervision.groups(self._state)}
        if self._state.phase == "stopping":
            self._carry_out_all(self._accounts.feed_all(machine.Stopping()))
        self._carry_out_all(self._accounts.look(self._children, self._groups))

    def _publish(self) -> None:
        self._wiring.publish(self._snapshot())

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            state=self._state.phase,
            children=tuple(self._children.values()),
            groups=tuple(self._groups.values()),
            accounts=self._accounts.statuses(),
            core_ready=self._state.core_ready,
            abandoned=self._state.abandoned,
            stale_messages=self._state.stale + self._stale,
        )

    # ------------------------------------------------------- effects of accounts

    def _carry_out_all(self, effects: Effects) -> None:
        """Carry them out; events that follow wait for the next `_follow_up`."""
        for plan, effect in effects:
            self._carry_out_effect(plan, effect)

    def _carry_out_effect(self, plan: AccountPlan, effect: Effect) -> None:
        match effect:
            case machine.TellPoller(message=message):
                self._tell_poller(plan, message)
            case machine.RestartStream(cause=cause):
                self._condemn(plan, cause)
            case machine.HoldAccount(why=why):
                if (stream := self._groups.get(plan.stream)) is not None and stream.mode != "held":
                    self._events.append(Held(plan.stream, why))
            case machine.Entered():
                self._chronicle.entered(plan.account, effect)
            case _:
                assert_never(effect)

    def _tell_poller(self, plan: AccountPlan, message: machine.ToPoller) -> None:
        """One that does not run is briefed when it comes up: nothing is lost on it, or said twice."""
        poller = self._children.get(plan.poller)
        if poller is not None and poller.phase == "running":
            self._wiring.directory.address(plan.poller).tell(message)

    def _condemn(self, plan: AccountPlan, cause: str) -> None:
        """Have the connection end with `link`, so that a mute stream meets backoff and breaker."""
        connection = next((c for c in self._children.values() if c.group == plan.stream), None)
        if connection is not None:
            log.warning("stream_condemned", account=plan.account, cause=cause)
            address = Address[Any](self._wiring.directory, connection.id, connection.generation)
            address.urge(GiveUp(cause))

    # ---------------------------------------------------------- what people want

    def _operate(self, command: Operate) -> None:
        try:
            wanted = orders(command, self._snapshot())
        except UnknownTarget as error:
            self._chronicle.refused(command, str(error))
            return
        self._chronicle.taken(command)
        if wanted.account is not None and wanted.account_event is not None:
            self._carry_out_all(self._accounts.feed(wanted.account, wanted.account_event))
        if isinstance(wanted.account_event, machine.Paused) and wanted.account is not None:
            self._paused.add(wanted.account)
        elif isinstance(wanted.account_event, machine.Resumed):
            self._paused.discard(wanted.account or "")
        if wanted.remember is not None:
            self._chronicle.remembered(*wanted.remember)
        if wanted.event is not None:
            self._events.append(wanted.event)
        self._follow_up()

    def _stop_all(self, cause: str, *, escalated: bool) -> None:
        self._carry_out_all(self._accounts.feed_all(machine.Stopping()))
        self._step(StopAsked(cause, escalated))

    # ---------------------------------------------------------- changed settings

    def _add(self, message: AccountAdded) -> None:
        self._accounts.add(message.plan)
        self._let_in(message.plan.account, message.groups, paused=message.paused)
        self._follow_up()

    def _change(self, message: AccountChanged) -> None:
        name, enabled = message.plan.account, message.plan.enabled
        if name not in self._accounts.names():
            self._add(AccountAdded(message.plan, message.groups))
            return
        was_enabled = self._accounts.plan(name).enabled
        self._accounts.replan(message.plan)
        if enabled and was_enabled:
            self._retune(message)
        elif enabled:
            self._carry_out_all(self._accounts.feed(name, machine.Enabled()))
            self._let_in(name, message.groups)
        elif was_enabled:
            self._carry_out_all(self._accounts.feed(name, machine.WasDisabled()))
            self._show_out(name)
        self._follow_up()

    def _remove(self, account: str) -> None:
        if account not in self._accounts.names():
            return
        self._carry_out_all(self._accounts.feed(account, machine.WasDisabled()))
        self._accounts.remove(account)
        self._show_out(account)
        self._running.forget(account)
        self._follow_up()

    def _let_in(self, account: str, groups: Sequence[GroupPlan], *, paused: bool = False) -> None:
        """What works for the account may start; where a person paused it, when he resumes it."""
        paused = paused or account in self._paused
        if paused:
            self._carry_out_all(self._accounts.feed(account, machine.Paused()))
        for plan in groups:
            self._running.learn(plan)
            self._step(GroupAdded(plan.spec, paused=paused))

    def _show_out(self, account: str) -> None:
        for group in [group for group in self._groups if group.rpartition(".")[0] == account]:
            self._step(GroupRemoved(group))

    def _retune(self, message: AccountChanged) -> None:
        """Only who was given what has changed begins anew.

        The end of a hold comes first: until it is stepped, the machine still shows it.
        """
        account = message.plan.account
        for plan in message.groups:
            self._running.learn(plan)
        if message.is_retried:
            self._carry_out_all(self._accounts.feed(account, machine.Enabled()))
            self._events.append(Reset(account))
        self._events.extend(GroupRetuned(plan.spec) for plan in message.groups)
        self._renew(message.restart)

    def _renew(self, children: Sequence[str]) -> None:
        """Those that live; whoever waits is given what is new when its time comes."""
        shown = [child for child in map(self._children.get, children) if child is not None]
        live = [child.id for child in shown if child.phase in ("starting", "running")]
        self._events.extend(Restarted(child) for child in live)
