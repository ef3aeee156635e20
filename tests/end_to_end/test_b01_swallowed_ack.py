"""B1: the connection is killed, and on the next one nobody acknowledges the subscription: never live, and tried again.

A fill meanwhile is known by polling. The same holds where it is the authentication
that is acknowledged too late; one that is only late is as good as any. All accounts
meet it at once, so that the ten seconds of an attempt are waited for once. Where a
stream is entered by a listen key, the handshake is the subscription, and the call
that gives out the key the authentication.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.listen_keys import KEY, US
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

TIMEOUT = 10.0
"""Seconds in which a socket has to be subscribed."""
POLL_EVERY = 2.0
LATE, TOO_LATE = 3.0, 12.0
ROLES: Mapping[str, Row] = {
    role: {"heartbeat": 2, "poll_every": POLL_EVERY} for role in ("deaf", "late", "locked")
}
BLIND = ("deaf", "locked")


class Killed(NamedTuple):
    """What had been before, and what each account that had no stream missed."""

    them: Together
    before: Mapping[str, int]
    missed: Mapping[str, Row]

    def since(self, it: Part) -> list[Row]:
        """What the account has gone through since then."""
        rows: list[Row] = it.daemon.ask("history", kind="account", key=it.name, limit=0)
        return rows[self.before[it.name] :]

    def way_back(self, it: Part) -> list[Row]:
        """All that it went through until it was live again."""
        return eventually(
            lambda: self.since(it),
            lambda rows: bool(rows) and rows[-1]["state"] == "live",
            within=20,
            what=f"{it.name} live again",
        )


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    with together(tmp_path_factory.mktemp("deaf"), roles=ROLES) as them:
        before = {it.name: len(it.states_so_far()) for it in them}
        for it in them.playing("deaf"):
            it.fault("swallow_subscribe_ack")
            it.fault("drop")
        for it in them.playing("late"):
            authentication_is_late(it, LATE)
            it.fault("drop")
        for it in them.playing("locked"):
            authentication_is_late(it, TOO_LATE)
            # whoever holds a key that still lives would use it unconfirmed
            it.fault("key_expired" if it.exchange == US else "drop")
        killed = Killed(them, before, {})
        yield killed._replace(missed=missed(killed))
        assert them.daemon.terminate() == 0


def authentication_is_late(it: Part, seconds: float) -> None:
    if it.exchange == US:
        it.fault("slow_rest", path=KEY, seconds=seconds, count=1)
    else:
        it.fault("late_auth", seconds=seconds)


def missed(killed: Killed) -> dict[str, Row]:
    """A trade of each account that has no stream now."""
    trades: dict[str, Row] = {}
    for it in [it for role in BLIND for it in killed.them.playing(role)]:
        eventually(lambda it=it: killed.since(it), what=f"{it.name} blind")  # type: ignore[misc]
        trades[it.name] = it.trade()
    return trades


def sees_and_agrees(it: Part) -> None:
    """The stream tells the next fill, and nothing is missing."""
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()


@pytest.mark.parametrize("role", BLIND)
def test_without_an_acknowledgement_in_time_it_is_never_live_and_tries_again(
    killed: Killed, exchange: str, role: str
) -> None:
    """Of the subscription or of the authentication; what happens meanwhile is found within a poll's interval."""
    it = killed.them[exchange, role]
    fill = it.fill_of(killed.missed[it.name])
    assert fill["source"] == "poll"
    assert fill["recorded_at"] - fill["traded_at"] < (POLL_EVERY + 1.5) * 1000
    since = killed.way_back(it)
    states = [row["state"] for row in since]
    first, second = (place for place, state in enumerate(states) if state == "connecting")
    assert not {"reconciling", "live"} & set(states[:second]), states
    assert states[-2:] == ["reconciling", "live"]
    assert since[second]["at"] - since[first]["at"] < (TIMEOUT + 2) * 1000
    reason = [row["detail"] for row in it.history("connection") if row["event"] == "died"][-1]
    assert "not subscribed within 10 s" in reason or "timed out" in reason, "it was we who gave up"
    sees_and_agrees(it)


def test_an_authentication_that_is_acknowledged_late_but_in_time_is_as_good_as_any(
    killed: Killed, exchange: str
) -> None:
    it = killed.them[exchange, "late"]
    since = killed.way_back(it)
    states = [row["state"] for row in since]
    assert states.count("connecting") == 1, states
    waited = since[-1]["at"] - since[states.index("connecting")]["at"]
    assert waited >= LATE * 1000 - 200, "less what the word of the attempt takes to be written down"
    assert it.row["reconnects"] == 1
    sees_and_agrees(it)
