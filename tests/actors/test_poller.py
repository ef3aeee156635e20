"""When the exchange is asked, and what is told only when it is true."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import FatalError
from core.facts import Balance, Fact
from core.messages import (
    AccountRefused,
    Audited,
    BalancesOwed,
    Down,
    Hold,
    Ping,
    Polled,
    PollFailed,
    Pong,
    Reconciled,
    ReconcileNow,
    Release,
    Stop,
    StreamDown,
    StreamUp,
    Warned,
)
from core.records import Proof
from core.wire import Call
from exchanges.base import Complete, Credentials, Endpoints, Known, Permissions, Plan
from tests.actors.polling import AUDIT_EVERY, CHILD, POLL_EVERY, Scene, scene
from tests.support.actors import gone
from tests.support.fakes import WordDialect, fill, order
from tests.support.peers import WAIT, Answered
from tests.support.waiting import eventually

SYNC = ["/open-orders", "/trades"]
DOWN = StreamDown("the connection is gone")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as made:
        yield made


@pytest.fixture
def live(one: Scene) -> Scene:
    """Reconciled under stream generation 5, its permissions asked for, all that forgotten."""
    one.tell(StreamUp(5))
    one.listener.next(Reconciled)
    one.listener.next(Warned)
    one.settle()
    one.desk.peer.asked.clear()
    one.listener.records.clear()
    return one


@pytest.fixture
def blind(one: Scene) -> Scene:
    """Polled once, the same way."""
    one.tell(DOWN)
    one.listener.next(Polled)
    one.listener.next(Warned)
    one.settle()
    one.desk.peer.asked.clear()
    one.listener.records.clear()
    return one


def until_audit(one: Scene) -> None:
    """Let time go by to where the account's next audit has its place."""
    one.pass_(one.actor._due - one.clock.boottime())


# --------------------------------------------------------------------- stances


def test_at_its_start_it_sets_the_clock_and_waits_to_be_told_how_things_stand(one: Scene) -> None:
    one.pass_(3600)
    assert one.desk.counts == {"/time": 3}
    assert one.listener.rest() == []


def test_a_stream_that_came_up_is_reconciled_and_that_is_told_with_its_generation(one: Scene) -> None:
    one.answers(fill("1"))
    one.tell(StreamUp(5))
    assert one.listener.next(Reconciled) == Reconciled(CHILD, 1, "main", 5, repaired=1)
    assert one.trades() == {"1": "reconcile"}


def test_what_a_reconcile_proves_is_recorded_and_shown(one: Scene) -> None:
    one.tell(StreamUp(5))
    one.listener.next(Reconciled)
    now = one.clock.wall_ms()
    assert one.proofs() == [Proof(now, "main", "spot", now - 86_400_000, now - 5_000, "reconcile")]
    assert one.vitals.proven_to == now - 5_000
    assert one.vitals.audit_at == one.clock.boottime()


def test_the_next_comparison_looks_back_a_minute_before_what_is_proven(one: Scene) -> None:
    one.tell(StreamUp(5))
    one.listener.next(Reconciled)
    proof = one.proofs()[0]
    for record in one.listener.records:
        one.inlet.record(record)
    eventually(lambda: one.reader.proven_to("main") == proof.until)
    one.tell(ReconcileNow("somebody asked"))
    one.listener.skip_to(Reconciled)
    first, second = one.dialect.known
    assert (first.first, first.since) == (True, first.now - 86_400_000)
    assert (second.first, second.since) == (False, proof.until - 60_000)


def test_a_market_that_is_asked_seldom_is_proven_up_to_its_own_last_answer(live: Scene) -> None:
    """The least of them all is what is shown, and none of them ever falls."""

    def says(*categories: str, late: int = 0) -> None:
        live.answers_by(lambda known: Complete((), as_of=known.now - late, categories=categories))

    says("spot", "linear")
    until_audit(live)
    first = live.vitals.proven_to
    says("spot")
    until_audit(live)
    assert live.vitals.proven_to == live.vitals.proven["linear"] == first
    assert live.vitals.proven["spot"] == first + AUDIT_EVERY * 1000
    says("spot", "linear", late=1_000_000)
    until_audit(live)
    assert live.vitals.proven == {"spot": first + AUDIT_EVERY * 1000, "linear": first}


