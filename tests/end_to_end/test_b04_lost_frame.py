"""B4: one frame is lost while the stream is healthy, and the ledger equals the exchange after the next audit.

Audits come every other second instead of every minute. What the stream touched a
moment ago they leave to it for 5 s, so an order whose last word was lost takes that
long; other fills go on coming meanwhile, as they do where nobody notices.
"""

from collections.abc import Iterator, Mapping

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

ORDERS, LOST = 100, 50
SEVERAL_AUDITS_MS = 12_000


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    roles = {"audited": {"audit_every": 2}, "cut": {"audit_every": 60}}
    with together(tmp_path_factory.mktemp("lost"), roles=roles) as them:
        yield them
        assert them.daemon.terminate() == 0


@pytest.fixture(scope="module")
def lone(them: Together) -> Mapping[str, Row]:
    """Before anything else happens one frame is lost, and several audits look. By exchange, the trade."""
    quiet = them.playing("audited")
    for it in quiet:
        it.fault("lose_one", what="trade")
    trades = {it.exchange: it.trade() for it in quiet}
    for it in quiet:
        until = trades[it.exchange]["traded_at"] + SEVERAL_AUDITS_MS
        eventually(lambda: it.row["proven_to"], lambda at: at >= until, within=30, what="audits")  # noqa: B023
    return trades


def test_one_lost_frame_costs_a_quiet_account_nothing_however_often_audits_look(
    them: Together, lone: Mapping[str, Row], exchange: str
) -> None:
    """Whichever audit finds its fill, and whichever its order: they are one piece of evidence (core/unheard)."""
    it = them[exchange, "audited"]
    assert it.fill_of(lone[exchange])["source"] == "audit"
    it.agrees()
    assert (it.row["state"], it.row["reconnects"], it.generation()) == ("live", 0, 1)
    assert it.states().count("live") == 1


def test_the_one_fill_of_a_hundred_that_the_stream_lost_is_found_by_an_audit(
    them: Together, lone: Mapping[str, Row], exchange: str
) -> None:
    """Exactly that one says so, and nobody reconnects because of it."""
    it = them[exchange, "audited"]
    eventually(lambda: it.row["audit_age_s"], lambda age: age < 0.3, what="an audit")
    it.fault("lose_one", what="trade", skip=LOST - 1)
    with it.burst(count=ORDERS, rate=400):
        pass
    truth = [fill["trade_id"] for fill in it.admin.truth(it.name)["fills"]]
    truth.remove(lone[exchange]["trade_id"])
    until_equal(it)
    sources = {fill["trade_id"]: fill["source"] for fill in it.fills()}
    assert [place for place, trade_id in enumerate(truth, 1) if sources[trade_id] == "audit"] == [LOST]
    assert {sources[trade_id] for trade_id in truth} == {"audit", "stream"}
    row = it.row
    assert (row["state"], row["reconnects"], it.generation()) == ("live", 0, 1)
    assert it.states().count("live") == 1


def until_equal(it: Part) -> None:
    """Wait until no fill and no order differs, while the stream goes on telling of other trades; then all."""

    def look() -> list[str]:
        it.fill_of(it.trade())
        return it.differences(it.name, ["fills", "orders"])[:5]

    eventually(look, lambda found: not found, every=0.5, what="the ledger equal to the truth")
    it.agrees()


def test_a_frame_that_was_lost_before_one_that_came_and_a_cut_is_found_all_the_same(
    them: Together, exchange: str
) -> None:
    """A lost, B delivered, and the connection cut before any audit: B's being known does not hide A."""
    it = them[exchange, "cut"]
    it.fault("lose_one", what="trade")
    a, b = it.trade(), it.trade()
    assert it.fill_of(b)["source"] == "stream"
    assert a["trade_id"] not in {fill["trade_id"] for fill in it.fills()}
    it.fault("drop")
    eventually(lambda: it.row["reconnects"], lambda count: count == 1, what="another connection")
    assert it.fill_of(a)["source"] in {"poll", "reconcile"}
    assert it.fill_of(b)["source"] == "stream"
    it.until_live()
    it.agrees()
