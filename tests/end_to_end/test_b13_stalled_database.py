"""B13: the database takes nothing for a while, at two hundred events a second: nothing is lost, and reading goes on.

Four seconds instead of sixty (`drill --full` has the minute), all exchanges at once.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.end_to_end.locks import locked
from tests.end_to_end.refusals import when_ok
from tests.end_to_end.together import Together, together
from tests.support.waiting import eventually

SECONDS, RATE = 4, 16
"""So many orders a second at each exchange; each is three events or more: accepted, filled, balances."""


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("stalled")) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_what_comes_while_the_database_stalls_waits_on_disk_in_sight_and_is_stored_once(
    them: Together,
) -> None:
    daemon = them.daemon
    generations = {it.name: it.generation() for it in them}
    with locked(daemon.home / "data" / "vigil.db"), ThreadPoolExecutor() as pool:
        under_way = [
            pool.submit(them.admin.burst, it.name, SECONDS * RATE, RATE, symbol=it.symbol) for it in them
        ]
        spilled = eventually(lambda: daemon.status()["ledger"]["spilled"], what="facts on disk")
        for done in under_way:
            done.result()
        status = eventually(daemon.status, lambda now: now["ledger"]["spilled"] > SECONDS * 200)
        assert status["ledger"]["spilled"] > spilled, "reading does not stop for the ledger"
        assert {row["state"] for row in status["accounts"]} == {"live"}
        assert (status["state"], status["ledger"]["fills"], daemon.fills()) == ("degraded", 0, [])
    for it in them:
        it.agrees()
        assert {fill["source"] for fill in it.fills()} == {"stream"}
        assert it.generation() == generations[it.name]
    when_ok(daemon)
    assert daemon.status()["ledger"]["spilled"] == 0
    (incident,) = daemon.ask("incidents")
    assert (incident["kind"], incident["severity"]) == ("spilling", "critical")
    assert "is locked by another program" in incident["text"]
    assert incident["resolved_at"] is not None
    assert not list((daemon.home / "data" / "spill").iterdir())
    assert "Traceback" not in daemon.log()
