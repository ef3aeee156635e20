"""B8: the exchange ends the way into its stream (410): told once, polling within five seconds, one try a minute.

Where another way is known it is taken instead, and remembered.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.listen_keys import KEY, US, calls
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

KINDS = ("protocol_changed", "stream_refused", "listen_key")
SOON = 30.0


def attempts(it: Part) -> int:
    """How often a stream was tried at the exchange, by whatever way."""
    entering = ("connect", f"POST {KEY}")
    return sum(count for call, count in it.requests().items() if call.startswith(entering))


def is_tried_once_a_minute(it: Part) -> None:
    """It polls meanwhile; one incident tells what it is."""
    it.until("polling", within=SOON)
    eventually(lambda: it.row["breaker"]["retry_in_s"] or 0, lambda seconds: seconds > 30, what="a long wait")
    asked = attempts(it)
    assert it.fill_of(it.trade(), within=SOON)["source"] == "poll"
    assert attempts(it) == asked
    (incident,) = it.incidents(*KINDS)
    assert (incident["kind"], incident["resolved_at"]) == ("protocol_changed", None)
    assert it.row["breaker"]["retry_in_s"] > 30
    it.agrees()


# ------------------------------------------------------------------- every exchange


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """Accounts that know no other way."""
    with together(tmp_path_factory.mktemp("gone"), {"user_stream": "listen_key"}) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_where_the_way_in_is_gone_it_polls_and_tries_once_a_minute(them: Together, exchange: str) -> None:
    it = them[exchange]
    before = attempts(it)
    it.fault_of_all("gone")
    it.fault("drop")
    is_tried_once_a_minute(it)
    assert attempts(it) == before + 1


# ---------------------------------------------------------- where there are two ways


@pytest.fixture(scope="module")
def us(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    roles: dict[str, Row] = {"404": {}, "410": {}, "renewing": {"listen_key_refresh": 1}}
    with together(tmp_path_factory.mktemp("ways"), roles=roles, exchanges=[US]) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_where_listen_keys_have_ended_the_other_way_is_taken_and_remembered(us: Together) -> None:
    """Whether the path is said to be gone or not to be found."""
    parts = [us[US, "404"], us[US, "410"]]
    for it, status in zip(parts, (404, 410), strict=True):
        it.fault("rest_status", path=KEY, status=status)
        it.fault("drop")
    for it in parts:
        eventually(lambda it=it: it.row["reconnects"], lambda n: n == 1, what="the other way")  # type: ignore[misc]
        it.until_live()
        assert it.fill_of(it.trade())["source"] == "stream"
        assert [row["kind"] for row in it.incidents(*KINDS)] == ["protocol_changed"]
        assert "listen_key" not in it.row["duties"]
    asked = [calls(it, "POST") for it in parts]
    for it in parts:
        it.admin.clear(exchange=US, account=it.name)
    assert us.daemon.terminate() == 0
    us.daemon.start()
    for it in parts:
        it.until_live()
        assert it.fill_of(it.trade())["source"] == "stream"
    assert [calls(it, "POST") for it in parts] == asked


def test_a_renewal_that_is_gone_goes_over_without_a_gap(us: Together) -> None:
    it = us[US, "renewing"]
    it.until_live()
    reconnects = it.row["reconnects"]
    it.fault("gone")
    eventually(lambda: it.row["duties"], lambda duties: "listen_key" not in duties, what="the other way")
    assert it.fill_of(it.trade())["source"] == "stream"
    row = it.row
    assert (row["state"], row["reconnects"]) == ("live", reconnects)
    it.agrees()


def test_where_both_ways_have_ended_it_polls_and_tries_once_a_minute(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with together(tmp_path_factory.mktemp("both"), exchanges=[US]) as them:
        it = them[US]
        before = attempts(it)
        it.fault_of_all("gone")
        it.fault_of_all("gone", path="/ws-api/v3")
        it.fault("drop")
        is_tried_once_a_minute(it)
        assert attempts(it) == before + 2, "each way once"
