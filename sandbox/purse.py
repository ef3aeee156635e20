"""What every account of one exchange has: free and locked amounts, cash moves.

The purse only adds up. Who may spend is the venue's decision; here a change is
kept, remembered for the next `BalancesChanged`, and never lost. No amount is
created: every change is the caller's, and every one of them is written.
"""

from collections.abc import Iterator
from decimal import Decimal

from sandbox.clock import Clock
from sandbox.store import Store
from sandbox.world import Balance, BalancesChanged, Cash

FIRST_ID = 1_000_001


class Purse:
    """The balances of one exchange."""

    def __init__(self, exchange: str, store: Store, clock: Clock) -> None:
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._balances: dict[str, dict[str, Balance]] = {}
        self._touched: dict[str, set[str]] = {}
        for account, balance in store.balances(exchange):
            self._balances.setdefault(account, {})[balance.asset] = balance

    def open(self, account: str) -> bool:
        """Make an empty account; False when it exists already."""
        if account in self._balances:
            return False
        self._balances[account] = {}
        return True

    def accounts(self) -> list[str]:
        """Every account that exists."""
        return list(self._balances)

    def of(self, account: str, asset: str) -> Balance:
        """What an account has of an asset; zero when it never had any."""
        return self._balances[account].get(asset) or Balance(asset)

    def all_of(self, account: str) -> list[Balance]:
        """All balances of an account, by asset."""
        return [self._balances[account][asset] for asset in sorted(self._balances[account])]

    def add(self, account: str, asset: str, free: Decimal, locked: Decimal = Decimal(0)) -> None:
        """Change what is free and what is locked; negative amounts take away."""
        had = self.of(account, asset)
        balance = Balance(asset, had.free + free, had.locked + locked, self._clock.now())
        self._balances[account][asset] = balance
        self._touched.setdefault(account, set()).add(asset)
        self._store.keep_balance(self._exchange, account, balance)

    def move(self, account: str, asset: str, amount: Decimal, kind: str, reference: str = "") -> Cash:
        """Money comes from outside or goes there, and is booked as such."""
        self.add(account, asset, free=amount)
        cash = Cash(
            exchange=self._exchange,
            account=account,
            cash_id=self._store.next_id(f"{self._exchange}.cash", FIRST_ID),
            asset=asset,
            amount=amount,
            kind=kind,
            at=self._clock.now(),
            reference=reference,
        )
        self._store.keep_cash(cash)
        return cash

    def changes(self) -> Iterator[BalancesChanged]:
        """What was touched since the last call, one event an account."""
        touched, self._touched = self._touched, {}
        for account, assets in touched.items():
            rows = tuple(self._balances[account][asset] for asset in sorted(assets))
            yield BalancesChanged(account=account, rows=rows, at=self._clock.now())
