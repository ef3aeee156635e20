"""B9: the subscription ends and the socket stays: it is renewed there, and what happened in the hole is there once.

Only Binance has such an event (`eventStreamTerminated`), on the WS API, which
Binance.US can be entered by as well. At the other exchanges the socket ends with the
subscription: what is demanded of the hole is the same.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

SAME_SOCKET = ("binance", "binance_us")
ROLES: dict[str, Row] = {"once": {"user_stream": "ws_api"}, "thrice": {"user_stream": "ws_api"}}


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("ended"), roles=ROLES) as them:
        yield them
        assert them.daemon.terminate() == 0


def end(it: Part) -> Row:
    """The subscription ends; a trade in the hole that this makes, once the hole has been asked for."""
    states = len(it.states_so_far())
    it.fault("stream_terminated")
    hole = it.trade()
    it.fill_of(hole)
    eventually(
        lambda: it.states()[states:][-2:], lambda seen: seen == ["reconciling", "live"], what="a reconcile"
    )
    return hole


def connects(it: Part) -> int:
    """How many sockets were opened at the exchange, by whomever."""
    return sum(count for call, count in it.requests().items() if call.startswith("connect"))


def test_a_subscription_that_ends_costs_no_fill_and_none_is_there_twice(
    them: Together, exchange: str
) -> None:
    it = them[exchange, "once"]
    assert it.fill_of(it.trade())["source"] == "stream"
    before = connects(it)
    hole = end(it)
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()
    assert len([fill for fill in it.fills() if fill["trade_id"] == hole["trade_id"]]) == 1
    if exchange in SAME_SOCKET:
        row = it.row
        assert (row["reconnects"], it.generation(), connects(it)) == (0, 1, before)
        assert it.logged("stream_rotated", account=it.name) == []


@pytest.mark.parametrize("exchange", SAME_SOCKET)
def test_the_third_end_within_five_minutes_is_left_for_another_connection(
    them: Together, exchange: str
) -> None:
    it = them[exchange, "thrice"]
    holes = [end(it), end(it)]
    assert (it.row["reconnects"], it.generation()) == (0, 1)
    holes.append(end(it))
    assert (it.row["reconnects"], it.generation()) == (1, 2)
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()
    known = [fill["trade_id"] for fill in it.fills()]
    assert all(known.count(hole["trade_id"]) == 1 for hole in holes)