def test_what_an_earlier_daemon_proved_is_shown_until_there_is_more(one: Scene) -> None:
    one.vitals.proven = {"spot": 5, "option": 7}
    one.tell(DOWN)
    one.listener.next(Polled)
    assert one.vitals.proven == {"spot": one.proofs()[0].until, "option": 7}
    assert one.vitals.proven_to == 7


def test_while_blind_it_polls_at_its_pace(blind: Scene) -> None:
    for _ in range(3):
        blind.pass_(POLL_EVERY)
        assert blind.listener.next(Polled) == Polled(CHILD, 1, "main")
    assert blind.desk.paths == SYNC * 3
    assert [proof.source for proof in blind.proofs()] == ["poll"] * 3


def test_a_poll_that_fails_is_told_and_one_that_completes_again_too(blind: Scene) -> None:
    """Else the account would be said to be polled while nothing is seen of it."""
    fails(blind)
    assert blind.listener.next(PollFailed) == PollFailed(CHILD, 1, "main")
    blind.listener.next(Polled)


def test_a_comparison_that_fails_while_the_stream_is_there_is_no_failed_poll(live: Scene) -> None:
    fails(live)
    live.settle()
    assert not any(isinstance(message, PollFailed) for message in live.listener.rest())


def test_to_stay_blind_for_another_cause_changes_nothing(blind: Scene) -> None:
    blind.tell(StreamDown("another cause"))
    blind.settle()
    assert blind.desk.paths == []


def test_live_it_audits_once_in_each_period(live: Scene) -> None:
    until_audit(live)
    assert live.listener.next(Audited) == Audited(CHILD, 1, "main", repaired=0, streamed=0)
    for _ in range(3):
        live.pass_(AUDIT_EVERY - 1)
        assert live.listener.rest() == []
        live.pass_(1)
        live.listener.next(Audited)
    assert live.desk.paths == SYNC * 4


def test_an_audit_says_what_it_repaired_and_what_the_stream_brought_meanwhile(live: Scene) -> None:
    live.streams(fill("1"))
    live.answers(fill("1"), fill("2"))
    until_audit(live)
    assert live.listener.next(Audited) == Audited(CHILD, 1, "main", repaired=1, streamed=1)
    until_audit(live)
    assert live.listener.next(Audited) == Audited(CHILD, 1, "main", repaired=0, streamed=0)
    assert live.trades() == {"1": "stream", "2": "audit"}


def test_a_stream_that_went_down_is_polled_at_once(live: Scene) -> None:
    live.tell(DOWN)
    live.listener.next(Polled)


def test_when_the_stream_was_cut_or_is_back_it_asks_on_a_new_connection(live: Scene) -> None:
    """What cut the stream without a word may have cut the kept connection as well."""
    before = live.desk.peer.connections
    live.tell(StreamDown("the peer was silent"))
    live.settle()
    assert live.desk.peer.connections == before + 1
    live.tell(StreamUp(2))
    live.settle()
    assert live.desk.peer.connections == before + 2


def test_each_stream_generation_needs_a_reconcile_of_its_own(live: Scene) -> None:
    live.tell(StreamUp(6))
    assert live.listener.next(Reconciled).stream_gen == 6


def test_a_person_may_ask_for_a_reconcile_at_any_time(live: Scene) -> None:
    live.tell(ReconcileNow("a person"))
    assert live.listener.next(Reconciled).stream_gen == 5
    assert live.desk.paths == SYNC


# ------------------------------------------------- since when somebody watches


def hindsight(one: Scene) -> list[bool]:
    """Of each proof, whether all of what it proves came before anybody watched."""
    return [proof.watched == proof.until for proof in one.proofs()]


