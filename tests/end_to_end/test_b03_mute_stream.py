"""B3: a stream that sends pongs and no events is repaired from REST, and replaced after the second repair in a row.

Audits come every second or so instead of every minute. However soon they find
what is missing, it is evidence only when it is 5 s old; that it takes two audits
in a row, core and host prove under a clock of their own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

STALE_AFTER = 2.0
PACE: Row = {"audit_every": 1, "heartbeat": 0.5, "stale_after": STALE_AFTER}


class Muted(NamedTuple):
    """What was seen of one account from the moment on at which its stream went mute."""

    trade: Row
    first: Row
    """The account when the first trade had been repaired."""
    transport_ages: list[float]


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("mute"), PACE) as them:
        yield them
        assert them.daemon.terminate() == 0


@pytest.fixture(scope="module")
def muted(them: Together) -> Mapping[str, Muted]:
    """All go mute at once and go on trading; the mute ends when every account has been found out."""
    for it in them:
        assert it.fill_of(it.trade())["source"] == "stream"
        it.fault("mute")
    trades = {it.exchange: it.trade() for it in them}
    seen = {}
    for it in them:
        it.fill_of(trades[it.exchange])
        seen[it.exchange] = Muted(trades[it.exchange], it.row, [])

    def unnoticed() -> list[str]:
        for it in them:
            it.trade()
            seen[it.exchange].transport_ages.append(it.row["transport_age_s"])
        return [it.exchange for it in them if "stale" not in it.states()]

    eventually(unnoticed, lambda left: not left, within=20, every=0.3, what="stale accounts")
    for it in them:
        it.clear()
    return seen


@pytest.fixture
def it(them: Together, muted: Mapping[str, Muted], exchange: str) -> Part:
    return them[exchange]


def test_what_a_mute_stream_does_not_tell_is_in_the_ledger_after_the_next_audit(
    it: Part, muted: Mapping[str, Muted]
) -> None:
    fill = it.fill_of(muted[it.exchange].trade)
    assert fill["source"] == "audit"
    assert fill["recorded_at"] - fill["traded_at"] < 4_000
    assert muted[it.exchange].first["state"] == "live", "a repair restores agreement, and proves nothing yet"


def test_a_stream_that_only_pongs_is_stale_and_another_one_is_opened(
    it: Part, muted: Mapping[str, Muted]
) -> None:
    ages = muted[it.exchange].transport_ages
    assert max(ages) < STALE_AFTER, "there was no other sign than the audits"
    row = eventually(lambda: it.row, lambda row: row["reconnects"] >= 1 and row["state"] == "live")
    assert row["subscribed"]
    (stale, *_) = [row for row in states(it) if row["state"] == "stale"]
    assert "mute" in stale["cause"]
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()


def states(it: Part) -> list[Any]:
    rows: list[Any] = it.daemon.ask("history", kind="account", key=it.name, limit=0)
    return rows


def test_every_exchange_is_told_of(muted: Mapping[str, Muted]) -> None:
    assert set(muted) == set(REGISTRY)
