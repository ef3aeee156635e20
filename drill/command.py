"""`python supervisor.py drill`: what may be asked for, and what is printed.

Light to import, for every word of the command line imports it; what works is
imported when there is work.
"""

import json
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from drill.menu import Entry

FINE, BAD_NEWS, INTERRUPTED = 0, 1, 130
PAGE = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"

_HELP = """Let everything go wrong, against private sandboxes and private daemons, and print a score.

Each fault of the menu happens to a daemon of its own on each exchange while orders are
filled, cancelled and opened; then the ledger is compared with the sandbox's record. The
exit code is 0 where nothing was lost, doubled or wrong and every account recovered.
"""


def command(in_use: Callable[[Path], str | None]) -> click.Command:
    """The word. `in_use` says why there must be no drill beside the settings' data directory, if so."""

    def callback(**given: Any) -> None:
        settings: Path = click.get_current_context().find_root().obj
        if not given["list_menu"] and (why := in_use(settings)) is not None:
            click.echo(f"vigil: {why}", err=True)
            raise click.exceptions.Exit(BAD_NEWS)
        try:
            code = run(**given)
        except KeyboardInterrupt:
            code = INTERRUPTED
        raise click.exceptions.Exit(code)

    return click.Command(
        "drill",
        callback=callback,
        help=_HELP,
        short_help="Let everything go wrong against a private daemon, and print a score.",
        epilog="Example: python supervisor.py drill --exchange binance --fault drop --fault lose-one --seeds 5",
        params=[
            click.Option(
                ["--exchange", "exchanges"],
                multiple=True,
                metavar="NAME",
                help="Only this one; may be repeated.",
                shell_complete=_among("ALL"),
            ),
            click.Option(
                ["--fault", "faults"],
                multiple=True,
                metavar="NAME",
                help="Only this one; may be repeated. --list shows them.",
                shell_complete=_among("MENU"),
            ),
            click.Option(
                ["--seeds"],
                type=click.IntRange(1, 100),
                default=1,
                show_default=True,
                metavar="N",
                help="Accounts side by side, each with another order and amount of things.",
            ),
            click.Option(
                ["--jobs"],
                type=click.IntRange(1, 16),
                default=4,
                show_default=True,
                metavar="N",
                help="Daemons at the same time.",
            ),
            click.Option(["--full"], is_flag=True, help="Outages of their whole length: 90 s, and 60 s."),
            click.Option(["--json", "as_json"], is_flag=True, help="One JSON document instead of a table."),
            click.Option(["--write"], is_flag=True, help="Put the table into docs/reliability.md."),
            click.Option(
                ["--trader"],
                is_flag=True,
                help="Trade through all faults with one daemon, and compare the books.",
            ),
            click.Option(
                ["--minutes"],
                type=click.FloatRange(0.1, 600),
                metavar="N",
                help="With --trader: so long, and not each fault once.",
            ),
            click.Option(
                ["--seed"],
                type=int,
                default=1,
                show_default=True,
                metavar="S",
                help="With --trader: another order and amount of things.",
            ),
            click.Option(["--list", "list_menu"], is_flag=True, help="Print the menu and do nothing."),
        ],
    )


def _among(what: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """For the shell: the names of the menu that begin as what is typed does."""

    def complete(_context: click.Context, _param: click.Parameter, typed: str) -> list[str]:
        from drill import menu

        return [name for name in getattr(menu, what) if name.startswith(typed)]

    return complete


def run(
    *,
    exchanges: Sequence[str],
    faults: Sequence[str],
    seeds: int,
    jobs: int,
    full: bool,
    as_json: bool,
    write: bool,
    trader: bool,
    minutes: float | None,
    seed: int,
    list_menu: bool,
) -> int:
    """The exit code of the whole."""
    from drill.menu import ALL, MENU
    from drill.trading_menu import TRADED, TRADING

    menu = TRADING if trader else MENU
    wanted_faults = _chosen("fault", faults, menu)
    wanted_exchanges = _chosen("exchange", exchanges, TRADED if trader else ALL)
    if list_menu:
        click.echo(_menu(menu))
        return FINE
    if trader:
        return _trade(wanted_exchanges, wanted_faults, minutes, seed, as_json=as_json)
    from drill import result
    from drill.menu import PACE
    from drill.report import as_table, remarks, summary, told_settings, write_into
    from drill.running import Wanted, drill

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = told_settings(PACE)
    click.echo(f"every account with {settings}", err=True)
    began = time.monotonic()
    found = drill(
        Wanted(wanted_faults, wanted_exchanges, seeds, full=full, jobs=jobs),
        lambda text: click.echo(f"{time.monotonic() - began:5.0f} s  {text}", err=True),
    )
    seconds = time.monotonic() - began
    table, told = as_table(found.lines), summary(found.lines, seconds)
    document = result.as_json(found.lines, found.outcomes)
    if as_json:
        document |= {"seeds": seeds, "seconds": round(seconds, 1), "settings": {**PACE}}
        click.echo(json.dumps(document, indent=1))
    else:
        click.echo("\n".join([table, "", told, *remarks(found.lines)]))
    if found.kept is not None:
        click.echo(f"what went wrong is kept in {found.kept}", err=True)
    if write:
        write_into(PAGE, f"{table}\n\n{told}.\nEvery account with `{settings}`.")
    return FINE if document["well"] else BAD_NEWS


def _trade(
    exchanges: Sequence[str], faults: Sequence[str], minutes: float | None, seed: int, *, as_json: bool
) -> int:
    from drill import trading_report
    from drill.report import told_settings
    from drill.trading import SETTINGS, Wanted, trade

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(f"a trader with {told_settings(SETTINGS)}", err=True)
    began = time.monotonic()
    result = trade(
        Wanted(exchanges, faults, minutes, seed),
        lambda text: click.echo(f"{time.monotonic() - began:5.0f} s  {text}", err=True),
    )
    told = json.dumps(trading_report.as_json(result), indent=1) if as_json else trading_report.as_text(result)
    click.echo(told)
    if result.kept is not None:
        click.echo(f"what went wrong is kept in {result.kept}", err=True)
    return FINE if result.is_well else BAD_NEWS


def _menu(menu: "Mapping[str, Entry]") -> str:
    from drill.menu import ALL

    width = max(map(len, menu))
    return "\n".join(
        f"{entry.name:<{width}}  {entry.scope:<7}  {entry.what}"
        + ("" if entry.exchanges == ALL else f" ({', '.join(entry.exchanges)})")
        for entry in menu.values()
    )


def _chosen(what: str, names: Sequence[str], there_are: Iterable[str]) -> list[str]:
    """What was named, in the order of what there is; all where nothing was."""
    from difflib import get_close_matches

    known = list(there_are)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"unknown {what} '{name}'{hint}; there are: {', '.join(known)}")
    return [name for name in known if name in names] if names else known
