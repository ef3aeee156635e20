"""One private stream, against servers that behave and servers that do not."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.connection import ConnectionActor
from actors.memory import StreamMemory
from actors.reader import StreamReader
from core.clock import SystemClock
from core.errors import FatalError, RateLimited
from core.facts import Batch, Unrecognised
from core.messages import BalancesOwed, Down, Ready, ResyncNeeded, SendHeartbeat, StreamProgressed
from exchanges.base import Credentials
from tests.actors.streams import CHILD, Scene, no_readers_left, scene
from tests.support.actors import Events, Listener, Puppet, gone, listening
from tests.support.clock import ManualClock
from tests.support.fakes import Venue, WordExchange, fill, trade_ids
from tests.support.peers import (
    BINARY,
    PING,
    PONG,
    TEXT,
    WAIT,
    Answered,
    Asked,
    Guest,
    frame,
    rest_peer,
    stream_peer,
)
from tests.support.waiting import eventually
from transport.origin import Origins


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def live(listener: Listener, tmp_path: Path, venue: Venue) -> Iterator[tuple[Scene, Guest]]:
    """A connection that is subscribed, and the server's side of it."""
    with scene(listener, tmp_path, venue) as one:
        guest = venue.next()
        listener.skip_to(Ready)
        yield one, guest


# ------------------------------------------------------------------ coming up


