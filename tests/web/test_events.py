"""`/events`: every fact once, whoever listens from wherever, and nobody slows anybody."""

import asyncio
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

import web.events
import web.hub
from core.errors import DatabaseProblem
from tests.control.kit import STATUS, degraded, statement
from tests.support.waiting import eventually
from tests.web.kit import Ears, Site, serve
from web.hub import Facts, Hub, Listener, News
from web.tail import COLUMNS, Portion, facts_of


def test_it_greets_with_who_it_is_and_where_the_journal_stands(site: Site) -> None:
    with site.greeted() as ears:
        assert ears.hello["data"].keys() == {"version", "boot", "sequence", "now"}
        assert (ears.hello["data"]["boot"], ears.hello["data"]["version"]) == ("b1", "1.2.3")
        assert ears.hello["id"] == "0"
        assert ears.response.headers["Content-Type"].startswith("text/event-stream")


def test_a_fact_comes_after_its_commit_as_the_journal_has_it(site: Site) -> None:
    with site.greeted() as ears:
        site.commit(1)
        facts = ears.next("facts")
        assert (facts["id"], facts["data"]) == ("1", [{name: statement(1)[name] for name in COLUMNS}])


def test_facts_that_come_together_are_one_event_of_500_at_most(site: Site) -> None:
    with site.greeted() as ears:
        site.commit(*range(1, 1201))
        heard = [ears.next("facts") for _ in range(3)]
        assert [event["id"] for event in heard] == ["500", "1000", "1200"]
        assert [seq for event in heard for seq in event.seqs] == list(range(1, 1201))


@pytest.mark.parametrize("after", [0, 1, 499, 500, 501, 999])
def test_one_who_comes_back_misses_nothing_and_hears_nothing_twice(site: Site, after: int) -> None:
    site.commit(*range(1, 1001))
    site.at(1000)
    with site.greeted(**{"Last-Event-ID": str(after)}) as ears:
        assert ears.hello["id"] == str(after)
        assert ears.until(1000) == list(range(after + 1, 1001))
        site.commit(1001)
        assert ears.until(1001) == [1001]


def test_the_place_may_stand_in_the_address_too_and_the_header_wins(site: Site) -> None:
    site.commit(*range(1, 11))
    with site.greeted("/events?after=8") as ears:
        assert ears.until(10) == [9, 10]
    with site.greeted("/events?after=2", **{"Last-Event-ID": "8"}) as ears:
        assert ears.until(10) == [9, 10]


def test_one_who_comes_back_while_facts_stream_in_has_neither_hole_nor_double(site: Site) -> None:
    """Where his own reading ends and what all are sent begins."""
    done = threading.Event()

    def write() -> None:
        for seq in range(1, 2001):
            site.commit(seq)
        done.set()

    writer = threading.Thread(target=write)
    with ExitStack() as stack:
        stack.enter_context(site.greeted())  # somebody listens all the time
        writer.start()
        listeners = [stack.enter_context(site.greeted(f"/events?after={n}")) for n in range(0, 100, 10)]
        for n, ears in zip(range(0, 100, 10), listeners, strict=True):
            assert ears.until(2000) == list(range(n + 1, 2001))
    writer.join(10)
    assert done.is_set()


def test_one_who_is_cut_again_and_again_has_every_fact_once(site: Site) -> None:
    writer = threading.Thread(target=lambda: list(map(site.commit, range(1, 1501))))
    writer.start()
    seqs: list[int] = []
    while not seqs or seqs[-1] < 1500:
        with site.greeted(f"/events?after={seqs[-1] if seqs else 0}") as ears:
            seqs += ears.next("facts").seqs
    writer.join(10)
    assert seqs == list(range(1, 1501))


def test_a_gap_in_the_numbers_is_no_hole(site: Site) -> None:
    with site.greeted() as ears:
        site.commit(1)
        assert ears.until(1) == [1]
        site.daemon.feed.publish(5)  # nothing was kept of 2 to 5
        site.commit(6)
        assert ears.until(6) == [6]


def test_one_who_is_too_far_behind_is_told_what_he_missed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.commit(*range(1, 5102))
    site.at(5101)
    with site.greeted("/events?after=100") as ears:
        skipped = ears.next("skipped", "facts")
        assert (skipped["name"], skipped["data"], skipped["id"]) == (
            "skipped",
            {"from": 100, "to": 5101},
            "5101",
        )
        site.commit(5102)
        assert ears.until(5102) == [5102]
    with site.greeted("/events?after=102") as ears:
        assert ears.until(5102) == list(range(103, 5103))