def fails(one: Scene, *, until_it_is_over: float = POLL_EVERY * 1.1) -> None:
    """REST answers nothing once, and is well again."""
    one.desk.answers["/open-orders"] = Answered(status=500)
    one.pass_(max(0.0, one.actor._due - one.clock.boottime()))
    del one.desk.answers["/open-orders"]
    one.pass_(until_it_is_over)


def test_audits_of_a_live_account_prove_what_was_watched(live: Scene) -> None:
    until_audit(live)
    until_audit(live)
    assert hindsight(live) == [False, False]


def test_a_stream_that_is_cut_is_made_up_for_by_polls_and_the_next_stream_goes_on(live: Scene) -> None:
    live.clock.advance(20)
    live.tell(DOWN)
    live.listener.next(Polled)
    live.settle()
    live.pass_(POLL_EVERY)
    live.tell(StreamUp(6))
    live.settle()
    assert hindsight(live) == [False, False, False]


def test_while_neither_stream_nor_rest_is_there_nobody_watches(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=500)
    live.tell(DOWN)
    live.settle()
    assert live.vitals.sight.since is None
    del live.desk.answers["/open-orders"]
    live.pass_(POLL_EVERY * 1.1)
    back = live.vitals.sight.since or 0
    live.pass_(POLL_EVERY + 1)
    first, second = live.proofs()
    assert (first.watched, second.watched) == (first.until, back)
    assert back < second.until


def test_a_stream_that_is_back_before_rest_is_ends_the_gap(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=500)
    live.tell(DOWN)
    live.settle()
    live.clock.advance(60)
    back = live.clock.wall_ms()
    live.tell(StreamUp(6))
    live.settle()
    del live.desk.answers["/open-orders"]
    live.pass_(30)
    (proof,) = live.proofs()
    assert proof.watched == live.vitals.sight.since == back < proof.until


def test_audits_that_fail_for_a_moment_do_not_make_what_the_stream_saw_a_gap(live: Scene) -> None:
    fails(live)
    assert hindsight(live) == [False]


def test_a_proof_that_is_overdue_is_hindsight_although_the_stream_lives(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=500)
    live.pass_(3 * AUDIT_EVERY)
    fails(live)
    assert hindsight(live) == [True]


def test_time_that_the_exchange_forbids_makes_no_proof_overdue(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=418, headers={"retry-after": "300"})
    until_audit(live)
    del live.desk.answers["/open-orders"]
    live.pass_(301)
    assert hindsight(live) == [False]


def test_an_audit_that_finds_what_the_stream_did_not_tell_has_found_a_gap(live: Scene) -> None:
    """In the market of that fact, and only if it happened after what was proven."""

    def answer(*facts: Fact) -> None:
        live.answers_by(lambda known: Complete(facts, as_of=known.now, categories=("spot", "linear")))

    live.vitals.proven = {"spot": 1_699_999_000_000, "linear": 1_699_999_000_000}
    answer(fill("1"))
    until_audit(live)
    spot, linear = live.proofs()
    assert (spot.repaired, spot.watched, linear.repaired) == (1, spot.until, 0)
    assert linear.watched < linear.until
    answer(fill("1"), fill("2"))
    until_audit(live)
    spot = live.proofs()[2]
    assert (spot.repaired, spot.watched < spot.until) == (1, True), "older than what was proven before"


def test_a_person_who_asks_for_a_reconcile_makes_no_gap_and_a_subscription_that_ended_may(
    live: Scene,
) -> None:
    before = live.vitals.sight
    live.tell(ReconcileNow("a person", is_hole=False))
    live.settle()
    assert live.vitals.sight == before
    live.desk.answers["/open-orders"] = Answered(status=500)
    live.clock.advance(10)
    live.tell(ReconcileNow("it had ended"))
    live.settle()
    assert live.vitals.sight.since == live.clock.wall_ms()


def test_nobody_watches_while_the_account_is_held(live: Scene) -> None:
    live.tell(Hold("the key is wrong"))
    live.settle()
    assert live.vitals.sight.since is None
    live.tell(Release())
    live.tell(DOWN)
    live.settle()
    assert hindsight(live) == [True]


