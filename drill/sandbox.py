"""A sandbox of one's own: the real process, on free ports, in a folder that goes away.

`Sandbox` starts `python -m sandbox` with the accounts one asks for and offers
its addresses and its admin. The listening sockets belong to the test process,
so `kill()` and `restart()` keep the ports, as the daemon's host does.

    with Sandbox([account("main")]) as box:
        box.admin.deposit("main", "USDT", "100")
        requests.get(box.rest_url + "/api/v3/time")
"""

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
PRIVATE_PATHS = {
    "binance": "/ws-api/v3",
    "bybit": "/v5/private",
    "cryptocom": "/exchange/v1/user",
}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def token(length: int = 64) -> str:
    """A key in the format that Binance demands."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def account(name: str = "main", exchange: str = "binance", **more: Any) -> dict[str, Any]:
    """An entry of the accounts file with a fresh HMAC key."""
    return {"exchange": exchange, "account": name, "api_key": token(), "api_secret": token(), **more}


class AdminError(Exception):
    """The admin said no."""


class Admin:
    """The admin's words as methods; answers are plain JSON."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, word: str, **body: Any) -> Any:
        """POST one word."""
        return self._taken(self._session.post(f"{self.url}/{word}", json=body, timeout=30))

    def get(self, word: str, **query: Any) -> Any:
        """GET one word."""
        return self._taken(self._session.get(f"{self.url}/{word}", params=query, timeout=30))

    def _taken(self, answer: requests.Response) -> Any:
        if answer.status_code != 200:
            raise AdminError(answer.text)
        return answer.json()

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def place(
        self, account: str, symbol: str, side: str, quantity: str, price: str | None = None, **more: Any
    ) -> Any:
        """Place an order (a market order without a price); the order with its fills."""
        kind = "market" if price is None else "limit"
        body = {"account": account, "symbol": symbol, "side": side, "quantity": quantity, "type": kind} | more
        return self.post("place", **body, **({} if price is None else {"price": price}))

    def fill(self, order_id: str, **more: Any) -> Any:
        """Fill an open order, wholly or by `quantity`; the fill."""
        return self.post("fill", order_id=order_id, **more)

    def cancel(self, order_id: str, **more: Any) -> Any:
        """Cancel an open order."""
        return self.post("cancel", order_id=order_id, **more)

    def deposit(self, account: str, asset: str, amount: str, **more: Any) -> Any:
        """Pay money in."""
        return self.post("deposit", account=account, asset=asset, amount=amount, **more)

    def withdraw(self, account: str, asset: str, amount: str, **more: Any) -> Any:
        """Take money out."""
        return self.post("withdraw", account=account, asset=asset, amount=amount, **more)

    def burst(self, account: str, count: int, rate: float = 0, **more: Any) -> Any:
        """Place and fill `count` orders; returns when all is done."""
        return self.post("burst", account=account, count=count, rate=rate, **more)

    def fault(self, kind: str, **more: Any) -> Any:
        """Let something go wrong."""
        return self.post("fault", kind=kind, **more)

    def clear(self, **more: Any) -> Any:
        """Let nothing go wrong any more."""
        return self.post("fault", kind="clear", **more)

    def truth(self, account: str, **more: Any) -> Any:
        """What really happened."""
        return self.get("truth", account=account, **more)

    def state(self) -> Any:
        """What the exchanges see."""
        return self.get("state")


def listening() -> socket.socket:
    """A bound socket that a child may inherit."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    one.listen(512)
    return one


class Sandbox:
    """The process; a context manager that leaves nothing behind."""

    program: Sequence[str] = ("-m", "sandbox")

    def __init__(
        self,
        accounts: list[dict[str, Any]] | None = None,
        *,
        exchanges: tuple[str, ...] = ("binance",),
        auto: bool = False,
        options: tuple[str, ...] = (),
    ) -> None:
        self.accounts = accounts if accounts is not None else [account()]
        self.folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
        self._sockets = {name: listening() for name in (*exchanges, "admin")}
        self._options = ("--auto" if auto else "--no-auto", *options)
        self._process: subprocess.Popen[bytes] | None = None
        self.admin = Admin(self.url("admin"))
        self.write_accounts()

    # -- addresses ---------------------------------------------------------------

    def host(self, exchange: str = "binance") -> str:
        """`127.0.0.1:PORT` of an exchange."""
        return f"127.0.0.1:{self._sockets[exchange].getsockname()[1]}"

    def url(self, exchange: str = "binance") -> str:
        """The REST base of an exchange."""
        return f"http://{self.host(exchange)}"

    @property
    def rest_url(self) -> str:
        """Binance's REST base."""
        return self.url()

    @property
    def ws_url(self) -> str:
        """Binance's WebSocket API."""
        return f"ws://{self.host()}/ws-api/v3"

    @property
    def public_ws_url(self) -> str:
        """Binance's market streams."""
        return f"ws://{self.host()}"

    @property
    def cryptocom_url(self) -> str:
        """Crypto.com's REST base."""
        return f"{self.url('cryptocom')}/exchange/v1"

    def cryptocom_ws_url(self, endpoint: str = "user") -> str:
        """Crypto.com's sockets: `user` or `market`."""
        return f"ws://{self.host('cryptocom')}/exchange/v1/{endpoint}"

    def ws(self, exchange: str = "binance") -> str:
        """The private WebSocket of an exchange."""
        return f"ws://{self.host(exchange)}{PRIVATE_PATHS[exchange]}"

    # -- life --------------------------------------------------------------------

    def write_accounts(self) -> None:
        """Write the accounts file from `accounts`."""
        (self.folder / "accounts.json").write_text(json.dumps(self.accounts))

    def start(self) -> "Sandbox":
        """Start the process and wait until it serves."""
        listen = [
            f"--listen={name}=fd:{one.fileno()}" for name, one in self._sockets.items() if name != "admin"
        ]
        command = [
            sys.executable, *self.program, "--world", str(self.folder / "world"),
            "--accounts", str(self.folder / "accounts.json"), *listen,
            "--admin", f"fd:{self._sockets['admin'].fileno()}", "--exit-on-stdin-eof", *self._options,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[one.fileno() for one in self._sockets.values()],
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._await_ready(self._process)
        return self

    def _await_ready(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 20)
        if not ready or not json.loads(process.stdout.readline() or b"{}").get("ready"):
            process.kill()
            raise RuntimeError("the sandbox did not start")

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._reap()

    def terminate(self) -> int:
        """End it in order by ending its standard input; the exit code."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._reap()

    def _reap(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        code = process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def restart(self) -> "Sandbox":
        """Kill it if it lives, and start it again on the same ports and world."""
        self.kill()
        return self.start()

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self.terminate()
        self.admin.close()
        for one in self._sockets.values():
            one.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
