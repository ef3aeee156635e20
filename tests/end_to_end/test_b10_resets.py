"""B10: fifty times a connection is reset, and fifty times another takes its place; no thread stays behind.

With a backoff that begins at a tenth of a second and trips late. Crypto.com wants a
second before it is spoken to and paces what is asked after a gap, so it has five of
the fifty. A thousand are in bench/soak.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.kit import steady
from tests.end_to_end.together import Together, together
from tests.support.waiting import eventually

RESETS, FEW = 15, {"cryptocom": 5}
BACKOFF = {"base": 0.1, "cap": 0.5, "trip": 1000, "stable": 1}


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    with together(tmp_path_factory.mktemp("resets"), {"backoff": BACKOFF}) as them:
        yield them
        assert them.daemon.terminate() == 0


def test_fifty_resets_are_fifty_recoveries_and_leave_no_thread_and_no_socket_behind(them: Together) -> None:
    threads, sockets = steady(them.daemon.threads), steady(them.daemon.sockets)
    wanted = {it.name: FEW.get(it.exchange, RESETS) for it in them}
    assert sum(wanted.values()) >= 50
    dropped = dict.fromkeys(wanted, 0)

    def drop_who_is_back() -> int:
        """Each account is cut off as soon as it is live again; how many recoveries are still to come."""
        rows = {row["account"]: row for row in them.daemon.status()["accounts"]}
        back = [it for it in them if is_back(rows[it.name], dropped[it.name])]
        for it in [it for it in back if dropped[it.name] < wanted[it.name]]:
            it.clear()  # and with it the exchange's count of what was asked: more than a minute allows
            it.fault("drop")
            dropped[it.name] += 1
        return sum(wanted.values()) - sum(
            min(rows[name]["reconnects"], most) for name, most in wanted.items()
        )

    eventually(drop_who_is_back, lambda left: left == 0, within=60, what="recoveries")
    for it in them:
        assert it.until_live()["reconnects"] == wanted[it.name]
        assert it.daemon.actor(f"{it.name}/connection")["last_reason"] == "link"
        assert it.fill_of(it.trade())["source"] == "stream"
        it.agrees()
    eventually(
        lambda: (them.daemon.threads(), them.daemon.sockets()),
        lambda now: now[0] <= threads and now[1] <= sockets,
        what=f"{threads} threads and {sockets} sockets again",
    )


def is_back(row: dict[str, object], dropped: int) -> bool:
    return row["state"] == "live" and row["reconnects"] == dropped
