"""The supervisor and its accounts: what children say becomes states, and states become orders."""

from dataclasses import replace

import pytest

from core.errors import FatalError, LinkError
from core.messages import (
    AccountRefused,
    Audited,
    Hold,
    Polled,
    Reconciled,
    ReconcileNow,
    Release,
    ResyncNeeded,
    StopDaemon,
    StreamDown,
    StreamUp,
    Warned,
)
from core.records import ActorEvent, ConnectionState
from core.tree import GroupSpec
from host.plan import AccountAdded, AccountChanged, AccountPlan, AccountRemoved, ChildOutdated, GroupPlan
from tests.support.actors import WITHIN, NeverReady, Puppet, Raise
from tests.support.house import ACME, House, acme, child, core, group


def live(house: House, gen: int = 1) -> None:
    """Bring the account to `live` by what its poller says."""
    house.until_account("reconciling")
    house.until_running("acme/poller")
    house.tell(Reconciled("acme/poller", 1, "acme", stream_gen=gen, repaired=0))
    house.until_account("live")


def mode(house: House, name: str) -> str:
    return next(status.mode for status in house.snapshots[-1].groups if status.id == name)


# ------------------------------------------------------------------- seeing


def test_from_the_first_start_to_live_and_down_with_every_state_on_record() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.stop()
        assert house.states() == ["connecting", "reconciling", "live", "stopped"]
        first = next(record for record in house.records if isinstance(record, ConnectionState))
        assert (first.previous, first.cause) == ("starting", "stream generation 1 starts")


def test_the_poller_is_told_that_the_stream_is_up_and_that_it_is_down() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        poller = house.puppet("acme/poller").events
        poller.has_heard(StreamUp(1))
        live(house)
        house.directory.address("acme/connection").tell(Raise(LinkError("reset by peer")))
        poller.has_heard(StreamDown)
        poller.has_heard(StreamUp(2))
        assert "backoff" in house.states()


def test_a_poller_that_comes_back_is_told_how_things_stand() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.operate("restart", "acme/poller")
        house.puppet("acme/poller", 2).events.has_heard(StreamUp(1))


def test_a_poller_is_not_told_the_same_twice_while_it_comes_up() -> None:
    with House([core(), *acme()], {"acme/poller": NeverReady}, accounts=[ACME]) as house:
        house.until_account("reconciling")
        poller = house.puppet("acme/poller")
        poller.ready()
        poller.events.has_heard(StreamUp(1))
        poller.actor_ref.ask("last", timeout=WITHIN)
        assert poller.events.heard == [StreamUp(1), "last"]


def test_a_poller_that_comes_up_before_the_stream_is_told_to_poll() -> None:
    with House([core(), *acme()], {"acme/connection": NeverReady}, accounts=[ACME]) as house:
        house.puppet("acme/poller").events.has_heard(StreamDown)
        house.tell(Polled("acme/poller", 1, "acme"))
        house.until(lambda s: s.accounts[0].polling)


def test_a_terminated_subscription_and_a_person_have_it_reconcile() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(ResyncNeeded("acme/connection", 1, "acme", "terminated"))
        house.puppet("acme/poller").events.has_heard(ReconcileNow("terminated"))
        live(house)
        house.operate("reconcile", "acme")
        house.puppet("acme/poller").events.has_heard(ReconcileNow("asked for by a person", is_hole=False))


def test_a_mute_stream_is_given_up_and_that_counts_as_a_failure_of_its_link() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        for _ in range(2):
            house.tell(Audited("acme/poller", 1, "acme", repaired=1, streamed=0))
        died = house.noted("acme/connection", "died", 1)
        assert died.detail is not None
        assert "mute" in died.detail
        house.noted("acme.stream", "backed_off")
        house.until_running("acme/connection", "acme/keepalive")
        assert house.states()[:5] == ["connecting", "reconciling", "live", "stale", "backoff"]
        shown = next(status for status in house.snapshots[-1].groups if status.id == "acme.stream")
        assert shown.failures == 1


