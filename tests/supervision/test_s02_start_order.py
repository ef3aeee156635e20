"""S2: children start in order; the next only when the one before said Ready."""

from core.supervision_events import GroupPaused, GroupResumed, Restarted, Tick
from tests.supervision.kit import CORE, Daemon, booted, started, trading, tree


def test_core_starts_one_child_after_the_other() -> None:
    daemon = Daemon(CORE)
    order = started(daemon.tell(Tick()))
    for child in CORE.children:
        order += started(daemon.ready(child.id))
    assert order == [child.id for child in CORE.children]


def test_the_next_child_waits_for_ready_and_not_for_time() -> None:
    daemon = Daemon(CORE)
    daemon.tell(Tick())
    assert started(daemon.wait(19)) == []
    assert daemon.phase("core/control") == "waiting"


def test_the_groups_of_accounts_start_when_core_is_up_and_not_before() -> None:
    daemon = Daemon(*tree("main", "alt"))
    daemon.tell(Tick())
    for name in ("persistence", "control", "web"):
        assert not any(not child.startswith("core/") for child in started(daemon.ready(f"core/{name}")))
    assert daemon.standing() == "starting"
    last = started(daemon.ready("core/notifier"))
    assert last == ["main/connection", "main/poller", "alt/connection", "alt/poller", "trading/prices"]
    assert daemon.standing() == "running"
    assert len(daemon.notes("core_up")) == 1


def test_the_groups_of_accounts_do_not_wait_for_each_other() -> None:
    daemon = Daemon(*tree("main", "alt"))
    daemon.tell(Tick())
    for child in CORE.children:
        daemon.ready(child.id)
    assert started(daemon.ready("alt/connection")) == ["alt/keepalive"]
    assert daemon.phase("main/connection") == "starting"


def test_a_keepalive_waits_until_its_connection_is_subscribed() -> None:
    daemon = booted("main")
    daemon.dies("main/connection")
    daemon.stops("main/keepalive")
    daemon.wait_until(lambda: daemon.phase("main/connection") == "starting")
    assert daemon.phase("main/keepalive") == "waiting"
    assert started(daemon.ready("main/connection")) == ["main/keepalive"]


def test_after_its_first_start_a_one_for_one_child_waits_for_no_elder() -> None:
    daemon = booted()
    daemon.dies("core/web")
    daemon.dies("core/notifier")
    daemon.wait_until(lambda: daemon.phase("core/notifier") == "starting", limit=1)
    assert daemon.phase("core/web") in ("waiting", "starting")


def test_a_first_start_waits_for_the_elder_even_where_that_one_fails() -> None:
    daemon = Daemon(trading())
    daemon.tell(Tick())
    daemon.dies("trading/prices")
    assert started(daemon.wait(10)) == ["trading/prices"]
    assert started(daemon.ready("trading/prices")) == ["trading/trader"]


def test_after_a_pause_the_order_is_kept_again() -> None:
    daemon = booted("main")
    daemon.tell(GroupPaused("trading"))
    daemon.stops("trading/trader")
    daemon.stops("trading/prices")
    assert started(daemon.tell(GroupResumed("trading"))) == ["trading/prices"]
    assert started(daemon.ready("trading/prices")) == ["trading/trader"]


def test_a_group_that_is_restarted_as_a_whole_begins_again_in_order() -> None:
    daemon = booted("main")
    daemon.tell(Restarted("trading"))
    assert started(daemon.stops("trading/trader")) == []
    assert started(daemon.stops("trading/prices")) == ["trading/prices"]
    assert started(daemon.ready("trading/prices")) == ["trading/trader"]


def test_without_a_boot_critical_group_everybody_starts_at_once() -> None:
    daemon = Daemon(*tree("main")[1:])
    assert started(daemon.tell(Tick())) == ["main/connection", "main/poller", "trading/prices"]
