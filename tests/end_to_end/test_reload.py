"""The settings are saved under a running daemon: what changed is applied, and nobody else notices.

One daemon for all of it. `steady` is named in no test: whatever is done to the
others, it keeps its generations, its socket and its process.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from drill.dialects import keys
from tests.end_to_end.kit import Row, Scene, settings
from tests.support.daemon import Daemon
from tests.support.hooks import Hook
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

ACCOUNTS = ("steady", "keyed", "tuned", "leaving", "resting")
LATE = "late"
WITHIN = 30.0


class Office(Scene):
    """A scene whose settings file somebody edits."""

    @property
    def file(self) -> Path:
        return self.daemon.settings

    def save(self, change: Callable[[str], str]) -> None:
        """As most editors do it: another file takes the place of the old one."""
        fresh = self.file.with_name(".settings.toml.swp")
        fresh.write_text(change(self.file.read_text()))
        fresh.replace(self.file)

    def names(self) -> list[str]:
        return [row["account"] for row in self.daemon.status()["accounts"]]

    def generations(self, name: str) -> dict[str, int]:
        rows = self.daemon.status()["actors"]
        return {
            row["id"].partition("/")[2]: row["generation"] for row in rows if row["id"].startswith(f"{name}/")
        }

    def until_generation(self, child: str, generation: int) -> None:
        eventually(
            lambda: self.daemon.actor(child)["generation"],
            lambda found: found == generation,
            within=WITHIN,
            what=f"generation {generation} of {child}",
        )

    def open_incidents(self) -> list[Row]:
        rows: list[Row] = self.daemon.ask("incidents", open=True, limit=0)
        return [row for row in rows if row["kind"] == "settings_invalid"]

    def seen(self) -> tuple[Any, ...]:
        """What must not change of an account that nobody touches."""
        row = self.daemon.account("steady")
        return self.daemon.pid, self.generations("steady"), row["reconnects"], row["state"], self.socket()

    def socket(self) -> int:
        """How often the exchange was entered with the account's key: a socket that stays is entered once."""
        (key,) = [row["api_key"] for row in self.box.accounts if row["account"] == "steady"]
        shown = self.admin.state()["binance"]["keys"][key]
        entered = sum(count for call, count in shown.items() if "logon" in call or "subscribe" in call)
        assert entered, shown
        return entered

    def tables(self) -> dict[str, str]:
        """Of accounts that the sandbox knows: the table of each as a file has it."""
        own: dict[str, Any] = {"audit_every": 60}
        texts = {
            name: settings(self.box, {name: own}).partition("[accounts.")[2] for name in (*ACCOUNTS, LATE)
        }
        return {name: f"\n[accounts.{text}" for name, text in texts.items()}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("reload")
    files = {"keyed": {"api_key": "file:keyed.key", "api_secret": "file:keyed.secret"}}
    with Sandbox([account(name) for name in (*ACCOUNTS, LATE)]) as box:
        wanted = {name: files.get(name, {}) for name in ACCOUNTS}
        daemon = Daemon(home, f"# kept by hand\n{settings(box, wanted)}", keys(box))
        hide(home, next(row for row in box.accounts if row["account"] == "keyed"))
        with daemon:
            for name in ACCOUNTS:
                daemon.until_live(name)
            yield Office(box, daemon)
            assert daemon.terminate() == 0


def hide(home: Path, row: Row) -> None:
    """The account's key and secret, each in its file, replaced in one step."""
    for kind in ("secret", "key"):
        fresh = home / f".{kind}.new"
        fresh.write_text(row[f"api_{kind}"])
        fresh.chmod(0o600)
        fresh.replace(home / f"{row['account']}.{kind}")


@pytest.fixture
def untouched(office: Office) -> Iterator[None]:
    """`steady` is after the test as it was before it."""
    before = office.seen()
    yield
    assert office.seen() == before


@contextmanager
def restored(office: Office) -> Iterator[str]:
    """The file as it was, at the end."""
    text = office.file.read_text()
    try:
        yield text
    finally:
        office.save(lambda _: text)


@pytest.mark.usefixtures("untouched")
def test_an_account_that_is_added_is_seen_and_one_that_is_removed_is_gone_with_its_history_kept(
    office: Office,
) -> None:
    table = office.tables()[LATE]
    office.save(lambda text: text + table)
    eventually(office.names, lambda names: LATE in names, within=WITHIN)
    office.daemon.until_live(LATE)
    trade = office.trade(LATE)
    office.fill_of(trade, LATE)
    office.save(lambda text: text.replace(table, ""))
    eventually(office.names, lambda names: LATE not in names, within=WITHIN)
    eventually(lambda: office.generations(LATE), lambda found: found == {}, within=WITHIN)
    assert [row["trade_id"] for row in office.daemon.fills(account=LATE)] == [trade["trade_id"]]
    missed = office.trade(LATE)
    office.save(lambda text: text + table)
    office.fill_of(missed, LATE, within=WITHIN)
    office.save(lambda text: text.replace(table, ""))
    eventually(lambda: office.generations(LATE), lambda found: found == {}, within=WITHIN)


