"""A plain Bybit client for these tests, written from the reference alone."""

import hashlib
import hmac
import json
import time
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from tests.support.sandbox import Sandbox

WAIT = 20
BUY = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "90000",
}
LONG = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "90000",
}
LINEAR = {"category": "linear", "settleCoin": "USDT"}


def now_ms() -> int:
    return int(time.time() * 1000)


def sign(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Rest:
    """Signed and public REST calls; `ask` gives the envelope, `result` what is in a good one."""

    def __init__(self, box: Sandbox, entry: dict[str, Any]) -> None:
        self.base = box.url("bybit")
        self.key, self.secret = entry["api_key"], entry.get("api_secret", "")
        self.offset = 0
        self.session = requests.Session()
        self.session.trust_env = False

    def headers(self, tail: str, **changes: Any) -> dict[str, str]:
        """The headers that sign `tail`; a change to None leaves one out."""
        stamp, window = str(now_ms() + self.offset), "5000"
        stamp = str(changes.pop("stamp", stamp))
        window = str(changes.pop("window", window))
        own = {
            "X-BAPI-API-KEY": self.key,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": window,
            "X-BAPI-SIGN": sign(self.secret, stamp + self.key + window + tail),
            "Content-Type": "application/json",
        }
        merged = own | {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in merged.items() if value is not None}

    def send(
        self, verb: str, path: str, tail: str = "", headers: dict[str, str] | None = None
    ) -> requests.Response:
        """Exactly these bytes: neither URL nor body are touched again."""
        body = tail if verb == "POST" else None
        prepared = requests.Request(verb, self.base + path, headers=headers or {}, data=body).prepare()
        prepared.url = self.base + path + (f"?{tail}" if tail and verb == "GET" else "")
        return self.session.send(prepared, timeout=30)

    def get(self, path: str, query: str = "", **changes: Any) -> requests.Response:
        return self.send("GET", path, query, self.headers(query, **changes))

    def post(self, path: str, body: dict[str, Any] | str, **changes: Any) -> requests.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return self.send("POST", path, text, self.headers(text, **changes))

    def public(self, path: str, query: str = "") -> Any:
        return self.send("GET", path, query).json()

    def ask(self, path: str, **params: Any) -> Any:
        """A signed GET; the envelope."""
        return self.get(path, "&".join(f"{name}={value}" for name, value in params.items())).json()

    def result(self, path: str, **params: Any) -> Any:
        envelope = self.ask(path, **params)
        assert envelope["retCode"] == 0, envelope
        return envelope["result"]

    def rows(self, path: str, **params: Any) -> list[Any]:
        return list(self.result(path, **params)["list"])

    def order(self, base: dict[str, Any], **changes: Any) -> Any:
        """Place an order; the envelope."""
        return self.post("/v5/order/create", {**base, **changes}).json()

    def placed(self, base: dict[str, Any], **changes: Any) -> str:
        """Place an order that is taken; its id."""
        envelope = self.order(base, **changes)
        assert envelope["retCode"] == 0, envelope
        return str(envelope["result"]["orderId"])

    def close(self) -> None:
        self.session.close()


class Socket:
    """A WebSocket that speaks operations."""

    def __init__(self, url: str) -> None:
        self._link = connect(url, ping_interval=None, proxy=None, max_size=None)

    def __enter__(self) -> Any:
        self.socket: ClientConnection = self._link.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._link.__exit__(None, None, None)

    def send(self, op: str, *args: Any, **more: Any) -> None:
        self.socket.send(json.dumps({"op": op, "args": list(args), **more}))

    def receive(self) -> Any:
        return json.loads(self.socket.recv(WAIT))

    def ask(self, op: str, *args: Any, **more: Any) -> Any:
        """The answer to an operation; pushes that come before it are skipped."""
        self.send(op, *args, **more)
        while "topic" in (frame := self.receive()):
            pass
        return frame

    def push(self, topic: str) -> Any:
        """The next push of a topic."""
        while (frame := self.receive()).get("topic") != topic:
            pass
        return frame

    def until(self, is_last: Any) -> list[Any]:
        """All pushes up to the one that `is_last` accepts."""
        found = []
        while not found or not is_last(found[-1]):
            frame = self.receive()
            if "topic" in frame:
                found.append(frame)
        return found


class Stream(Socket):
    """The private stream of an account."""

    def __init__(self, box: Sandbox, entry: dict[str, Any], query: str = "") -> None:
        super().__init__(box.ws("bybit") + query)
        self.key, self.secret = entry["api_key"], entry.get("api_secret", "")

    def auth_args(self, expires: int | None = None) -> list[Any]:
        moment = now_ms() + 10_000 if expires is None else expires
        return [self.key, moment, sign(self.secret, f"GET/realtime{moment}")]

    def login(self, *topics: str) -> "Stream":
        answer = self.ask("auth", *self.auth_args())
        assert answer["success"], answer
        if topics:
            answer = self.ask("subscribe", *topics)
            assert answer["success"], answer
        return self
