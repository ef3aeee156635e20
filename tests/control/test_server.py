"""The socket as its clients meet it, the decent and the others."""

import errno
import json
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.answers import answer
from control.connection import Limits
from control.server import Server
from control.unix import Peer, SocketTaken
from control.words import Unavailable
from core.errors import DatabaseProblem
from core.messages import Acknowledge, Operate, StopDaemon
from tests.control.kit import STATUS, WAIT, Served, control_threads, degraded, fill, request, serve
from tests.support.waiting import eventually


def code(answer: dict[str, Any] | None) -> int:
    assert answer is not None
    found: int = answer["error"]["code"]
    return found


# ----------------------------------------------------------------- answering


def test_status_is_answered_as_it_was_built(served: Served) -> None:
    assert served.ask("status") == {"jsonrpc": "2.0", "id": 1, "result": STATUS}


def test_health_is_the_short_form_of_the_status(served: Served) -> None:
    assert served.ask("health")["result"] == {"state": "ok", "reasons": []}
    served.status = degraded()
    assert served.ask("health")["result"] == {
        "state": "degraded",
        "reasons": ["account main is tripped (next attempt in 12 s)"],
    }


def test_a_part_of_the_status_is_an_array_of_its_own(served: Served) -> None:
    assert served.ask("actors")["result"] == STATUS["actors"]
    (row,) = served.ask("accounts")["result"]
    assert row.items() > STATUS["accounts"][0].items()


def test_prices_are_those_of_an_account_or_of_a_symbol(served: Served) -> None:
    def symbols(**which: str) -> list[str]:
        return [row["symbol"] for row in served.ask("prices", **which)["result"]]

    assert symbols() == ["BTCUSDT", "ETHUSDT"]
    assert symbols(account="main") == ["BTCUSDT"]
    assert symbols(account="spare", symbol="ETHUSDT") == ["ETHUSDT"]
    assert symbols(account="nobody") == []


def test_where_there_is_no_trader_nobody_has_prices(served: Served) -> None:
    without = replace(served.services, prices=None)
    with pytest.raises(Unavailable, match="there is no trader"):
        answer(without, without.reader, "prices", {})


def test_each_answer_is_made_in_a_turn_of_its_own(served: Served) -> None:
    for word in ("status", "fills", "health"):
        served.ask(word)
    assert served.turns.taken == 3


def test_version_says_who_answers(served: Served) -> None:
    assert served.ask("version")["result"] == {"version": "1.2.3", "pid": os.getpid(), "web": None}


def test_an_incident_is_acknowledged_by_its_id(served: Served) -> None:
    served.ledger.incident_ids = {7}
    assert served.ask("acknowledge", id=7)["result"] == {"accepted": "acknowledge", "id": 7}
    assert served.told == [Acknowledge(7, "control")]


def test_an_incident_that_there_is_not_is_a_mistake(served: Served) -> None:
    answer = served.ask("acknowledge", id=8)
    assert (answer["error"]["code"], served.told) == (-32602, [])
    assert "no incident 8" in answer["error"]["message"]


def test_many_questions_on_one_connection_are_answered_in_order(served: Served) -> None:
    with served.peer() as peer:
        peer.send(b"".join(request("version", id_=n) for n in range(100)))
        answers = [peer.receive() for _ in range(100)]
    assert [answer["id"] for answer in answers if answer] == list(range(100))


def test_an_answer_comes_although_the_client_has_finished_sending(served: Served) -> None:
    with served.peer() as peer:
        peer.send(request("version").rstrip(b"\n"))
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.receive()
        assert peer.receive() is None


def test_a_notification_is_obeyed_and_never_answered(served: Served) -> None:
    with served.peer() as peer:
        peer.send(b'{"jsonrpc":"2.0","method":"restart","params":{"target":"main"}}\n')
        peer.send(b'{"jsonrpc":"2.0","method":"no such thing"}\n')
        peer.send(b'{"jsonrpc":"2.0","method":"restart"}\n')
        assert peer.ask("version")["result"]["version"] == "1.2.3"
    assert served.told == [Operate("restart", "main")]


# ------------------------------------------------------------------- mistakes


def test_an_unknown_method_is_named_with_its_nearest_neighbour(served: Served) -> None:
    answer = served.ask("fils")
    assert code(answer) == -32601
    assert "unknown method 'fils'; did you mean 'fills'?" in answer["error"]["message"]


def test_an_unknown_parameter_is_refused_by_name(served: Served) -> None:
    answer = served.ask("fills", acount="main")
    assert code(answer) == -32602
    assert "'acount'" in answer["error"]["message"]


def test_a_moment_that_cannot_be_read_is_the_callers_mistake(served: Served) -> None:
    answer = served.ask("fills", since="yesterday")
    assert (code(answer), "write 1h" in answer["error"]["message"]) == (-32602, True)


