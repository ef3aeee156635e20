"""The built-in exchanges as the host keeps them: keys and ports that stay, a process that comes back."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import host.sandbox
from host.sandbox import SandboxFailed, SandboxProcess
from tests.support.waiting import eventually

DEMO = {"demo": "binance"}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sandbox"


@pytest.fixture
def box(world: Path) -> Iterator[SandboxProcess]:
    process = SandboxProcess(world, DEMO)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited between two starts of one that dies."""
    monkeypatch.setattr(host.sandbox, "delay", lambda *_, **__: 0.0)


def made(world: Path, accounts: dict[str, str] = DEMO) -> SandboxProcess:
    """One that is made and never started, and holds its ports no longer than the look at it."""
    process = SandboxProcess(world, accounts)
    process.stop()
    return process


def keys(process: SandboxProcess, account: str = "demo") -> tuple[str, str | None]:
    credentials = process.credentials(account)
    return credentials.api_key, credentials.api_secret


def port(process: SandboxProcess) -> int:
    return int(process.endpoints("binance").rest.rpartition(":")[2])


def server_time(process: SandboxProcess) -> int:
    with requests.Session() as session:
        session.trust_env = False
        reply = session.get(process.endpoints("binance").rest + "/api/v3/time", timeout=10)
    return int(reply.json()["serverTime"])


# --------------------------------------------------------------------------- the keys


def test_keys_are_issued_once_and_kept(world: Path) -> None:
    first = keys(made(world))
    assert keys(made(world)) == first
    assert all(len(key or "") == 64 for key in first)


def test_a_new_account_gets_keys_of_its_own_and_the_others_keep_theirs(world: Path) -> None:
    first = keys(made(world))
    both = made(world, {"demo": "binance", "second": "binance"})
    assert keys(both) == first
    assert not set(keys(both, "second")) & set(first)


def test_an_account_that_moves_to_another_exchange_gets_new_keys(world: Path) -> None:
    first = keys(made(world))
    assert keys(made(world, {"demo": "bybit"})) != first


def test_an_account_that_is_not_asked_for_keeps_its_keys(world: Path) -> None:
    first = keys(made(world))
    made(world, {"second": "binance"})
    assert keys(made(world)) == first


def test_nobody_else_may_read_the_keys(world: Path) -> None:
    before = os.umask(0)
    try:
        made(world)
    finally:
        os.umask(before)
    assert (world / "accounts.json").stat().st_mode & 0o777 == 0o600
    assert world.stat().st_mode & 0o777 == 0o700
    assert not list(world.glob("*.new"))


@pytest.mark.parametrize("torn", ["", "[{", "[1]", '{"a": 1}', '[{"exchange": "binance"}]', "null", "\x00"])
def test_a_register_that_does_not_read_is_told_and_left_alone(world: Path, torn: str) -> None:
    world.mkdir(parents=True)
    (world / "accounts.json").write_text(torn)
    with pytest.raises(SandboxFailed, match=r"accounts\.json cannot be read .*: move the folder .* away"):
        SandboxProcess(world, DEMO)
    assert (world / "accounts.json").read_text() == torn


# -------------------------------------------------------------------------- the ports


def test_ports_are_the_same_at_the_next_start(world: Path) -> None:
    first, second = SandboxProcess(world, DEMO), None
    ports = (port(first), first.admin)
    first.stop()
    second = SandboxProcess(world, DEMO)
    assert (port(second), second.admin) == ports
    second.stop()


def test_a_port_that_somebody_took_meanwhile_is_replaced_for_good(world: Path) -> None:
    first = SandboxProcess(world, DEMO)
    taken = port(first)
    first.stop()
    with socket.create_server(("127.0.0.1", taken)):
        second = SandboxProcess(world, DEMO)
        other = port(second)
        second.stop()
    third = SandboxProcess(world, DEMO)
    assert other != taken
    assert port(third) == other, "clients that learned the new address keep it"
    third.stop()


@pytest.mark.parametrize("note", [b"99999", b"-1", b"", b"port", b"\xff\xfe", "²".encode()])
def test_a_note_that_names_no_port_is_replaced(world: Path, note: bytes) -> None:
    world.mkdir(parents=True)
    (world / "binance.port").write_bytes(note)
    process = SandboxProcess(world, DEMO)
    assert (world / "binance.port").read_text() == str(port(process))
    process.stop()


# ------------------------------------------------------------------------ the process


def test_it_serves_when_start_returns(box: SandboxProcess) -> None:
    assert server_time(box) > 0


def test_a_killed_one_comes_back_on_the_same_port(box: SandboxProcess) -> None:
    before, pid = port(box), box.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert server_time(box) > 0, "who connects meanwhile waits in the backlog and is not refused"
    assert (port(box), box.pid != pid) == (before, True)


def test_no_key_stands_on_its_command_line(box: SandboxProcess) -> None:
    command = Path(f"/proc/{box.pid}/cmdline").read_text()
    assert "--accounts" in command
    assert not any(key in command for key in keys(box) if key)


