"""What a shell may offer where somebody types, and how it comes to ask.

`completion SHELL` prints a few lines for the shell's start file. They define `vigil`
as this very checkout with these very settings, complete it, and complete
`python …/supervisor.py` as well. Words and options come from the table of words;
names of accounts from the settings file, as much of it as parses; ids of actors and
incidents from the daemon, which is given half a second. Whatever goes wrong there,
nothing is offered and nothing is said: who types must not be disturbed.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from control.client import Client, NoAnswer, NotRunning, Refused
from control.locate import accounts_of, locate
from control.words import HISTORIES, TEST, Param
from core.faults import CHOICES

COMPLETE_VAR = "_VIGIL_COMPLETE"
"""Set by the shell's function, with which of its parts it asks for (click's protocol)."""
PATIENCE = 0.5  # seconds for the daemon

Offer = tuple[str, str]  # what may be typed, and a word about it
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completer(param: Param) -> Completer | None:
    """What completes a parameter; None where nobody can know what comes."""
    offers = _OFFERS.get(param.offers)
    return None if offers is None else completing(offers)


def completing(offers: Callable[[click.Context], Iterable[Offer]]) -> Completer:
    """Of what there is, that which begins as what is typed does."""

    def complete(context: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
        return [
            CompletionItem(value, help=about or None)
            for value, about in offers(context)
            if value.startswith(typed)
        ]

    return complete


def accounts(context: click.Context) -> Iterator[Offer]:
    """The accounts of the settings file, with their exchange."""
    yield from accounts_of(_settings(context)).items()


def _settings(context: click.Context) -> Path:
    settings: Path = context.find_root().params["settings"]
    return settings


def _answer(context: click.Context, word: str, **params: object) -> list[dict[str, Any]]:
    try:
        with Client(locate(_settings(context)).socket, timeout=PATIENCE) as client:
            rows: list[dict[str, Any]] = client.call(word, **params)
            return rows
    except (NotRunning, NoAnswer, Refused):
        return []


def _targets(context: click.Context) -> Iterator[Offer]:
    yield from accounts(context)
    actors = _answer(context, "actors")
    yield from dict.fromkeys((actor["group"], "group") for actor in actors)
    yield from ((actor["id"], actor["phase"]) for actor in actors)


def _keys(context: click.Context) -> Iterator[Offer]:
    """Behind `history KIND`: only of two kinds is it known what there is."""
    match context.params.get("kind"):
        case "account":
            yield from accounts(context)
        case "actor":
            yield "daemon", "vigil itself"
            yield from ((actor["id"], actor["phase"]) for actor in _answer(context, "actors"))


def _incidents(context: click.Context) -> Iterator[Offer]:
    for row in _answer(context, "incidents", open=True):
        yield str(row["id"]), f"{row['kind']} {row['account'] or ''}".strip()


def _totals(_context: click.Context) -> Iterator[Offer]:
    from core.fees import KEYS

    yield from ((key, "") for key in KEYS)


_OFFERS: dict[str, Callable[[click.Context], Iterable[Offer]]] = {
    "account": accounts,
    "target": _targets,
    "key": _keys,
    "incident": _incidents,
    "total": _totals,
    "kind": lambda _: [(kind, "") for kind in HISTORIES],
    "fault": lambda _: [(choice.kind, choice.label) for choice in CHOICES.values()],
    "action": lambda _: [(TEST, "send a test message")],
    "moment": lambda _: [(span, "ago") for span in ("10m", "1h", "24h", "7d")],
}

# ----------------------------------------------------------------- what the shells are told


def script(shell: str, program: Sequence[str], given: Sequence[str]) -> str:
    """For the start file of `shell`: `program` is how this command line is started, `given` its options."""
    written = {
        "@PROGRAM@": shlex.join(program),
        "@GIVEN@": shlex.join(given),
        "@AS TYPED@": shlex.join(map(shlex.quote, given)),
        "@ASK@": COMPLETE_VAR,
    }
    text = _SCRIPTS[shell]
    for mark, value in written.items():
        text = text.replace(mark, value)
    return text


_BASH = """\
vigil() { @PROGRAM@ @GIVEN@ "$@"; }
_vigil_complete() {
    local IFS=$'\\n' kind value at=$COMP_CWORD
    local -a words=("${COMP_WORDS[@]}") given=(@AS TYPED@)
    COMPREPLY=()
    if [[ $1 == vigil ]]; then
        words=(vigil "${given[@]}" "${words[@]:1}") at=$((at + ${#given[@]}))
    elif [[ $at -gt 1 && ${words[1]} == *supervisor.py ]]; then
        words=("${words[@]:1}") at=$((at - 1))
    else
        return 0
    fi
    while IFS=, read -r kind value; do
        case $kind in
            plain) COMPREPLY+=("$value") ;;
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
        esac
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$at @ASK@=bash_complete @PROGRAM@ 2>/dev/null)
}
complete -o nosort -F _vigil_complete vigil
for _vigil_python in python python3; do
    complete -p $_vigil_python &>/dev/null ||
        complete -o bashdefault -o default -F _vigil_complete $_vigil_python
done
unset _vigil_python
"""

_ZSH = """\
vigil() { @PROGRAM@ @GIVEN@ "$@" }
_vigil_complete() {
    local -a given=(@AS TYPED@) plain told
    local kind value about
    if [[ $words[1] == vigil ]]; then
        words=(vigil $given "${(@)words[2,-1]}")
        (( CURRENT += $#given ))
    elif (( CURRENT > 2 )) && [[ $words[2] == *supervisor.py ]]; then
        shift words
        (( CURRENT -= 1 ))
    else
        (( $+functions[_python] )) && _python || _default
        return
    fi
    for kind value about in "${(@f)$(COMP_WORDS="${(pj:\\n:)words}" COMP_CWORD=$((CURRENT - 1)) \\
            @ASK@=zsh_complete @PROGRAM@ 2>/dev/null)}"; do
        case $kind in
            plain) [[ $about == _ ]] && plain+=("$value") || told+=("$value:$about") ;;
            file) _path_files -f ;;
            dir) _path_files -/ ;;
        esac
    done
    (( $#told )) && _describe -V unsorted told -U
    (( $#plain )) && compadd -U -V unsorted -a plain
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _vigil_complete vigil python python3
"""

_FISH = """\
function vigil; @PROGRAM@ @GIVEN@ $argv; end
function _vigil_complete
    set -l given @AS TYPED@
    set -l typed (commandline -cp | string trim -l)
    if string match -q 'vigil *' -- $typed
        set typed "vigil $given"(string sub -s 6 -- $typed)
    else
        set typed (string replace -r '^\\S+\\s+' '' -- $typed)
    end
    for line in (env @ASK@=fish_complete COMP_WORDS="$typed" COMP_CWORD=(commandline -t) @PROGRAM@ 2>/dev/null)
        set -l part (string split -m 1 , -- $line)
        switch $part[1]
            case plain
                echo $part[2]
            case file
                __fish_complete_path (commandline -t)
            case dir
                __fish_complete_directories (commandline -t)
        end
    end
end
function _vigil_is_asked; string match -qr 'supervisor\\.py$' -- (commandline -opc)[2]; end
complete -c vigil -f -a '(_vigil_complete)'
complete -c python -c python3 -n _vigil_is_asked -f -a '(_vigil_complete)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
SHELLS = tuple(_SCRIPTS)
