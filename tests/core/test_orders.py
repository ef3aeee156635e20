"""The rules of an order's life, one by one, as core/orders states them in words."""

from decimal import Decimal as D
from itertools import product
from typing import Any

import pytest

from core.facts import OrderState
from core.merge import Merged
from core.orders import FINAL, LIVING, STEPS, merge


def order(status: Any = "open", **fields: Any) -> OrderState:
    defaults: dict[str, Any] = {"quantity": D(3), "filled": D(0), "updated_at": 100}
    return OrderState("spot", "BTCUSDT", "1", status, **(defaults | fields))


def fold(*statements: OrderState) -> Merged[OrderState]:
    merged = merge(None, statements[0])
    for statement in statements[1:]:
        merged = merge(merged.row, statement)
    return merged


def test_the_first_statement_is_new() -> None:
    assert fold(order()) == Merged("new", order(), news=True)


def test_a_statement_that_says_nothing_else_is_the_same() -> None:
    row = order()
    merged = merge(row, order())
    assert (merged.outcome, merged.row is row) == ("same", True)


def test_every_state_is_in_the_table_and_may_follow_itself() -> None:
    assert all(state in following for state, following in STEPS.items())


def test_the_final_states_are_those_that_nothing_follows() -> None:
    assert {"filled", "canceled", "rejected", "expired"} == FINAL
    assert {"pending", "untriggered", "open", "partially_filled"} == LIVING


@pytest.mark.parametrize(("before", "after"), list(product(sorted(STEPS), repeat=2)))
def test_a_newer_statement_is_obeyed_exactly_if_its_step_is_in_the_table(before: Any, after: Any) -> None:
    done = D(1) if "partially_filled" in (before, after) else D(0)
    row = order(before, filled=D(0) if before == "open" else done)
    merged = merge(row, order(after, filled=row.filled if after == "open" else done, updated_at=200))
    wanted = "partially_filled" if after == "open" and merged.row.filled else after
    if wanted in STEPS[before]:
        assert (merged.outcome, merged.row.status) == ("same" if wanted == before else "changed", wanted)
    else:
        assert (merged.outcome, merged.row) == ("impossible", row)


@pytest.mark.parametrize(("final", "living"), list(product(sorted(FINAL), sorted(LIVING))))
def test_a_terminal_order_is_never_reopened(final: Any, living: Any) -> None:
    row = order(final)
    merged = merge(row, order(living, updated_at=999))
    assert (merged.outcome, merged.row) == ("impossible", row)


@pytest.mark.parametrize(("final", "living"), list(product(sorted(FINAL), sorted(LIVING))))
def test_an_older_snapshot_of_a_terminal_order_is_merely_stale(final: Any, living: Any) -> None:
    row = order(final, filled=D(3))
    assert merge(row, order(living, filled=D(0), updated_at=50)) == Merged("stale", row)


def test_a_final_statement_is_newer_than_any_living_row_whatever_the_clocks_say() -> None:
    assert fold(order(updated_at=200), order("canceled", updated_at=150)).row.status == "canceled"


def test_a_canceled_order_does_not_become_filled_even_when_all_of_it_is() -> None:
    row = order("canceled", filled=D(1))
    merged = merge(row, order("filled", filled=D(3), updated_at=200))
    assert (merged.outcome, merged.row) == ("impossible", row)


def test_filled_said_twice_in_a_race_with_a_cancel_is_the_same() -> None:
    first = order("filled", filled=D(3))
    assert merge(first, order("filled", filled=D(3), updated_at=101)).outcome == "same"


def test_filled_never_falls() -> None:
    row = order("partially_filled", filled=D(2))
    merged = merge(row, order("partially_filled", filled=D(1), updated_at=200))
    assert (merged.outcome, merged.row, merged.conflicts) == ("impossible", row, ("filled",))


def test_an_older_statement_still_raises_what_is_filled() -> None:
    merged = fold(order(updated_at=200), order(filled=D(1), average_price=D(7), updated_at=150))
    assert (merged.outcome, merged.news) == ("changed", True)
    assert merged.row == order("partially_filled", filled=D(1), average_price=D(7), updated_at=200)


def test_filled_may_rise_inside_a_final_state() -> None:
    merged = fold(order("canceled", filled=D(0)), order("canceled", filled=D(1), updated_at=200))
    assert (merged.outcome, merged.row.status, merged.row.filled) == ("changed", "canceled", D(1))


def test_an_older_statement_never_overwrites() -> None:
    row = order(price=D(10), updated_at=200)
    assert merge(row, order(price=D(9), updated_at=150)) == Merged("stale", row)


def test_an_older_statement_completes_what_is_unknown() -> None:
    row = order(updated_at=200)
    merged = merge(row, order(side="buy", type="limit", price=D(9), created_at=90, updated_at=150))
    assert merged.row == order(side="buy", type="limit", price=D(9), created_at=90, updated_at=200)
    assert (merged.outcome, merged.news) == ("changed", False)


