"""Alerts from the ledger to real addresses: told once, told over, and never in anybody's way."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from actors.mailbox import Mailbox
from actors.notifier import MEMORY, Look, Notebook, NotifierActor
from core import alerts
from core.incidents import Kind
from core.messages import Ready
from core.records import Incident, Remember, Severity
from core.settings_schema import AlertSettings
from core.status import AlertVitals, ChannelVitals, LedgerVitals
from models.ledger import Ledger
from models.read import Reader
from tests.support.actors import Listener, listening
from tests.support.clock import ManualClock
from tests.support.hooks import SECRET, Hook, Post
from tests.support.ledger import locked
from tests.support.waiting import eventually

QUICK = (0.01, 0.01, 0.01)


class Office:
    """A ledger with incidents, and a notifier that looks once in each second of a clock that we move."""

    def __init__(self, place: Path, supervisor: Listener, *urls: str, **settings: Any) -> None:
        self.url = f"sqlite:///{place / 'vigil.db'}"
        assert isinstance(supervisor.clock, ManualClock)
        self.clock = supervisor.clock
        self.supervisor = supervisor
        self.ledger = Ledger.open(self.url, self.clock)
        self.urls = {f"env:HOOK{at}": url for at, url in enumerate(urls)}
        self.settings = AlertSettings(urls=tuple(self.urls), **settings)
        self.spilled = LedgerVitals()
        self.vitals = AlertVitals()
        self.notebook = Notebook()
        self.generation = 0

    def open(self, key: str = "main:blind", severity: Severity = "warning", text: str = "not live") -> None:
        at, kind = self.clock.wall_ms(), cast("Kind", key.partition(":")[2] or key)
        self.ledger.write([Incident(at, key, kind, severity, text, "main")])

    def close(self, key: str = "main:blind") -> None:
        self.ledger.write([Incident(self.clock.wall_ms(), key, "blind", "info", "", "main", resolved=True)])

    def start(self, **options: Any) -> Any:
        """The next generation."""
        self.generation += 1
        context = self.supervisor.context("core/notifier", self.generation)
        ref = NotifierActor.start(
            context,
            settings=self.settings,
            address=self.urls.__getitem__,
            reader=Reader(self.url),
            ledger=self.spilled,
            vitals=self.vitals,
            notebook=self.notebook,
            **{"waits": QUICK, "limit": 10.0, **options},
        )
        self.clock.drives(cast("Mailbox", ref.actor_inbox))
        self.supervisor.skip_to(Ready)
        return ref

    def passes(self, seconds: int = 1) -> None:
        """So many looks."""
        for _ in range(seconds):
            seen = self.looks
            self.clock.advance(1.0)
            eventually(partial(self._has_looked, seen), what="a look of the notifier")

    def _has_looked(self, before: int) -> bool:
        return self.looks > before

    @property
    def looks(self) -> int:
        return self._looks

    def counting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every look counts once it is over."""
        self._looks, handle = 0, NotifierActor.handle

        def counted(actor: NotifierActor, message: Any) -> None:
            handle(actor, message)
            self._looks += isinstance(message, Look)

        monkeypatch.setattr(NotifierActor, "handle", counted)

    def channel(self, at: int = 0) -> ChannelVitals:
        return self.vitals.channels[at]

    def kept(self) -> list[str]:
        """What was given to remember."""
        records = [record for record in self.supervisor.records if isinstance(record, Remember)]
        return [record.value or "" for record in records if record.key == MEMORY]

    def until_kept(self, count: int) -> list[str]:
        return eventually(self.kept, lambda kept: len(kept) >= count, what=f"{count} times remembered")


