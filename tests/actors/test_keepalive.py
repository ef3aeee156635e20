"""When duties are due: a quiet account is left alone, an old socket is replaced."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.keepalive import KeepaliveActor
from actors.memory import StreamMemory
from core.messages import Ready, RenewKey, Rotate, SendHeartbeat, Tick
from core.status import Vitals
from tests.support.actors import Events, Listener, Puppet, gone, listening
from tests.support.clock import ManualClock


class Ticks:
    """A ticker that ticks when the test says so."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[float, Callable[[], object]]] = {}

    def every(self, job_id: str, seconds: float, tell: Callable[[], object]) -> None:
        self.jobs[job_id] = (seconds, tell)

    def remove(self, job_id: str) -> None:
        del self.jobs[job_id]


class Scene:
    """A keepalive, the connection it talks to, and time in the hands of the test."""

    def __init__(self, listener: Listener, clock: ManualClock, account: str, **seconds: Any) -> None:
        self.clock = clock
        self.listener = listener
        self.ticks = Ticks()
        options: dict[str, Any] = {"heartbeat": 20.0, "rotate_after": 82_800.0, **seconds}
        self.events = Events()
        self.connection = Puppet.start(listener.context("main/connection"), self.events)
        listener.next(Ready)
        self.ref = KeepaliveActor.start(
            listener.context("main/keepalive", gen=3),
            account=account,
            connection=listener.directory.address("main/connection"),
            ticker=self.ticks,
            **options,
        )
        listener.next(Ready)

    @property
    def every(self) -> float:
        return self.ticks.jobs["main/keepalive#3"][0]

    def pass_(self, seconds: float, *, asleep: bool = False) -> None:
        """Let time go by, then tick once."""
        (self.clock.suspend if asleep else self.clock.advance)(seconds)
        self.tick()

    def tick(self) -> None:
        self.ref.ask(Tick(), timeout=10)

    def run(self, seconds: float) -> list[Any]:
        """Let so much time go by in the ticker's own steps; what the connection heard."""
        for _ in range(round(seconds / self.every)):
            self.pass_(self.every)
        return self.heard()

    def heard(self) -> list[Any]:
        self.connection.ask("and then?", timeout=10)
        heard = [message for message in self.events.heard if message != "and then?"]
        self.events.heard.clear()
        return heard


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture
def scene(listener: Listener) -> Scene:
    return Scene(listener, _clocked(listener), "main")


def _clocked(listener: Listener) -> ManualClock:
    clock = ManualClock()
    listener.clock = clock
    return clock


def test_a_heartbeat_is_due_once_each_period(scene: Scene) -> None:
    assert scene.run(15.0) == []
    assert scene.run(45.0) == [SendHeartbeat()] * 3


def test_an_idle_day_brings_heartbeats_and_one_rotation_and_nothing_else(listener: Listener) -> None:
    scene = Scene(listener, _clocked(listener), "main", heartbeat=600.0)
    heard = scene.run(24 * 3600)
    assert [message for message in heard if not isinstance(message, SendHeartbeat)] == [
        Rotate("it has reached its age")
    ]
    assert len(heard) == 144 + 1


def test_rotation_is_due_within_two_percent_of_its_age_and_not_for_all_accounts_at_once(
    listener: Listener,
) -> None:
    clock, ages = _clocked(listener), set()
    for name in ("one", "two", "three", "four"):
        scene = Scene(listener, clock, name, heartbeat=1e9, rotate_after=1000.0)
        for age in range(970, 1030):
            scene.pass_(970.0 if age == 970 else 1.0)
            if scene.heard():
                ages.add(age)
                break
        scene.ref.stop()
        scene.connection.stop()
        listener.rest()
    assert len(ages) > 1
    assert all(980 <= age <= 1021 for age in ages)


def test_an_account_rotates_at_the_same_age_in_every_generation(listener: Listener) -> None:
    clock = _clocked(listener)
    ages = [
        KeepaliveActor(
            listener.context("main/keepalive"),
            account="main",
            heartbeat=20,
            rotate_after=1000,
            connection=listener.directory.address("main/connection"),
            ticker=Ticks(),
        )._rotate_after
        for _ in range(2)
    ]
    assert ages[0] == ages[1]
    assert clock.boottime() > 0


def test_a_rotation_that_was_asked_for_is_due_again_after_another_age(listener: Listener) -> None:
    scene = Scene(listener, _clocked(listener), "main", heartbeat=4.0, rotate_after=100.0)
    heard = [message for message in scene.run(450) if isinstance(message, Rotate)]
    assert len(heard) == 4


