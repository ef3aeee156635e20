"""S25: more than max(8, 2 x accounts) living abandoned threads => escalate."""

from core.messages import ThreadEnded
from core.supervision_events import Restarted
from tests.supervision.kit import Daemon, booted

ACCOUNTS = [f"a{n}" for n in range(6)]


def hang(daemon: Daemon, children: list[str]) -> None:
    """These children stop answering and are found out, all in the same look."""
    daemon.mute = set(children)
    before = daemon.state.abandoned
    daemon.wait_until(lambda: daemon.state.abandoned == before + len(children), limit=30)
    daemon.mute = set()


def pollers(first: int, count: int) -> list[str]:
    return [f"a{number}/poller" for number in range(first, first + count)]


def test_the_limit_of_abandoned_threads_is_borne() -> None:
    daemon = booted("a0", "a1", "a2", "a3")
    hang(daemon, [*pollers(0, 4), *(f"a{n}/keepalive" for n in range(4))])
    assert daemon.state.abandoned == daemon.state.abandon_limit == 8
    assert daemon.standing() == "running"


def test_one_more_than_the_limit_escalates() -> None:
    daemon = booted("a0", "a1", "a2", "a3")
    hang(daemon, [*pollers(0, 4), *(f"a{n}/keepalive" for n in range(4)), "trading/trader"])
    assert daemon.state.abandoned == 9
    assert daemon.standing() == "stopping"
    assert daemon.notes("escalated")[0].detail == "9 abandoned threads"


def test_many_accounts_raise_the_limit() -> None:
    assert booted(*ACCOUNTS).state.abandon_limit == 12
    assert booted("a0").state.abandon_limit == 8
    assert Daemon(*[]).state.abandon_limit == 8


def test_threads_that_ended_make_room() -> None:
    daemon = booted(*ACCOUNTS)
    for _ in range(4):
        hang(daemon, pollers(0, 6))
        for child in pollers(0, 6):
            daemon.tell(ThreadEnded(child, daemon.gen(child)))
            daemon.tell(Restarted(child))
            daemon.ready(child)
    assert daemon.state.abandoned == 0
    assert daemon.standing() == "running"


def test_children_that_did_not_stop_count_like_hung_ones() -> None:
    daemon = booted(*ACCOUNTS)
    for account in ACCOUNTS:
        daemon.tell(Restarted(account))
    daemon.wait(5)
    assert daemon.state.abandoned == 12
    assert daemon.standing() == "running"
    daemon.tell(Restarted("trading/trader"))
    daemon.wait(5)
    assert daemon.standing() == "stopping"


def test_the_end_of_the_shutdown_is_not_held_up_by_ghosts() -> None:
    daemon = booted("a0", "a1", "a2", "a3")
    hang(daemon, [*pollers(0, 4), *(f"a{n}/keepalive" for n in range(4)), "trading/trader"])
    daemon.wait(4)
    assert daemon.exit is not None
    assert daemon.exit.code == 70
