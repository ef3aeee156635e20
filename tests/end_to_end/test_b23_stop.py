"""B23: SIGTERM ends the daemon within five seconds whatever hangs, and loses no row; a second signal ends it now."""

import signal
from pathlib import Path

from tests.end_to_end.kit import steady
from tests.end_to_end.locks import locked
from tests.end_to_end.together import Part, together
from tests.support.waiting import eventually


def hang_in_a_call(it: Part) -> None:
    """Have the poller wait for an answer of the exchange that will not come for long."""
    asked = it.asked()
    it.fault_of_all("slow_rest", seconds=30)
    it.daemon.ask("reconcile", target=it.name)
    eventually(lambda: it.asked() > asked, what="a call under way")


def test_a_stop_in_time_although_nobody_answers_and_the_database_is_busy_loses_no_row(
    tmp_path: Path,
) -> None:
    """No peer answers the close, no REST call is answered, another program holds the lock; facts wait."""
    with together(tmp_path) as them:
        with locked(tmp_path / "data" / "vigil.db"):
            for it in them:
                it.admin.burst(it.name, 50, symbol=it.symbol)
            steady(lambda: sum(row["last_event_at"] or 0 for row in them.daemon.status()["accounts"]))
            for it in them:
                hang_in_a_call(it)
                it.fault("half_open")
            assert them.daemon.terminate(within=5) == 0
        for it in them:
            it.clear()
        them.daemon.start()
        for it in them:
            it.until_live()
            it.agrees()
            assert {fill["source"] for fill in it.fills()} == {"stream"}, "what was lost would be asked for"
        assert them.daemon.status()["ledger"]["spilled"] == 0
        assert them.daemon.terminate() == 0


def test_a_second_signal_ends_a_stop_that_takes_its_time(tmp_path: Path) -> None:
    """The first asks for an ordered stop, which waits for a call; the second exits with 130 at once."""
    with together(tmp_path, exchanges=["binance"]) as them:
        hang_in_a_call(them["binance"])
        them.daemon.signal(signal.SIGTERM)
        eventually(lambda: "daemon_stopping" in them.daemon.log(), within=4, what="the first signal")
        them.daemon.signal(signal.SIGINT)
        assert them.daemon.ended(within=3) == 130
