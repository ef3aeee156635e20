"""The essay of core/account.py, sentence by sentence."""

from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import account as machine
from core.account import (
    TRANSITIONS,
    Account,
    AuditCompleted,
    AuditOverdue,
    Effect,
    Enabled,
    Entered,
    Event,
    HoldAccount,
    Paused,
    PollCompleted,
    PollFailed,
    Refused,
    RestartStream,
    Resumed,
    ResyncRequested,
    Stage,
    Stopping,
    StreamLost,
    StreamProgressed,
    StreamReconciled,
    StreamStarting,
    StreamSubscribed,
    TellPoller,
    WarningSet,
    WasDisabled,
    WasReset,
    briefing,
    step,
)
from core.messages import Hold, ReconcileNow, Release, StreamDown, StreamUp
from core.status import AccountState

MUTE = AuditCompleted(repaired=2, streamed=0)
RUNNING: list[AccountState] = ["starting", "connecting", "authenticating", "subscribing", "reconciling"]
RUNNING += ["live", "stale", "backoff", "polling", "tripped"]


def after(*events: Event, start: Account | None = None) -> Account:
    """The account when these events have come, one millisecond apart."""
    account = start or Account("main", "binance")
    for now, event in enumerate(events, start=1):
        account, _ = step(account, event, now)
    return account


def last(account: Account, event: Event) -> tuple[Account, tuple[Effect, ...]]:
    return step(account, event, 1000)


def live(gen: int = 1, start: Account | None = None) -> Account:
    return after(StreamStarting(gen), StreamSubscribed(gen), StreamReconciled(gen), start=start)


def in_state(state: str) -> Account:
    """An account that came to `state` by events alone."""
    paths: dict[str, tuple[Event, ...]] = {
        "starting": (),
        "connecting": (StreamStarting(1),),
        "authenticating": (StreamStarting(1), StreamProgressed("authenticating")),
        "subscribing": (StreamStarting(1), StreamProgressed("subscribing")),
        "reconciling": (StreamStarting(1), StreamSubscribed(1)),
        "live": (StreamStarting(1), StreamSubscribed(1), StreamReconciled(1)),
        "stale": (StreamStarting(1), StreamSubscribed(1), StreamReconciled(1), AuditOverdue()),
        "backoff": (StreamStarting(1), StreamLost("cut")),
        "polling": (StreamStarting(1), StreamLost("cut"), PollCompleted()),
        "tripped": (StreamStarting(1), StreamLost("cut", "tripped")),
        "held": (Refused("the key is unknown"),),
        "paused": (Paused(),),
        "disabled": (WasDisabled(),),
        "stopped": (Stopping(),),
    }
    account = after(*paths[state])
    assert account.state == state
    return account


def entered(effects: tuple[Effect, ...]) -> list[tuple[str, str]]:
    return [(e.previous, e.state) for e in effects if isinstance(e, Entered)]


def told(effects: tuple[Effect, ...]) -> list[machine.ToPoller]:
    return [e.message for e in effects if isinstance(e, TellPoller)]


# ------------------------------------------------------------- the way to live


def test_an_account_begins_in_starting() -> None:
    assert Account("main", "binance").state == "starting"


def test_the_way_to_live_passes_every_stage_in_order() -> None:
    events: list[Event] = [
        StreamStarting(1),
        StreamProgressed("authenticating"),
        StreamProgressed("subscribing"),
        StreamSubscribed(1),
        StreamReconciled(1),
    ]
    account, seen = Account("main", "binance"), []
    for event in events:
        account, _ = step(account, event, 5)
        seen.append(account.state)
    assert seen == ["connecting", "authenticating", "subscribing", "reconciling", "live"]


def test_an_acknowledgement_tells_the_poller_which_generation_to_reconcile() -> None:
    _, effects = last(in_state("subscribing"), StreamSubscribed(1))
    assert told(effects) == [StreamUp(1)]


def test_an_acknowledgement_of_an_older_generation_changes_nothing() -> None:
    account = after(StreamStarting(1), StreamStarting(2))
    assert last(account, StreamSubscribed(1)) == (account, ())


def test_a_reconcile_of_an_older_generation_proves_nothing() -> None:
    account = after(StreamStarting(1), StreamSubscribed(1), StreamStarting(2), StreamSubscribed(2))
    assert last(account, StreamReconciled(1)) == (account, ())
    assert last(account, StreamReconciled(2))[0].state == "live"