def test_a_key_that_is_refused_ends_the_watch(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=401)
    until_audit(live)
    live.listener.skip_to(AccountRefused)
    assert live.vitals.sight.since is None


def test_another_poller_goes_on_with_what_the_same_stream_saw_and_with_nothing_else(live: Scene) -> None:
    """One that fell over has missed nothing; one that was paused with its stream has."""
    for gen, stance, nobody_watched in ((2, StreamUp(5), False), (3, StreamUp(6), True), (4, DOWN, True)):
        live.ref.stop(block=True, timeout=WAIT)
        live.clock.advance(20)
        live.listener.skip_to(Down)
        live.start(gen=gen).tell(stance)
        live.settle()
        assert hindsight(live)[-1] is nobody_watched


# ------------------------------------------------- what was begun too early


def test_when_the_stream_is_back_a_call_that_the_outage_swallowed_is_waited_for_no_longer(
    blind: Scene,
) -> None:
    reached, go = blind.desk.hold("/open-orders")
    blind.clock.advance(POLL_EVERY)
    assert reached.wait(WAIT)
    blind.clock.advance(1.5)
    blind.origins.rest(blind.desk.peer.url, 0).stream_is_back("main")
    blind.tell(StreamUp(6))
    assert blind.listener.skip_to(Reconciled).stream_gen == 6
    go.set()


def test_when_the_stream_is_back_a_young_call_has_its_time(blind: Scene) -> None:
    reached, go = blind.desk.hold("/open-orders")
    blind.clock.advance(POLL_EVERY)
    assert reached.wait(WAIT)
    blind.origins.rest(blind.desk.peer.url, 0).stream_is_back("main")
    go.set()
    blind.listener.next(Polled)


def test_a_comparison_begun_before_the_stream_was_up_proves_nothing_for_it(blind: Scene) -> None:
    reached, go = blind.desk.hold("/trades")
    blind.clock.advance(POLL_EVERY)
    assert reached.wait(WAIT)
    blind.tell(StreamUp(9))
    go.set()
    assert blind.listener.next(Reconciled).stream_gen == 9
    assert blind.desk.paths == [*SYNC, *SYNC]
    blind.settle()
    assert blind.listener.rest() == [], "the poll that was under way is not told"


def test_a_reconcile_of_a_stream_that_was_lost_meanwhile_is_not_told(live: Scene) -> None:
    reached, go = live.desk.hold("/trades")
    live.tell(ReconcileNow("a person"))
    assert reached.wait(WAIT)
    live.tell(DOWN)
    go.set()
    live.listener.next(Polled)
    live.settle()
    assert live.listener.rest() == []


def test_pings_are_answered_between_two_calls(live: Scene) -> None:
    reached, go = live.desk.hold("/open-orders")
    live.tell(ReconcileNow("a person"))
    assert reached.wait(WAIT)
    live.actor.me.urge(Ping(1, 77))
    go.set()
    assert live.listener.next(Pong).n == 77
    live.listener.next(Reconciled)


def paced(scene: Scene) -> None:
    """The exchange allows one `/trades` in 1.1 s, and a comparison needs two."""

    def sync(known: Known) -> Plan:
        for _ in range(2):
            yield Call("GET", "/trades", auth="signed", pace=1.1)
        return Complete((), as_of=known.now)

    scene.dialect.sync = sync  # type: ignore[method-assign]
    scene.tell(ReconcileNow("a person"))
    eventually(lambda: scene.desk.paths and scene.actor._timer, what="a call that waits")


def test_a_call_with_a_pace_waits_for_its_turn_and_messages_are_heard_meanwhile(live: Scene) -> None:
    paced(live)
    live.clock.advance(1.0)
    live.actor.me.urge(Ping(1, 77))
    assert live.listener.next(Pong).n == 77
    assert live.desk.paths == ["/trades"]
    live.clock.advance(0.2)
    live.listener.next(Reconciled)
    assert live.desk.paths == ["/trades", "/trades"]


def test_a_call_that_waits_for_its_turn_is_not_made_once_its_comparison_was_dropped(live: Scene) -> None:
    paced(live)
    live.tell(Hold("a wrong key"))
    live.settle()
    live.pass_(3600)
    assert live.desk.paths == ["/trades"]