def test_a_line_that_is_no_request_is_answered_and_the_conversation_goes_on(served: Served) -> None:
    with served.peer() as peer:
        peer.send(b"\x00\xffgarbage\n\n[]\n{}\n")
        assert [code(peer.receive()) for _ in range(4)] == [-32700, -32700, -32600, -32600]
        assert "result" in peer.ask("version")


def test_a_bug_behind_a_question_ends_that_conversation_and_no_other(served: Served) -> None:
    served.ledger.broken = ZeroDivisionError("secret")
    with served.peer() as other, served.peer() as peer:
        answer = peer.ask("fills")
        assert (code(answer), answer["id"]) == (-32603, 1)
        assert "ZeroDivisionError" in answer["error"]["message"]
        assert "secret" not in answer["error"]["message"]
        assert peer.receive() is None
        assert "result" in other.ask("version")
    assert served.failures == []


def test_a_database_that_cannot_be_asked_is_said_and_the_conversation_goes_on(served: Served) -> None:
    with served.peer() as peer:
        served.ledger.broken = DatabaseProblem("database locked", passing=True)
        answer = peer.ask("fills")
        assert (code(answer), answer["error"]["message"]) == (-32000, "database locked")
        served.ledger.broken = None
        assert "result" in peer.ask("fills")


def test_a_bug_behind_a_notification_is_not_answered_either(served: Served) -> None:
    served.ledger.broken = ZeroDivisionError()
    with served.peer() as peer:
        peer.send(b'{"jsonrpc":"2.0","method":"fills"}\n')
        assert peer.receive() is None


# ------------------------------------------------------------------ operations


@pytest.mark.parametrize("target", ["main", "main.stream", "main/connection"])
def test_an_account_a_group_or_a_child_can_be_restarted(served: Served, target: str) -> None:
    assert served.ask("restart", target=target)["result"] == {"accepted": "restart", "target": target}
    assert served.told == [Operate("restart", target)]


@pytest.mark.parametrize("action", ["reset", "reconcile", "pause", "resume"])
@pytest.mark.parametrize("target", ["main", "main.stream", "main/connection"])
def test_what_concerns_an_account_says_that_it_took_the_account(
    served: Served, action: Any, target: str
) -> None:
    assert served.ask(action, target=target)["result"] == {"accepted": action, "target": "main"}
    assert served.told == [Operate(action, target)]


def test_the_last_part_of_an_id_is_enough_and_the_answer_says_whose_it_is(served: Served) -> None:
    assert served.ask("restart", target="connection")["result"]["target"] == "main/connection"


def test_an_unknown_target_is_refused_with_the_nearest_and_nothing_is_told(served: Served) -> None:
    refusal = served.ask("restart", target="mian/connection")
    assert code(refusal) == -32602
    assert "did you mean 'main/connection'?" in refusal["error"]["message"]
    assert served.told == []


def test_core_is_not_paused_or_reconciled(served: Served) -> None:
    for action in ("pause", "reconcile"):
        refusal = served.ask(action, target="core/control")
        assert code(refusal) == -32602
        assert "belongs to none" in refusal["error"]["message"]
    assert served.told == []


def test_stop_is_told_to_the_supervisor(served: Served) -> None:
    assert served.ask("stop")["result"] == {"accepted": "stop"}
    assert [type(command) for command in served.told] == [StopDaemon]


def test_a_daemon_that_takes_no_commands_says_so(served: Served) -> None:
    served.takes_commands = False
    assert code(served.ask("restart", target="main")) == -32000


# ----------------------------------------------------------------------- rows


def test_an_answer_holds_five_thousand_rows_and_after_goes_on(served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 12_002)]
    seen: list[int] = []
    with served.peer() as peer:
        pages = []
        while page := peer.ask("fills", limit=0, after=seen[-1] if seen else 0)["result"]:
            pages.append(len(page))
            seen += [row["seq"] for row in page]
    assert pages == [5000, 5000, 2001]
    assert seen == list(range(1, 12_002))


def test_no_limit_makes_an_answer_larger(served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 6001)]
    assert len(served.ask("fills", limit=1_000_000)["result"]) == 5000


def test_the_newest_come_by_themselves_in_ascending_order(served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 301)]
    assert [row["seq"] for row in served.ask("fills")["result"]] == list(range(201, 301))
    assert [row["seq"] for row in served.ask("fills", limit=2)["result"]] == [299, 300]


def test_a_connection_opens_one_reader_when_it_first_needs_rows_and_closes_it(served: Served) -> None:
    with served.peer() as peer:
        peer.ask("status")
        assert served.ledger.open == 0
        peer.ask("fills")
        peer.ask("fills")
        assert served.ledger.open == 1


