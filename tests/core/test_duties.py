"""When a duty is overdue: within two periods, and never for what is merely on its way."""

from typing import Any, get_args

import pytest

from core.account import SEEING, UNWATCHED
from core.duties import OVERDUE, overdue
from core.incidents import Duty
from core.status import AccountState

NOW = 100_000.0
STATES: list[Any] = list(get_args(AccountState))


def judged(age: float | None, period: float, *, state: Any = "live", duty: Duty = "listen_key") -> bool:
    duties: dict[Duty, float] = {} if age is None else {duty: NOW - age}
    return duty in overdue(state, duties, {duty: period}, NOW)


@pytest.mark.parametrize("period", [2.0, 20.0, 1200.0, 86_400.0])
def test_a_duty_that_froze_is_found_before_two_periods_are_over(period: float) -> None:
    assert judged(2 * period, period)
    assert judged(1.8 * period, period)


@pytest.mark.parametrize("period", [0.1, 1.0, 2.0, 20.0, 1200.0])
def test_the_spread_of_a_renewal_and_a_late_look_are_no_alarm(period: float) -> None:
    assert not judged(1.1 * period + period / 4, period)
    assert not judged(period + 0.5, period)


@pytest.mark.parametrize("state", STATES)
def test_duties_of_the_stream_count_while_there_is_one(state: Any) -> None:
    assert judged(1000, 20, state=state, duty="heartbeat") == (state in SEEING)


@pytest.mark.parametrize("state", STATES)
def test_the_permissions_count_as_long_as_anything_is_asked(state: Any) -> None:
    assert judged(1e6, 86_400, state=state, duty="permissions") == (state not in UNWATCHED)


def test_what_has_not_succeeded_yet_is_not_judged_nor_what_has_no_period() -> None:
    assert not judged(None, 20)
    assert overdue("live", {"heartbeat": 0.0}, {}, NOW) == {}


@pytest.mark.parametrize("duty", ["heartbeat", "listen_key", "rotation", "permissions"])
def test_the_text_says_what_did_not_happen_and_for_how_long(duty: Duty) -> None:
    (text,) = overdue("live", {duty: 0.0}, {duty: 20.0}, NOW).values()
    assert text.startswith(OVERDUE)
    assert text.endswith("for 100000 s")
