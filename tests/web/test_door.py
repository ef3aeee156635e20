"""Who may speak to the server: Host, Origin, and what a browser says of who asked."""

import pytest

from web.door import Door, Refusal

LOOPBACK = Door("127.0.0.1", is_loopback=True)
OPEN = Door("0.0.0.0", is_loopback=False, names=frozenset({"box", "box.lan"}))


def status(door: Door, method: str = "GET", *, is_page: bool = False, **headers: str) -> int:
    """0 where the request is let through."""
    try:
        door.check(method, {name.replace("_", "-"): text for name, text in headers.items()}, is_page=is_page)
    except Refusal as refusal:
        return refusal.status
    return 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "localhost.", "[::1]:8080", "127.0.0.1"]
)
def test_it_is_known_by_the_names_of_this_machine_alone(host: str) -> None:
    assert status(LOOPBACK, host=host) == 0


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[::2]", "192.168.1.2", "box"]
)
def test_a_name_that_somebody_had_resolved_to_us_is_refused(host: str) -> None:
    """DNS rebinding: the browser believes that it speaks to its own site."""
    assert status(LOOPBACK, host=host) == 421


def test_a_request_without_a_host_is_refused() -> None:
    assert status(LOOPBACK) == 421


@pytest.mark.parametrize("host", ["192.168.1.2:8080", "[fe80::1]:8080", "box", "box.lan:8080", "localhost"])
def test_where_others_may_come_addresses_and_own_names_are_known(host: str) -> None:
    assert status(OPEN, host=host) == 0


@pytest.mark.parametrize("host", ["evil.example", "1.2.3.4.evil.example", "box.evil.example"])
def test_where_others_may_come_foreign_names_are_not(host: str) -> None:
    assert status(OPEN, host=host) == 421


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "https://localhost:8080", "HTTP://LOCALHOST:8080"]
)
def test_our_own_origin_may_ask(origin: str) -> None:
    assert status(LOOPBACK, "POST", host="localhost:8080", origin=origin) == 0


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1:8080", "null", "", "http://evil.example", "localhost:8080"],
)
def test_any_other_origin_may_not(origin: str) -> None:
    """Not even that of another program on this machine."""
    assert status(LOOPBACK, "POST", host="localhost:8080", origin=origin) == 403
    assert status(LOOPBACK, "GET", host="localhost:8080", origin=origin) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_asks_for_is_refused_but_for_the_way_to_the_page(site: str) -> None:
    assert status(LOOPBACK, host="localhost", sec_fetch_site=site) == 403
    assert status(LOOPBACK, is_page=True, host="localhost", sec_fetch_site=site) == 0
    assert status(LOOPBACK, "POST", is_page=True, host="localhost", sec_fetch_site=site) == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_our_own_page_or_a_person_asks_for_is_served(site: str) -> None:
    assert status(LOOPBACK, host="localhost", sec_fetch_site=site) == 0
