"""Of which time the ledger is proven, when it was watched, and what is a gap."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.coverage import SEAM_MS, Piece, Row, Sight, add, proven_to, timeline, unproven
from core.records import Proof

SECOND = 1_000
NEVER = 10**9  # a proof that nobody's watching ended: all of it came after


def proof(
    since: int,
    until: int,
    *,
    watched: int = 0,
    source: str = "audit",
    repaired: int = 0,
    at: int | None = None,
) -> Proof:
    at = until + 5 if at is None else at
    return Proof(at, "main", "spot", since, until, source, repaired, watched)


def folded(*proofs: Proof) -> tuple[Piece, ...]:
    pieces: tuple[Piece, ...] = ()
    for one in proofs:
        pieces = add(pieces, one)
    return pieces


def spans(pieces: Iterable[Piece]) -> list[tuple[int, int, str]]:
    return [(piece.since, piece.until, "gap" if piece.late else "proven") for piece in pieces]


# ----------------------------------------------------------------- stretches and gaps


def test_proofs_of_what_was_watched_are_one_stretch() -> None:
    (stretch,) = folded(proof(0, 100), proof(40, 160, repaired=2), proof(160, 200, source="poll"))
    assert stretch == Piece(0, 200, late=False, source="poll", at=205, proofs=3, repaired=2)


def test_what_nobody_watched_is_a_gap_that_the_proof_closed() -> None:
    pieces = folded(proof(0, 100), proof(40, 400, watched=300, source="reconcile", repaired=7, at=412))
    assert spans(pieces) == [(0, 100, "proven"), (100, 300, "gap"), (300, 400, "proven")]
    assert (pieces[1].source, pieces[1].at, pieces[1].repaired) == ("reconcile", 412, 7)
    assert (pieces[0].repaired, pieces[2].repaired) == (0, 0), "counted once, where it was missing"


def test_a_gap_reaches_to_where_watching_was_resumed_and_its_seam_is_proven_by_the_next_proof() -> None:
    """The comparison that closed it could not show its last moments yet; it is named all the same."""
    closing = proof(40, 40_000, watched=NEVER, source="reconcile", repaired=7, at=45_300)
    pieces = folded(proof(0, 100), closing, proof(0, 100_000, watched=45_000, at=105_100, repaired=1))
    assert spans(pieces) == [(0, 100, "proven"), (100, 45_000, "gap"), (45_000, 100_000, "proven")]
    assert pieces[1] == Piece(100, 45_000, late=True, source="reconcile", at=45_300, proofs=2, repaired=8)


def test_what_is_longer_than_a_seam_is_a_gap_of_the_proof_that_closed_it() -> None:
    closing = proof(40, 40_000, watched=NEVER, source="poll", at=45_300)
    pieces = folded(proof(0, 100), closing, proof(0, 100_000, watched=50_000, at=105_100))
    assert (pieces[1].until, pieces[1].source, pieces[1].at) == (50_000, "audit", 105_100)


def test_what_a_window_does_not_reach_stays_an_open_gap() -> None:
    pieces = folded(proof(0, 100), proof(150, 400, watched=300))
    assert spans(pieces) == [(0, 100, "proven"), (150, 300, "gap"), (300, 400, "proven")]


def test_a_later_proof_that_reaches_back_closes_an_open_gap() -> None:
    pieces = folded(proof(0, 100), proof(150, 400, watched=150), proof(50, 500, watched=150, repaired=3))
    assert spans(pieces) == [(0, 100, "proven"), (100, 150, "gap"), (150, 500, "proven")]
    assert [(piece.proofs, piece.repaired) for piece in pieces] == [(1, 0), (1, 3), (2, 0)]


def test_the_first_proof_is_where_time_begins_and_not_a_gap() -> None:
    assert spans(folded(proof(0, 100, watched=90))) == [(0, 100, "proven")]


def test_a_proof_that_reaches_behind_the_beginning_moves_it() -> None:
    pieces = folded(proof(500, 600), proof(100, 700, watched=550))
    assert spans(pieces) == [(100, 700, "proven")]


def test_what_is_proven_is_neither_closed_nor_opened_again() -> None:
    before = folded(proof(0, 100), proof(40, 400, watched=300))
    after = add(before, proof(0, 390, watched=NEVER, repaired=1))
    assert spans(after) == spans(before)
    assert after[:2] == before[:2]
    assert (after[2].proofs, after[2].repaired) == (2, 1)


def test_gaps_that_touch_are_one_gap() -> None:
    """Polls that get through now and then: nothing between them was watched."""
    pieces = folded(
        proof(0, 100), proof(0, 200, watched=NEVER, source="poll"), proof(0, 300, watched=NEVER, repaired=2)
    )
    assert spans(pieces) == [(0, 100, "proven"), (100, 300, "gap")]
    assert (pieces[1].source, pieces[1].proofs, pieces[1].repaired) == ("audit", 2, 2)


def test_a_proof_that_ends_before_it_begins_proves_nothing() -> None:
    assert folded(proof(100, 50)) == ()
    before = folded(proof(0, 100))
    assert spans(add(before, proof(300, 200))) == spans(before)


# ------------------------------------------------------- whatever comes in whatever order

PROOFS = st.lists(
    st.builds(
        lambda since, length, watched, repaired: proof(
            since, since + length, watched=watched, repaired=repaired
        ),
        st.integers(0, 60),
        st.integers(-3, 30),
        st.integers(0, 100),
        st.integers(0, 3),
    ),
    max_size=12,
)


def stretched(one: Proof) -> Proof:
    """In steps of a seam."""
    span = (one.since * SEAM_MS, one.until * SEAM_MS)
    return proof(*span, watched=one.watched * SEAM_MS, repaired=one.repaired)


def points(proofs: Iterable[Proof]) -> set[int]:
    """Each millisecond that is proven."""
    return {at for one in proofs for at in range(one.since, one.until)}


@given(PROOFS)
def test_pieces_never_overlap_and_those_of_a_kind_never_touch(proofs: list[Proof]) -> None:
    pieces = folded(*proofs)
    assert all(piece.since < piece.until for piece in pieces)
    for before, after in pairwise(pieces):
        assert before.until <= after.since
        assert before.until < after.since or before.late != after.late


@given(PROOFS)
def test_all_that_was_proven_is_proven_and_nothing_else(proofs: list[Proof]) -> None:
    pieces = folded(*proofs)
    assert {at for piece in pieces for at in range(piece.since, piece.until)} == points(proofs)


@given(PROOFS)
def test_up_to_when_it_is_proven_never_falls(proofs: list[Proof]) -> None:
    ends = [proven_to(folded(*proofs[:count])) or 0 for count in range(len(proofs) + 1)]
    assert ends == sorted(ends)


@given(PROOFS)
def test_what_was_watched_stays_watched_and_what_was_not_stays_a_gap(proofs: list[Proof]) -> None:
    kinds: dict[int, bool] = {}
    pieces: tuple[Piece, ...] = ()
    for one in proofs:
        pieces = add(pieces, one)
        now = {at: piece.late for piece in pieces for at in range(piece.since, piece.until)}
        assert {at: now[at] for at in kinds} == kinds
        kinds = now


@given(PROOFS)
def test_each_proof_counts_once_in_a_piece_at_most(proofs: list[Proof]) -> None:
    assert all(1 <= piece.proofs <= len(proofs) for piece in folded(*proofs))


@given(PROOFS)
def test_repaired_facts_are_counted_once(proofs: list[Proof]) -> None:
    """But for those of a proof that neither made nor met a stretch, and has no place then."""
    pieces = folded(*proofs)
    assert sum(piece.repaired for piece in pieces) <= sum(one.repaired for one in proofs)
    longer = [one for at, one in enumerate(proofs) if points(proofs[: at + 1]) - points(proofs[:at])]
    assert sum(piece.repaired for piece in pieces) >= sum(one.repaired for one in longer)


@given(PROOFS, st.one_of(st.none(), st.integers(0, 120)))
def test_gaps_are_exactly_what_is_between_the_stretches(proofs: list[Proof], watched: int | None) -> None:
    """Row by row the timeline has no hole, to its end; what is open is what nothing proves."""
    pieces, now = folded(*map(stretched, proofs)), 200 * SEAM_MS
    rows = timeline(pieces, None if watched is None else watched * SEAM_MS, now)
    for before, after in pairwise(rows):
        assert before.until == after.since
    proven, opened = set(), set()
    for row in rows:
        until = now if row.until is None else row.until
        assert row.seconds == (until - row.since) / 1000
        (opened if row.open else proven).update(range(row.since // SEAM_MS, until // SEAM_MS))
        assert row.kind == "gap" or not row.open
    seam = {at for at in proven if at not in points(proofs)}
    assert proven == points(proofs) | seam
    assert len(seam) <= 1, "the seam of the last gap"
    if pieces:
        end = max(pieces[-1].until // SEAM_MS, 200 if watched is None else watched)
        assert opened == set(range(pieces[0].since // SEAM_MS, end)) - proven


@given(PROOFS, PROOFS)
def test_the_nearest_pieces_are_all_that_a_proof_needs(proofs: list[Proof], more: list[Proof]) -> None:
    """Whoever keeps the pieces may hand in those from the nearest before the proof on."""
    for one in more:
        pieces = folded(*proofs)
        before = [piece for piece in pieces if piece.until < one.since][:-1]
        near = pieces[len(before) :]
        assert (*before, *add(near, one)) == add(pieces, one)


# ------------------------------------------------------------------- what is shown


def test_a_closed_gap_says_how_long_it_was_and_how_long_it_waited_for_its_proof() -> None:
    pieces = folded(
        proof(0, 60 * SECOND),
        proof(0, 95 * SECOND, watched=90 * SECOND, source="reconcile", repaired=2, at=101_500),
    )
    assert timeline(pieces, 0, 100 * SECOND)[1] == Row(
        kind="gap",
        since=60_000,
        until=90_000,
        seconds=30.0,
        source="reconcile",
        at=101_500,
        closed_after_s=11.5,
        proofs=1,
        repaired=2,
    )


def test_while_somebody_watches_what_came_after_the_last_proof_is_no_gap() -> None:
    pieces = folded(proof(0, 100))
    assert [row.kind for row in timeline(pieces, 40, 9_000)] == ["proven"]
    assert timeline((), None, 9_000) == []


def test_while_nobody_watches_it_is_an_open_gap_that_grows() -> None:
    pieces = folded(proof(0, 100))
    assert timeline(pieces, None, 9_100)[1] == Row("gap", 100, None, 9.0, open=True)


def test_once_somebody_watches_again_the_gap_has_an_end_and_is_open_until_it_is_proven() -> None:
    pieces = folded(proof(0, 100))
    assert timeline(pieces, 5_100, 9_000)[1] == Row("gap", 100, 5_100, 5.0, open=True)


def test_a_gap_that_was_closed_is_shown_up_to_where_watching_was_resumed() -> None:
    pieces = folded(proof(0, 100), proof(0, 40_000, watched=NEVER, source="reconcile", at=45_300))
    for watched, expected in ((45_000, [("proven", 100), ("gap", 45_000)]), (39_000, [])):
        rows = timeline(pieces, watched, 46_000)
        assert [(row.kind, row.until) for row in rows] == (expected or [("proven", 100), ("gap", 40_000)])
        assert not rows[1].open
    assert timeline(pieces, 45_000, 46_000)[1].closed_after_s == 0.3
    assert [row.open for row in timeline(pieces, 50_000, 51_000)] == [False, False, True]


def test_of_what_was_never_proven_all_is_open() -> None:
    assert unproven(1_000, 4_000) == Row("gap", 1_000, None, 3.0, open=True)


# ---------------------------------------------------------------- who is watching

NOBODY = Sight()
LIVE = Sight().stream_up(3, 900).proved(950)


def test_nobody_watches_at_first_and_the_first_proof_is_all_hindsight() -> None:
    assert NOBODY.since is None
    assert NOBODY.watched(700) == 700
    assert NOBODY.proved(700).since == 700


def test_of_an_account_that_was_never_proven_nothing_can_be_missing() -> None:
    assert NOBODY.first().watched(700) == 0
    assert NOBODY.stream_up(3, 600).first().proved(700) == Sight(0, 3, 600, is_reconciled=True)


def test_a_stream_that_is_acknowledged_is_watched_from_then_on() -> None:
    sight = NOBODY.stream_up(3, 900)
    assert sight.since == 900
    assert sight.stream_up(3, 5_000) == sight, "to hear of it again is no news"


def test_a_lost_stream_is_made_up_for_by_polls_that_get_through() -> None:
    sight = LIVE.stream_down().proved(2_000).proved(2_500)
    assert sight.stream_up(4, 2_600).proved(2_650).since == 900


def test_a_poll_that_fails_ends_it() -> None:
    assert LIVE.stream_down().failed().since is None
    assert LIVE.stream_down().failed().proved(5_000).since == 5_000


def test_a_stream_that_comes_back_while_rest_fails_is_what_is_left() -> None:
    """The polls went well until then; what came between the last one and the stream is a gap."""
    sight = LIVE.stream_down().proved(2_000).stream_up(4, 2_600)
    assert sight.since == 900
    assert sight.failed().since == 2_600


def test_audits_that_fail_leave_a_reconciled_stream_trusted() -> None:
    assert LIVE.failed().failed() == LIVE
    taken_over = LIVE.stream_down().proved(2_000).stream_up(4, 2_600).proved(2_650)
    assert taken_over.failed().since == 900


def test_a_doubted_stream_is_as_good_as_a_new_one() -> None:
    assert LIVE.stream_doubted(4_000).proved(4_050).since == 900
    assert LIVE.stream_doubted(4_000).failed().since == 4_000
    assert NOBODY.stream_doubted(4_000) == NOBODY


def test_an_overdue_proof_makes_all_before_it_hindsight() -> None:
    assert LIVE.overdue().watched(9_000) == 9_000
    assert LIVE.overdue().proved(9_000).since == 9_000


STEPS = st.lists(
    st.sampled_from(["up", "same", "doubted", "down", "failed", "overdue", "proved"]), max_size=25
)


@given(STEPS)
def test_watching_never_begins_in_the_future_and_a_stream_that_is_gone_is_forgotten(steps: list[str]) -> None:
    sight, now, gen = Sight(), 100, 0
    for step in steps:
        now += 10
        gen += step == "up"
        before = sight
        match step:
            case "up" | "same":
                sight = sight.stream_up(gen, now)
            case "doubted":
                sight = sight.stream_doubted(now)
            case "proved":
                sight = sight.proved(now)
            case "down":
                sight = sight.stream_down()
            case "failed":
                sight = sight.failed()
            case "overdue":
                sight = sight.overdue()
        assert sight.since is None or sight.since <= now
        if sight.stream_gen is None:
            assert (sight.stream_since, sight.is_reconciled) == (None, False)
        if before.since is not None and sight.since is not None:
            assert sight.since >= before.since, "what was once unseen is never seen again"
