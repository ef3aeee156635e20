"""Which event of an account follows from what the supervisor sees."""

from typing import Any

import pytest

from core import account as machine
from core.messages import (
    AccountRefused,
    Audited,
    Hold,
    Polled,
    PollFailed,
    Reconciled,
    ReconcileNow,
    ResyncNeeded,
    StreamDown,
    StreamProgressed,
    StreamUp,
    Warned,
)
from core.records import Incident
from core.status import ChildStatus, GroupStatus, Vitals
from host.accounts import Accounts, Effects
from host.plan import AccountPlan
from tests.support.clock import ManualClock

MAIN = AccountPlan("main", "bybit", "main.stream", "main/poller", audit_every=60.0)


class World:
    """What the supervision machine would show of one account, and what became of it."""

    def __init__(self, plan: AccountPlan = MAIN) -> None:
        self.clock = ManualClock()
        self.vitals = Vitals()
        self.accounts = Accounts(self.clock, [plan], {plan.account: self.vitals})
        self.connection = ChildStatus("main/connection", "main.stream", "waiting", 0, 0)
        self.stream = GroupStatus("main.stream", "closed", 0)
        self.poller = GroupStatus("main.poller", "closed", 0)

    @property
    def state(self) -> str:
        return self.accounts.state("main").state

    def shows(self, phase: Any, gen: int = 1, mode: Any = "closed", **more: Any) -> Effects:
        """The connection is in this phase, its group in this mode."""
        self.connection = ChildStatus("main/connection", "main.stream", phase, gen, 0, **more)
        self.stream = GroupStatus("main.stream", mode, 0, held_reason="bad key" if mode == "held" else None)
        return self.look()

    def look(self) -> Effects:
        poller = ChildStatus("main/poller", "main.poller", "running", 1, 0)
        return self.accounts.look(
            {child.id: child for child in (self.connection, poller)},
            {group.id: group for group in (self.stream, self.poller)},
        )

    def hears(self, kind: Any, *details: Any) -> Effects:
        return self.accounts.heard(kind("main/poller", 1, "main", *details))

    def lives(self) -> None:
        """Bring it to `live` in generation 1."""
        self.shows("running")
        self.hears(Reconciled, 1, 0)
        assert self.state == "live"


def told(effects: Effects) -> list[Any]:
    """What the poller is told."""
    return [effect.message for _, effect in effects if isinstance(effect, machine.TellPoller)]


def entered(effects: Effects) -> list[str]:
    return [effect.state for _, effect in effects if isinstance(effect, machine.Entered)]


# ------------------------------------------------------------ what the machine shows


def test_it_begins_in_starting_and_looking_alone_changes_nothing() -> None:
    world = World()
    assert world.look() == []
    assert world.state == "starting"


def test_a_disabled_account_is_only_shown() -> None:
    plan = AccountPlan("main", "bybit", "", "", audit_every=60.0, enabled=False)
    world = World(plan)
    assert world.shows("running") == []
    assert [status.state for status in world.accounts.statuses()] == ["disabled"]


@pytest.mark.parametrize("sandbox", [True, False])
def test_the_status_says_who_is_at_the_built_in_sandbox_as_the_plan_has_it(sandbox: bool) -> None:
    plan = AccountPlan("main", "bybit", "", "", audit_every=60.0, sandbox=sandbox)
    assert [status.sandbox for status in World(plan).accounts.statuses()] == [sandbox]


def test_a_generation_that_starts_is_connecting_and_one_that_is_ready_reconciling() -> None:
    world = World()
    assert entered(world.shows("starting")) == ["connecting"]
    effects = world.shows("running")
    assert entered(effects) == ["reconciling"]
    assert told(effects) == [StreamUp(1)]


def test_a_ready_that_came_before_anybody_looked_is_seen_with_all_its_steps() -> None:
    assert entered(World().shows("running", gen=4)) == ["connecting", "reconciling"]


def test_looking_twice_tells_nothing_twice() -> None:
    world = World()
    world.shows("running")
    assert world.look() == []


@pytest.mark.parametrize("phase", ["waiting", "stopping", "abandoned", "down"])
def test_a_connection_that_does_not_work_is_lost(phase: str) -> None:
    world = World()
    world.lives()
    effects = world.shows(phase, last_reason="link", last_detail="reset by peer")
    assert entered(effects) == ["backoff"]
    assert [type(message) for message in told(effects)] == [StreamDown]


