"""What follows from a person's command."""

import msgspec
import pytest

from core import account as machine
from core.commands import Orders, orders, paused_key
from core.messages import Operate
from core.supervision_events import GroupPaused, GroupResumed, Reset, Restarted
from core.targets import UnknownTarget
from tests.core.test_targets import snapshot


def obeyed(action: str, target: str) -> Orders:
    return orders(msgspec.convert({"action": action, "target": target}, Operate), snapshot())


@pytest.mark.parametrize("target", ["main", "main.stream", "main/keepalive", "core/persistence", "trading"])
def test_restart_means_exactly_what_was_named(target: str) -> None:
    assert obeyed("restart", target) == Orders(Restarted(target))


def test_a_target_may_be_shortened() -> None:
    assert obeyed("restart", "persistence") == Orders(Restarted("core/persistence"))


@pytest.mark.parametrize("target", ["main", "main.stream", "main/connection", "main.poller"])
def test_a_reset_of_anything_of_an_account_means_all_of_it(target: str) -> None:
    assert obeyed("reset", target) == Orders(Reset("main"), "main", machine.WasReset())


@pytest.mark.parametrize("target", ["core", "core/control", "trading/trader"])
def test_a_reset_elsewhere_concerns_no_account(target: str) -> None:
    assert obeyed("reset", target) == Orders(Reset(target))


@pytest.mark.parametrize("target", ["main", "main.poller", "main/connection"])
def test_a_pause_means_the_whole_account_and_is_remembered(target: str) -> None:
    assert obeyed("pause", target) == Orders(
        GroupPaused("main"), "main", machine.Paused(), ("paused:main", "1")
    )


def test_a_resume_is_remembered_too() -> None:
    assert obeyed("resume", "main") == Orders(
        GroupResumed("main"), "main", machine.Resumed(), ("paused:main", None)
    )


def test_a_group_without_account_can_be_paused_by_itself_or_by_its_child() -> None:
    assert obeyed("pause", "trading/trader") == Orders(GroupPaused("trading"))
    assert obeyed("resume", "trading") == Orders(GroupResumed("trading"))


@pytest.mark.parametrize("action", ["pause", "resume", "reconcile"])
@pytest.mark.parametrize("target", ["core", "core/persistence"])
def test_core_can_be_neither_paused_nor_reconciled(action: str, target: str) -> None:
    with pytest.raises(UnknownTarget, match=f"{action} means an account"):
        obeyed(action, target)


def test_a_reconcile_needs_an_account_and_moves_nothing_else() -> None:
    ordered = obeyed("reconcile", "main/poller")
    assert (ordered.event, ordered.account, ordered.remember) == (None, "main", None)
    assert isinstance(ordered.account_event, machine.ResyncRequested)
    with pytest.raises(UnknownTarget):
        obeyed("reconcile", "trading")


def test_an_unknown_target_is_refused_whatever_the_action() -> None:
    for action in ("restart", "reset", "pause", "resume", "reconcile"):
        with pytest.raises(UnknownTarget):
            obeyed(action, "nobody")


def test_the_key_of_a_pause_names_its_account() -> None:
    assert paused_key("main") == "paused:main"
