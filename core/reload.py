"""What a saved settings file changes, and who has to begin anew for it.

Pure: the settings in force and the new ones go in, and out comes what is to be
done, account by account and section by section. Whatever is not named in the
answer goes on as it was, with its socket and its generation.

* An account that names another exchange, or moves into or out of the sandbox,
  is another account under the same name: it is *replaced*, removed and added.
* Of any other change the table TOUCHES says which of the account's children
  were given the old value and need a new generation: the poller does not fall
  because a heartbeat changed. The pace of retries touches nobody; it holds from
  the next failure on.
* With other credentials, at another address or by another way in, what was
  refused may be granted: a hold ends, failures are forgotten, and so is the way
  and key that the stream had remembered.
* The children of a section are named in SECTIONS. What is neither there nor in
  LIVE can only be had by a new process: it is said as a warning, and the old value
  stays in force (`Changes.settings`) and in every later comparison.
"""

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import msgspec

from core.problems import Problem, warning
from core.settings_schema import SECRET_KEYS, URL_KEYS, AccountSettings, Settings

ALL = ("connection", "keepalive", "poller")
_CONNECTION, _KEEPALIVE, _POLLER = (frozenset({role}) for role in ALL)

TOUCHES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(SECRET_KEYS, frozenset({"connection", "poller"})),
    "rest_url": frozenset({"connection", "poller"}),
    "ws_url": _CONNECTION,
    "ws_api_url": _CONNECTION,
    "public_ws_url": frozenset(),
    "user_stream": _CONNECTION,
    "stale_after": _CONNECTION,
    "heartbeat": _KEEPALIVE,
    "rotate_after": _KEEPALIVE,
    "listen_key_refresh": _KEEPALIVE,
    "audit_every": _POLLER,
    "poll_every": _POLLER,
    "backfill": _POLLER,
    "symbols": _POLLER,
    "backoff": frozenset(),
    "blind_after": frozenset(),
}
"""Which children of an account were given this key. A keepalive falls with its connection anyway."""

REPLACES = frozenset({"exchange", "sandbox"})
MAY_CURE = frozenset({*SECRET_KEYS, *URL_KEYS, "user_stream"})

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "web": ("core/web",),
    "alerts": ("core/notifier",),
    "trader": ("trading/trader-*",),
}
"""Sections whose children take the new settings with their next generation; `*` is any account."""

LIVE = frozenset({("supervisor", "log_level"), ("database", "keep_days")})
"""Keys that whoever goes by them looks up each time."""

NEXT_START = "takes effect at the next start of the daemon; until then the old value holds"

Change = Literal["added", "removed", "replaced", "enabled", "disabled", "credentials", "retuned"]


class AccountChange(msgspec.Struct, frozen=True):
    """One account; `keys` changed, `restarts` are the ids of children that need a new generation.

    `is_retried` says that what it was held for may be over, and that what its stream
    remembered is of no use.
    """

    account: str
    change: Change
    keys: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    is_retried: bool = False


class SectionChange(msgspec.Struct, frozen=True):
    """One table besides the accounts, as far as it takes effect now."""

    section: str
    keys: tuple[str, ...]
    restarts: tuple[str, ...] = ()