def test_the_cause_of_a_loss_is_what_the_connection_said_last() -> None:
    world = World()
    world.lives()
    effects = world.shows("waiting", last_reason="link", last_detail="reset by peer")
    [cause] = [effect.cause for _, effect in effects if isinstance(effect, machine.Entered)]
    assert cause == "link: reset by peer"


def test_an_open_breaker_is_tripped_and_a_closed_one_again_backoff() -> None:
    world = World()
    world.lives()
    assert entered(world.shows("waiting", mode="open")) == ["tripped"]
    assert entered(world.shows("waiting", mode="closed")) == ["backoff"]
    assert entered(world.shows("waiting", mode="open")) == ["tripped"]


def test_polling_ends_in_tripped_when_the_breaker_opens() -> None:
    world = World()
    world.lives()
    world.shows("waiting")
    world.hears(Polled)
    assert world.state == "polling"
    assert entered(world.shows("waiting", mode="open")) == ["tripped"]
    assert world.accounts.state("main").polling
    world.hears(PollFailed)
    assert not world.accounts.state("main").polling


def test_a_new_generation_that_nobody_saw_stop_begins_anew() -> None:
    world = World()
    world.lives()
    assert entered(world.shows("starting", gen=2)) == ["connecting"]


def test_a_stream_that_is_held_holds_the_account_and_its_poller() -> None:
    world = World()
    world.lives()
    effects = world.shows("down", mode="held")
    assert "held" in entered(effects)
    assert Hold("bad key") in told(effects)
    assert world.accounts.statuses()[0].held_reason == "bad key"


def test_a_poller_that_is_held_holds_the_account_too() -> None:
    world = World()
    world.lives()
    world.poller = GroupStatus("main.poller", "held", 1, held_reason="no permission")
    effects = world.look()
    assert world.state == "held"
    assert [effect.why for _, effect in effects if isinstance(effect, machine.HoldAccount)] == [
        "no permission"
    ]


def test_a_paused_account_does_not_follow_what_is_shown() -> None:
    world = World()
    world.lives()
    world.accounts.feed("main", machine.Paused())
    for phase, mode in (("stopping", "closed"), ("down", "open"), ("running", "closed")):
        world.shows(phase, mode=mode)
        assert world.state == "paused"


def test_a_resumed_account_catches_up_with_what_is_shown() -> None:
    world = World()
    world.accounts.feed("main", machine.Paused())
    world.shows("running")
    world.accounts.feed("main", machine.Resumed())
    assert entered(world.look()) == ["connecting", "reconciling"]


def test_a_group_that_is_gone_changes_nothing() -> None:
    world = World()
    world.lives()
    assert world.accounts.look({}, {}) == []


# ------------------------------------------------------------ what the children say


@pytest.mark.parametrize("stage", ["authenticating", "subscribing"])
def test_the_progress_of_the_session_is_followed(stage: str) -> None:
    world = World()
    world.shows("starting")
    world.hears(StreamProgressed, stage)
    assert world.state == stage


def test_a_reconcile_of_the_present_generation_makes_it_live_and_an_older_one_does_not() -> None:
    world = World()
    world.shows("running", gen=2)
    world.hears(Reconciled, 1, 0)
    assert world.state == "reconciling"
    world.hears(Reconciled, 2, 0)
    assert world.state == "live"


def test_a_hole_in_the_subscription_has_the_poller_reconcile() -> None:
    world = World()
    world.lives()
    assert told(world.hears(ResyncNeeded, "terminated")) == [ReconcileNow("terminated")]
    assert world.state == "reconciling"


def test_two_mute_audits_in_a_row_condemn_the_connection() -> None:
    world = World()
    world.lives()
    world.hears(Audited, 2, 0)
    assert world.state == "live"
    effects = world.hears(Audited, 1, 0)
    assert world.state == "stale"
    assert [True for _, effect in effects if isinstance(effect, machine.RestartStream)] == [True]


def test_a_refusal_by_rest_holds_the_account() -> None:
    world = World()
    world.lives()
    effects = world.hears(AccountRefused, "key revoked")
    assert world.state == "held"
    assert any(effect == machine.HoldAccount("key revoked") for _, effect in effects)


