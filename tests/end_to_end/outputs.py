"""Everything that a daemon says, shows and leaves behind: each output by its name, as the bytes that it is."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from control.words import WORDS
from tests.support.daemon import Daemon, Refused
from tests.support.waiting import eventually
from tests.web.kit import Answer, Ears

Outputs = Iterator[tuple[str, bytes]]

READS = [word.name for word in WORDS.values() if word.kind == "read" and word.name != "tail"]
OFFLINE = (
    ("check",),
    ("rebuild", "--check"),
    ("backup",),
    *(("export", what, "--format", "jsonl") for what in ("fills", "journal", "incidents")),
)
EVENTS = ("hello", "status", "incidents", "chart", "facts")


def histories(daemon: Daemon) -> Iterator[dict[str, Any]]:
    """What can be asked of the past of each account and each actor."""
    status = daemon.status()
    yield from ({"kind": "account", "key": row["account"]} for row in status["accounts"])
    yield from (
        {"kind": "actor", "key": name} for name in ("daemon", *(row["id"] for row in status["actors"]))
    )


def asked(daemon: Daemon) -> Outputs:
    """Every word over the socket, with all there is, and what it says of what is not there."""
    for word in READS:
        rows = {"limit": 0} if any(param.name == "limit" for param in WORDS[word].params) else {}
        for given in histories(daemon) if word == "history" else [{}]:
            yield f"socket {word} {given}", told(daemon, word, **{**rows, **given})
    yield "socket journal", json.dumps(daemon.journal()).encode()
    yield "socket reload", told(daemon, "reload")
    yield "socket restart", told(daemon, "restart", target="nobody")


def told(daemon: Daemon, word: str, **params: Any) -> bytes:
    """The answer, or the error."""
    try:
        return json.dumps(daemon.ask(word, **params), ensure_ascii=False).encode()
    except Refused as refusal:
        return str(refusal).encode()


def typed(daemon: Daemon) -> Outputs:
    """The command line beside a running daemon, for people and for programs, on both its outputs."""
    words: list[tuple[str, ...]] = [(word,) for word in READS if word != "history"]
    words += [("history", given["kind"], given["key"]) for given in histories(daemon)][:2]
    for word in words:
        yield from (said(daemon, *word, *form) for form in ((), ("--json",)))
    yield from (
        said(daemon, *word) for word in (("secrets", "list"), ("alerts", "test"), ("reload",), ("--help",))
    )


def typed_alone(daemon: Daemon) -> Outputs:
    """The command line where no daemon runs."""
    yield from (said(daemon, *word) for word in (*OFFLINE, ("secrets", "list", "--json"), ("alerts", "test")))


def said(daemon: Daemon, *words: str, given: str | None = None) -> tuple[str, bytes]:
    done = daemon.word(*words, given=given, timeout=60)
    return f"typed {' '.join(words)}", (done.stdout + done.stderr).encode()


def served(daemon: Daemon, token: str) -> Outputs:
    """The page, the same words over HTTP, metrics and events; to who is let in, and to who is not."""
    parts = urlsplit(eventually(lambda: daemon.ask("version")["web"], what="a page"))
    assert parts.hostname is not None
    assert parts.port is not None
    place, bearer = (parts.hostname, parts.port), {"Authorization": f"Bearer {token}"}
    paths = [f"/api/{word}" for word in READS if word != "history"]
    paths += [f"/api/history?{urlencode(given)}" for given in histories(daemon)]
    paths += ["/", "/login", "/metrics", "/healthz", "/readyz", "/api/nothing", "/nowhere"]
    for headers in (bearer, {}):
        yield from (
            (f"{path} {'let in' if headers else 'as a stranger'}", got(place, path, headers))
            for path in paths
        )
    yield "a wrong token", got(place, "/api/status", {"Authorization": "Bearer wrong"})
    yield "a right token at the login", got(place, "/login", {}, urlencode({"token": token}))
    with closing(Ears(place, "/events?after=0", bearer)) as ears:
        missing = set(EVENTS)  # in whichever order they come
        while missing:
            heard = ears.next(*missing)
            missing.remove(heard["name"])
            yield f"event {heard['name']}", json.dumps(heard, ensure_ascii=False).encode()


def got(place: tuple[str, int], path: str, headers: dict[str, str], form: str | None = None) -> bytes:
    """Head and body of the answer."""
    connection = HTTPConnection(*place, timeout=60)
    with closing(connection):
        more = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://{place[0]}:{place[1]}",
        }
        connection.request("POST" if form else "GET", path, form, {**headers, **(more if form else {})})
        answer = Answer(connection.getresponse())
    return f"{answer.status}\n{answer.headers}\n".encode() + answer.body


def processes(pid: int) -> Outputs:
    """What everybody on this machine sees of the daemon and of whatever it started, and what that was given."""
    table = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in table.splitlines()[1:]]
    family = [row for row in rows if str(pid) in row[:2]]
    yield "ps", "\n".join(row[2] for row in family).encode()
    for row in family:
        for facts in ("cmdline", "comm", "limits", *(("environ",) if row[0] != str(pid) else ())):
            file = Path(f"/proc/{row[0]}/{facts}")
            if file.exists():
                yield f"{facts} of {row[2][:40]}", file.read_bytes()
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield f"thread {task.name}", (task / "comm").read_bytes()


def left(home: Path) -> Outputs:
    """Every file that the run left, but for the register in which the sandbox's own keys belong."""
    for path in home.rglob("*"):
        if path.is_file() and path.name != "accounts.json":
            yield f"file {path.relative_to(home)}", path.read_bytes()
