"""The page's server of a whole daemon: what a browser, a script and a balancer get of it."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.refusals import when_ok
from tests.support.daemon import Daemon
from tests.support.waiting import eventually
from tests.web.kit import ACTION, TOKEN, Answer, Ears

SETTINGS = """
[web]
listen = "127.0.0.1:0"
auth_token = "env:PAGE_TOKEN"
[accounts.demo]
exchange = "binance"
sandbox = true
"""
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("web"), SETTINGS, {"PAGE_TOKEN": TOKEN}) as daemon:
        daemon.until_live("demo")
        yield daemon


def place(daemon: Daemon) -> tuple[str, int]:
    parts = urlsplit(eventually(lambda: daemon.ask("version")["web"], what="a page"))
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def ask(daemon: Daemon, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    connection = HTTPConnection(*place(daemon), timeout=20)
    with closing(connection):
        connection.request(method, path, body and json.dumps(body), {**BEARER, **headers})
        return Answer(connection.getresponse())


def listen(daemon: Daemon, after: int) -> Ears:
    return Ears(place(daemon), f"/events?after={after}", BEARER)


def taken(daemon: Daemon) -> list[str]:
    """The commands that the daemon has on record."""
    rows = daemon.ask("history", kind="actor", key="daemon", limit=0)
    return [row["detail"] for row in rows if row["event"] == "command_taken"]


def test_http_and_socket_say_the_same(daemon: Daemon) -> None:
    fills = ask(daemon, "GET", "/api/fills?limit=3").json
    everything = daemon.fills()
    assert [row for row in everything if row in fills] == fills
    assert ask(daemon, "GET", "/api/orders?open=true").status == 200
    assert {row["account"] for row in ask(daemon, "GET", "/api/balances").json} == {"demo"}
    assert ask(daemon, "GET", "/api/accounts").json[0].keys() == daemon.ask("accounts")[0].keys()
    assert ask(daemon, "GET", "/readyz", Authorization="").status in {200, 503}


def test_the_events_are_the_journal_over_a_cut_and_a_restart_of_the_server(daemon: Daemon) -> None:
    """Whoever comes back by the last id has every row once."""
    with listen(daemon, 0) as ears:
        ears.next("hello")
        seqs = ears.next("facts").seqs
    before = daemon.actor("core/web")["generation"]
    assert ask(daemon, "POST", "/api/restart", {"target": "core/web"}, **ACTION).status == 200
    eventually(
        lambda: daemon.actor("core/web"),
        lambda row: (row["generation"], row["phase"]) == (before + 1, "running"),
        what="the next generation",
    )
    last = eventually(lambda: daemon.status()["ledger"]["sequence"], lambda newest: newest > seqs[-1])
    with listen(daemon, seqs[-1]) as ears:
        ears.next("hello")
        seqs += ears.until(last)
    assert seqs == list(range(1, seqs[-1] + 1))
    rows = daemon.journal()
    assert seqs[: len(rows)] == [row["seq"] for row in rows][: len(seqs)]


def test_a_command_is_carried_out_and_recorded_with_who_asked(daemon: Daemon) -> None:
    assert ask(daemon, "POST", "/api/pause", {"target": "demo"}, **ACTION).json["target"] == "demo"
    eventually(lambda: daemon.account("demo")["state"], lambda state: state == "paused", what="a pause")
    assert daemon.word("resume", "demo").returncode == 0
    daemon.until_live("demo")
    eventually(
        lambda: taken(daemon),
        lambda told: {"pause demo, by web", "resume demo, by control"} <= set(told),
        what="both on record",
    )


def test_nobody_without_the_token_gets_anything_and_it_is_said_nowhere(daemon: Daemon) -> None:
    assert ask(daemon, "GET", "/api/status", Authorization="").status == 401
    told = [ask(daemon, "GET", f"/api/{word}").body for word in ("status", "health", "version", "incidents")]
    assert not any(TOKEN.encode() in body for body in told)
    assert TOKEN not in daemon.log()


def test_it_stops_in_time_with_listeners_connected(tmp_path: Path) -> None:
    with Daemon(tmp_path, '[web]\nlisten = "127.0.0.1:0"\n') as daemon:
        when_ok(daemon)
        everybody = [Ears(place(daemon), "/events", {}) for _ in range(20)]
        for ears in everybody:
            ears.next("hello")
        assert daemon.terminate(within=5) == 0
        assert all(ears.ended() for ears in everybody)
        for ears in everybody:
            ears.close()


def test_a_port_that_another_program_has_costs_the_page_and_nothing_else(tmp_path: Path) -> None:
    """It is said why, and the page comes as soon as the port is free."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings = (
            f'[web]\nlisten = "127.0.0.1:{port}"\n[accounts.demo]\nexchange = "bybit"\nsandbox = true\n'
        )
        with Daemon(tmp_path, settings) as daemon:
            daemon.until_live("demo")
            row = daemon.actor("core/web")
            assert (row["phase"], row["last_reason"]) == ("waiting", "link")
            assert f"web.listen: 127.0.0.1:{port} is in use" in row["last_detail"]
            (reason,) = daemon.ask("health")["reasons"]
            assert f"127.0.0.1:{port} is in use" in reason
            assert daemon.ask("version")["web"] is None
            other.close()
            assert daemon.word("reset", "core/web").returncode == 0
            assert place(daemon) == ("127.0.0.1", port)
            when_ok(daemon)


def test_a_page_that_others_could_reach_is_refused_without_a_token(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, '[web]\nlisten = "0.0.0.0:0"\n')
    daemon.launch()
    assert daemon.ended(20) == 78
    assert "web.auth_token: is required" in daemon.log()


def test_a_token_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, SETTINGS)
    daemon.launch()
    assert daemon.ended(20) == 78
    assert "env:PAGE_TOKEN" in daemon.log()


def listeners(daemon: Daemon) -> list[str]:
    """The TCP ports that the process itself listens on, as the kernel has them."""
    own = {target.removeprefix("socket:[").removesuffix("]") for target in daemon.descriptors()}
    tables = [Path(f"/proc/{daemon.pid}/net/{table}").read_text() for table in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and row[9] in own]


def test_where_no_page_is_wanted_there_is_no_server(tmp_path: Path) -> None:
    with Daemon(tmp_path, '[web]\nlisten = ""\n') as daemon:
        when_ok(daemon)
        assert daemon.actor("core/web")["phase"] == "running", "there is nobody to be waited for"
        assert daemon.ask("version")["web"] is None
        assert listeners(daemon) == []
