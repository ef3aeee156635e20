"""What of the daemon's own life is logged and recorded."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from core.account import Entered
from core.messages import Acknowledge, Faulted, Operate
from core.records import Acknowledged, ActorEvent, ConnectionState, Record, Remember
from core.supervision_events import Noted
from host.chronicle import ALARMING, Chronicle
from tests.support.clock import START_WALL_MS, ManualClock


def chronicle() -> tuple[Chronicle, list[Record]]:
    records: list[Record] = []
    return Chronicle(ManualClock(), "boot", records.append), records


def test_a_transition_is_logged_and_recorded_with_the_same_words() -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.noted(Noted("main/poller", 3, "became_ready"))
    assert logged == [
        {"event": "became_ready", "child": "main/poller", "gen": 3, "detail": None, "log_level": "info"}
    ]
    assert records == [ActorEvent(START_WALL_MS, "boot", "main/poller", 3, "became_ready", None)]


@pytest.mark.parametrize("event", sorted(ALARMING))
def test_what_somebody_should_look_at_is_a_warning(event: str) -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.noted(Noted("main/poller", 1, event, "why"))  # type: ignore[arg-type]
    assert [line["log_level"] for line in logged] == ["warning"]
    assert records == [ActorEvent(START_WALL_MS, "boot", "main/poller", 1, event, "why")]


def test_a_state_of_an_account_is_recorded_with_where_it_came_from_and_why() -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.entered("main", Entered("live", "backoff", "link: reset by peer"))
    assert records == [ConnectionState(START_WALL_MS, "main", "backoff", "live", "link: reset by peer")]
    assert (logged[0]["event"], logged[0]["account"], logged[0]["state"]) == (
        "account_state",
        "main",
        "backoff",
    )


def test_a_refused_command_is_a_warning_and_leaves_a_record() -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.refused(Operate("restart", "mian"), "did you mean 'main'?")
    assert logged[0]["log_level"] == "warning"
    detail = "restart mian: did you mean 'main'?"
    assert records == [ActorEvent(START_WALL_MS, "boot", "daemon", 0, "command_refused", detail)]


@pytest.mark.parametrize("by", ["control", "web"])
def test_a_command_that_is_carried_out_is_recorded_with_where_it_came_in(by: Any) -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.taken(Operate("restart", "main", by))
    assert [(line["event"], line["by"]) for line in logged] == [("command_taken", by)]
    detail = f"restart main, by {by}"
    assert records == [ActorEvent(START_WALL_MS, "boot", "daemon", 0, "command_taken", detail)]


def test_an_incident_that_somebody_has_seen_is_recorded_and_so_is_where() -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.acknowledged(Acknowledge(7, "web"))
    assert [line["event"] for line in logged] == ["command_taken"]
    assert records == [
        ActorEvent(START_WALL_MS, "boot", "daemon", 0, "command_taken", "acknowledge 7, by web"),
        Acknowledged(START_WALL_MS, 7),
    ]


def test_what_the_next_daemon_must_know_is_recorded() -> None:
    said, records = chronicle()
    said.remembered("paused:main", "1")
    said.remembered("paused:main", None)
    assert records == [
        Remember(START_WALL_MS, "paused:main", "1"),
        Remember(START_WALL_MS, "paused:main", None),
    ]


def test_what_a_person_broke_at_the_sandbox_is_recorded_like_any_command() -> None:
    said, records = chronicle()
    with capture_logs() as logged:
        said.faulted(Faulted("demo", "stream-down", "web"))
    (line,) = logged
    assert (line["event"], line["action"], line["target"]) == ("command_taken", "fault", "demo stream-down")
    told = "fault demo stream-down, by web"
    assert records == [ActorEvent(START_WALL_MS, "boot", "daemon", 0, "command_taken", told)]
