"""`accounts add`, `remove`, `enable`, `disable`: what changes the settings file for its owner.

They work whether a daemon runs or not. A running one is asked to reload at once
and says what it made of the change, for it may see more than we do: its
environment is another one. Secrets are named and never given: a command line is
seen by everybody, and kept.

Light to import, for every word of the command line imports it; what works is
imported when there is work.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from control.completion import Offer, accounts, completing

if TYPE_CHECKING:
    from host.edit import Edit

FINE, BAD_NEWS, USAGE, BAD_SETTINGS = 0, 1, 2, 78
_REFERENCE = re.compile(r"(env|file|vault):.+")
NEVER_BARE = (
    "a secret is never given on a command line, which others can see and a shell keeps: put it into a file "
    "of mode 0600 and name that, file:PATH, or into the vault (secrets set NAME) and name it vault:NAME, "
    "or name a variable of the daemon's environment, env:NAME"
)

Running = Callable[[Path], int | None]


def commands(running: Running) -> tuple[click.Command, ...]:
    """The words under `accounts`. `running` is the pid of the daemon of these settings."""
    name = click.Argument(["name"], shell_complete=completing(accounts))

    def reference(option: str, what: str) -> click.Option:
        return click.Option([option], callback=_named, metavar="env:NAME|file:PATH|vault:NAME", help=what)

    def add(name: str, exchange: str, *, sandbox: bool, symbols: str | None, **secrets: str | None) -> None:
        settings: dict[str, Any] = {"exchange": exchange}
        if sandbox:
            settings["sandbox"] = True
        settings |= {key: reference for key, reference in secrets.items() if reference is not None}
        if symbols:
            settings["symbols"] = [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
        _leave(running, "added", name, lambda edits: edits.adding(name, settings))

    def remove(name: str, *, yes: bool) -> None:
        if not yes:
            click.confirm(
                f"Remove account {name} from the settings? Its history stays in the ledger", abort=True
            )
        _leave(running, "removed", name, lambda edits: edits.removing(name))

    def enable(name: str) -> None:
        _leave(running, "enabled", name, lambda edits: edits.enabling(name, enabled=True))

    def disable(name: str) -> None:
        _leave(running, "disabled", name, lambda edits: edits.enabling(name, enabled=False))

    return (
        click.Command(
            "add",
            callback=add,
            help="Add an account to the settings file. Secrets are named, never given.",
            params=[
                click.Argument(["name"]),
                click.Option(
                    ["--exchange"],
                    required=True,
                    metavar="NAME",
                    help="binance, binance_us, bybit or cryptocom.",
                    shell_complete=completing(_exchanges),
                ),
                click.Option(["--sandbox"], is_flag=True, help="Play at the built-in sandbox; needs no key."),
                reference("--api-key", "Where the API key is found."),
                reference("--api-secret", "Where its secret is found."),
                reference("--private-key", "Binance family: an Ed25519 or RSA key instead of the secret."),
                click.Option(["--symbols"], metavar="A,B", help="Always reconcile these."),
            ],
            epilog="Example: python supervisor.py accounts add main --exchange bybit "
            "--api-key env:BYBIT_API_KEY --api-secret file:secrets/bybit",
        ),
        click.Command(
            "remove",
            callback=remove,
            help="Take an account out of the settings file; its history stays in the ledger.",
            params=[name, click.Option(["--yes"], is_flag=True, help="Do not ask.")],
            epilog="Example: python supervisor.py accounts remove main --yes",
        ),
        click.Command(
            "enable",
            callback=enable,
            help="Let an account run.",
            params=[name],
            epilog="Example: python supervisor.py accounts enable main",
        ),
        click.Command(
            "disable",
            callback=disable,
            help="Leave an account in the file and alone.",
            params=[name],
            epilog="Example: python supervisor.py accounts disable main",
        ),
    )


def _exchanges(_context: click.Context) -> list[Offer]:
    from exchanges.registry import REGISTRY

    return [(name, "") for name in REGISTRY]


def _named(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A reference, or nothing; the text of a refusal does not repeat what was given."""
    if value is None or _REFERENCE.fullmatch(value):
        return value
    raise click.BadParameter(NEVER_BARE)


def _leave(running: Running, done: str, name: str, edit: "Callable[[Any], Edit]") -> None:
    settings: Path = click.get_current_context().find_root().obj
    raise click.exceptions.Exit(_edited(settings, running, f"{name}: {done}", edit))


def _edited(settings: Path, running: Running, done: str, wanted: "Callable[[Any], Edit]") -> int:
    """The exit code of one change of the file; what went wrong is said on standard error."""
    from host import edit as edits
    from host.configuration import SettingsError

    try:
        loaded = edits.edit(settings, wanted(edits))
    except SettingsError as error:
        complain("nothing was written: the settings would not hold")
        for problem in error.problems:
            complain(f"{problem.severity}: {problem}")
        return BAD_SETTINGS
    except edits.NoAccount as error:
        return complain(str(error), USAGE)
    except (edits.CannotEdit, OSError) as error:
        return complain(f"nothing was written: {error}", BAD_NEWS)
    pid = running(settings)
    click.echo(f"{done} in {loaded.path}")
    return applied(settings, pid)


def applied(settings: Path, pid: int | None) -> int:
    """Have the daemon of this pid, if one runs, say what it made of a change; the exit code."""
    from control.client import NoAnswer, NotRunning, Refused
    from control.locate import locate
    from control.session import converse
    from control.words import WORDS

    if pid is None:
        click.echo("no daemon runs with it: this takes effect at the next start")
        return FINE
    click.echo(f"the daemon (pid {pid}) takes it up at once:")
    try:
        return converse(locate(settings).socket, WORDS["reload"], {}, sys.stdout, as_json=False)
    except (NotRunning, NoAnswer, Refused) as error:
        return complain(f"it did not say what came of it: {error}; `status` does", BAD_NEWS)


def complain(text: str, code: int = BAD_NEWS) -> int:
    """Say on standard error what went wrong; the exit code."""
    click.echo(f"vigil: {text}", err=True)
    return code