def test_stop_ends_the_process_and_gives_the_ports_back(box: SandboxProcess) -> None:
    pid, was = box.pid, port(box)
    box.stop()
    assert not Path(f"/proc/{pid}").exists()
    with socket.socket() as caller, pytest.raises(ConnectionRefusedError):
        caller.connect(("127.0.0.1", was))
    box.stop()


def test_its_minder_ends_with_it(box: SandboxProcess) -> None:
    box.stop()
    eventually(lambda: not box._minder.is_alive(), what="the end of the minding thread")


# ------------------------------------------------------------------ what cannot come up


@pytest.mark.usefixtures("at_once")
def test_one_that_cannot_come_up_is_given_up_with_its_last_words(world: Path) -> None:
    world.mkdir(parents=True)
    (world / "world.db").write_bytes(b"this was a database " * 100)
    process = SandboxProcess(world, DEMO)
    with pytest.raises(SandboxFailed, match=r"did not come up: exit code 1, .*file is not a database"):
        process.start()
    assert not Path(f"/proc/{process.pid}").exists()


@pytest.mark.usefixtures("at_once")
def test_a_program_that_cannot_be_started_is_told_as_such(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(world / "no-python"))
    process = SandboxProcess(world, DEMO)
    with pytest.raises(SandboxFailed, match=r"it could not be started: .*No such file"):
        process.start()


def test_one_that_starts_and_says_nothing_is_not_waited_for_without_end(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = world.parent / "silent"
    silent.parent.mkdir(parents=True)
    silent.write_text("#!/bin/sh\nexec cat\n")
    silent.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(silent))
    monkeypatch.setattr(host.sandbox, "READY_TIMEOUT", 0.3)
    process = SandboxProcess(world, DEMO)
    with pytest.raises(SandboxFailed, match="did not come up: it said nothing"):
        process.start()
    eventually(lambda: not Path(f"/proc/{process.pid}").exists(), what="the end of the silent process")


def test_its_register_is_the_one_that_the_sandbox_reads(world: Path) -> None:
    """The host writes what `python -m sandbox` documents: a JSON list with these keys."""
    issued = keys(made(world))
    (row,) = json.loads((world / "accounts.json").read_text())
    assert (row["exchange"], row["account"], row["auto"]) == ("binance", "demo", True)
    assert (row["api_key"], row["api_secret"]) == issued


# ------------------------------------------------------------------------- what is broken


def test_what_is_ordered_to_go_wrong_goes_wrong_until_it_is_cleared(box: SandboxProcess) -> None:
    def lasting() -> list[str]:
        with requests.Session() as session:
            session.trust_env = False
            return [row["kind"] for row in session.get(f"http://{box.admin}/faults", timeout=10).json()]

    box.fault({"kind": "mute", "exchange": "binance", "account": "demo"})
    assert lasting() == ["mute"]
    box.fault({"kind": "clear", "exchange": "binance"})
    assert lasting() == []


def test_an_order_that_is_not_carried_out_is_told(
    box: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SandboxFailed, match="does not do nothing-known: it says 400"):
        box.fault({"kind": "nothing-known"})
    monkeypatch.setattr(SandboxProcess, "admin", "127.0.0.1:1")
    with pytest.raises(SandboxFailed, match=r"does not do mute: .*refused"):
        box.fault({"kind": "mute"})


# ---------------------------------------------------------------- accounts that come later


def test_accounts_are_taken_in_by_the_process_that_runs(box: SandboxProcess) -> None:
    """One at an exchange that it serves, and one at an exchange at which nobody played so far."""
    pid, first = box.pid, keys(box)
    box.admit({"demo": "binance", "second": "binance", "other": "bybit"})
    assert (box.pid, keys(box)) == (pid, first)
    assert len({keys(box), keys(box, "second"), keys(box, "other")}) == 3
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(box.endpoints("bybit").rest + "/v5/market/time", timeout=10).json()["retCode"] == 0
        known = session.get(f"http://{box.admin}/accounts", timeout=10).json()
    assert {(row["exchange"], row["account"]) for row in known} == {
        ("binance", "demo"),
        ("binance", "second"),
        ("bybit", "other"),
    }


def test_one_that_dies_serves_afterwards_whoever_came_meanwhile(box: SandboxProcess) -> None:
    box.admit({"other": "bybit"})
    pid = box.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with requests.Session() as session:
        session.trust_env = False
        address = box.endpoints("bybit").rest + "/v5/market/time"
        assert session.get(address, timeout=20).json()["retCode"] == 0


def test_whoever_is_known_already_costs_no_question(box: SandboxProcess) -> None:
    box.stop()
    box.admit(DEMO)


def test_an_account_that_is_not_taken_in_is_told_and_is_not_believed_to_be_known(
    box: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.stop()
    monkeypatch.setattr(SandboxProcess, "admin", "127.0.0.1:1")
    for _ in range(2):
        with pytest.raises(SandboxFailed, match="does not take in late"):
            box.admit({"late": "binance"})
