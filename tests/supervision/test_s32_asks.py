"""S32: every ask has a timeout, and nobody asks the supervisor, or upwards."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("actors", "control", "core", "exchanges", "host", "models", "transport", "web")
FILES = [ROOT / "supervisor.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]

FORBIDDEN = {"sleep", "join", "ask", "wait", "acquire", "result"}
"""Calls by which a thread waits for another one."""


def calls(source: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


def bad_asks(source: str) -> list[str]:
    """Every ask without a timeout, or of something called supervisor."""
    asks = [
        call
        for call in calls(source)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "ask" and len(call.args) == 1
    ]  # pykka's ask takes the message alone
    return [
        ast.unparse(call)
        for call in asks
        if not any(keyword.arg == "timeout" for keyword in call.keywords)
        or any(ast.unparse(k.value) == "None" for k in call.keywords if k.arg == "timeout")
        or "supervisor" in ast.unparse(call.func)
    ]


def waits(source: str) -> list[str]:
    """Every call by which the supervisor would wait."""
    return [
        ast.unparse(call)
        for call in calls(source)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in FORBIDDEN
        and not isinstance(call.func.value, ast.Constant)  # ", ".join joins no thread
    ]


def test_every_ask_has_a_timeout_and_none_is_of_the_supervisor() -> None:
    assert {str(path): found for path in FILES if (found := bad_asks(path.read_text()))} == {}


@pytest.mark.parametrize("name", ["supervisor.py", "host/accounts.py", "host/children.py"])
def test_the_supervisor_waits_for_nobody(name: str) -> None:
    """S13: the one wait is that of its own mailbox."""
    source = (ROOT / name).read_text()
    begin = source.index("class ")
    end = source.find("\ndef main", begin)
    assert waits(source[begin : end if end > 0 else None]) == []


@pytest.mark.parametrize(
    "source",
    [
        "ref.ask(1)",
        "ref.ask(1, timeout=None)",
        "self.context.supervisor.ask(1, timeout=3)",
        "ref.ask(1, block=False)",
    ],
)
def test_the_eye_sees_a_bad_ask(source: str) -> None:
    assert bad_asks(source)


@pytest.mark.parametrize(
    "source", ["time.sleep(1)", "thread.join()", "ref.ask(1, timeout=2)", "event.wait(1)"]
)
def test_the_eye_sees_a_wait(source: str) -> None:
    assert waits(source)


def test_the_eye_lets_good_calls_pass() -> None:
    assert not bad_asks("ref.ask(1, timeout=2)\nref.tell(1)")
    assert not waits("', '.join(names)\nmailbox.get(1)")
