"""A run in which much goes wrong, at the most talkative level: no secret is in anything that it leaves or says.

Secrets come from the environment, from files and from the vault; an exchange echoes
them, actors fail with them in their hands, files that hold them are damaged, and the
process dies of a fault at last. Then everything is searched for each of them, in every
form in which it may be written.
"""

import base64
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from operator import lt
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from drill.dialects import DIALECTS, account_table
from tests.end_to_end.kit import QUICK
from tests.end_to_end.listen_keys import KEY, US
from tests.end_to_end.outputs import asked, left, processes, said, served, typed, typed_alone
from tests.end_to_end.refusals import refusal
from tests.support.hooks import QUOTED, SECRET, Hook
from tests.support.injected import Injected
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

PHRASE, NEW_PHRASE = 'a "quoted" päss\\phrase', "another phrase of the vault"
SETTINGS = """
[supervisor]
log_level = "debug"
[web]
listen = "127.0.0.1:0"
auth_token = "vault:page-token"
[alerts]
urls = ["file:{hook}", "env:DEAD_HOOK"]
[vault]
key = "env:VAULT_PHRASE"
[accounts.demo]
exchange = "bybit"
sandbox = true
"""
PATIENCE = 120.0
"""Seconds for what six accounts at four exchanges have to do first."""
LIVE = ("demo", "hmac", "pair", "us", "bybit", "crypto")
ECHO = "an echo of [masked]"


class Run:
    """One daemon, what it keeps secret, and what it and all round it said so far."""

    def __init__(self, box: Sandbox, daemon: Injected, hook: Hook) -> None:
        self.box = box
        self.daemon = daemon
        self.hook = hook
        self.secrets: dict[str, str] = {}
        self.said: dict[str, bytes] = {}

    def hides(self, name: str, secret: str) -> str:
        """From now on nobody may see this."""
        self.secrets[name] = secret
        return secret

    def row(self, name: str) -> dict[str, Any]:
        (found,) = [row for row in self.box.accounts if row["account"] == name]
        return found

    def keep(self, outputs: Iterator[tuple[str, bytes]]) -> None:
        """Look through these later; the same output at another time is another one."""
        for name, text in outputs:
            self.said[f"{len(self.said)} {name}"] = text

    def put(self, name: str, value: str) -> None:
        """Into the vault, as a person does it."""
        done = self.daemon.word("secrets", "set", name, given=value)
        assert done.returncode == 0, done.stderr
        self.keep(iter([("secrets set", (done.stdout + done.stderr).encode())]))

    def until(self, name: str, state: str) -> None:
        eventually(
            lambda: self.daemon.account(name)["state"],
            lambda found: found == state,
            within=PATIENCE,
            what=f"{name} {state} ({self.daemon.log_path})",
        )

    def echoes(self) -> int:
        return self.daemon.log().count(ECHO)

    def listen_key(self, when: str) -> None:
        """The key of the stream, as the neighbour who shares it is given it."""
        headers = {"X-MBX-APIKEY": self.row("us")["api_key"]}
        answer = requests.post(self.box.url(US) + KEY, headers=headers, timeout=30)
        self.hides(f"listen key {when}", str(answer.json()["listenKey"]))


