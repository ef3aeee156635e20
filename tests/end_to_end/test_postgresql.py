"""A whole daemon whose ledger is kept by a PostgreSQL server: what holds for a file holds for it."""

from pathlib import Path

from tests.end_to_end.kit import Scene, keeping_in, scene
from tests.support.ledger import rows
from tests.support.postgres import Postgres, sessions
from tests.support.waiting import eventually


def everything_is_there_once(it: Scene, place: str) -> None:
    it.agrees()
    for table, key in (("fills", "account, symbol, order_id, trade_id"), ("journal", "seq")):
        stored = rows(place, table, key)
        assert len(stored) == len(set(stored)), table
    assert it.daemon.word("fills", "--limit", "1").returncode == 0


def test_while_the_server_is_away_facts_wait_on_disk_and_are_stored_once_when_it_is_back(
    tmp_path: Path, postgres: Postgres
) -> None:
    """Nothing was lost, for nothing had to be asked for: every fill says that it came by stream."""
    with postgres.database() as place, scene(tmp_path, make=keeping_in(place)) as it:
        pid = it.daemon.pid
        with it.burst(count=150, rate=75):
            eventually(lambda: it.daemon.status()["ledger"]["fills"] >= 10, what="the burst")
            postgres.stop()
            eventually(lambda: it.daemon.status()["ledger"]["spilled"], what="facts on disk")
            assert it.daemon.status()["state"] == "degraded"
            postgres.start()
        eventually(lambda: it.daemon.status()["ledger"]["spilled"] == 0, what="an empty spill")
        everything_is_there_once(it, place)
        assert {fill["source"] for fill in it.daemon.fills()} == {"stream"}
        assert it.daemon.pid == pid
        assert [actor["restarts"] for actor in it.daemon.ask("actors") if actor["restarts"]] == []
        assert it.daemon.terminate(within=5) == 0
        eventually(lambda: not sessions(place), what="a server that nobody is connected to")
