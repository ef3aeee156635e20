"""One function decides what a refusal means: the code first, then the status."""

from typing import Any

import pytest

from core.errors import (
    BadRequest,
    ClockError,
    FatalError,
    KeyGone,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    UnknownOutcome,
)
from exchanges.binance.errors import Archived, Refusal, UnknownSymbol, classify

NOW = 1_659_142_907_531


def read(code: int | None = None, status: int = 400, text: str = "text", wait: float | None = None) -> Any:
    return classify(Refusal(status, text, NOW, code, wait))


def write(code: int | None = None, status: int = 400, text: str = "text") -> Any:
    return classify(Refusal(status, text, NOW, code, writes=True))


@pytest.mark.parametrize("code", [-2014, -2015, -1002, -1022, -2008, -1099])
def test_a_bad_key_is_fatal_and_says_what_to_check(code: Any) -> None:
    error = read(code)
    assert type(error) is FatalError
    assert str(code) in str(error)
    assert "key" in str(error)


def test_status_401_without_a_known_code_is_fatal() -> None:
    assert type(read(None, 401)) is FatalError
    assert type(read(-9999, 401)) is FatalError


@pytest.mark.parametrize(
    "text", ["This account may not place or cancel orders.", "This action is disabled on this account."]
)
def test_an_account_that_may_not_trade_is_fatal_although_its_code_is_that_of_a_rejection(text: Any) -> None:
    assert type(write(-2010, text=text)) is FatalError


def test_a_clock_error_is_one_whatever_its_status() -> None:
    assert type(read(-1021, 400)) is ClockError
    assert type(read(-1021, 401)) is ClockError


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008])
def test_a_busy_exchange_leaves_the_outcome_of_a_write_open_and_a_read_to_be_retried(code: Any) -> None:
    assert type(read(code)) is LinkError
    assert type(write(code)) is UnknownOutcome


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_error_leaves_the_outcome_of_a_write_open_and_a_read_to_be_retried(status: Any) -> None:
    assert type(read(None, status, "<html>")) is LinkError
    assert type(write(None, status, "<html>")) is UnknownOutcome


def test_a_cancel_replace_of_which_one_half_succeeded_is_open() -> None:
    assert type(write(-2021, 409)) is UnknownOutcome
    assert type(write(-2022)) is Rejected


REJECTIONS = [
    *(-1013, -1014, -1020, -1100, -1103, -1105, -1106, -1108, -1111, -1114, -1115, -1116, -1117, -1118),
    *(-1119, -1121, -1128, -1130, -1134, -1145, -1210, -1211, -2010, -1010, -2038, -2039),
]


@pytest.mark.parametrize("code", REJECTIONS)
def test_an_order_code_is_a_rejection_on_a_write_and_our_bug_on_a_read(code: Any) -> None:
    assert type(write(code, text="why")) is Rejected
    assert "why" in str(write(code, text="why"))
    assert isinstance(read(code), BadRequest)


BAD_QUERIES = [-1122, -1127, -1131, -1135, -1139, -1151, -1194, -1220]


@pytest.mark.parametrize("code", BAD_QUERIES)
def test_a_query_that_was_not_understood_is_our_bug(code: Any) -> None:
    assert type(read(code)) is BadRequest
    assert type(write(code)) is BadRequest


def test_an_unknown_symbol_on_a_read_can_be_told_from_other_bugs() -> None:
    assert type(read(-1121)) is UnknownSymbol


def test_an_order_that_is_not_known_is_an_answer() -> None:
    assert type(read(-2013)) is NotFound
    assert type(write(-2011, text="Unknown order sent.")) is NotFound


def test_a_cancel_refused_for_its_restrictions_is_a_rejection() -> None:
    assert type(write(-2011, text="Order was not canceled due to cancel restrictions.")) is Rejected


def test_an_archived_order_is_not_an_unknown_one() -> None:
    error = read(-2026)
    assert type(error) is Archived
    assert not isinstance(error, NotFound)


def test_a_dead_listen_key_is_a_link_error_that_can_be_told() -> None:
    assert type(read(-1125)) is KeyGone
    assert isinstance(read(-1125), LinkError)


@pytest.mark.parametrize("code", [-1016, -1209, -2036, -2042])
def test_what_a_new_socket_heals_is_a_link_error(code: Any) -> None:
    assert type(read(code)) is LinkError


@pytest.mark.parametrize("status", [404, 410])
def test_a_method_that_is_gone_is_a_changed_protocol(status: Any) -> None:
    assert type(read(None, status, "<html>410 Gone</html>")) is ProtocolChanged


@pytest.mark.parametrize("text", ["Unknown method.", "Method x not found", "Invalid method 'x'"])
def test_a_method_that_is_not_known_is_a_changed_protocol_by_its_text(text: Any) -> None:
    assert type(read(None, 400, text)) is ProtocolChanged
    assert type(read(-1000, 400, text)) is ProtocolChanged
    assert type(read(-2015, 401, text)) is FatalError


@pytest.mark.parametrize(
    ("status", "code"), [(429, -1003), (418, -1003), (403, None), (400, -1034), (429, None)]
)
def test_a_limit_stops_every_caller_of_the_origin(status: Any, code: Any) -> None:
    error = read(code, status)
    assert isinstance(error, RateLimited)
    assert error.ban


def test_the_order_count_of_an_account_stops_no_other_caller() -> None:
    error = write(-1015, 429)
    assert isinstance(error, RateLimited)
    assert not error.ban


def test_the_servers_own_wait_is_obeyed() -> None:
    assert read(-1003, 429, wait=17).retry_after == 17
    assert read(None, 418, wait=0).retry_after == 0


def test_the_firewall_is_given_a_minute_at_least() -> None:
    assert read(None, 403).retry_after == 60
    assert read(None, 403, wait=5).retry_after == 60
    assert read(None, 403, wait=300).retry_after == 300


def test_a_ban_that_names_its_end_only_in_words_is_obeyed_too() -> None:
    error = read(-1003, 418, f"Way too much request weight used; IP banned until {NOW + 90_000}. Please use")
    assert error.retry_after == 90


def test_a_ban_without_any_hint_lasts_two_minutes() -> None:
    assert read(None, 418).retry_after == 120


def test_a_limit_without_any_hint_lasts_until_the_window_ends() -> None:
    limit: Any = classify(Refusal(429, "", 1_000 * 60_000 + 45_000))
    assert limit.retry_after == 15


def test_a_wait_beyond_the_longest_ban_is_cut_to_it() -> None:
    assert read(None, 418, wait=1e12).retry_after == 3 * 86_400


def test_what_nobody_knows_is_tried_again_on_a_read_and_shown_on_a_write() -> None:
    assert type(read(-9999)) is LinkError
    assert type(write(-9999)) is Rejected
    assert type(read(None, 302)) is LinkError