@pytest.mark.parametrize("state", [s for s in TRANSITIONS if s not in {"reconciling", "stale", "live"}])
def test_a_reconcile_makes_nobody_live_who_is_not_subscribed(state: str) -> None:
    account = in_state(state)
    assert last(account, StreamReconciled(1))[0] == account


@pytest.mark.parametrize("state", ["connecting", "authenticating", "subscribing"])
@pytest.mark.parametrize("stage", ["connecting", "authenticating", "subscribing"])
def test_a_session_may_go_from_any_stage_to_any_other_and_back(state: str, stage: Stage) -> None:
    assert last(in_state(state), StreamProgressed(stage))[0].state == stage


@pytest.mark.parametrize("state", ["connecting", "authenticating", "subscribing"])
def test_an_acknowledgement_counts_at_whichever_stage_it_comes(state: str) -> None:
    assert last(in_state(state), StreamSubscribed(1))[0].state == "reconciling"


def test_nothing_is_subscribed_that_has_not_started() -> None:
    for state in ("starting", "backoff", "polling", "tripped"):
        account = in_state(state)
        assert last(account, StreamSubscribed(1)) == (account, ())


def test_progress_of_a_second_socket_does_not_leave_live() -> None:
    account = live()
    stages: list[Stage] = ["connecting", "authenticating", "subscribing"]
    for stage in stages:
        assert last(account, StreamProgressed(stage)) == (account, ())


# ------------------------------------------------------------------ being blind


@pytest.mark.parametrize("state", RUNNING)
@pytest.mark.parametrize("mode", ["backoff", "tripped"])
def test_a_lost_stream_leads_to_backoff_or_tripped(state: str, mode: Literal["backoff", "tripped"]) -> None:
    account, _ = last(in_state(state), StreamLost("cut", mode))
    assert (account.state, account.stream_gen) == (mode, None)


@pytest.mark.parametrize("state", ["reconciling", "live", "stale"])
def test_losing_an_acknowledged_stream_sends_the_poller_to_work(state: str) -> None:
    assert told(last(in_state(state), StreamLost("cut"))[1]) == [StreamDown("cut")]


def test_a_failed_attempt_does_not_repeat_what_the_poller_knows() -> None:
    assert told(last(in_state("connecting"), StreamLost("refused"))[1]) == []


def test_a_completed_poll_turns_backoff_into_polling() -> None:
    account = in_state("polling")
    assert (account.state, account.polling) == ("polling", True)


def test_tripped_stays_tripped_while_the_flag_says_that_rest_works() -> None:
    account = after(PollCompleted(), start=in_state("tripped"))
    assert (account.state, account.polling) == ("tripped", True)


@pytest.mark.parametrize(
    "state", ["starting", "connecting", "authenticating", "subscribing", "stale", "backoff", "tripped"]
)
def test_a_completed_poll_raises_the_flag_in_every_blind_state(state: str) -> None:
    assert in_state(state).polling is False
    assert after(PollCompleted(), start=in_state(state)).polling is True


def test_a_poll_that_fails_turns_polling_back_into_backoff() -> None:
    """REST is no source any more, and nobody may believe that it is."""
    account = after(PollFailed(), start=in_state("polling"))
    assert (account.state, account.polling) == ("backoff", False)
    assert after(PollCompleted(), start=account).state == "polling"


@pytest.mark.parametrize(
    "state", ["starting", "connecting", "authenticating", "subscribing", "stale", "backoff", "tripped"]
)
def test_a_poll_that_fails_lowers_the_flag_and_changes_no_other_state(state: str) -> None:
    polled = after(PollCompleted(), start=in_state(state))
    failed = after(PollFailed(), start=polled)
    assert failed.polling is False
    assert failed.state == ("backoff" if polled.state == "polling" else polled.state)


@pytest.mark.parametrize("event", [PollCompleted(), PollFailed()])
@pytest.mark.parametrize("state", ["reconciling", "live"])
def test_a_late_poll_says_nothing_of_an_account_that_sees(state: str, event: Event) -> None:
    account = in_state(state)
    assert last(account, event) == (account, ())


def test_the_flag_outlasts_the_next_attempts_and_ends_with_live() -> None:
    account = after(StreamStarting(2), start=in_state("polling"))
    assert (account.state, account.polling) == ("connecting", True)
    assert live(3, start=account).polling is False


@pytest.mark.parametrize("event", [Refused("no"), Paused(), WasDisabled(), Stopping()])
def test_whoever_sends_nothing_signed_is_not_polling(event: Event) -> None:
    assert after(event, start=in_state("polling")).polling is False