def test_one_whose_place_this_ledger_does_not_know_is_told(site: Site) -> None:
    """The database was replaced by an older one: what he has is from another world."""
    site.commit(1, 2)
    site.at(2)
    with site.greeted("/events?after=900") as ears:
        assert ears.next("skipped", "facts")["data"] == {"from": 900, "to": 2}
        site.commit(3)
        assert ears.until(3) == [3]


def test_one_who_is_ahead_of_the_tail_hears_nothing_twice(site: Site) -> None:
    """A place that somebody read in the status is committed, though the tail has not come to it."""
    site.at(0)  # it begins where the status is when it starts
    document = degraded()
    document["ledger"]["sequence"] = 3
    site.daemon.status = document
    with site.greeted("/events?after=2") as ears:
        site.commit(1, 2, 3)
        assert ears.until(3) == [3]


def test_a_head_asks_for_no_stream(site: Site) -> None:
    assert site.ask("HEAD", "/events").status == 200


def test_one_who_goes_before_the_first_event_leaves_no_trace(site: Site) -> None:
    for _ in range(2 * web.hub.MOST_LISTENERS):
        with socket.create_connection(site.place, timeout=10) as client:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    eventually(lambda: _has_room(site), what="room")
    loop = site.server._loop
    assert loop is not None
    eventually(lambda: len(loop.server_state.tasks) == 0, what="no stream left")
    assert site.server._hub is not None
    assert not site.server._hub.has_listeners


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30])
def test_a_place_that_is_none_is_refused(site: Site, after: str) -> None:
    assert site.get(f"/events?after={after}").status == 400


def test_one_who_takes_nothing_slows_nobody_and_is_told_what_he_missed(site: Site) -> None:
    """His share is thrown away and not kept for him: 80 MB would have to wait somewhere."""
    with Ears(site.place, "/events", {}, narrow=True) as slow, site.greeted() as quick:
        slow.hello = slow.next("hello")
        for first in range(1, 16_001, 1000):
            site.commit(*range(first, first + 1000), fact={"text": "x" * 5000})
            assert quick.until(first + 999) == list(range(first, first + 1000))
        last = 0
        while True:
            heard = slow.next("facts", "skipped")
            if heard["name"] == "skipped":
                assert heard["data"]["from"] == last
                assert heard["data"]["to"] - last > 5000
                break
            assert heard.seqs[0] == last + 1
            last = heard.seqs[-1]
        site.commit(16_001)
        rest = slow.until(16_001)
        assert rest == list(range(heard["data"]["to"] + 1, 16_002))


def test_twenty_hear_the_same_and_the_journal_is_read_once(site: Site) -> None:
    with ExitStack() as stack:
        everybody = [stack.enter_context(site.greeted()) for _ in range(20)]
        before = site.ledger.journal_reads
        for seq in range(1, 301):
            site.commit(seq)
        assert [ears.until(300) for ears in everybody] == [list(range(1, 301))] * 20
        assert site.ledger.journal_reads - before <= 300


def test_the_journal_is_read_in_turns(site: Site) -> None:
    with site.greeted() as ears:
        site.commit(*range(1, 1201))
        ears.until(1200)
        assert site.daemon.turns.taken >= site.ledger.journal_reads == 3


def test_what_was_read_little_by_little_is_told_in_as_few_events_as_hold_it() -> None:
    """At a thousand facts a second ten portions would else be ten events."""
    sizes = [100, 0, 250, 150, 1, 499, 500, 0]
    portions, last = [], 0
    for size in sizes:
        rows = b",".join(b'{"seq":%d}' % seq for seq in range(last + 1, last + size + 1))
        portions.append(Portion(last, last + max(1, size), size, rows))
        last += max(1, size)  # where there are no rows, a number without one
    told = list(facts_of(portions))
    assert [(one.after, one.last) for one in told] == [(0, 501), (501, 1001), (1001, 1502)]
    assert [one.event.count(b'"seq"') for one in told] == [500, 500, 500]
    assert told[0].event.startswith(b'id: 501\nevent: facts\ndata: [{"seq":1},')
    assert list(facts_of([Portion(7, 9, 0, b"")])) == [Facts(7, 9)]  # nobody has these rows any more
    assert list(facts_of([])) == []


