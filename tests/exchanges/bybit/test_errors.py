"""One function decides what a refusal means: the code first, then the status."""

import json
from pathlib import Path
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
    Unreadable,
)
from core.wire import Call
from exchanges.bybit.errors import NotAllowed, Refusal, classify, is_good, refused_auth
from exchanges.bybit.rest import BybitRest
from exchanges.bybit.sign import Signer
from tests.exchanges.kit import CREDENTIALS, reply

NOW = 1_790_000_000_000


def read(code: int | None = None, status: int = 200, text: str = "text", **more: Any) -> Any:
    return classify(Refusal(status, text, NOW, code, **more))


def write(code: int | None = None, status: int = 200, text: str = "text") -> Any:
    return classify(Refusal(status, text, NOW, code, writes=True))


# ------------------------------------------------------------------------------ good


@pytest.mark.parametrize("code", [0, 110025, 110026, 110027, 110043, 34040])
def test_done_and_nothing_to_do_are_both_good(code: Any) -> None:
    assert is_good(200, code)


@pytest.mark.parametrize(("status", "code"), [(200, None), (200, 10001), (403, 0), (500, 0), (201, 0)])
def test_nothing_else_is_good(status: Any, code: Any) -> None:
    assert not is_good(status, code)


# ---------------------------------------------------------------------- fatal, clock


@pytest.mark.parametrize("code", [10003, 10004, 10007, 10010, 33004, -2015])
def test_a_bad_key_is_fatal_and_says_what_to_check(code: Any) -> None:
    error = read(code)
    assert type(error) is FatalError
    assert str(code) in str(error)
    assert any(word in str(error) for word in ("key", "secret", "address"))


def test_the_text_that_was_to_be_signed_is_not_passed_on_for_the_key_is_in_it() -> None:
    said = "error sign! origin_string[1700000000000THE-KEY5000category=spot\nlimit=50]"
    refusal = Refusal(200, said, NOW, 10004)
    assert str(classify(refusal)) == (
        "signature refused: the secret does not belong to this key (10004: error sign!)"
    )
    assert "THE-KEY" not in str(refused_auth(said, None, NOW))


@pytest.mark.parametrize("code", [10005, 10024, 10028, 100028])
def test_what_is_refused_to_this_key_or_account_is_fatal_and_can_be_told(code: Any) -> None:
    error = read(code)
    assert type(error) is NotAllowed
    assert isinstance(error, FatalError)


@pytest.mark.parametrize(
    "code",
    [10008, 10009, 10027, 110066, 110067, 110088, 110123, 110124, 110125, 110132, 170209, 170348],
)
def test_an_account_or_region_that_is_refused_is_fatal(code: Any) -> None:
    assert type(read(code)) is FatalError
    assert type(write(code)) is FatalError


def test_status_401_is_fatal_whatever_its_body() -> None:
    assert type(read(None, 401, "null")) is FatalError


@pytest.mark.parametrize("code", [10002, -1])
def test_a_refused_timestamp_is_the_clocks_fault_on_reads_and_writes(code: Any) -> None:
    assert type(read(code)) is ClockError
    assert type(write(code)) is ClockError


# ------------------------------------------------------------------------------ pace


def test_a_limit_lasts_until_the_moment_that_the_header_names() -> None:
    error = read(10006, until_ms=NOW + 700)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.ban) == (0.7, False)


@pytest.mark.parametrize(("until", "wait"), [(None, 1.0), (NOW - 5_000, 0.0), (NOW + 10**9, 3_600.0)])
def test_a_limit_without_a_sensible_moment_is_waited_out_sensibly(until: Any, wait: Any) -> None:
    assert read(10006, until_ms=until).retry_after == wait


@pytest.mark.parametrize("code", [170005, 170222, 30035, 20003])
def test_the_other_limits_are_waited_for_a_second(code: Any) -> None:
    error = write(code)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 1.0


@pytest.mark.parametrize(
    ("code", "status"), [(None, 403), (10403, 200), (10018, 200), (10006, 403), (99999, 403)]
)
def test_too_many_calls_of_an_address_are_a_ban_of_ten_minutes(code: Any, status: Any) -> None:
    error = read(code, status, "access too frequent")
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.ban) == (600.0, True)


