"""`/api/WORD`: the socket's answers, in the words of HTTP."""

import json
import socket
import threading
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from control.answers import answer
from control.words import WORDS
from core.differences import Compared
from core.errors import DatabaseProblem
from core.messages import Acknowledge, Faulted, Operate, StopDaemon
from core.status import AccountStatus
from tests.control.kit import SNAPSHOT, STATUS, WAIT, fill
from tests.support.waiting import eventually
from tests.web.kit import ACTION, Site, serve
from web.desk import THREADS


def test_a_read_answers_what_the_socket_answers(site: Site) -> None:
    assert site.get("/api/status").json == STATUS
    assert site.get("/api/health").json == {"state": "ok", "reasons": []}
    assert site.get("/api/version").json == {"version": "1.2.3", "pid": site.daemon.services.pid, "web": None}


def test_each_answer_is_made_in_a_turn_of_its_own(site: Site) -> None:
    before = site.daemon.turns.taken
    for path in ("/api/status", "/api/fills", "/metrics"):
        assert site.get(path).status == 200
    assert site.daemon.turns.taken - before == 3


def test_parameters_are_those_of_the_word(site: Site) -> None:
    site.ledger.facts = [fill(seq) for seq in range(1, 8)]
    rows = site.get("/api/fills?account=main&limit=2&symbol=BTCUSDT").json
    assert [row["seq"] for row in rows] == [6, 7]
    assert [row["seq"] for row in site.get("/api/fills?limit=0&after=5").json] == [6, 7]


def test_a_parameter_without_a_value_was_not_given(site: Site) -> None:
    site.ledger.facts = [fill(1)]
    assert len(site.get("/api/fills?account=&since=&after=").json) == 1


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/api/fils", 404, "did you mean 'fills'"),
        ("/api/fills?limit=x", 400, "'limit' is an integer from 0"),
        ("/api/fills?lmit=1", 400, "did you mean 'limit'"),
        ("/api/fills?limit=1&limit=2", 400, "given twice"),
        ("/api/fills?since=yesterday", 400, "is no time"),
        ("/api/orders?after=3", 400, "'after' is a row"),
        ("/api/orders?after=%7B", 400, "as JSON"),
        ("/api/history", 400, "history needs 'kind'"),
        ("/api/trades", 503, "trader"),
        ("/api/tail", 404, "/events"),
        ("/api/pause", 405, "POST"),
        ("/api/", 404, "nothing at"),
        ("/nothing", 404, "nothing at '/nothing'"),
    ],
)
def test_a_mistake_is_told_in_words(site: Site, path: str, status: int, told: str) -> None:
    answer = site.get(path)
    assert answer.status == status
    assert told in answer.json["error"]


def test_a_ledger_that_cannot_be_read_is_not_a_bug(site: Site) -> None:
    site.ledger.broken = DatabaseProblem("database x is locked")
    answer = site.get("/api/fills")
    assert (answer.status, answer.json) == (503, {"error": "database x is locked"})


def test_a_bug_is_told_without_its_inside_and_ends_nothing(site: Site) -> None:
    site.ledger.broken = ZeroDivisionError("inside")
    with capture_logs() as logged:
        answer = site.get("/api/fills")
        eventually(lambda: logged, what="its line in the log, which follows the answer")
    assert answer.status == 500
    assert "inside" not in answer.json["error"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [(line["event"], line["path"]) for line in logged] == [("web_answer_failed", "/api/fills")]
    assert site.get("/api/status").status == 200


def test_an_audit_is_waited_for(site: Site) -> None:
    site.daemon.pollers["main"] = Compared("no route")
    (row,) = site.get("/api/audit?target=main&since=2d").json
    assert (row["account"], row["compared"], row["error"]) == ("main", False, "no route")


@pytest.mark.parametrize("word", ["reconcile", "restart", "reset", "pause", "resume"])
def test_a_command_is_told_and_says_who_asked(site: Site, word: str) -> None:
    answer = site.command(word, target="main")
    assert (answer.status, answer.json) == (200, {"accepted": word, "target": "main"})
    assert site.daemon.told == [Operate(word, "main", "web")]  # type: ignore[arg-type]


def test_an_account_at_the_sandbox_is_broken_from_the_page_and_a_real_one_is_not(site: Site) -> None:
    demo = AccountStatus("demo", "bybit", "live", since=0, sandbox=True)
    site.daemon.snapshot = msgspec.structs.replace(SNAPSHOT, accounts=(*SNAPSHOT.accounts, demo))
    refused = site.command("fault", target="main", kind="cut")
    assert (refused.status, "only accounts of the built-in sandbox" in refused.json["error"]) == (400, True)
    assert (site.daemon.disturbed, site.daemon.told) == ([], [])
    answer = site.command("fault", target="demo", kind="cut")
    assert (answer.status, answer.json) == (200, {"accepted": "fault", "target": "demo", "kind": "cut"})
    assert site.daemon.told == [Faulted("demo", "cut", "web")]
    assert site.ask("POST", "/api/fault", {}, {"target": "demo", "kind": "cut"}).status == 403
    assert len(site.daemon.disturbed) == 1


def test_an_incident_is_acknowledged(site: Site) -> None:
    site.ledger.incident_ids = {7}
    assert site.command("acknowledge", id=7).json == {"accepted": "acknowledge", "id": 7}
    assert site.daemon.told == [Acknowledge(7, "web")]


def test_an_incident_that_there_is_not_is_named(site: Site) -> None:
    answer = site.command("acknowledge", id=8)
    assert (answer.status, site.daemon.told) == (400, [])
    assert "no incident 8" in answer.json["error"]


def test_the_daemon_can_be_stopped(site: Site) -> None:
    assert site.command("stop").json == {"accepted": "stop"}
    assert site.daemon.told == [StopDaemon("asked on the page")]


def test_a_target_that_is_none_is_refused_with_a_proposal(site: Site) -> None:
    answer = site.command("pause", target="mian")
    assert answer.status == 400
    assert "did you mean 'main'" in answer.json["error"]


def test_a_daemon_that_takes_no_commands_says_so(site: Site) -> None:
    site.daemon.takes_commands = False
    assert site.command("pause", target="main").status == 503


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/json"}, "{}", 403),
        ({**ACTION, "X-Vigil-Action": "0"}, "{}", 403),
        ({"X-Vigil-Action": "1"}, "{}", 400),
        ({"X-Vigil-Action": "1", "Content-Type": "text/plain"}, "{}", 400),
        ({"X-Vigil-Action": "1", "Content-Type": "application/x-www-form-urlencoded"}, "target=main", 400),
        (ACTION, "{", 400),
        (ACTION, "[]", 400),
        (ACTION, "[" * 5000, 400),
        (ACTION, json.dumps({"target": "m" * 20_000}), 413),
        (ACTION, json.dumps({"target": 3}), 400),
        (ACTION, json.dumps({"target": "main", "more": 1}), 400),
        ({**ACTION, "Origin": "http://evil.example"}, '{"target": "main"}', 403),
        ({**ACTION, "Origin": "null"}, '{"target": "main"}', 403),
        ({**ACTION, "Sec-Fetch-Site": "cross-site"}, '{"target": "main"}', 403),
        ({**ACTION, "Host": "evil.example"}, '{"target": "main"}', 421),
    ],
)
def test_a_command_that_did_not_come_from_our_page_does_nothing(
    site: Site, headers: dict[str, str], body: str, status: int
) -> None:
    answer = site.ask("POST", "/api/pause", headers, body)
    assert (answer.status, site.daemon.told) == (status, [])
    assert answer.json["error"]


