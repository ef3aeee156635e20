"""The command line: `python supervisor.py [--settings PATH] WORD …`.

The commands are made from the table of words, so what the socket offers is what
can be typed. Without a word the daemon runs. What needs the whole of vigil (the
daemon, `check`) is handed in by `supervisor.py`, which imports it only when it
is called: a client word starts in little more than the time that Python takes.

Exit codes are part of the contract: 0 fine, 1 the answer is bad news, 2 usage,
3 the daemon is not running, 78 bad settings, 130 interrupted.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click
from click.core import ParameterSource

from control.client import NoAnswer, NotRunning, Refused
from control.completion import COMPLETE_VAR, SHELLS, completer, script
from control.locate import locate
from control.session import BAD_NEWS, FINE, converse
from control.tables import COLUMNS, LOOKS
from control.words import TEST, WORDS, Param, Word, hint, quoted

USAGE, NOT_RUNNING, BAD_SETTINGS, INTERRUPTED = 2, 3, 78, 130
_CALLERS_MISTAKES = frozenset({-32601, -32602})
_JSON = "as_json"

_HELP = """Watches over accounts on crypto exchanges. Without a WORD the daemon runs here;
with one, a running daemon is asked. Each word explains itself: WORD --help."""
_EXITS = """Exit codes: 0 fine, 1 the answer is bad news, 2 usage, 3 the daemon is not running,
78 the settings do not hold; a daemon ends with 70 or 75 when something of its own fails."""
_COMPLETION = """Print what makes a shell complete words, options, accounts and actors.

Put the line below into the shell's start file. It also defines `vigil`, which is this
command line from anywhere; with --settings before `completion`, that of those settings.
"""
_START_FILES = """\b
bash, in ~/.bashrc:
  eval "$({program} completion bash)"
zsh, in ~/.zshrc:
  eval "$({program} completion zsh)"
fish, in ~/.config/fish/config.fish:
  {program} completion fish | source"""


class Offline(NamedTuple):
    """What needs no running daemon; each is given the settings file and returns the exit code.

    `commands` are further words that come with parameters of their own, `accounts` those that
    stand behind `accounts`. They find the settings file where all find it, as the root
    context's `obj`. `alerts` tests them where no daemon runs; it is given the one address
    that is meant, if one is.
    """

    run: Callable[[Path], int]
    check: Callable[[Path], int]
    commands: tuple[click.Command, ...] = ()
    accounts: tuple[click.Command, ...] = ()
    alerts: Callable[[Path, int | None], int] | None = None


class Words(click.Group):
    """Commands of which an unknown one is answered with the nearest and all there are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        wrong = args[0]
        if wrong not in self.commands and not wrong.startswith("-"):
            there_are = f"there are: {', '.join(self.commands)}"
            raise click.UsageError(
                f"unknown word {quoted(wrong)}{hint(wrong, self.commands)}; {there_are}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self._list(formatter, "Words", list(self.commands))

    def _list(self, formatter: click.HelpFormatter, title: str, names: Sequence[str]) -> None:
        with formatter.section(title):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=100)) for name in names])


class Explained(click.Command):
    """A word whose help ends with its `arguments`, what the columns of its `looks` mean, and an example."""

    def __init__(
        self, name: str, *, looks: str | None = None, arguments: Sequence[tuple[str, str]] = (), **told: Any
    ) -> None:
        super().__init__(name, **told)
        self.looks = looks or name
        self.arguments = arguments

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(self.arguments)
        for title, look in LOOKS.get(self.looks, ()):
            with formatter.section(title):
                formatter.write_dl([(c.heading or "(no name)", c.means) for c in COLUMNS[look]], col_max=24)
        super().format_epilog(ctx, formatter)


class ExplainedWords(Explained, Words):
    """The same for one with further words behind it."""


class Vocabulary(Words):
    """The words as commands, listed by what they are for."""

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, kind in (("Ask", "read"), ("Operate", "operate"), ("Without a daemon", None)):
            of_kind = [n for n in self.commands if kind == (WORDS[n].kind if n in WORDS else None)]
            self._list(formatter, title, of_kind)


def main(default_settings: Path, offline: Offline) -> NoReturn:
    """Be the command line of this process, and leave it."""
    command_line(default_settings, offline).main(prog_name="supervisor.py", complete_var=COMPLETE_VAR)
    raise AssertionError("click leaves the process")


def command_line(default_settings: Path, offline: Offline) -> click.Group:
    """The whole command line; `default_settings` is the file that holds where none is named."""
    group = Vocabulary(
        name="supervisor.py",
        callback=_without_word(offline),
        help=_HELP,
        epilog=_EXITS,
        subcommand_metavar="[WORD ...]",
        invoke_without_command=True,
        params=[
            click.Option(
                ["--settings"],
                type=click.Path(path_type=Path),
                default=default_settings,
                show_default="settings.toml beside supervisor.py",
                help="The settings file of the daemon to run, or to ask.",
            )
        ],
    )
    for word in WORDS.values():
        under = offline.accounts if word.name == "accounts" else ()
        group.add_command(_command(word, offline, under))
    group.add_command(
        click.Command(
            "check",
            callback=lambda: _leave(offline.check(_settings())),
            help="Validate the settings and explain what they mean, without starting anything.\n\n"
            "Every mistake is listed with its place; so is every secret that cannot be had (exit code 1).",
            short_help="Validate the settings and explain what they mean.",
            epilog="Example: python supervisor.py --settings /etc/vigil/settings.toml check",
        )
    )
    group.add_command(_completion())
    for command in offline.commands:
        group.add_command(command)
    return group