# ------------------------------------------------------ what the stream owes

BALANCES = ["/balances"]


@pytest.fixture
def calm(live: Scene) -> Scene:
    """It has just audited: for a minute nothing else is due."""
    until_audit(live)
    live.listener.next(Audited)
    live.desk.peer.asked.clear()
    return live


def balance(free: int, locked: int = 0) -> Balance:
    return Balance("USDT", Decimal(free), Decimal(locked))


def owes(scene: Scene) -> None:
    """An order has ended, and the stream said nothing of what it frees."""
    if scene.vitals.owed.heard([order("1", "canceled", side="buy")], scene.clock.boottime()):
        scene.tell(BalancesOwed())
    scene.settle()


def test_balances_that_the_stream_does_not_tell_are_asked_for_within_two_seconds_by_one_call(
    calm: Scene,
) -> None:
    calm.streams(balance(60, 40))
    calm.dialect.balance_facts = (balance(100),)
    owes(calm)
    assert calm.desk.paths == [], "it has its time"
    calm.pass_(1.0)
    assert calm.desk.paths == BALANCES
    assert [(row["free"], row["locked"]) for row in calm.reader.balances()] == [("100", "0")]
    assert calm.dialect.held == [{"USDT": Decimal(100)}]
    assert calm.listener.rest() == [], "it proves nothing"
    calm.pass_(10)
    assert calm.desk.paths == BALANCES


def test_balances_that_the_stream_tells_in_time_are_not_asked_for(calm: Scene) -> None:
    owes(calm)
    calm.clock.advance(0.5)
    calm.vitals.owed.heard([balance(100)], calm.clock.boottime())
    calm.pass_(10)
    assert calm.desk.paths == []
    owes(calm)
    calm.pass_(1.0)
    assert calm.desk.paths == BALANCES, "the next debt is another one"


def test_many_orders_at_once_are_one_question_and_it_is_asked_once_a_second_at_most(calm: Scene) -> None:
    for _ in range(40):
        owes(calm)
        calm.clock.advance(0.1)
    calm.settle()
    assert 3 <= len(calm.desk.paths) <= 4


def test_an_answer_that_the_stream_overtook_changes_nothing(calm: Scene) -> None:
    calm.streams(balance(60, 40))
    calm.dialect.balance_facts = (balance(100),)
    reached, go = calm.desk.hold("/balances")
    owes(calm)
    calm.clock.advance(1.0)
    assert reached.wait(WAIT)
    calm.streams(balance(70, 30))
    go.set()
    calm.settle()
    assert [(row["free"], row["locked"]) for row in calm.reader.balances()] == [("70", "30")]


def test_before_the_first_reconcile_and_while_blind_nobody_asks_for_balances_alone(one: Scene) -> None:
    one.desk.answers["/open-orders"] = Answered(status=503)
    one.tell(StreamUp(5))
    owes(one)
    one.pass_(2)
    one.tell(DOWN)
    one.pass_(2)
    assert "/balances" not in one.desk.paths


def test_a_refused_question_is_asked_again_when_the_exchange_allows_it(calm: Scene) -> None:
    calm.desk.answers["/balances"] = Answered(status=429, headers={"Retry-After": "7"})
    owes(calm)
    calm.pass_(1.0)
    calm.desk.answers.clear()
    calm.pass_(6.9)
    assert calm.desk.paths == BALANCES
    calm.pass_(0.2)
    assert calm.desk.paths == BALANCES * 2


def test_a_refused_timestamp_has_the_clock_set_before_the_balances_are_asked_for_again(calm: Scene) -> None:
    calm.desk.answers["/balances"] = Answered(status=400)
    owes(calm)
    calm.pass_(1.0)
    assert calm.desk.counts == {"/balances": 2, "/time": 3}