def test_a_live_account_whose_audit_is_overdue_is_stale() -> None:
    plan = AccountPlan("acme", "binance", "acme.stream", "acme/poller", audit_every=0.01)
    with House([core(), *acme()], accounts=[plan]) as house:
        house.vitals["acme"].audit_at = house.clock.boottime()
        live(house)
        house.until_account("stale")


def test_a_standing_warning_reaches_the_status() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        house.until_running("acme/poller")
        house.tell(Warned("acme/poller", 1, "acme", "withdraw", "the key may withdraw"))
        house.until(lambda s: s.accounts[0].warnings == ("the key may withdraw",))


# ---------------------------------------------------------------------- held


def test_a_refused_key_holds_the_stream_and_silences_the_poller_which_lives_on() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(AccountRefused("acme/poller", 1, "acme", "key revoked"))
        house.until_account("held")
        poller = house.puppet("acme/poller")
        poller.events.has_heard(Hold("key revoked"))
        house.noted("acme/connection", "stopped", 1)
        snapshot = house.until(lambda s: child(s, "acme/connection").phase == "down")
        assert mode(house, "acme.stream") == "held"
        assert child(snapshot, "acme/poller").phase == "running"
        assert snapshot.accounts[0].held_reason == "key revoked"


@pytest.mark.parametrize("target", ["acme", "acme.stream", "acme/connection"])
def test_a_connection_that_is_refused_holds_the_account_until_a_person_resets_any_of_it(target: str) -> None:
    class RefusedAtFirst(Puppet):
        def started(self) -> None:
            if self.gen == 1:
                raise FatalError("bad key")
            super().started()

    with House([core(), *acme()], {"acme/connection": RefusedAtFirst}, accounts=[ACME]) as house:
        house.until_account("held")
        house.until_running("acme/poller")
        poller = house.puppet("acme/poller").events
        poller.has_heard(Hold)
        assert house.history("acme.stream") == [("acme.stream", 0, "held")]
        house.operate("reset", target)
        poller.has_heard(Release)
        poller.has_heard(StreamUp(2))
        house.until_account("reconciling")


def test_a_poller_that_is_refused_holds_the_stream_as_well() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.directory.address("acme/poller").tell(Raise(FatalError("no permission")))
        house.until_account("held")
        house.noted("acme/connection", "stopped", 1)
        house.operate("reset", "acme")
        house.noted("acme/poller", "became_ready", 2)
        house.until_account("reconciling")


def test_a_held_account_is_not_left_by_a_restart() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(AccountRefused("acme/poller", 1, "acme", "key revoked"))
        house.noted("acme/connection", "stopped", 1)
        house.operate("restart", "acme")
        house.noted("acme/poller", "became_ready", 2)
        house.puppet("acme/poller", 2).events.has_heard(Hold("key revoked"))
        assert house.states()[-1] == "held"


# -------------------------------------------------------------------- paused


def test_a_pause_stops_everything_of_the_account_and_is_remembered() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.operate("pause", "acme")
        house.until(lambda s: {c.phase for c in s.children if c.group != "core"} == {"down"})
        assert house.states()[-1] == "paused"
        assert house.remembered() == [("paused:acme", "1")]
        house.operate("resume", "acme")
        house.until_account("reconciling")
        assert house.remembered()[-1] == ("paused:acme", None)


def test_what_was_paused_when_the_last_daemon_ended_does_not_start() -> None:
    with House([core(), *acme()], accounts=[ACME], paused=frozenset({"acme", "forgotten"})) as house:
        house.until(lambda s: s.core_ready)
        house.until_account("paused")
        assert list(house.children.events) == ["core/persistence"]
        assert house.remembered() == []
        house.operate("resume", "acme")
        house.until_account("reconciling")


# ------------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("action", "target"), [("restart", "nobody"), ("pause", "core"), ("reconcile", "core")]
)
def test_a_command_that_names_nothing_it_could_mean_is_recorded_and_changes_nothing(
    action: str, target: str
) -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.operate(action, target)
        refused = house.noted("daemon", "command_refused")
        assert isinstance(refused, ActorEvent)
        assert f"{action} {target}" in (refused.detail or "")
        assert house.states()[-1] == "live"