Make = Callable[..., Office]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes an Office; whoever works in it ends with the test."""
    with listening(ManualClock()) as supervisor:

        def make(*urls: str, **settings: Any) -> Office:
            made = Office(tmp_path, supervisor, *urls, **settings)
            made.counting(monkeypatch)
            return made

        yield make


def test_an_incident_is_one_message_and_its_end_is_one_more(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url)
        at.start()
        at.open()
        at.passes()
        hook.until(1)
        at.until_kept(1)
        at.open(text="said again")
        at.passes(30)
        at.close()
        at.passes(11)
        hook.until(2)
        at.until_kept(2)
        at.passes(60)
        assert hook.events == [("opened", "main:blind"), ("resolved", "main:blind")]
        opened, resolved = (post.document for post in hook.posts)
        assert opened["resolved_at"] is None
        assert resolved["resolved_at"] > resolved["opened_at"] == opened["opened_at"]


def test_what_was_over_before_anybody_looked_is_not_told(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url)
        at.open()
        at.close()
        at.open("main:other")
        at.start()
        at.passes(20)
        hook.until(1)
        assert hook.events == [("opened", "main:other")]


def test_a_burst_is_one_message(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url)
        for number in range(50):
            at.open(f"main:{number}")
        at.start()
        at.passes()
        hook.until(1)
        at.until_kept(1)
        at.passes(20)
        assert len(hook.posts) == 1
        assert len(hook.events) == 50


def test_every_address_is_told(office: Make) -> None:
    with Hook() as first, Hook(lambda _post: 200) as second:
        at = office(first.url, second.apprise_url)
        at.start()
        at.open(severity="critical", text="bad key")
        at.passes()
        first.until(1)
        second.until(1)
        assert second.posts[0].document["message"] == "bad key"


def test_a_dead_service_costs_nobody_anything_but_itself(office: Make) -> None:
    """One never answers, one refuses, one is not there: the fourth hears at once, and pings are answered."""
    done = threading.Event()
    with Hook(lambda _post: 204 if done.wait(60) else 500) as slow, Hook(lambda _post: 403) as refusing:
        with Hook() as gone:
            pass
        with Hook() as good:
            at = office(slow.url, refusing.url, gone.url, good.url)
            at.start()
            at.open()
            at.passes()
            good.until(1)
            at.until_kept(1)
            at.passes(60)
            at.close()
            at.passes(11)
            good.until(2)
            eventually(lambda: at.channel(1).lost == 2 == at.channel(2).lost, what="two messages given up")
            assert at.channel(1).error == "HTTP 403 Forbidden"
            assert at.channel(2).error == "Connection refused"
            assert [at.channel(one).state for one in (1, 2, 3)] == ["failing", "failing", "ok"]
            assert (at.channel(3).sent, at.channel(3).lost) == (2, 0)
            assert len(slow.posts) == 1, "no second attempt while the first has no answer"
            done.set()


def test_a_service_that_hangs_is_given_up_and_costs_one_thread(office: Make) -> None:
    done = threading.Event()
    with Hook(lambda _post: 204 if done.wait(60) else 500) as slow:
        at = office(slow.url)
        at.start(limit=0.05)
        at.open()
        at.passes()
        eventually(lambda: at.channel().lost, what="a message given up")
        attempts = [thread for thread in threading.enumerate() if thread.name == "alerts/0/attempt"]
        assert len(attempts) == 1
        assert "had no answer for more than 0.05 s" in (at.channel().error or "")
        done.set()


def test_what_a_service_refuses_is_tried_again_under_the_same_id_until_it_takes_it(office: Make) -> None:
    statuses = iter([500, 503, 204])
    with Hook(lambda _post: next(statuses)) as hook:
        at = office(hook.url)
        at.start()
        at.open()
        at.passes()
        hook.until(3)
        at.until_kept(1)
        assert len({post.document["id"] for post in hook.posts}) == 1
        assert (at.channel().sent, at.channel().lost, at.channel().state) == (1, 0, "ok")


def test_what_nobody_ever_took_is_told_again_as_long_as_it_is_true(office: Make) -> None:
    answers = {"status": 500}
    with Hook(lambda _post: answers["status"]) as hook:
        at = office(hook.url)
        at.start()
        at.open()
        at.passes()
        eventually(lambda: at.channel().lost, what="a message given up")
        eventually(lambda: not at.notebook.book.under_way, what="the notifier knows it")
        assert at.kept() == [], "nothing was told"
        answers["status"] = 204
        at.passes()
        at.until_kept(1)
        assert at.channel().state == "ok"


def test_the_next_daemon_tells_nothing_twice_and_forgets_no_end(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url)
        ref = at.start()
        at.open()
        at.open("main:other")
        at.passes()
        hook.until(2)
        kept = at.until_kept(2)[-1]
        ref.stop()
        at.notebook = Notebook(kept)  # as it comes out of the ledger's memory
        at.close("main:other")
        at.start()
        at.passes(12)
        hook.until(3)
        assert hook.events[2:] == [("resolved", "main:other")]


def test_a_generation_that_died_before_a_message_was_taken_leaves_it_to_the_next(office: Make) -> None:
    done = threading.Event()

    def answer(_post: Post) -> int:
        return 204 if done.is_set() else (done.wait(60) and 500) or 500

    with Hook(answer) as hook:
        at = office(hook.url)
        ref = at.start()
        at.open()
        at.passes()
        hook.until(1)
        ref.stop()
        done.set()
        at.start()
        at.passes()
        at.until_kept(1)
        assert {event for event, _ in hook.events} == {"opened"}


def test_an_address_that_cannot_be_looked_up_is_a_failing_channel_and_no_incident(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url)
        url = at.urls.pop("env:HOOK0")
        at.start()
        at.open()
        at.passes()
        eventually(lambda: at.channel().state == "failing", what="a failing channel")
        eventually(lambda: not at.notebook.book.under_way, what="the message given up")
        assert not [record for record in at.supervisor.records if isinstance(record, Incident)]
        at.urls["env:HOOK0"] = url
        at.passes()
        hook.until(1)


def test_no_secret_is_logged_or_shown(office: Make, logged: list[Any]) -> None:
    with Hook(lambda _post: 500) as hook:
        at = office(hook.url, hook.apprise_url, "slack://Tok3nTok3n/nonsense")
        at.start()
        at.open()
        at.passes()
        eventually(lambda: all(channel.lost for channel in at.vitals.channels), what="all given up")
        shown = repr(logged) + repr([vars(channel) for channel in at.vitals.channels])
        assert SECRET not in shown
        assert "ok3n" not in shown
        assert [channel.url for channel in at.vitals.channels] == [
            "webhook+http://***",
            "json://***",
            "slack://***",
        ]


def test_facts_that_wait_outside_the_ledger_are_told_although_it_cannot_tell(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url)
        at.start()
        at.spilled.spilled = 7
        at.passes()
        (post,) = hook.until(1)
        at.until_kept(1)
        assert post.document["key"] == "ledger:spilling"
        assert post.document["severity"] == "critical"
        assert post.document["text"] == "the database takes nothing: 7 entries wait outside it"
        at.open("ledger:spilling", "critical")  # the inlet's own, once the database takes it
        at.passes(5)
        at.spilled.spilled = 0
        at.close("ledger:spilling")
        at.passes(12)
        hook.until(2)
        assert hook.events == [("opened", "ledger:spilling"), ("resolved", "ledger:spilling")]


def test_nothing_counts_as_over_while_the_ledger_cannot_be_read(office: Make, tmp_path: Path) -> None:
    with Hook() as hook:
        at = office(hook.url)
        at.start()
        at.open()
        at.passes()
        hook.until(1)
        kept = at.until_kept(1)[-1]
        (tmp_path / "vigil.db").rename(tmp_path / "away.db")
        at.notebook = Notebook(kept)
        at.start()
        at.passes(30)
        assert hook.events == [("opened", "main:blind")]


def test_a_locked_ledger_stops_nobody(office: Make, tmp_path: Path) -> None:
    """Readers do not wait for the writer; and where one must wait, the next look makes it good."""
    with Hook() as hook:
        at = office(hook.url)
        at.start()
        at.open()
        with locked(at.url):
            at.passes()
            hook.until(1)


def test_without_an_address_nothing_is_done(office: Make) -> None:
    at = office()
    ref = at.start()
    at.open()
    at.clock.advance(100)
    assert at.looks == 0
    assert ref.is_alive()
    assert at.kept() == []


def test_settings_say_what_is_told_and_how_often(office: Make) -> None:
    with Hook() as hook:
        at = office(hook.url, min_severity="critical", repeat_after=5.0)
        at.start()
        at.open("main:less")
        at.open("main:worst", "critical")
        at.passes()
        hook.until(1)
        at.until_kept(1)
        at.passes(5)
        hook.until(2)
        assert hook.events == [("opened", "main:worst"), ("repeated", "main:worst")]


def test_what_is_kept_is_what_the_next_daemon_reads() -> None:
    case = alerts.Case("k", "kind", "critical", "text", None, 1, 2)
    book = alerts.Book({"k": alerts.Told(case, "critical", 5, returns=3)})
    assert Notebook(alerts.dumped(book)).book == book
