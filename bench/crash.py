"""What is lost, and what is there twice, after hundreds of kills: nothing.

A daemon with an account on each exchange is killed with SIGKILL at random moments,
half of the kills over a ledger in SQLite and half over one in PostgreSQL, side by side; what kinds
of moments there are, and what is compared, stands in tests/end_to_end/crashes. After
every JUDGED_EVERY kills, and at the end, all is compared with the sandbox's record;
at the end the views are recreated from the journal, too, and must be equal.

The seed chooses moments and trades. What falls together with what is the machine's.
"""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median

import click

from bench.result import Result
from tests.end_to_end.crashes import Crashes, Verdict, crashes
from tests.support.postgres import MISSING, Postgres, programs

KILLS, JUDGED_EVERY = 300, 25
DATABASES = ("sqlite", "postgresql")


def run(
    *, quick: bool = False, kills: int | None = None, database: str = "both", seed: int = 1
) -> list[Result]:
    """Lost, doubled and wrong over each database, which must be none, and how soon it sees again."""
    wanted = kills or (KILLS // 10 if quick else KILLS)
    chosen = [name for name in DATABASES if database in (name, "both")]
    shares = [wanted // len(chosen) + (at < wanted % len(chosen)) for at in range(len(chosen))]
    with ThreadPoolExecutor(len(chosen)) as pool:
        under_way = {
            name: pool.submit(_killed, name, share, Random(f"{name}/{seed}"))
            for name, share in zip(chosen, shares, strict=True)
        }
        return [result for name, verdict in under_way.items() for result in _results(name, verdict.result())]


def _killed(database: str, kills: int, random: Random) -> Verdict:
    """The home of a daemon that lost something stays, and is named."""
    home = Path(tempfile.mkdtemp(prefix=f"crash-{database}-"))
    click.echo(f"{database}: in {home}", err=True)
    with _empty(database, home) as (place, server), crashes(home, place, random, server) as they:
        verdict = _worked_through(they, kills, database)
        if not verdict.lines and (lines := they.end()):
            verdict = verdict._replace(wrong=len(lines), lines=lines)
    _say(verdict)
    if not verdict.lines:
        shutil.rmtree(home)
    return verdict


def _worked_through(they: Crashes, kills: int, database: str) -> Verdict:
    """Ends early where something is found: what came of it would only be counted again."""
    while True:
        for _ in range(min(JUDGED_EVERY, kills - they.kills)):
            they.kill()
        verdict = they.judge()
        click.echo(
            f"{database}: {they.kills} kills, {verdict.facts} facts, {len(verdict.lines)} differences",
            err=True,
        )
        if verdict.lines or they.kills >= kills:
            return verdict


def _say(verdict: Verdict) -> None:
    for line in verdict.lines[:20]:
        click.echo(f"    {line}", err=True)


@contextmanager
def _empty(database: str, home: Path) -> Iterator[tuple[str, Postgres | None]]:
    """The address of a place where no ledger is yet, and the server that it is on, if any."""
    if database == "sqlite":
        yield f"sqlite:///{home / 'vigil.db'}", None
        return
    installed = programs()
    if installed is None:
        raise click.ClickException(MISSING)
    server = Postgres(installed)
    try:
        with server.start().database() as place:
            yield place, server
    finally:
        server.remove()


def _results(database: str, found: Verdict) -> list[Result]:
    behind = f"{found.kills} kills, {found.facts:,} facts, {found.told:,} told to a follower"
    counted = {
        "lost": found.lost,
        "doubled": found.doubled,
        "wrong, or taken back": found.wrong,
    }
    live_ms = [seconds * 1000 for seconds in found.live_after_s]
    return [
        *(
            Result("crash", f"{database}: facts {what}", count, 0, 0, "lower", "", behind)
            for what, count in counted.items()
        ),
        Result("crash", f"{database}: all four accounts live after a start, p50", median(live_ms), 5000, 2000,
               "lower", "ms", f"{len(live_ms)} starts, the slowest {max(live_ms) / 1000:.1f} s"),
    ]  # fmt: skip