@pytest.mark.parametrize("word", ["trades", "halt"])
def test_that_the_trader_is_off_is_said_and_the_connection_goes_on(served: Served, word: str) -> None:
    with served.peer() as peer:
        answer = peer.ask(word)
        assert (code(answer), answer["error"]["message"][:18]) == (-32000, "the trader is off:")
        assert "result" in peer.ask("version")


# -------------------------------------------------------------- hostile clients


def test_an_oversized_line_is_answered_with_an_error_and_the_end(served: Served) -> None:
    with served.peer() as peer:
        with pytest.raises(OSError):
            peer.send(b"x" * 10_000_000)
        answer = peer.receive()
        assert (code(answer), answer and answer["id"]) == (-32600, None)
        assert peer.receive() is None
    assert "result" in served.ask("version")


def test_a_line_of_just_under_the_limit_is_served(served: Served) -> None:
    answer = served.ask("fills", account="x" * ((1 << 20) - 200))
    assert code(answer) == -32602
    assert len(answer["error"]["message"]) < 200


def test_half_a_line_is_given_up(tmp_path: Path) -> None:
    with serve(tmp_path / "s", limits=Limits(pace=0.02)) as served, served.peer() as peer:
        peer.send(b'{"jsonrpc"')
        answer = peer.receive()
        assert code(answer) == -32600
        assert peer.receive() is None


def test_an_idle_client_is_let_go(tmp_path: Path) -> None:
    with serve(tmp_path / "s", limits=Limits(idle=0.02)) as served, served.peer() as peer:
        assert peer.receive() is None


def test_a_client_that_does_not_read_its_answers_is_let_go(tmp_path: Path) -> None:
    """Its thread would wait for room in the socket for ever."""
    with serve(tmp_path / "s", limits=Limits(send=0.05)) as served:
        served.ledger.facts = [fill(seq) for seq in range(1, 5001)]
        with served.peer() as peer:
            peer.ask("version")
            (thread,) = (thread for thread in control_threads() if thread.name == "control-client")
            peer.send(request("fills", limit=0) * 5)
            thread.join(WAIT)
            assert not thread.is_alive()
        assert "result" in served.ask("version")


def test_clients_that_vanish_at_any_moment_hurt_nobody(served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 5001)]
    for sent in (b"", b'{"half', request("version"), request("fills", limit=0) * 3, request("tail")):
        with served.peer() as peer:
            peer.send(sent)
    assert "result" in served.ask("version")


def test_beyond_the_bound_clients_are_told_that_the_daemon_is_busy(tmp_path: Path) -> None:
    with serve(tmp_path / "s", limits=Limits(connections=3)) as served:
        peers = [served.peer() for _ in range(3)]
        assert all("result" in peer.ask("version") for peer in peers)
        with served.peer() as surplus:
            answer = surplus.receive()
            assert (code(answer), surplus.receive()) == (-32000, None)
        assert all("result" in peer.ask("version") for peer in peers)
        for peer in peers:
            with peer:
                pass


def test_many_clients_at_once_are_all_answered(served: Served) -> None:
    served.ledger.facts = [fill(seq) for seq in range(1, 501)]
    wrong: list[Any] = []

    def client(number: int) -> None:
        with served.peer() as peer:
            for n in range(20):
                answer = peer.ask("fills" if n % 2 else "status", **({"limit": 500} if n % 2 else {}))
                if "result" not in answer:
                    wrong.append((number, answer))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert wrong == []
    assert not any(thread.is_alive() for thread in threads)


def test_a_client_for_whom_there_is_no_thread_is_told_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "control-client":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with served.peer() as peer:
            assert code(peer.receive()) == -32000
    assert "result" in served.ask("version")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    st.lists(
        st.binary(max_size=120)
        | st.sampled_from(
            [request("status"), request("fills"), request("restart", target="x"), b"{}\n", b"\n"]
        )
        | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params"]), st.text(max_size=5)).map(
            lambda message: json.dumps(message).encode() + b"\n"
        ),
        max_size=8,
    ).map(b"".join)
)
def test_whatever_is_sent_each_line_is_answered_in_json_or_the_connection_ends(
    served: Served, sent: bytes
) -> None:
    with served.peer() as peer:
        peer.send(sent)
        peer.socket.shutdown(socket.SHUT_WR)
        answers = list(iter(peer.receive, None))
    lines = sent.split(b"\n")
    assert len(answers) == len(lines) - (lines[-1] == b"")
    assert all(
        answer["jsonrpc"] == "2.0" and ("result" in answer) != ("error" in answer) for answer in answers
    )
    assert served.failures == []


# --------------------------------------------------------------- who may come in


