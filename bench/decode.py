"""How many messages a second are received and decoded, against clients that others wrote.

Every client is sent the same frames by the same server, saturated, in a process
of its own; vigil runs before and after each peer, so that a machine whose speed
drifts does not decide. vigil makes typed facts with exact decimals of each
frame; the peers do what they do by themselves.
"""

import statistics

from bench.processes import blaster, figures_of
from bench.result import Result

PEERS = {
    "websocket-client": (0.0, 12.0),
    "unicorn": (2.0, 2.5),
    "ccxt binance": (8.0, 10.0),
    "python-binance": (3.0, 4.0),
}
COUNTS = {"websocket-client": 20_000, "ccxt binance": 30_000}
MANY, ROUNDS = 100_000, 3


def run(*, quick: bool = False) -> list[Result]:
    """One ratio for each peer: the median of the rounds."""
    scale, rounds = (10, 1) if quick else (1, ROUNDS)
    return [_against(peer, must, aim, scale, rounds) for peer, (must, aim) in PEERS.items()]


def _against(peer: str, must: float, aim: float, scale: int, rounds: int) -> Result:
    ratios, ours, theirs = [], [], []
    for _ in range(rounds):
        ours.append(_rate("vigil", MANY // scale))
        theirs.append(_rate(peer, COUNTS.get(peer, MANY) // scale))
        ratios.append(ours[-1] / theirs[-1])
    figures = f"{statistics.median(ours):,.0f} against {statistics.median(theirs):,.0f} messages/s"
    return Result("decode", f"vs {peer}", statistics.median(ratios), must, aim, "higher", "x", figures)


def _rate(name: str, count: int) -> float:
    with blaster(count) as port:
        figures = figures_of("bench.receivers", name, port, count)
    return float(figures["messages"] / figures["seconds"])
