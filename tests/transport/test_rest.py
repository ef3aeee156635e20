"""REST calls against a server that answers as each test says."""

import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from core.clock import SystemClock
from core.errors import (
    BadRequest,
    ClockError,
    FatalError,
    LinkError,
    RateLimited,
    UnknownOutcome,
    VigilError,
)
from core.wire import Call, Reply, Wire
from tests.support.peers import WAIT, Answered, Asked, Guest, RestPeer, rest_peer, stream_peer
from transport.dial import Resolver
from transport.origin import Origins, RestOrigin
from transport.rest import RestClient

CLOCK = SystemClock()
GET = Call("GET", "/api/v3/account", weight=20)
POST = Call("POST", "/api/v3/order", weight=1)


class PlainDialect:
    """Signs nothing, and believes what the server writes into its headers."""

    def sign(self, call: Call, wall_ms: int) -> Wire:
        query = f"?{urlencode(call.params)}" if call.params else ""
        return Wire(call.method, call.path + query, (("X-Stamp", str(wall_ms)),), call.body)

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        hint = float(reply.headers["retry-after"]) if "retry-after" in reply.headers else None
        match reply.status:
            case 418 | 429:
                return RateLimited("slow down", retry_after=hint, ban=reply.status == 418)
            case 401:
                return FatalError("bad key")
            case 400:
                return ClockError("timestamp outside of the window")
        return None

    def used_weight(self, reply: Reply) -> int | None:
        return int(reply.headers["used"]) if "used" in reply.headers else None

    def clock(self) -> Generator[Call, Reply, int]:
        reply = yield Call("GET", "/time")
        return int(reply.body)


@contextmanager
def client(
    url: str, *, origin: RestOrigin | None = None, limit: int = 6000, **options: Any
) -> Iterator[RestClient]:
    origin = origin or RestOrigin(CLOCK, limit)
    with closing(RestClient(url, dialect=PlainDialect(), origin=origin, clock=CLOCK, **options)) as rest:
        yield rest


def answering(*answers: Answered) -> Callable[[Asked], Answered]:
    """These answers in turn, the last one for ever."""
    left = list(answers)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


# ---------------------------------------------------------------- what is sent


def test_a_reply_has_status_lower_case_headers_body_and_both_clocks() -> None:
    with (
        rest_peer(answering(Answered(b'{"a":1}', headers={"X-MBX-Used": "3"}))) as peer,
        client(peer.url) as rest,
    ):
        before = CLOCK.wall_ms()
        reply = rest.call(GET)
        assert (reply.status, reply.body, reply.headers["x-mbx-used"]) == (200, b'{"a":1}', "3")
        assert before <= reply.began_ms <= CLOCK.wall_ms()
        assert reply.began <= reply.ended <= CLOCK.boottime()


@pytest.mark.parametrize(
    "params",
    [
        (("symbols", '["BTCUSDT","ETHUSDT"]'),),
        (("symbol", "１２３４５６"), ("note", "a b+c/d=e&f")),
        (("odd", "~!$'()*,;:@%2f"),),
    ],
)
def test_the_bytes_that_were_signed_are_the_bytes_that_are_sent(params: tuple[tuple[str, str], ...]) -> None:
    with rest_peer(answering(Answered())) as peer, client(peer.url) as rest:
        rest.call(Call("GET", "/api/v3/order", params))
        assert peer.asked[0].target == f"/api/v3/order?{urlencode(params)}"


@pytest.mark.parametrize(
    "target", ['/x?s=["A"]', "/x?q=a b", "/x?q=grün", "/x?q=%2f", "/x#y", "//x\r\nHost: y", "x"]
)
def test_a_target_that_would_be_changed_on_the_way_is_not_sent(target: str) -> None:
    class Careless(PlainDialect):
        def sign(self, call: Call, wall_ms: int) -> Wire:
            return Wire("GET", target, ())

    with rest_peer(answering(Answered())) as peer:
        rest = RestClient(peer.url, dialect=Careless(), origin=RestOrigin(CLOCK, 100), clock=CLOCK)
        with closing(rest), pytest.raises(BadRequest):
            rest.call(GET)
        assert peer.asked == []


