"""A plain Crypto.com client for these tests, written from the reference alone."""

import hashlib
import hmac
import json
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from tests.sandbox.client import WAIT, now_ms
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

NS = 1_000_000


def text_of(value: Any) -> str:
    """A parameter as it counts for the signature."""
    if isinstance(value, dict):
        return "".join(name + text_of(value[name]) for name in sorted(value))
    if isinstance(value, list):
        return "".join(text_of(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def signature(secret: str, method: str, number: Any, key: str, params: Any, nonce: Any) -> str:
    payload = f"{method}{number}{key}{text_of(params or {})}{nonce}"
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def signed(entry: dict[str, Any], method: str, params: Any = None, number: Any = 1, nonce: Any = None) -> Any:
    """A signed body; without params it has no such member."""
    nonce = now_ms() if nonce is None else nonce
    key = entry["api_key"]
    body = {"id": number, "method": method, "api_key": key, "nonce": nonce}
    body["sig"] = signature(entry["api_secret"], method, number, key, params, nonce)
    return body if params is None else body | {"params": params}


class Rest:
    """Signed and public REST calls."""

    def __init__(self, box: Sandbox, entry: dict[str, Any]) -> None:
        self.box = box
        self.entry = entry
        self.session = requests.Session()
        self.session.trust_env = False

    def post(self, method: str, body: Any, **more: Any) -> requests.Response:
        """Exactly this body."""
        return self.session.post(f"{self.box.cryptocom_url}/{method}", json=body, timeout=10, **more)

    def call(self, method: str, /, number: Any = 1, **params: Any) -> requests.Response:
        """One signed call, at the caller's pace."""
        return self.post(method, signed(self.entry, method, params, number))

    def ask(self, method: str, /, **params: Any) -> Any:
        """The result of a call, with the limits out of the way."""
        self.box.admin.clear()
        answer = self.call(method, **params)
        assert answer.status_code == 200, answer.text
        assert answer.json()["code"] == 0, answer.text
        return answer.json().get("result")

    def rows(self, method: str, /, **params: Any) -> Any:
        return self.ask(method, **params)["data"]

    def public(self, method: str, **params: Any) -> requests.Response:
        return self.session.get(f"{self.box.cryptocom_url}/{method}", params=params, timeout=30)

    def close(self) -> None:
        self.session.close()


def early_in_a_second() -> None:
    """Wait until enough of a second is left that a few requests fit into its budget."""
    eventually(lambda: now_ms() % 1000 < 900, what="the next second")


class Socket:
    """One WebSocket; `data` holds what came beside the awaited replies."""

    def __init__(self, box: Sandbox, endpoint: str = "user") -> None:
        self._url = box.cryptocom_ws_url(endpoint)
        self._number = 0
        self.data: list[Any] = []

    def __enter__(self) -> "Socket":
        early_in_a_second()
        self._link = connect(self._url, ping_interval=None, proxy=None, max_size=None, close_timeout=0.2)
        self.socket: ClientConnection = self._link.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._link.__exit__(None, None, None)

    def send(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def receive(self) -> Any:
        return json.loads(self.socket.recv(WAIT))

    def ask(self, method: str, params: Any = None, **more: Any) -> Any:
        """The reply that bears the id of this request."""
        self._number += 1
        frame = {"id": self._number, "method": method, "nonce": now_ms()}
        self.send(**frame | ({} if params is None else {"params": params}) | more)
        while (frame := self.receive())["id"] != self._number:
            self.data.append(frame)
        return frame

    def auth(self, entry: dict[str, Any], **more: Any) -> Any:
        self.send(**signed(entry, "public/auth", number=900) | more)
        return self.receive()

    def subscribe(self, *channels: str) -> list[Any]:
        """One reply for every channel."""
        first = self.ask("subscribe", {"channels": list(channels)})
        return [first, *(self.receive() for _ in channels[1:])]

    def push(self, channel: str) -> Any:
        """The next result of a channel that is pushed."""
        kept = next((one for one in self.data if channel == one.get("result", {}).get("channel")), None)
        if kept is not None:
            self.data.remove(kept)
            return kept["result"]
        while (frame := self.receive()).get("result", {}).get("channel") != channel or frame["id"] != -1:
            self.data.append(frame)
        return frame["result"]
