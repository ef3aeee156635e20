"""What audits found young counts against the stream only once it had its time and said nothing."""

import pytest

from core import unheard
from core.unheard import AGE_MS, SAME_MS, Unheard

FILL = ("main", "fill 1")
OTHER = ("other", "fill 1")


def test_what_is_young_is_no_evidence_yet() -> None:
    one = Unheard()
    one.found(FILL, 1_000)
    assert one.matured("main", 1_000 + AGE_MS) == {}
    assert one.matured("main", 1_001 + AGE_MS) == {FILL: 1_000}


def test_what_the_stream_has_said_is_none_ever() -> None:
    one = Unheard()
    one.found(FILL, 1_000)
    one.forget([FILL])
    assert one.matured("main", 1_000_000) == {}
    assert not one


def test_looking_counts_nothing_and_what_was_counted_is_not_counted_again() -> None:
    one = Unheard()
    one.found(FILL, 1_000)
    assert one.matured("main", 9_000) == one.matured("main", 9_000) == {FILL: 1_000}
    one.forget(one.matured("main", 9_000))
    assert one.matured("main", 9_000) == {}


def test_another_connection_is_blamed_for_nothing_and_other_accounts_go_on() -> None:
    one = Unheard()
    one.found(FILL, 1_000)
    one.found(OTHER, 1_000)
    one.begin_anew("main")
    assert (one.matured("main", 9_000), one.matured("other", 9_000)) == ({}, {OTHER: 1_000})


def test_the_first_finding_counts_however_often_it_is_found() -> None:
    one = Unheard()
    one.found(FILL, 1_000)
    one.found(FILL, 8_000)
    assert one.matured("main", 6_001) == {FILL: 1_000}


def test_it_remembers_no_more_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unheard, "ROOM", 2)
    one = Unheard()
    for number in range(3):
        one.found(("main", number), 1_000)
    assert one.matured("main", 9_000) == {("main", 1): 1_000, ("main", 2): 1_000}


def test_what_happened_with_what_was_counted_is_no_further_evidence() -> None:
    """The order of a lost fill may be found one audit later, and be some milliseconds younger."""
    one = Unheard()
    assert one.is_news("main", 0)
    one.counted("main", 50_000)
    assert not one.is_news("main", 50_000 + SAME_MS)
    assert one.is_news("main", 50_001 + SAME_MS)
    assert one.is_news("other", 50_000)


def test_only_the_newest_that_was_counted_matters() -> None:
    one = Unheard()
    one.counted("main", 50_000)
    one.counted("main", 10_000)
    assert not one.is_news("main", 50_000)


def test_on_another_connection_everything_is_evidence_again() -> None:
    """A clock that was set back would otherwise hide all that happens."""
    one = Unheard()
    one.counted("main", 50_000)
    one.begin_anew("main")
    assert one.is_news("main", 1)