def test_a_base_may_have_a_path_and_a_slash_at_its_end() -> None:
    with rest_peer(answering(Answered())) as peer, client(peer.url + "/exchange/v1/") as rest:
        rest.call(GET)
        assert peer.asked[0].target == "/exchange/v1/api/v3/account"


def test_a_body_is_sent_as_it_is() -> None:
    with rest_peer(answering(Answered())) as peer, client(peer.url) as rest:
        rest.call(Call("POST", "/v5/order/create", body=b'{"qty":"1.50"}'))
        assert peer.asked[0].body == b'{"qty":"1.50"}'


def test_calls_share_one_connection() -> None:
    with rest_peer(answering(Answered(b"x" * 100_000))) as peer, client(peer.url) as rest:
        for _ in range(5):
            rest.call(GET)
        assert peer.connections == 1


def test_after_a_renewal_the_next_call_dials() -> None:
    with rest_peer(answering(Answered())) as peer, client(peer.url) as rest:
        for connections in (1, 2, 3):
            assert (rest.call(GET).status, rest.call(GET).status) == (200, 200)
            assert peer.connections == connections
            rest.renew()


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with rest_peer(answering(Answered())) as peer, client(peer.url) as rest:
        assert rest.call(GET).status == 200


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with rest_peer(answering(Answered(status=302, headers={"Location": "/elsewhere"}))) as peer:
        with client(peer.url) as rest:
            assert rest.call(GET).status == 302
        assert len(peer.asked) == 1


def test_cookies_of_the_exchange_are_not_sent_back() -> None:
    with rest_peer(answering(Answered(headers={"Set-Cookie": "a=b"}))) as peer, client(peer.url) as rest:
        rest.call(GET)
        rest.call(GET)
        assert "cookie" not in peer.asked[1].headers


# -------------------------------------------------------------- what can fail


@pytest.mark.parametrize(("call", "kind"), [(GET, LinkError), (POST, UnknownOutcome)])
def test_a_read_that_times_out_is_a_lost_link_and_a_write_an_unknown_outcome(call: Call, kind: type) -> None:
    with stream_peer(lambda guest: guest.silence()) as peer:
        url = f"http://127.0.0.1:{peer.port}"
        with client(url, timeouts=(5, 0.05)) as rest, pytest.raises(kind):
            rest.call(call)


@pytest.mark.parametrize(("call", "kind"), [(GET, LinkError), (POST, UnknownOutcome)])
@pytest.mark.parametrize("leave", [lambda guest: guest.reset(), lambda guest: guest.sock.close()])
def test_a_peer_that_leaves_without_an_answer_is_told_apart_the_same_way(
    call: Call, kind: type, leave: Callable[[Guest], None]
) -> None:
    def script(guest: Guest) -> None:
        guest.request()
        leave(guest)

    with stream_peer(script) as peer, client(f"http://127.0.0.1:{peer.port}") as rest, pytest.raises(kind):
        rest.call(call)


@pytest.mark.parametrize("call", [GET, POST])
def test_a_call_that_never_left_is_a_lost_link_even_for_a_write(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as rest, pytest.raises(LinkError):
        rest.call(call)


@pytest.mark.parametrize("call", [GET, POST])
def test_a_lookup_without_an_answer_costs_the_connect_timeout_and_no_more(call: Call) -> None:
    go = threading.Event()

    def stuck(host: str, port: int) -> list:
        go.wait(WAIT)
        return []

    with (
        client("http://exchange.test", resolver=Resolver(stuck), timeouts=(0.05, 5)) as rest,
        pytest.raises(LinkError),
    ):
        rest.call(call)
    go.set()


def test_a_body_that_is_cut_short_is_a_lost_link() -> None:
    with (
        rest_peer(answering(Answered(b"x" * 1000, cut=10))) as peer,
        client(peer.url) as rest,
        pytest.raises(LinkError),
    ):
        rest.call(GET)


def test_a_body_beyond_the_limit_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.rest.BODY_LIMIT", 1000)
    with (
        rest_peer(answering(Answered(b"x" * 1_000_000))) as peer,
        client(peer.url) as rest,
        pytest.raises(LinkError, match="more than 1000 bytes"),
    ):
        rest.call(GET)


def test_a_body_that_drips_is_given_up() -> None:
    stop = threading.Event()

    def script(guest: Guest) -> None:
        guest.request()
        guest.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.02):
            guest.raw(b"x")

    with stream_peer(script) as peer:
        url = f"http://127.0.0.1:{peer.port}"
        with client(url, timeouts=(0.1, 0.7)) as rest, pytest.raises(LinkError, match="too long"):
            rest.call(GET)
        stop.set()


