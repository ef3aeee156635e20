"""What is told of incidents, and when: no message too many, none missing."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import alerts
from core.alerts import CALM_MS, LISTED, MEMORY_MS, MINUTE_MS, RATE, Book, Case, Message, Policy

NOW = 1_700_000_000_000
SECOND = 1_000
POLICY = Policy()


def case(key: str = "main:blind", **changed: Any) -> Case:
    plain = Case(key, "blind", "warning", "not live for 30 s", "main", NOW)
    return msgspec.structs.replace(plain, **changed)


class Desk:
    """Somebody who looks, and whose messages arrive at once unless `arrives` says no."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.now = NOW
        self.book = Book()
        self.policy = policy
        self.arrives = True
        self.messages: list[tuple[int, Message]] = []

    def look(self, *cases: Case, after: int = 0) -> list[tuple[str, str]]:
        """(event, key) of everything told now."""
        self.now += after
        self.book, messages = alerts.look(self.book, cases, self.now, self.policy)
        for message in messages:
            self.messages.append((self.now, message))
            self.book = alerts.settled(self.book, message, self.now, taken=self.arrives)
        return [(item.event, item.case.key) for message in messages for item in message.items]

    def lasts(self, *cases: Case, seconds: int) -> list[tuple[str, str]]:
        return [told for _ in range(seconds) for told in self.look(*cases, after=SECOND)]


def test_an_incident_is_told_once_however_often_it_is_seen() -> None:
    desk = Desk()
    assert desk.look(case()) == [("opened", "main:blind")]
    assert desk.lasts(case(count=17), seconds=600) == []


def test_an_open_incident_is_told_again_after_each_repeat_and_not_before() -> None:
    desk = Desk(Policy(repeat_after=60))
    desk.look(case())
    assert desk.lasts(case(), seconds=59) == []
    assert desk.lasts(case(), seconds=1) == [("repeated", "main:blind")]
    assert desk.lasts(case(), seconds=60) == [("repeated", "main:blind")]


def test_what_somebody_acknowledged_is_not_repeated_but_told_when_worse_and_when_over() -> None:
    desk = Desk(Policy(repeat_after=60))
    desk.look(case())
    seen = case(acknowledged_at=NOW + 1)
    assert desk.lasts(seen, seconds=600) == []
    worse = case(acknowledged_at=NOW + 1, severity="critical")
    assert desk.look(worse) == [("repeated", "main:blind")]
    assert desk.lasts(seconds=20) == [("resolved", "main:blind")]


def test_what_is_below_the_least_severity_is_not_told_and_neither_is_its_end() -> None:
    desk = Desk(Policy(min_severity="critical"))
    assert desk.lasts(case(severity="info"), case("b", severity="warning"), seconds=5) == []
    assert desk.lasts(seconds=60) == []


def test_one_that_gets_worse_is_told_at_once_and_one_that_gets_better_is_not() -> None:
    desk = Desk()
    desk.look(case())
    assert desk.look(case(severity="critical"), after=SECOND) == [("repeated", "main:blind")]
    assert desk.lasts(case(severity="warning"), seconds=5) == []
    assert desk.lasts(case(severity="critical"), seconds=5) == [], "it had been told as critical"


def test_one_that_rises_to_the_least_severity_is_told_as_opened() -> None:
    desk = Desk()
    assert desk.look(case(severity="info")) == []
    assert desk.look(case(severity="warning"), after=SECOND) == [("opened", "main:blind")]


