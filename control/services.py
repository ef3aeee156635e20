"""What the servers for people are given: the whole of the daemon that it may touch.

Everything here can be called from any thread at any time and answers at once:
the status is computed from published stamps, commands and questions are told and
not asked (what a poller has to say it says by a call of its own), rows are read
over the asking thread's own connection to the database. So a hung actor cannot
make the daemon mute, and no client can slow an actor.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from control.uptimes import Uptimes
from core.clock import Clock
from core.figures import Figures
from core.messages import (
    CancelOrder,
    Command,
    Compare,
    Front,
    PlaceOrder,
    RetryTrade,
    SwitchTrading,
)
from core.status import Document, Snapshot
from models.read import Reader

TradeMessage = PlaceOrder | CancelOrder | SwitchTrading | RetryTrade


class Feed(Protocol):
    """How to wait for a journal sequence newer than `after`; the answer is the newest (`actors.feed`)."""

    def wait(self, after: int, timeout: float) -> int: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What is told and asked on behalf of a client; made by the host.

    `tell` hands a command to the supervisor and says whether there is one.
    `compare` hands a question to the poller of an account and says whether there is one.
    `reload` has the settings read again, for the cause that it is given, and calls what
    it is given then with what came of it.
    `watched` says since when nothing of an account can have gone by unseen (exchange
    time, ms), None where nobody watches now.
    `reader` makes what one connection's thread reads rows with; that thread
    closes it. `pid` is the daemon's, `boot` names this start of it, `web` says where the
    page is served, None while it is not. `front` is who was given these services.
    `prices` says what is known of every price that is needed, None where there is no trader.
    `trade` hands a message to the trader of an account and says whether there is one;
    `traders` are the accounts that have one, none where the settings want none.
    An answer is made within a `turn`, so that it costs no fill its time (control/courtesy).
    `figures` are for the metrics. `try_alerts` sends a test message by every channel or by
    one; `disturb` has the built-in sandbox do things, one after the other, and raises
    VigilError where it does not. These two take their time, some seconds.
    """

    status: Callable[[], Document]
    snapshot: Callable[[], Snapshot]
    tell: Callable[[Command], bool]
    compare: Callable[[str, Compare], bool]
    reload: Callable[[str, Callable[[Document], object]], object]
    watched: Callable[[str], int | None]
    uptimes: Uptimes
    reader: Callable[[], Reader]
    feed: Feed
    clock: Clock
    version: str
    pid: int
    prices: Callable[[], Sequence[Document]] | None = None
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    figures: Callable[[], Figures] = lambda: Figures(now_ms=0)
    try_alerts: Callable[[int | None], Sequence[Document]] = lambda _channel: ()
    disturb: Callable[[Sequence[Mapping[str, Any]]], object] = lambda _faults: None
    boot: str = ""
    web: Callable[[], str | None] = lambda: None
    front: Front = "control"
    trade: Callable[[str, TradeMessage], bool] = lambda _account, _message: False
    traders: Callable[[], Sequence[str]] = lambda: ()