def test_no_error_shows_the_signed_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    told = []
    signed = Call("GET", "/api/v3/account", (("signature", "c8db56825ae71d6d"),))
    with client(url) as rest, pytest.raises(LinkError) as refused:
        rest.call(signed)
    told.append(str(refused.value))

    def script(guest: Guest) -> None:
        guest.request()
        guest.reset()

    with (
        stream_peer(script) as peer,
        client(f"http://127.0.0.1:{peer.port}") as rest,
        pytest.raises(LinkError) as cut,
    ):
        rest.call(signed)
    told.append(str(cut.value))
    assert "signature" not in " ".join(told)
    assert "c8db" not in " ".join(told)


def test_what_the_dialect_makes_of_a_reply_is_raised() -> None:
    with (
        rest_peer(answering(Answered(status=401))) as peer,
        client(peer.url) as rest,
        pytest.raises(FatalError, match="bad key"),
    ):
        rest.call(GET)


def test_an_abort_wakes_a_call_and_refuses_the_next() -> None:
    asked = threading.Event()
    results: list[object] = []

    def script(guest: Guest) -> None:
        guest.request()
        asked.set()
        guest.silence()

    with stream_peer(script) as peer, client(f"http://127.0.0.1:{peer.port}", timeouts=(5, 3600)) as rest:

        def run() -> None:
            for _ in range(2):
                try:
                    results.append(rest.call(GET))
                except VigilError as error:
                    results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert asked.wait(WAIT)
        rest.abort()
        thread.join(WAIT)
        assert not thread.is_alive()
    assert [type(result) for result in results] == [LinkError, LinkError]
    assert peer.visits == 1


def test_a_read_that_goes_as_a_post_stays_a_read_when_it_fails() -> None:
    class Posting(PlainDialect):
        def sign(self, call: Call, wall_ms: int) -> Wire:
            return Wire("POST", call.path, (), b"{}")

    with stream_peer(lambda guest: guest.silence()) as peer:
        url, origin = f"http://127.0.0.1:{peer.port}", RestOrigin(CLOCK, 6000)
        rest = RestClient(url, dialect=Posting(), origin=origin, clock=CLOCK, timeouts=(5, 0.05))
        with closing(rest), pytest.raises(LinkError):
            rest.call(GET)


# ------------------------------------------------------ budget, bans and clock


def test_a_call_with_a_pace_is_not_sent_too_soon_after_the_end_of_the_last_of_its_path() -> None:
    paced, other = (Call("GET", path, pace=600.0) for path in ("/trades", "/history"))
    with rest_peer(answering(Answered())) as peer, client(peer.url) as rest:
        assert rest.pause(paced) == 0
        rest.call(paced)
        assert rest.pause(other) == 0
        assert 590 < rest.pause(paced) <= 600
        with pytest.raises(RateLimited) as early:
            rest.call(paced)
        assert 590 < (early.value.retry_after or 0) <= 600
        rest.call(other)
        assert [asked.path for asked in peer.asked] == ["/trades", "/history"]


def test_the_pace_outlives_the_client_that_keeps_it() -> None:
    paced, origin = Call("GET", "/trades", pace=600.0), RestOrigin(CLOCK, 6000)
    with rest_peer(answering(Answered())) as peer:
        with client(peer.url, origin=origin, ended=origin.ended("main")) as first:
            first.call(paced)
        with client(peer.url, origin=origin, ended=origin.ended("main")) as heir:
            assert heir.pause(paced) > 590
        with client(peer.url, origin=origin, ended=origin.ended("second")) as other:
            assert other.pause(paced) == 0


