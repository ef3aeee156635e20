"""Sudden deaths: the daemon or the exchange is killed in the middle of its work.

Nothing can be flushed then, so what a restart shows must come from the order in
which things were written, and from asking the exchange. The truth is the
sandbox's record, which the daemon's death does not touch. Hundreds of deaths are
in bench/crash; every single step of the hand-over to the database is died at in
tests/actors/test_handover_crashes.
"""

from pathlib import Path
from random import Random

import pytest

from tests.end_to_end.crashes import UNIQUE, crashes
from tests.end_to_end.kit import meanwhile, scene
from tests.support.ledger import rows, url
from tests.support.waiting import eventually

ORDERS = 240
RATE = 400


@pytest.fixture
def exchange() -> str:
    """What is killed here is a process and its memory, which know no exchange: one stands for all."""
    return "binance"


def test_a_daemon_killed_five_times_loses_nothing_doubles_nothing_and_takes_nothing_back(
    tmp_path: Path, empty: str, request: pytest.FixtureRequest
) -> None:
    """Whatever it was doing: storing a burst, starting, putting facts to disk, handing them over from there."""
    on_a_server = empty.startswith("postgresql:")
    server = request.getfixturevalue("postgres") if on_a_server else None
    with crashes(tmp_path, empty, Random(1), server) as they:
        for kind in ("burst", "start", "spilling", "draining", "together" if on_a_server else "burst"):
            they.kill(kind)
        found = they.judge()
        assert found.lines == ()
        assert (found.lost, found.doubled, found.wrong) == (0, 0, 0)
        assert found.told, "nobody followed: nothing could have been taken back"
        sources = {fill["source"] for fill in they.daemon.fills()}
        assert "stream" in sources
        assert sources & {"poll", "reconcile"}, "nothing was lost in a gap: this killed nothing"
        assert they.end() == ()


def test_an_exchange_killed_in_mid_stream_is_caught_up_with_when_it_comes_back(
    tmp_path: Path, exchange: str
) -> None:
    """Its ports are the same, its world is what it had acknowledged; the daemon keeps its pid and its patience."""
    with scene(tmp_path, exchange=exchange) as it:
        pid = it.daemon.pid
        kept = it.rest_order()
        with meanwhile(lambda: it.admin.burst("main", ORDERS, RATE, symbol=it.symbol), forgiving=True):
            eventually(lambda: it.daemon.status()["ledger"]["fills"] >= ORDERS // 4, what="the burst")
            it.box.kill()
        eventually(lambda: it.daemon.account("main")["state"] != "live", what="the loss to be seen")
        it.box.start()
        it.admin.cancel(kept["order_id"])
        last = it.trade()
        it.daemon.until_live("main")
        it.agrees()
        assert it.fill_of(last)
        assert (it.daemon.pid, it.daemon.account("main")["reconnects"] > 0) == (pid, True)
        for table, identity in UNIQUE.items():
            stored = rows(url(tmp_path / "data" / "vigil.db"), table, identity)
            assert len(stored) == len(set(stored)), table
