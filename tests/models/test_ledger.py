"""What the ledger holds after it was told something: once, exactly, or not at all."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import DatabaseProblem
from core.facts import Batch, CashMove, Fact, Position, Source, Unrecognised
from models import ledger as module
from models.ledger import AlreadyStored, Ledger, Mark, Unstorable
from models.rebuild import rebuild
from models.views import FILLS, SLACK
from tests.support.ledger import NOW, balance, batch, fill, locked, order, rows

LONG = "123456789012345678901234567890.123456789"
UNSTORABLE = batch(fill("bad"), raw="\ud800")  # half a character: no database takes it


def test_a_fill_by_stream_reconcile_and_audit_is_one_row_that_keeps_its_first_source(
    ledger: Ledger, place: str
) -> None:
    for source in ("stream", "reconcile", "audit"):
        ledger.write([batch(fill(), source=source)])
    assert rows(place, "fills", "trade_id, source") == [("1", "stream")]
    assert rows(place, "journal", "kind, outcome, source") == [("fill", "new", "stream")]


def test_the_same_fill_twice_in_one_batch_is_one_row(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill(), fill()), batch(fill(), source="audit")])
    assert rows(place, "fills", "seq") == [1]


@pytest.mark.parametrize(
    "other",
    [
        {"account": "second"},
        {"category": "linear"},
        {"symbol": "ETHUSDT"},
        {"order_id": "8"},
        {"trade_id": "2"},
    ],
)
def test_fills_that_differ_in_any_part_of_their_identity_are_two(
    ledger: Ledger, place: str, other: Any
) -> None:
    account = other.get("account", "main")
    differing = {name: value for name, value in other.items() if name != "account"}
    ledger.write([batch(fill()), batch(fill(**{"trade_id": "1"} | differing), account=account)])
    assert len(rows(place, "fills", "seq")) == 2


@pytest.mark.parametrize("amount", ["0.00000783", "1e-19", LONG, "1E+5"])
def test_amounts_are_stored_exactly_and_plainly(ledger: Ledger, place: str, amount: Any) -> None:
    ledger.write([batch(fill(price=D(amount), fee=D(amount), fee_asset="BNB"))])
    assert rows(place, "fills", "price, fee") == [(format(D(amount), "f"),) * 2]


def test_what_is_unknown_is_null_and_never_zero(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill(), order(filled=None), balance("1", at=None))])
    assert rows(place, "fills", "fee, fee_asset, liquidity, client_order_id") == [(None,) * 4]
    assert rows(place, "orders", "filled, price, side, created_at") == [(None,) * 4]
    assert rows(place, "balances", "updated_at, total") == [(None, None)]


def test_what_was_unknown_of_a_fill_becomes_known_and_the_row_keeps_its_place(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill(), fill("2"))])
    ledger.write([batch(fill(fee=D("0.1"), fee_asset="BNB"), source="audit")])
    assert rows(place, "fills", "seq, fee, source") == [(1, "0.1", "stream"), (2, None, "stream")]


def test_a_contradicted_fill_is_kept_recorded_and_said_once(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill())])
    for _ in range(20):
        ledger.write([batch(fill(price=D(1)), source="audit")])
    assert rows(place, "fills", "price") == ["60000"]
    assert rows(place, "journal", "outcome") == ["new", "contradicted"]
    assert rows(place, "incidents", "kind, account, count") == [("contradicted_fill", "main", 20)]
    assert "price 60000 but audit says 1" in rows(place, "incidents", "text")[0]


def test_a_known_contradiction_is_not_recorded_again_after_a_restart(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill())])
    ledger.write([batch(fill(price=D(1)), source="audit")])
    again = Ledger.open(place, SystemClock())
    again.write([batch(fill(price=D(1)), source="audit")])
    again.close()
    assert rows(place, "journal", "outcome") == ["new", "contradicted"]


def test_a_fill_whose_order_is_unknown_is_written(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill(order_id="nobody"))])
    assert rows(place, "fills", "order_id") == ["nobody"]
    assert rows(place, "orders") == []


def test_the_history_of_an_order_is_its_journal_rows_one_behind_the_other(ledger: Ledger, place: str) -> None:
    ledger.write([batch(order())])
    ledger.write([batch(fill())])
    ledger.write([batch(order("canceled", updated_at=NOW + 1))])
    assert rows(place, "journal", "seq, kind, key, outcome, previous") == [
        (1, "order", "7", "new", None),
        (2, "fill", "1", "new", None),
        (3, "order", "7", "changed", 1),
    ]
    assert rows(place, "orders", "status, seq") == [("canceled", 3)]


def test_several_statements_of_one_batch_are_folded_and_each_change_is_recorded(
    ledger: Ledger, place: str
) -> None:
    filled = order("filled", filled=D(1), updated_at=NOW + 2)
    ledger.write(
        [batch(order()), batch(order("partially_filled", filled=D("0.5"), updated_at=NOW + 1), filled)]
    )
    assert rows(place, "orders", "status, filled") == [("filled", "1")]
    assert rows(place, "journal", "outcome") == ["new", "changed", "changed"]


def test_the_journal_holds_the_statement_as_it_was_made(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill(price=D("1e-19")), received_at=NOW + 5)])
    (fact,) = rows(place, "journal", "fact")
    assert json.loads(fact)["trade_id"] == "1"
    assert D(json.loads(fact)["price"]) == D("1e-19")
    columns = "boot, account, exchange, category, symbol, key, source, exchange_at, received_at"
    assert rows(place, "journal", columns) == [
        ("boot-1", "main", "binance", "spot", "BTCUSDT", "1", "stream", NOW, NOW + 5)
    ]


def test_the_raw_text_is_stored_once_and_only_where_the_journal_mentions_it(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill(), order(), raw="first"), batch(fill(), raw="nothing new")])
    ledger.write([batch(fill("2"), raw="second")])
    assert rows(place, "frames", "id, text") == [(1, "first"), (2, "second")]
    assert rows(place, "journal", "frame") == [1, 1, 2]


def test_an_event_we_do_not_know_is_kept_with_its_text_and_alarms_once(ledger: Ledger, place: str) -> None:
    for _ in range(3):
        ledger.write([batch(Unrecognised("newThing", "no such event", NOW), raw="{}")])
    assert rows(place, "journal", "kind, key, outcome") == [("unknown", "newThing", "new")] * 3
    assert rows(place, "frames", "text") == ["{}"] * 3
    assert rows(place, "incidents", "key, count") == [("unknown:binance:newThing", 3)]


def test_an_impossible_step_is_recorded_flagged_and_not_obeyed(ledger: Ledger, place: str) -> None:
    ledger.write([batch(order("canceled"))])
    (effect,) = ledger.write([batch(order("open", updated_at=NOW + 9))]).effects
    assert rows(place, "orders", "status") == ["canceled"]
    assert rows(place, "journal", "outcome") == ["new", "impossible"]
    assert rows(place, "incidents", "kind, resolved_at") == [("impossible_order", None)]
    assert (effect.changed, effect.requery) == (0, (("spot", "BTCUSDT", "7"),))


def test_an_answer_that_agrees_settles_the_doubt(ledger: Ledger, place: str) -> None:
    ledger.write([batch(order("canceled")), batch(order("open", updated_at=NOW + 9))])
    ledger.write([batch(order("canceled"), source="audit")])
    assert rows(place, "incidents", "resolved_at IS NULL") == [0]


def test_reconciling_twenty_times_and_across_restarts_changes_nothing(ledger: Ledger, place: str) -> None:
    answer = batch(
        order(), fill(), balance("5"), CashMove("t", "USDT", D(1), "deposit", NOW), source="reconcile"
    )
    ledger.write([answer])
    before = {table: rows(place, table) for table in ("journal", "fills", "orders", "balances", "cash_moves")}
    for _ in range(20):
        ledger.write([answer])
    again = Ledger.open(place, SystemClock())
    again.write([answer])
    again.close()
    assert {table: rows(place, table) for table in before} == before


def test_effects_count_changes_and_repairs_of_each_entry(ledger: Ledger) -> None:
    late = NOW + 6_000
    committed = ledger.write(
        [
            batch(fill("1"), order()),
            batch(fill("1"), fill("2"), source="audit", received_at=late),
            batch(fill("3", traded_at=late - 5_000), source="audit", received_at=late),
            batch(fill("1", fee=D(1)), source="audit", received_at=late),
        ]
    )
    assert [(effect.changed, effect.repaired) for effect in committed.effects] == [
        (2, 0),
        (1, 1),
        (1, 0),
        (1, 0),
    ]
    assert committed.sequence == 5


KNOWN = fill("known")


def repaired(ledger: Ledger, *facts: Fact, at: int, source: Source = "audit") -> int:
    """How much a batch that was received then counts as repairs; the stream had said KNOWN before."""
    ledger.write([batch(KNOWN)])
    (effect,) = ledger.write([batch(*facts, source=source, received_at=at)]).effects
    return effect.repaired


def test_what_an_audit_found_young_is_a_repair_once_the_stream_had_its_time_and_said_nothing(
    ledger: Ledger,
) -> None:
    assert repaired(ledger, fill("1"), order(), at=NOW + 1_000) == 0
    assert repaired(ledger, KNOWN, at=NOW + 5_000) == 0
    assert repaired(ledger, KNOWN, at=NOW + 5_001) == 2
    assert repaired(ledger, KNOWN, at=NOW + 9_000) == 0, "it is counted once"


def test_what_the_stream_said_after_the_audit_was_only_late(ledger: Ledger) -> None:
    repaired(ledger, fill("1"), order(), at=NOW + 1_000)
    ledger.write([batch(fill("1"), order())])
    assert repaired(ledger, KNOWN, at=NOW + 9_000) == 0


def test_a_new_connection_is_not_blamed_for_what_the_last_one_did_not_say(ledger: Ledger) -> None:
    repaired(ledger, fill("1"), at=NOW + 1_000)
    repaired(ledger, fill("1"), at=NOW + 2_000, source="reconcile")
    assert repaired(ledger, KNOWN, at=NOW + 9_000) == 0


def test_a_lost_fill_and_its_order_are_one_piece_of_evidence_whichever_audit_finds_them(
    ledger: Ledger,
) -> None:
    """The order was touched by stream a moment ago, so the audits leave it alone for a while."""
    assert repaired(ledger, fill("1", traded_at=NOW), at=NOW + 1_000) == 0
    assert repaired(ledger, KNOWN, at=NOW + 5_001) == 1, "the fill has matured"
    assert repaired(ledger, order(updated_at=NOW + 1_000), at=NOW + 7_000) == 0, "its order is old by then"
    assert repaired(ledger, order(order_id="2", updated_at=NOW + 1_001), at=NOW + 9_000) == 1, (
        "a later thing is news"
    )


def test_evidence_that_was_found_old_is_not_counted_by_two_audits_either(ledger: Ledger) -> None:
    assert repaired(ledger, fill("1", traded_at=NOW), at=NOW + 6_000) == 1
    assert repaired(ledger, order(updated_at=NOW), at=NOW + 7_000) == 0
    assert repaired(ledger, fill("2", traded_at=NOW + 3_000), at=NOW + 9_000) == 1


def test_a_count_that_was_rolled_back_is_made_again(ledger: Ledger) -> None:
    with pytest.raises(Unstorable):
        ledger.write([batch(fill("1", traded_at=NOW), source="audit", received_at=NOW + 6_000), UNSTORABLE])
    assert repaired(ledger, fill("1", traded_at=NOW), at=NOW + 6_000) == 1


def test_what_was_rolled_back_was_not_found(ledger: Ledger) -> None:
    with pytest.raises(Unstorable):
        ledger.write([batch(fill("1"), source="audit", received_at=NOW + 1_000), UNSTORABLE])
    assert repaired(ledger, KNOWN, at=NOW + 9_000) == 0


def test_what_a_comparison_found_is_told_with_what_was_held_before(ledger: Ledger) -> None:
    """To complete a row is no difference, to contradict it is one, though it stays; the stream tells none."""
    first, second = ledger.write(
        [
            batch(fill("1"), order(), balance("5")),
            batch(
                fill("1", fee=D(1)),
                fill("2"),
                order("filled", filled=D(1), updated_at=NOW + 1),
                balance("5"),
                fill("1", price=D(7)),
                source="audit",
                received_at=NOW + 6_000,
            ),
        ]
    ).effects
    assert first.differences == ()
    assert [(one.kind, one.key, one.outcome, one.is_repair) for one in second.differences] == [
        ("fill", "2", "new", True),
        ("order", "7", "changed", True),
        ("fill", "1", "contradicted", False),
    ]
    missing, changed, contradicted = second.differences
    assert (missing.ledger, missing.exchange) == (None, fill("2"))
    assert (changed.ledger, changed.at) == (order(), NOW + 1)
    assert (contradicted.ledger, contradicted.exchange) == (fill("1", fee=D(1)), fill("1", price=D(7)))


def test_a_contradiction_that_stands_is_told_each_time_and_stored_once(ledger: Ledger) -> None:
    ledger.write([batch(fill("1"))])
    for _ in range(2):
        (effect,) = ledger.write([batch(fill("1", price=D(7)), source="audit")]).effects
        assert [one.outcome for one in effect.differences] == ["contradicted"]
    assert ledger.sequence == 2


def test_a_failed_batch_leaves_nothing_behind(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill("0"))])
    with pytest.raises(Unstorable):
        ledger.write([batch(fill("1"), order()), UNSTORABLE], Mark("segment", 0, 2))
    for table in ("orders", "balances", "frames", "intake", "incidents"):
        assert rows(place, table) == []
    assert (rows(place, "fills", "trade_id"), rows(place, "journal", "seq")) == (["0"], [1])
    assert (ledger.sequence, ledger.fills, ledger.orders) == (1, 1, 0)


def test_after_a_failed_batch_the_cache_does_not_claim_what_the_database_lacks(
    ledger: Ledger, place: str
) -> None:
    with pytest.raises(Unstorable):
        ledger.write([batch(fill("1"), order()), UNSTORABLE])
    ledger.write([batch(fill("1"), order())])
    assert rows(place, "fills", "seq") == [1]
    assert rows(place, "orders", "status") == ["open"]


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_what_is_no_number_is_unstorable(ledger: Ledger, amount: Any) -> None:
    with pytest.raises(Unstorable):
        ledger.write([batch(fill(price=D(amount)))])


def test_a_time_beyond_all_integers_is_unstorable(ledger: Ledger) -> None:
    with pytest.raises(Unstorable):
        ledger.write([batch(fill(traded_at=2**70))])


def test_a_locked_database_refuses_and_takes_the_same_batch_afterwards(ledger: Ledger, place: str) -> None:
    with locked(place), pytest.raises(DatabaseProblem) as caught:
        ledger.write([batch(fill())])
    assert caught.value.passing
    ledger.write([batch(fill())])
    assert rows(place, "fills", "trade_id") == ["1"]


def test_an_audit_corrects_a_position_that_a_clock_set_back_had_made_unchangeable(
    ledger: Ledger, place: str
) -> None:
    """Nothing that the exchange says is newer for a while; what was asked for before the stream spoke is not believed."""

    def told(size: int, at: int, source: Source = "stream", fence: int | None = None) -> Batch:
        position = Position("linear", "BTCUSDT", "buy", D(size), updated_at=NOW + at)
        return batch(position, source=source, fence=fence)

    ledger.write([told(1, 0)])
    ledger.write([told(2, -3_000)])
    ledger.write([told(3, -2_000, "audit", fence=0)])
    ledger.write([told(4, -2_000, "poll", fence=ledger.sequence)])
    assert rows(place, "positions", "size") == ["1"]
    ledger.write([told(2, -3_000, "audit", fence=ledger.sequence)])
    assert rows(place, "positions", "size, updated_at") == [("2", NOW - 3_000)]
    assert rebuild(place, check=True).differences == []


def test_a_stretch_that_was_committed_is_refused_the_second_time(ledger: Ledger, place: str) -> None:
    ledger.write([batch(balance("5", at=None))], Mark("segment", 0, 1))
    ledger.write([batch(balance("6", at=None))], Mark("segment", 1, 2))
    with pytest.raises(AlreadyStored):
        ledger.write([batch(balance("5", at=None))], Mark("segment", 0, 1))
    assert rows(place, "balances", "free") == ["6"]
    assert ledger.marks() == {"segment": 2}


def test_marks_of_segments_that_are_gone_are_forgotten(ledger: Ledger) -> None:
    ledger.write([], Mark("old", 0, 3))
    ledger.write([], Mark("new", 0, 1))
    ledger.forget_marks(["old"])
    assert ledger.marks() == {"new": 1}


def test_what_one_ledger_wrote_the_next_one_continues(ledger: Ledger, place: str) -> None:
    ledger.write([batch(fill("1"), fill("2"), order(), raw="x")])
    again = Ledger.open(place, SystemClock())
    assert (again.sequence, again.fills, again.orders) == (3, 2, 1)
    again.write([batch(fill("3"), raw="y")])
    again.close()
    assert rows(place, "journal", "seq, frame") == [(1, 1), (2, 1), (3, 1), (4, 2)]


def test_a_forgetful_cache_changes_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_ROOM", 2)
    small = Ledger.open(place, SystemClock())
    for _ in range(2):
        for n in range(5):
            small.write([batch(fill(str(n)), order(order_id=str(n)))])
    small.close()
    assert len(rows(place, "fills")) == len(rows(place, "orders")) == 5
    assert len(rows(place, "journal")) == 10


def test_the_cache_stays_within_its_room_and_keeps_the_newest(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE_ROOM", 16)
    small = Ledger.open(place, SystemClock())
    for n in range(100):
        small.write([batch(fill(str(n)))])
        held = [key[-1] for key in small._shelves[FILLS].cache]
        assert len(held) <= 16 * (1 + SLACK)
        assert held[-16:] == [str(one) for one in range(max(0, n - 15), n + 1)]
    small.close()


def test_what_another_writer_stored_meanwhile_is_not_overlooked(ledger: Ledger, place: str) -> None:
    """A generation that was given up, and comes to itself."""
    ledger.write([batch(order(), fill("1"))])
    other = Ledger.open(place, SystemClock())
    other.write([batch(order("canceled", updated_at=NOW + 1), fill("2"), raw="theirs")])
    other.close()
    ledger.write([batch(order("open", updated_at=NOW + 2), fill("3"), raw="ours")])
    assert rows(place, "orders", "status") == ["canceled"]
    assert rows(place, "journal", "seq, outcome, frame") == [
        (1, "new", None), (2, "new", None), (3, "changed", 1), (4, "new", 1), (5, "impossible", 2), (6, "new", 2),
    ]  # fmt: skip
    assert (ledger.sequence, ledger.fills) == (6, 3)


# ----------------------------------------------------------------- snapshots and their fence


def test_a_snapshot_row_that_the_stream_overtook_is_not_applied(ledger: Ledger, place: str) -> None:
    """The request began, then the stream spoke, then the answer came."""
    ledger.write([batch(balance("5", at=None), order(price=D(8)))])
    fence = ledger.sequence
    told = order("partially_filled", filled=D("0.5"), price=D(8))
    ledger.write([batch(balance("3", at=None), told)])
    (effect,) = ledger.write(
        [batch(balance("5", at=None), order(price=D(9)), source="audit", fence=fence)]
    ).effects
    assert rows(place, "balances", "free") == ["3"]
    assert rows(place, "orders", "status, filled, price") == [("partially_filled", "0.5", "8")]
    assert effect.changed == 0


def test_an_order_whose_answer_was_overtaken_is_to_be_asked_about(ledger: Ledger, place: str) -> None:
    ledger.write([batch(order(price=D(8)))])
    fence = ledger.sequence
    ledger.write([batch(order(price=D(9)))])
    (effect,) = ledger.write([batch(order(price=D(8)), source="poll", fence=fence)]).effects
    assert rows(place, "orders", "price") == ["9"]
    assert effect.requery == (("spot", "BTCUSDT", "7"),)


def test_a_snapshot_that_was_asked_for_after_the_stream_spoke_is_applied(ledger: Ledger, place: str) -> None:
    ledger.write([batch(balance("5", at=None))])
    ledger.write([batch(balance("3", at=None), source="audit", fence=ledger.sequence)])
    assert rows(place, "balances", "free") == ["3"]


def test_an_overtaken_answer_that_agrees_asks_for_nothing_and_confirms_nothing(
    ledger: Ledger, place: str
) -> None:
    """It was made before the stream spoke: what comes by stream afterwards is newer, whatever the stamps."""
    ledger.write([batch(balance("5", at=NOW), order())])
    (effect,) = ledger.write([batch(balance("5", at=NOW + 9), order(), source="audit", fence=0)]).effects
    ledger.write([batch(balance("6", at=NOW + 4))])
    assert effect.requery == ()
    assert rows(place, "balances", "free") == ["6"]


def test_the_fence_holds_across_a_restart(ledger: Ledger, place: str) -> None:
    ledger.write([batch(balance("5", at=None))])
    again = Ledger.open(place, SystemClock())
    again.write([batch(balance("3", at=None), source="audit", fence=0)])
    again.close()
    assert rows(place, "balances", "free") == ["5"]


def test_a_fill_is_counted_once_when_it_comes_during_the_round_trip(ledger: Ledger, place: str) -> None:
    """Both ways, whichever is first: a fill has no fence."""
    ledger.write([batch(fill())])
    ledger.write([batch(fill(), source="audit", fence=0)])
    assert rows(place, "fills", "trade_id") == ["1"]


# ------------------------------------------------------------------------ balances, positions


def test_an_older_balance_does_not_overwrite_a_newer(ledger: Ledger, place: str) -> None:
    ledger.write([batch(balance("5", at=NOW))])
    ledger.write([batch(balance("9", at=NOW - 1))])
    assert rows(place, "balances", "free") == ["5"]


def test_a_balance_that_was_confirmed_since_is_not_overwritten_by_what_came_between(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(balance("5", at=NOW)), batch(balance("5", at=NOW + 9), source="audit")])
    ledger.write([batch(balance("9", at=NOW + 4))])
    assert rows(place, "balances", "free, updated_at") == [("5", NOW)]


def test_a_position_is_one_row_by_side(ledger: Ledger, place: str) -> None:
    ledger.write(
        [batch(*(Position("linear", "BTCUSDT", side, D(1), updated_at=NOW) for side in ("buy", "sell")))]
    )
    ledger.write([batch(Position("linear", "BTCUSDT", "buy", D(0), updated_at=NOW + 1))])
    assert rows(place, "positions", "side, size") == [("buy", "0"), ("sell", "1")]


# -------------------------------------------------------------------------------- raw payloads


def test_old_raw_texts_are_pruned_and_the_journal_stays(ledger: Ledger, place: str) -> None:
    for n in range(4):
        ledger.write([batch(fill(str(n)), raw=str(n), received_at=NOW + n)])
    assert ledger.prune(NOW + 3, most=2) == 2
    assert ledger.prune(NOW + 3, most=2) == 1
    assert ledger.prune(NOW + 3, most=2) == 0
    assert rows(place, "frames", "text") == ["3"]
    assert len(rows(place, "journal")) == 4