def test_a_warning_is_shown_until_it_is_taken_back() -> None:
    world = World()
    world.hears(Warned, "withdraw", "the key may withdraw")
    assert world.accounts.statuses()[0].warnings == ("the key may withdraw",)
    world.hears(Warned, "withdraw", None)
    assert world.accounts.statuses()[0].warnings == ()


def test_word_of_an_unknown_account_is_ignored() -> None:
    world = World()
    assert world.accounts.heard(Polled("gone/poller", 1, "gone")) == []


# ---------------------------------------------------------------- overdue audits


@pytest.mark.parametrize(("age", "state"), [(180.0, "live"), (180.1, "stale")])
def test_a_live_account_is_stale_when_its_last_audit_is_more_than_three_periods_old(
    age: float, state: str
) -> None:
    world = World()
    world.lives()
    world.vitals.audit_at = world.clock.boottime()
    world.clock.advance(age)
    world.accounts.overdue()
    assert world.state == state


def test_time_in_which_the_machine_slept_counts_for_the_age_of_an_audit() -> None:
    world = World()
    world.lives()
    world.vitals.audit_at = world.clock.boottime()
    world.clock.suspend(3600)
    assert entered(world.accounts.overdue()) == ["stale"]


@pytest.mark.parametrize(("after_the_ban", "state"), [(180.0, "live"), (180.1, "stale")])
def test_a_declared_ban_does_not_count_for_the_age_of_an_audit(after_the_ban: float, state: str) -> None:
    world = World()
    world.lives()
    world.vitals.audit_at = world.clock.boottime()
    world.vitals.closed_until = world.clock.boottime() + 7200
    world.clock.advance(7200)
    assert world.accounts.overdue() == []
    world.clock.advance(after_the_ban)
    world.accounts.overdue()
    assert world.state == state


def test_the_next_complete_audit_makes_it_live_again() -> None:
    world = World()
    world.lives()
    world.vitals.audit_at = world.clock.boottime()
    world.clock.advance(500)
    world.accounts.overdue()
    world.hears(Audited, 0, 0)
    assert world.state == "live"


def test_only_what_is_live_can_be_overdue() -> None:
    world = World()
    world.shows("running")
    world.vitals.audit_at = world.clock.boottime()
    world.clock.advance(5000)
    assert world.accounts.overdue() == []


def test_one_that_has_not_been_audited_yet_is_not_overdue() -> None:
    world = World()
    world.lives()
    assert world.accounts.overdue() == []


# ---------------------------------------------------------------------- the list


def test_accounts_come_and_go() -> None:
    world = World()
    world.accounts.add(AccountPlan("demo", "binance", "demo.stream", "demo/poller", audit_every=60.0))
    assert world.accounts.names() == ["main", "demo"]
    assert world.accounts.of_poller("demo/poller") == world.accounts.plan("demo")
    assert world.accounts.of_poller("core/control") is None
    world.accounts.remove("main")
    assert [status.account for status in world.accounts.statuses()] == ["demo"]


def test_stopping_reaches_everybody() -> None:
    world = World()
    world.accounts.add(AccountPlan("demo", "binance", "demo.stream", "demo/poller", audit_every=60.0))
    assert entered(world.accounts.feed_all(machine.Stopping())) == ["stopped", "stopped"]


def test_the_status_says_since_when() -> None:
    world = World()
    world.clock.advance(10)
    world.shows("running")
    assert world.accounts.statuses()[0].since == world.clock.wall_ms()


# -------------------------------------------------------------------------- duties


def watched(world: World) -> list[Incident]:
    """Have its incidents kept, and a heartbeat due every 20 s."""
    kept: list[Any] = []
    world.accounts = Accounts(world.clock, [MAIN], {"main": world.vitals}, kept.append)
    world.lives()
    world.accounts.overdue()
    kept.clear()  # that it is not blind, which an earlier daemon may have said
    world.vitals.periods["heartbeat"] = 20.0
    world.vitals.duties["heartbeat"] = world.clock.boottime()
    return kept


def warnings(world: World) -> tuple[str, ...]:
    return world.accounts.statuses()[0].warnings


