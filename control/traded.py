"""What `trades` shows: the trader's trades, the chain of one, and what they earned.

Everything follows from the trades as the ledger holds them (core/lots), the fee rates
that were learned, and the prices as they are; nothing here asks a trader.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from control.words import ROWS_PER_ANSWER, SUMS, Arguments, Mistake, hint, quoted
from core.ageing import age
from core.earnings import curve, day, held, realised, summary, unrealised
from core.facts import Fill
from core.fee_rates import Rates, rated
from core.lots import FINISHED, Lot, Sell
from core.money import add, plain, plain_or_none
from core.profit import ZERO, Holding, Rate
from core.status import Document
from models.read import Reader, Row, rates_key

DAY_MS = 86_400_000

_lot = msgspec.json.Decoder(Lot).decode


def traded(reader: Reader, said: Arguments, prices: Iterable[Document], now: int) -> Sequence[Row]:
    """The rows of `trades list`, `show`, `profit` and `curve`; `since` and `now` are in milliseconds.

    `prices` are the rows of `prices`.
    """
    by = said["by"]
    if by not in (None, *SUMS):
        raise Mistake(f"trades: no sum by {quoted(by)}{hint(by, SUMS)}; there are: {', '.join(SUMS)}")
    match said["what"]:
        case "show":
            return _chain(reader, said["id"])
        case "curve":
            return _newest(curve(_lots(reader, said), said["since"] or 0), said)
        case "profit":
            return _profit(reader, said)
        case _ if by is not None:
            return _profit(reader, said)
    wanted = {name: said[name] for name in ("account", "symbol", "since", "limit", "after")}
    rows = reader.trades(**wanted, open_only=said["open"])
    worth = _Worth(prices, reader.rates(), now)
    return [_told(row, now, worth) for row in rows]


class _Worth:
    """What is held, at the prices and fee rates of now."""

    def __init__(self, prices: Iterable[Document], rates: dict[str, Rates], now: int) -> None:
        self._bids = {
            (account, row["category"], row["symbol"]): Decimal(row["bid"])
            for row in prices
            if row["good"]
            for account in row["accounts"]
        }
        self._rates = rates
        self._now = now

    def unrealised(self, lot: Lot, rest: Holding) -> Decimal | None:
        """What the rest of a trade would earn as a maker's sale at the bid; None where that is not known."""
        place = (lot.account, lot.bought.category, lot.bought.symbol)
        rates = rated(self._rates.get(rates_key(*place), ()), self._now)
        if rates is None or rates.maker is None:
            return None
        return unrealised(rest, self._bids.get(place), Rate(ZERO, rates.maker))


def _told(row: Row, now: int, worth: _Worth) -> Row:
    """One trade at a glance."""
    lot = _lot(row["detail"])
    sell, earned = lot.current, realised(lot)
    rest = None if lot.state in FINISHED else held(lot, {})
    status = None if sell is None or sell.order is None else sell.order.status
    return {
        "seq": row["seq"],
        "id": lot.id,
        "account": lot.account,
        "category": row["category"],
        "symbol": row["symbol"],
        "state": lot.state,
        "why": lot.why,
        "bought_at": lot.bought.traded_at,
        "age_s": age(lot, now),
        "quantity": plain(lot.bought.quantity),
        "price": plain(lot.bought.price),
        "sell": None if sell is None else sell.client_order_id,
        "sell_price": None if sell is None else plain(sell.price),
        "sell_status": status,
        "sold": plain(add(one.quantity_sold for one in lot.sells)),
        "left": None if lot.holding is None else plain(lot.left.units),
        "left_cost": None if rest is None else plain(rest.cost),
        "dust": plain(lot.to_dust.minus(lot.from_dust).units),
        "dust_cost": plain(lot.to_dust.minus(lot.from_dust).cost),
        "proceeds": None if earned is None else plain(earned.proceeds),
        "fees": None if earned is None else plain(earned.fees),
        "cost": None if earned is None else plain(earned.cost),
        "profit": None if earned is None else plain(earned.profit),
        "unrealised": None if rest is None else plain_or_none(worth.unrealised(lot, rest)),
        "quote": lot.pair[1],
        "failures": lot.failures,
        "updated_at": row["updated_at"],
    }


def _chain(reader: Reader, trade: str | None) -> Sequence[Row]:
    """BUY order, its fill, and each SELL with its fills, in the order in which they follow."""
    row = None if trade is None else reader.trade(trade)
    if row is None:
        raise Mistake(
            f"trades show: there is no trade {quoted(str(trade))}: `trades` lists them with their ids"
        )
    lot = _lot(row["detail"])
    place = (row["category"], row["symbol"], lot.bought.order_id)
    intents = {one["client_order_id"]: one for one in reader.intents(lot.account, closes=lot.id)}
    return [
        *_order("buy order", reader.order(lot.account, *place)),
        _fill("buy fill", lot.bought),
        *(told for sell in lot.sells for told in _sell(sell, intents.get(sell.client_order_id))),
    ]


def _sell(sell: Sell, intent: Row | None) -> Iterator[Row]:
    order = sell.order
    yield {
        "at": None if intent is None else intent["created_at"],
        "what": "sell order",
        "order_id": sell.order_id,
        "client_order_id": sell.client_order_id,
        "status": order.status if order is not None else intent["state"] if intent is not None else None,
        "price": plain(sell.price),
        "quantity": plain(sell.quantity),
        "filled": plain(sell.quantity_sold),
        "fee": None,
        "fee_asset": None,
        "why": sell.ending or (None if intent is None else intent["why"]),
    }
    yield from (_fill("sell fill", one.fill) for one in sell.sold)


def _order(what: str, row: Row | None) -> Iterator[Row]:
    if row is not None:
        same = ("order_id", "client_order_id", "status", "price", "quantity", "filled")
        told = {name: row[name] for name in same}
        yield {"at": row["created_at"], "what": what, **told, "fee": None, "fee_asset": None, "why": None}


def _fill(what: str, fill: Fill) -> Row:
    return {
        "at": fill.traded_at,
        "what": what,
        "order_id": fill.order_id,
        "client_order_id": fill.client_order_id,
        "status": fill.liquidity,
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "filled": plain(fill.quantity),
        "fee": plain_or_none(fill.fee),
        "fee_asset": fill.fee_asset,
        "why": fill.trade_id,
    }


def _profit(reader: Reader, said: Arguments) -> Sequence[Row]:
    """Sums over all trades that are over, by account, quote asset, and what was asked for."""
    lots = _lots(reader, said)
    if (since := said["since"]) is not None:
        lots = (lot for lot in lots if _last_day(lot) >= day(since))
    return _newest(summary(lots, said["by"] or "day and symbol"), said)


def _last_day(lot: Lot) -> str:
    """The day on which a trade counts; none for one that never sold."""
    sold = [one.fill.traded_at for sell in lot.sells for one in sell.sold]
    return day(max(sold)) if sold else ""


def _lots(reader: Reader, said: Arguments) -> Iterator[Lot]:
    """The trades that may count from `since` on: what counts then was changed then, by our clock or near it."""
    since = None if said["since"] is None else said["since"] - DAY_MS
    after = 0
    while rows := reader.trades(
        account=said["account"], symbol=said["symbol"], since=since, limit=0, after=after
    ):
        yield from (_lot(row["detail"]) for row in rows)
        after = rows[-1]["seq"]


def _newest(rows: list[Row], said: Arguments) -> list[Row]:
    limit = said["limit"] or ROWS_PER_ANSWER
    return rows[-min(limit, ROWS_PER_ANSWER) :]
