"""`secrets set`, `list`, `remove`, `rekey`: what is done to the vault from a command line.

A value is never taken from the command line itself, which others can see and a
shell keeps: it is asked for without echo, or read from standard input. A running
daemon is told to reload and says what it made of the change; only `rekey` wants
the daemon stopped, for the one that runs has the old key.

Light to import, for every word of the command line imports it; what works is
imported when there is work.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from control.cli import Explained, Words
from host.edit_words import BAD_SETTINGS, FINE, USAGE, Running, applied, complain

if TYPE_CHECKING:
    from host.configuration import Loaded
    from host.vault import Custody

HELP = """Keep secrets in an encrypted file of the data directory.

What is set here under a NAME is named vault:NAME in settings.toml. The file is opened with
[vault] key: a key, or a passphrase; without it vigil makes a key of its own, vault.key in the
data directory."""

NEVER_HERE = (
    "a secret is never given on a command line, which others can see and a shell keeps: "
    "leave it out and you are asked for it, or send it to standard input (secrets set NAME < FILE)"
)
_UNFINISHED = (
    "this is only the first line of a key: send the whole file to standard input "
    "(python supervisor.py secrets set NAME < FILE)"
)

Work = Callable[["Loaded", "Custody"], int]


def command(running: Running) -> click.Command:
    """The word with those behind it. `running` is the pid of the daemon of these settings."""
    name = click.Argument(["name"])
    as_json = click.Option(["--json", "as_json"], is_flag=True, help="One JSON document instead of a table.")

    def word(
        called: str, work: Callable[..., int], help_: str, *params: click.Parameter, **more: Any
    ) -> click.Command:
        def callback(**given: Any) -> None:
            if click.get_current_context().args:
                raise click.UsageError(NEVER_HERE)
            settings: Path = click.get_current_context().find_root().obj
            raise click.exceptions.Exit(_worked(settings, partial(work, **given)))

        return Explained(called, callback=callback, help=help_, params=list(params), **more)

    return Words(
        "secrets",
        help=HELP,
        short_help="Keep secrets in an encrypted file of the data directory.",
        subcommand_metavar="WORD ...",
        epilog="Example: python supervisor.py secrets set main-key",
        commands=[
            word(
                "set",
                partial(set_, running),
                "Keep a secret under NAME, instead of the one that is there. The value is asked for without "
                "echo, or read from standard input where that is no terminal; white space round it is dropped.",
                name,
                short_help="Keep a secret under NAME. It is asked for, or read from standard input.",
                context_settings={"allow_extra_args": True},
                epilog="Example: python supervisor.py secrets set main-key < key.pem",
            ),
            word(
                "list",
                list_,
                "The names, when each was set, and what in the settings names it.",
                as_json,
                looks="secrets",
                epilog="Example: python supervisor.py secrets list",
            ),
            word(
                "remove",
                partial(remove, running),
                "Forget the secret NAME.",
                name,
                click.Option(["--force"], is_flag=True, help="Also where the settings name it."),
                epilog="Example: python supervisor.py secrets remove main-key",
            ),
            word(
                "rekey",
                rekey,
                "Seal the vault anew: with the first key or passphrase that [vault] key leads to, or with a "
                "fresh key where vigil makes its own. Refused while a daemon runs.",
                click.Option(
                    ["--from", "before"],
                    metavar="env:NAME|file:PATH",
                    help="The key or passphrase until now, as settings.toml named it, where [vault] key leads to the new one only.",
                ),
                short_help="Seal the vault anew, with another key or passphrase.",
                epilog="Example: python supervisor.py secrets rekey --from file:data/vault.key",
            ),
        ],
    )


def _worked(settings: Path, work: Work) -> int:
    """The exit code of `work`; what went wrong is said on standard error."""
    from core.errors import VigilError
    from host.configuration import SettingsError, load
    from host.vault import custody, place

    try:
        loaded = load(settings)
        if (why := _not_ours(loaded.settings.supervisor.data_dir)) is not None:
            return complain(why)
        environ = _with_passphrase(loaded.settings.vault.key, is_new=not place(loaded.settings).exists())
        return work(loaded, custody(loaded, environ))
    except SettingsError as error:
        for problem in error.problems:
            complain(f"{problem.severity}: {problem}")
        return BAD_SETTINGS
    except (VigilError, OSError) as error:
        return complain(str(error))


def _not_ours(data_dir: Path) -> str | None:
    """Why we must not leave files there: the daemon, under its own user, could not read them."""
    owner = data_dir.stat().st_uid if data_dir.exists() else os.geteuid()
    if owner == os.geteuid():
        return None
    return f"{data_dir} belongs to user {owner}: say this as that user, as whom vigil runs (sudo -u '#{owner}' …)"


def _with_passphrase(reference: str, *, is_new: bool) -> dict[str, str]:
    """The environment; what it lacks of the vault's key is asked for, so that nobody types it into his shell."""
    kind, _, variable = reference.partition(":")
    if kind != "env" or os.environ.get(variable, "").strip() or not sys.stdin.isatty():
        return dict(os.environ)
    asked = f"{variable} is not set here; key or passphrase of the vault"
    given = click.prompt(asked, hide_input=True, confirmation_prompt=is_new, err=True)
    return {**os.environ, variable: given}


