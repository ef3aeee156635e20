"""`python -m sandbox`: imitate exchanges on loopback until told to stop.

Prints one JSON line when it serves:
`{"ready": true, "listen": {"binance": "127.0.0.1:PORT"}, "admin": "127.0.0.1:PORT"}`.
SIGHUP reads the accounts file again, SIGTERM ends it.
"""

import logging
import sys
from pathlib import Path

import click

from sandbox.server import DIALECTS, Options, run


def _listeners(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if any(name not in DIALECTS or not where for name, _, where in pairs):
        known = ", ".join(DIALECTS)
        raise click.BadParameter(f"write EXCHANGE=fd:N or EXCHANGE=HOST:PORT; known: {known}")
    return {name: where for name, _, where in pairs}


@click.command()
@click.option("--world", type=click.Path(path_type=Path), required=True, help="Folder of the world's state.")
@click.option("--accounts", type=click.Path(path_type=Path, exists=True), required=True, help="JSON list.")
@click.option("--listen", multiple=True, required=True, help="EXCHANGE=fd:N or EXCHANGE=HOST:PORT.")
@click.option("--spare", multiple=True, help="EXCHANGE=fd:N: served once the accounts file names it.")
@click.option("--admin", default="127.0.0.1:0", help="fd:N or HOST:PORT.")
@click.option("--auto/--no-auto", default=True, help="Prices move and traders trade.")
@click.option("--exit-on-stdin-eof", is_flag=True, help="End when standard input does.")
@click.option("--seed", default=1, help="Seed of the prices.")
@click.option("--ping-every", type=float, help="Seconds between the server's pings, else the exchange's own.")
@click.option("--pong-within", type=float, help="Seconds without a pong before the cut, else its own.")
@click.option("--life", type=float, help="Seconds that a WebSocket lives, else its own.")
def main(
    *,
    world: Path,
    accounts: Path,
    listen: tuple[str, ...],
    spare: tuple[str, ...],
    admin: str,
    auto: bool,
    exit_on_stdin_eof: bool,
    seed: int,
    ping_every: float | None,
    pong_within: float | None,
    life: float | None,
) -> None:
    """Imitate exchanges strictly."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="sandbox: %(message)s")
    heartbeat = {"ping_every": ping_every, "pong_within": pong_within, "life": life}
    run(
        Options(
            world=world,
            accounts=accounts,
            listen=_listeners(listen),
            spare=_listeners(spare),
            admin=admin,
            auto=auto,
            exit_on_stdin_eof=exit_on_stdin_eof,
            seed=seed,
            heartbeat={name: seconds for name, seconds in heartbeat.items() if seconds is not None},
        )
    )


if __name__ == "__main__":
    main()
