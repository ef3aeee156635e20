"""`audit`: a comparison with the exchange, asked of the pollers and waited for here.

The only word whose answer takes time. It waits in the thread of the client who
asked, and for no longer than `AUDIT_WITHIN`; nobody else waits with him.

The exchanges are asked at once, and the accounts of one exchange one after
another: they draw on one budget there, and to have some answers is better than
to have none.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from control.services import Services
from control.words import AUDIT_WITHIN, Arguments, Mistake
from core.account import UNWATCHED
from core.differences import Compared, Difference
from core.facts import stated
from core.messages import Compare
from core.reconcile import LAG_MS
from core.report import NOT_EXPECTED_LIVE
from core.status import AccountStatus, Document
from core.targets import UnknownTarget, account_of, resolve

LISTEN = 0.25  # seconds between two looks at whether anybody still listens


class Audit:
    """Begun when it is made; `wait` returns what it came to, once.

    Mistake where the account or the window is none.
    """

    def __init__(self, services: Services, arguments: Arguments) -> None:
        self._services = services
        self._since: int = arguments["since"]
        if self._since > services.clock.wall_ms() - LAG_MS:
            raise Mistake(f"audit: 'since' lies less than {LAG_MS // 1000} s back, by which histories lag")
        self._accounts = _meant(services, arguments)
        self._news = threading.Condition()
        self._said: dict[str, Compared] = {}
        self._is_over = False
        self._until = services.clock.boottime() + AUDIT_WITHIN
        self._queues: dict[str, deque[AccountStatus]] = {}
        for account in self._accounts:
            self._queues.setdefault(account.exchange, deque()).append(account)
        for queue in self._queues.values():
            self._ask_next(queue)

    def wait(self, is_heard: Callable[[], bool]) -> list[Document]:
        """Every account's answer; what has not come in time, or is not waited for any more, says so."""
        with self._news:
            while len(self._said) < len(self._accounts) and is_heard() and self._time_left() > 0:
                self._news.wait(min(LISTEN, self._time_left()))
            in_time = self._time_left() > 0
            self._is_over = True
            late = Compared(
                "nobody waits for it any more: the daemon is stopping"
                if in_time
                else f"no complete answer within {AUDIT_WITHIN:g} s: choose a shorter window"
            )
            return [
                _document(account, self._since, self._said.get(account.account, late))
                for account in self._accounts
            ]

    def _time_left(self) -> float:
        return max(0.0, self._until - self._services.clock.boottime())

    def _ask_next(self, queue: deque[AccountStatus]) -> None:
        """Ask the next account of an exchange that can be asked."""
        while queue and self._is_wanted():
            account = queue.popleft()
            refusal = _refusal(account)
            question = Compare(self._since, self._until, partial(self._hear, account), self._is_wanted)
            if refusal is None and self._services.compare(account.account, question):
                return
            self._keep(account, refusal or Compared("its poller is not there at the moment: try again"))

    def _hear(self, account: AccountStatus, said: Compared) -> None:
        """Called in a poller's thread: nothing here waits for long."""
        if self._keep(account, said):
            self._ask_next(self._queues[account.exchange])

    def _keep(self, account: AccountStatus, said: Compared) -> bool:
        """Whether it is the first that is heard of this account."""
        with self._news:
            if account.account in self._said:
                return False
            self._said[account.account] = said
            self._news.notify_all()
            return True

    def _is_wanted(self) -> bool:
        return not self._is_over and self._time_left() > 0


def _refusal(account: AccountStatus) -> Compared | None:
    """Why this account cannot be asked for; None where it can."""
    if account.state not in UNWATCHED:
        return None
    why = f": {account.held_reason}" if account.held_reason else ""
    return Compared(f"the account is {account.state}{why}")


def _meant(services: Services, arguments: Arguments) -> Sequence[AccountStatus]:
    """The account that was named, or every one that should be live."""
    named = {arguments["target"], arguments["account"]} - {None}
    snapshot = services.snapshot()
    if not named:
        return [account for account in snapshot.accounts if account.state not in NOT_EXPECTED_LIVE]
    if len(named) > 1:
        raise Mistake("audit: name one account, as 'target' or as 'account'")
    try:
        target = resolve(named.pop(), snapshot)
        name = account_of(target, snapshot)
    except UnknownTarget as unknown:
        raise Mistake(f"audit: {unknown}") from None
    if name is None:
        raise Mistake(f"audit: {target!r} belongs to no account")
    return [account for account in snapshot.accounts if account.account == name]


def _document(account: AccountStatus, asked_since: int, told: Compared) -> Document:
    return {
        "account": account.account,
        "exchange": account.exchange,
        "compared": told.error is None,
        "error": told.error,
        "asked_since": asked_since,
        "since": told.since,
        "until": told.until,
        "categories": list(told.categories),
        "symbols": None if told.symbols is None else list(told.symbols),
        "unseen": list(told.unseen),
        "differences": [_difference(one) for one in told.differences],
    }


def _difference(one: Difference) -> Document:
    return {
        "kind": one.kind,
        "category": one.category,
        "symbol": one.symbol,
        "key": one.key,
        "at": one.at,
        "outcome": one.outcome,
        "ledger": None if one.ledger is None else stated(one.ledger),
        "exchange": None if one.exchange is None else stated(one.exchange),
    }
