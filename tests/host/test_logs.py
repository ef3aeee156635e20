"""What a log line looks like, and that no secret reaches one, whichever way it tries."""

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from core.records import Incident
from core.secrecy import MASK
from host.logs import Masker, configure, set_level

SECRET = "s3cr3t-of-the-house"


class Terminal(io.StringIO):
    """Standard error, with somebody who watches."""

    def isatty(self) -> bool:
        return True


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
    assert list(line)[:3] == ["timestamp", "level", "event"]


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


def test_a_traceback_on_a_terminal_does_not_show_what_the_variables_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret that is cut to fit a line is one that no mask finds."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    configure("info", None, Masker())

    def sign(key: str) -> None:
        raise ValueError(f"a key of {len(key)} characters")

    try:
        sign(SECRET)
    except ValueError:
        structlog.get_logger().exception("broke")
    structlog.reset_defaults()
    assert "in sign" in terminal.getvalue()
    assert SECRET[:5] not in terminal.getvalue()


@pytest.mark.parametrize(
    "secret", ['pass "quoted" phrase', "päss phrase", "back\\slash-phrase", "it's a phrase"]
)
def test_a_secret_that_is_quoted_on_its_way_into_a_line_is_masked(log_file: Path, secret: str) -> None:
    masker = Masker()
    masker.learn(secret)
    for text in (secret, repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert MASK in masker.text(text)
        assert "phrase" not in masker.text(text)


def test_what_is_quoted_in_a_traceback_is_masked_before_it_is_quoted_once_more(tmp_path: Path) -> None:
    secret, masker, path = 'a "quoted" päss\\phrase', Masker(), tmp_path / "vigil.log"
    masker.learn(secret)
    configure("info", path, masker)
    try:
        raise ValueError(repr(secret))
    except ValueError:
        structlog.get_logger().exception("broke")
    structlog.reset_defaults()
    assert "ValueError: '[masked]'" in path.read_text()
    assert "phrase'" not in path.read_text()


def test_of_a_key_of_many_lines_none_is_shown_but_its_frame() -> None:
    masker = Masker()
    masker.learn(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIA0123456789\n-----END PRIVATE KEY-----\n"
    )
    assert masker.text("line BCIEIA0123456789 of it") == "line [masked] of it"
    assert masker.text("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_of_a_secret_that_was_cut_to_fit_nothing_is_shown() -> None:
    """Answers and errors are cut after some hundred characters, wherever a secret stands in them."""
    masker = Masker()
    masker.learn("kJ8dF0sLq2-Xw7Zr1Tn6", "https://hooks.test/T0KEN", "Correct horse battery staple")
    assert masker.text("echo of kJ8dF0sLq2-Xw7Z") == "echo of [masked]"
    assert masker.text("kJ8dF0sLq2 (and more), kJ8dF0sLq2-Xw7Zr1Tn6") == "[masked] (and more), [masked]"
    assert masker.text("the Correct horse b") == "the [masked]"
    assert masker.text("https://host.test, a Correct horse, kJ8") == "https://host.test, a Correct horse, kJ8"


@pytest.mark.parametrize("secret", ["masked", MASK, MASK * 3])
def test_a_secret_that_reads_like_the_mask_ends_too(secret: str) -> None:
    masker = Masker()
    masker.learn(secret)
    assert masker.text(f"the {secret} man").startswith("the [")


def test_secrets_that_begin_alike_are_each_masked_to_their_ends() -> None:
    masker = Masker()
    masker.learn("live-account-key-AAAA", "live-account-key-BBBBBBBB")
    assert (
        masker.text("live-account-key-AAAA live-account-key-BBBBBB live-account-")
        == "[masked] [masked] [masked]"
    )


def test_what_many_threads_learn_at_once_is_all_masked() -> None:
    masker = Masker()
    told = [f"secret-{n:06}" for n in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(masker.learn, told))
    assert masker.text(" ".join(told)) == " ".join([MASK] * len(told))


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


def test_a_line_of_a_library_says_whose_it_is_and_ours_do_not(log_file: Path) -> None:
    structlog.get_logger().info("ours")
    logging.getLogger("some.library").warning("theirs")
    assert [line.get("logger") for line in lines(log_file)] == [None, "some.library"]


# ------------------------------------------------------------------- one event, one line

NASTY = ["two\nlines", "\r\n", "\x1b[2J\x1b[31mred", "a\u2028b\u0085c", "nul\x00", '"quoted"']


@pytest.mark.parametrize("value", [*NASTY, {"deep": NASTY}, NASTY, b"raw\nbytes", object()])
def test_an_event_is_one_line_of_json_whatever_stands_in_it(log_file: Path, value: object) -> None:
    structlog.get_logger().info("said", value=value)
    logging.getLogger("library").warning("%s", value)
    text = log_file.read_text()
    assert text.count("\n") == len(text.splitlines()) == 2
    assert lines(log_file)[0]["event"] == "said"
    if isinstance(value, str):
        assert lines(log_file)[0]["value"] == lines(log_file)[1]["event"] == value


def test_a_traceback_is_part_of_its_line(log_file: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        structlog.get_logger().error("broke", exc_info=error)
        logging.getLogger("library").exception("broke too")
    first, second = lines(log_file)
    assert "first\nsecond" in str(first["exception"])
    assert "Traceback" in str(second["exception"])


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    configure("info", None, Masker())
    yield screen
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()


@pytest.mark.parametrize("value", NASTY)
def test_nothing_moves_the_cursor_of_who_watches(terminal: Terminal, value: str) -> None:
    structlog.get_logger().info("said", value=value, deep=[value])
    logging.getLogger("library").warning("%s", value)
    first, second = terminal.getvalue().removesuffix("\n").split("\n")
    assert "said" in first
    assert first.isprintable()
    assert second.isprintable()


def test_a_terminal_is_shown_a_traceback_and_no_local_variable(terminal: Terminal) -> None:
    """A secret that nobody registered may be among them."""
    unregistered = "only-here-" + "x" * 20
    try:
        raise ValueError("\x1b[2J" + str(len(unregistered)))
    except ValueError as error:
        structlog.get_logger().error("broke", exc_info=error)
    shown = terminal.getvalue()
    assert "Traceback" in shown
    assert "ValueError" in shown
    assert all(line.isprintable() for line in shown.splitlines())
    assert "only-here-xxx" not in shown


def test_a_terminal_is_coloured_unless_its_owner_wants_none(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    structlog.get_logger().info("plain")
    assert "\x1b[" not in terminal.getvalue()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr("sys.stderr", terminal)  # pytest has put its own there meanwhile
    configure("info", None, Masker())
    structlog.get_logger().info("coloured")
    assert "\x1b[" in terminal.getvalue()


def test_nobody_in_front_of_it_means_json(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    configure("info", None, Masker())
    structlog.get_logger().info("said", at=1)
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()
    line = json.loads(pipe.getvalue())
    assert (line["event"], line["at"]) == ("said", 1)


# ------------------------------------------------------------------------------ rotation


def test_a_full_file_is_put_aside_between_two_lines_and_the_oldest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.logs._LARGEST", 2_000)
    monkeypatch.setattr("host.logs._KEPT", 2)
    path = tmp_path / "vigil.log"
    configure("info", path, Masker())
    for number in range(200):
        structlog.get_logger().info("said", number=number)
    for handler in logging.getLogger().handlers[:]:
        logging.getLogger().removeHandler(handler)
        handler.close()
    structlog.reset_defaults()
    kept = [path.with_name("vigil.log.2"), path.with_name("vigil.log.1"), path]
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    assert all(0 < file.stat().st_size <= 2_000 for file in kept)
    numbers = [line["number"] for file in kept for line in lines(file)]
    assert numbers == list(range(200))[-len(numbers) :], "in order, and none of the newest is missing"
