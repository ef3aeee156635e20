"""Who is let in where a token is asked for: by a header or by a cookie.

The cookie is no session that would be kept here: it is an instant and a signature
made with the token, so that it outlives this server and dies with the token. Wrong
tokens are counted, by address and all together; beyond the limit even the right one
is not looked at for a while.

Without a token everybody is let in: the settings allow that on loopback only.
"""

import hashlib
import hmac
import secrets
from collections import deque
from http.cookies import CookieError, SimpleCookie

import structlog

from core.clock import Clock
from web.door import Refusal

log = structlog.get_logger()

COOKIE = "vigil"
LIFE = 12 * 3600  # seconds
TRIES, TRIES_OF_ALL, WINDOW = 5, 50, 60.0


class Limiter:
    """So many events within `window` seconds by each name, and by all of them together."""

    def __init__(self, clock: Clock, each: int, of_all: int, window: float = WINDOW) -> None:
        self._clock = clock
        self._each = each
        self._of_all = of_all
        self._window = window
        self._seen: deque[tuple[float, str]] = deque()

    def wait(self, name: str) -> int:
        """0, or after how many seconds another one is allowed."""
        now = self._clock.boottime()
        while self._seen and self._seen[0][0] <= now - self._window:
            self._seen.popleft()
        own = [at for at, whose in self._seen if whose == name]
        if len(own) >= self._each:
            return self._until(own[-self._each], now)
        if len(self._seen) >= self._of_all:
            return self._until(self._seen[-self._of_all][0], now)
        return 0

    def count(self, name: str) -> None:
        """One more."""
        self._seen.append((self._clock.boottime(), name))

    def _until(self, at: float, now: float) -> int:
        return max(1, round(at + self._window - now))


class Keys:
    """Judges tokens and cookies; for the thread of the server. `is_secure`: the cookie goes by TLS only."""

    def __init__(self, token: str, clock: Clock, *, is_secure: bool) -> None:
        self._token = token.encode()
        self._clock = clock
        self._is_secure = is_secure
        self._failures = Limiter(clock, TRIES, TRIES_OF_ALL)

    @property
    def are_needed(self) -> bool:
        return bool(self._token)

    def admits(self, authorization: str | None, cookies: str | None, who: str) -> bool:
        """Whether one of the two is good. Refusal (429) where this address has tried too often."""
        if not self.are_needed:
            return True
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            return scheme.lower() == "bearer" and self.try_token(token.strip(), who)
        return self._is_fresh(_cookie(cookies))

    def try_token(self, token: str, who: str) -> bool:
        """Compared in a time that does not tell how much of it was right."""
        if wait := self._failures.wait(who):
            raise Refusal(429, f"too many wrong tokens: wait {wait} s", retry_after=wait)
        is_right = self.are_needed and hmac.compare_digest(token.encode(), self._token)
        if not is_right:
            self._failures.count(who)
            log.warning("web_token_refused", address=who)
        return is_right

    def cookie(self) -> str:
        """The header that lets a browser in."""
        told = f"{self._clock.wall_ms() // 1000 + LIFE}.{secrets.token_urlsafe(12)}"
        return self._set_cookie(f"{told}.{self._sign(told)}", LIFE)

    def no_cookie(self) -> str:
        """The header that makes a browser forget it."""
        return self._set_cookie("", 0)

    def _set_cookie(self, value: str, life: int) -> str:
        secure = "; Secure" if self._is_secure else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}"

    def _is_fresh(self, value: str) -> bool:
        told, _, signature = value.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(told).encode()):
            return False
        return int(told.partition(".")[0]) > self._clock.wall_ms() // 1000

    def _sign(self, told: str) -> str:
        return hmac.new(self._token, f"vigil {told}".encode(), hashlib.sha256).hexdigest()


def _cookie(header: str | None) -> str:
    try:
        morsel = SimpleCookie(header or "").get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