@pytest.mark.parametrize("state", RUNNING)
def test_a_new_generation_starts_from_any_running_state_and_owes_everything_again(state: str) -> None:
    account = after(StreamStarting(7), start=in_state(state))
    assert (account.state, account.stream_gen, account.mute_audits) == ("connecting", 7, 0)
    assert after(StreamReconciled(7), start=account).state == "connecting"


def test_a_generation_that_replaces_a_seeing_one_makes_the_poller_blind_first() -> None:
    assert [type(m) for m in told(last(live(), StreamStarting(2))[1])] == [StreamDown]


def test_reconnects_count_how_often_the_stream_came_up_again() -> None:
    account = after(StreamStarting(1), StreamLost("no"), StreamStarting(2), StreamLost("no"))
    assert account.reconnects == 0
    account = live(3, start=account)
    assert account.reconnects == 0
    account = live(5, start=after(StreamLost("cut"), StreamStarting(4), StreamLost("no"), start=account))
    assert account.reconnects == 1
    assert live(6, start=account).reconnects == 2


# ---------------------------------------------------------- mute and overdue


def test_one_mute_audit_means_nothing() -> None:
    account, effects = last(live(), MUTE)
    assert (account.state, effects) == ("live", ())


def test_two_mute_audits_in_a_row_mean_stale_and_a_new_connection() -> None:
    account, effects = last(after(MUTE, start=live()), MUTE)
    assert account.state == "stale"
    assert any(isinstance(e, RestartStream) for e in effects)
    assert [type(m) for m in told(effects)] == [StreamDown]
    assert entered(effects) == [("live", "stale")]


@pytest.mark.parametrize("between", [AuditCompleted(0, 0), AuditCompleted(3, 1), AuditCompleted(0, 9)])
def test_any_other_audit_between_two_mute_ones_clears_the_suspicion(between: AuditCompleted) -> None:
    account, effects = last(after(MUTE, between, start=live()), MUTE)
    assert (account.state, effects) == ("live", ())


def test_a_repair_alone_does_not_leave_live() -> None:
    account = after(*[AuditCompleted(repaired=4, streamed=1)] * 5, start=live())
    assert account.state == "live"


def test_a_quiet_account_is_healthy_for_ever() -> None:
    account = after(*[AuditCompleted(repaired=0, streamed=0)] * 50, start=live())
    assert account.state == "live"


@pytest.mark.parametrize("event", [AuditCompleted(0, 5), MUTE, StreamReconciled(1), AuditOverdue()])
def test_nothing_makes_a_mute_connection_trustworthy_again(event: Event) -> None:
    account = after(MUTE, MUTE, start=live())
    assert last(account, event) == (account, ())


def test_a_new_connection_after_a_mute_one_begins_without_suspicion() -> None:
    account = live(2, start=after(MUTE, MUTE, start=live()))
    assert last(account, MUTE)[0].state == "live"


def test_an_overdue_audit_makes_stale_but_keeps_the_connection() -> None:
    account, effects = last(live(), AuditOverdue())
    assert (account.state, account.stream_gen) == ("stale", 1)
    assert [type(e) for e in effects] == [Entered]


@pytest.mark.parametrize("event", [AuditCompleted(0, 0), AuditCompleted(2, 0), StreamReconciled(1)])
def test_the_next_complete_answer_brings_an_overdue_account_back_to_live(event: Event) -> None:
    assert last(in_state("stale"), event)[0].state == "live"


def test_an_overdue_account_whose_next_audits_are_mute_gets_a_new_connection() -> None:
    account, effects = last(after(MUTE, AuditOverdue(), start=live()), MUTE)
    assert account.state == "stale"
    assert any(isinstance(e, RestartStream) for e in effects)
    assert entered(effects) == []


def test_an_account_that_is_not_live_cannot_become_stale_by_an_overdue_audit() -> None:
    for state in TRANSITIONS:
        if state != "live":
            account = in_state(state)
            assert last(account, AuditOverdue()) == (account, ())


# --------------------------------------------------------------------- resync


def test_a_demanded_resync_leaves_live_until_it_is_reconciled() -> None:
    account, effects = last(live(), ResyncRequested("stream terminated"))
    assert account.state == "reconciling"
    assert told(effects) == [ReconcileNow("stream terminated")]
    assert after(StreamReconciled(1), start=account).state == "live"


@pytest.mark.parametrize("state", [s for s in RUNNING if s != "live"])
def test_a_resync_elsewhere_only_hurries_the_poller(state: str) -> None:
    account = in_state(state)
    assert last(account, ResyncRequested("asked")) == (account, (TellPoller(ReconcileNow("asked")),))


# ------------------------------------------- held, paused, disabled, stopped


