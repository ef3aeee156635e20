"""`rebuild`, `backup`, `vacuum`, `export`: what is done to a ledger that nobody writes.

Each holds the data directory's lock from its beginning to its end: it is refused
while a daemon has it, and no daemon starts meanwhile. None of them brings a
ledger up to date or makes one; that is the daemon's.

Light to import, for every word of the command line imports it; what works is
imported when there is work.
"""

import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click

from control.completion import accounts, completing

FINE, BAD_NEWS, BAD_SETTINGS, INTERRUPTED = 0, 1, 78, 130
KINDS = ("fills", "orders", "balances", "positions", "cash", "journal", "incidents")
WITHOUT_SYMBOL = frozenset({"cash", "incidents"})
ALONE = "Refused while a daemon runs on this ledger."

InUse = Callable[[Path], str | None]


class Place(NamedTuple):
    """The ledger that the settings name, and where its daemon keeps the rest."""

    url: str
    data_dir: Path


Work = Callable[[Place], int]


def commands(in_use: InUse) -> tuple[click.Command, ...]:
    """The words. `in_use` says why they must wait, if a daemon has the data directory."""
    as_json = click.Option(["--json", "as_json"], is_flag=True, help="One JSON document instead of text.")

    def word(
        name: str, work: Callable[..., int], short: str, more: str, example: str, *params: click.Parameter
    ) -> click.Command:
        def callback(**given: Any) -> None:
            settings: Path = click.get_current_context().find_root().obj
            raise click.exceptions.Exit(_alone(settings, in_use, partial(work, **given)))

        return click.Command(
            name,
            callback=callback,
            help=f"{short}\n\n{more} {ALONE}",
            short_help=short,
            epilog=f"Example: python supervisor.py {example}",
            params=list(params),
        )

    return (
        word(
            "rebuild",
            rebuild,
            "Make every view anew from the journal and prove it equal.",
            "What differs is told row by row, with exit code 1, and put right. With --check nothing is written.",
            "rebuild --check",
            click.Option(["--check"], is_flag=True, help="Only compare."),
            as_json,
        ),
        word(
            "backup",
            backup,
            "Copy the ledger, and prove the copy good.",
            "PATH is where to, data_dir/backups/vigil-TIME.db where none is named; nothing is overwritten. "
            "A ledger on a PostgreSQL server is copied with pg_dump.",
            "backup /mnt/backups/vigil-monday.db",
            click.Argument(["path"], required=False, type=click.Path(path_type=Path)),
            as_json,
        ),
        word(
            "vacuum",
            vacuum,
            "Give the space of deleted rows back to the disk.",
            "The file is written anew, which needs room for it twice.",
            "vacuum",
            as_json,
        ),
        word(
            "export",
            export,
            "Write the rows of the ledger as CSV or JSON lines.",
            f"WHAT: one of {', '.join(KINDS)}. The rows are those of the word with --json, all of them; "
            "an unknown value is null, in CSV an empty cell.",
            "export fills --since 30d --output fills.csv",
            click.Argument(["what"], type=click.Choice(KINDS), metavar="WHAT"),
            click.Option(["--format", "form"], type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True, help="CSV with a head, or one JSON object a line."),
            click.Option(["--since"], metavar="WHEN", help="From then on: 1h, 30m, 2d, an ISO time (UTC), or milliseconds."),
            click.Option(["--account"], metavar="ACCOUNT", help="Only this account.", shell_complete=completing(accounts)),
            click.Option(["--symbol"], metavar="SYMBOL", help="Only this symbol; of balances, this asset."),
            click.Option(
                ["--output"],
                default="-",
                show_default="standard output",
                metavar="PATH",
                help="A file, replaced when all is written, for its owner alone.",
            ),
        ),
    )  # fmt: skip


def _alone(settings: Path, in_use: InUse, work: Work) -> int:
    """The exit code of `work`, done while nobody else has the ledger; what went wrong is said."""
    from control.cli import seen_enough
    from core.errors import VigilError
    from host.configuration import SettingsError, load

    if (why := in_use(settings)) is not None:
        return _complain(why)
    try:
        loaded = load(settings).settings
        with _held(Place(loaded.database.url, loaded.supervisor.data_dir)) as place:
            code = work(place)
            sys.stdout.flush()
            return code
    except SettingsError as error:
        for problem in error.problems:
            _complain(f"{problem.severity}: {problem}")
        return BAD_SETTINGS
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return seen_enough()
    except (VigilError, OSError) as error:
        return _complain(str(error))


