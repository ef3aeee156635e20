"""Tokens and cookies: who is let in, and how often one may try."""

from http.cookies import SimpleCookie

import pytest

from tests.support.clock import ManualClock
from web.door import Refusal
from web.keys import COOKIE, LIFE, TRIES, TRIES_OF_ALL, WINDOW, Keys, Limiter

TOKEN = "correct horse battery"


def keys(clock: ManualClock | None = None, token: str = TOKEN, *, is_secure: bool = False) -> Keys:
    return Keys(token, clock or ManualClock(), is_secure=is_secure)


def brought(header: str) -> str:
    """What a browser sends of what it was given."""
    morsel = SimpleCookie(header)[COOKIE]
    return f"other=1; {COOKIE}={morsel.value}"


def test_without_a_token_everybody_is_let_in() -> None:
    assert keys(token="").admits(None, None, "me")
    assert not keys(token="").are_needed


def test_the_token_lets_in_as_a_bearer() -> None:
    assert keys().admits(f"Bearer {TOKEN}", None, "me")
    assert keys().admits(f"bearer {TOKEN}", None, "me")


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_nothing_else_does(header: str) -> None:
    assert not keys().admits(header, None, "me")


def test_an_empty_token_opens_nothing() -> None:
    assert not keys(token="").try_token("", "me")


def test_the_cookie_lets_in_for_its_life_and_no_longer() -> None:
    clock = ManualClock()
    door = keys(clock)
    cookie = brought(door.cookie())
    assert door.admits(None, cookie, "me")
    clock.advance(LIFE - 2)
    assert door.admits(None, cookie, "me")
    clock.advance(3)
    assert not door.admits(None, cookie, "me")


def test_the_cookie_outlives_a_restart_of_the_server_and_not_a_change_of_the_token() -> None:
    cookie = brought(keys().cookie())
    assert keys().admits(None, cookie, "me")
    assert not keys(token="another token").admits(None, cookie, "me")


def test_a_cookie_whose_end_was_moved_is_worth_nothing() -> None:
    until, rest = brought(keys().cookie()).partition(f"{COOKIE}=")[2].split(".", 1)
    assert not keys().admits(None, f"{COOKIE}={int(until) + 1}.{rest}", "me")


@pytest.mark.parametrize(
    "cookie", [None, "", "vigil=", "vigil=x", "vigil=1.2.3", 'vigil="', "other=1", "vigil=..é"]
)
def test_what_is_no_cookie_of_ours_is_no_error_either(cookie: str | None) -> None:
    assert not keys().admits(None, cookie, "me")


def test_the_cookie_is_for_this_site_and_no_script() -> None:
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(keys().cookie().split("; "))
    assert "Secure" not in keys().cookie()
    assert "Secure" in keys(is_secure=True).cookie().split("; ")


def test_the_cookie_does_not_hold_the_token() -> None:
    assert TOKEN not in keys().cookie()


def test_after_five_wrong_tokens_not_even_the_right_one_is_looked_at() -> None:
    clock = ManualClock()
    door = keys(clock)
    for _ in range(TRIES):
        assert not door.try_token("wrong", "me")
    with pytest.raises(Refusal) as refused:
        door.try_token(TOKEN, "me")
    assert (refused.value.status, refused.value.retry_after) == (429, 60)
    assert door.try_token(TOKEN, "somebody else")
    clock.advance(WINDOW + 1)
    assert door.try_token(TOKEN, "me")


def test_wrong_tokens_from_many_addresses_are_counted_together() -> None:
    door = keys()
    for who in range(TRIES_OF_ALL):
        assert not door.try_token("wrong", str(who))
    with pytest.raises(Refusal):
        door.try_token(TOKEN, "somebody new")


def test_one_who_is_logged_in_is_not_shut_out_by_others_wrong_tokens() -> None:
    door = keys()
    cookie = brought(door.cookie())
    for who in range(TRIES_OF_ALL):
        door.try_token("wrong", str(who))
    assert door.admits(None, cookie, "me")


def test_right_tokens_are_not_counted() -> None:
    door = keys()
    assert all(door.try_token(TOKEN, "me") for _ in range(3 * TRIES))


def test_a_limiter_forgets_what_left_its_window() -> None:
    clock = ManualClock()
    limiter = Limiter(clock, 2, 10, 60)
    limiter.count("a")
    clock.advance(30)
    limiter.count("a")
    assert (limiter.wait("a"), limiter.wait("b")) == (30, 0)
    clock.advance(30)
    assert limiter.wait("a") == 0
