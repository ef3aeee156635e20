"""The daemon's own history: incidents, proofs, transitions, memory."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SystemClock
from core.coverage import Piece, add
from core.incidents import ENDED_BY_A_PERSON
from core.records import Acknowledged, ActorEvent, ConnectionState, DeadLetter, Incident, Proof, Remember
from models import database, read
from models.ledger import Ledger
from models.read import Reader
from tests.support.ledger import rows, url


def incident(at: Any, text: Any = "broken", **fields: Any) -> Any:
    return Incident(at, "key", "discrepancy", "warning", text, "main", **fields)


def proof(since: Any, until: Any, *, category: Any = "spot", repaired: Any = 0) -> Any:
    return Proof(until, "main", category, since, until, "audit", repaired)


def stretches(place: str) -> Any:
    return rows(place, "coverage", "category, since, until, proofs, repaired")


def test_transitions_and_dead_letters_are_kept_in_order(ledger: Ledger, place: str) -> None:
    ledger.write(
        [
            ActorEvent(1, "boot", "main/connection", 1, "started"),
            ActorEvent(2, "boot", "main/connection", 1, "died", "why"),
            ConnectionState(3, "main", "live", "reconciling", "reconciled"),
            DeadLetter(4, "main/poller", 2, "Tick()", "ended"),
        ]
    )
    assert rows(place, "actor_events", "at, child, gen, event, detail") == [
        (1, "main/connection", 1, "started", None),
        (2, "main/connection", 1, "died", "why"),
    ]
    assert rows(place, "connection_states", "at, account, state, previous, cause") == [
        (3, "main", "live", "reconciling", "reconciled")
    ]
    assert rows(place, "dead_letters", "at, child, gen, message, reason") == [
        (4, "main/poller", 2, "Tick()", "ended")
    ]


def test_what_is_remembered_is_what_was_said_last(ledger: Ledger, place: str) -> None:
    ledger.write([Remember(1, "paused:main", "yes"), Remember(2, "flow:main", "ws_api")])
    ledger.write([Remember(3, "paused:main", "no"), Remember(4, "paused:main", None)])
    assert rows(place, "system_state", "key, value, at", "key") == [
        ("flow:main", "ws_api", 2),
        ("paused:main", None, 4),
    ]


def test_equal_incidents_are_one_until_resolved(ledger: Ledger, place: str) -> None:
    ledger.write([incident(1), incident(2, "still broken")])
    ledger.write([incident(3)])
    ledger.write([incident(4, resolved=True)])
    ledger.write([incident(5)])
    assert rows(place, "incidents", "text, opened_at, seen_at, count, resolved_at") == [
        ("broken", 1, 4, 3, 4),
        ("broken", 5, 5, 1, None),
    ]


def test_to_resolve_what_is_not_open_is_no_news(ledger: Ledger, place: str) -> None:
    ledger.write([incident(1, resolved=True)])
    assert rows(place, "incidents") == []


def test_an_incident_of_an_earlier_boot_is_still_open(ledger: Ledger, place: str) -> None:
    ledger.write([incident(1)])
    again = Ledger.open(place, SystemClock())
    again.write([incident(2, resolved=True)])
    again.close()
    assert rows(place, "incidents", "resolved_at") == [2]


@pytest.mark.parametrize(
    ("first", "second"),
    [((0, 100), (40, 160)), ((0, 100), (100, 160)), ((40, 160), (0, 100)), ((0, 160), (40, 80))],
)
def test_proofs_that_touch_are_one_stretch(ledger: Ledger, place: str, first: Any, second: Any) -> None:
    ledger.write([proof(*first), proof(*second, repaired=2)])
    assert stretches(place) == [("spot", 0, 160, 2, 2)]


def test_a_gap_between_proofs_stays_visible(ledger: Ledger, place: str) -> None:
    ledger.write([proof(0, 100), proof(101, 160)])
    assert stretches(place) == [("spot", 0, 100, 1, 0), ("spot", 101, 160, 1, 0)]


def test_a_reconcile_that_reaches_back_joins_on(ledger: Ledger, place: str) -> None:
    ledger.write([proof(0, 100)])
    ledger.write([proof(200, 300)])
    ledger.write([proof(150, 400)])
    assert stretches(place) == [("spot", 0, 100, 1, 0), ("spot", 150, 400, 2, 0)]
    ledger.write([proof(90, 160)])
    assert stretches(place) == [("spot", 0, 400, 4, 0)]


def test_what_nobody_watched_is_a_row_of_its_own(ledger: Ledger, place: str) -> None:
    ledger.write([proof(0, 100), Proof(500, "main", "spot", 40, 400, "reconcile", 2, watched=300)])
    ledger.write([Proof(600, "main", "spot", 340, 550, "audit", 1)])
    assert rows(place, "coverage", "since, until, late, source, at, proofs, repaired", "since") == [
        (0, 100, 0, "audit", 100, 1, 0),
        (100, 300, 1, "reconcile", 500, 1, 2),
        (300, 550, 0, "audit", 600, 2, 1),
    ]


def test_a_row_of_an_older_vigil_counts_as_watched(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those had no mark: what touched was one stretch whatever had happened between."""
    with monkeypatch.context() as earlier:
        first = database.MIGRATIONS / "0001_initial.py"
        (tmp_path / "then").mkdir()
        (tmp_path / "then" / first.name).write_text(first.read_text())
        earlier.setattr(database, "MIGRATIONS", tmp_path / "then")
        database.prepare(url(path))
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO coverage VALUES (1, 'main', 'spot', 0, 100, 'audit', 100, 7, 0)")
    connection.commit()
    connection.close()
    ledger = Ledger.open(url(path), SystemClock())
    ledger.write([proof(40, 160)])
    ledger.close()
    assert rows(url(path), "coverage", "since, until, late, proofs") == [(0, 160, 0, 8)]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 100), st.integers(0, 2)), max_size=8
    )
)
def test_the_rows_are_what_the_rule_makes_of_all_proofs(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, int, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("annals") / "vigil.db"
    ledger = Ledger.open(url(path), SystemClock())
    pieces: tuple[Piece, ...] = ()
    for since, length, watched, repaired in said:
        one = Proof(999, "main", "spot", since, since + length, "audit", repaired, watched)
        pieces = add(pieces, one)
        ledger.write([one, Proof(999, "second", "spot", since, since + 1, "poll")])
    ledger.close()
    found = rows(url(path), "coverage WHERE account = 'main'", ", ".join(Piece.__struct_fields__), "since")
    assert [Piece(row[0], row[1], bool(row[2]), *row[3:]) for row in found] == list(pieces)


def test_categories_are_proven_each_for_itself(ledger: Ledger, place: str) -> None:
    ledger.write([proof(0, 100), proof(50, 160, category="linear")])
    assert stretches(place) == [("spot", 0, 100, 1, 0), ("linear", 50, 160, 1, 0)]


def test_open_incidents_are_counted_by_severity_and_read_in_order(ledger: Ledger, place: str) -> None:
    def said(key: str, severity: Any, *, resolved: bool = False) -> Incident:
        return Incident(1, key, "discrepancy", severity, "text", None, resolved)

    assert ledger.open_incidents() == {"info": 0, "warning": 0, "critical": 0}
    ledger.write([said("a", "warning"), said("b", "warning"), said("c", "critical")])
    ledger.write([said("a", "critical"), said("b", "info", resolved=True)])
    assert ledger.open_incidents() == {"info": 0, "warning": 0, "critical": 2}
    reader = Reader(place)
    assert [(row["key"], row["severity"], row["count"]) for row in reader.open_incidents()] == [
        ("a", "critical", 2),
        ("c", "critical", 1),
    ]
    reader.close()
    other = Ledger.open(place, SystemClock())
    assert other.open_incidents() == {"info": 0, "warning": 0, "critical": 2}
    other.close()


def test_more_open_incidents_than_an_answer_holds_are_all_read(
    ledger: Ledger, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MOST_ROWS", 3)
    for count in (1, 3, 4, 6, 7):
        ledger.write([Incident(1, f"k{count}-{n}", "discrepancy", "info", "t") for n in range(count)])
    reader = Reader(place)
    assert len(reader.open_incidents()) == 21
    reader.close()


@pytest.mark.parametrize("kind", sorted(ENDED_BY_A_PERSON))
def test_what_nothing_else_would_end_is_over_when_a_person_has_seen_it(
    ledger: Ledger, place: str, kind: Any
) -> None:
    said = Incident(1, "key", kind, "critical", "broken")
    ledger.write([said])
    ledger.write([Acknowledged(5, 1)])
    assert rows(place, "incidents", "id, count, acknowledged_at, resolved_at") == [(1, 1, 5, 5)]
    assert ledger.open_incidents()["critical"] == 0
    ledger.write([said, Acknowledged(6, 1)])
    assert rows(place, "incidents", "id, acknowledged_at, resolved_at", "id") == [(1, 5, 5), (2, None, None)]


def test_an_incident_is_acknowledged_once_and_stays_open(ledger: Ledger, place: str) -> None:
    ledger.write([incident(1)])
    ledger.write([Acknowledged(5, 1), Acknowledged(9, 1), Acknowledged(9, 77)])
    ledger.write([incident(10, "worse")])
    assert rows(place, "incidents", "id, count, acknowledged_at, resolved_at") == [(1, 2, 5, None)]


def test_the_next_incident_of_its_kind_is_one_that_nobody_has_seen(ledger: Ledger, place: str) -> None:
    ledger.write([incident(1)])
    ledger.write([Acknowledged(5, 1)])
    ledger.write([incident(6, resolved=True)])
    ledger.write([incident(7)])
    assert rows(place, "incidents", "id, acknowledged_at, resolved_at", "id") == [(1, 5, 6), (2, None, None)]
