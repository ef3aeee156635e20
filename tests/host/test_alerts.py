"""The addresses of [alerts]: found or named as missing, masked, and tried with one message each."""

import io
import threading
from pathlib import Path

import pytest

from actors.inlet import Inlet
from core.records import Incident
from core.settings_schema import AlertSettings
from core.status import LedgerVitals
from host.alerts import addresses, missing, offline, trial
from host.check import check
from host.configuration import load
from host.logs import Masker
from host.run import Daemon
from host.secrets import Secrets
from host.tenants import Tenants
from host.vault import custody
from tests.support.clock import ManualClock
from tests.support.hooks import SECRET, Hook


def given(home: Path, *urls: str) -> Path:
    """A settings file with these addresses, each in a file of its own."""
    names = ("one", "two", "three")[: len(urls)]
    for name, url in zip(names, urls, strict=True):
        (home / name).write_text(url)
        (home / name).chmod(0o600)
    listed = ", ".join(f'"file:{name}"' for name in names)
    path = home / "settings.toml"
    path.write_text(f"[alerts]\nurls = [{listed}]\n")
    return path


def run(path: Path, only: int | None = None) -> tuple[int, str, str]:
    out, complaints = io.StringIO(), io.StringIO()
    return offline(path, only, out, complaints), out.getvalue(), complaints.getvalue()


def test_without_a_daemon_a_test_message_goes_through_every_address(tmp_path: Path) -> None:
    with Hook() as hook, Hook(lambda _post: 200) as service:
        code, said, complaints = run(given(tmp_path, hook.url, service.apprise_url))
        assert (code, complaints) == (0, "")
        assert said == "0  webhook+http://***  ok\n1  json://***  ok\n"
        assert hook.posts[0].document["event"] == "test"
        assert service.posts[0].document["title"] == "vigil: test"


def test_one_that_fails_is_told_with_its_reason_and_exit_code_1(tmp_path: Path) -> None:
    with Hook(lambda _post: 403) as refusing, Hook() as hook:
        code, said, _ = run(given(tmp_path, refusing.url, hook.url))
    assert code == 1
    assert said == "0  webhook+http://***  failed: HTTP 403 Forbidden\n1  webhook+http://***  ok\n"


def test_one_address_can_be_meant_alone(tmp_path: Path) -> None:
    with Hook() as first, Hook() as second:
        path = given(tmp_path, first.url, second.url)
        assert run(path, 1)[:2] == (0, "1  webhook+http://***  ok\n")
        assert not first.posts
        assert run(path, 2) == (2, "", "vigil: alerts: there is no address 2 in alerts.urls\n")


def test_nothing_to_test_is_said_and_is_no_failure(tmp_path: Path) -> None:
    path = given(tmp_path)
    assert run(path)[:2] == (0, "no address in alerts.urls\n")


def test_settings_that_do_not_hold_are_exit_code_78(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[alerts]\nurls = ["slack://a/b/c"]\n')
    code, _, complaints = run(path)
    assert code == 78
    assert "alerts.urls.0: must be a reference" in complaints
    assert "slack" not in complaints, "an address that was put into the file is a secret all the same"


def test_an_address_that_cannot_be_had_fails_alone(tmp_path: Path) -> None:
    with Hook() as hook:
        path = given(tmp_path, hook.url, "x")
        (tmp_path / "two").chmod(0o644)
        code, said, _ = run(path)
    assert code == 1
    first, second = said.splitlines()
    assert first.endswith("ok")
    assert second.startswith("1  file:two  failed: file:")
    assert "chmod 600" in second


def test_a_service_that_never_answers_does_not_hold_up_the_answer_about_the_others(tmp_path: Path) -> None:
    done = threading.Event()
    with Hook(lambda _post: 204 if done.wait(60) else 500) as slow, Hook() as hook:
        given(tmp_path, slow.url, hook.url)
        settings = AlertSettings(urls=("file:one", "file:two"))
        rows = trial(settings, addresses(Secrets(tmp_path, {})), patience=2.0)
        assert [(row["ok"], row["error"]) for row in rows] == [(False, "no answer within 2 s"), (True, None)]
        done.set()


def test_every_part_of_an_address_is_masked_from_then_on(tmp_path: Path) -> None:
    masker = Masker()
    given(tmp_path, "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", f"json://u:{SECRET[:6]}xyz@h.org")
    address = addresses(Secrets(tmp_path, {}), learn=masker.learn)
    address("file:one")
    address("file:two")
    assert "TIia" not in masker.text("POST https://hooks.slack.com/services/x/TIiajkdnlazkcOXrIdevi7FQ")
    assert masker.text("the password is s3cretxyz") != "the password is s3cretxyz"


def test_a_reference_that_leads_nowhere_is_named_by_its_place(tmp_path: Path) -> None:
    settings = AlertSettings(urls=("env:THERE", "env:GONE"))
    (problem,) = missing(settings, addresses(Secrets(tmp_path, {"THERE": "json://127.0.0.1"})))
    assert str(problem) == "alerts.urls.1: env:GONE: the environment variable GONE is not set"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_check_says_of_each_address_whether_it_can_be_had(tmp_path: Path, mode: int) -> None:
    path = given(tmp_path, "slack://Tok3nTok3n/b/c")
    (tmp_path / "one").chmod(mode)
    text, code = check(path, {})
    assert ("alerts    file:one can be had" in text) == (mode == 0o600)
    assert code == (0 if mode == 0o600 else 1)
    assert "Tok3n" not in text


def test_what_is_open_of_an_account_that_nobody_serves_is_ended_at_the_start(tmp_path: Path) -> None:
    """It would be told for ever: who could take it back is not there any more."""
    path = tmp_path / "settings.toml"
    path.write_text(
        '[accounts.here]\nexchange = "bybit"\nsandbox = true\n'
        '[accounts.off]\nexchange = "bybit"\nsandbox = true\nenabled = false\n'
    )
    masker = Masker()
    loaded = load(path, {})
    kept = custody(loaded, {})
    daemon = Daemon(loaded, masker, kept, Tenants(masker, kept.secrets), {})
    inlet = daemon._inlet = Inlet(tmp_path / "spill", ManualClock(), LedgerVitals())
    row = {"kind": "blind", "severity": "critical", "text": "held"}
    daemon._end_orphaned(
        [row | {"key": f"{who}:blind", "account": who} for who in ("here", "off", "gone", None)]
    )
    taken = inlet.take(10)
    assert taken is not None
    assert [(entry.key, entry.resolved) for entry in taken.entries if isinstance(entry, Incident)] == [
        ("off:blind", True),
        ("gone:blind", True),
    ]
