"""How often one may ask: windows aligned to the clock, refusals, growing bans.

A window is a count that falls to zero when the clock passes a multiple of its
length. Who exceeds the request weight is refused until the window ends; who
goes on asking while refused is banned, for two minutes the first time and
twice as long each time after, up to three days. The ban belongs to the
address, not to an account, and every further request meets it.
"""

import msgspec

from sandbox.clock import Clock

FIRST_BAN_S = 120
LONGEST_BAN_S = 3 * 86_400


class TooMany(Exception):
    """Refused until the window ends; `retry_after` is in seconds."""

    def __init__(self, window: "Window", retry_after: int) -> None:
        super().__init__(window.name)
        self.window = window
        self.retry_after = retry_after


class Banned(Exception):
    """The address is banned until `until`, in milliseconds of the exchange's clock."""

    def __init__(self, until: int, retry_after: int) -> None:
        super().__init__(str(until))
        self.until = until
        self.retry_after = retry_after


class Window(msgspec.Struct, kw_only=True):
    """A limit: `limit` per `seconds`, per whatever key the caller counts by."""

    name: str
    seconds: int
    limit: int
    counts: dict[str, tuple[int, int]] = {}

    def used(self, key: str, now: int) -> int:
        """The count of `key` in the window that `now` lies in."""
        start, count = self.counts.get(key, (0, 0))
        return count if start == self._start(now) else 0

    def add(self, key: str, amount: int, now: int) -> int:
        """Count `amount` more (or less, never below zero); the new count."""
        count = max(0, self.used(key, now) + amount)
        self.counts[key] = (self._start(now), count)
        return count

    def seconds_left(self, now: int) -> int:
        """Whole seconds until the window ends, at least one."""
        end = self._start(now) + self.seconds * 1000
        return max(1, -((now - end) // 1000))

    def _start(self, now: int) -> int:
        return now - now % (self.seconds * 1000)


class Limits:
    """The limits of one exchange."""

    def __init__(self, clock: Clock, *, patience: int = 10) -> None:
        self.weight = Window(name="REQUEST_WEIGHT", seconds=60, limit=6000)
        self.raw = Window(name="RAW_REQUESTS", seconds=300, limit=300_000)
        self.connections = Window(name="CONNECTIONS", seconds=300, limit=300)
        self.orders = (
            Window(name="ORDERS", seconds=10, limit=50),
            Window(name="ORDERS", seconds=86_400, limit=160_000),
        )
        self._clock = clock
        self._patience = patience
        self._strikes: dict[str, int] = {}
        self._bans: dict[str, int] = {}
        self._banned_before: dict[str, int] = {}

    def charge(self, address: str, weight: int) -> None:
        """Count one request of `weight`; raises `TooMany` or `Banned`."""
        self.check_ban(address)
        now = self._clock.now()
        self._demand(self.raw, address, self.raw.add(address, 1, now), now)
        self._demand(self.weight, address, self.weight.add(address, weight, now), now)

    def refund(self, address: str, weight: int) -> None:
        """Take back what a call that is free on success was charged."""
        self.weight.add(address, -weight, self._clock.now())

    def connect(self, address: str) -> None:
        """Count one new connection; raises `TooMany` or `Banned`."""
        self.check_ban(address)
        now = self._clock.now()
        self._demand(self.connections, address, self.connections.add(address, 1, now), now)

    def check_ban(self, address: str) -> None:
        """Raise `Banned` while the address is."""
        now = self._clock.now()
        until = self._bans.get(address, 0)
        if until > now:
            raise Banned(until, -((now - until) // 1000))

    def ban(self, address: str, seconds: float | None = None) -> int:
        """Ban an address; without `seconds`, as long as its record asks. The end in ms."""
        if seconds is None:
            before = self._banned_before.get(address, 0)
            self._banned_before[address] = before + 1
            seconds = min(FIRST_BAN_S * 2**before, LONGEST_BAN_S)
        self._bans[address] = self._clock.now() + int(seconds * 1000)
        self._strikes.pop(address, None)
        return self._bans[address]

    def pardon(self) -> None:
        """Lift every ban and forget every count."""
        for window in (self.weight, self.raw, self.connections, *self.orders):
            window.counts.clear()
        for book in (self._strikes, self._bans, self._banned_before):
            book.clear()

    def _demand(self, window: Window, address: str, count: int, now: int) -> None:
        if count <= window.limit:
            return
        self._strikes[address] = self._strikes.get(address, 0) + 1
        if self._strikes[address] > self._patience:
            self.ban(address)
            self.check_ban(address)
        raise TooMany(window, window.seconds_left(now))

    def check_orders(self, account: str) -> None:
        """Raise `TooMany` when the account may not place one more order."""
        now = self._clock.now()
        for window in self.orders:
            if window.used(account, now) >= window.limit:
                raise TooMany(window, window.seconds_left(now))

    def count_order(self, account: str, amount: int) -> None:
        """Count an order placed (+1) or, at its first fill, given back (-1)."""
        for window in self.orders:
            window.add(account, amount, self._clock.now())