@pytest.mark.parametrize("state", RUNNING)
def test_a_refusal_holds_every_running_account_and_says_what_to_fix(state: str) -> None:
    account, effects = last(in_state(state), Refused("the key lacks read permission"))
    assert (account.state, account.held_reason) == ("held", "the key lacks read permission")
    assert told(effects) == [Hold("the key lacks read permission")]
    assert HoldAccount("the key lacks read permission") in effects
    assert account.stream_gen is None


@pytest.mark.parametrize("way_out", [WasReset(), Enabled()])
def test_held_is_left_by_a_reset_or_by_changed_settings(way_out: Event) -> None:
    account, effects = last(in_state("held"), way_out)
    assert (account.state, account.held_reason) == ("starting", None)
    assert [type(m) for m in told(effects)] == [Release, StreamDown]


def test_held_is_left_by_nothing_else() -> None:
    held = in_state("held")
    for event in (StreamStarting(2), StreamSubscribed(1), PollCompleted(), StreamLost("x"), Resumed()):
        assert last(held, event) == (held, ())


def test_a_hold_outlasts_a_pause() -> None:
    account, effects = last(after(Paused(), start=in_state("held")), Resumed())
    assert (account.state, account.held_reason) == ("held", "the key is unknown")
    assert HoldAccount("the key is unknown") in effects


@pytest.mark.parametrize("remedy", [WasReset(), Enabled()])
def test_a_hold_that_was_remedied_during_a_pause_is_over_at_its_end(remedy: Event) -> None:
    account = after(Paused(), remedy, start=in_state("held"))
    assert account.state == "paused"
    assert after(Resumed(), start=account).state == "starting"


@pytest.mark.parametrize("state", RUNNING)
def test_a_pause_ends_what_runs_and_a_resume_starts_anew(state: str) -> None:
    account = after(Paused(), start=in_state(state))
    assert (account.state, account.stream_gen) == ("paused", None)
    assert after(Resumed(), start=account).state == "starting"


@pytest.mark.parametrize("state", ["paused", "disabled", "stopped"])
def test_nothing_a_late_child_says_moves_an_account_that_runs_nothing(state: str) -> None:
    account = in_state(state)
    late: list[Event] = [
        StreamStarting(2),
        StreamProgressed("subscribing"),
        StreamSubscribed(1),
        StreamReconciled(1),
        StreamLost("late"),
        PollCompleted(),
        PollFailed(),
        AuditCompleted(1, 0),
        AuditOverdue(),
        Refused("late"),
        ResyncRequested("late"),
    ]
    for event in late:
        assert last(account, event) == (account, ())


def test_disabling_ends_every_state_but_stopped_and_forgets_the_hold() -> None:
    for state in TRANSITIONS:
        if state != "stopped":
            account = after(WasDisabled(), start=in_state(state))
            assert (account.state, account.held_reason) == ("disabled", None)
    assert after(Enabled(), start=account).state == "starting"


def test_a_disabled_account_cannot_be_paused_or_resumed() -> None:
    disabled = in_state("disabled")
    assert after(Paused(), Resumed(), start=disabled) == disabled


def test_stopped_is_the_end() -> None:
    for state in TRANSITIONS:
        stopped = after(Stopping(), start=in_state(state))
        assert stopped.state == "stopped"
        assert after(Enabled(), WasReset(), Resumed(), StreamStarting(3), start=stopped) == stopped


# ------------------------------------------------------- effects and warnings


def test_every_change_of_state_is_entered_once_and_stamped() -> None:
    account, effects = last(in_state("backoff"), PollCompleted())
    assert entered(effects) == [("backoff", "polling")]
    assert account.since == 1000


def test_what_changes_no_state_keeps_the_stamp() -> None:
    account = in_state("polling")
    assert last(account, PollCompleted())[0].since == account.since


def test_a_change_of_state_always_says_why() -> None:
    for state in TRANSITIONS:
        for event in EVERY_EVENT:
            _, effects = last(in_state(state), event)
            assert all(effect.cause for effect in effects if isinstance(effect, Entered)), (state, event)


def test_warnings_are_set_replaced_and_taken_back_by_key_in_every_state() -> None:
    for state in TRANSITIONS:
        account = after(WarningSet("withdraw", "may withdraw"), start=in_state(state))
        account = after(WarningSet("expiry", "soon"), WarningSet("withdraw", "still"), start=account)
        assert account.warnings == (("expiry", "soon"), ("withdraw", "still"))
        assert account.state == state
        assert after(WarningSet("expiry", None), start=account).warnings == (("withdraw", "still"),)


