"""What counts as a request, and how answers are written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    RpcError,
    error_line,
    notification_line,
    parse,
    result_line,
)


def line(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": "status", **message}).encode()


def refusal(sent: bytes) -> RpcError:
    with pytest.raises(RpcError) as caught:
        parse(sent)
    return caught.value


@pytest.mark.parametrize("id_", [1, "a", 1.5, 0, "", 10**30, None])
def test_a_request_keeps_its_id_as_it_was_sent(id_: Any) -> None:
    request = parse(line(id=id_))
    assert (request.id, request.wants_answer) == (id_, True)


def test_a_request_without_an_id_wants_no_answer() -> None:
    assert parse(line()).wants_answer is False


def test_parameters_may_be_left_out() -> None:
    assert parse(line(id=1)).params == {}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"   ",
        b"hello",
        b"{",
        b'{"jsonrpc":"2.0"',
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"NaN",
        b"1e999",
        b'{"jsonrpc":"2.0","method":"status","id":' + b"9" * 5000 + b"}",
        b'{"id":1} {"id":2}',
    ],
)
def test_what_is_not_json_is_a_parse_error_with_a_null_id(garbage: bytes) -> None:
    error = refusal(garbage)
    assert (error.code, error.id) == (PARSE_ERROR, None)


def test_a_batch_is_refused_and_says_what_to_do_instead() -> None:
    error = refusal(b"[" + line(id=1) + b"]")
    assert (error.code, error.message) == (INVALID_REQUEST, "no batches: send one object per line")
    assert refusal(b"[]").code == INVALID_REQUEST


@pytest.mark.parametrize("value", [b"1", b'"status"', b"null", b"true"])
def test_json_that_is_no_object_is_no_request(value: bytes) -> None:
    assert refusal(value).code == INVALID_REQUEST


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"jsonrpc": "1.0"}, INVALID_REQUEST),
        ({"jsonrpc": 2.0}, INVALID_REQUEST),
        ({"method": 5}, INVALID_REQUEST),
        ({"method": None}, INVALID_REQUEST),
        ({"params": [1]}, INVALID_PARAMS),
        ({"params": None}, INVALID_PARAMS),
        ({"params": "a"}, INVALID_PARAMS),
    ],
)
def test_what_is_wrong_with_a_request_is_answered_under_its_id(changed: dict[str, Any], code: int) -> None:
    error = refusal(line(id=7, **changed))
    assert (error.code, error.id) == (code, 7)


@pytest.mark.parametrize("id_", [True, [1], {"a": 1}])
def test_an_id_of_another_kind_is_refused_under_null(id_: Any) -> None:
    error = refusal(line(id=id_))
    assert (error.code, error.id) == (INVALID_REQUEST, None)


def test_members_that_are_not_in_the_specification_are_ignored() -> None:
    assert parse(line(id=1, trace="x")).method == "status"


def test_answers_are_one_line_each_whatever_they_hold() -> None:
    lines = [
        result_line(1, {"text": "two\nlines"}),
        error_line(RpcError(-32602, "two\nlines", id="a")),
        notification_line("fact", {"text": "two\nlines"}),
    ]
    assert [text.count(b"\n") for text in lines] == [1, 1, 1]
    assert [json.loads(text) for text in lines] == [
        {"jsonrpc": "2.0", "id": 1, "result": {"text": "two\nlines"}},
        {"jsonrpc": "2.0", "id": "a", "error": {"code": -32602, "message": "two\nlines"}},
        {"jsonrpc": "2.0", "method": "fact", "params": {"text": "two\nlines"}},
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
members = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | json_values,
        "id": json_values,
        "method": st.just("status") | json_values,
        "params": json_values,
    },
)


@given(st.binary(max_size=200) | members.map(lambda m: json.dumps(m).encode()))
def test_any_bytes_are_a_request_or_an_error_that_can_be_sent(sent: bytes) -> None:
    try:
        request = parse(sent)
    except RpcError as error:
        answer = json.loads(error_line(error))
        known = answer["error"]["code"] in {PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS}
    else:
        known = json.loads(result_line(request.id, None))["id"] == request.id
    assert known