def test_a_child_may_be_named_by_its_last_part() -> None:
    with House([core("core/persistence", "core/control"), *acme()]) as house:
        house.until_running("core/control")
        house.operate("restart", "control")
        house.noted("core/control", "became_ready", 2)
        assert ("core/persistence", 2, "started") not in house.history()


def test_a_message_that_nobody_understands_is_ignored() -> None:
    with House([core(), *acme()]) as house:
        house.tell("what is this?")
        house.tell(StopDaemon("asked to"))
        assert house.exit_code() == 0


# ---------------------------------------------------------- changed settings


def other() -> tuple[AccountPlan, list[GroupSpec]]:
    plan = AccountPlan("other", "bybit", "other.stream", "other/poller", audit_every=60.0)
    return plan, [
        group("other.stream", "other/connection", "other/keepalive"),
        group("other.poller", "other/poller", strategy="one_for_one"),
    ]


def test_an_account_can_be_added_and_removed_while_the_others_run_on() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        plan, specs = other()
        house.tell(AccountAdded(plan, tuple(house.plan(spec) for spec in specs)))
        house.until_account("reconciling", "other")
        house.tell(AccountRemoved("other"))
        house.noted("other.poller", "group_removed")
        house.noted("other.stream", "group_removed")
        snapshot = house.until(lambda s: not any(c.id.startswith("other") for c in s.children))
        assert [account.account for account in snapshot.accounts] == ["acme"]
        assert house.states("other")[-1] == "disabled"
        assert child(snapshot, "acme/connection").generation == 1


def test_a_changed_account_is_one_removed_and_added_and_its_generations_go_on_counting() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(AccountRemoved("acme"))
        house.tell(AccountAdded(ACME, tuple(house.plan(spec) for spec in acme())))
        house.noted("acme/connection", "became_ready", 2)
        house.until_account("reconciling")
        assert ("acme/connection", 1, "stopped") in house.history()


def test_an_account_that_is_added_paused_does_not_start() -> None:
    with House([core()], accounts=[]) as house:
        house.until_running("core/persistence")
        plan, specs = other()
        house.tell(AccountAdded(plan, tuple(house.plan(spec) for spec in specs), paused=True))
        house.until_account("paused", "other")
        house.noted("other.poller", "group_added")
        assert list(house.children.events) == ["core/persistence"]
        house.operate("resume", "other")
        house.until_account("reconciling", "other")


def test_removing_what_is_not_there_changes_nothing() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        house.tell(AccountRemoved("nobody"))
        live(house)


def plans(house: House) -> tuple[GroupPlan, ...]:
    """New plans for acme's children: their generations count on."""
    return tuple(house.plan(spec) for spec in acme())


def test_a_retuned_account_renews_only_whom_it_must_and_stays_live() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        slower = replace(ACME, audit_every=99.0)
        house.tell(AccountChanged(slower, plans(house), ("acme/poller",)))
        house.noted("acme/poller", "became_ready", 2)
        house.puppet("acme/poller", 2).events.has_heard(StreamUp(1))
        snapshot = house.until(lambda s: child(s, "acme/poller").phase == "running")
        assert child(snapshot, "acme/connection").generation == 1
        assert child(snapshot, "acme/keepalive").generation == 1
        assert house.states()[-1] == "live"


def test_another_pace_touches_nobody() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        groups = tuple(house.plan(spec) for spec in acme(base=0.2, cap=0.3))
        house.tell(AccountChanged(ACME, groups))
        house.noted("acme.stream", "retuned")
        assert {(c.generation, c.phase) for c in house.snapshots[-1].children} == {(1, "running")}