def test_all_who_listen_are_woken_however_many_they_are() -> None:
    """A tenth at a time, and none is left out."""

    async def published(count: int) -> list[Listener]:
        hub = Hub()
        listeners = [hub.join(None) for _ in range(count)]
        hub.publish(News(incidents=b"x"))
        for listener in listeners:
            await asyncio.wait_for(listener.woken.wait(), 20)
        return listeners

    for count in (1, 9, 10, 11, 99, 200):
        assert all(list(one.incidents) == [b"x"] for one in asyncio.run(published(count)))


def test_no_more_listen_than_can(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        for _ in range(web.hub.MOST_LISTENERS):
            stack.enter_context(site.greeted())
        answer = site.get("/events")
        assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        assert site.get("/api/status").status == 200
    eventually(lambda: _has_room(site), what="room again")


def _has_room(site: Site) -> bool:
    with site.listen() as ears:
        return ears.response.status == 200


def test_the_status_comes_at_once_and_when_it_changes(site: Site) -> None:
    with site.greeted() as ears:
        first = ears.next("status")["data"]
        assert {name: value for name, value in first.items() if name != "now"} == STATUS
        assert isinstance(first["now"], int)
        site.daemon.status = degraded()
        assert eventually(lambda: ears.next("status")["data"], lambda status: status["state"] == "degraded")


def test_the_status_comes_every_second_though_nothing_changes(site: Site) -> None:
    with site.greeted() as ears:
        moments = [ears.next("status")["data"]["now"] for _ in range(3)]
        assert moments == sorted(set(moments))


def test_the_chart_has_one_point_a_second_of_what_is_known(site: Site) -> None:
    document = degraded()
    document["ledger"] |= {"sequence": 40, "event_to_commit_p50_ms": 1.5, "event_to_commit_p99_ms": 9.0}
    site.daemon.status = document
    with site.greeted() as ears:
        first = ears.next("chart")["data"]
        assert first == {
            "at": first["at"],
            "events_per_s": None,
            "p50_ms": 1.5,
            "p99_ms": 9.0,
            "blind": ["main"],
        }
        document["ledger"]["sequence"] = 140
        assert eventually(lambda: ears.next("chart")["data"]["events_per_s"], lambda rate: bool(rate)) > 0


def test_an_account_that_is_left_alone_is_not_called_blind(site: Site) -> None:
    site.daemon.status = degraded()
    site.daemon.status["accounts"][0]["state"] = "paused"
    with site.greeted() as ears:
        assert ears.next("chart")["data"]["blind"] == []


def test_incidents_come_when_they_are_new_and_when_they_change(site: Site) -> None:
    one, two = (
        {"id": 1, "text": "a", "acknowledged_at": None},
        {"id": 2, "text": "b", "acknowledged_at": None},
    )
    site.ledger.incident_rows = [one]
    with site.greeted() as ears:
        assert ears.next("incidents")["data"] == [one]
        site.ledger.incident_rows = [one, two]
        assert ears.next("incidents")["data"] == [two]
        site.ledger.incident_rows = [{**one, "acknowledged_at": 5}, two]
        assert ears.next("incidents")["data"] == [{**one, "acknowledged_at": 5}]


def test_one_who_comes_later_hears_of_the_incidents_that_others_know(site: Site) -> None:
    site.ledger.incident_rows = [{"id": 1, "text": "a", "acknowledged_at": None}]
    with site.greeted() as first:
        first.next("incidents")
        with site.greeted() as second:
            assert second.next("incidents")["data"] == site.ledger.incident_rows


def test_silence_is_broken_by_a_comment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.events, "PING", 0.01)
    with site.listen() as ears:
        lines = iter(ears.response.readline, b"")
        assert b": ping\n" in lines


def test_a_ledger_that_cannot_be_read_for_a_while_loses_nobody_a_fact(site: Site) -> None:
    with site.greeted() as ears:
        site.ledger.broken = DatabaseProblem("locked", passing=True)
        site.commit(1, 2, 3)
        ears.next("status")
        site.ledger.broken = None
        assert ears.until(3) == [1, 2, 3]


def test_the_end_of_the_server_is_the_end_of_every_stream(tmp_path: Path) -> None:
    with serve(tmp_path) as site, ExitStack() as stack:
        everybody = [stack.enter_context(site.greeted()) for _ in range(20)]
        assert site.server.stop(5)
        assert all(ears.ended() for ears in everybody)
