"""Where an exchange is and how it beats: what a dialect says of itself before anybody speaks.

The settings lay this under every account that does not say otherwise. So it is
said once, in the dialect, and handed to the settings by whoever knows both.
"""

from urllib.parse import urlsplit

import msgspec

_PLAIN = {"https": "http", "wss": "ws"}


class Endpoints(msgspec.Struct, frozen=True):
    """Where an account's exchange is; "" means that it has none of that kind."""

    rest: str
    ws: str
    public_ws: str = ""
    ws_api: str = ""

    def at(self, host: str) -> "Endpoints":
        """The same paths at `host` (HOST:PORT), not encrypted: an imitation serves what it imitates."""
        return Endpoints(*(_moved(url, host) for url in (self.rest, self.ws, self.public_ws, self.ws_api)))


class Defaults(msgspec.Struct, frozen=True):
    """An exchange's own numbers; seconds. settings.toml overrides all but the weight."""

    endpoints: Endpoints
    heartbeat: float
    stale_after: float
    weight_per_minute: int


def _moved(url: str, host: str) -> str:
    if not url:
        return url
    scheme, _, path, _, _ = urlsplit(url)
    return f"{_PLAIN.get(scheme, scheme)}://{host}{path}"
