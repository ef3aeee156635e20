"""S1: all specs are validated before anything starts, and every problem is listed."""

import math
from typing import Any

import pytest

from core.errors import InvalidTree
from core.supervision import new
from core.tree import ChildSpec, GroupSpec, problems
from tests.supervision.kit import CORE, poller, stream, tree


def group(**changes: Any) -> GroupSpec:
    return GroupSpec(**{"id": "main.stream", "children": (ChildSpec("main/connection"),), **changes})


def child(**changes: Any) -> GroupSpec:
    return group(children=(ChildSpec(**{"id": "main/connection", **changes}),))


def test_the_tree_of_the_daemon_has_no_problems() -> None:
    assert problems(tree("main", "alt")) == ()


def test_a_faulty_tree_is_refused_as_a_whole_with_every_problem() -> None:
    with pytest.raises(InvalidTree) as refusal:
        new([group(trip=0, base=0), group(children=())], seed=1)
    named = "\n".join(refusal.value.problems)
    for word in ("trip", "base", "2 times", "no children"):
        assert word in named
    assert len(refusal.value.problems) == 4
    assert "trip" in str(refusal.value)


def test_one_child_id_in_two_groups_is_refused() -> None:
    twice = [poller("main"), GroupSpec("other", (ChildSpec("main/poller"),))]
    assert problems(twice) == ("child 'main/poller' is there 2 times",)


def test_one_group_id_twice_is_refused() -> None:
    assert "group 'main.stream' is there 2 times" in problems([stream("main"), stream("main")])


@pytest.mark.parametrize("name", ["base", "cap", "open", "open_cap", "stable"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_group_with_a_nonsensical_duration_is_refused(name: str, value: float) -> None:
    assert any(name in problem and "main.stream" in problem for problem in problems([group(**{name: value})]))


@pytest.mark.parametrize("name", ["start_timeout", "stop_timeout", "ping_every"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_child_with_a_nonsensical_duration_is_refused(name: str, value: float) -> None:
    assert any(
        name in problem and "main/connection" in problem for problem in problems([child(**{name: value})])
    )


def test_durations_may_be_small() -> None:
    assert problems([group(base=0.1, cap=1, open=1, open_cap=1, stable=1)]) == ()
    assert problems([child(start_timeout=1, stop_timeout=1, ping_every=0.001, ping_misses=1)]) == ()


@pytest.mark.parametrize(
    ("faulty", "word"),
    [
        (group(base=2, cap=1), "less than base"),
        (group(open=40, open_cap=39), "less than open"),
        (group(trip=0), "trip"),
        (child(ping_misses=0), "ping_misses"),
        (child(id=""), "a child has no id"),
        (group(id=""), "a group has no id"),
        (group(strategy="one_for_one", never_trips=frozenset({"who"})), "'who'"),
        (group(never_trips=frozenset({"main/connection"})), "one_for_one"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(faulty: GroupSpec, word: str) -> None:
    (problem,) = problems([faulty])
    assert word in problem


def test_equal_limits_contradict_nothing() -> None:
    assert problems([group(base=1, cap=1, open=1, open_cap=1, trip=1)]) == ()


def test_nothing_starts_before_the_first_step() -> None:
    state = new([CORE], seed=1)
    assert {child.phase for child in state.children.values()} == {"down"}
