"""The client's half: what it asks, how it pages, and what it makes of every kind of end."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.client import Client, NoAnswer, NotRunning, Refused
from control.connection import Limits
from control.unix import Listener
from control.words import WORDS
from tests.control.kit import WAIT, Served, fill, serve, statement


@contextmanager
def speaking(path: Path, *lines: bytes) -> Iterator[None]:
    """A daemon that answers whatever comes with these bytes and hangs up."""
    listener = Listener.open(path)

    def speak() -> None:
        with listener.accept() as client:
            client.recv(65536)
            client.sendall(b"".join(lines))

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        thread.join(WAIT)
        listener.close()


def test_nobody_there_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=r"nobody listens on .*control.sock"):
        Client(tmp_path / "control.sock")


def test_a_socket_that_a_killed_daemon_left_is_not_running(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    with pytest.raises(NotRunning):
        Client(tmp_path / "s")


def test_a_path_through_a_file_is_not_running(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(NotRunning):
        Client(tmp_path / "data" / "control.sock")


def test_an_error_of_the_daemon_carries_its_code_and_text(served: Served) -> None:
    with Client(served.path) as client, pytest.raises(Refused, match="did you mean 'fills'") as refusal:
        client.call("fils")
    assert refusal.value.code == -32601


def test_a_parameter_that_was_not_given_is_not_sent(served: Served) -> None:
    with Client(served.path) as client:
        assert client.call("status", account=None)["state"] == "ok"


def test_a_busy_daemon_is_heard_although_it_hung_up_at_once(tmp_path: Path) -> None:
    limits = Limits(connections=0)
    with (
        serve(tmp_path / "s", limits=limits),
        Client(tmp_path / "s") as client,
        pytest.raises(Refused, match="busy"),
    ):
        client.call("status")


def test_a_daemon_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    listener = Listener.open(tmp_path / "s")
    with (
        Client(tmp_path / "s", timeout=0.02) as client,
        pytest.raises(NoAnswer, match=r"no answer within 0\.02 s"),
    ):
        client.call("status")
    listener.close()


@pytest.mark.parametrize("cut", [b"", b'{"jsonrpc":"2.0","id":1,"res'])
def test_an_answer_that_was_cut_short_is_none(tmp_path: Path, cut: bytes) -> None:
    path = tmp_path / "s"
    with speaking(path, cut), Client(path) as client, pytest.raises(NoAnswer, match="hung up"):
        client.call("status")


@pytest.mark.parametrize(
    ("limit", "sizes", "first"),
    [
        (None, [100], 11_902),
        (3, [3], 11_999),
        (5000, [5000], 7002),
        (0, [5000, 5000, 2001], 1),
        (7000, [7000], 5002),
    ],
)
def test_a_list_is_paged_by_the_client(
    served: Served, limit: int | None, sizes: list[int], first: int
) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 12_002)]
    with Client(served.path) as client:
        pages = list(client.pages(WORDS["fills"], limit=limit))
    seqs = [row["seq"] for page in pages for row in page]
    assert [len(page) for page in pages] == sizes
    assert seqs == list(range(first, 12_002))


def test_a_list_of_whole_pages_ends_with_an_empty_one(served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 5001)]
    with Client(served.path) as client:
        assert [len(page) for page in client.pages(WORDS["fills"], limit=0)] == [5000, 0]


def test_rows_without_a_seq_are_paged_by_the_last_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control.client.ROWS_PER_ANSWER", 2)
    rows = [{"asset": name} for name in "abc"]
    asked: list[object] = []

    class Paging(Client):
        def call(self, method: str, **params: object) -> list[dict[str, str]]:
            asked.append(params.get("after"))
            return rows[:2] if len(asked) == 1 else rows[2:]

    listener = Listener.open(tmp_path / "s")
    with Paging(tmp_path / "s") as client:
        assert list(client.pages(WORDS["balances"], limit=0)) == [rows[:2], rows[2:]]
    assert asked == [None, {"asset": "b"}]
    listener.close()


def test_filters_go_with_every_page(served: Served) -> None:
    served.ledger.facts = [fill(seq, account="main" if seq % 2 else "other") for seq in range(1, 12_001)]
    with Client(served.path) as client:
        rows = [row for page in client.pages(WORDS["fills"], limit=0, account="main") for row in page]
    assert len(rows) == 6000
    assert {row["account"] for row in rows} == {"main"}


def test_a_tail_yields_facts_and_ends_with_an_error_when_the_daemon_goes(served: Served) -> None:
    served.commit(statement(1), statement(2))
    with Client(served.path) as client:
        facts = client.tail(after=1)
        assert next(facts)["seq"] == 2
        served.server.abandon()
        with pytest.raises(NoAnswer, match="hung up"):
            next(facts)


def test_stop_without_a_process_to_watch_waits_for_the_socket(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_pid: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    with Client(served.path) as client:
        assert client.stop(timeout=0.01) is False
    served.when_told = served.server.abandon
    with Client(served.path) as client:
        assert client.stop(timeout=WAIT) is True