def test_our_own_page_may_command(site: Site) -> None:
    host = ":".join(map(str, site.place))
    ours = {**ACTION, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert site.ask("POST", "/api/pause", ours, {"target": "main"}).status == 200


def test_so_many_commands_a_minute_are_taken_and_no_more(site: Site) -> None:
    answers = [site.command("reconcile", target="main") for _ in range(61)]
    assert [answer.status for answer in answers] == [200] * 60 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert len(site.daemon.told) == 60


def test_a_read_is_not_asked_for_by_post(site: Site) -> None:
    answer = site.command("status")
    assert (answer.status, answer.json) == (405, {"error": "status is asked for by GET"})


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_is_served(site: Site, method: str) -> None:
    answer = site.ask(method, "/api/status")
    assert answer.status == 405
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_word_is_served_one_way_or_another(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that is new in the vocabulary cannot be missing here."""
    monkeypatch.setattr("web.api.answer", lambda _services, _reader, name, _given: name)
    for word in set(WORDS.values()) - {WORDS["tail"]}:
        answer = site.get(f"/api/{word.name}") if word.kind == "read" else site.command(word.name)
        assert (answer.status, answer.json) == (200, word.name)


def test_an_audit_whose_asker_has_hung_up_gives_its_place_free(site: Site) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            asker = stack.enter_context(socket.create_connection(site.place, timeout=10))
            asker.sendall(b"GET /api/audit HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: len(site.daemon.questions) == 4, what="four audits under way")
        refused = site.get("/api/audit")
        assert (refused.status, "Retry-After" in refused.headers) == (429, True)
    site.daemon.pollers["main"] = Compared("no route")
    eventually(lambda: site.get("/api/audit").status == 200, what="a place that is free again")


@pytest.mark.parametrize(
    ("word", "given"), [("alerts", {"action": "test"}), ("fault", {"target": "demo", "kind": "cut"})]
)
def test_a_command_that_waits_for_somebody_else_makes_the_page_deaf_to_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch, word: str, given: dict[str, str]
) -> None:
    """As many of them as there are threads for what is read."""
    asked, over = threading.Semaphore(0), threading.Event()

    def slow(*told: Any) -> Any:
        if told[2] != word:
            return answer(*told)
        asked.release()
        return over.wait(WAIT)

    monkeypatch.setattr("web.api.answer", slow)
    askers = [threading.Thread(target=site.command, args=(word,), kwargs=given) for _ in range(THREADS)]
    try:
        for asker in askers:
            asker.start()
        for _ in askers:
            assert asked.acquire(timeout=WAIT)
        assert site.get("/api/status").status == 200
        assert site.command(word, **given).status == 429
    finally:
        over.set()
        for asker in askers:
            asker.join(WAIT)


def test_an_audit_that_nobody_answers_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Its thread sees that nobody waits any more."""
    with serve(tmp_path) as site:
        asking = threading.Thread(target=_cut_off, args=(site, "/api/audit"))
        asking.start()
        eventually(lambda: site.daemon.questions, what="the poller asked")
    asking.join(10)
    assert not asking.is_alive()


def _cut_off(site: Site, path: str) -> None:
    with pytest.raises((OSError, HTTPException)):
        site.get(path)
