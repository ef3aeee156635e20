"""Who put something is told, once, when all of it is committed."""

from typing import Any, NamedTuple

from core.receipts import UNCLAIMED, UNKNOWN, Receipts, Stored


class Effect(NamedTuple):
    changed: int = 0
    repaired: int = 0
    requery: tuple = ()
    differences: tuple = ()


def told(due: Any) -> Any:
    return [stored for _notify, stored in due]


def test_a_ticket_collects_what_its_own_entries_did_and_no_others() -> None:
    receipts = Receipts()
    receipts.accept(2)
    start = receipts.accepted
    ticket = receipts.accept(2)
    receipts.keep(start)
    receipts.accept(1)
    assert receipts.ask(ticket, print) is None
    assert receipts.commit([Effect(9, 9), Effect(9), Effect(1, 1)], 3) == []
    assert told(receipts.commit([Effect(2, 0, (("spot", "A", "1"),)), Effect(9)], 5)) == [
        Stored(3, 1, 5, (("spot", "A", "1"),))
    ]


def test_who_asks_after_the_commit_still_gets_the_counts() -> None:
    receipts = Receipts()
    ticket = receipts.accept(1)
    receipts.keep(0)
    receipts.commit([Effect(4, 2)], 7)
    assert receipts.ask(ticket, print) == Stored(4, 2, 7)


def test_the_stream_may_ask_although_nothing_was_kept_for_it() -> None:
    receipts = Receipts()
    early = receipts.accept(1)
    late = receipts.accept(1)
    assert receipts.ask(late, print) is None
    assert told(receipts.commit([Effect(1), Effect(1)], 2)) == [Stored(1, 0, 2)]
    assert receipts.ask(early, print) == Stored(0, 0, 2)


def test_several_may_wait_for_one_ticket() -> None:
    receipts = Receipts()
    ticket = receipts.accept(1)
    receipts.ask(ticket, print)
    receipts.ask(ticket, repr)
    due = receipts.commit([Effect(1)], 1)
    assert [notify for notify, _stored in due] == [print, repr]


def test_tickets_are_told_in_order_although_they_were_asked_for_in_another() -> None:
    receipts = Receipts()
    first, second = receipts.accept(1), receipts.accept(1)
    receipts.ask(second, repr)
    receipts.ask(first, print)
    assert [notify for notify, _stored in receipts.commit([Effect(), Effect()], 1)] == [print, repr]


def test_what_another_writer_committed_counts_as_unknown() -> None:
    receipts = Receipts()
    ticket = receipts.accept(1)
    receipts.ask(ticket, print)
    assert told(receipts.commit([UNKNOWN])) == [Stored(0, 0, 0)]


def test_outcomes_that_nobody_claims_are_not_kept_for_ever() -> None:
    receipts = Receipts()
    for _ in range(UNCLAIMED + 1):
        start = receipts.accepted
        receipts.accept(1)
        receipts.keep(start)
        receipts.commit([Effect(1)], 1)
    assert receipts.ask(1, print) == Stored(0, 0, 1)
    assert receipts.ask(2, print) == Stored(1, 0, 1)
