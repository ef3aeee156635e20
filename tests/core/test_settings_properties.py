"""Whatever a file may say: an answer, no crash, and no secret in it."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.problems import known_keys
from core.settings import Settings, Validated, validate
from core.settings_schema import AccountSettings, Backoff
from host.configuration import spoken

EXCHANGES = spoken()
SECRET = "pa55word-that-nobody-may-read"
TABLES = list(Settings.model_fields)
KEYS = [
    *AccountSettings.model_fields,
    *Backoff.model_fields,
    *(key for field in Settings.model_fields.values() for key in known_keys(field.annotation)),
]

words = st.sampled_from(
    ["", "auto", "info", "env:NAME", "file:x", "ws://h/p", "http://h", "sqlite:///x", "0"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | words
    | st.sampled_from(list(EXCHANGES))
    | st.just(SECRET)
    | st.datetimes()
)
keys = st.sampled_from([*TABLES, *KEYS]) | st.text(max_size=8)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)
account_tables = st.dictionaries(st.sampled_from(list(AccountSettings.model_fields)), trees, max_size=8)
likely = st.fixed_dictionaries(
    {},
    optional={
        "accounts": st.dictionaries(st.sampled_from(["a", "main-1", "Bad Name"]), account_tables, max_size=2),
        **{name: st.dictionaries(keys, trees, max_size=4) for name in TABLES if name != "accounts"},
    },
)


def judge(data: dict[str, Any]) -> Validated:
    return validate(data, base_dir=Path("/base"), exchanges=EXCHANGES)


@given(st.dictionaries(keys, trees, max_size=5) | likely)
def test_no_data_crashes_the_validation_and_every_refusal_says_why(data: dict[str, Any]) -> None:
    judged = judge(data)
    assert (judged.settings is None) == bool(judged.errors)
    assert all(problem.path and problem.reason for problem in judged.problems)


@given(likely)
def test_no_value_ever_stands_in_a_problem(data: dict[str, Any]) -> None:
    assert not any(SECRET in str(problem) for problem in judge(data).problems)


@given(st.sampled_from(KEYS), st.sampled_from(["bare", "list", "table"]))
def test_a_secret_in_any_place_of_an_account_is_not_repeated(key: str, shape: str) -> None:
    value: Any = {"bare": SECRET, "list": [SECRET], "table": {"x": SECRET}}[shape]
    judged = judge({"accounts": {"a": {"exchange": "binance", key: value}}})
    assert judged.settings is None
    assert not any(SECRET in str(problem) for problem in judged.problems)


@given(likely)
def test_the_data_that_was_judged_is_left_as_it_was(data: dict[str, Any]) -> None:
    before = repr(data)
    judge(data)
    assert repr(data) == before
