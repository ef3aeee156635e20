"""The vocabulary: what exists, what a caller may write, and how mistakes are answered."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from control.cli import Offline, command_line
from control.words import WORDS, Mistake, UnknownWord, find, hint, quoted, read_arguments
from core.faults import CHOICES

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "control.md"


def test_what_is_offered_is_what_exists_and_nothing_more() -> None:
    reading = "status health accounts actors orders fills balances positions cash history incidents coverage fees prices trades faults"
    operating = (
        "reconcile restart reset pause resume reload acknowledge alerts fault stop buy sell cancel halt retry"
    )
    assert set(WORDS) == {*reading.split(), *operating.split(), "audit", "tail", "version"}
    assert {name for name, word in WORDS.items() if word.kind == "operate"} == set(operating.split())


def test_the_documentation_names_every_word_and_every_parameter() -> None:
    text = DOCUMENTATION.read_text()
    for word in WORDS.values():
        row = re.search(rf"^\| `{word.name}` \|.*$", text, re.MULTILINE)
        assert row, word.name
        for param in word.params:
            assert f"`{param.name}`" in row[0], (word.name, param.name)


def test_the_documentation_names_no_word_that_does_not_exist() -> None:
    text = DOCUMENTATION.read_text()
    words = text[text.index("## Words") : text.index("## Breaking the sandbox")]
    assert set(re.findall(r"^\| `(\w+)` \|", words, re.MULTILINE)) == set(WORDS)


def test_the_documentation_names_everything_that_may_be_broken_and_nothing_else() -> None:
    text = DOCUMENTATION.read_text()
    table = text[text.index("| `kind` | what happens |") : text.index("## Without a daemon")]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)[1:] == list(CHOICES)


def test_every_word_has_an_example_that_is_one(tmp_path: Path) -> None:
    offline = Offline(run=lambda _path: 0, check=lambda _path: 0)
    for word in WORDS.values():
        settings = tmp_path / "settings.toml"
        settings.write_text("")
        assert word.example.split()[0] == word.name
        result = CliRunner().invoke(command_line(settings, offline), word.example.split())
        assert result.exit_code == 3, "it is understood, and nobody is there to answer"


def test_an_unknown_word_is_answered_with_the_nearest_and_with_all() -> None:
    with pytest.raises(
        UnknownWord, match=r"unknown method 'fils'; did you mean 'fills'\?; there are: status, "
    ) as e:
        find("fils")
    assert all(name in str(e.value) for name in WORDS)


@pytest.mark.parametrize("later", ["rebuild", "check"])
def test_a_word_of_a_later_version_is_unknown_like_any_other(later: str) -> None:
    with pytest.raises(UnknownWord):
        find(later)


def test_arguments_are_complete_with_their_defaults() -> None:
    assert read_arguments(WORDS["fills"], {"account": "main"}) == {
        "account": "main",
        "symbol": None,
        "since": None,
        "limit": 100,
        "after": None,
    }


def test_an_unknown_parameter_is_refused_by_name_with_what_there_is() -> None:
    with pytest.raises(
        Mistake, match=r"fills has no parameter 'acount'; did you mean 'account'\?; it takes: acc"
    ):
        read_arguments(WORDS["fills"], {"acount": "main"})
    with pytest.raises(Mistake, match=r"status has no parameter 'limit'; it takes none"):
        read_arguments(WORDS["status"], {"limit": 1})


def test_a_required_parameter_that_is_missing_is_named() -> None:
    with pytest.raises(Mistake, match=r"restart needs 'target': an account, a child or a group"):
        read_arguments(WORDS["restart"], {})


@pytest.mark.parametrize(
    ("name", "given_", "read"),
    [
        ("limit", 0, 0),
        ("limit", "17", 17),
        ("limit", 2**63 - 1, 2**63 - 1),
        ("since", 1_700_000_000_000, 1_700_000_000_000),
        ("since", "1h", "1h"),
        ("open", True, True),
        ("open", "false", False),
        ("account", None, None),
    ],
)
def test_a_value_may_be_json_or_text(name: str, given_: object, read: object) -> None:
    assert read_arguments(WORDS["orders"], {name: given_})[name] == read


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("limit", -1, "an integer from 0"),
        ("limit", 1.5, "an integer from 0"),
        ("limit", True, "an integer from 0"),
        ("limit", "-1", "an integer from 0"),
        ("limit", "²", "an integer from 0"),
        ("limit", 2**63, "an integer from 0"),
        ("limit", "9" * 30, "an integer from 0"),
        ("account", 5, "a text"),
        ("account", "", "a text"),
        ("account", "x" * 257, "a text of 256 characters at most"),
        ("account", "a\0b", "a text of 256 characters at most, without NUL"),
        ("account", ["main"], "a text"),
        ("since", {"a": 1}, "a time"),
        ("since", -5, "a time"),
        ("since", False, "a time"),
        ("open", 1, "true or false"),
        ("open", "yes", "true or false"),
        ("after", 5, "a row of an earlier answer"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    name: str, wrong: object, expected: str
) -> None:
    with pytest.raises(Mistake, match=rf"orders: '{name}' is {expected}"):
        read_arguments(WORDS["orders"], {name: wrong})


def test_a_long_mistake_is_not_repeated_in_full_and_costs_no_search() -> None:
    assert len(quoted("x" * 1_000_000)) < 100
    assert hint("status" * 100_000, WORDS) == ""


@given(st.text(max_size=200))
def test_whatever_is_written_is_found_or_refused(name: str) -> None:
    try:
        assert find(name).name == name
    except UnknownWord as refusal:
        assert str(refusal).isprintable()  # noqa: PT017
