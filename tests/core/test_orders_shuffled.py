"""Whatever the order of arrival and however often it comes: the same order in the end."""

from decimal import Decimal as D
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.facts import OrderState
from core.merge import Merged
from core.orders import FINAL, RANK, merge

FIXED: dict[str, Any] = {"side": "buy", "type": "limit", "time_in_force": "GTC", "created_at": 10}


@st.composite
def lives(draw: Any) -> list[OrderState]:
    """What truly happened to one order, oldest first: the stream's statements."""
    quantity = draw(st.integers(1, 5))
    now, version, filled = 10, 1, 0
    states = draw(st.sampled_from([["open"], ["pending", "open"], ["untriggered", "open"]]))
    told: list[OrderState] = []
    for status in states:
        told.append(_statement(status, now, version, filled, quantity))
        now += draw(st.integers(0, 2))
        version += 1
    while filled < quantity and draw(st.booleans()):
        filled += 1
        told.append(_statement("partially_filled", now, version, filled, quantity))
        now += draw(st.integers(0, 2))
        version += 1
    ending = "filled" if filled == quantity else draw(st.sampled_from(["canceled", "expired", None]))
    if ending:
        told.append(_statement(ending, now, version, filled, quantity))
    return told


def _statement(status: Any, now: Any, version: Any, filled: Any, quantity: Any) -> OrderState:
    return OrderState(
        "spot", "BTCUSDT", "1", status, price=D(7), quantity=D(quantity), filled=D(filled),
        updated_at=now, version=version, **FIXED,
    )  # fmt: skip


def _by_rest(statement: OrderState) -> OrderState:
    """The same moment as REST tells it: without the stream's version."""
    return OrderState(
        **{**{name: getattr(statement, name) for name in statement.__struct_fields__}, "version": None}
    )


def _visible(row: OrderState) -> dict:
    return {name: getattr(row, name) for name in row.__struct_fields__ if name != "version"}


def _fold(statements: Any) -> list[Merged[OrderState]]:
    row, told = None, []
    for statement in statements:
        merged = merge(row, statement)
        row = merged.row
        told.append(merged)
    return told


@given(lives(), st.data())
def test_any_mixture_of_stream_and_rest_ends_where_the_truth_ended(life: Any, data: st.DataObject) -> None:
    heard = life + [_by_rest(one) for one in data.draw(st.lists(st.sampled_from(life)))]
    heard += data.draw(st.lists(st.sampled_from(heard)))
    told = _fold(data.draw(st.permutations(heard)))
    assert _visible(told[-1].row) == _visible(life[-1])
    assert {merged.outcome for merged in told} <= {"new", "changed", "same", "stale"}


@given(lives(), st.data())
def test_whatever_arrives_filled_never_falls_and_a_final_state_is_never_left(
    life: Any, data: st.DataObject
) -> None:
    """Statements out of several lives contradict each other; these two rules hold even so."""
    others = data.draw(lives())
    rows = [merged.row for merged in _fold(data.draw(st.permutations(life + others)))]
    for before, after in pairwise(rows):
        assert (after.filled or 0) >= (before.filled or 0)
        assert after.status == before.status or before.status not in FINAL
        assert RANK[after.status] >= RANK[before.status]
