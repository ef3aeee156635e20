"""A private stream that is entered by a listen key.

The key is the whole authentication: who knows it hears the account. POST gives
it out, PUT prolongs it by 60 minutes, both with the API key as a header and
*nothing* beside it: a timestamp or a signature is refused (-1101). The decisions
(binance-us-api-docs, user-data-stream; its silences as users reported them):

* The socket is subscribed when it is open. There is no request to acknowledge:
  the server has confirmed the key a moment ago, and the key names the stream.
* POST of an account that has a key returns that key, with a full life. So every
  new socket begins with a POST, and two daemons of one account share one key.
* DELETE is not here. It would end the stream of whoever shares the key; one
  that nobody renews ends by itself.
* A call whose answer is lost may be made again: neither of them does harm twice.
"""

from collections.abc import Generator
from urllib.parse import quote

import msgspec

from core.errors import LinkError, UnknownOutcome, Unreadable
from core.wire import Call, Reply
from exchanges.base import Reached, Signal
from exchanges.binance.shapes import COMBINED, RAW
from exchanges.binance.user_stream import UserStream
from exchanges.replies import parse

PATH = "/api/v3/userDataStream"
KEY_LIFE = 3600.0


class _Given(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="listenKey")


class ListenKeyStream(UserStream):
    """A KeyedSession below `base`: `…/ws` sends bare events, `…/stream` names each one's stream."""

    def __init__(self, base: str) -> None:
        self._combined = base.endswith("/stream")
        super().__init__(base, COMBINED if self._combined else RAW)
        self._base = base
        self.key_life = KEY_LIFE

    def open_key(self) -> Generator[Call, Reply, str]:
        """The account's key, alive for another hour."""
        reply = yield from _asked(Call("POST", PATH, auth="key"))
        if key := parse(reply, _Given).key:
            return key
        raise Unreadable("unreadable answer: an empty listen key")

    def renew_key(self, key: str) -> Generator[Call, Reply, None]:
        """Another hour for this key."""
        yield from _asked(Call("PUT", PATH, (("listenKey", key),), auth="key"))

    def enter(self, key: str) -> None:
        """Complete the URL; it is a secret from now on."""
        form = "?streams=" if self._combined else "/"
        self.url = f"{self._base}{form}{quote(key, safe='')}"

    def opened(self, wall_ms: int) -> tuple[Signal, ...]:  # noqa: ARG002
        """There is nothing to ask: the key has said it all."""
        return (Reached("subscribed"),)


def _asked(call: Call) -> Generator[Call, Reply, Reply]:
    try:
        return (yield call)
    except UnknownOutcome as error:
        raise LinkError(str(error)) from error