def test_the_end_follows_exactly_once_for_what_was_told_open() -> None:
    desk = Desk()
    desk.look(case())
    assert desk.lasts(seconds=CALM_MS // SECOND + 1) == [("resolved", "main:blind")]
    assert desk.lasts(seconds=600) == []
    (_, message) = desk.messages[-1]
    assert message.items[0].resolved_at == NOW + SECOND, "when it was first seen to be over"


def test_what_comes_back_before_it_is_calm_was_never_gone() -> None:
    desk = Desk()
    desk.look(case())
    for _ in range(100):
        assert desk.lasts(seconds=CALM_MS // SECOND - 1) == []
        assert desk.look(case(), after=SECOND) == []


def test_what_is_over_before_it_could_be_told_is_not_told() -> None:
    desk = Desk()
    desk.arrives = False
    assert desk.look(case()) == [("opened", "main:blind")]
    desk.arrives = True
    assert desk.lasts(seconds=600) == []


def test_what_no_channel_took_is_due_again() -> None:
    desk = Desk()
    desk.arrives = False
    desk.look(case())
    desk.arrives = True
    assert desk.look(case(), after=SECOND) == [("opened", "main:blind")]


def test_an_end_that_no_channel_took_is_due_again() -> None:
    desk = Desk()
    desk.look(case())
    desk.arrives = False
    assert desk.lasts(seconds=CALM_MS // SECOND + 1) == [("resolved", "main:blind")]
    desk.arrives = True
    assert desk.lasts(seconds=60) == [("resolved", "main:blind")]


def test_nothing_is_told_of_a_key_while_a_message_about_it_is_under_way() -> None:
    book, (message,) = alerts.look(Book(), [case()], NOW, Policy())
    book, none = alerts.look(book, [case(severity="critical")], NOW + 1, Policy())
    assert none == ()
    book = alerts.settled(book, message, NOW + 2, taken=True)
    book, (worse,) = alerts.look(book, [case(severity="critical")], NOW + 3, Policy())
    assert worse.items[0].event == "repeated"


def test_a_burst_is_one_message_that_names_them_worst_first() -> None:
    desk = Desk()
    burst = [case(f"k{n}", severity="critical" if n == 7 else "warning") for n in range(30)]
    assert len(desk.look(*burst)) == 30
    ((_, message),) = desk.messages
    assert message.items[0].case.key == "k7"
    assert alerts.title(message) == "vigil: 30 opened"
    assert len(alerts.body(message).splitlines()) == LISTED + 1
    assert alerts.body(message).endswith(f"and {30 - LISTED} more")
    assert alerts.worst(message) == "critical"


def test_a_few_at_once_are_told_one_by_one() -> None:
    desk = Desk()
    desk.look(case("a"), case("b"), case("c"))
    assert [len(message.items) for _, message in desk.messages] == [1, 1, 1]


def test_the_minutes_last_message_is_a_digest_and_what_comes_later_waits() -> None:
    desk = Desk()
    known: list[Case] = []
    for n in range(RATE + 4):
        known.append(case(f"k{n}"))
        desk.look(*known, after=SECOND)
    assert len(desk.messages) == RATE
    assert desk.lasts(*known, seconds=40) == []
    assert len(desk.lasts(*known, seconds=20)) == 4


def test_flapping_grows_quiet() -> None:
    """Thirty seconds open, thirty seconds over, for a day: doubling waits end all but the repeats."""
    desk = Desk()
    for minute in range(24 * 60):
        desk.lasts(case(opened_at=NOW + minute), seconds=2)
        desk.look(case(opened_at=NOW + minute), after=28 * SECOND)
        desk.lasts(seconds=2)
        desk.look(after=28 * SECOND)
    events = Counter(message.items[0].event for _, message in desk.messages)
    assert events["opened"] - events["resolved"] in {0, 1}
    assert events["opened"] <= 3, "10 and 20 s of calm are kept within 30 s over, 40 s are not"
    assert events["repeated"] == 23


def test_an_incident_that_stayed_away_for_long_is_new_again() -> None:
    desk = Desk()
    desk.look(case())
    desk.lasts(seconds=20)
    desk.look(after=2 * MEMORY_MS)
    assert desk.book.told == {}


def test_a_restart_tells_nothing_twice_and_forgets_no_end() -> None:
    desk = Desk()
    desk.look(case("a"), case("b"))
    after = Desk()
    after.book, after.now = alerts.loaded(alerts.dumped(desk.book)), desk.now + 60 * SECOND
    assert after.lasts(case("a"), seconds=5) == []
    assert after.lasts(case("a"), seconds=10) == [("resolved", "b")]


def test_a_crash_before_it_was_kept_tells_it_again_under_the_same_id() -> None:
    first, second = Desk(), Desk()
    second.now += 77 * SECOND
    first.look(case())
    second.look(case())
    assert first.messages[0][1].id == second.messages[0][1].id


def test_each_telling_has_an_id_of_its_own() -> None:
    desk = Desk(Policy(repeat_after=1))
    for opening in range(3):
        desk.lasts(case(opened_at=NOW + opening), seconds=7)
        desk.lasts(seconds=90)
    ids = [message.id for _, message in desk.messages]
    assert len(set(ids)) == len(ids) > 10


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", '{"told": 7}', "\x00"])
def test_a_memory_that_nobody_can_read_is_an_empty_book(text: str | None) -> None:
    assert alerts.loaded(text) == Book()


def test_a_clock_that_was_set_back_does_not_silence_an_incident() -> None:
    desk = Desk(Policy(repeat_after=60))
    desk.look(case())
    desk.now -= 86_400 * SECOND
    assert desk.lasts(case(), seconds=61) == [("repeated", "main:blind")]


def test_the_document_of_one_has_the_shape_of_the_contract() -> None:
    desk = Desk()
    desk.look(case())
    (_, message) = desk.messages[0]
    assert alerts.document(message) == {
        "id": message.id,
        "event": "opened",
        "key": "main:blind",
        "kind": "blind",
        "severity": "warning",
        "account": "main",
        "text": "not live for 30 s",
        "opened_at": NOW,
        "resolved_at": None,
        "count": 1,
    }


def test_the_document_of_a_digest_holds_each_as_it_would_stand_alone() -> None:
    desk = Desk()
    desk.look(*(case(f"k{n}") for n in range(5)))
    (_, message) = desk.messages[0]
    document = alerts.document(message)
    assert (document["event"], document["severity"], document["count"]) == ("digest", "warning", 5)
    assert document["incidents"] == [alerts.document(Message((item,))) for item in message.items]


def test_titles_say_what_happened() -> None:
    desk = Desk(Policy(repeat_after=5))
    desk.lasts(case(), seconds=7)
    desk.lasts(seconds=20)
    assert [alerts.title(message) for _, message in desk.messages] == [
        "vigil: warning: main blind",
        "vigil: warning, still open: main blind",
        "vigil: resolved: main blind",
    ]
    assert [alerts.is_good_news(message) for _, message in desk.messages] == [False, False, True]


MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["info", "warning", "critical"])),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(MOMENTS)
def test_whatever_happens_the_rate_is_kept_and_each_end_has_its_beginning(moments: list[Any]) -> None:
    desk = Desk(Policy(repeat_after=120))
    told: dict[str, bool] = {}
    for seconds, severities, arrives in moments:
        desk.arrives = arrives
        seen = [case(key, severity=severity) for key, severity in severities.items()]
        for event, key in desk.look(*seen, after=seconds * SECOND):
            assert told.get(key, False) == (event != "opened"), (event, key)
            assert event == "resolved" or severities[key] != "info"
            if arrives:
                told[key] = event != "resolved"
    times = [at for at, _ in desk.messages]
    for at in times:
        assert sum(at - MINUTE_MS < other <= at for other in times) <= RATE


@settings(max_examples=100, deadline=None)
@given(MOMENTS)
def test_in_the_end_everything_that_is_open_has_been_told_and_everything_over_is_told_over(
    moments: list[Any],
) -> None:
    desk = Desk()
    seen: list[Case] = []
    for seconds, severities, arrives in moments:
        desk.arrives = arrives
        seen = [case(key, severity=severity) for key, severity in severities.items()]
        desk.look(*seen, after=seconds * SECOND)
    desk.arrives = True
    for _ in range(30):
        desk.look(*seen, after=MEMORY_MS // 10)
    standing = {key for key, was in desk.book.told.items() if not was.is_over}
    assert {one.key for one in seen if one.severity != "info"} <= standing <= {one.key for one in seen}
