"""What every dialect uses: keys that sign, answers taken in hand, doubts that are told."""

import base64
import hashlib
import hmac
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from core.errors import FatalError, Unreadable
from core.facts import Unrecognised
from exchanges.base import Broken, Credentials, Resubscribed
from exchanges.doubts import GARBAGE_LIMIT, LOOK_EVERY_MS, NEWS_LIMIT, WINDOW_MS, Doubts, Strikes, keys
from exchanges.keys import by_private_key, by_secret, private_key
from exchanges.replies import excerpt, header, is_amount, parse, quotient, retry_after, whole
from tests.exchanges.kit import CREDENTIALS, ED25519, RSA, SECRET, pem, reply

NOW = 1_790_000_000_000

# --------------------------------------------------------------------------- keys


def test_a_secret_signs_by_hmac_in_lower_case_hex() -> None:
    expected = hmac.new(SECRET.encode(), b"payload", hashlib.sha256).hexdigest()
    assert by_secret(CREDENTIALS)(b"payload") == expected


def test_a_plain_secret_is_no_private_key() -> None:
    assert private_key(CREDENTIALS) is None


@pytest.mark.parametrize("key", [ED25519, RSA], ids=["ed25519", "rsa"])
def test_a_private_key_is_found_in_its_own_place_and_in_that_of_the_secret(key: Any) -> None:
    own = private_key(Credentials("key", private_key=pem(key)))
    assert own is not None
    other = private_key(Credentials("key", "\n" + pem(key).decode()))
    assert other is not None
    assert by_private_key(own)(b"payload") == by_private_key(other)(b"payload")


def test_signatures_by_private_key_are_base64_and_verified_by_the_public_one() -> None:
    RSA.public_key().verify(base64.b64decode(by_private_key(RSA)(b"x")), b"x", PKCS1v15(), hashes.SHA256())
    ED25519.public_key().verify(base64.b64decode(by_private_key(ED25519)(b"x")), b"x")


def test_credentials_without_a_secret_cannot_sign() -> None:
    with pytest.raises(FatalError):
        by_secret(Credentials("key"))


# ------------------------------------------------------------------------ replies


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[1]", b'{"a":1', b"[" * 5_000])
def test_a_body_that_is_not_what_it_should_be_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        parse(reply(body), dict[str, int])


def test_a_header_is_found_in_any_case_and_may_be_missing() -> None:
    answer = reply(b"", headers={"X-Thing": "7"})
    assert header(answer, "x-thing") == "7"
    assert header(answer, "x-other") == ""


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("17", 17),
        (" 5 ", 5),
        ("", None),
        ("1.5", None),
        ("-1", None),
        ("soon", None),
        ("١", None),
        ("9" * 20, None),
    ],
)
def test_only_a_plain_whole_number_is_a_number(said: Any, number: Any) -> None:
    assert whole(said) == number


def test_a_wait_is_given_in_seconds_and_a_date_is_no_hint() -> None:
    assert retry_after(reply(b"", headers={"Retry-After": "17"})) == 17
    assert retry_after(reply(b"", headers={"Retry-After": "Fri, 20 Nov 2026 12:00:00 GMT"})) is None


def test_of_a_gateways_page_its_title_is_told() -> None:
    page = b"<html>\r\n<head><title>410 Gone</title></head><body>" + b"x" * 500
    assert excerpt(page) == "a web page (410 Gone)"
    assert excerpt(b"<b>\xff") == "a web page"


def test_an_excerpt_is_short_and_on_one_line() -> None:
    assert excerpt(b"no\n  answer\xff" + b"x" * 500).startswith("no answer�x")
    assert len(excerpt(b"x" * 500)) == 120


@pytest.mark.parametrize(
    ("text", "fine"), [("0.00", True), ("-12.5", True), ("NaN", False), ("1E+999999", False)]
)
def test_an_amount_is_a_number_that_an_account_could_hold(text: Any, fine: Any) -> None:
    assert is_amount(Decimal(text)) is fine


def test_a_quotient_has_28_digits() -> None:
    assert quotient(Decimal(1), Decimal(3)) == Decimal("0." + "3" * 28)


# ------------------------------------------------------------------------- doubts


def test_a_limit_is_struck_only_within_five_minutes() -> None:
    strikes = Strikes(2)
    assert not strikes.hit(NOW)
    assert not strikes.hit(NOW + WINDOW_MS + 1)
    assert strikes.hit(NOW + 2 * WINDOW_MS)


def test_garbage_is_told_looked_behind_and_in_the_end_fatal_to_the_socket() -> None:
    doubts = Doubts()
    first = doubts.garbage(NOW)
    assert [type(fact) for fact in first.facts] == [Unrecognised]
    assert [type(signal) for signal in first.signals] == [Resubscribed]
    last = [doubts.garbage(NOW + n) for n in range(1, GARBAGE_LIMIT)][-1]
    assert isinstance(last.signals[0], Broken)


def test_a_look_is_asked_for_once_in_a_while() -> None:
    doubts = Doubts()
    assert doubts.look("why", NOW) == (Resubscribed("why"),)
    assert doubts.look("why", NOW + LOOK_EVERY_MS - 1) == ()
    assert doubts.look("why", NOW + LOOK_EVERY_MS) == (Resubscribed("why"),)


def test_news_is_told_once_and_the_memory_for_it_is_bounded() -> None:
    doubts = Doubts()
    assert [doubts.is_news("a"), doubts.is_news("a"), doubts.is_news("b")] == [True, False, True]
    for number in range(NEWS_LIMIT):
        doubts.is_news(str(number))
    assert [doubts.is_news("too many"), doubts.is_news("too many")] == [True, True]


def test_a_frame_is_described_by_its_keys() -> None:
    assert keys({"b": 1, "a" * 30: 2}) == f"{'a' * 20}, b"