# ------------------------------------------------------------------------ the words


def set_(running: Running, loaded: "Loaded", kept: "Custody", *, name: str) -> int:
    from core.clock import SystemClock
    from host.vault import LONGEST, NAME

    if not NAME.fullmatch(name):
        return complain("the name of a secret is made of A-Z, a-z, 0-9 and _ . -", USAGE)
    kept.keys.keys()
    kept.vault.names()  # nobody is asked for what could not be kept
    value = _asked_for(name)
    if not value:
        return complain("nothing was given: nothing was set", USAGE)
    if len(value.encode()) > LONGEST:
        return complain(f"more than {LONGEST} bytes are no secret: nothing was set", USAGE)
    if value.startswith("-----BEGIN") and "\n" not in value and "-----END" not in value:
        return complain(_UNFINISHED, USAGE)
    was_there = kept.vault.set(name, value, SystemClock().wall_ms())
    click.echo(f"{name}: {'replaced' if was_there else 'set'} in {kept.vault.path}")
    if not _users(loaded, name):
        click.echo(f'nothing names it yet: write "vault:{name}" into {loaded.path}')
        return FINE
    return applied(loaded.path, running(loaded.path))


def _asked_for(name: str) -> str:
    if sys.stdin.isatty():
        told: str = click.prompt(
            f"{name} (is not shown)", hide_input=True, default="", show_default=False, err=True
        )
        return told.strip()
    try:
        return sys.stdin.buffer.read().decode("utf-8").strip()
    except UnicodeDecodeError:
        raise click.UsageError("standard input is not text: nothing was set") from None


def list_(loaded: "Loaded", kept: "Custody", *, as_json: bool) -> int:
    from control.present import write_array, write_table

    names = kept.vault.names()
    wanted = {reference.removeprefix("vault:") for _, reference in _named(loaded)}
    rows = [
        {"name": name, "set_at": names.get(name), "used_by": _users(loaded, name)}
        for name in sorted(names.keys() | wanted)
    ]
    if as_json:
        write_array([rows], sys.stdout)
    else:
        write_table("secrets", rows, sys.stdout)
    return FINE


def remove(running: Running, loaded: "Loaded", kept: "Custody", *, name: str, force: bool) -> int:
    from host.vault import NoSuchSecret

    users = _users(loaded, name)
    if users and not force and name in kept.vault.names():
        return complain(f"{loaded.path} names it: {', '.join(users)}; change that first, or say --force")
    try:
        kept.vault.remove(name)
    except NoSuchSecret as error:
        return complain(str(error), USAGE)
    click.echo(f"{name}: removed from {kept.vault.path}")
    return applied(loaded.path, running(loaded.path)) if users else FINE


def rekey(loaded: "Loaded", kept: "Custody", *, before: str | None) -> int:
    from host.keyring import Keyring, fresh_key, replace_own
    from host.lock import DataLock
    from host.vault import Vault, keyring, own_key

    if not kept.vault.exists:
        return complain(f"there is no vault at {kept.vault.path} yet")
    lock = DataLock(loaded.settings.supervisor.data_dir)
    lock.acquire()
    try:
        old = kept.vault
        if before is not None:
            environ = _with_passphrase(before, is_new=False)
            old = Vault(old.path, keyring(loaded, before, environ))
        old.names()  # it opens, or we know why not, before anything is written
        if loaded.settings.vault.key:
            count = old.rekey(kept.keys)
        else:
            path, made = own_key(loaded.settings), fresh_key()
            replace_own(path, made, *kept.keys.keys())  # whoever is killed now leaves what opens either
            count = old.rekey(Keyring.own(path))
            replace_own(path, made)
    finally:
        lock.release()
    what = "secret is" if count == 1 else "secrets are"
    click.echo(f"{kept.vault.path}: {count} {what} sealed with the first key of {kept.keys.source}")
    return FINE


def _named(loaded: "Loaded") -> list[tuple[str, str]]:
    """Each place in the settings where a secret of the vault is named, and how."""
    from core.settings_schema import SECRET_KEYS
    from host.tenants import references

    return [
        (f"accounts.{name}.{key}" if key in SECRET_KEYS else f"{name}.{key}", reference)
        for name, key, reference in references(loaded.settings)
        if reference.startswith("vault:")
    ]


def _users(loaded: "Loaded", name: str) -> list[str]:
    return [place for place, reference in _named(loaded) if reference == f"vault:{name}"]
