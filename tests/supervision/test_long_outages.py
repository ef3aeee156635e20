"""B11, for an hour under a clock that only the test moves: an outage costs attempts, never the daemon."""

import pytest

from core.budget import CONNECTS, Attempts
from tests.supervision.kit import Daemon, booted

HOUR = 3600.0
FAILS_AFTER = 0.2  # seconds from the start of a connection to its death: a lookup that finds nothing


def endure(daemon: Daemon, account: str, seconds: float) -> list[float]:
    """The account's stream can not be had for so long; the moments at which it was tried."""
    connection, tried = f"{account}/connection", []
    end = daemon.now + seconds
    daemon.dies(connection)
    while daemon.now < end and daemon.deadline is not None:
        if daemon.phase(connection) == "starting":
            tried.append(daemon.now)
            daemon.wait(FAILS_AFTER)
            daemon.dies(connection)
        elif daemon.phase(f"{account}/keepalive") == "stopping":
            daemon.stops(f"{account}/keepalive")
        else:
            daemon.wait(min(daemon.deadline, end) - daemon.now)
    return tried


@pytest.mark.parametrize("seed", range(5))
def test_an_hour_without_the_exchange_is_survived_and_the_others_never_notice(seed: int) -> None:
    daemon = booted("main", "other", seed=seed)
    others = {name: daemon.gen(f"other/{name}") for name in ("connection", "keepalive", "poller")}
    tried = endure(daemon, "main", HOUR)
    assert daemon.standing() == "running"
    assert 60 <= len(tried) <= 120, "SUPERVISION section 4: about 86 attempts an hour"
    assert {name: daemon.gen(f"other/{name}") for name in others} == others


@pytest.mark.parametrize("seed", range(5))
def test_after_an_hour_it_is_back_within_the_longest_wait(seed: int) -> None:
    daemon = booted("main", seed=seed)
    endure(daemon, "main", HOUR)
    back = daemon.now
    daemon.wait_until(lambda: daemon.phase("main/connection") == "starting")
    assert daemon.now - back <= 60
    daemon.ready("main/connection")
    daemon.ready("main/keepalive")
    daemon.wait(31)
    assert daemon.group("main.stream").mode == "closed"


def test_the_attempts_of_twenty_accounts_stay_within_what_an_exchange_allows() -> None:
    """All of them at one address, out for ten minutes: never more than the budget in any five minutes."""
    moments: list[float] = []
    for seed in range(20):
        moments += endure(booted("main", seed=seed), "main", 600)
    attempts, refused = Attempts(), 0
    for now in sorted(moments):
        if attempts.wait(now) > 0:
            refused += 1
        else:
            attempts = attempts.made(now)
        assert len(attempts.times) <= 0.8 * CONNECTS
    assert refused < len(moments) / 4, "the backoff alone keeps nearly all of them within it"
