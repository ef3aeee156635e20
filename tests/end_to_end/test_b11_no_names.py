"""B11: an exchange's name cannot be looked up for a while: tried on and on, and then all is well by itself.

A few seconds instead of half an hour (tests/supervision/test_long_outages has whole
hours). Every account has a name of its own; those that are lost are lost all at
once, and beside each is one of the same exchange that can be looked up.
"""

import re
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.injected import DOMAIN, Injected
from tests.support.waiting import eventually

CAP = 0.5
BACKOFF = {"base": 0.1, "cap": CAP, "trip": 1000, "stable": 1}
TRIES = 6
"""So many are looked on at: by the fourth the wait has come to its cap."""
ROLES: dict[str, Row] = {"lost": {"backoff": BACKOFF}, "found": {}}


class Named(Injected):
    """A daemon whose accounts reach their exchanges by names, `ACCOUNT.test`."""

    def __init__(self, home: Any, settings: str, *args: Any, **options: Any) -> None:
        super().__init__(home, by_names(settings), *args, ping_every=5.0, **options)


def by_names(settings: str) -> str:
    accounts = re.split(r"(?m)^(?=\[accounts\.)", settings)
    return "".join(
        text.replace("127.0.0.1:", f"{header[1]}{DOMAIN}:") if header else text
        for text in accounts
        for header in [re.match(r"\[accounts\.(.+)\]", text)]
    )


class Outage(NamedTuple):
    """What was seen of each account while names were lost, what it missed, and how long it was, s."""

    them: Together
    before: Mapping[str, list[str]]
    rows: Mapping[str, Row]
    trades: Mapping[str, Row]
    tried: Mapping[str, list[int]]


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    with together(tmp_path_factory.mktemp("names"), roles=ROLES, make=Named) as them:
        daemon = them.daemon
        assert isinstance(daemon, Named)
        before = {it.name: it.states_so_far() for it in them}
        for it in them.playing("lost"):
            daemon.lose(f"{it.name}{DOMAIN}")
            it.fault("drop")
        began = time.time() * 1000
        for it in them.playing("lost"):
            eventually(lambda it=it: it.row["subscribed"], lambda subscribed: not subscribed)  # type: ignore[misc]
        trades = {it.name: it.trade() for it in them}
        for it in them.playing("lost"):
            eventually(lambda it=it: len(tries(it, began)) > TRIES, what="tries")  # type: ignore[misc]
        rows = {row["account"]: row for row in daemon.status()["accounts"]}
        tried = {it.name: tries(it, began) for it in them}
        for it in them.playing("lost"):
            daemon.find(f"{it.name}{DOMAIN}")
        yield Outage(them, before, rows, trades, tried)
        assert daemon.terminate() == 0


def tries(it: Part, since: float) -> list[int]:
    """When connections failed, ms."""
    return [row["at"] for row in it.history("connection") if row["event"] == "died" and row["at"] >= since]


def test_while_the_name_is_lost_it_is_tried_again_and_again_at_the_pace_of_the_backoff(
    outage: Outage, exchange: str
) -> None:
    """With jitter, up to the cap and not beyond; what is wrong can be read; nothing is made up."""
    it = outage.them[exchange, "lost"]
    row = outage.rows[it.name]
    assert (row["state"] in {"backoff", "connecting"}, row["polling"], row["subscribed"]) == (
        True,
        False,
        False,
    )
    waits = [after - before for before, after in pairwise(outage.tried[it.name])]
    assert min(waits[3:]) >= CAP / 2 * 1000, "half of the wait is certain"
    assert sorted(waits)[len(waits) // 2] < CAP * 1000 + 500
    late = [
        b - a for one in outage.them.playing("lost") for a, b in list(pairwise(outage.tried[one.name]))[3:]
    ]
    assert len(set(late)) > len(late) // 2, "accounts and tries are not in step"
    said = [row["detail"] for row in it.history("connection") if row["event"] == "died"]
    assert "Temporary failure in name resolution" in said[-1]
    assert row["held_reason"] is None


def test_when_the_name_is_back_all_is_known_with_nobody_doing_anything(outage: Outage, exchange: str) -> None:
    it = outage.them[exchange, "lost"]
    assert it.until_live()["reconnects"] == 1
    assert it.fill_of(outage.trades[it.name])["source"] in {"poll", "reconcile"}
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()


def test_who_can_be_looked_up_is_not_concerned(outage: Outage, exchange: str) -> None:
    it = outage.them[exchange, "found"]
    assert it.fill_of(outage.trades[it.name])["source"] == "stream"
    assert (outage.rows[it.name]["state"], it.states()) == ("live", outage.before[it.name])
    assert it.generation() == it.generation("poller") == 1