def test_a_duty_that_stops_is_a_warning_and_one_incident_until_it_succeeds_again() -> None:
    world = World()
    incidents = watched(world)
    for _ in range(60):
        world.clock.advance(1)
        world.accounts.overdue()
    (text,) = warnings(world)
    assert text.startswith("overdue: no heartbeat was answered for 3")
    assert world.state == "live"
    (opened,) = incidents
    assert (opened.key, opened.severity, opened.resolved) == ("main:stream:heartbeat", "critical", False)
    world.vitals.duties["heartbeat"] = world.clock.boottime()
    for _ in range(3):
        world.accounts.overdue()
    assert warnings(world) == ()
    assert [incident.resolved for incident in incidents] == [False, True]


def test_a_duty_that_froze_is_red_within_two_periods() -> None:
    world = World()
    watched(world)
    seconds = 0
    while not warnings(world):
        world.clock.advance(1)
        world.accounts.overdue()
        seconds += 1
    assert 25 < seconds <= 40


def test_the_alarm_of_a_duty_ends_with_the_stream_that_it_belongs_to() -> None:
    world = World()
    incidents = watched(world)
    world.clock.advance(50)
    world.accounts.overdue()
    assert warnings(world)
    world.shows("waiting")
    world.accounts.overdue()
    assert warnings(world) == ()
    assert incidents[-1].resolved


def test_an_account_that_was_removed_and_came_back_has_no_old_alarm() -> None:
    world = World()
    watched(world)
    world.clock.advance(50)
    world.accounts.overdue()
    world.accounts.remove("main")
    world.accounts.add(MAIN)
    assert warnings(world) == ()


def said(world: World) -> list[tuple[str | None, str]]:
    """From now on: the incident of an account that is not live, as (severity or None where over, text)."""
    kept: list[Any] = []

    class Told(list[Any]):
        def append(self, record: Any) -> None:
            if isinstance(record, Incident) and record.key == "main:blind":
                kept.append((None if record.resolved else record.severity, record.text))

    world.accounts = Accounts(world.clock, [MAIN], {"main": world.vitals}, Told().append)
    return kept


def passes(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.accounts.overdue()
        world.clock.advance(1)
    world.accounts.overdue()


def test_an_account_that_is_not_live_for_long_is_one_incident_until_it_is() -> None:
    world = World()
    incidents = said(world)
    passes(world, 29)
    assert incidents == []
    passes(world, 60)
    assert incidents == [("warning", "not live for 30 s: the account is starting")]
    world.lives()
    passes(world, 5)
    assert incidents[1:] == [(None, "the account is live")]


def test_states_that_come_and_go_do_not_begin_the_wait_anew() -> None:
    world = World()
    incidents = said(world)
    for gen in range(1, 31):
        world.shows("starting", gen) if gen % 2 else world.shows("waiting", gen)
        passes(world, 1)
    assert [severity for severity, _ in incidents] == ["warning"]


def test_a_held_account_is_a_critical_incident_at_once_and_stays_one_until_it_is_live() -> None:
    world = World()
    incidents = said(world)
    world.lives()
    passes(world, 1)
    world.shows("down", mode="held")
    passes(world, 40)
    assert incidents[1:] == [("critical", "the account is held: bad key")]
    world.accounts.feed("main", machine.WasReset())
    passes(world, 40)
    assert len(incidents) == 2, "it is as bad as it was"
    world.shows("running", 2)
    world.hears(Reconciled, 2, 0)
    passes(world, 1)
    assert incidents[2:] == [(None, "the account is live")]


def test_a_person_who_takes_an_account_out_of_service_ends_its_blindness() -> None:
    world = World()
    incidents = said(world)
    passes(world, 31)
    world.accounts.feed("main", machine.Paused())
    passes(world, 100)
    assert [severity for severity, _ in incidents] == ["warning", None]
    world.accounts.feed("main", machine.Resumed())
    passes(world, 31)
    world.accounts.remove("main")
    assert [severity for severity, _ in incidents] == ["warning", None, "warning", None]


def test_a_daemon_that_stops_says_nothing_of_blindness() -> None:
    world = World()
    incidents = said(world)
    world.lives()
    passes(world, 1)
    world.accounts.feed("main", machine.Stopping())
    passes(world, 100)
    assert incidents == [(None, "the account is live")]
