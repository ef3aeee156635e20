"""What the streams remember over a restart, in the database's own memory.

`flow:<account>` is the way into the stream that was found to work, in plain
words. `listen_key:<account>` is the key with the time of its last renewal, and
is sealed: who reads the database may not listen to the account. Where it cannot
be sealed it is not kept, and the next daemon asks for it again.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from actors.memory import Held, StreamMemory
from core.clock import Clock
from core.errors import FatalError
from core.records import Record, Remember
from host.keyring import Keyring

log = structlog.get_logger()

FLOW, KEY = "flow:", "listen_key:"


class Memories:
    """One StreamMemory an account, the same for all its generations.

    `remembered` is what the last daemon left; `learn` is told every key that is
    used, so that no log line can show one.
    """

    def __init__(
        self,
        clock: Clock,
        keys: Keyring,
        record: Callable[[Record], object],
        learn: Callable[[str], object],
        remembered: Mapping[str, str],
    ) -> None:
        self._clock = clock
        self._keyring = keys
        self._record = record
        self._learn = learn
        self._kept: dict[str, str | None] = dict(remembered)
        self._held: dict[str, Held | None] = {}
        self._made: dict[str, StreamMemory] = {}
        self._lives: Counter[str] = Counter()  # how often each was forgotten

    def of(self, account: str) -> StreamMemory:
        """The account's memory."""
        if account not in self._made:
            held = self._held[account] = self._unsealed(account)
            self._made[account] = StreamMemory(
                self._clock,
                partial(self._keep, account, self._lives[account]),
                flow=self._kept.get(FLOW + account),
                held=held,
            )
        return self._made[account]

    def forget(self, account: str) -> None:
        """The next memory of the account is a new one; who still has the old one keeps nothing by it."""
        self._lives[account] += 1
        self._made.pop(account, None)
        self._held.pop(account, None)
        self._remember(FLOW + account, None)
        self._remember(KEY + account, None)

    def _keep(self, account: str, life: int, flow: str | None, held: Held | None) -> None:
        """Called in the threads of the account's stream, one at a time but for a rotation."""
        if life != self._lives[account]:
            return
        self._remember(FLOW + account, flow)
        if held == self._held.get(account):
            return
        self._held[account] = held
        if held is not None:
            self._learn(held.key)
        self._remember(KEY + account, None if held is None else self._sealed(account, held))

    def _remember(self, key: str, value: str | None) -> None:
        if self._kept.get(key) != value:
            self._kept[key] = value
            self._record(Remember(self._clock.wall_ms(), key, value))

    def _sealed(self, account: str, held: Held) -> str | None:
        try:
            return self._keyring.seal(f"{self._clock.wall_ms()} {held.key}")
        except FatalError as error:
            log.warning("listen_key_not_kept", account=account, error=str(error))
            return None

    def _unsealed(self, account: str) -> Held | None:
        """The key that the last daemon used, as old as it is now by the wall clock."""
        if (sealed := self._kept.get(KEY + account)) is None:
            return None
        try:
            stamp, _, key = (self._keyring.unseal(sealed) or "").partition(" ")
        except FatalError as error:
            log.warning("listen_key_not_opened", account=account, error=str(error))
            return None
        if not key or not stamp.isdigit():
            return None
        self._learn(key)
        age = max(0.0, (self._clock.wall_ms() - int(stamp)) / 1000)
        return Held(key, self._clock.boottime() - age)