def test_what_was_due_while_the_machine_slept_is_due_once_when_it_wakes(scene: Scene) -> None:
    scene.pass_(5 * 24 * 3600, asleep=True)
    assert scene.heard() == [SendHeartbeat(), Rotate("it has reached its age")]
    scene.tick()
    assert scene.heard() == []


def test_a_step_of_the_wall_clock_makes_nothing_due(scene: Scene) -> None:
    for step in (3600.0, -7200.0):
        scene.clock.step_wall(step)
        scene.tick()
    assert scene.heard() == []


def test_the_ticker_looks_several_times_in_the_shortest_period(listener: Listener) -> None:
    scene = Scene(listener, _clocked(listener), "main", heartbeat=20.0, rotate_after=4.0)
    assert scene.every == pytest.approx(1.0, rel=0.02)


def test_ticks_that_pile_up_are_one_tick(scene: Scene) -> None:
    tell = scene.ticks.jobs["main/keepalive#3"][1]
    scene.clock.advance(20)
    for _ in range(100):
        tell()
    scene.tick()
    assert scene.heard() == [SendHeartbeat()]


def test_the_job_bears_child_and_generation_and_goes_with_them(scene: Scene) -> None:
    assert set(scene.ticks.jobs) == {"main/keepalive#3"}
    thread = scene.ref._actor_weakref().thread  # type: ignore[union-attr]
    scene.ref.stop()
    gone(thread)
    assert scene.ticks.jobs == {}


# ------------------------------------------------------------------ renewal of a key


class KeyScene(Scene):
    """The same with a listen key that was renewed a moment ago."""

    def __init__(self, listener: Listener, account: str = "main", **seconds: float) -> None:
        clock = _clocked(listener)
        self.memory = StreamMemory(clock)
        self.memory.renewed("a-listen-key")
        self.vitals = Vitals()
        quiet = {"heartbeat": 1e9, "rotate_after": 1e9}
        shared: dict[str, Any] = {"memory": self.memory, "vitals": self.vitals}
        super().__init__(listener, clock, account, **{**quiet, **seconds}, **shared)

    def asked(self, seconds: float) -> list[float]:
        """Let so much time go by, tick by tick; how long after its beginning renewals were asked for."""
        began, moments = self.clock.boottime(), []
        while self.clock.boottime() < began + seconds:
            self.pass_(self.every)
            moments += [message.asked_at - began for message in self.heard()]
        return moments


def test_a_renewal_is_due_within_ten_percent_of_its_age(listener: Listener) -> None:
    ages = set()
    for account in ("one", "two", "three", "four", "five"):
        scene = KeyScene(listener, account, renew_every=1200.0)
        scene.pass_(1079.0)
        assert scene.heard() == []
        (age,) = scene.asked(245.0)[:1]
        ages.add(round(1079 + age))
        scene.ref.stop()
        scene.connection.stop()
        listener.rest()
    assert len(ages) > 1
    assert all(1080 <= age <= 1322 for age in ages)


def test_a_renewal_that_does_not_succeed_is_asked_for_again_in_5_10_and_every_20_s(
    listener: Listener,
) -> None:
    scene = KeyScene(listener, renew_every=100.0)
    moments = scene.asked(220.0)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert gaps[:4] == pytest.approx([5, 10, 20, 20], abs=1.3)


def test_a_renewal_that_succeeded_is_due_again_after_its_age_and_not_before(listener: Listener) -> None:
    scene = KeyScene(listener, renew_every=100.0)
    assert len(scene.asked(112.0)) >= 1
    scene.memory.renewed("a-listen-key")
    assert scene.asked(85.0) == []
    again = scene.asked(30.0)
    assert again[1] - again[0] == pytest.approx(5, abs=1.3)


def test_a_machine_that_slept_asks_for_a_renewal_when_it_wakes(listener: Listener) -> None:
    scene = KeyScene(listener, renew_every=100.0)
    scene.pass_(3000.0, asleep=True)
    assert [type(message) for message in scene.heard()] == [RenewKey]


def test_a_stream_without_a_key_renews_none_and_is_not_judged_by_it(listener: Listener) -> None:
    scene = KeyScene(listener, renew_every=100.0)
    assert scene.vitals.periods["listen_key"] == 100.0
    scene.memory.lost_key()
    assert scene.asked(300.0) == []
    assert set(scene.vitals.periods) == {"heartbeat", "rotation"}


def test_the_periods_are_told_for_whoever_judges(listener: Listener) -> None:
    scene = KeyScene(listener, heartbeat=20.0, rotate_after=600.0, renew_every=300.0)
    assert scene.vitals.periods == {"heartbeat": 20.0, "rotation": 600.0, "listen_key": 300.0}
