"""Connections that die without a word, and REST that is away while the stream is not.

What is known of a gap, and when, is told in test_b14_gap.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.together import Together, together
from tests.support.waiting import eventually

SOON = 30.0
ROLES: dict[str, Row] = {"first": {}, "blunt": {"audit_every": 0.7, "poll_every": 0.5}}


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("cut"), roles=ROLES) as them:
        yield them
        assert them.daemon.terminate() == 0


@pytest.fixture(scope="module")
def dying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """Accounts that nobody else uses: all connections of an exchange will die."""
    with together(tmp_path_factory.mktemp("dying"), {"stale_after": 1, "heartbeat": 0.3}) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_connections_that_die_without_a_word_are_left_for_new_ones_of_both_kinds(
    dying: Together, exchange: str
) -> None:
    """Stream and REST go half open at once: once the silence is noticed, nobody waits for the dead ones."""
    it = dying[exchange]
    it.agrees()
    it.fault_of_all("half_open")
    trade = it.trade()
    eventually(lambda: it.row["reconnects"] == 1, what="a new stream")
    it.until_live(within=SOON)
    assert it.fill_of(trade, within=SOON)
    it.agrees(within=SOON)


def test_a_trade_of_the_gap_is_found_although_the_stream_tells_its_balance_first(
    them: Together, exchange: str
) -> None:
    """The stream is back before REST is, and its next event names a balance that the unknown trade moved too."""
    it = them[exchange, "first"]
    it.fault("rest_status", status=503)
    it.fault_of_all("refuse_connect", transport="ws", count=1)
    it.fault("drop")
    eventually(lambda: it.row["subscribed"], lambda subscribed: not subscribed)
    missed = it.trade(symbol=it.seldom)
    it.until("reconciling")
    assert it.fill_of(it.trade())["source"] == "stream"
    it.clear()
    assert it.fill_of(missed)["source"] == "reconcile"
    it.agrees()


def test_without_rest_the_stream_goes_on_and_the_proof_grows_old_in_sight(
    them: Together, exchange: str
) -> None:
    """No audit for three periods is stale, not a loss: the socket is kept, facts flow, the next audit heals it."""
    it = them[exchange, "blunt"]
    it.fault("rest_status", status=503)
    it.until("stale")
    row = it.row
    assert row["subscribed"]
    assert it.fill_of(it.trade())["source"] == "stream"
    assert it.row["proven_to"] == row["proven_to"]
    it.clear()
    row = it.until_live()
    assert (row["reconnects"], it.generation()) == (0, 1)
    it.agrees()