# ------------------------------------------------------------------ briefings


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("starting", StreamDown("starting")),
        ("subscribing", StreamDown("subscribing")),
        ("reconciling", StreamUp(1)),
        ("live", StreamUp(1)),
        ("stale", StreamUp(1)),
        ("tripped", StreamDown("tripped")),
        ("held", Hold("the key is unknown")),
        ("paused", None),
        ("disabled", None),
        ("stopped", None),
    ],
)
def test_a_new_poller_is_told_what_the_old_one_knew(state: str, expected: object) -> None:
    assert briefing(in_state(state)) == expected


def test_a_new_poller_is_not_told_to_trust_a_mute_stream() -> None:
    assert briefing(after(MUTE, MUTE, start=live())) == StreamDown("stale")


# ------------------------------------------------------------ the whole table

EVERY_EVENT: list[Event] = [
    Enabled(),
    StreamStarting(1),
    StreamStarting(2),
    StreamProgressed("connecting"),
    StreamProgressed("authenticating"),
    StreamProgressed("subscribing"),
    StreamSubscribed(1),
    StreamSubscribed(2),
    StreamReconciled(1),
    StreamReconciled(2),
    StreamLost("cut"),
    StreamLost("cut", "tripped"),
    PollCompleted(),
    PollFailed(),
    AuditCompleted(1, 0),
    AuditCompleted(0, 3),
    AuditOverdue(),
    Refused("bad key"),
    WasReset(),
    Paused(),
    Resumed(),
    WasDisabled(),
    Stopping(),
    ResyncRequested("asked"),
    WarningSet("k", "text"),
]


def test_the_table_names_every_state_and_no_other() -> None:
    states = set(get_args(AccountState))
    assert set(TRANSITIONS) == states
    assert {to for row in TRANSITIONS.values() for to in row.values()} <= states


def test_every_event_moves_somebody() -> None:
    keys = {key if isinstance(key, type) else key[0] for row in TRANSITIONS.values() for key in row}
    assert keys == set(get_args(Event)) - {WarningSet}


def test_every_state_can_be_reached_from_starting() -> None:
    reached: set[AccountState] = {"starting"}
    edge: list[AccountState] = ["starting"]
    while edge:
        following = set(TRANSITIONS[edge.pop()].values()) - reached
        reached |= following
        edge += following
    assert reached == set(TRANSITIONS)


def test_live_is_entered_from_reconciling_and_stale_only() -> None:
    into = {state for state, row in TRANSITIONS.items() if "live" in row.values() and state != "live"}
    assert into == {"reconciling", "stale"}


@given(st.lists(st.sampled_from(EVERY_EVENT), max_size=60))
def test_whatever_happens_live_was_earned_by_this_very_generation(events: list[Event]) -> None:
    account, subscribed, reconciled = Account("main", "binance"), None, None
    for event in events:
        before = account
        account, effects = step(account, event, 1)
        match event:
            case StreamStarting():
                subscribed = reconciled = None
            case StreamSubscribed(gen=gen) if account.state == "reconciling" and gen == account.stream_gen:
                subscribed = gen
            case StreamReconciled(stream_gen=gen):
                reconciled = gen
        if account.state == "live":
            assert account.stream_gen is not None
            assert account.stream_gen == subscribed == reconciled
        assert (entered(effects) == [(before.state, account.state)]) == (before.state != account.state)
        if entered(effects):
            assert isinstance(effects[-1], Entered)


@given(st.lists(st.sampled_from(EVERY_EVENT), max_size=60))
def test_whatever_happens_a_held_account_is_only_freed_by_a_remedy(events: list[Event]) -> None:
    account = Account("main", "binance")
    for event in events:
        before = account
        account, _ = step(account, event, 1)
        if before.held_reason is not None and account.held_reason is None:
            assert isinstance(event, WasReset | Enabled | WasDisabled)
        if account.state == "held":
            assert account.held_reason is not None
        if before.state == "held" and account.state in RUNNING:
            assert isinstance(event, WasReset | Enabled)


@given(st.lists(st.sampled_from(EVERY_EVENT), max_size=60))
def test_whatever_happens_the_poller_is_up_only_while_the_account_sees(events: list[Event]) -> None:
    account, up = Account("main", "binance"), False
    for event in events:
        account, effects = step(account, event, 1)
        for message in told(effects):
            up = isinstance(message, StreamUp) or (up and isinstance(message, ReconcileNow))
        up = up and account.state not in machine.UNWATCHED
        assert up == isinstance(briefing(account), StreamUp)