@pytest.mark.usefixtures("untouched")
def test_a_retuned_account_keeps_its_socket_where_only_the_poller_was_meant(office: Office) -> None:
    before, seen = office.generations("tuned"), office.daemon.account("tuned")["reconnects"]
    with restored(office):
        office.save(lambda text: changed(text, "tuned", "audit_every = 60", "audit_every = 7"))
        office.until_generation("tuned/poller", before["poller"] + 1)
        after = office.generations("tuned")
        assert (after["connection"], after["keepalive"]) == (before["connection"], before["keepalive"])
        row = office.daemon.until_live("tuned")
        assert row["reconnects"] == seen
        office.fill_of(office.trade("tuned"), "tuned")
    office.until_generation("tuned/poller", before["poller"] + 2)


@pytest.mark.usefixtures("untouched")
def test_other_credentials_behind_the_same_name_renew_that_account_alone(office: Office) -> None:
    """The key is exchanged at the exchange, which refuses the old one from then on."""
    before = office.generations("keyed")
    (row,) = [row for row in office.box.accounts if row["account"] == "keyed"]
    row |= {"api_key": token(), "api_secret": token()}
    office.box.write_accounts()
    office.admin.post("reload")
    hide(office.daemon.home, row)
    eventually(
        lambda: office.generations("keyed"),
        lambda now: now["connection"] > before["connection"] and now["poller"] > before["poller"],
        within=WITHIN,
        what="new generations of keyed",
    )
    office.daemon.until_live("keyed", within=WITHIN)
    office.fill_of(office.trade("keyed"), "keyed")
    assert row["api_secret"] not in office.daemon.log()


@pytest.mark.usefixtures("untouched")
def test_a_held_account_is_tried_again_when_its_secret_is_mended(office: Office) -> None:
    (row,) = [row for row in office.box.accounts if row["account"] == "keyed"]
    hide(office.daemon.home, {**row, "api_secret": token()})
    held = eventually(
        lambda: office.daemon.account("keyed"), lambda row: row["state"] == "held", within=WITHIN
    )
    assert held["held_reason"]
    hide(office.daemon.home, row)
    office.daemon.until_live("keyed", within=WITHIN)
    assert office.daemon.account("keyed")["held_reason"] is None


@pytest.mark.usefixtures("untouched")
def test_a_file_that_does_not_hold_changes_nothing_says_why_and_is_over_when_it_is_mended(
    office: Office,
) -> None:
    before = {name: office.generations(name) for name in ACCOUNTS}
    with restored(office):
        office.save(
            lambda text: text.replace("[web]", "[weeb]") + '\n[accounts.oops]\nexchange = "binanse"\n'
        )
        error = eventually(lambda: office.daemon.status()["settings"]["error"], within=WITHIN)
        assert 'weeb: no such table (did you mean "web"?)' in error
        assert "accounts.oops.exchange: must be one of" in error
        eventually(office.open_incidents, lambda rows: len(rows) == 1, within=WITHIN)
        (incident,) = office.open_incidents()
        assert incident["text"] == error
        assert office.logged("settings_refused")
        answer = office.daemon.word("reload")
        assert answer.returncode == 1
        assert "error: accounts.oops.exchange: must be one of" in answer.stdout
        assert office.daemon.status()["state"] == "ok", "the old settings hold"
    eventually(
        lambda: office.daemon.status()["settings"]["error"], lambda error: error is None, within=WITHIN
    )
    eventually(office.open_incidents, lambda rows: rows == [], within=WITHIN)
    assert {name: office.generations(name) for name in ACCOUNTS} == before


@pytest.mark.usefixtures("untouched")
def test_a_disabled_account_rests_and_an_enabled_one_catches_up(office: Office) -> None:
    done = office.daemon.word("accounts", "disable", "resting")
    assert (done.returncode, "resting: disabled" in done.stdout) == (0, True), done.stderr
    office.until("disabled", "resting", within=WITHIN)
    eventually(lambda: office.generations("resting"), lambda found: found == {}, within=WITHIN)
    assert office.daemon.status()["state"] == "ok"
    missed = office.trade("resting")
    done = office.daemon.word("accounts", "enable", "resting")
    assert done.returncode == 0, done.stderr
    office.daemon.until_live("resting", within=WITHIN)
    office.fill_of(missed, "resting")
    assert office.file.read_text().startswith("# kept by hand\n")


