"""A run in which much goes wrong, at the most talkative level: no secret is in anything that it leaves or says."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.daemon import Daemon
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

ACCOUNT = """
[accounts.{name}]
exchange = "binance"
api_key = "env:{name}_KEY"
{signing}
rest_url = "{rest}"
ws_url = "{stream}"
audit_every = 0.5
poll_every = 0.3
backoff = {{base = 0.1, cap = 0.3, trip = 1000, stable = 1}}
"""

WORDS: Mapping[str, dict[str, Any]] = {
    "status": {},
    "health": {},
    "accounts": {},
    "actors": {},
    "orders": {"limit": 0},
    "fills": {"limit": 0},
    "balances": {},
    "cash": {"limit": 0},
    "incidents": {"limit": 0},
    "coverage": {},
    "version": {},
}


def settings(box: Sandbox, key_file: Path) -> str:
    places = {"rest": box.rest_url, "stream": box.ws_url}
    signing = {
        "hmac": 'api_secret = "env:hmac_SECRET"',
        "pair": f'private_key = "file:{key_file}"',
        "wrong": 'api_secret = "env:wrong_SECRET"',
    }
    text = '[supervisor]\nlog_level = "debug"\n[web]\nlisten = ""\n'
    text += '[accounts.demo]\nexchange = "binance"\nsandbox = true\n'
    return text + "".join(ACCOUNT.format(name=name, signing=how, **places) for name, how in signing.items())


def command_lines(pid: int) -> str:
    """What `ps` shows of the daemon and of whatever it started."""
    told = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in told.splitlines()[1:]]
    return "\n".join(row[2] for row in rows if str(pid) in row[:2])


def leftovers(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that the run left, but for the register in which the sandbox's keys belong."""
    for path in home.rglob("*"):
        if path.is_file() and path.name != "accounts.json":
            yield str(path.relative_to(home)), path.read_bytes()


def test_no_secret_is_said_logged_shown_or_stored(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key_file = tmp_path / "pair.pem"
    key_file.write_text(pem)
    key_file.chmod(0o600)
    hmac, wrong = account("hmac"), account("wrong")
    pair = {"exchange": "binance", "account": "pair", "api_key": token(), "public_key": public}
    env = {f"{row['account']}_KEY": row["api_key"] for row in (hmac, pair, wrong)}
    env |= {"hmac_SECRET": hmac["api_secret"], "wrong_SECRET": token()}
    home = tmp_path / "home"
    with Sandbox([hmac, pair, wrong]) as box, Daemon(home, settings(box, key_file), env) as daemon:
        register = json.loads((home / "data" / "sandbox" / "accounts.json").read_text())
        secrets = {*env.values(), pem.splitlines()[1]}
        secrets |= {row[kind] for row in register for kind in ("api_key", "api_secret")}
        for name in ("demo", "hmac", "pair"):
            daemon.until_live(name)
        eventually(lambda: daemon.account("wrong")["state"], lambda state: state == "held")
        box.admin.burst("hmac", 5)
        for trouble in ("drop", "garbage", "server_shutdown"):
            box.admin.fault(trouble, account="pair")
        box.admin.fault(
            "rest_status", account="hmac", status=400, code=-1102, count=1, path="/api/v3/account",
            message=f"an echo of {hmac['api_key']}",
        )  # fmt: skip
        daemon.ask("reconcile", target="hmac")
        eventually(lambda: "an echo of [masked]" in json.dumps(daemon.ask("incidents")), what="the incident")
        box.admin.fault("auth_revoked", account="hmac")
        eventually(lambda: daemon.account("hmac")["state"], lambda state: state == "held")
        said = {word: json.dumps(daemon.ask(word, **params)) for word, params in WORDS.items()}
        said |= {f"history {name}": history(daemon, name) for name in ("hmac", "pair", "wrong")}
        said |= {word: daemon.word(word).stdout for word in ("status", "check")}
        said["ps"] = command_lines(daemon.status()["pid"])
        assert "supervisor.py" in said["ps"]
        assert "sandbox" in said["ps"]
        assert daemon.terminate() == 0
    texts = {name: text.encode() for name, text in said.items()} | dict(leftovers(home))
    assert {"daemon.log", "data/vigil.db"} <= texts.keys()
    found = [name for name, text in texts.items() for secret in secrets if secret.encode() in text]
    assert found == []
    assert len(secrets) == 8, "three keys, two secrets, a private key, and the sandbox's own two"


def history(daemon: Daemon, name: str) -> str:
    kinds = (("account", name), ("actor", f"{name}/connection"), ("actor", f"{name}/poller"))
    return json.dumps([daemon.ask("history", kind=kind, key=key, limit=0) for kind, key in kinds])
