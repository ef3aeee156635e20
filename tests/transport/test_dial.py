"""Names and connects: nobody hangs, and threads do not pile up."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import LinkError
from tests.support.waiting import eventually
from transport.dial import Address, Interrupt, Resolver, dial

CLOCK = SystemClock()


class StuckResolve:
    """A resolver that answers only when it is let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self, host: str, port: int) -> list[Address]:
        self.calls += 1
        self.asked.set()
        assert self.go.wait(20)
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)


@pytest.fixture
def stuck() -> Iterator[StuckResolve]:
    resolve = StuckResolve()
    yield resolve
    resolve.go.set()
    eventually(
        lambda: [t for t in threading.enumerate() if t.name.startswith("lookup")], lambda left: not left
    )


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_a_stuck_lookup_ends_with_its_deadline(stuck: StuckResolve) -> None:
    with pytest.raises(LinkError, match="no answer to the lookup"):
        Resolver(stuck).addresses("exchange.test", 443, 0.05, Interrupt())


def test_at_most_one_lookup_of_a_host_is_in_flight_and_all_profit_from_it(stuck: StuckResolve) -> None:
    resolver = Resolver(stuck)
    for _ in range(20):
        with pytest.raises(LinkError):
            resolver.addresses("exchange.test", 443, 0.001, Interrupt())
    thread, results = in_thread(lambda: resolver.addresses("exchange.test", 443, 20, Interrupt()))
    assert stuck.calls == 1
    stuck.go.set()
    thread.join(20)
    assert results[0][0][4] == ("127.0.0.1", 443)


def test_an_interrupt_ends_the_wait_for_a_lookup_at_once(stuck: StuckResolve) -> None:
    interrupt = Interrupt()
    thread, results = in_thread(
        lambda: Resolver(stuck).addresses("exchange.test", 443, 3600, interrupt),
    )
    assert stuck.asked.wait(10)
    interrupt.set()
    thread.join(10)
    assert isinstance(results[0], LinkError)


def test_a_lookup_that_fails_is_a_link_error_and_the_next_asks_anew() -> None:
    answers = [socket.gaierror(-3, "Temporary failure in name resolution"), "fine"]

    def resolve(host: str, port: int) -> list[Address]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)

    resolver = Resolver(resolve)
    with pytest.raises(LinkError, match="Temporary failure"):
        resolver.addresses("exchange.test", 443, 10, Interrupt())
    assert resolver.addresses("exchange.test", 443, 10, Interrupt())


def test_a_literal_address_needs_no_lookup() -> None:
    def never(host: str, port: int) -> list[Address]:
        raise AssertionError("looked up a literal address")

    assert Resolver(never).addresses("127.0.0.1", 443, 10, Interrupt())[0][4] == ("127.0.0.1", 443)
    assert Resolver(never).addresses("::1", 443, 10, Interrupt())


def dial_to(
    *ports: int,
    timeout: float = 10,
    interrupt: Interrupt | None = None,
    adopt: Callable[[socket.socket], None] = lambda sock: None,
) -> socket.socket:
    """Dial a host whose addresses are these ports of the loopback."""
    rows = [row for port in ports for row in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)]
    return dial(
        "exchange.test",
        443,
        timeout=timeout,
        clock=CLOCK,
        adopt=adopt,
        interrupt=interrupt or Interrupt(),
        resolver=Resolver(lambda host, port: rows),
    )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def refusing_port() -> Iterator[int]:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture
def blackhole() -> Iterator[int]:
    """A port whose backlog is full: a connect there gets no answer at all."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            fillers.append(filler)
        yield server.getsockname()[1]
        for filler in fillers:
            filler.close()


def test_the_next_address_is_tried_when_one_refuses(listener: socket.socket, refusing_port: int) -> None:
    with dial_to(refusing_port, listener.getsockname()[1]) as sock:
        assert sock.getpeername() == listener.getsockname()


def test_the_next_address_is_tried_when_one_does_not_answer(listener: socket.socket, blackhole: int) -> None:
    with dial_to(blackhole, listener.getsockname()[1], timeout=0.4) as sock:
        assert sock.getpeername() == listener.getsockname()


def test_when_no_address_answers_the_last_reason_is_told(refusing_port: int) -> None:
    with pytest.raises(LinkError, match=r"exchange\.test:443.*refused"):
        dial_to(refusing_port)


def test_shutting_the_adopted_socket_wakes_a_connect_that_gets_no_answer(blackhole: int) -> None:
    adopted: list[socket.socket] = []
    there = threading.Event()
    interrupt = Interrupt()

    def adopt(sock: socket.socket) -> None:
        adopted.append(sock)
        there.set()

    thread, results = in_thread(
        lambda: dial_to(blackhole, blackhole, timeout=3600, adopt=adopt, interrupt=interrupt)
    )
    assert there.wait(10)

    def connecting() -> bool:
        return adopted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x02"  # SYN_SENT

    eventually(connecting, what="a connect under way")
    interrupt.set()
    adopted[0].shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert isinstance(results[0], LinkError)
    assert len(adopted) == 1