def test_two_callers_of_an_account_share_its_pace_even_while_an_answer_is_awaited() -> None:
    """An exchange counts by key and method: it would refuse the second, and close for both."""
    paced, origin = Call("GET", "/trades", pace=600.0), RestOrigin(CLOCK, 6000)
    asked, answered = threading.Event(), threading.Event()

    def answer(*_: object) -> Answered:
        asked.set()
        assert answered.wait(WAIT)
        return Answered()

    with (
        rest_peer(answer) as peer,
        client(peer.url, origin=origin, ended=origin.ended("main")) as poller,
        client(peer.url, origin=origin, ended=origin.ended("main")) as desk,
    ):
        thread = threading.Thread(target=poller.call, args=(paced,))
        thread.start()
        assert asked.wait(WAIT)
        assert desk.pause(paced) > 0
        answered.set()
        thread.join(WAIT)
        assert 590 < desk.pause(paced) <= 600


def test_a_call_that_failed_counts_for_the_pace_as_well() -> None:
    with rest_peer(answering(Answered(status=401))) as peer, client(peer.url) as rest:
        with pytest.raises(FatalError):
            rest.call(Call("GET", "/trades", pace=600.0))
        assert rest.pause(Call("GET", "/trades", pace=600.0)) > 0


def calls_that_leave(peer: RestPeer, *rests: RestClient) -> int:
    before = len(peer.asked)
    for rest in rests:
        with pytest.raises(RateLimited):
            rest.call(GET)
    return len(peer.asked) - before


@pytest.mark.parametrize("ban", [True, False])
def test_who_is_stopped_by_anothers_refusal_is_told_whether_it_was_a_ban(ban: bool) -> None:
    origin = RestOrigin(CLOCK, 6000)
    origin.refused(RateLimited("told to somebody else", retry_after=30, ban=ban))
    with pytest.raises(RateLimited) as stopped:
        origin.begin(1, urgent=True)
    assert stopped.value.ban is ban


def test_a_refusal_for_pace_stops_every_caller_of_the_origin_until_its_time() -> None:
    origins = Origins(CLOCK)
    with rest_peer(answering(Answered(status=418, headers={"Retry-After": "120"}), Answered())) as peer:
        origin = origins.rest(peer.url, 6000)
        with (
            client(peer.url, origin=origin) as one,
            client(peer.url, origin=origins.rest(peer.url, 6000)) as two,
        ):
            with pytest.raises(RateLimited) as ban:
                one.call(GET)
            assert ban.value.retry_after == 120
            assert calls_that_leave(peer, one, two, one) == 0
            with pytest.raises(RateLimited) as later:
                two.call(GET, urgent=True)
            assert 110 < (later.value.retry_after or 0) <= 120
            assert later.value.ban
            assert origin.closed_until > CLOCK.boottime() + 110


def test_a_ban_of_our_address_keeps_streams_from_knocking_too() -> None:
    origin = RestOrigin(CLOCK, 100)
    origin.refused(RateLimited("banned", retry_after=120, ban=True))
    with pytest.raises(RateLimited) as refused:
        origin.heed_ban()
    assert 110 < (refused.value.retry_after or 0) <= 120


@pytest.mark.parametrize(("wait", "ban"), [(60.0, True), (None, True), (120.0, False)])
def test_a_limit_that_ends_with_its_minute_does_not_keep_streams_away(wait: float | None, ban: bool) -> None:
    origin = RestOrigin(CLOCK, 100)
    origin.refused(RateLimited("too fast", retry_after=wait, ban=ban))
    origin.heed_ban()


def test_when_the_time_of_a_ban_is_over_calls_leave_again() -> None:
    class Jumping(SystemClock):
        ahead = 0.0

        def boottime(self) -> float:
            return super().boottime() + self.ahead

    clock = Jumping()
    origin = RestOrigin(clock, 6000)
    with (
        rest_peer(answering(Answered(status=429, headers={"Retry-After": "30"}), Answered())) as peer,
        closing(RestClient(peer.url, dialect=PlainDialect(), origin=origin, clock=clock)) as rest,
    ):
        with pytest.raises(RateLimited):
            rest.call(GET)
        clock.ahead = 29
        assert calls_that_leave(peer, rest) == 0
        clock.ahead = 31
        assert rest.call(GET).status == 200


