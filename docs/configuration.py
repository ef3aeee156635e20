"""Writes docs/configuration.md from the schema that judges settings.toml.

    python docs/configuration.py            write the page
    python docs/configuration.py --check    exit 1 if the page is not what the schema says

This file decides how a key looks on the page, never what is said of it: that stands
beside the key, in core/settings_schema.py. What an exchange brings along comes from
its dialect, and the names of older deployments from their table.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
sys.path.insert(0, str(ROOT))

from annotated_types import Ge, Le  # noqa: E402  (the checkout is the package)
from pydantic.fields import FieldInfo  # noqa: E402

from core.exchange import Defaults  # noqa: E402
from core.settings_schema import URL_KEYS, Settings, Table, Takes  # noqa: E402
from docs.generated import deliver  # noqa: E402
from exchanges.registry import REGISTRY  # noqa: E402
from host.older_names import OLDER_NAMES, Older, Unit  # noqa: E402

HEAD = """# Configuration

Every key of `settings.toml`. Written by `python docs/configuration.py` from the schema; do not
edit. How the file is found, changed while the daemon runs, and overridden, what a secret
reference is, and where an address leads: [settings.md](settings.md).

Any key can be given by the environment too, as `VIGIL__SECTION__KEY`:
`VIGIL__WEB__LISTEN=""`, `VIGIL__ACCOUNTS__MAIN__AUDIT_EVERY=30`.
"""

EXCHANGES = """What an account of an exchange has where nothing is said. Once one of the four addresses is
given, none of the others is taken from here.
"""

OLDER = """They keep working ([settings.md](settings.md#names-of-older-deployments)). A name applies to the
only account of the first exchange that has one.
"""

UNITS: dict[Unit, str] = {
    "switch": "true or false",
    "address": "an address",
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "count": "a whole number",
    "secret": "the secret itself",
}

SPOKEN = {name: exchange.defaults for name, exchange in REGISTRY.items()}


def page() -> str:
    """The whole page as it should be."""
    return "\n".join([HEAD, *_sections(), *_exchanges(), *_older()])


def _sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        of_each = get_origin(field.annotation) is dict
        table: Any = get_args(field.annotation)[1] if of_each else field.annotation
        yield from _section(f"[{name}.NAME]" if of_each else f"[{name}]", table)


def _section(title: str, table: type[Table]) -> Iterator[str]:
    """One table of the file, and behind it those that stand in it."""
    yield f"## `{title}`\n\n{_prose(table.__doc__)}\n"
    yield _table("key", "takes", "default", "", rows=[_key(*field) for field in table.model_fields.items()])
    for name, field in table.model_fields.items():
        if _is_table(field):
            yield from _section(f"{title[:-1]}.{name}]", field.annotation)  # type: ignore[arg-type]


def _key(name: str, field: FieldInfo) -> list[str]:
    return [f"`{name}`", _takes(field), _default(name, field), _prose(field.description)]


def _takes(field: FieldInfo) -> str:
    """What may stand there, by its type."""
    words = [one.words for one in field.metadata if isinstance(one, Takes)]
    if words:
        return words[0]
    if get_origin(field.annotation) is Literal:
        return " ".join(f"`{word}`" for word in get_args(field.annotation))
    if field.annotation is bool:
        return "`true` `false`"
    if field.annotation is int:
        least, most = (next(getattr(m, k) for m in field.metadata if isinstance(m, t)) for t, k in _BOUNDS)
        return f"whole number, {least} to {most}"
    if _is_table(field):
        return "table"
    raise AssertionError(f"nothing says in words what {field} takes")


_BOUNDS = ((Ge, "ge"), (Le, "le"))


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Table)


def _default(name: str, field: FieldInfo) -> str:
    """As it would be written into the file; with what single exchanges have instead."""
    if field.is_required():
        return "required"
    if _is_table(field):
        return "see below"
    own = {
        exchange: getattr(defaults, name)
        for exchange, defaults in SPOKEN.items()
        if getattr(defaults, name, field.default) != field.default
    }
    return "; ".join(
        [f"`{_toml(field.default)}`", *(f"{exchange} `{_toml(value)}`" for exchange, value in own.items())]
    )


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return '""'
        case int() | float():
            return f"{value:g}" if value < 1e5 else f"{value:.0f}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case str() | Path() | Decimal():
            return f'"{value}"'
    raise AssertionError(f"nobody knows how {value!r} is written")


# ------------------------------------------------------------- what is beside the schema


def _exchanges() -> Iterator[str]:
    yield f"## Exchanges\n\n{EXCHANGES}"
    names = ("heartbeat", "stale_after", *URL_KEYS)
    yield _table(
        "",
        *(f"`{name}`" for name in SPOKEN),
        rows=[[f"`{name}`", *(_own(name, defaults) for defaults in SPOKEN.values())] for name in names],
    )


def _own(name: str, defaults: Defaults) -> str:
    value = getattr(defaults.endpoints if name in URL_KEYS else defaults, name.removesuffix("_url"))
    return f"`{_toml(value)}`" if isinstance(value, float | int) else value and f"`{value}`"


def _older() -> Iterator[str]:
    yield f"## Names of older deployments\n\n{OLDER}"
    yield _table(
        "name",
        "means",
        "takes",
        rows=[[f"`{name}`", _meaning(older), UNITS[older.unit]] for name, older in OLDER_NAMES.items()],
    )


def _meaning(older: Older) -> str:
    if older.key is None:
        return f"no effect: {older.instead}"
    whose = f"of {' or '.join(older.exchanges)}" if older.exchanges else "of the daemon"
    return f"`{'.'.join(older.key)}` {whose}"


# ------------------------------------------------------------------------------ markdown


def _table(*heads: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(line)} |\n" for line in (heads, *rows)]
    lines.insert(1, f"|{'---|' * len(heads)}\n")
    return re.sub(r"\|  (?=\|)", "| ", "".join(lines))


def _prose(text: str | None) -> str:
    assert text, "each table and each key says what it is"
    return " ".join(text.split())


if __name__ == "__main__":
    deliver(PAGE, page, "docs/configuration.py")
