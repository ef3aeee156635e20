"""The desk: one call a step, cancels before what begins something, and what an error asks for."""

from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest

from actors import desk as module
from actors.desk import WAIT, Desk
from core.errors import ClockError, FatalError, LinkError, RateLimited, UnknownOutcome, VigilError
from core.wire import Call, Reply
from exchanges.base import Credentials
from exchanges.trading import Unheard, Unsure
from tests.support.clock import ManualClock
from transport.origin import Origins

SECRET = "s3cret-of-the-key"


class Client:
    """Answers in turn; an error is raised."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.calls: list[tuple[str, bool]] = []
        self.paced = 0.0
        self.closed = False

    def pause(self, call: Call) -> float:
        return self.paced

    def call(self, call: Call, *, urgent: bool = False) -> Any:
        self.calls.append((call.path, urgent))
        answer = self.answers.pop(0) if self.answers else f"reply to {call.path}"
        if isinstance(answer, VigilError):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


class Office:
    """A desk, and what it asked for; `work` makes the steps that it wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clients: list[Client] = []
        self.clock = ManualClock()
        self.wakes: list[float] = []
        self.told: list[Any] = []
        self.credentials: Callable[[], Credentials] = lambda: Credentials("key", SECRET)
        monkeypatch.setattr(module, "RestClient", self._client)
        context: Any = SimpleNamespace(clock=self.clock)
        exchange: Any = SimpleNamespace(
            defaults=SimpleNamespace(weight_per_minute=1000),
            rest=lambda credentials, endpoints: SimpleNamespace(),
            trading=lambda rest: SimpleNamespace(),
        )
        self.desk = Desk(
            context,
            account="main",
            exchange=exchange,
            credentials=lambda: self.credentials(),
            endpoints=SimpleNamespace(rest="http://exchange.test"),  # type: ignore[arg-type]
            origins=Origins(self.clock),
            wake=self.wakes.append,
        )
        self.desk.open()

    def _client(self, *_args: Any, **_options: Any) -> Client:
        self.clients.append(Client())
        return self.clients[-1]

    @property
    def client(self) -> Client:
        return self.clients[-1]

    @property
    def calls(self) -> list[str]:
        return [path for path, _ in self.client.calls]

    def ask(self, *paths: str, urgent: bool = False) -> None:
        self.desk.ask(lambda: plan(*paths), self.told.append, urgent=urgent)

    def work(self) -> None:
        """Make steps for as long as the desk wants one now."""
        while 0.0 in self.wakes:
            self.wakes.remove(0.0)
            self.desk.step()


def plan(*paths: str) -> Generator[Call, Reply, list[Any]]:
    brought: list[Any] = []
    for path in paths:
        reply = yield Call("GET", path)
        brought += [reply]
    return brought


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(monkeypatch)


def test_a_step_is_one_call_at_most(office: Office) -> None:
    office.ask("/a", "/b")
    for calls in (["/a"], ["/a", "/b"]):
        office.desk.step()
        assert office.calls == calls
    assert office.told == [["reply to /a", "reply to /b"]]


def test_what_ends_something_goes_before_what_has_not_begun(office: Office) -> None:
    office.ask("/place", "/look")
    office.ask("/place-too")
    office.desk.step()
    office.ask("/cancel", urgent=True)
    office.work()
    assert office.calls == ["/place", "/look", "/cancel", "/place-too"]
    assert ("/cancel", True) in office.client.calls
    assert ("/place", False) in office.client.calls


def test_what_is_urgent_is_done_in_the_order_of_asking(office: Office) -> None:
    office.ask("/place")
    for path in ("/first", "/second", "/third"):
        office.ask(path, urgent=True)
    office.work()
    assert office.calls == ["/first", "/second", "/third", "/place"]


def test_a_plan_that_is_not_wanted_any_more_makes_no_call(office: Office) -> None:
    office.desk.ask(lambda: None, office.told.append)
    office.ask("/a")
    office.work()
    assert (office.calls, len(office.told)) == (["/a"], 1)


def test_a_call_that_has_a_pace_is_waited_for_by_a_timer(office: Office) -> None:
    office.ask("/slow")
    office.client.paced = 0.7
    office.work()
    assert (office.calls, set(office.wakes)) == ([], {0.7})
    office.client.paced = 0.0
    office.desk.step()
    assert office.calls == ["/slow"]


def test_an_error_is_brought_to_whoever_asked_and_the_next_one_has_his_turn(office: Office) -> None:
    broken = LinkError("the line is cut")
    office.client.answers = [broken]
    office.ask("/a")
    office.ask("/b")
    office.work()
    assert office.told == [broken, ["reply to /b"]]


@pytest.mark.parametrize(
    ("error", "wait"), [(LinkError("cut"), WAIT), (RateLimited("no", retry_after=30), 30.0)]
)
def test_after_an_error_nothing_new_is_placed_for_as_long_as_it_asks(
    office: Office, error: VigilError, wait: float
) -> None:
    office.client.answers = [error]
    office.ask("/a")
    office.work()
    assert office.desk.closed_until == office.clock.boottime() + wait


def test_a_refused_timestamp_is_doubted_before_the_next_call(office: Office) -> None:
    def place() -> Generator[Call, Reply, Unheard]:
        try:
            yield Call("POST", "/order")
        except ClockError as error:
            return Unheard(error)
        raise AssertionError("it was refused")

    office.client.answers = [ClockError("too early")]
    office.desk.ask(place, office.told.append)
    office.work()
    assert office.desk.is_clock_old()
    assert isinstance(office.told[0], Unheard)


def test_after_an_answer_that_proves_nothing_nothing_new_is_placed_for_a_while(office: Office) -> None:
    """Otherwise an exchange in trouble is given one order after another that has to be asked for."""

    def place() -> Generator[Call, Reply, Unsure]:
        try:
            yield Call("POST", "/order")
        except UnknownOutcome as error:
            return Unsure(error)
        raise AssertionError("nobody knows")

    office.client.answers = [UnknownOutcome("HTTP 500")]
    office.desk.ask(place, office.told.append)
    office.work()
    assert office.desk.closed_until == office.clock.boottime() + WAIT


def test_a_refused_key_is_looked_up_anew(office: Office) -> None:
    office.client.answers = [FatalError("no such key")]
    office.ask("/a")
    office.work()
    assert len(office.clients) == 2
    assert office.clients[0].closed


def test_a_key_that_is_gone_ends_nobody(office: Office) -> None:
    def gone() -> Credentials:
        raise FatalError("there is none")

    office.client.answers = [FatalError("no such key")]
    office.credentials = gone
    office.ask("/a")
    office.ask("/b")
    office.work()
    assert office.told[-1] == ["reply to /b"]


def test_what_is_told_holds_no_secret(office: Office) -> None:
    assert SECRET not in office.desk.masked(f"bad signature {SECRET}")