def _without_word(offline: Offline) -> Callable[[Path], None]:
    def callback(settings: Path) -> None:
        context = click.get_current_context()
        context.obj = settings
        if context.invoked_subcommand is None:
            _leave(offline.run(settings))

    return callback


def _command(word: Word, offline: Offline, under: tuple[click.Command, ...] = ()) -> click.Command:
    """The word; those `under` it stand behind it, and are something else than it."""
    params = [_parameter(param) for param in word.params if param.kind != "row"]
    if word.takes_json:
        params.append(
            click.Option(["--json", _JSON], is_flag=True, help="One JSON document instead of a table.")
        )

    def callback(as_json: bool = False, **given: Any) -> None:
        if click.get_current_context().invoked_subcommand is None:
            alone = partial(_alone, offline, word, given)
            _leave(_ask(_settings(), word, given, alone, as_json=as_json))

    told: dict[str, Any] = {
        "callback": callback,
        "arguments": [(param.name.upper(), param.help) for param in word.params if param.positional],
        "help": f"{word.help}\n\n{word.more}",
        "short_help": word.help,
        "params": params,
        "epilog": f"Example: python supervisor.py {word.example}",
    }
    if not under:
        return Explained(word.name, **told)
    told |= {"invoke_without_command": True, "subcommand_metavar": "[WORD ...]"}
    return ExplainedWords(word.name, commands=under, **told)


def _completion() -> click.Command:
    def callback(shell: str) -> None:
        click.echo(script(shell, _program(), _given()), nl=False)

    return click.Command(
        "completion",
        callback=callback,
        help=_COMPLETION,
        short_help="Print what makes bash, zsh or fish complete all this.",
        epilog=_START_FILES.format(program=shlex.join(_program())),
        params=[click.Argument(["shell"], type=click.Choice(SHELLS))],
    )


def _program() -> Sequence[str]:
    """How this process was started."""
    return sys.executable, str(Path(sys.argv[0]).absolute())


def _parameter(param: Param) -> click.Parameter:
    if param.positional:
        default: dict[str, Any] = {} if param.default is None else {"default": param.default}
        return click.Argument(
            [param.name], required=param.required, shell_complete=completer(param), **default
        )
    if param.kind == "flag":
        option = f"--{param.name.replace('_', '-')}"
        return click.Option([option, param.name], is_flag=True, default=None, help=param.help)
    is_count = param.kind == "count"
    return click.Option(
        [f"--{param.name}"],
        type=click.IntRange(min=0) if is_count else click.STRING,
        metavar={"count": "N", "time": "WHEN"}.get(param.kind, param.name.upper()),
        default=param.default,
        show_default=True,
        help=param.help,
        shell_complete=completer(param),
    )


def _alone(offline: Offline, word: Word, given: dict[str, Any], settings: Path) -> int | None:
    """What a word does where no daemon runs; None where it needs one."""
    if word.name != "alerts" or given["action"] != TEST or offline.alerts is None:
        return None
    return offline.alerts(settings, given["url"])


def _ask(
    settings: Path,
    word: Word,
    given: dict[str, Any],
    alone: Callable[[Path], int | None],
    *,
    as_json: bool,
) -> int:
    """The exit code of one word; what went wrong is said on standard error."""
    place = locate(settings)
    try:
        code = converse(place.socket, word, given, sys.stdout, as_json=as_json)
        sys.stdout.flush()
    except NotRunning as absence:
        if (done := alone(settings)) is not None:
            return done
        if place.problem:
            return _complain(f"{place.problem} ({absence})", BAD_SETTINGS)
        start = " ".join(["python supervisor.py", *map(shlex.quote, _given())])
        return _complain(f"{absence}: the daemon is not running; start it with: {start}", NOT_RUNNING)
    except Refused as refusal:
        return _complain(str(refusal), USAGE if refusal.code in _CALLERS_MISTAKES else BAD_NEWS)
    except NoAnswer as silence:
        return _complain(str(silence), BAD_NEWS)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return seen_enough()
    return code


def seen_enough() -> int:
    """Whoever read us has hung up, which is fine. Python would complain once more when it closes the pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FINE


def _complain(text: str, code: int) -> int:
    click.echo(f"vigil: {text}", err=True)
    return code


def _given() -> list[str]:
    """The options that name the settings, where they are not the usual ones."""
    context = click.get_current_context().find_root()
    if context.get_parameter_source("settings") is ParameterSource.DEFAULT:
        return []
    return ["--settings", str(_settings().absolute())]


def _settings() -> Path:
    settings: Path = click.get_current_context().find_root().obj
    return settings


def _leave(code: int) -> NoReturn:
    raise click.exceptions.Exit(code)
