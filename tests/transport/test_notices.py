"""One alert to one address: a real server takes it, or the reason is told without the address."""

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core import alerts
from core.alerts import Case, Item, Message
from core.secrecy import MASK, shown, tokens
from tests.support.hooks import SECRET, Hook
from transport import notices
from transport.notices import SIGNATURE, NotTaken, deliver, signature

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_763_640_031_000
CASE = Case("main:blind", "blind", "critical", "the account is held: bad key", "main", NOW - 5_000, 2)
OPENED = Message((Item("id-1", "opened", CASE),))


def test_a_webhook_gets_the_document_as_json() -> None:
    with Hook() as hook:
        deliver(hook.url, OPENED, NOW)
        (post,) = hook.posts
    assert post.document == alerts.document(OPENED)
    assert post.path == "/hook/Tok3nInThePath"
    assert post.headers["Content-Type"] == "application/json"
    assert "Authorization" not in post.headers, "the secret signs; it is never sent"
    assert SECRET not in str(post)


def example() -> Any:
    """The function that docs/alerts.md gives to receivers."""
    text = (ROOT / "docs" / "alerts.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    space: dict[str, Any] = {}
    exec(code, space)
    return space["is_from_vigil"]


def test_the_example_of_the_documentation_accepts_what_was_sent_and_nothing_else() -> None:
    is_from_vigil = example()
    with Hook() as hook:
        deliver(hook.url, OPENED, int(time.time() * 1000))
        (post,) = hook.posts
    header = post.headers[SIGNATURE]
    assert is_from_vigil(SECRET, header, post.body)
    assert not is_from_vigil("another", header, post.body)
    assert not is_from_vigil(SECRET, header, post.body + b" ")
    assert not is_from_vigil(SECRET, signature(SECRET, post.body, int(time.time()) - 301), post.body)
    forged = header.replace("t=", "t=1")
    assert not is_from_vigil(SECRET, forged, post.body, tolerance=1e18), "the time is signed too"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
def test_whatever_is_no_2xx_is_not_taken_and_no_redirect_is_followed(status: int) -> None:
    with Hook(lambda _post: status) as hook:
        with pytest.raises(NotTaken, match=f"HTTP {status}"):
            deliver(hook.url, OPENED, NOW)
        assert len(hook.posts) == 1


def dead_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_a_dead_service_is_told_by_what_happened_and_not_by_its_address() -> None:
    with pytest.raises(NotTaken) as refusal:
        deliver(f"webhook+http://:{'x' * 9}@127.0.0.1:{dead_port()}/Tok3nInThePath", OPENED, NOW)
    assert str(refusal.value) == "Connection refused"


def test_a_service_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "TIMEOUT", (5.0, 0.2))
    done = threading.Event()
    with Hook(lambda _post: 204 if done.wait(20) else 500) as hook:
        with pytest.raises(NotTaken, match=r"no answer within 0\.2 s"):
            deliver(hook.url, OPENED, NOW)
        done.set()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("webhook+http://:secret@example.com/hook", "only reaches this machine"),
        ("webhook+https://example.com/hook", "needs a secret"),
        ("webhook+ftp://:secret@example.com/hook", "webhook\\+https://:SECRET@host/path"),
        ("webhook+https://:secret@/hook", "webhook\\+https://:SECRET@host/path"),
        ("nonsense://tok3n-tok3n/x", "no address that apprise knows"),
        ("slack://", "no address that apprise knows"),
        ("", "no address that apprise knows"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_what_is_wrong(url: str, why: str) -> None:
    with pytest.raises(NotTaken, match=why):
        deliver(url, OPENED, NOW)


def test_apprise_takes_a_message_with_title_text_and_kind() -> None:
    with Hook(lambda _post: 200) as hook:
        deliver(hook.apprise_url, OPENED, NOW)
        (post,) = hook.posts
    assert post.document["title"] == "vigil: critical: main blind"
    assert post.document["message"] == "the account is held: bad key"
    assert post.document["type"] == "failure"


def test_the_end_of_an_incident_is_good_news_for_apprise() -> None:
    with Hook(lambda _post: 200) as hook:
        deliver(hook.apprise_url, Message((Item("id-2", "resolved", CASE, NOW),)), NOW)
        (post,) = hook.posts
    assert (post.document["title"], post.document["type"]) == ("vigil: resolved: main blind", "success")


def test_what_apprise_complains_of_is_the_reason() -> None:
    with Hook(lambda _post: 403) as hook, pytest.raises(NotTaken, match="403") as refusal:
        deliver(hook.apprise_url, OPENED, NOW)
    assert "Tok3n" not in str(refusal.value)


def test_of_two_that_fail_at_once_each_has_its_own_reason() -> None:
    reasons: dict[int, str] = {}
    together = threading.Barrier(2)

    def send(status: int) -> None:
        with Hook(lambda _post: (together.wait(20) and status) or status) as hook:
            try:
                deliver(hook.apprise_url, OPENED, NOW)
            except NotTaken as refusal:
                reasons[status] = str(refusal)

    threads = [threading.Thread(target=send, args=(status,)) for status in (403, 503)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert "403" in reasons[403]
    assert "503" in reasons[503]


def test_a_plug_in_that_raises_is_a_reason_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "json://127.0.0.1/Tok3nInThePath"

    def bug(*_args: object) -> None:
        raise RuntimeError(f"cannot reach {url}")

    monkeypatch.setattr(notices, "_notify", bug)
    with pytest.raises(NotTaken) as refusal:
        deliver(url, OPENED, NOW)
    assert str(refusal.value) == f"RuntimeError: cannot reach {MASK}"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "TIiajkdnlazkcOXrIdevi7FQ"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "T1JJ3T3L2"),
        ("tgram://123456789:AbCdEf-ghij_klm/12315544/", "AbCdEf-ghij_klm"),
        ("mailto://robot:passwort@example.com?to=me@example.org", "passwort"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "JHMHI8qBe7bk2ZwO5U711o3dV_js"),
        ("webhook+https://:s3cretXX@hooks.example.com/vigil", "s3cretXX"),
        ("json://host.example.com/path?token=abc123XYZ", "abc123XYZ"),
        ("mailto://a%40b:p%40ssw0rd@example.com", "p@ssw0rd"),
    ],
)
def test_every_part_that_opens_a_door_is_known_as_a_secret(url: str, secret: str) -> None:
    assert secret in tokens(url)
    assert url in tokens(url)
    assert secret not in shown(url)


@pytest.mark.parametrize(
    "plain", ["general", "hooks.example.com", "127.0.0.1", "localhost", "markdown", "9000"]
)
def test_ordinary_words_are_no_secrets(plain: str) -> None:
    urls = [
        "slack://T1JJ3T3L2/#general",
        "json://127.0.0.1:9000/a?format=markdown",
        "json://localhost:9000/x",
    ]
    urls += ["webhook+https://:s3cretXX@hooks.example.com/general"]
    assert all(plain not in tokens(url) for url in urls)


@pytest.mark.parametrize(
    ("url", "said"),
    [("Slack://a/b", "slack://***"), ("webhook+https://:a@b/c", "webhook+https://***"), ("no address", "***"),
     ("tok3n tok3n://x", "***")],
)  # fmt: skip
def test_of_an_address_only_the_scheme_is_shown(url: str, said: str) -> None:
    assert shown(url) == said


def test_apprise_is_imported_only_when_something_is_sent_by_it() -> None:
    """It costs more than all the rest of the start."""
    code = "import sys, transport.notices, actors.notifier, host.alerts, web.metrics; "
    code += "assert not {'apprise', 'prometheus_client'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