@pytest.mark.parametrize(("status", "least", "most"), [(418, 60, 60), (429, 0, 60)])
def test_a_refusal_without_a_time_is_given_one(status: int, least: float, most: float) -> None:
    with rest_peer(answering(Answered(status=status), Answered())) as peer, client(peer.url) as rest:
        with pytest.raises(RateLimited) as refused:
            rest.call(GET)
        assert refused.value.retry_after is not None
        assert least <= refused.value.retry_after <= most


def test_the_exchanges_own_count_stops_us_before_it_has_to() -> None:
    with (
        rest_peer(answering(Answered(headers={"used": "90"}), Answered())) as peer,
        client(peer.url, limit=100) as rest,
    ):
        rest.call(GET)
        assert calls_that_leave(peer, rest) == 0
        assert rest.call(Call("GET", "/urgent", weight=5), urgent=True).status == 200


def test_a_call_that_failed_is_not_counted_as_under_way_for_ever() -> None:
    with (
        rest_peer(answering(Answered(b"x" * 100, cut=1), Answered(headers={"used": "0"}))) as peer,
        client(peer.url, limit=100) as rest,
    ):
        with pytest.raises(LinkError):
            rest.call(GET)
        rest.call(GET)
        for _ in range(3):
            rest.call(Call("GET", "/x", weight=75))


def test_attempts_to_open_streams_are_counted_per_host_and_refused_beyond_the_limit() -> None:
    origins = Origins(CLOCK, connects=5)
    for path in "abcd":
        origins.connecting(f"wss://stream.example.com:9443/ws/{path}")
    with pytest.raises(RateLimited) as refused:
        origins.connecting("wss://stream.example.com:9443/ws/e")
    assert 290 < (refused.value.retry_after or 0) <= 300
    origins.connecting("wss://stream.example.com/ws/e")


def test_origins_differ_by_host_and_port_and_nothing_else() -> None:
    origins = Origins(CLOCK)
    assert origins.rest("https://API.example.com/api", 1) is origins.rest("https://api.example.com", 1)
    assert origins.rest("https://api.example.com:8443", 1) is not origins.rest("https://api.example.com", 1)


def test_a_resync_sets_the_clock_that_calls_are_signed_with() -> None:
    def answer(asked: Asked) -> Answered:
        return Answered(b"5000000000000") if asked.path == "/time" else Answered()

    with rest_peer(answer) as peer:
        origin = RestOrigin(CLOCK, 6000)
        assert abs(origin.time_ms() - CLOCK.wall_ms()) < 1000
        assert origin.anchored_at is None
        with client(peer.url, origin=origin) as rest:
            rest.resync()
            rest.call(GET)
        assert [asked.path for asked in peer.asked].count("/time") == 3
        assert 5_000_000_000_000 <= int(peer.asked[-1].headers["x-stamp"]) < 5_000_000_060_000
        assert origin.anchored_at is not None


def test_driving_a_plan_gives_it_replies_and_throws_errors_into_it() -> None:
    def plan() -> Generator[Call, Reply, str]:
        first = yield Call("GET", "/one")
        try:
            yield Call("GET", "/two")
        except FatalError:
            third = yield Call("GET", "/three")
            return f"{first.status} {third.body.decode()}"
        raise AssertionError

    answers = {"/one": Answered(), "/two": Answered(status=401), "/three": Answered(b"done")}
    with rest_peer(lambda asked: answers[asked.path]) as peer, client(peer.url) as rest:
        assert rest.drive(plan()) == "200 done"


def test_an_error_that_a_plan_does_not_catch_comes_out_of_it() -> None:
    def plan() -> Generator[Call, Reply, None]:
        yield Call("GET", "/one")

    with (
        rest_peer(answering(Answered(status=401))) as peer,
        client(peer.url) as rest,
        pytest.raises(FatalError),
    ):
        rest.drive(plan())
