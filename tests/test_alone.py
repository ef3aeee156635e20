"""Who is judged by themselves after a run of the whole suite, and who is not."""

import pytest

from tests.support.alone import ALONE, MOST, may_be_judged_alone, pass_alone

STORY = "tests/end_to_end/test_b05_quiet_account.py::test_an_idle_account"
RULE = "tests/core/test_backoff.py::test_it_doubles"


def test_a_story_of_real_time_is_told_once_more_by_itself() -> None:
    assert may_be_judged_alone([STORY])


def test_a_rule_without_a_clock_has_no_excuse() -> None:
    assert not may_be_judged_alone([STORY, RULE])


def test_more_failures_than_a_bad_moment_explains_are_failures() -> None:
    assert not may_be_judged_alone([f"{STORY}[{number}]" for number in range(MOST + 1)])
    assert not may_be_judged_alone([])


def test_what_fails_by_itself_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALONE, raising=False)
    assert not pass_alone(["tests/test_alone.py::test_that_is_nowhere"])
    assert pass_alone(["tests/test_alone.py::test_a_rule_without_a_clock_has_no_excuse"])


def test_what_is_judged_by_itself_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALONE, "1")
    assert not pass_alone(["tests/test_alone.py::test_a_rule_without_a_clock_has_no_excuse"])