def test_the_servers_own_wait_is_obeyed() -> None:
    assert read(None, 403, wait=30.0).retry_after == 30
    assert read(None, 429, wait=7.0).retry_after == 7
    assert read(None, 403, wait=1e12).retry_after == 3_600


def test_status_429_stops_every_caller_for_the_length_of_the_window() -> None:
    error = read(None, 429, "")
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.ban) == (5.0, True)


@pytest.mark.parametrize(
    "text",
    [
        "The Amazon CloudFront distribution is configured to block access from your country.",
        "Access from a restricted region",
    ],
)
def test_a_403_that_speaks_of_a_country_is_fatal(text: Any) -> None:
    assert type(read(None, 403, text)) is FatalError


# ------------------------------------------------------------------ orders and writes


@pytest.mark.parametrize("code", [110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213, 40004])
def test_an_order_that_is_gone_is_an_answer(code: Any) -> None:
    assert type(read(code)) is NotFound
    assert type(write(code)) is NotFound


OPEN = [
    *(429, 10000, 10016, 10019, 10429, 3400214, 170001, 170007, 170032, 170234),
    *(170035, 170146, 170147, 170149, 170150, 170310),
]


@pytest.mark.parametrize("code", OPEN)
def test_a_failing_server_leaves_the_outcome_of_a_write_open_and_a_read_to_be_retried(code: Any) -> None:
    assert type(read(code)) is LinkError
    assert type(write(code)) is UnknownOutcome


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_error_does_the_same(status: Any) -> None:
    assert type(read(None, status, "<html>")) is LinkError
    assert type(write(None, status, "<html>")) is UnknownOutcome


@pytest.mark.parametrize("code", [110072, 170141, 110030])
def test_a_client_id_that_was_used_before_means_that_an_earlier_attempt_worked(code: Any) -> None:
    assert type(write(code)) is DuplicateOrder
    assert type(read(code)) is LinkError


@pytest.mark.parametrize("code", [10014, 20006])
def test_a_request_that_was_made_before_may_have_worked_then(code: Any) -> None:
    assert type(write(code)) is UnknownOutcome


@pytest.mark.parametrize("code", [110079, 170144, 170191, 170212])
def test_a_busy_order_is_tried_again(code: Any) -> None:
    assert type(read(code)) is LinkError
    assert type(write(code)) is LinkError


FUNDS = [110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053, 170033, 170131]
FILTERS = [
    *(110003, 110017, 110020, 110009, 110092, 110094, 110108, 110109, 110118, 110121, 170124, 170132),
    *(170134, 170136, 170140, 170148, 170192, 170194, 170203, 170204, 170217, 170218, 170341, 170355),
    *(170371, 170372, 170381, 170382, 170810, 30208, 30209),
]
RISK = [110011, 110013, 110021, 110028, 110029, 110031, 110039, 110063, 110074, 110085, 110131, 170031]


@pytest.mark.parametrize("code", [*FUNDS, *FILTERS, *RISK, 176001, 182100])
def test_an_order_code_is_a_rejection_on_a_write_and_our_bug_on_a_read(code: Any) -> None:
    assert type(write(code, text="why")) is Rejected
    assert "why" in str(write(code, text="why"))
    assert type(read(code)) is BadRequest


@pytest.mark.parametrize(
    "code",
    [
        *(10001, 10029, 110018, 110019, 110032, 170105, 170115, 170116, 170117, 170121, 170130, 170201),
        181017,
    ],
)
def test_what_was_not_understood_is_our_bug(code: Any) -> None:
    assert type(read(code)) is BadRequest
    assert type(write(code)) is BadRequest


@pytest.mark.parametrize(
    "text",
    [
        "The number of contracts exceeds minimum limit allowed",
        "params error: order quantity has 4 decimals",
        "Qty invalid",
    ],
)
def test_a_quantity_that_is_a_wrong_parameter_is_a_rejection_of_the_order(text: str) -> None:
    rejected = write(10001, text=text)
    assert (type(rejected), rejected.reason) == (Rejected, "size")
    assert type(read(10001, text=text)) is BadRequest


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (170218, "would_take"),
        (170131, "funds"),
        (110007, "funds"),
        (170134, "precision"),
        (170137, "precision"),
        (110003, "price"),
        (170193, "percent_price"),
        (170136, "size"),
        (110094, "notional"),
        (170140, "notional"),
        (170810, "count"),
        (110020, "count"),
        (110065, "trading"),
        (110031, "other"),
        (176001, "other"),
    ],
)
def test_a_rejection_says_why_by_its_code(code: int, reason: str) -> None:
    assert write(code).reason == reason