@contextmanager
def _held(place: Place) -> Iterator[Place]:
    from host.lock import DataLock
    from models.database import is_sqlite, sqlite_path

    if is_sqlite(place.url) and not sqlite_path(place.url).is_file():
        raise FileNotFoundError(f"there is no ledger at {sqlite_path(place.url)} yet: start vigil first")
    lock = DataLock(place.data_dir)
    lock.acquire()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no part is left behind
    try:
        yield place
    finally:
        signal.signal(signal.SIGTERM, before)
        lock.release()


# ------------------------------------------------------------------------ the words


def rebuild(place: Place, *, check: bool, as_json: bool) -> int:
    import shutil

    from host.progress import shown
    from models.database import open_for_reading
    from models.rebuild import SCRATCH
    from models.rebuild import rebuild as again

    open_for_reading(place.url).close()
    for left in place.data_dir.glob(f"{SCRATCH}*"):  # by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with shown() as tell:
        found = again(place.url, check=check, folder=place.data_dir, tell=tell)
    if as_json:
        _print({name: getattr(found, name) for name in found.__struct_fields__})
    else:
        click.echo(f"{found.statements} statements make {_counted(found.rows)}")
        for text in found.differences:
            click.echo(f"  {text}")
        if (untold := found.different - len(found.differences)) > 0:
            click.echo(f"  and {untold} more")
        click.echo(_verdict(found.different, put_right=found.put_right))
    return BAD_NEWS if found.different else FINE


def _verdict(different: int, *, put_right: bool) -> str:
    if not different:
        return "ledger and journal agree"
    counted = f"{different} {'difference' if different == 1 else 'differences'}"
    return f"{counted}; the views are put right" if put_right else counted


def backup(place: Place, *, path: Path | None, as_json: bool) -> int:
    from core.clock import SystemClock
    from host.progress import shown
    from models.backup import backup as copy
    from models.backup import usual_place
    from models.files import sized

    target = path or usual_place(place.data_dir, SystemClock().wall_ms())
    with shown() as tell:
        saved = copy(place.url, target, tell)
    if as_json:
        _print({"path": str(saved.path), "size": saved.size, "rows": saved.rows})
    else:
        held = {table: rows for table, rows in saved.rows.items() if rows}
        click.echo(f"{saved.path}: {sized(saved.size)}, good; {_counted(held)}")
    return FINE


def vacuum(place: Place, *, as_json: bool) -> int:
    from models.files import sized
    from models.vacuum import vacuum as reclaim

    done = reclaim(place.url)
    if as_json:
        _print({"before": done.before, "after": done.after})
    else:
        click.echo(f"{sized(done.before)} before, {sized(done.after)} after")
    return FINE


def export(
    place: Place,
    *,
    what: str,
    form: str,
    since: str | None,
    account: str | None,
    symbol: str | None,
    output: str,
) -> int:
    from host.export import COLUMNS, pages, write_csv, write_jsonl
    from host.progress import shown
    from models.database import open_for_reading
    from models.read import Reader

    if symbol is not None and what in WITHOUT_SYMBOL:
        raise click.UsageError(f"{what} have no symbol")
    moment = None if since is None else _moment(since)
    write = write_csv if form == "csv" else write_jsonl
    open_for_reading(place.url).close()
    to_file = output != "-"
    with (
        closing(Reader(place.url)) as reader,
        shown(wanted=to_file or not sys.stdout.isatty()) as tell,
        _opened(output) as out,
    ):
        rows = pages(reader, what, account=account, symbol=symbol, since=moment)
        written = write(COLUMNS[what], rows, out, tell)
    if to_file:
        click.echo(f"{output}: {written} rows")
    return FINE


@contextmanager
def _opened(output: str) -> Iterator[TextIO]:
    """Where the rows go: UTF-8 whatever the terminal speaks, for that is what the programs read."""
    from models.files import whole

    if output == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield sys.stdout
        return
    target = Path(output).resolve()
    if target.exists() and not target.is_file():  # a pipe, a device: it is written to and not replaced
        with target.open("w", encoding="utf-8", newline="") as out:
            yield out
        return
    with whole(target, overwrite=True) as part, part.open("w", encoding="utf-8", newline="") as out:
        yield out


def _moment(since: str) -> int:
    from control.moments import since_ms
    from core.clock import SystemClock

    try:
        return since_ms(since, SystemClock().wall_ms())
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in rows.items())


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def _complain(text: str) -> int:
    click.echo(f"vigil: {text}", err=True)
    return BAD_NEWS
