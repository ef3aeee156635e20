"""What accounts hold of contracts, and what closing it earns.

A position grows at its cost and shrinks by a share of it, so that over its life
the profits are exactly what came out less what went in. One that is closed
beyond its size turns round. Fees and funding count towards what it realised;
the money itself is moved by others.
"""

from decimal import ROUND_DOWN, Decimal

import msgspec

from sandbox.clock import Clock
from sandbox.market import UNIT, Instrument, Market
from sandbox.store import Store
from sandbox.world import Position, Trade

Key = tuple[str, str, int]
ZERO = Decimal(0)


class Positions:
    """The positions of one exchange."""

    def __init__(self, exchange: str, market: Market, store: Store, clock: Clock) -> None:
        self._exchange = exchange
        self._market = market
        self._store = store
        self._clock = clock
        self._all: dict[Key, Position] = {
            (one.account, one.symbol, one.index): one for one in store.positions(exchange)
        }

    def of(self, account: str, symbol: str, index: int = 0) -> Position:
        """A position; a flat one where there never was any."""
        one = self._market.instruments[symbol]
        return self._all.get((account, symbol, index)) or Position(
            exchange=self._exchange,
            account=account,
            category=one.category,
            symbol=symbol,
            index=index,
            inverse=one.inverse,
        )

    def all_of(self, account: str) -> list[Position]:
        """Every position that an account ever had, flat ones too."""
        return [one for _, one in sorted(self._all.items()) if one.account == account]

    def closable(self, account: str, symbol: str, index: int, side: str) -> Decimal:
        """How much an order on `side` can take off."""
        size = self.of(account, symbol, index).size
        return max(ZERO, -size if side == "buy" else size)

    def unrealised(self, one: Position) -> Decimal:
        """What closing at the present price would earn."""
        if not one.size:
            return ZERO
        value = self._market.instruments[one.symbol].worth(abs(one.size), self._market.last[one.symbol])
        return _profit(one, value, one.cost)

    def trade(self, trade: Trade, one: Instrument) -> tuple[Decimal, Decimal]:
        """Let a trade change its position; what it closed, and what that earned before fees."""
        had = self.of(trade.account, trade.symbol, trade.position_index)
        signed = trade.quantity if trade.side == "buy" else -trade.quantity
        closed = min(abs(had.size), trade.quantity) if had.size * signed < 0 else ZERO
        pnl = ZERO
        if closed:
            value = trade.quote if closed == trade.quantity else one.worth(closed, trade.price)
            cost = had.cost
            if closed < abs(had.size):
                cost = (had.cost * closed / abs(had.size)).quantize(UNIT, ROUND_DOWN)
            pnl = _profit(had, value, cost)
            kept = msgspec.structs.replace(had, cost=had.cost - cost + trade.quote - value)
        else:
            kept = msgspec.structs.replace(had, cost=had.cost + trade.quote)
        self._keep(self._after(kept, signed, pnl, trade.seq))
        return closed, pnl

    def _after(self, had: Position, signed: Decimal, pnl: Decimal, seq: int) -> Position:
        """The position with its new size; a holding that begins has realised nothing yet."""
        now, size = self._clock.now(), had.size + signed
        begins = bool(size) and size * had.size <= 0
        return msgspec.structs.replace(
            had,
            size=size,
            realised=ZERO if begins else had.realised + pnl,
            realised_total=had.realised_total + pnl,
            seq=seq,
            opened_at=now if begins else had.opened_at if size else 0,
            created_at=had.created_at or now,
            updated_at=now,
        )

    def charge(self, account: str, symbol: str, index: int, amount: Decimal, seq: int) -> None:
        """Count a fee or funding against what was realised; negative amounts were received."""
        had = self.of(account, symbol, index)
        changes = {"realised": had.realised - amount, "realised_total": had.realised_total - amount}
        self._keep(msgspec.structs.replace(had, **changes, seq=seq, updated_at=self._clock.now()))

    def _keep(self, one: Position) -> None:
        self._all[one.account, one.symbol, one.index] = one
        self._store.keep_position(one)


def _profit(one: Position, value: Decimal, cost: Decimal) -> Decimal:
    """Long earns what is above its cost; where quantity is in quote, value falls as the price rises."""
    earned = value - cost
    return earned if (one.size > 0) != one.inverse else -earned