@pytest.mark.usefixtures("untouched")
def test_accounts_are_added_and_removed_by_their_words_with_every_comment_kept(office: Office) -> None:
    """At the built-in sandbox, which is started for the first of them and takes in the second as it runs."""
    before = office.file.read_text()
    for name, exchange in (("play", "bybit"), ("play-too", "cryptocom")):
        done = office.daemon.word("accounts", "add", name, "--exchange", exchange, "--sandbox")
        assert (done.returncode, f"{name}: added" in done.stdout) == (0, True), done.stderr
        office.daemon.until_live(name, within=WITHIN)
    assert office.daemon.account("play")["reconnects"] == 0
    assert office.generations("play")["connection"] == 1
    refused = office.daemon.word("accounts", "add", "bad", "--exchange", "bybit", "--api-key", "env:NOT_SET")
    assert refused.returncode == 78
    assert "accounts.bad.api_secret: is required" in refused.stderr
    for name in ("play", "play-too"):
        done = office.daemon.word("accounts", "remove", name, "--yes")
        assert (done.returncode, f"{name}: removed" in done.stdout) == (0, True), done.stderr
    assert office.file.read_text().rstrip() == before.rstrip()
    assert not {"play", "play-too"} & set(office.names())


@pytest.mark.usefixtures("untouched")
def test_sighup_reads_the_file_again_and_stops_nobody(office: Office) -> None:
    with restored(office) as text:
        seen = len(office.logged("settings_applied"))
        office.file.write_text(text + "# a comment alone\n[database]\nkeep_days = 11\n")
        os.kill(office.daemon.pid, signal.SIGHUP)
        eventually(
            lambda: office.logged("settings_applied")[seen:],
            lambda rows: (
                [row["sections"] for row in rows]
                == [[{"section": "database", "keys": ["keep_days"], "restarts": []}]]
            ),
            within=WITHIN,
        )


@pytest.mark.usefixtures("untouched")
def test_what_only_a_new_process_can_have_is_a_warning_and_the_daemon_answers_where_it_did(
    office: Office,
) -> None:
    with restored(office) as text:
        office.file.write_text(text + '[control]\nsocket = "elsewhere.sock"\n')
        eventually(
            lambda: office.daemon.status()["settings"]["warnings"],
            lambda found: any("control.socket: takes effect at the next start" in text for text in found),
            within=WITHIN,
        )


@pytest.mark.usefixtures("untouched")
def test_twenty_saves_in_a_moment_end_with_the_last_one(office: Office) -> None:
    with restored(office):
        seen = len(office.logged("settings_applied"))
        for number in range(20, 40):
            value = f"audit_every = {number} # "
            office.save(partial(changed, name="leaving", old="audit_every = ", new=value))
        eventually(
            lambda: office.daemon.ask("reload"),
            lambda answer: answer["applied"] and answer["accounts"] == [],
            within=WITHIN,
        )
        assert 0 < len(office.logged("settings_applied")) - seen <= 8
        assert office.generations("leaving")["connection"] == 1
        office.daemon.until_live("leaving", within=WITHIN)


def changed(text: str, name: str, old: str, new: str) -> str:
    """The text with one thing said otherwise in the table of this account."""
    before, header, rest = text.partition(f"[accounts.{name}]\n")
    assert old in rest
    return before + header + rest.replace(old, new, 1)


def test_the_page_is_switched_on_moved_and_switched_off_and_the_accounts_do_not_notice(
    tmp_path: Path,
) -> None:
    first, second = free_port(), free_port()
    with Sandbox([account("main")]) as box:
        off = settings(box, {"main": {}})
        with Daemon(tmp_path, off, keys(box)) as daemon:
            it = Office(box, daemon)
            daemon.until_live("main")
            before = it.generations("main")
            assert daemon.ask("version")["web"] is None
            for port in (first, second, first):
                daemon.settings.write_text(off.replace('listen = ""', f'listen = "127.0.0.1:{port}"'))
                eventually(partial(answers, port), within=WITHIN, what=f"the page on {port}")
            eventually(lambda: answers(second), lambda is_there: not is_there, within=WITHIN)
            daemon.settings.write_text(off)
            eventually(lambda: answers(first), lambda is_there: not is_there, within=WITHIN)
            assert daemon.ask("version")["web"] is None
            assert "web." not in str(daemon.status()["settings"]["warnings"])
            assert it.generations("main") == before
            assert daemon.account("main")["reconnects"] == 0


def test_alerts_are_switched_on_while_the_daemon_runs(tmp_path: Path) -> None:
    with Sandbox([account("main")]) as box, Hook() as hook:
        text = settings(box, {"main": {"blind_after": 1}})
        with Daemon(tmp_path, text, keys(box)) as daemon:
            daemon.until_live("main")
            assert daemon.status()["alerts"] == []
            (tmp_path / "hook").write_text(hook.url)
            (tmp_path / "hook").chmod(0o600)
            daemon.settings.write_text(text + '[alerts]\nurls = ["file:hook"]\n')
            eventually(lambda: daemon.status()["alerts"], within=WITHIN, what="an address")
            box.admin.fault("refuse_connect")
            box.admin.fault("drop")
            eventually(
                lambda: hook.events,
                lambda told: ("opened", "main:blind") in told,
                within=WITHIN,
                what="an alert",
            )
            assert daemon.account("main")["reconnects"] == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.RequestException:
        return False
