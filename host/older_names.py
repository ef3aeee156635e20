"""The environment names of the deployments that vigil replaces keep working.

One table maps each name to a key of settings.toml and a unit. A name applies to
its exchange's only account; with several there is no telling which was meant,
and that is an error. What the environment says wins over the file, with two
exceptions: a secret that the file names already stays (half of a key pair from
elsewhere would be worse than none), and a variable that the file refers to as
`env:NAME` is a reference and no older name at all. `VIGIL__` wins over both.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from core.problems import Problem, warning
from core.settings_schema import URL_KEYS
from exchanges.registry import REGISTRY

Unit = Literal["switch", "address", "seconds", "count", "milliseconds", "secret"]


class Older(NamedTuple):
    """What an older name means today; `key` is None where it has no counterpart.

    `exchanges` are looked through in order for the account; none = the whole daemon.
    """

    exchanges: tuple[str, ...]
    key: tuple[str, ...] | None
    unit: Unit
    instead: str = ""


_RATE = "the budget follows the exchange's own headers"
_TOLERANCE = "the clock offset is measured against the exchange"
_AUTH = "a refused key holds the account at once, a refused clock is resynchronised"


def _set_of(prefix: str, exchange: str) -> dict[str, Older]:
    """The names that Bybit and Crypto.com had in common."""
    here = (exchange,)
    return {
        f"{prefix}_ENABLE_USER_DATA_STREAM": Older(here, ("enabled",), "switch"),
        f"{prefix}_WEBSOCKET_URL": Older(here, ("ws_url",), "address"),
        f"{prefix}_WEBSOCKET_PUBLIC_URL": Older(here, ("public_ws_url",), "address"),
        f"{prefix}_API_KEY": Older(here, ("api_key",), "secret"),
        f"{prefix}_API_SECRET": Older(here, ("api_secret",), "secret"),
        f"{prefix}_WEBSOCKET_HEARTBEAT_INTERVAL": Older(here, ("heartbeat",), "seconds"),
        f"{prefix}_WEBSOCKET_RECONNECT_DELAY": Older(here, ("backoff", "base"), "seconds"),
        f"{prefix}_WEBSOCKET_MAX_RECONNECT_ATTEMPTS": Older(here, ("backoff", "trip"), "count"),
        f"{prefix}_WEBSOCKET_RATE_LIMIT": Older(here, None, "count", _RATE),
        f"{prefix}_AUTH_TIMESTAMP_TOLERANCE": Older(here, None, "milliseconds", _TOLERANCE),
        f"{prefix}_AUTH_RETRY_ATTEMPTS": Older(here, None, "count", _AUTH),
    }


_BINANCE = ("binance", "binance_us")

OLDER_NAMES: Mapping[str, Older] = {
    "BINANCE_ENABLE_USER_DATA_STREAM": Older(_BINANCE, ("enabled",), "switch"),
    "BINANCE_USER_DATA_STREAM_URL": Older(_BINANCE, ("ws_url",), "address"),
    "BINANCE_LISTEN_KEY_REFRESH_INTERVAL": Older(_BINANCE, ("listen_key_refresh",), "seconds"),
    "BINANCE_LISTEN_KEY_ENCRYPTION_KEY": Older((), ("vault", "key"), "secret"),
    "BINANCE_API_KEY_USER_DATA": Older(_BINANCE, ("api_key",), "secret"),
    **_set_of("BYBIT", "bybit"),
    **_set_of("CRYPTOCOM", "cryptocom"),
}


class Seen(NamedTuple):
    """An older name that was obeyed, and what it did. One without effect is a warning instead."""

    name: str
    outcome: str


class Laid(NamedTuple):
    """The tables with the older names laid over them."""

    data: dict[str, Any]
    origins: dict[tuple[str, ...], str]
    problems: list[Problem]
    seen: tuple[Seen, ...]


class _NoEffect(Exception):
    """The name changes nothing; the text says why."""


class _Refused(Exception):
    """The name cannot be obeyed; the text says why."""


def lay_older_names(
    data: Mapping[str, Any], environ: Mapping[str, str], taken: frozenset[tuple[str, ...]]
) -> Laid:
    """Apply every older name that is set and not empty. `taken` are paths that stand already.

    Each that is set is told of exactly once: in `seen`, or as a problem.
    """
    laid = Laid(deepcopy(dict(data)), {}, [], ())
    referred = set(_references(data))
    seen = []
    for name, older in OLDER_NAMES.items():
        text = environ.get(name, "").strip()
        if not text or f"env:{name}" in referred:
            continue
        try:
            path = _apply(laid.data, name, older, text, taken)
            laid.origins[path] = name
            seen.append(Seen(name, f"sets {'.'.join(path)}"))
        except _NoEffect as why:
            laid.problems.append(warning(name, f"has no effect: {why}"))
        except _Refused as why:
            laid.problems.append(Problem(name, str(why)))
    return laid._replace(seen=tuple(seen))


def _apply(
    data: dict[str, Any], name: str, older: Older, text: str, taken: frozenset[tuple[str, ...]]
) -> tuple[str, ...]:
    """Put the value where it belongs; returns that path."""
    value = _READ[older.unit](name, text)
    if older.key is None:
        raise _NoEffect(older.instead)
    path = (*_prefix(data, older), *older.key)
    if path in taken:
        raise _NoEffect(f"{'.'.join(path)} is set by a VIGIL__ variable")
    table = _table(data, path[:-1])
    if older.unit in ("secret", "address") and older.exchanges:
        _spare(table, older, str(value))
    elif older.unit == "secret" and table.get(path[-1]):
        raise _NoEffect(f"{'.'.join(path)} is set already")
    table[path[-1]] = value
    return path


def _prefix(data: Mapping[str, Any], older: Older) -> tuple[str, ...]:
    """Where the account is that the name applies to; () for a name of the whole daemon."""
    if not older.exchanges:
        return ()
    accounts = data.get("accounts")
    tables = accounts if isinstance(accounts, dict) else {}
    for exchange in older.exchanges:
        names = [n for n, t in tables.items() if isinstance(t, dict) and t.get("exchange") == exchange]
        if len(names) > 1:
            listed = ", ".join(sorted(names))
            raise _Refused(f"names no account, and {exchange} has several ({listed}): set it in the file")
        if names:
            return ("accounts", names[0])
    raise _NoEffect(f"there is no {older.exchanges[0]} account")


def _table(data: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    here = data
    for part in path:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            raise _NoEffect(f"{'.'.join(path)} is not a table")
        here = inner
    return here


def _spare(account: Mapping[str, Any], older: Older, value: str) -> None:
    """The cases in which a key or an address of old must not reach the account."""
    assert older.key is not None
    if account.get("sandbox") is True:
        raise _NoEffect("the account plays in the sandbox, which has its own keys and addresses")
    if older.unit == "secret" and account.get(older.key[0]):
        raise _NoEffect("the file names this secret already")
    if older.unit == "secret" and older.key[0] == "api_secret" and account.get("private_key"):
        raise _NoEffect("the account signs with its private_key")
    exchange = str(account["exchange"])
    if older.unit == "address" and not any(account.get(key) for key in URL_KEYS) and _is_own(exchange, value):
        raise _NoEffect(f"it is an address of {exchange} itself, which vigil knows")


def _is_own(exchange: str, address: str) -> bool:
    """One of the exchange's own hosts, present or past (binance.com's listen-key host)."""
    own = REGISTRY[exchange].defaults.endpoints
    try:
        return urlsplit(address).hostname in {urlsplit(own.ws).hostname, urlsplit(own.public_ws).hostname}
    except ValueError:
        return False


def _references(node: Any) -> Iterable[str]:
    """Every `env:NAME` that the file itself uses."""
    if isinstance(node, str):
        if node.startswith("env:"):
            yield node
    elif isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _references(inner)


# ------------------------------------------------------------------------- units

_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})


def _switch(_: str, text: str) -> bool:
    if text.lower() not in _ON | _OFF:
        raise _Refused("must be true or false")
    return text.lower() in _ON


def _number(_: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _Refused("must be a number") from None


def _count(_: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _Refused("must be a whole number") from None


_READ: Mapping[Unit, Callable[[str, str], bool | float | str]] = {
    "switch": _switch,
    "address": lambda _, text: text,
    "seconds": _number,
    "milliseconds": _number,
    "count": _count,
    "secret": lambda name, _: f"env:{name}",
}
