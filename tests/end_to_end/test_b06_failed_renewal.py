"""B6: a listen key is kept alive on its own timer; what goes wrong with it costs no fill, and is told once.

Keys are renewed every two seconds instead of every twenty minutes; the pauses
between the tries of a renewal that failed are the real ones.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.listen_keys import KEY, US, calls, listen_key, overdue
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

ROLES = {"renewed": {}, "gone": {}, "expired": {}}
KINDS = ("listen_key", "protocol_changed", "stream_refused")


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    home = tmp_path_factory.mktemp("renewals")
    with together(home, {"listen_key_refresh": 2}, roles=ROLES, exchanges=[US]) as them:
        yield them
        assert them.daemon.terminate() == 0


def replaced(it: Part, within: float) -> None:
    eventually(lambda: it.row["reconnects"], lambda count: count == 1, within=within, what="another stream")
    it.until_live()


def test_a_key_is_renewed_again_and_again_and_its_age_can_be_seen(them: Together) -> None:
    it = them[US, "renewed"]
    before = calls(it, "PUT")
    eventually(lambda: calls(it, "PUT"), lambda count: count >= before + 3, what="three renewals")
    row = it.row
    assert row["duties"]["listen_key"] < 4
    assert set(row["duties"]) >= {"heartbeat", "listen_key", "rotation"}
    assert (row["state"], overdue(it), row["reconnects"]) == ("live", [], 0)


def test_a_renewal_that_fails_and_a_key_that_is_gone_cost_no_fill_and_one_incident(them: Together) -> None:
    """PUT answers 500, then -1125: another key within 30 s."""
    it = them[US, "gone"]
    old, refused = listen_key(it), it.asked(KEY, of="refused")
    it.fault("rest_status", path=KEY, status=500, count=1)
    it.fault("key_expired", what="silent")
    lost = it.trade()  # told on no socket
    replaced(it, within=30)
    assert it.asked(KEY, of="refused") - refused == 2, "the 500 and the -1125"
    assert listen_key(it) != old
    assert it.fill_of(lost)["source"] in {"reconcile", "poll", "audit"}
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()
    (incident,) = it.incidents(*KINDS)
    assert incident["kind"] == "listen_key"
    assert incident["resolved_at"] is not None


def test_a_key_that_is_said_to_have_expired_is_replaced_at_once(them: Together) -> None:
    """`listenKeyExpired`, while the socket stays open."""
    it = them[US, "expired"]
    it.fault("key_expired")
    replaced(it, within=30)
    assert it.fill_of(it.trade())["source"] == "stream"
    it.agrees()