def forms(secret: str) -> set[bytes]:
    """As it is, as a URL, JSON, Python, base64 or hexadecimal digits have it; and a part of it that would do."""
    raw = secret.encode()
    texts = {secret, secret[:20], quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return {*(text.encode() for text in texts), base64.b64encode(raw).rstrip(b"="), raw.hex().encode()}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Accounts of all exchanges at a sandbox, their secrets in three kinds of places; the daemon is not started."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    pair = {"exchange": "binance", "account": "pair", "api_key": token(), "public_key": public}
    who = [account("hmac"), pair, account("wrong"), account("us", US)]
    who += [account("bybit", "bybit"), account("crypto", "cryptocom")]
    with Hook() as gone:
        pass
    with Hook() as hook, Sandbox(who, exchanges=tuple(DIALECTS)) as box:
        keys = tmp_path / "keys"
        settings = SETTINGS.format(hook=keys / "hook") + tables(box, keys)
        daemon = Injected(tmp_path / "home", settings, ping_every=10)
        daemon.is_forked = False  # what /proc shows of it is looked at
        run = Run(box, daemon, hook)
        for row in who:
            for half in ("api_key", "api_secret"):
                if half in row:
                    run.hides(f"{row['account']} {half}", row[half])
        run.hides("line of the private key", pem.splitlines()[1])
        run.hides("password of the hook", SECRET)
        run.hides("password of the hook, quoted", QUOTED)
        run.hides("path of the hook", "Tok3nInThePath")
        run.hides("passphrase", PHRASE)
        run.hides("token of the page", token())
        run.hides("wrong secret", token())
        hidden = {"pair.pem": pem, "hook": hook.url}
        hidden |= {"bybit.key": run.row("bybit")["api_key"], "crypto.secret": run.row("crypto")["api_secret"]}
        hide(keys, hidden)
        daemon.env |= {
            "VAULT_PHRASE": PHRASE,
            "DEAD_HOOK": gone.url,
            "HMAC_KEY": run.row("hmac")["api_key"],
            "HMAC_SECRET": run.row("hmac")["api_secret"],
            "PAIR_KEY": run.row("pair")["api_key"],
            "WRONG_KEY": run.row("wrong")["api_key"],
            "WRONG_SECRET": run.secrets["wrong secret"],
            "CRYPTO_KEY": run.row("crypto")["api_key"],
        }
        yield run


def hide(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)


def tables(box: Sandbox, keys: Path) -> str:
    own = {
        "hmac": ("binance", "env:HMAC_KEY", {"api_secret": "env:HMAC_SECRET"}),
        "pair": ("binance", "env:PAIR_KEY", {"api_secret": "", "private_key": f"file:{keys}/pair.pem"}),
        "wrong": ("binance", "env:WRONG_KEY", {"api_secret": "env:WRONG_SECRET"}),
        "us": (US, "vault:us-key", {"api_secret": "vault:us-secret"}),
        "bybit": ("bybit", f"file:{keys}/bybit.key", {"api_secret": "vault:bybit-secret"}),
        "crypto": ("cryptocom", "env:CRYPTO_KEY", {"api_secret": f"file:{keys}/crypto.secret"}),
    }
    text = ""
    for name, (exchange, key, more) in own.items():
        its = {"exchange": exchange, "api_key": key, **more, **QUICK, "audit_every": 2}
        text += account_table(name, its, DIALECTS[exchange].at(box.host(exchange)))
    return text


@contextmanager
def living(run: Run) -> Iterator[None]:
    """The daemon runs, and every account with a good key is live."""
    run.daemon.launch()
    try:
        run.daemon.until_answers(PATIENCE)
        for name in LIVE:
            run.daemon.until_live(name, PATIENCE)
        yield
    finally:
        run.daemon.__exit__(None, None, None)


@pytest.mark.timeout(900)
def test_no_secret_is_said_logged_shown_or_stored(run: Run, tmp_path: Path) -> None:
    daemon, home = run.daemon, run.daemon.home
    for name, secret in (
        ("us-key", run.row("us")["api_key"]),
        ("us-secret", run.row("us")["api_secret"]),
        ("bybit-secret", run.row("bybit")["api_secret"]),
        ("page-token", run.secrets["token of the page"]),
    ):
        run.put(name, secret)
    with living(run):
        register = json.loads((home / "data" / "sandbox" / "accounts.json").read_text())
        for half in ("api_key", "api_secret"):
            run.hides(f"the sandbox's own {half}", register[0][half])
        run.until("wrong", "held")
        run.listen_key("at first")
        trade(run)
        exchanges_echo_what_they_were_sent(run)
        streams_break(run)
        the_key_of_an_account_is_changed(run)
        actors_fail_with_secrets_in_their_hands(run)
        files_are_not_as_they_should_be(run)
        for name in LIVE:
            daemon.until_live(name, within=PATIENCE)
        run.box.admin.fault("auth_revoked", account="hmac")
        run.until("hmac", "held")
        eventually(lambda: run.hook.posts, what="an alert")
        run.keep(asked(daemon))
        run.keep(typed(daemon))
        run.keep(served(daemon, run.secrets["token of the page"]))
        run.keep(processes(daemon.pid))
        assert daemon.terminate(within=20) == 0
    run.box.admin.clear()
    with living(run):
        run.listen_key("after a restart")
        daemon.signal(signal.SIGABRT)
        assert daemon.ended(30) == -signal.SIGABRT
    run.keep(typed_alone(daemon))
    the_phrase_of_the_vault_is_changed(run)
    run.keep((f"alert {at}", post.body) for at, post in enumerate(run.hook.posts))
    run.keep(left(home))
    assert_all_was_said(run)
    assert found(run) == []


def found(run: Run) -> list[str]:
    """Which secret stands where."""
    looked_for = {name: forms(secret) for name, secret in run.secrets.items()}
    return [
        f"{name} in {place}"
        for place, text in run.said.items()
        for name, looks in looked_for.items()
        if any(look in text for look in looks)
    ]


def assert_all_was_said(run: Run) -> None:
    """A search of nothing finds nothing: each trouble has left its word where it was searched for."""
    log = run.daemon.log()
    assert ECHO in log
    assert "RuntimeError: [masked]" in log
    assert "ValueError: " in log
    assert "Fatal Python error: Aborted" in log
    assert '"level": "debug"' in log
    places = "\n".join(run.said)
    for place in ("file data/vigil.db", "file data/vault/secrets", "file daemon.log", "/metrics let in", "event facts",
                  "cmdline of", "environ of", "typed export journal", "socket journal", "alert 0"):  # fmt: skip
        assert place in places, place
    shown = b"".join(text for place, text in run.said.items() if "limits of" in place)
    assert shown.count(b"Max core file size        0 ") == 2, (
        "neither the daemon nor its sandbox leaves a core"
    )
    assert not list(run.daemon.home.glob("core*"))
    open_to_others = [path for path in (run.daemon.home / "data").rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []
    keys = {key for name, key in run.secrets.items() if name.startswith("listen key")}
    assert len(keys) == 2, "one that expired, and the next, which is kept over the restart"


# ------------------------------------------------------------------------ what goes wrong


def trade(run: Run) -> None:
    for name in LIVE:
        if name != "demo":
            run.box.admin.burst(name, 3, symbol=DIALECTS[run.row(name)["exchange"]].symbol)


def exchanges_echo_what_they_were_sent(run: Run) -> None:
    """In an error that is short, and in one that is cut where the secret stands."""
    for name, path, half in (
        ("hmac", "/api/v3/account", "api_key"),
        ("bybit", "/v5/order/realtime", "api_secret"),
    ):
        for padding in ("", "a long word of it " * 15):
            before = run.echoes()
            message = f"{padding}an echo of {run.row(name)[half]}"
            run.box.admin.fault(
                "rest_status", account=name, status=400, code=-1102, count=1, path=path, message=message
            )
            run.daemon.ask("reconcile", target=name)
            eventually(run.echoes, partial(lt, before), within=PATIENCE, what=f"an echo of {name} in the log")


def streams_break(run: Run) -> None:
    for trouble in ("drop", "garbage", "server_shutdown"):
        run.box.admin.fault(trouble, account="pair", exchange="binance")
    before = run.daemon.account("us")["reconnects"]
    run.box.admin.fault("key_expired", account="us", exchange=US)
    eventually(lambda: run.daemon.account("us")["reconnects"], lambda count: count > before, within=PATIENCE)
    run.daemon.until_live("us", within=PATIENCE)
    run.listen_key("after it had expired")


def the_key_of_an_account_is_changed(run: Run) -> None:
    """At the exchange, which refuses the old one, and then in the vault; the daemon takes it up by itself."""
    row = run.row("bybit")
    row["api_secret"] = run.hides("bybit's new secret", token())
    run.box.write_accounts()
    run.box.admin.post("reload")
    run.put("bybit-secret", row["api_secret"])
    run.daemon.until_live("bybit", within=PATIENCE)


def actors_fail_with_secrets_in_their_hands(run: Run) -> None:
    pem = next(iter((run.daemon.home.parent / "keys").glob("*.pem")))
    run.daemon.betray("hmac/connection", "env:HMAC_SECRET")
    run.daemon.betray("crypto/poller", "env:CRYPTO_KEY")
    run.daemon.betray("core/notifier", "env:VAULT_PHRASE")
    run.daemon.betray("us/keepalive", "vault:us-secret")
    run.daemon.betray_reader("bybit/connection", "vault:bybit-secret")
    run.daemon.betray_reader("pair/connection", f"file:{pem}")
    trade(run)
    for name in LIVE:
        run.daemon.until_live(name, within=PATIENCE)


def files_are_not_as_they_should_be(run: Run) -> None:
    """A secret stands in the settings themselves, the vault is damaged: it is said, without what was there."""
    bare, vault = run.daemon.settings, run.daemon.home / "data" / "vault" / "secrets"
    for file, text in (
        (bare, bare.read_text().replace('"env:HMAC_SECRET"', f'"{run.row("hmac")["api_secret"]}"')),
        (vault, vault.read_text()[:-30]),
    ):
        before = file.read_bytes()
        file.write_text(text)
        answer = run.daemon.ask("reload")
        assert answer["applied"] is False
        run.keep(
            iter(
                [
                    ("reload", json.dumps(answer).encode()),
                    said(run.daemon, "check"),
                    said(run.daemon, "status"),
                ]
            )
        )
        file.write_bytes(before)
        assert run.daemon.ask("reload")["applied"] is True


def the_phrase_of_the_vault_is_changed(run: Run) -> None:
    """It is said of the wrong one at the start, and of the right ones by `rekey`."""
    run.hides("another passphrase", NEW_PHRASE)
    wrong = refusal(run.daemon.settings, env={**run.daemon.env, "VAULT_PHRASE": NEW_PHRASE})
    assert wrong.code == 78
    assert "accounts.us.api_key: vault:us-key: " in wrong.said
    run.keep(iter([("a wrong phrase", wrong.said.encode())]))
    run.daemon.env["VAULT_PHRASE"] = f"{NEW_PHRASE}, {PHRASE}"
    run.keep(iter([said(run.daemon, "secrets", "rekey")]))
    run.daemon.env["VAULT_PHRASE"] = NEW_PHRASE
    name, text = said(run.daemon, "secrets", "list")
    assert b"bybit-secret" in text
    run.keep(iter([(name, text)]))
