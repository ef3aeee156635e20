"""A plain Binance client for these tests, written from the reference alone."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import quote, urlencode

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from websockets.sync.client import ClientConnection, connect

from tests.support.sandbox import Sandbox

WAIT = 20


def now_ms() -> int:
    return int(time.time() * 1000)


class Signer:
    """Signs as the owner of an entry of the accounts file would."""

    def __init__(self, entry: dict[str, Any], private: Any = None) -> None:
        self.api_key = entry["api_key"]
        self._secret = entry.get("api_secret", "")
        self._private = private

    def sign(self, payload: str) -> str:
        data = payload.encode()
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return base64.b64encode(self._private.sign(data)).decode()
        if isinstance(self._private, rsa.RSAPrivateKey):
            return base64.b64encode(self._private.sign(data, padding.PKCS1v15(), hashes.SHA256())).decode()
        return hmac.new(self._secret.encode(), data, hashlib.sha256).hexdigest()


def public_pem(private: Any) -> str:
    return (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


class Rest:
    """Signed and public REST calls; answers are `requests.Response`."""

    def __init__(self, box: Sandbox, signer: Signer) -> None:
        self.url = box.rest_url
        self.signer = signer
        self.offset = 0
        self.session = requests.Session()
        self.session.trust_env = False

    def public(self, path: str, **params: Any) -> requests.Response:
        return self.raw("GET", path, urlencode(params), key=None)

    def signed(self, verb: str, path: str, **params: Any) -> requests.Response:
        text = urlencode({**params, "timestamp": params.get("timestamp", now_ms() + self.offset)})
        return self.raw(verb, path, f"{text}&signature={quote(self.signer.sign(text), safe='')}")

    def raw(
        self, verb: str, path: str, query: str, key: str | None = "own", body: str | None = None
    ) -> requests.Response:
        """Exactly these bytes: the URL is not touched again."""
        headers = {} if key is None else {"X-MBX-APIKEY": self.signer.api_key if key == "own" else key}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        prepared = requests.Request(verb, self.url + path, headers=headers, data=body).prepare()
        prepared.url = f"{self.url}{path}" + (f"?{query}" if query else "")
        return self.session.send(prepared, timeout=30)

    def order(self, **params: Any) -> requests.Response:
        return self.signed("POST", "/api/v3/order", **params)

    def close(self) -> None:
        self.session.close()


def signed_params(signer: Signer, **params: Any) -> dict[str, Any]:
    """The parameters of a signed WebSocket request."""
    own = {"apiKey": signer.api_key, "timestamp": now_ms()} | params
    text = "&".join(f"{name}={value}" for name, value in sorted(own.items()))
    return own | {"signature": signer.sign(text)}


class Stream:
    """A WebSocket API connection."""

    def __init__(self, box: Sandbox, signer: Signer, query: str = "?returnRateLimits=false") -> None:
        self.signer = signer
        self._link = connect(box.ws_url + query, ping_interval=None, proxy=None)

    def __enter__(self) -> "Stream":
        self.socket: ClientConnection = self._link.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._link.__exit__(None, None, None)

    def params(self, **params: Any) -> dict[str, Any]:
        return signed_params(self.signer, **params)

    def send(self, method: str, params: Any = None, frame_id: Any = 1) -> None:
        frame = {"id": frame_id, "method": method} | ({} if params is None else {"params": params})
        self.socket.send(json.dumps(frame))

    def receive(self) -> Any:
        return json.loads(self.socket.recv(WAIT))

    def ask(self, method: str, params: Any = None, frame_id: Any = 1) -> Any:
        """The answer to a request; events that come before it are skipped."""
        self.send(method, params, frame_id)
        while "event" in (frame := self.receive()):
            pass
        return frame

    def subscribe(self) -> int:
        answer = self.ask("userDataStream.subscribe.signature", self.params())
        assert answer["status"] == 200, answer
        return int(answer["result"]["subscriptionId"])

    def event(self, kind: str = "executionReport") -> Any:
        """The next user event of that kind."""
        while (frame := self.receive()).get("event", {}).get("e") != kind:
            pass
        return frame["event"]

    def events_until(self, last: Any) -> list[Any]:
        """All events up to the one that `last` accepts."""
        found = []
        while True:
            frame = self.receive()
            if "event" in frame:
                found.append(frame["event"])
                if last(frame["event"]):
                    return found
