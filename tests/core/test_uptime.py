"""How much of its time an account was live or blind, added up state by state."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.account import SEEING
from core.records import ConnectionState
from core.uptime import DAY_MS, WITHOUT_A_WORD, Tally, Uptime, abandoned, follow, is_broken, uptime

MINUTE = 60_000


def entered(at: int, previous: str, state: str, cause: str = "") -> ConnectionState:
    return ConnectionState(at, "main", state, previous, cause)


def told(*states: ConnectionState) -> Tally:
    tally = None
    for one in states:
        tally = follow(tally, one)
    assert tally is not None
    return tally


LIVE = (
    entered(0, "starting", "connecting"),
    entered(MINUTE, "connecting", "reconciling"),
    entered(2 * MINUTE, "reconciling", "live"),
)


def test_up_is_live_and_blind_is_without_an_acknowledged_stream() -> None:
    assert uptime(told(*LIVE), 10 * MINUTE) == Uptime(80.0, 80.0, blind_s=60.0, gaps=0, last_cause=None)


@pytest.mark.parametrize(
    ("state", "blind"),
    [("reconciling", 60), ("stale", 60), ("polling", 120), ("held", 120), ("paused", 120), ("stopped", 120)],
)
def test_a_state_is_blind_or_it_is_not(state: str, blind: int) -> None:
    tally = told(*LIVE, entered(9 * MINUTE, "live", state))
    assert uptime(tally, 10 * MINUTE).blind_s == blind
    assert uptime(tally, 10 * MINUTE).uptime_pct == 70.0


def test_a_gap_begins_whenever_an_account_that_saw_becomes_blind_and_the_last_cause_is_told() -> None:
    tally = told(
        *LIVE,
        entered(3 * MINUTE, "live", "stale", "an audit is overdue"),
        entered(4 * MINUTE, "stale", "backoff", "the peer was silent"),
        entered(5 * MINUTE, "backoff", "polling", "a poll completed"),
        entered(6 * MINUTE, "polling", "connecting"),
        entered(7 * MINUTE, "connecting", "reconciling"),
        entered(8 * MINUTE, "reconciling", "connecting", "stream generation 3 starts"),
    )
    assert (tally.gaps, tally.last_cause) == (2, "stream generation 3 starts")


def test_a_daemon_that_was_stopped_in_order_says_so_itself() -> None:
    tally = told(*LIVE, entered(5 * MINUTE, "live", "stopped", "the daemon stops"))
    assert (tally.gaps, tally.last_cause) == (1, "the daemon stops")
    tally = follow(tally, entered(9 * MINUTE, "starting", "connecting"), alive_at=8 * MINUTE)
    assert (tally.gaps, tally.last_cause, tally.blind_ms) == (1, "the daemon stops", 5 * MINUTE)


def test_a_daemon_that_was_killed_was_alive_until_its_last_sign_of_life() -> None:
    again = entered(10 * MINUTE, "starting", "connecting")
    tally = told(*LIVE)
    assert is_broken(tally, again)
    tally = follow(tally, again, alive_at=6 * MINUTE)
    assert (tally.live_ms, tally.blind_ms) == (4 * MINUTE, 5 * MINUTE)
    assert (tally.gaps, tally.last_cause) == (1, WITHOUT_A_WORD)


@pytest.mark.parametrize(("alive_at", "live"), [(None, 0), (MINUTE, 0), (99 * MINUTE, 8)])
def test_without_a_sign_of_life_the_state_itself_is_the_last_one(alive_at: int | None, live: int) -> None:
    tally = follow(told(*LIVE), entered(10 * MINUTE, "starting", "connecting"), alive_at)
    assert tally.live_ms == live * MINUTE


def test_of_an_account_that_the_present_daemon_does_not_serve_the_time_is_blind() -> None:
    tally = abandoned(told(*LIVE), 3 * MINUTE, 10 * MINUTE)
    assert uptime(tally, 10 * MINUTE) == Uptime(10.0, 10.0, 480.0, 1, WITHOUT_A_WORD)


def test_the_last_day_is_judged_by_itself() -> None:
    tally = told(
        entered(0, "reconciling", "live"),
        entered(DAY_MS, "live", "backoff"),
        entered(DAY_MS + DAY_MS // 2, "reconciling", "live"),
    )
    found = uptime(tally, 2 * DAY_MS)
    assert (found.uptime_pct, found.uptime_24h_pct) == (75.0, 50.0)
    assert uptime(tally, 10 * DAY_MS).uptime_24h_pct == 100.0
    assert len(tally.lately) == 1, "older spans are forgotten"


def test_where_no_time_has_passed_there_is_no_share() -> None:
    assert uptime(told(entered(5, "starting", "connecting")), 5) == Uptime(None, None, 0.0, 0, None)


def test_a_clock_that_was_set_back_makes_no_time_negative() -> None:
    tally = told(*LIVE, entered(MINUTE, "live", "backoff"), entered(0, "backoff", "connecting"))
    assert uptime(tally, 0) == Uptime(0.0, 0.0, 60.0, 1, "")


# --------------------------------------------------------- against a minute-by-minute record


class Lived(NamedTuple):
    """A state that lasted so many minutes; `killed` minutes after it the next daemon began."""

    state: str
    minutes: int
    killed: int | None


STATES = st.sampled_from(
    ["connecting", "reconciling", "live", "stale", "backoff", "polling", "held", "paused"]
)
LIVES = st.lists(
    st.builds(Lived, STATES, st.integers(0, 2000), st.one_of(st.none(), st.integers(0, 500))),
    min_size=1,
    max_size=15,
)


def record(lives: list[Lived]) -> list[str]:
    """The state of each minute."""
    return [state for one in lives for state in [one.state] * one.minutes + ["down"] * (one.killed or 0)]


def tallied(lives: list[Lived]) -> Tally:
    tally, at, previous, alive_at = None, 0, "starting", None
    for one in lives:
        state = entered(at * MINUTE, previous, one.state, "")
        tally = follow(tally, state, alive_at)
        at += one.minutes
        previous, alive_at = one.state, None
        if one.killed is not None:
            alive_at = at * MINUTE
            at += one.killed
            previous = "starting"
    assert tally is not None
    return tally if lives[-1].killed is None else abandoned(tally, alive_at, at * MINUTE)


@given(LIVES)
def test_the_sums_are_those_of_the_record(lives: list[Lived]) -> None:
    minutes = record(lives)
    found = uptime(tallied(lives), len(minutes) * MINUTE)
    assert found.blind_s == 60 * sum(state not in SEEING for state in minutes)
    day = minutes[-1440:]
    for share, whole in ((found.uptime_pct, minutes), (found.uptime_24h_pct, day)):
        assert share == (round(100 * whole.count("live") / len(whole), 3) if whole else None)


@given(LIVES, st.integers(0, 5000))
def test_no_share_is_beyond_its_whole_and_no_time_runs_backwards(lives: list[Lived], later: int) -> None:
    tally = tallied(lives)
    now = tally.at + later * MINUTE
    found = uptime(tally, now)
    for share in (found.uptime_pct, found.uptime_24h_pct):
        assert share is None or 0 <= share <= 100
    assert 0 <= (found.blind_s or 0) * 1000 <= now - tally.first_seen
    assert 0 <= (found.gaps or 0) <= len(lives)
    assert (found.last_cause is None) == (found.gaps == 0)
