"""B21: an exchange bans the address for a while, and says for how long: no REST call leaves until then, the stream stays.

Three seconds instead of two minutes, while audits would come every second; all
exchanges at once, each with two accounts, for an address is everybody's. One call
is refused, and every later one would be answered: none comes, because nobody asks.
"""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Row
from tests.end_to_end.together import Together, together
from tests.support.waiting import eventually

BAN = 3.0
UNDER_WAY = 0.5
"""Seconds: what the other account had sent already when the refusal came arrives by then."""
STATUS = {"binance": 418, "binance_us": 418}
"""Where a ban has a status of its own; too many requests elsewhere."""
ROLES: Mapping[str, Row] = {"": {}, "second": {}}


class Banned(NamedTuple):
    """What was seen of one exchange: its calls by the seconds since the refusal, the trades meanwhile."""

    calls: list[tuple[float, int]]
    trades: Mapping[str, Row]


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("ban"), {"audit_every": 1}, roles=ROLES) as them:
        yield them
        assert them.daemon.terminate() == 0


@pytest.fixture(scope="module")
def banned(them: Together) -> Mapping[str, Banned]:
    """All are banned at once, trade meanwhile, and are watched until somebody asks again."""
    seen = {}
    for it in them.playing(""):
        refused = it.asked(of="refused")
        it.fault_of_all("rest_status", status=STATUS.get(it.exchange, 429), retry_after=BAN, count=1)
        eventually(lambda it=it, refused=refused: it.asked(of="refused") > refused, what="a refusal")  # type: ignore[misc]
        calls = [(time.monotonic(), it.asked())]
        seen[it.exchange] = Banned(calls, {role: them[it.exchange, role].trade() for role in ROLES})

    def watch() -> bool:
        state = them.admin.state()
        for exchange, one in seen.items():
            one.calls.append((time.monotonic(), sum(state[exchange]["requests"].values())))
        return all(one.calls[-1][1] > one.calls[0][1] for one in seen.values())

    eventually(watch, every=0.05, what="calls of everybody when it is over")
    return seen


@pytest.mark.parametrize("role", ROLES)
def test_during_a_ban_no_call_leaves_and_the_stream_goes_on(
    them: Together, banned: Mapping[str, Banned], exchange: str, role: str
) -> None:
    it, one = them[exchange, role], banned[exchange]
    began, count = one.calls[0]
    (during,) = {calls for at, calls in one.calls if UNDER_WAY < at - began < BAN - 0.3}
    assert during - count <= 1
    assert it.fill_of(one.trades[role])["source"] == "stream"
    row = eventually(lambda: it.row, lambda row: row["audit_age_s"] < 1, what="an audit")
    assert (row["state"], row["reconnects"], it.states().count("live")) == ("live", 0, 1)
    it.agrees()


def test_every_exchange_is_told_of(banned: Mapping[str, Banned]) -> None:
    assert set(banned) == set(REGISTRY)
