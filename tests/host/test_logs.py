"""No secret reaches a log, whichever way it tries."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from core.records import Incident
from core.secrecy import MASK
from host.logs import Masker, configure, set_level

SECRET = "s3cr3t-of-the-house"


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    masker = Masker()
    masker.learn(SECRET)
    path = tmp_path / "vigil.log"
    configure("info", path, masker)
    yield path
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_json_object_with_event_level_and_time(log_file: Path) -> None:
    structlog.get_logger().info("stream_live", account="main", gen=3)
    (line,) = lines(log_file)
    assert (line["event"], line["level"], line["account"], line["gen"]) == ("stream_live", "info", "main", 3)
    assert str(line["timestamp"]).endswith("Z")


def test_a_secret_in_a_field_is_masked(log_file: Path) -> None:
    structlog.get_logger().info("asked", url=f"https://x/?key={SECRET}", parts=[SECRET], deep={"a": SECRET})
    assert SECRET not in log_file.read_text()
    assert lines(log_file)[0]["parts"] == [MASK]


def test_a_secret_in_a_traceback_is_masked(log_file: Path) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        structlog.get_logger().exception("broke")
    assert "ValueError" in log_file.read_text()
    assert SECRET not in log_file.read_text()


def test_a_library_that_logs_a_secret_is_masked_too(log_file: Path) -> None:
    logging.getLogger("some.library").warning("sent %s", SECRET)
    assert SECRET not in log_file.read_text()
    assert MASK in log_file.read_text()


def test_a_level_below_the_wanted_one_is_not_written(log_file: Path) -> None:
    structlog.get_logger().debug("whisper")
    structlog.get_logger().info("said")
    assert [line["event"] for line in lines(log_file)] == ["said"]


def test_a_short_text_is_not_taken_for_a_secret() -> None:
    masker = Masker()
    masker.learn("main", None, "")
    assert masker.text("main account") == "main account"


def test_the_longer_of_two_overlapping_secrets_is_masked_whole() -> None:
    masker = Masker()
    masker.learn("abcdef", "abcdefghij")
    assert masker.text("abcdefghij") == MASK


def test_no_record_that_is_stored_holds_a_secret() -> None:
    masker = Masker()
    masker.learn("abcdefghij")
    said = Incident(1, "main:comparison", "comparison_failed", "warning", "key abcdefghij is odd", "main")
    clean = masker.record(said)
    assert isinstance(clean, Incident)
    assert clean.text == f"key {MASK} is odd"
    assert (clean.at, clean.account, clean.resolved) == (1, "main", False)


def test_another_level_counts_at_once_for_who_has_a_logger_already(log_file: Path) -> None:
    log, library = structlog.get_logger(), logging.getLogger("library")
    log.debug("unheard")
    set_level("debug")
    log.debug("heard")
    library.debug("heard too")
    set_level("warning")
    log.info("unheard again")
    assert [line["event"] for line in lines(log_file)] == ["heard", "heard too"]