def test_status_400_is_our_bug() -> None:
    assert type(read(None, 400)) is BadRequest


@pytest.mark.parametrize(("code", "status"), [(10017, 200), (10404, 200), (None, 404), (None, 410)])
def test_a_route_that_is_gone_is_a_changed_protocol(code: Any, status: Any) -> None:
    assert type(read(code, status)) is ProtocolChanged


def test_what_nobody_knows_is_shown_on_a_read_and_open_on_a_write() -> None:
    assert type(read(987654)) is Rejected
    assert type(write(987654)) is UnknownOutcome


def test_an_unreadable_body_is_unreadable_on_a_read_and_open_on_a_write() -> None:
    assert type(read(None, 200, "<html>")) is Unreadable
    assert type(write(None, 200, "<html>")) is UnknownOutcome


@pytest.mark.parametrize("status", [302, 418, 451])
def test_a_status_that_means_nothing_here_is_tried_again_on_a_read(status: Any) -> None:
    assert type(read(None, status)) is LinkError
    assert type(write(None, status)) is UnknownOutcome


# --------------------------------------------------------------------- whole replies


FIXTURES = Path(__file__).parents[1] / "vectors" / "bybit_refusals.json"
REFUSALS = json.loads(FIXTURES.read_text())
KINDS: dict[str, type] = {"LinkError": LinkError, "BadRequest": BadRequest, "FatalError": FatalError}
READ, WRITE = Call("GET", "/v5/somewhere", auth="signed"), Call("POST", "/v5/order/create", auth="signed")


def whole(body: Any, call: Call = READ, **more: Any) -> Any:
    return BybitRest(Signer(CREDENTIALS)).classify(call, reply(body, at=NOW, **more))


@pytest.mark.parametrize("seen", REFUSALS, ids=[seen["body"]["retMsg"][:20] for seen in REFUSALS])
def test_a_refusal_that_was_seen_is_understood(seen: Any) -> None:
    error = whole(seen["body"])
    assert type(error) is KINDS[seen["kind"]]
    assert seen["body"]["retMsg"] in str(error)


@pytest.mark.parametrize("message", ["OK", "success", "SUCCESS", ""])
def test_success_is_told_by_the_code_alone(message: Any) -> None:
    assert whole({"retCode": 0, "retMsg": message, "result": {}}) is None


def test_a_refusal_without_a_body_is_read_by_its_status() -> None:
    assert type(whole(b"null", status=401)) is FatalError
    assert type(whole(b"", status=502)) is LinkError


def test_a_refusal_in_an_ordinary_answer_is_a_refusal() -> None:
    assert (
        type(whole({"retCode": 10001, "retMsg": "Request parameter error: apiKey is missing"})) is BadRequest
    )


def test_a_limits_end_stands_in_a_header_of_any_case() -> None:
    headers = {"X-Bapi-Limit-Reset-Timestamp": str(NOW + 400), "X-Bapi-Limit-Status": "0"}
    assert whole({"retCode": 10006, "retMsg": "Too many visits!"}, headers=headers).retry_after == 0.4


@pytest.mark.parametrize("code", [170005, 170222, 30035, 20003])
def test_other_limits_are_waited_out_for_a_second_whatever_the_header_says(code: Any) -> None:
    headers = {"X-Bapi-Limit-Reset-Timestamp": str(NOW)}
    assert whole({"retCode": code, "retMsg": "Too many"}, headers=headers).retry_after == 1.0


def test_a_post_is_a_write() -> None:
    body = {"retCode": 10000, "retMsg": "Server Timeout"}
    assert type(whole(body, WRITE)) is UnknownOutcome
    assert type(whole(body, READ)) is LinkError


@pytest.mark.parametrize("code", ["10003", True, None, 10003.0, []])
def test_a_code_that_is_no_number_is_none(code: Any) -> None:
    assert isinstance(whole({"retCode": code, "retMsg": "odd"}), Unreadable)