def test_it_tells_each_stage_and_is_ready_only_when_the_exchange_acknowledged(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    with scene(listener, tmp_path, venue) as one:
        heard = [listener.next(StreamProgressed) for _ in range(3)]
        assert [progress.stage for progress in heard] == ["connecting", "authenticating", "subscribing"]
        assert heard[0] == StreamProgressed(CHILD, 1, "main", "connecting")
        assert listener.next(Ready) == Ready(CHILD, 1)
        assert one.vitals.subscribed_gen == 1


def test_a_swallowed_acknowledgement_is_a_failed_attempt_and_never_ready(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    venue.manners = venue.mute
    with scene(listener, tmp_path, venue, exchange=WordExchange(subscribe_timeout=0.05)) as one:
        stages = [listener.next(StreamProgressed).stage for _ in range(2)]
        assert stages == ["connecting", "authenticating"]
        down = listener.next(Down)
        assert down.reason == "link"
        assert "not subscribed" in down.detail
        assert one.vitals.subscribed_gen is None


@pytest.mark.parametrize(
    ("status", "reason", "hint", "incidents"),
    [
        (b"401 Unauthorized", "fatal", None, []),
        (b"410 Gone", "link", 60, ["protocol_changed"]),
        (b"404 Not Found", "link", 60, ["protocol_changed"]),
        (b"429 Too Many\r\nRetry-After: 7", "link", 7, []),
        (b"503 Unavailable", "link", None, []),
    ],
)
def test_a_refused_handshake_ends_it_with_what_should_be_done(
    listener: Listener, tmp_path: Path, status: bytes, reason: str, hint: float | None, incidents: list[str]
) -> None:
    def refuse(guest: Guest) -> None:
        guest.request()
        guest.raw(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    with scene(listener, tmp_path, refuse) as one:
        down = one.down()
        assert (down.reason, down.retry_after) == (reason, hint)
        assert one.incidents() == incidents


def test_an_account_without_an_address_for_its_stream_is_for_the_user_to_mend(
    listener: Listener, tmp_path: Path
) -> None:
    one = Scene(listener, tmp_path, "", SystemClock()).start()
    assert one.down().reason == "fatal"


def test_a_ban_that_the_stream_heard_of_stops_rest_and_the_next_attempt(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    with scene(listener, tmp_path, venue) as one:
        venue.next().text("broken banned")
        assert one.down().retry_after == 120
        with pytest.raises(RateLimited):
            one.origins.rest(one.endpoints.rest, 1).begin(1, urgent=True)
        one.start(2)
        down = one.down()
        assert (down.gen, down.reason) == (2, "link")
        assert (down.retry_after or 0) > 100


def test_too_many_attempts_wait_before_they_reach_the_exchange(listener: Listener, tmp_path: Path) -> None:
    with stream_peer(lambda guest: None) as peer:
        origins = Origins(SystemClock(), connects=1)
        origins.connecting(peer.url)
        one = Scene(listener, tmp_path, peer.url, SystemClock(), origins=origins).start()
        down = one.down()
        assert down.reason == "link"
        assert (down.retry_after or 0) > 200
        assert peer.visits == 0


# --------------------------------------------------------------- what comes in


def test_facts_go_to_the_inlet_with_all_that_the_ledger_needs(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    before = SystemClock().monotonic()
    guest.text("fill 77")
    (batch,) = one.tap.trades("77")
    assert batch == Batch(
        account="main",
        exchange="words",
        source="stream",
        origin=one.actor.context.origin,
        received_at=batch.received_at,
        received_mono=batch.received_mono,
        facts=(fill("77"),),
        raw="fill 77",
        fence=None,
    )
    assert before <= batch.received_mono <= SystemClock().monotonic()
    assert abs(batch.received_at - SystemClock().wall_ms()) < 60_000


def test_a_burst_is_kept_whole_and_in_order(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    ids = [str(number) for number in range(2000)]
    guest.raw(b"".join(frame(TEXT, f"fill {one_id}".encode()) for one_id in ids))
    assert trade_ids(one.tap.trades(*ids)) == ids
    assert one.vitals.streamed == 2000


def test_the_poller_is_told_once_that_balances_are_owed_and_looks_for_itself(
    live: tuple[Scene, Guest],
) -> None:
    one, guest = live
    events = Events()
    Puppet.start(one.listener.context("main/poller"), events)
    for number in range(3):
        guest.text(f"order {number}")
    guest.text("fill 1")
    one.tap.trades("1")
    events.has_heard(BalancesOwed())
    assert one.vitals.owed.look() is not None
    guest.text("balance USDT")
    guest.text("fill 2")
    one.tap.trades("2")
    assert events.heard == [BalancesOwed()]


def test_no_secret_of_the_account_is_kept_in_a_raw_frame(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    guest.text("strange the-api-key and the-api-secret, and the-api-key again")
    (batch,) = one.tap.until(bool)
    assert batch.raw == "strange [masked] and [masked], and [masked] again"


def test_what_cannot_be_read_is_kept_as_unrecognised_and_the_stream_goes_on(
    live: tuple[Scene, Guest],
) -> None:
    one, guest = live
    guest.send(BINARY, b"\x00\x01")
    guest.send(TEXT, b"\xff\xfe")
    guest.text("{garbage")
    guest.text("fill 1")
    batches = one.tap.trades("1")
    assert [type(batch.facts[0]) for batch in batches[:3]] == [Unrecognised] * 3
    assert batches[1].raw == "\\xff\\xfe"
    assert one.listener.rest() == []


def test_what_is_not_recognised_is_no_sign_of_business(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    guest.text("{garbage")
    one.tap.until(bool)
    assert (one.vitals.streamed, one.vitals.last_event_at) == (0, None)
    guest.text("fill 1")
    one.tap.trades("1")
    assert one.vitals.streamed == 1
    assert one.vitals.last_event_at is not None


def test_a_frame_beyond_all_measure_ends_the_link(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    guest.text("fill 1")
    guest.raw(b"\x81\x7f" + (5 * 1024 * 1024).to_bytes(8, "big"))
    assert one.down().reason == "link"
    one.tap.trades("1")


def test_a_frame_that_is_to_be_sent_later_is_sent_later(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    sent: list[bytes] = []
    there = threading.Event()

    def manners(guest: Guest) -> None:
        guest.greet()
        guest.expect(TEXT)
        guest.text("later again")
        sent.append(guest.expect(TEXT))
        there.set()
        guest.until_gone()

    with scene(listener, tmp_path, manners):
        assert there.wait(WAIT)
    assert sent == [b"again"]


def test_a_renewed_subscription_asks_for_a_reconcile_and_stays_up(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    guest.text("renewed")
    assert one.listener.next(ResyncNeeded) == ResyncNeeded(CHILD, 1, "main", "it had ended")
    guest.text("fill 1")
    one.tap.trades("1")


# ------------------------------------------------------------------ going down


@pytest.mark.parametrize(
    ("error", "reason", "hint", "incidents"),
    [
        ("link", "link", None, []),
        ("fatal", "fatal", None, []),
        ("limited", "link", 77, []),
        ("changed", "link", 60, ["protocol_changed"]),
        ("bad", "link", 60, ["stream_refused"]),
    ],
)
def test_what_breaks_the_session_decides_what_is_done_and_what_came_with_it_is_kept(
    live: tuple[Scene, Guest], error: str, reason: str, hint: float | None, incidents: list[str]
) -> None:
    one, guest = live
    guest.text(f"broken {error}")
    down = one.down()
    assert (down.reason, down.retry_after) == (reason, hint)
    assert one.incidents() == incidents
    one.tap.trades(f"with {error}")
    assert one.vitals.subscribed_gen is None


@pytest.mark.parametrize("leave", [lambda guest: guest.reset(), lambda guest: guest.send(8, b"\x03\xe9")])
def test_a_peer_that_leaves_ends_it_with_link(
    live: tuple[Scene, Guest], leave: Callable[[Guest], None]
) -> None:
    one, guest = live
    leave(guest)
    assert one.down().reason == "link"


def test_the_readers_death_is_told_whatever_it_was(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    guest.text("bug")
    down = one.down()
    assert down.reason == "bug"
    assert "a mistake of ours" in down.detail


def test_a_reader_whose_generation_was_superseded_stores_nothing_and_ends(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    one.inlet.fence(CHILD, 2)
    guest.text("fill 1")
    one.down()
    one.tap.drain()
    assert one.tap.batches() == []


def test_a_refused_timestamp_sets_the_clock_before_the_next_attempt(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    with (
        rest_peer(lambda asked: Answered(b"5000000000000")) as rest,
        scene(listener, tmp_path, venue, rest=rest.url) as one,
    ):
        venue.next().text("broken clock")
        assert one.down().reason == "link"
        origin = one.origins.rest(rest.url, 1)
        assert 5_000_000_000_000 <= origin.time_ms() < 5_000_000_060_000


def test_a_clock_that_cannot_be_set_is_a_lost_link_and_nothing_worse(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    with scene(listener, tmp_path, venue) as one:
        venue.next().text("broken clock")
        assert one.down().reason == "link"


# ------------------------------------------------------- refused, and not said why


def in_doubt(guest: Guest) -> None:
    guest.greet()
    guest.expect(TEXT)
    guest.text("broken doubt")
    guest.until_gone()


def rest_side(permissions: Answered) -> Callable[[Asked], Answered]:
    """Tells the time, and this of the key."""
    return lambda asked: Answered(b"5000000000000") if asked.path == "/time" else permissions


@pytest.mark.parametrize(
    ("permissions", "reason", "detail"),
    [
        (Answered(status=401), "fatal", "the key is wrong"),
        (Answered(), "link", "AuthInDoubt: stamp or key"),
        (Answered(status=500), "link", "AuthInDoubt: stamp or key"),
    ],
)
def test_a_second_refusal_in_doubt_has_rest_asked_what_the_key_is_worth(
    listener: Listener, tmp_path: Path, permissions: Answered, reason: str, detail: str
) -> None:
    memory = StreamMemory(SystemClock())
    with (
        rest_peer(rest_side(permissions)) as rest,
        scene(listener, tmp_path, in_doubt, rest=rest.url, memory=memory) as one,
    ):
        assert one.down().reason == "link"
        assert {asked.path for asked in rest.asked} == {"/time"}, (
            "the clock is set, and it is tried once more"
        )
        one.start(2)
        down = one.down()
        assert (down.reason, down.detail) == (reason, detail)
        assert [asked.path for asked in rest.asked].count("/permissions") == 1


def test_the_end_that_a_reader_told_counts_although_it_is_seen_to_be_gone_before_that_is_heard(
    listener: Listener, tmp_path: Path, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fatal would be tried again, and a ban forgotten, were it taken for a lost link."""

    def live_to_the_end(reader: StreamReader) -> None:
        reader._thread.start()
        venue.next().text("broken fatal")
        reader.join(WAIT)
        assert not reader.is_alive()

    monkeypatch.setattr(StreamReader, "start", live_to_the_end)
    with scene(listener, tmp_path, venue) as one:
        down = one.down()
        assert (down.reason, down.detail) == ("fatal", "the key is wrong")


def test_each_generation_looks_its_credentials_up(listener: Listener, tmp_path: Path, venue: Venue) -> None:
    with scene(listener, tmp_path, venue) as one:
        venue.next().text("broken fatal")
        assert one.down().detail == "the key is wrong"
        one.credentials = Credentials("another", "secret")
        one.start(2)
        venue.next()
        assert one.actor._credentials.api_key == "another"


def test_credentials_that_cannot_be_had_are_for_the_user_to_mend(listener: Listener, tmp_path: Path) -> None:
    def nowhere() -> Credentials:
        raise FatalError("file:secret: is empty")

    one = Scene(listener, tmp_path, "ws://127.0.0.1:1", SystemClock())
    ConnectionActor.start(
        listener.context(CHILD),
        account="main",
        exchange=one.exchange,
        credentials=nowhere,
        endpoints=one.endpoints,
        inlet=one.inlet,
        vitals=one.vitals,
        origins=one.origins,
        user_stream="auto",
        stale_after=45.0,
    )
    assert (one.down().reason, one.listener.rest()) == ("fatal", [])


# ---------------------------------------------------------------- the silence


@pytest.fixture
def quiet(listener: Listener, tmp_path: Path, venue: Venue) -> Iterator[tuple[Scene, Guest, ManualClock]]:
    """A subscribed connection whose time is in the hands of the test."""
    clock = ManualClock()
    with scene(listener, tmp_path, venue, clock=clock) as one:
        guest = venue.next()
        listener.skip_to(Ready)
        yield one, guest, clock


def test_a_half_open_peer_is_noticed_when_it_was_silent_for_stale_after(
    quiet: tuple[Scene, Guest, ManualClock],
) -> None:
    one, _, clock = quiet
    clock.advance(44.9)
    one.settle()
    assert one.listener.rest() == []
    clock.advance(0.2)
    down = one.down()
    assert down.reason == "link"
    assert "no byte from the peer" in down.detail


def test_a_pause_before_the_subscription_may_be_longer_than_stale_after(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    """Nobody has to say anything in it; how long the whole attempt may take is judged by itself."""

    def slow(guest: Guest) -> None:
        guest.greet()
        assert guest.expect(TEXT) == b"hello"
        threading.Event().wait(0.4)
        guest.text("welcome")
        assert guest.expect(TEXT) == b"subscribe"
        guest.text("subscribed")
        guest.until_gone()

    venue.manners = slow
    with scene(listener, tmp_path, venue, stale_after=0.1):
        assert listener.skip_to(Ready).gen == 1


def test_a_reader_that_hangs_before_the_subscription_is_left_when_the_attempt_had_its_time(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    venue.manners = venue.mute
    clock, exchange = ManualClock(), WordExchange(subscribe_timeout=10.0)
    with scene(listener, tmp_path, venue, clock=clock, exchange=exchange, stale_after=1.0) as one:
        eventually(lambda: one.actor._current and one.actor._current.heard_at, what="an open socket")
        one.settle()
        clock.advance(9.0)
        one.settle()
        assert not any(isinstance(message, Down) for message in listener.rest())
        clock.advance(2.0)
        assert one.down().reason == "link"


def test_a_ping_of_the_peer_is_a_sign_of_life_although_nothing_is_traded(
    quiet: tuple[Scene, Guest, ManualClock],
) -> None:
    one, guest, clock = quiet
    for _ in range(20):
        clock.advance(30.0)
        guest.send(PING, b"")
        eventually(lambda: one.vitals.transport_at == clock.boottime(), what="the stamp of the ping")
    one.settle()
    assert one.listener.rest() == []


def test_a_suspended_machine_finds_its_stream_old_soon_after_it_wakes(
    quiet: tuple[Scene, Guest, ManualClock],
) -> None:
    one, _, clock = quiet
    clock.suspend(8 * 3600)
    clock.advance(45 / 4)
    assert one.down().reason == "link"


def test_our_own_heartbeat_is_no_sign_of_life(listener: Listener, tmp_path: Path) -> None:
    heard: list[int] = []

    def manners(guest: Guest) -> None:
        guest.greet()
        guest.expect(TEXT)
        guest.text("welcome")
        guest.expect(TEXT)
        guest.text("subscribed")
        while True:
            heard.append(guest.receive()[0])

    clock = ManualClock()
    with scene(listener, tmp_path, manners, clock=clock) as one:
        listener.skip_to(Ready)
        stamp = one.vitals.transport_at
        for _ in range(4):
            clock.advance(10.0)
            one.ref.tell(SendHeartbeat())
        eventually(lambda: len(heard), lambda count: count == 4, what="our pings")
        assert set(heard) == {PING}
        assert one.vitals.transport_at == stamp
        clock.advance(5.1)
        assert one.down().reason == "link"


# ----------------------------------------------------------------- heartbeats


def stamped(one: Scene, clock: ManualClock) -> bool:
    return one.vitals.duties["heartbeat"] == clock.boottime()


def test_a_heartbeat_counts_when_its_answer_came(quiet: tuple[Scene, Guest, ManualClock]) -> None:
    one, _, clock = quiet
    assert stamped(one, clock), "an acknowledged subscription proves as much"
    clock.advance(20.0)
    assert not stamped(one, clock)
    one.ref.tell(SendHeartbeat())
    eventually(lambda: stamped(one, clock))


def test_an_exchange_with_a_ping_of_its_own_is_sent_that(listener: Listener, tmp_path: Path) -> None:
    def manners(guest: Guest) -> None:
        guest.greet()
        guest.expect(TEXT)
        guest.text("welcome")
        guest.expect(TEXT)
        guest.text("subscribed")
        while guest.expect(TEXT) == b"ping":
            guest.text("pong")

    clock = ManualClock()
    with scene(listener, tmp_path, manners, clock=clock, exchange=WordExchange(own_heartbeat=True)) as one:
        listener.skip_to(Ready)
        clock.advance(20.0)
        one.ref.tell(SendHeartbeat())
        eventually(lambda: stamped(one, clock))


def test_pongs_that_nobody_asked_for_are_no_success(quiet: tuple[Scene, Guest, ManualClock]) -> None:
    one, guest, clock = quiet
    clock.advance(20.0)
    guest.send(PONG, b"vigil")
    guest.text("pong")
    guest.text("fill 1")
    one.tap.trades("1")
    assert not stamped(one, clock)


# ------------------------------------------------------------- stop and abandon


def test_a_stop_hangs_up_and_leaves_no_thread(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    one.ref.stop(block=True, timeout=WAIT)
    assert one.down().reason == "shutdown"
    no_readers_left()
    assert one.listener.dead_letters() == [], "its reader's end is no news to anybody"
    assert guest.sock.fileno() == -1 or guest.sock.recv(1) in {b"", b"\x88"}


def test_a_stop_while_the_server_lets_it_wait_ends_at_once(listener: Listener, tmp_path: Path) -> None:
    waiting = threading.Event()

    def manners(guest: Guest) -> None:
        guest.request()
        waiting.set()
        guest.silence()

    with scene(listener, tmp_path, manners) as one:
        assert waiting.wait(WAIT)
        one.ref.stop(block=True, timeout=WAIT)
        assert one.down().reason == "shutdown"


def test_one_that_is_abandoned_hangs_up_from_the_supervisors_thread(live: tuple[Scene, Guest]) -> None:
    one, guest = live
    thread = one.actor.thread
    one.actor.abandon("it hangs")
    no_readers_left()
    gone(thread)
    guest.text("fill 1")
    one.tap.drain()
    assert one.tap.batches() == []


def test_the_end_of_an_abandoned_one_does_not_speak_for_its_successor(live: tuple[Scene, Guest]) -> None:
    one, _ = live
    one.vitals.subscribed_gen = 2
    one.ref.stop(block=True, timeout=WAIT)
    assert one.vitals.subscribed_gen == 2


def test_threads_and_sockets_are_the_same_after_twenty_reconnects(
    listener: Listener, tmp_path: Path, venue: Venue
) -> None:
    def count() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    with stream_peer(venue) as peer:
        one = Scene(listener, tmp_path, peer.url, SystemClock())
        counts = []
        for gen in range(1, 21):
            one.start(gen)
            guest = venue.next()
            listener.skip_to(Ready)
            guest.reset()
            assert one.down().gen == gen
            gone(one.actor.thread)
            no_readers_left()
            eventually(
                lambda: [t for t in threading.enumerate() if t.name == "peer's guest"], lambda x: not x
            )
            guest.sock = socket.socket()  # the peer keeps its guests: let go of this one's descriptor
            guest.sock.close()
            counts.append(count())
        assert counts[-1] == counts[0]
