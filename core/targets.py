"""What a person means by a target: an account, a group or a child.

Exact ids come first. The last part of an id (`persistence`, `poller`) is enough
where it names one thing only; an answer is never a guess.
"""

import difflib

from core.errors import VigilError
from core.status import Snapshot

MANY = 10
"""So many names fit into an answer."""


class UnknownTarget(VigilError):
    """Nothing, or more than one thing, goes by that name; the text says what does."""


def resolve(target: str, snapshot: Snapshot) -> str:
    """The id that `target` names in `snapshot`; UnknownTarget where that is not certain."""
    ids = targets(snapshot)
    if target in ids:
        return target
    meant = [name for name in ids if _last_part(name) == target]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UnknownTarget(f"{target!r} may be {', '.join(meant)}: say which")
    close = difflib.get_close_matches(target, [*ids, *map(_last_part, ids)], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; there are {_some(ids)}"
    raise UnknownTarget(f"nothing is called {target!r}{hint}")


def _some(ids: list[str]) -> str:
    """The first of them, accounts before all: a list of everything is read by nobody."""
    more = f" and {len(ids) - MANY} more: `actors` lists them" if len(ids) > MANY else ""
    return (", ".join(ids[:MANY]) or "none yet") + more


def targets(snapshot: Snapshot) -> list[str]:
    """Every id that may be named: accounts, groups, children."""
    return [
        *(account.account for account in snapshot.accounts),
        *(group.id for group in snapshot.groups),
        *(child.id for child in snapshot.children),
    ]


def account_of(target: str, snapshot: Snapshot) -> str | None:
    """The account that an id belongs to; None for core and trading."""
    name = target.partition("/")[0].partition(".")[0]
    return name if any(account.account == name for account in snapshot.accounts) else None


def _last_part(name: str) -> str:
    return name.rpartition("/")[2] if "/" in name else name.rpartition(".")[2]
