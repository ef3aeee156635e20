"""The command line as a process of its own, against a daemon that is another one."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.control.kit import STATUS, WAIT

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tests.control.fake_supervisor"]


@contextmanager
def daemon(home: Path, *mood: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon whose settings file is `home`/settings.toml."""
    (home / "settings.toml").write_text("")
    (home / "data").mkdir()
    words = [sys.executable, "-m", "tests.control.fake_daemon", str(home / "data" / "control.sock"), *mood]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "listening\n"
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where one daemon lives that many questions leave as it was."""
    place = tmp_path_factory.mktemp("home")
    with daemon(place):
        yield place


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "--settings", str(home / "settings.toml"), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def run(home: Path, *words: str) -> tuple[int, str, str]:
    with start(home, *words) as process:
        out, err = process.communicate(timeout=WAIT)
    return process.returncode, out, err


def test_a_question_and_its_exit_code(home: Path) -> None:
    code, out, err = run(home, "status", "--json")
    assert (code, json.loads(out), err) == (0, STATUS, "")


def test_bad_news_is_1(tmp_path: Path) -> None:
    with daemon(tmp_path, "degraded"):
        assert run(tmp_path, "health")[0] == 1


def test_stop_returns_when_the_process_has_ended_and_then_nobody_is_there(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        assert run(tmp_path, "stop") == (0, "stopped\n", "")
        assert process.wait(WAIT) == 0
        assert run(tmp_path, "status")[0] == 3


def test_a_killed_daemon_is_not_running_although_its_socket_is_left(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        process.kill()
        process.wait(WAIT)
        assert (tmp_path / "data" / "control.sock").is_socket()
        assert run(tmp_path, "status")[0] == 3


def test_without_a_word_the_process_is_the_daemon(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("")
    code, out, _err = run(tmp_path)
    assert (code, out) == (70, f"running with {tmp_path}/settings.toml\n")


def test_a_reader_who_has_seen_enough_is_no_error(home: Path) -> None:
    with start(home, "fills", "--json", "--limit", "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(WAIT) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_tail_that_is_interrupted_ends_quietly_with_130(home: Path, form: list[str]) -> None:
    with start(home, "tail", "--after", "0", *form) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it follows
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, err) == (130, "")
    assert "Abort" not in out


def test_a_tail_whose_daemon_ends_says_how_to_go_on(tmp_path: Path) -> None:
    with daemon(tmp_path) as process, start(tmp_path, "tail", "--after", "0", "--json") as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        row = json.loads(tail.stdout.readline())
        process.kill()
        assert tail.wait(WAIT) == 1
        assert f"after seq {row['seq']}: go on with --after {row['seq']}" in tail.stderr.read()


def test_a_client_word_imports_nothing_slow(home: Path) -> None:
    """It would cost every question more than the question does."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from control.cli import Offline, command_line\n"
        "line = command_line(Path(sys.argv[1]), Offline(run=exit, check=exit))\n"
        "code = line.main(['status', '--json'], standalone_mode=False)\n"
        "heavy = 'peewee pydantic pykka rich msgspec structlog requests asyncio models actors host'.split()\n"
        "print([name for name in heavy if name in sys.modules], code)\n"
    )
    words = [sys.executable, "-c", script, str(home / "settings.toml")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=WAIT, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"
