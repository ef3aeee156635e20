"""What follows from a person's command.

Pure: the command and the published snapshot go in, and out comes what the
account, the supervision machine and the memory are to be told, in that order.
Accounts hear it first, so that what the machine does next is no surprise to
them. Whoever takes commands from people can call this beforehand to refuse a
bad one with a clear text.

* `restart` means exactly what was named. `reset` of anything of an account
  means the whole account, because what it was held for concerns all of it.
* `pause` and `resume` mean the whole account too, and are remembered: a pause
  outlives the daemon. A group without account can be paused, core can not.
* `reconcile` means the account.
"""

import msgspec

from core import account as machine
from core.messages import Operate
from core.status import Snapshot
from core.supervision_events import Event, GroupPaused, GroupResumed, Reset, Restarted
from core.targets import UnknownTarget, account_of, resolve


class Orders(msgspec.Struct, frozen=True):
    """What to do; `remember` is a key and its new value."""

    event: Event | None = None
    account: str | None = None
    account_event: machine.Event | None = None
    remember: tuple[str, str | None] | None = None


def orders(command: Operate, snapshot: Snapshot) -> Orders:
    """What `command` comes to; UnknownTarget where it names nothing that it could mean."""
    target = resolve(command.target, snapshot)
    account = account_of(target, snapshot)
    match command.action:
        case "restart":
            return Orders(Restarted(target))
        case "reset" if account is not None:
            return Orders(Reset(account), account, machine.WasReset())
        case "reset":
            return Orders(Reset(target))
        case "reconcile" if account is not None:
            return Orders(None, account, machine.ResyncRequested("asked for by a person", is_hole=False))
        case "pause" if account is not None:
            return Orders(GroupPaused(account), account, machine.Paused(), (paused_key(account), "1"))
        case "resume" if account is not None:
            return Orders(GroupResumed(account), account, machine.Resumed(), (paused_key(account), None))
    return Orders(_elsewhere(command, _group_of(target, snapshot)))


def paused_key(account: str) -> str:
    """Under which a pause is remembered."""
    return f"paused:{account}"


def _elsewhere(command: Operate, group: str) -> Event:
    """For what belongs to no account."""
    if command.action == "pause" and group != "core":
        return GroupPaused(group)
    if command.action == "resume" and group != "core":
        return GroupResumed(group)
    raise UnknownTarget(f"{command.action} means an account, and {command.target!r} belongs to none")


def _group_of(target: str, snapshot: Snapshot) -> str:
    return next((child.group for child in snapshot.children if child.id == target), target)
