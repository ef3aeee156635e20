"""What a refusal means: the table of the documentation, line by line."""

from typing import Any

import pytest

from core.errors import (
    BadRequest,
    ClockError,
    DuplicateOrder,
    FatalError,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    UnknownOutcome,
    VigilError,
)
from exchanges.cryptocom.errors import (
    FIREWALL_WAIT,
    MAINTENANCE_WAIT,
    RATE_WAIT,
    DoubtfulOrder,
    Refusal,
    classify,
)

USER_ERRORS = (
    *(205, 206, 207, 208, 209, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223, 224),
    *(225, 226, 227, 228, 229, 230, 307, 308, 309, 310, 312, 313, 314, 315, 318, 325, 415, 1110, 130008),
)
FUNDS_AND_RISK = (
    *(
        306,
        321,
        301,
        302,
        303,
        304,
        305,
        311,
        319,
        320,
        501,
        604,
        605,
        606,
        408,
        407,
        201,
        317,
        203,
        210,
        211,
    ),
    *(613, 614, 615, 616, 617, 618, 619, 620),
)
OWN_INSTRUCTION = (43003, 43004, 43005, 43012)
FATAL = (40101, 40103, 40104, 202, 401, 406, 409, 410, 411, 412, 10002, 10003, 10005)
OUR_BUGS = (40001, 40003, 40004, 40005, 40006, 40007, 40107, 10001, 10004, 10008, 10009)
UNKNOWN_ORDER = (40401, 212, 316)
OPEN = (40801, 50001, 120009)


def read(code: Any, **values: Any) -> VigilError:
    return classify(Refusal("text", code=code, **values))


def write(code: Any, **values: Any) -> VigilError:
    return classify(Refusal("text", code=code, writes=True, **values))


@pytest.mark.parametrize("code", FATAL)
def test_what_a_person_has_to_mend_is_fatal_and_says_what_it_is(code: Any) -> None:
    for error in (read(code), write(code)):
        assert type(error) is FatalError
        assert str(code) in str(error)


@pytest.mark.parametrize("code", [40102, 10007])
def test_a_refused_nonce_is_the_clock_and_nothing_else(code: Any) -> None:
    assert type(read(code)) is type(write(code)) is ClockError


@pytest.mark.parametrize("code", [42901, 10006])
def test_too_many_requests_of_one_key_is_a_short_wait_and_no_ban(code: Any) -> None:
    error = read(code, status=429)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.ban) == (RATE_WAIT, False)
    assert RATE_WAIT >= 1


def test_a_refusal_before_anything_was_done_leaves_no_open_outcome() -> None:
    assert isinstance(write(42901), RateLimited)
    told = read(42901, wait=7.0)
    assert isinstance(told, RateLimited)
    assert told.retry_after == 7


def test_maintenance_keeps_everybody_away_for_a_while_and_leaves_a_write_open() -> None:
    error = read(9010001, status=500)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.ban) == (MAINTENANCE_WAIT, True)
    assert type(write(9010001)) is UnknownOutcome


@pytest.mark.parametrize("code", OPEN)
def test_a_failure_inside_is_tried_again_by_reads_and_queried_by_writes(code: Any) -> None:
    assert type(read(code)) is LinkError
    assert type(write(code)) is UnknownOutcome


@pytest.mark.parametrize("code", UNKNOWN_ORDER)
def test_an_unknown_order_is_an_answer(code: Any) -> None:
    assert type(read(code, status=200)) is type(write(code)) is NotFound


@pytest.mark.parametrize("code", OUR_BUGS)
def test_what_is_not_understood_is_our_own_bug(code: Any) -> None:
    assert type(read(code, status=400)) is type(write(code, status=400)) is BadRequest


def test_a_method_that_is_not_known_is_a_change_of_the_protocol() -> None:
    assert type(read(40002)) is ProtocolChanged


@pytest.mark.parametrize("code", [*USER_ERRORS, *FUNDS_AND_RISK, *OWN_INSTRUCTION, 30024, 50002])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_codes_of_order_entry_reject_a_write_whatever_the_status(code: Any, status: Any) -> None:
    assert type(write(code, status=status)) is Rejected
    assert type(read(code, status=status)) is BadRequest


@pytest.mark.parametrize("code", [315, 306, 415, 43005, 40101, 42901, 99999])
def test_a_refusal_that_names_an_order_leaves_its_outcome_open_and_tells_which(code: Any) -> None:
    doubtful = write(code, order_id="6530000000000000001")
    assert isinstance(doubtful, DoubtfulOrder)
    assert isinstance(doubtful, UnknownOutcome)
    assert doubtful.order_id == "6530000000000000001"
    assert not isinstance(read(code, order_id="6530000000000000001"), UnknownOutcome)


@pytest.mark.parametrize("order_id", [None, "", "6530000000000000001"])
def test_a_client_id_that_was_used_before_means_that_an_earlier_attempt_worked(order_id: Any) -> None:
    assert type(write(204, order_id=order_id)) is DuplicateOrder
    assert type(read(204)) is BadRequest


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (43005, "would_take"),
        (306, "funds"),
        (213, "precision"),
        (308, "price"),
        (315, "percent_price"),
        (314, "size"),
        (415, "size"),
        (318, "count"),
        (309, "trading"),
        (325, "other"),
    ],
)
def test_a_rejection_says_why_by_its_code(code: int, reason: str) -> None:
    rejected = write(code)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


@pytest.mark.parametrize(
    ("status", "on_read", "on_write"),
    [
        (0, LinkError, UnknownOutcome),
        (400, LinkError, Rejected),
        (401, FatalError, FatalError),
        (403, RateLimited, RateLimited),
        (404, ProtocolChanged, ProtocolChanged),
        (408, LinkError, UnknownOutcome),
        (410, ProtocolChanged, ProtocolChanged),
        (418, RateLimited, RateLimited),
        (429, RateLimited, RateLimited),
        (500, LinkError, UnknownOutcome),
        (502, LinkError, UnknownOutcome),
    ],
)
@pytest.mark.parametrize("code", [None, 77777])
def test_what_the_code_does_not_say_the_status_does(
    status: Any, on_read: Any, on_write: Any, code: Any
) -> None:
    assert type(read(code, status=status)) is on_read
    assert type(write(code, status=status)) is on_write


def test_body_codes_have_nothing_to_do_with_statuses_of_the_same_number() -> None:
    assert type(read(401, status=400)) is FatalError
    assert type(write(408, status=400)) is Rejected


def test_a_firewall_keeps_us_away_longer() -> None:
    error = read(None, status=403, wait=1.0)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.ban) == (FIREWALL_WAIT, True)
