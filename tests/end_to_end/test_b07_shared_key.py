"""B7: two daemons watch one account, and one of them stops: the other sees the next fill.

Where a listen key is shared, whoever deletes it silences all who use it, and no
server cuts them off: the next renewal finds it gone. Renewals come every two seconds
instead of every twenty minutes.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest
import requests

from tests.end_to_end.kit import Row, keys, settings
from tests.end_to_end.listen_keys import KEY, US, key_header, listen_key
from tests.end_to_end.together import Together, together
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


class Left(NamedTuple):
    """The daemon that stayed, and a trade of each exchange after the other had stopped."""

    them: Together
    trades: Mapping[str, Row]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    with together(tmp_path_factory.mktemp("one"), {"listen_key_refresh": 2}) as them:
        names = {it.name: {"exchange": it.exchange} for it in them}
        box = them.whole.box
        with Daemon(tmp_path_factory.mktemp("two"), settings(box, names), keys(box)) as other:
            for name in names:
                other.until_live(name)
            assert other.terminate() == 0
        yield Left(them, {it.exchange: it.trade() for it in them})
        assert them.daemon.terminate() == 0


def test_a_daemon_that_stops_silences_nobody(left: Left, exchange: str) -> None:
    it = left.them[exchange]
    assert it.fill_of(left.trades[exchange])["source"] == "stream"
    row = it.row
    assert (row["state"], row["reconnects"]) == ("live", 0)
    assert not [call for call in it.requests() if call.startswith("DELETE")]


def test_a_neighbour_who_deletes_the_key_is_survived(left: Left) -> None:
    it = left.them[US]
    gone = {"listenKey": listen_key(it)}
    requests.delete(it.box.url(US) + KEY, params=gone, headers=key_header(it), timeout=10)
    trade = it.trade()
    eventually(lambda: it.row["reconnects"], lambda count: count == 1, within=30, what="another key")
    it.until_live()
    it.fill_of(trade)
    it.agrees()