def test_where_balances_cannot_be_asked_for_alone_the_audit_tells(
    calm: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(WordDialect, "balances")
    owes(calm)
    calm.pass_(5)
    assert calm.desk.paths == []


# --------------------------------------------------------------------- failures


def test_a_page_that_failed_makes_the_whole_comparison_fail_and_nothing_is_concluded(live: Scene) -> None:
    live.streams(order("1"))
    live.desk.answers["/trades"] = Answered(status=500)
    live.tell(ReconcileNow("a person"))
    live.settle()
    assert live.listener.rest() == []
    assert live.desk.paths == SYNC, "no order is asked for, for nothing is known to be missing"
    assert live.statuses() == {"1": "open"}
    assert live.proofs() == []


def test_a_failed_comparison_is_tried_again_at_the_pace_of_the_poll(live: Scene) -> None:
    live.desk.answers["/trades"] = Answered(status=500)
    until_audit(live)
    assert live.listener.rest() == []
    del live.desk.answers["/trades"]
    live.pass_(POLL_EVERY * 0.8)
    assert live.desk.paths == SYNC
    live.pass_(POLL_EVERY * 0.4)
    live.listener.next(Audited)


def test_a_failed_reconcile_leaves_the_stream_unproven_until_one_succeeds(one: Scene) -> None:
    one.desk.answers["/open-orders"] = Answered(status=503)
    one.tell(StreamUp(5))
    one.settle()
    for _ in range(3):
        one.pass_(POLL_EVERY * 1.1)
    assert one.listener.rest() == []
    del one.desk.answers["/open-orders"]
    one.pass_(POLL_EVERY * 1.1)
    assert one.listener.next(Reconciled).stream_gen == 5


def test_during_a_ban_nothing_leaves_until_its_end_and_status_can_tell(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=418, headers={"Retry-After": "120"})
    until_audit(live)
    live.desk.answers.clear()
    assert live.vitals.closed_until == pytest.approx(live.clock.boottime() + 120)
    live.desk.peer.asked.clear()
    for _ in range(11):
        live.pass_(10)
        live.tell(ReconcileNow("a person"))
        live.settle()
    assert live.desk.peer.asked == []
    live.pass_(10)
    live.listener.next(Reconciled)


def test_people_are_told_of_a_ban_as_long_as_it_lasts(live: Scene) -> None:
    """Facts come by the stream and the account stays live: nothing else shows that nobody audits it."""
    live.desk.answers["/open-orders"] = Answered(status=418, headers={"Retry-After": "120"})
    until_audit(live)
    live.desk.answers.clear()
    (incident,) = live.incidents()
    assert (incident.kind, incident.resolved) == ("rest_closed", False)
    assert "for 120 s" in incident.text
    for _ in range(13):
        live.pass_(10)
    assert [(one.kind, one.resolved) for one in live.incidents()][-1] == ("rest_closed", True)


def test_to_be_asked_for_a_little_patience_is_no_incident(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=429, headers={"Retry-After": "2"})
    until_audit(live)
    live.desk.answers.clear()
    live.pass_(3)
    assert live.incidents() == []


def test_a_refused_timestamp_sets_the_clock_and_the_comparison_is_made_once_more_at_once(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=400)
    live.tell(ReconcileNow("a person"))
    live.settle()
    assert live.desk.counts == {"/open-orders": 2, "/time": 3}
    assert live.listener.rest() == []
    del live.desk.answers["/open-orders"]
    live.pass_(POLL_EVERY * 1.1)
    live.listener.next(Reconciled)


def test_a_comparison_that_is_begun_while_the_clock_is_being_set_sets_it_first(live: Scene) -> None:
    """Else the same old time would be refused once more."""
    live.desk.answers["/open-orders"] = Answered(status=400)
    reached, go = live.desk.hold("/time")
    live.tell(ReconcileNow("a person"))
    assert reached.wait(WAIT)
    before = len(live.desk.peer.asked)
    live.tell(ReconcileNow("the same person"))
    del live.desk.answers["/open-orders"]
    go.set()
    live.listener.next(Reconciled)
    asked = [asked.path for asked in live.desk.peer.asked][before:]
    assert asked.index("/time") < asked.index("/open-orders")
    assert asked.count("/open-orders") == 1


def test_the_clock_that_a_resync_learnt_is_the_one_that_calls_are_stamped_with(live: Scene) -> None:
    live.desk.answers["/time"] = Answered(b"5000000000000")
    live.desk.answers["/open-orders"] = Answered(status=400)
    live.tell(ReconcileNow("a person"))
    live.settle()
    stamps = [asked.target for asked in live.desk.peer.asked if asked.path == "/open-orders"]
    assert stamps[0] == f"/open-orders?stamp={live.clock.wall_ms()}"
    assert stamps[1] == "/open-orders?stamp=5000000000000"


def test_the_clock_is_set_anew_once_an_hour(live: Scene) -> None:
    live.pass_(3601)
    assert live.desk.counts["/time"] == 3


@pytest.mark.parametrize("status", [410, 404])
def test_what_only_a_new_program_can_mend_is_an_incident_and_tried_once_a_minute(
    live: Scene, status: int
) -> None:
    live.desk.answers["/open-orders"] = Answered(status=status)
    live.tell(ReconcileNow("a person"))
    live.settle()
    assert [incident.kind for incident in live.incidents()] == ["comparison_failed"]
    live.pass_(59)
    assert live.desk.counts["/open-orders"] == 1
    live.pass_(1)
    assert live.desk.counts["/open-orders"] == 2
    del live.desk.answers["/open-orders"]
    live.pass_(60)
    live.listener.next(Reconciled)
    assert [incident.resolved for incident in live.incidents()] == [False, False, True]


# ------------------------------------------------------------------ hold, refusal


def test_while_held_nothing_leaves_whatever_is_asked(live: Scene) -> None:
    live.tell(Hold("the key was revoked"))
    for message in (ReconcileNow("a person"), ReconcileNow("again")):
        live.tell(message)
    live.pass_(86_400)
    assert live.desk.peer.asked == []


def test_a_hold_ends_a_comparison_between_two_calls(live: Scene) -> None:
    reached, go = live.desk.hold("/open-orders")
    live.tell(ReconcileNow("a person"))
    assert reached.wait(WAIT)
    live.tell(Hold("the key was revoked"))
    go.set()
    live.settle()
    assert live.desk.paths == ["/open-orders"]
    assert live.listener.rest() == []


def test_after_a_release_it_waits_for_its_stance_again(live: Scene) -> None:
    live.tell(Hold("the key was revoked"))
    live.tell(Release())
    live.pass_(AUDIT_EVERY)
    assert live.desk.peer.asked == []
    live.tell(StreamUp(6))
    assert live.listener.next(Reconciled).stream_gen == 6


def test_a_release_has_the_credentials_looked_up_anew(live: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    signing: list[Credentials] = []
    build = live.exchange.rest

    def rest(credentials: Credentials, endpoints: Endpoints) -> WordDialect:
        signing.append(credentials)
        return build(credentials, endpoints)

    monkeypatch.setattr(live.exchange, "rest", rest)
    live.credentials = Credentials("mended", "secret")
    live.tell(Hold("the key was revoked"))
    live.settle()
    assert signing == [], "a hold mends nothing"
    live.tell(Release())
    live.tell(DOWN)
    assert live.listener.next(Polled)
    assert [credentials.api_key for credentials in signing] == ["mended"]


def test_a_wrong_key_holds_the_account_and_nothing_leaves_any_more(live: Scene) -> None:
    live.desk.answers["/open-orders"] = Answered(status=401)
    until_audit(live)
    refused = live.listener.next(AccountRefused)
    assert refused == AccountRefused(CHILD, 1, "main", "the key is wrong")
    live.tell(ReconcileNow("a person"))
    live.pass_(3600)
    assert live.desk.paths == ["/open-orders"]


# ------------------------------------------------------------------ permissions


def test_permissions_are_asked_for_after_the_reconcile_and_then_once_a_day(one: Scene) -> None:
    one.tell(StreamUp(5))
    assert one.listener.next(Reconciled)
    assert one.listener.next(Warned) == Warned(CHILD, 1, "main", "permissions", None)
    assert one.desk.paths == [*SYNC, "/permissions"]
    one.settle()
    for _ in range(4):
        one.pass_(6 * 3600)
    one.settle()
    assert one.desk.counts["/permissions"] == 2


def test_a_key_that_may_withdraw_is_a_standing_warning(one: Scene) -> None:
    one.dialect.told = Permissions(can_withdraw=True, note="withdrawals")
    one.tell(StreamUp(5))
    text = one.listener.skip_to(Warned).text
    assert text is not None
    assert "withdrawals" in text


def test_where_the_exchange_does_not_say_what_the_key_may_do_the_status_does(one: Scene) -> None:
    one.dialect.told = Permissions()
    one.tell(StreamUp(5))
    text = one.listener.skip_to(Warned).text
    assert text == "cannot verify what the key may do: the exchange does not say"
    assert "permissions" in one.vitals.duties


def test_a_key_that_ends_soon_is_a_standing_warning(one: Scene) -> None:
    one.dialect.told = Permissions(can_withdraw=False, expires_at=one.clock.wall_ms() + 3 * 86_400_000)
    one.tell(StreamUp(5))
    text = one.listener.skip_to(Warned).text
    assert text == "the key expires in 3.0 days: make a new one in time"


def test_what_else_a_key_may_move_is_told_although_it_cannot_withdraw(one: Scene) -> None:
    one.dialect.told = Permissions(can_withdraw=False, note="the key allows Wallet AccountTransfer")
    one.tell(StreamUp(5))
    assert one.listener.skip_to(Warned).text == "the key allows Wallet AccountTransfer"


def test_permissions_that_cannot_be_verified_are_a_warning_and_no_hindrance(one: Scene) -> None:
    one.desk.answers["/permissions"] = Answered(status=500)
    one.tell(StreamUp(5))
    one.listener.next(Reconciled)
    text = one.listener.next(Warned).text
    assert text is not None
    assert text.startswith("cannot verify what the key may do")
    del one.desk.answers["/permissions"]
    one.settle()
    one.pass_(70)
    assert one.listener.skip_to(Warned).text is None


# ------------------------------------------------------------------- its own end


def test_one_that_was_superseded_stores_nothing(live: Scene) -> None:
    live.inlet.fence(CHILD, 2)
    live.answers(fill("1"))
    live.tell(ReconcileNow("a person"))
    live.listener.next(Down)
    assert live.trades() == {}


def test_one_that_was_abandoned_is_woken_from_its_call_and_asks_nothing_more(live: Scene) -> None:
    reached, go = live.desk.hold("/open-orders")
    live.tell(ReconcileNow("a person"))
    assert reached.wait(WAIT)
    live.actor.abandon("it hangs")
    gone(live.actor.thread)
    go.set()
    assert live.desk.paths == ["/open-orders"]


def test_a_stop_in_the_middle_of_a_comparison_leaves_no_dead_letter(live: Scene) -> None:
    reached, go = live.desk.hold("/open-orders")
    live.tell(ReconcileNow("a person"))
    assert reached.wait(WAIT)
    live.actor.me.urge(Stop())
    go.set()
    assert live.listener.skip_to(Down).reason == "shutdown"
    assert live.listener.dead_letters() == []


def test_a_key_that_cannot_even_sign_is_fatal_at_once(tmp_path: Path) -> None:
    with scene(tmp_path) as one:

        def refuse(*args: object) -> None:
            raise FatalError("this is no private key")

        one.ref.stop(block=True, timeout=WAIT)
        one.exchange.rest = refuse  # type: ignore[method-assign, assignment]
        one.listener.rest()
        one.actor.__class__.start(  # the factory's way, without waiting for Ready
            one.listener.context(CHILD, 2),
            account="main",
            exchange=one.exchange,
            credentials=lambda: one.credentials,
            endpoints=one.actor._endpoints,
            inlet=one.inlet,
            vitals=one.vitals,
            origins=one.origins,
            **one.options,
        )
        assert one.listener.next(Down).reason == "fatal"