def test_the_socket_is_private(served: Served) -> None:
    assert served.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_root_and_the_daemons_own_user_are_served(tmp_path: Path, uid: int) -> None:
    with serve(tmp_path / "s", who=lambda _client: Peer(1, uid)) as served:
        assert "result" in served.ask("version")


def test_a_foreign_user_is_told_so_and_shown_out(tmp_path: Path) -> None:
    with serve(tmp_path / "s", who=lambda _client: Peer(1, 65534)) as served, served.peer() as peer:
        answer = peer.receive()
        assert code(answer) == -32001
        assert peer.receive() is None


# ------------------------------------------------------------------ start and end


def test_a_second_server_is_refused_and_the_first_goes_on(served: Served) -> None:
    second = Server(served.path, served.services, failed=served.failures.append)
    with pytest.raises(SocketTaken, match=f"in use by pid {os.getpid()}"):
        second.start()
    assert second.stop() is True
    assert "result" in served.ask("version")


def test_stopping_ends_every_kind_of_client_at_once(tmp_path: Path) -> None:
    with serve(tmp_path / "s") as served:
        served.ledger.facts = [fill(seq) for seq in range(1, 5001)]
        idle, half, deaf, tailing = (served.peer() for _ in range(4))
        idle.ask("version")
        half.send(b'{"half')
        deaf.send(request("fills", limit=0) * 5)
        tailing.ask("tail")
        assert served.server.stop(timeout=WAIT)
        assert control_threads() == []
        assert not served.path.exists()
        assert [peer.receive() for peer in (idle, tailing)] == [None, None]
        for peer in (idle, half, deaf, tailing):
            with peer:
                pass


def test_an_answer_that_is_being_made_when_the_server_stops_still_arrives(tmp_path: Path) -> None:
    """Else `stop`, and a restart of the server itself, would seem to fail by succeeding."""
    with serve(tmp_path / "s") as served:
        stopper = threading.Thread(target=served.server.stop, args=(WAIT,))

        def stop_and_let_it_begin() -> None:
            stopper.start()
            assert served.server._closing.wait(WAIT)
            (connection,) = served.server._clients().values()
            assert connection._finishing.wait(WAIT)

        served.when_told = stop_and_let_it_begin
        with served.peer() as peer:
            assert peer.ask("stop")["result"] == {"accepted": "stop"}
            assert peer.receive() is None
        stopper.join(WAIT)
        assert not stopper.is_alive()


def test_stopping_before_the_start_and_twice_does_no_harm(tmp_path: Path) -> None:
    served = Served(tmp_path / "s")
    assert served.server.stop()
    assert served.server.stop()


def test_a_server_can_follow_another_on_the_same_path(tmp_path: Path) -> None:
    for _ in range(3):
        with serve(tmp_path / "s") as served:
            assert "result" in served.ask("version")


def test_the_end_of_accepting_is_reported_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def failed(why: str) -> None:
        served.failures.append(why)
        ended.set()

    monkeypatch.setattr(served.server, "_failed", failed)
    listener = served.server._listener
    assert listener is not None
    monkeypatch.setattr(listener, "accept", lambda: (_ for _ in ()).throw(OSError(errno.EBADF, "bad")))
    with served.peer():
        assert ended.wait(WAIT)
    assert served.failures == ["cannot accept any more: [Errno 9] bad"]


def test_running_out_of_descriptors_is_outlasted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits, lets whoever holds descriptors give them back, and goes on."""
    listener = served.server._listener
    assert listener is not None
    accept, exhausted = listener.accept, iter([OSError(errno.EMFILE, "too many open files")])

    def scarce() -> socket.socket:
        for error in exhausted:
            raise error
        return accept()

    monkeypatch.setattr("control.server._BREATHER", 0.01)
    monkeypatch.setattr(listener, "accept", scarce)
    assert "result" in served.ask("version")
    assert "result" in served.ask("version")
    assert served.failures == []


# ------------------------------------------------------------------------ reloading


def test_a_reload_answers_with_what_was_applied(tmp_path: Path) -> None:
    with serve(tmp_path / "control.sock") as served:
        served.reloaded = {"applied": True, "accounts": [], "sections": [], "later": [], "warnings": []}
        assert served.ask("reload")["result"] == served.reloaded
        assert served.reloads == ["asked by a client"]
        assert "error" in served.ask("reload", target="main"), "it takes nothing"


def test_a_reload_of_which_nothing_comes_ends_with_the_server(tmp_path: Path) -> None:
    with serve(tmp_path / "control.sock") as served, served.peer() as peer:
        peer.send(request("reload"))
        eventually(lambda: served.reloads, what="the reload")
        assert served.server.stop(WAIT)
        answer = peer.receive()
        assert answer is None or answer["result"]["applied"] is False
