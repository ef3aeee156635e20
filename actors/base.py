"""What every actor is: one thread, one life, one certain end.

This file decides how a generation lives and dies, and how others reach it. It
knows no account and no exchange. pykka's own loop is not used, because its
death notices miss half of the ways to die (SUPERVISION section 2); of pykka
remain starting, references, futures and the registry.

A life: `started`, then `handle` for each message, then `stopping`, whatever
ended it; then exactly one `Down` (S6). Any error ends the generation, under
tell and ask alike, and never another actor (S10). Which error it was decides
what the supervisor does: see `reason_of`.

A generation that hangs cannot be killed; it is abandoned (S23): its sockets are
shut, its mailbox closed, its name forgotten, and from then on `is_current` is
False, so that it changes nothing should it wake up.

Authors of actors need this module only: it also names what lives in
actors/directory and actors/mailbox.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Full
from typing import Any

import pykka
import structlog
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from actors.directory import Address, Directory, Estate, Resident
from actors.mailbox import Letter, Mailbox, MailboxClosed, MailboxFull, MailboxStats, Overflow, Retried, Timer
from core.clock import Clock
from core.errors import FatalError, LinkError, RateLimited
from core.facts import Origin
from core.messages import Down, GiveUp, Momentary, Ping, Pong, Ready, Reason, Stop, ThreadEnded
from core.records import Record

__all__ = [
    "Actor",
    "Address",
    "Context",
    "Directory",
    "Mailbox",
    "MailboxActor",
    "MailboxFull",
    "MailboxStats",
    "Overflow",
    "Resident",
    "Timer",
    "reason_of",
]

log = structlog.get_logger()

_LONGEST_DETAIL = 500


def reason_of(error: BaseException) -> Reason:
    """What the supervisor should make of the error that ended a generation."""
    if isinstance(error, LinkError):
        return "link"
    if isinstance(error, FatalError):
        return "fatal"
    return "bug"


@dataclass(frozen=True)
class Context:
    """What a factory is given: who this generation is, and the world it may know."""

    child: str
    gen: int
    boot: str
    clock: Clock
    directory: Directory
    supervisor: Address[Any]
    record: Callable[[Record], None]

    @property
    def origin(self) -> Origin:
        """The fence that every effect of this generation carries (S24)."""
        return Origin(self.boot, self.child, self.gen)


class MailboxActor(pykka.ThreadingActor):
    """A pykka actor on a Mailbox, in a daemon thread that bears its name.

    Daemon, because one hung actor must not keep the process from ending.
    """

    use_daemon_thread = True

    def __init__(self, name: str, gen: int, mailbox: Mailbox) -> None:
        self.name = name
        self.gen = gen
        self.mailbox = mailbox
        super().__init__()
        self.thread = threading.Thread(target=self._actor_loop, name=f"{name}#{gen}", daemon=True)

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]  # pykka calls it on the instance
        return self.mailbox

    def _start_actor_loop(self) -> None:
        self.thread.start()


class Actor(MailboxActor):
    """One generation of one child. `__init__` only stores: it runs in the supervisor's thread."""

    def __init__(
        self,
        context: Context,
        *,
        mailbox: int | None = 1000,
        overflow: Overflow = "reject",
        carry: bool = False,
    ) -> None:
        """`mailbox` bounds the data lane; `carry` hands unheard messages to the next generation."""
        super().__init__(context.child, context.gen, Mailbox(mailbox, overflow, context.clock.monotonic))
        self.context = context
        self.me: Address[Any] = Address(context.directory, context.child, context.gen)
        self._carry = carry
        self._in_hand: Letter | None = None
        self._end = threading.Lock()
        self._ended = False
        self._was_abandoned = False

    # ------------------------------------------------------ an author overrides

    def started(self) -> None:
        """Begin. Call `ready()` here, or later, when the job is really being done (S2)."""

    def handle(self, message: Any) -> Any:
        """Do what `message` says within 5 s (S21); what it returns answers an ask, what it raises ends us."""
        raise NotImplementedError(f"{type(self).__name__} does not handle {type(message).__name__}")

    def stopping(self) -> None:
        """Clean up, within 1 s, on every end of the thread, even of a `started` that failed half-way."""

    def abandoned(self) -> None:
        """Given up. Runs in the supervisor's thread: only shut sockets down and set flags."""

    # ----------------------------------------------------------- an author calls

    def ready(self) -> None:
        """Say that the child does its job now."""
        self.context.supervisor.tell(Ready(self.name, self.gen))

    def later(self, seconds: float, message: Any) -> Timer:
        """Hear `message` in `seconds`, before any data; it dies with this generation."""
        return self.mailbox.later(seconds, message)

    def is_current(self) -> bool:
        """The lease: False once abandoned or superseded. Ask just before a side effect (S24)."""
        return self.context.directory.find(self.name, self.gen) is self

    # -------------------------------------------------------------------- a life

    def _start_actor_loop(self) -> None:
        self.mailbox.restore(self.context.directory.enter(self.name, self))
        try:
            super()._start_actor_loop()
        except RuntimeError as error:  # no thread to be had
            self._finish(Down(self.name, self.gen, "bug", f"no thread: {error}"), None)

    def _actor_loop(self) -> None:
        asked: Letter | None = None
        down = Down(self.name, self.gen, "bug", "the thread was torn down")
        try:
            asked, down = self._live()
        finally:
            self._finish(down, asked)

    def _live(self) -> tuple[Letter | None, Down]:
        """From `started` to `stopping`: the request to stop, if there was one, and the Down."""
        asked: Letter | None = None
        down = Down(self.name, self.gen, "shutdown")
        try:
            self.started()
            asked = self._serve()
        except BaseException as error:  # noqa: BLE001  the border of supervision: nothing may pass it
            down = self._failed(error)
        self.actor_stopped.set()
        try:
            self.stopping()
        except BaseException as error:  # noqa: BLE001  the same border
            failed = self._failed(error)
            down = failed if down.reason == "shutdown" else down
        return asked, down

    def _serve(self) -> Letter | None:
        """Handle letters until one of them, or the closed mailbox, ends it."""
        while True:
            try:
                letter = self.mailbox.get()
            except MailboxClosed:
                return None
            match letter.message:
                case Stop() | _ActorStop():
                    return letter
                case GiveUp(why=why):
                    raise LinkError(why)
                case Ping(n=n):
                    self.context.supervisor.tell(Pong(self.name, self.gen, n))
                case _:
                    self._handle(letter)

    def _handle(self, letter: Letter) -> None:
        self._in_hand = letter
        try:
            if isinstance(letter.message, ProxyCall | ProxyGetAttr | ProxySetAttr):
                raise TypeError("proxies are not served here: send a message")
            answer = self.handle(letter.message)
        except BaseException as error:
            _answer(letter, error=error)
            raise
        self._in_hand = None
        _answer(letter, answer)

    def _failed(self, error: BaseException) -> Down:
        """Say what an error means for the supervisor; log it once, as a bug with its traceback.

        What is fatal becomes the reason that people read of a held account: its text alone.
        """
        reason = reason_of(error)
        detail = (str(error) if reason == "fatal" else f"{type(error).__name__}: {error}")[:_LONGEST_DETAIL]
        retry_after = error.retry_after if isinstance(error, RateLimited) else None
        if reason == "bug":
            log.error("actor_failed", child=self.name, gen=self.gen, error=detail, exc_info=error)
        return Down(self.name, self.gen, reason, detail, retry_after)

    def _finish(self, down: Down, asked: Letter | None) -> None:
        """The end of the thread: leave no trace but the Down, and say so exactly once."""
        self.actor_stopped.set()
        try:
            self._clear_out(down.detail or down.reason)
        finally:
            self.context.supervisor.tell(down)
        if asked is not None:
            _answer(asked)
        with self._end:
            self._ended = True
            late = self._was_abandoned
        if late:
            self.context.supervisor.tell(ThreadEnded(self.name, self.gen))

    def abandon(self, why: str) -> str:
        """Give this generation up (S23); returns the stack of its thread. For the supervisor only."""
        stack = self._stack()
        try:
            self.abandoned()
        except Exception:  # the border of supervision: an author's hook must not stop the supervisor
            log.exception("abandoned_hook_failed", child=self.name, gen=self.gen)
        self.actor_stopped.set()
        self._clear_out(why, hung=True)
        with self._end:
            self._was_abandoned = True
            too_late = self._ended
        if too_late:
            self.context.supervisor.tell(ThreadEnded(self.name, self.gen))
        return stack

    def _stack(self) -> str:
        frame = sys._current_frames().get(self.thread.ident or 0)  # noqa: SLF001  documented, though underscored
        return "".join(traceback.format_stack(frame)) if frame is not None else "(the thread has ended)"

    def _clear_out(self, why: str, *, hung: bool = False) -> None:
        """Unregister, close the mailbox, and carry or bury what was in it (S29 to S31)."""
        pykka.ActorRegistry.unregister(self.actor_ref)
        letter, self._in_hand = self._in_hand, None
        estate = self._estate(letter, hung=hung, why=why)
        self.context.directory.leave(self.name, self, estate)

    def _estate(self, letter: Letter | None, *, hung: bool, why: str) -> Estate | None:
        left = [waiting for waiting in self.mailbox.close() if not isinstance(waiting.message, Momentary)]
        if letter is not None and letter.reply_to is not None:
            _answer(letter, error=pykka.ActorDeadError(why))
        elif letter is not None and self._carry and not hung and not isinstance(letter, Retried):
            left.insert(0, Retried(letter.message))
        elif letter is not None:
            self._bury(letter, f"in hand at the end: {why}")
        if self._carry:
            return tuple(left)
        for waiting in left:
            self._bury(waiting, f"not heard before the end: {why}")
        return None

    def _bury(self, letter: Letter, reason: str) -> None:
        self.context.directory.bury(self.name, self.gen, letter.message, reason)


def _answer(letter: Letter, answer: Any = None, error: BaseException | None = None) -> None:
    """Answer an ask; what is no Exception must not travel into the caller's thread (S10)."""
    if letter.reply_to is None:
        return
    with suppress(Full):  # it was answered when this generation was abandoned
        if error is None:
            letter.reply_to.set(answer)
            return
        if not isinstance(error, Exception):
            error = pykka.ActorDeadError(f"the actor ended with {type(error).__name__}: {error}")
        letter.reply_to.set_exception((type(error), error, error.__traceback__))