@pytest.mark.parametrize("is_retried", [True, False])
def test_a_hold_ends_with_settings_that_may_cure_it_and_with_no_others(is_retried: bool) -> None:
    """S17: left by a reset or a changed setting. The generations of before are not begun twice."""
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(AccountRefused("acme/poller", 1, "acme", "key revoked"))
        house.noted("acme/connection", "stopped", 1)
        house.tell(AccountChanged(ACME, plans(house), ("acme/connection", "acme/poller"), is_retried))
        house.noted("acme/poller", "became_ready", 2)
        if is_retried:
            house.until_account("reconciling")
            assert ("acme/connection", 2, "stop_asked") not in house.history()
            assert house.snapshots[-1].accounts[0].held_reason is None
        else:
            house.puppet("acme/poller", 2).events.has_heard(Hold("key revoked"))
            assert house.states()[-1] == "held"


def test_an_account_is_disabled_and_enabled_and_is_shown_all_the_time() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(AccountChanged(replace(ACME, enabled=False)))
        house.until_account("disabled")
        house.noted("acme.stream", "group_removed")
        house.noted("acme.poller", "group_removed")
        house.tell(AccountChanged(ACME, plans(house)))
        house.noted("acme/connection", "became_ready", 2)
        house.until_account("reconciling")
        assert house.states()[:6] == [
            "connecting",
            "reconciling",
            "live",
            "disabled",
            "starting",
            "connecting",
        ]


def test_an_account_may_be_enabled_while_it_still_stops() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(AccountChanged(replace(ACME, enabled=False)))
        house.tell(AccountChanged(ACME, plans(house)))
        house.noted("acme/connection", "became_ready", 2)
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        assert {
            child(house.snapshots[-1], f"acme/{role}").generation for role in ("connection", "poller")
        } == {2}


def test_a_pause_outlives_being_disabled_and_being_removed() -> None:
    with House([core(), *acme()], accounts=[ACME]) as house:
        live(house)
        house.operate("pause", "acme")
        house.until_account("paused")
        house.tell(AccountChanged(replace(ACME, enabled=False)))
        house.until_account("disabled")
        house.tell(AccountChanged(ACME, plans(house)))
        house.until_account("paused")
        house.tell(AccountRemoved("acme"))
        house.until(lambda s: not s.accounts)
        house.tell(AccountAdded(ACME, plans(house)))
        house.until_account("paused")
        assert ("acme/connection", 2, "started") not in house.history()
        house.operate("resume", "acme")
        house.until_account("reconciling")


def test_a_disabled_account_comes_and_goes_in_the_status_at_once() -> None:
    with House([core()], accounts=[]) as house:
        house.until_running("core/persistence")
        house.tell(AccountAdded(replace(ACME, enabled=False), ()))
        house.until_account("disabled")
        house.tell(AccountRemoved("acme"))
        house.until(lambda s: not s.accounts)


def test_changing_what_is_not_there_adds_it() -> None:
    with House([core()], accounts=[]) as house:
        house.until_running("core/persistence")
        house.tell(AccountChanged(ACME, plans(house)))
        house.until_account("reconciling")


def test_an_outdated_child_begins_anew_alone() -> None:
    with House([core("core/persistence", "core/web"), *acme()], accounts=[ACME]) as house:
        live(house)
        house.tell(ChildOutdated("core/web"))
        house.noted("core/web", "became_ready", 2)
        house.tell(ChildOutdated("core/nobody"))
        house.tell(StopDaemon("asked to"))
        assert house.exit_code() == 0
        assert ("core/persistence", 2, "started") not in house.history()


def test_an_outdated_child_that_could_not_start_is_tried_with_what_is_new() -> None:
    class NoPort(Puppet):
        def started(self) -> None:
            if self.gen == 1:
                raise FatalError("the port is taken")
            super().started()

    with House(
        [core("core/persistence", "core/web"), *acme()], {"core/web": Puppet}, accounts=[ACME]
    ) as house:
        house.until_running("core/web")
        house.children.kinds["core/web"] = NoPort
        house.directory.address("core/web").tell(Raise(FatalError("the port is taken")))
        house.noted("core/web", "held")
        house.tell(ChildOutdated("core/web"))
        house.noted("core/web", "became_ready", 2)