def test_an_older_statement_does_not_lend_its_reason_or_average() -> None:
    row = order("canceled", filled=D(1), updated_at=200)
    assert merge(row, order(filled=D(0), average_price=D(5), reason="x", updated_at=150)).row == row


def test_the_version_decides_before_the_time() -> None:
    row = order(version=7, updated_at=200)
    assert merge(row, order("partially_filled", filled=D(1), version=8, updated_at=199)).outcome == "changed"
    assert merge(row, order(price=D(5), version=6, updated_at=300)).outcome == "changed"  # completes only
    assert (
        merge(order(price=D(4), version=7), order(price=D(5), version=6, updated_at=300)).outcome == "stale"
    )


def test_a_row_that_moved_on_without_a_version_forgets_the_old_one() -> None:
    """Otherwise a late event of a higher version would pass for news."""
    seen_by_rest = fold(order(version=7), order("partially_filled", filled=D(2), updated_at=200)).row
    assert (seen_by_rest.version, seen_by_rest.updated_at) == (None, 200)
    late = order("partially_filled", filled=D(1), version=8, updated_at=150)
    assert merge(seen_by_rest, late) == Merged("stale", seen_by_rest)


def test_a_statement_that_changes_nothing_leaves_the_version_in_force() -> None:
    assert fold(order(version=7), order(updated_at=100)).row.version == 7


@pytest.mark.parametrize(
    ("row", "fact", "outcome"),
    [
        (order(), order("partially_filled", filled=D(1)), "changed"),
        (order("partially_filled", filled=D(1)), order(), "stale"),
        (order("pending"), order("open"), "changed"),
        (order("open"), order("pending"), "stale"),
        (order("partially_filled", filled=D(1)), order("canceled", filled=D(1)), "changed"),
        (order("canceled", filled=D(1)), order("partially_filled", filled=D(1)), "stale"),
    ],
)
def test_within_one_millisecond_the_one_that_got_further_is_newer(row: Any, fact: Any, outcome: Any) -> None:
    assert merge(row, fact).outcome == outcome


def test_without_a_time_progress_decides() -> None:
    row = order(updated_at=None)
    assert merge(row, order("filled", filled=D(3), updated_at=None)).outcome == "changed"
    assert merge(order("open"), order("pending", updated_at=None)).outcome == "stale"


def test_an_amend_changes_price_quantity_and_name() -> None:
    merged = fold(
        order(price=D(10), client_order_id="a"),
        order(price=D(11), quantity=D(2), client_order_id="b", updated_at=200),
    )
    assert merged.outcome == "changed"
    assert merged.row == order(price=D(11), quantity=D(2), client_order_id="b", updated_at=200)


def test_an_amend_within_the_millisecond_counts_unless_it_answers_an_older_request() -> None:
    row, amended = order(price=D(10)), order(price=D(11))
    assert merge(row, amended).row.price == D(11)
    assert merge(row, amended, late=True) == Merged("stale", row)


def test_an_answer_to_an_older_request_that_agrees_is_the_same() -> None:
    for row in (order(price=D(10)), order("filled", filled=D(3))):
        assert merge(row, row, late=True) == Merged("same", row)


def test_an_answer_to_an_older_request_never_speaks_against_a_final_state() -> None:
    row = order("filled", filled=D(3))
    assert merge(row, order(updated_at=999), late=True) == Merged("stale", row)


def test_what_a_statement_does_not_mention_stays() -> None:
    row = order(price=D(10), reason="r")
    silent = OrderState("spot", "BTCUSDT", "1", "open", updated_at=200)
    assert merge(row, silent) == Merged("same", row)


@pytest.mark.parametrize(
    "change", [{"side": "sell"}, {"type": "market"}, {"time_in_force": "IOC"}, {"created_at": 91}]
)
def test_what_never_changes_stays_and_a_contradiction_is_said(change: Any) -> None:
    fixed = {"side": "buy", "type": "limit", "time_in_force": "GTC", "created_at": 90}
    merged = fold(order(**fixed), order("canceled", **(fixed | change), updated_at=200))
    assert (merged.outcome, merged.conflicts) == ("contradicted", tuple(change))
    assert merged.row == order("canceled", **fixed, updated_at=200)


def test_an_open_order_of_which_something_is_filled_is_partially_filled() -> None:
    assert fold(order(filled=D(1))).row.status == "partially_filled"
    assert fold(order(), order(filled=D(1), updated_at=200)).row.status == "partially_filled"


def test_to_complete_a_row_is_no_news() -> None:
    assert not fold(order(), order(side="buy", updated_at=200)).news
    assert fold(order(), order("canceled", updated_at=200)).news


@pytest.mark.parametrize("digits", ["0.00000783", "1e-19", "123456789012345678901234567890.5"])
def test_amounts_of_any_length_are_compared_exactly(digits: Any) -> None:
    amount = D(digits)
    more = amount + D(digits) if len(digits) < 20 else D("123456789012345678901234567890.6")
    row = order("partially_filled", filled=amount)
    assert merge(row, order("partially_filled", filled=more, updated_at=200)).outcome == "changed"
    assert merge(row, order("partially_filled", filled=D(digits), updated_at=200)).outcome == "same"