class Changes(msgspec.Struct, frozen=True):
    """Everything that follows; `settings` are those in force from now on, `later` what has to wait."""

    settings: Settings
    accounts: tuple[AccountChange, ...] = ()
    sections: tuple[SectionChange, ...] = ()
    later: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes now."""
        return bool(self.accounts or self.sections)


Renewed = Mapping[str, frozenset[str]]
"""Whose secrets are others although their references are not: an account or a section, and its keys."""


def diff(
    old: Settings,
    new: Settings,
    renewed: Renewed | None = None,
    *,
    children: Collection[str] = (),
) -> Changes:
    """What has to be done so that `new` holds where `old` does.

    `children` are those that this daemon has.
    """
    renewed = renewed or {}
    kept, sections, later = new, list[SectionChange](), list[Problem]()
    for section in type(new).model_fields:
        if section == "accounts":
            continue
        before, after = getattr(old, section), getattr(new, section)
        keys = _changed(before, after) | renewed.get(section, frozenset())
        restarts = tuple(chain.from_iterable(_meant(name, children) for name in SECTIONS.get(section, ())))
        now = {key for key in keys if restarts or (section, key) in LIVE}
        if now:
            sections.append(SectionChange(section, tuple(sorted(now)), restarts))
        if waiting := keys - now:
            later += [
                warning(f"{section}.{key}", NEXT_START)
                for key in sorted(waiting)
                if not _follows(old, new, section, key)
            ]
            old_values = {key: getattr(before, key) for key in waiting}
            kept = kept.model_copy(update={section: after.model_copy(update=old_values)})
    accounts = tuple(_accounts(old.accounts, new.accounts, renewed))
    return Changes(kept, accounts, tuple(sections), tuple(later))


def _meant(name: str, children: Collection[str]) -> Sequence[str]:
    """The children of that name in SECTIONS."""
    return sorted(fnmatch.filter(children, name)) if "*" in name else (name,)


def document(changes: Changes) -> dict[str, Any]:
    """The changes as JSON, for a client and for the log."""
    return {
        "accounts": [
            {
                "account": one.account,
                "change": one.change,
                "keys": list(one.keys),
                "restarts": list(one.restarts),
            }
            for one in changes.accounts
        ],
        "sections": [
            {"section": one.section, "keys": list(one.keys), "restarts": list(one.restarts)}
            for one in changes.sections
        ],
        "later": [str(problem) for problem in changes.later],
    }


def _changed(before: Any, after: Any) -> frozenset[str]:
    """The keys of a table whose values differ."""
    fields = type(after).model_fields
    return frozenset(key for key in fields if getattr(before, key) != getattr(after, key))


def _follows(old: Settings, new: Settings, section: str, key: str) -> bool:
    """Whether a path differs only because it lies in the data directory, of which it is said already."""
    if (section, key) == ("supervisor", "data_dir"):
        return False
    before, after = str(getattr(getattr(old, section), key)), str(getattr(getattr(new, section), key))
    return before.replace(str(old.supervisor.data_dir), str(new.supervisor.data_dir), 1) == after


# --------------------------------------------------------------------- accounts


def _accounts(
    old: Mapping[str, AccountSettings], new: Mapping[str, AccountSettings], renewed: Renewed
) -> Iterator[AccountChange]:
    """First what goes, then what stays, then what comes, each in the order of the file."""
    yield from (AccountChange(name, "removed") for name in old if name not in new)
    for name, after in new.items():
        if (before := old.get(name)) is not None:
            change = _account(name, before, after, renewed.get(name, frozenset()))
            yield from () if change is None else (change,)
    yield from (AccountChange(name, "added") for name in new if name not in old)


def _account(
    name: str, before: AccountSettings, after: AccountSettings, renewed: frozenset[str]
) -> AccountChange | None:
    changed = _changed(before, after)
    keys = tuple(sorted(changed | renewed))
    if not keys:
        return None
    if changed & REPLACES:
        return AccountChange(name, "replaced", keys)
    is_retried = bool({*keys} & MAY_CURE)
    if before.enabled != after.enabled:
        return AccountChange(name, "enabled" if after.enabled else "disabled", keys, is_retried=is_retried)
    kind: Change = "credentials" if {*keys} & {*SECRET_KEYS} else "retuned"
    if not after.enabled:
        return AccountChange(name, kind, keys, is_retried=is_retried)
    touched = frozenset[str]().union(*(TOUCHES[key] for key in keys))
    restarts = tuple(f"{name}/{role}" for role in ALL if role in touched)
    return AccountChange(name, kind, keys, restarts, is_retried)
