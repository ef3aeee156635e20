"""B5: a quiet account is healthy: pongs are sign enough, and nobody reconnects but to rotate.

Idle for a few rotations, each many times as long as `stale_after`, and not for a
day: a whole one under a clock of its own is told in tests/host/test_idle_day. Where
pongs are no sign enough, because the exchange promises heartbeats of its own, that
is noticed: a gateway may answer pings for an exchange that has gone.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Row
from tests.end_to_end.together import Together, together
from tests.support.injected import Injected
from tests.support.waiting import eventually

QUIET_MS = 2_500
"""How long Crypto.com may say nothing; nobody waits a minute here."""
CUTS_AFTER = {"bybit": 11}
"""Seconds in which an exchange hears of us or cuts us: 3, or more where that is meant for whole connections."""
STALE_AFTER = 2.0
"""Seconds, and longer than a busy machine keeps a process from running: that would be a silence as well."""
ROLES: Mapping[str, Row] = {
    "idle": {"heartbeat": 0.5, "stale_after": STALE_AFTER, "rotate_after": 5, "audit_every": 2},
    "quiet": {"heartbeat": 0.5, "stale_after": 3},
    "frozen": {"heartbeat": 0.5, "stale_after": STALE_AFTER},
}


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    make = partial(Injected, ping_every=5.0, numbers={"exchanges.cryptocom.stream.QUIET_MS": QUIET_MS})
    home = tmp_path_factory.mktemp("quiet")
    with together(home, roles=ROLES, make=make, options=("--ping-every", "0.5")) as them:
        for exchange in REGISTRY:
            them.admin.post("settings", exchange=exchange, pong_within=CUTS_AFTER.get(exchange, 3))
        for it in them.playing("quiet"):
            it.fault("no_heartbeats")
            it.fault("mute")
        yield them
        assert them.daemon.terminate() == 0


def test_an_idle_account_is_live_all_the_time_and_reconnects_only_to_rotate(
    them: Together, exchange: str
) -> None:
    it = them[exchange, "idle"]
    states = it.states_so_far()
    rotated = eventually(
        lambda: it.logged("stream_rotated", account=it.name),
        lambda seen: len(seen) >= 2,
        what="two rotations",
    )
    row = it.row
    assert (row["state"], row["subscribed"], row["reconnects"], it.generation()) == ("live", True, 0, 1)
    assert {one["gen"] for one in rotated} == {1}
    assert row["transport_age_s"] < STALE_AFTER
    assert it.states() == states
    assert it.incidents() == []
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()


@pytest.mark.parametrize("exchange", sorted(set(REGISTRY) - {"cryptocom"}))
def test_where_the_exchange_sends_no_heartbeats_its_pongs_are_sign_enough(
    them: Together, exchange: str
) -> None:
    """No ping of it and no event; and it hears from us in time, or it would have cut us."""
    it = them[exchange, "quiet"]
    row = eventually(lambda: it.row, lambda row: row["audit_age_s"] > 12, what="a long silence")
    assert (row["state"], row["reconnects"], row["last_event_at"]) == ("live", 0, None)
    assert not [text for text in row["warnings"] if text.startswith("overdue: ")]
    it.clear()
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()


def test_heartbeats_of_crypto_com_that_do_not_come_are_noticed_although_pongs_come(them: Together) -> None:
    it = them["cryptocom", "quiet"]
    eventually(lambda: it.row["reconnects"], what="another connection")
    it.clear()
    (reason,) = {row["detail"] for row in it.history("connection") if row["event"] == "died"}
    assert "neither heartbeat nor anything else" in reason
    it.until_live()
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()
    assert them["cryptocom", "idle"].row["reconnects"] == 0, "where they come, all is well"


def test_a_quiet_connection_whose_pongs_end_too_is_noticed_by_its_silence(
    them: Together, exchange: str
) -> None:
    """It was idle for many times `stale_after` and live; half open, it is over after one."""
    it = them[exchange, "frozen"]
    eventually(lambda: it.row["audit_age_s"], lambda age: age >= 3 * STALE_AFTER, what="idle time")
    row = it.row
    assert (row["state"], row["reconnects"]) == ("live", 0)
    it.fault("half_open")
    trade = it.trade()
    eventually(lambda: it.row["reconnects"], what="another connection")
    assert it.fill_of(trade, within=30)["source"] != "stream"
    assert it.until_live()["reconnects"] == 1
    it.agrees()
