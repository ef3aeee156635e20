"""The socket file: private from its first instant, replaced only when nobody has it."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from control.unix import Listener, SocketTaken, connect, peer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_file_is_private_the_instant_it_appears(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at right behind `bind`, with the most careless umask there is."""
    seen: list[int] = []
    listen = socket.socket.listen

    class Watched(socket.socket):
        def listen(self, *args: int) -> None:
            seen.append(mode(path))
            listen(self, *args)

    monkeypatch.setattr("control.unix.socket.socket", Watched)
    before = os.umask(0)
    try:
        Listener.open(path).close()
    finally:
        os.umask(before)
    assert seen == [0o600]


def test_opening_leaves_the_umask_of_the_process_alone(path: Path) -> None:
    before = os.umask(0o022)
    try:
        Listener.open(path).close()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_closing_removes_the_file(path: Path) -> None:
    listener = Listener.open(path)
    assert path.is_socket()
    listener.close()
    assert not path.exists()


def test_closing_leaves_the_file_of_a_successor_alone(path: Path) -> None:
    listener = Listener.open(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(str(path))
        listener.close()
        assert path.is_socket()


def test_a_file_that_a_killed_daemon_left_is_replaced(path: Path) -> None:
    script = "import socket, sys, os; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); os._exit(9)"
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.is_socket()
    listener = Listener.open(path)
    with connect(path, timeout=5) as client:
        assert peer(client).pid == os.getpid()
    listener.close()


def test_a_living_socket_is_refused_with_the_pid_that_has_it(path: Path) -> None:
    listener = Listener.open(path)
    with pytest.raises(SocketTaken, match=rf"is in use by pid {os.getpid()}: stop that daemon first"):
        Listener.open(path)
    assert path.is_socket()
    listener.close()


def test_a_socket_whose_owner_does_not_accept_is_still_in_use(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen(0)
        with (
            connect(path, timeout=5),
            pytest.raises(SocketTaken, match="in use by a process that does not answer"),
        ):
            Listener.open(path)


def test_a_file_that_is_no_socket_is_never_removed(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(SocketTaken, match="is not a socket and is left alone"):
        Listener.open(path)
    assert path.read_text() == "precious"


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(SocketTaken, match="is not a socket"):
        Listener.open(path)
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_path_may_be_longer_than_an_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    listener = Listener.open(deep / "control.sock")
    assert mode(deep / "control.sock") == 0o600
    with connect(deep / "control.sock", timeout=5) as client:
        assert peer(client).pid == os.getpid()
    listener.close()
    assert not (deep / "control.sock").exists()


def test_shutting_wakes_whoever_waits_and_refuses_the_next(path: Path) -> None:
    listener = Listener.open(path)
    ended = threading.Event()

    def accept() -> None:
        with pytest.raises(OSError):
            listener.accept()
        ended.set()

    waiting = threading.Thread(target=accept)
    waiting.start()
    listener.shut()
    assert ended.wait(10)
    waiting.join()
    with pytest.raises(ConnectionRefusedError):
        connect(path, timeout=5)
    listener.close()


def test_a_shut_socket_makes_way_for_the_next_generation(path: Path) -> None:
    """An abandoned actor cannot close; what it shut must not lock out its successor."""
    abandoned = Listener.open(path)
    abandoned.shut()
    successor = Listener.open(path)
    abandoned.close(keep_file=True)
    with connect(path, timeout=5):
        pass
    successor.close()


def test_the_kernel_vouches_for_both_ends(path: Path) -> None:
    listener = Listener.open(path)
    with connect(path, timeout=5) as client, listener.accept() as accepted:
        assert peer(accepted) == (os.getpid(), os.geteuid())
        assert peer(client).pid == os.getpid()
    listener.close()


def test_nobody_there_and_nobody_listening_are_different_errors(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect(path, timeout=5)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        with pytest.raises(ConnectionRefusedError):
            connect(path, timeout=5)
