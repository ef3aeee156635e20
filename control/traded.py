"""What `trades` shows: the trader's trades, the chain of one, and what they earned.

Everything follows from the trades as the ledger holds them (core/lots); nothing here
asks a trader.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from control.words import ROWS_PER_ANSWER, Arguments, Mistake, quoted
from core.earnings import day, realised, summary
from core.facts import Fill
from core.lots import Lot, Sell
from core.money import add, plain, plain_or_none
from models.read import Reader, Row

_lot = msgspec.json.Decoder(Lot).decode


def traded(reader: Reader, said: Arguments) -> Sequence[Row]:
    """The rows of `trades list`, `show` and `profit`; `since` is in milliseconds by now."""
    match said["what"]:
        case "show":
            return _chain(reader, said["id"])
        case "profit":
            return _profit(reader, said)
    wanted = {name: said[name] for name in ("account", "symbol", "since", "limit", "after")}
    return [_told(row) for row in reader.trades(**wanted, open_only=said["open"])]


def _told(row: Row) -> Row:
    """One trade at a glance."""
    lot = _lot(row["detail"])
    sell, earned = lot.current, realised(lot)
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
        "quantity": plain(lot.bought.quantity),
        "price": plain(lot.bought.price),
        "sell": None if sell is None else sell.client_order_id,
        "sell_price": None if sell is None else plain(sell.price),
        "sell_status": status,
        "sold": plain(add(one.quantity_sold for one in lot.sells)),
        "left": None if lot.holding is None else plain(lot.left.units),
        "dust": plain(lot.to_dust.minus(lot.from_dust).units),
        "dust_cost": plain(lot.to_dust.minus(lot.from_dust).cost),
        "proceeds": None if earned is None else plain(earned.proceeds),
        "fees": None if earned is None else plain(earned.fees),
        "cost": None if earned is None else plain(earned.cost),
        "profit": None if earned is None else plain(earned.profit),
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


def _profit(reader: Reader, said: Arguments) -> list[dict[str, Any]]:
    """Sums over all trades that are over, by account, day and symbol."""
    wanted = {name: said[name] for name in ("account", "symbol")}
    lots: list[Lot] = []
    after = 0
    while rows := reader.trades(**wanted, limit=0, after=after):
        lots += [_lot(row["detail"]) for row in rows]
        after = rows[-1]["seq"]
    found = summary(lots)
    if said["since"] is not None:
        found = [row for row in found if row["day"] >= day(said["since"])]
    limit = said["limit"] or ROWS_PER_ANSWER
    return found[-min(limit, ROWS_PER_ANSWER) :]
