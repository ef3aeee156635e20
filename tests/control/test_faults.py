"""`faults` and `fault`: what may be broken at the sandbox, and that nothing else ever is."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from control.cli import Offline, command_line
from core.errors import VigilError
from core.faults import CHOICES
from core.messages import Faulted
from core.status import AccountStatus, ChildStatus
from tests.control.kit import SNAPSHOT, Served, serve


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """`main` is at a real exchange, `demo` at the sandbox."""
    (tmp_path / "data").mkdir()
    with serve(tmp_path / "data" / "control.sock") as served:
        demo = AccountStatus("demo", "bybit", "live", since=0, sandbox=True)
        stream = ChildStatus("demo/connection", "demo.stream", "running", 1, 0)
        served.snapshot = msgspec.structs.replace(
            SNAPSHOT, accounts=(*SNAPSHOT.accounts, demo), children=(*SNAPSHOT.children, stream)
        )
        yield served


def typed(served: Served, *words: str) -> tuple[int, str]:
    """What a person who types this sees, and the exit code."""
    settings = served.path.parent.parent / "settings.toml"
    settings.write_text("")
    offline = Offline(run=lambda _path: 0, check=lambda _path: 0)
    said = CliRunner().invoke(command_line(settings, offline), list(words), prog_name="supervisor.py")
    return said.exit_code, said.output


def test_the_choices_are_listed_as_they_stand_in_the_table(served: Served) -> None:
    code, text = typed(served, "faults", "--json")
    rows = json.loads(text)
    assert (code, [row["kind"] for row in rows]) == (0, list(CHOICES))
    assert rows == served.ask("faults")["result"]
    assert all(row.keys() == {"kind", "label", "text", "mends"} for row in rows)
    assert [row["kind"] for row in rows if row["mends"]] == ["mend"]


@pytest.mark.parametrize("kind", CHOICES)
def test_a_fault_is_asked_of_the_sandbox_and_recorded_with_who_wanted_it(served: Served, kind: str) -> None:
    code, text = typed(served, "fault", "demo", kind)
    assert (code, text) == (0, f"fault demo {kind}: done; `status` shows what comes of it\n")
    assert [fault["kind"] for fault in served.disturbed] == [deed.kind for deed in CHOICES[kind].deeds]
    assert {fault["exchange"] for fault in served.disturbed} == {"bybit"}
    assert served.told == [Faulted("demo", kind, "control")]


def test_anything_of_an_account_means_the_account(served: Served) -> None:
    answer = served.ask("fault", target="demo/connection", kind="mute")
    assert answer["result"] == {"accepted": "fault", "target": "demo", "kind": "mute"}
    assert served.disturbed == [{"kind": "mute", "exchange": "bybit", "account": "demo"}]


@pytest.mark.parametrize("target", ["main", "main/connection", "core", "core/control"])
def test_nothing_is_broken_of_what_is_not_at_the_sandbox(served: Served, target: str) -> None:
    code, text = typed(served, "fault", target, "cut")
    assert code == 2
    assert (
        f"only accounts of the built-in sandbox can be broken, and {target!r} is none; there is: demo" in text
    )
    assert (served.disturbed, served.told) == ([], [])


def test_where_nobody_plays_at_the_sandbox_the_refusal_says_so(served: Served) -> None:
    served.snapshot = SNAPSHOT
    assert served.ask("fault", target="main", kind="cut")["error"]["message"].endswith("there is: none")


def test_a_word_that_is_none_is_refused_with_the_nearest_and_all_there_are(served: Served) -> None:
    code, text = typed(served, "fault", "demo", "stream-dwn")
    assert code == 2
    assert "nothing is called 'stream-dwn'; did you mean 'stream-down'?" in text
    assert all(kind in text for kind in CHOICES)
    assert (served.disturbed, served.told) == ([], [])


def test_an_account_that_is_none_is_refused_with_the_nearest(served: Served) -> None:
    code, text = typed(served, "fault", "dmo", "cut")
    assert (code, "did you mean 'demo'?" in text) == (2, True)


def test_the_help_names_every_choice(served: Served) -> None:
    code, text = typed(served, "fault", "--help")
    assert code == 0
    assert all(f"{kind}:" in text for kind in CHOICES)


def test_a_sandbox_that_does_not_obey_is_bad_news_and_nothing_is_recorded(served: Served) -> None:
    served.refusal = VigilError("the sandbox does not do drop: timed out")
    code, text = typed(served, "fault", "demo", "cut")
    assert (code, "fault: the sandbox does not do drop: timed out" in text) == (1, True)
    assert served.told == []
