"""python -m bench [decode|durable|latency|sell|load|storage|keys|soak|crash …] [--json] [--quick] [--write]

Without a name: decode, durable and latency. Prints each figure as a ratio against a peer or a limit measured in the same run,
because ratios carry over from one machine to another and absolute figures do
not; the figures behind them stand beside. `--write` puts the table into
docs/performance.md, those of sell, load, storage and keys there too, those of soak and crash into docs/reliability.md. The exit code is 1
where crash found anything lost, doubled or wrong.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from bench import crash, decode, durable, keys, latency, load, sell, soak, storage
from bench.result import Result, as_json, as_table, write_into

DOCS = Path(__file__).resolve().parent.parent / "docs"
Bench = Callable[..., list[Result]]
SPEED: dict[str, Bench] = {"decode": decode.run, "durable": durable.run, "latency": latency.run}
TRADE: dict[str, Bench] = {"sell": sell.run}
LOAD: dict[str, Bench] = {"load": load.run}
GROWN: dict[str, Bench] = {"storage": storage.run, "keys": keys.run}
PROOFS: dict[str, Bench] = {"soak": soak.run, "crash": crash.run}


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice([*SPEED, *TRADE, *LOAD, *GROWN, *PROOFS]))
@click.option("--json", "want_json", is_flag=True, help="Machine readable.")
@click.option("--quick", is_flag=True, help="A tenth of the events: to see that it runs.")
@click.option("--write", is_flag=True, help="Put the tables into the pages of docs/.")
@click.option(
    "--kills", type=click.IntRange(2), help=f"crash: how many in all; {crash.KILLS} where not said."
)
@click.option(
    "--database",
    type=click.Choice([*crash.DATABASES, "both"]),
    default="both",
    show_default=True,
    help="crash, storage: what keeps the ledger.",
)
@click.option(
    "--ledgers",
    type=click.Path(file_okay=False, path_type=Path),
    help="storage: where the grown ledgers are kept and used again.",
)
@click.option("--seed", default=1, show_default=True, help="crash: chooses moments and trades.")
def main(
    *,
    names: tuple[str, ...],
    want_json: bool,
    quick: bool,
    write: bool,
    kills: int | None,
    database: str,
    seed: int,
    ledgers: Path | None,
) -> None:
    known: dict[str, Bench] = {
        **SPEED,
        **TRADE,
        **LOAD,
        **GROWN,
        **PROOFS,
        "storage": partial(storage.run, database=database, ledgers=ledgers),
        "crash": partial(crash.run, kills=kills, database=database, seed=seed),
    }
    results: list[Result] = []
    for name in names or tuple(SPEED):
        click.echo(f"measuring {name} …", err=True)
        results += known[name](quick=quick)
    click.echo(json.dumps(as_json(results), indent=1) if want_json else as_table(results))
    if write:
        _write(results)
    if any(one.bench == "crash" and one.must == 0 and one.verdict == "missed" for one in results):
        raise click.exceptions.Exit(1)


def _write(results: list[Result]) -> None:
    """Each table into the page that tells of it."""
    for page, mark, of_it in (
        ("performance.md", "bench", tuple(SPEED)),
        *(("performance.md", name, (name,)) for name in (*TRADE, *LOAD, *GROWN)),
        *(("reliability.md", name, (name,)) for name in PROOFS),
    ):
        if found := [result for result in results if result.bench in of_it]:
            write_into(DOCS / page, found, mark)


if __name__ == "__main__":
    main()
