"""How Bybit writes orders, executions and positions: REST rows and pushed items.

Keys follow the reference, section 4, and its fixtures: all amounts are text, a
REST row has no category, a pushed position calls `entryPrice` what REST calls
`avgPrice`. What does not apply is an empty text or a word for "none".
"""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from sandbox.customs import Customs
from sandbox.market import Instrument
from sandbox.truth import plain
from sandbox.world import Order, Position, Trade

STATUS = {
    "untriggered": "Untriggered",
    "open": "New",
    "partially_filled": "PartiallyFilled",
    "filled": "Filled",
    "rejected": "Rejected",
}
REASON = {
    "post_only_would_take": "EC_PostOnlyWillTakeLiquidity",
    "unfilled_ioc": "EC_NoImmediateQtyToFill",
    "unfilled_fok": "EC_NoEnoughQtyToFill",
    "no_liquidity": "EC_CancelForNoFullFill",
    "insufficient_balance": "EC_Others",
}
EXEC_TYPE = {
    "trade": "Trade",
    "liquidation": "BustTrade",
    "adl": "AdlTrade",
    "delivery": "Delivery",
    "settlement": "Settle",
    "block": "BlockTrade",
    "funding": "Funding",
}
CREATE_TYPE = {
    "liquidation": "CreateByTakeOver_PassThrough",
    "adl": "CreateByAdl_PassThrough",
    "settlement": "CreateBySettle",
}
TIME_IN_FORCE = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "PostOnly"}
PROTECTION = Decimal("0.01")
MAINTENANCE = Decimal("0.005")
Json = dict[str, Any]


def price_text(one: Instrument, value: Decimal) -> str:
    """A price with as many digits as its tick has."""
    return f"{value.quantize(one.tick, ROUND_DOWN):f}"


def size_text(one: Instrument, value: Decimal) -> str:
    """A quantity with as many digits as its step has."""
    return f"{value.quantize(one.step, ROUND_DOWN):f}"


def side_text(side: str) -> str:
    """Buy, Sell, or nothing."""
    return side.capitalize()


def by_quote(order: Order) -> bool:
    """True for a spot market order over an amount of quote."""
    return bool(order.quote_quantity)


def has_change(order: Order) -> bool:
    """True for an order by amount that ended with some of the amount left."""
    return by_quote(order) and order.status == "canceled" and order.filled == order.quantity


def status_text(order: Order) -> str:
    """The order's status; a cancelled one has three names."""
    if order.status != "canceled":
        return STATUS[order.status]
    if order.stop_price and order.working_at is None:
        return "Deactivated"
    return "PartiallyFilledCanceled" if order.category == "spot" and order.filled else "Cancelled"


def cancel_type(order: Order) -> str:
    """Who cancelled it."""
    if order.status != "canceled":
        return "UNKNOWN"
    if order.reason.startswith("Cancel"):
        return order.reason
    known = {"": "CancelByUser", "reduce_only": "CancelByReduceOnly", "admin": "CancelByAdmin"}
    return "UNKNOWN" if has_change(order) else known.get(order.reason, "UNKNOWN")


def reject_reason(order: Order) -> str:
    """Why it ended."""
    if has_change(order):
        return "EC_CancelForNoFullFill"
    if order.reason.startswith("EC_"):
        return order.reason
    return REASON.get(order.reason, "EC_Others" if order.status == "rejected" else "EC_NoError")


# -- orders --------------------------------------------------------------------


def _price(one: Instrument, order: Order) -> str:
    """A market order of a contract shows the limit that protects it."""
    if order.price or one.category == "spot" or "last" not in order.extra:
        return price_text(one, order.price)
    away = 1 + PROTECTION if order.side == "buy" else 1 - PROTECTION
    return price_text(one, Decimal(order.extra["last"]) * away)


def _leaves(one: Instrument, order: Order) -> tuple[str, str]:
    left = order.quote_quantity - order.quote_filled
    if by_quote(order):
        return ("", "") if order.side == "buy" else (plain(left), plain(left))
    if order.ended:
        return size_text(one, Decimal(0)), "0"
    return size_text(one, order.remaining), plain(
        one.worth(order.remaining, order.price) if order.price else left
    )


def _average(one: Instrument, order: Order) -> Decimal:
    exact = order.filled / order.quote_filled if one.inverse else order.quote_filled / order.filled
    return exact.quantize(Decimal("1E-8"))


def _order(one: Instrument, order: Order, customs: Customs, *, unfilled: str) -> Json:
    spot = one.category == "spot"
    none = "" if spot else "UNKNOWN"
    leaves_qty, leaves_value = _leaves(one, order)
    row: Json = {
        "symbol": order.name,
        "orderId": customs.order_id(order.category, order.order_id),
        "orderLinkId": order.client_order_id,
        "blockTradeId": "",
        "side": side_text(order.side),
        "positionIdx": order.position_index,
        "orderStatus": status_text(order),
        "cancelType": cancel_type(order),
        "rejectReason": reject_reason(order),
        "timeInForce": "IOC" if order.type == "market" else TIME_IN_FORCE[order.time_in_force],
        "isLeverage": "0" if spot else "",
        "price": _price(one, order),
        "qty": f"{order.quote_quantity:.8f}" if by_quote(order) else size_text(one, order.quantity),
        "avgPrice": plain(_average(one, order)) if order.filled else unfilled,
        "leavesQty": leaves_qty,
        "leavesValue": leaves_value,
        "cumExecQty": size_text(one, order.filled),
        "cumExecValue": plain(order.quote_filled),
        "cumExecFee": plain(sum(order.fees.values(), Decimal(0))),
        "orderType": "Market" if order.type == "market" else "Limit",
        "stopOrderType": _stop_type(order) or none,
        "orderIv": "",
        "triggerPrice": price_text(one, order.stop_price),
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": none,
        "slTriggerBy": none,
        "triggerDirection": order.trigger_direction,
        "triggerBy": order.extra.get("trigger_by", none),
        "closeOnTrigger": False,
        "reduceOnly": order.reduce_only,
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "placeType": "",
        "createdTime": str(order.created_at),
        "updatedTime": str(order.updated_at),
    }
    if one.category in ("spot", "linear"):
        row["cumFeeDetail"] = {coin: plain(fee) for coin, fee in order.fees.items()}
    if spot:
        return row | {"marketUnit": order.extra.get("unit", "")}
    return row | {"tpslMode": "UNKNOWN", "createType": "CreateByUser", "parentOrderLinkId": ""}


def _stop_type(order: Order) -> str:
    if not order.stop_price:
        return ""
    return "tpslOrder" if order.extra.get("filter") == "tpslOrder" else "Stop"


def order_row(one: Instrument, order: Order, customs: Customs, *, past: bool) -> Json:
    """An order as `realtime`, or as `history` (`past`), lists it."""
    row = _order(one, order, customs, unfilled="" if one.category == "spot" else "0")
    last = order.extra.get("last", "")
    row |= {"basePrice": last} if one.category == "spot" else {"lastPriceOnCreated": last}
    if past:
        row |= {"slippageToleranceType": "UNKNOWN", "slippageTolerance": "", "extraFees": ""}
        row |= {"rpiTakerAccess": False, "rpiMatchedQty": "0"}
    return row


def order_item(one: Instrument, order: Order, customs: Customs) -> Json:
    """An order as it is pushed."""
    row = {"category": order.category} | _order(one, order, customs, unfilled="")
    more = {"lastPriceOnCreated": order.extra.get("last", ""), "closedPnl": plain(order.pnl)}
    fee_coin = next(iter(order.fees), "") if one.category == "spot" else ""
    more |= {"feeCurrency": fee_coin, "slippageToleranceType": "UNKNOWN", "slippageTolerance": ""}
    return row | more | {"rpiTakerAccess": False, "rpiMatchedQty": "0"}


# -- executions ----------------------------------------------------------------


def execution_row(one: Instrument, trade: Trade, order: Order | None, customs: Customs) -> Json:
    """An execution as `execution/list` shows it; `order` is None where none was placed."""
    spot = one.category == "spot"
    amount = order is not None and by_quote(order)
    return {
        "symbol": trade.name,
        "orderId": customs.order_id(trade.category, trade.order_id),
        "orderLinkId": trade.client_order_id,
        "side": side_text(trade.side),
        "orderPrice": _price(one, order) if order else "0",
        "orderQty": size_text(one, order.quantity) if order and not amount else "0",
        "leavesQty": size_text(one, trade.remaining),
        "createType": "" if spot else CREATE_TYPE.get(trade.kind, "CreateByUser" if order else ""),
        "orderType": ("Market" if order.type == "market" else "Limit") if order else "UNKNOWN",
        "stopOrderType": (_stop_type(order) if order else "") or ("" if spot else "UNKNOWN"),
        "execFee": plain(trade.fee),
        "execId": customs.trade_id(trade.category, trade.trade_id),
        "execPrice": price_text(one, trade.price),
        "execQty": size_text(one, trade.quantity),
        "execType": EXEC_TYPE[trade.kind],
        "execValue": plain(trade.quote),
        "execTime": str(trade.at),
        "feeCurrency": trade.fee_asset,
        "isMaker": trade.liquidity == "maker",
        "feeRate": plain(trade.rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": "" if spot else price_text(one, trade.mark),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": str(trade.trade_id) if trade.kind == "block" else "",
        "closedSize": "" if spot else plain(trade.closed),
        "extraFees": "",
        "seq": trade.seq,
    }


def execution_item(one: Instrument, trade: Trade, order: Order | None, customs: Customs) -> Json:
    """An execution as it is pushed."""
    row = {"category": trade.category} | execution_row(one, trade, order, customs)
    unit = order.extra.get("unit", "") if order else ""
    return row | {"isLeverage": "0", "execPnl": plain(trade.pnl), "marketUnit": unit}


def fast_item(one: Instrument, trade: Trade, customs: Customs) -> Json:
    """A trade on the fast topic, which says little and never names a maker's client id."""
    row = execution_row(one, trade, None, customs)
    names = ("symbol", "execId", "execPrice", "execQty", "orderId", "isMaker", "side", "execTime", "seq")
    link = "" if row["isMaker"] else trade.client_order_id
    return {"category": trade.category} | {name: row[name] for name in names} | {"orderLinkId": link}


# -- positions -----------------------------------------------------------------


def position_row(one: Instrument, held: Position, unrealised: Decimal, mark: Decimal) -> Json:
    """A position as `position/list` shows it."""
    value = one.worth(abs(held.size), mark)
    margin, maintenance = plain(value / one.leverage), plain(value * MAINTENANCE)
    return {
        "positionIdx": held.index,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": held.name,
        "side": side_text(held.side),
        "size": size_text(one, abs(held.size)) if held.size else "0",
        "avgPrice": plain(held.entry),
        "positionValue": plain(held.cost),
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 2 if held.size else 0,
        "leverage": plain(one.leverage),
        "breakEvenPrice": "",
        "positionBalance": "0",
        "markPrice": price_text(one, mark),
        "liqPrice": "",
        "bustPrice": "",
        "positionMM": maintenance,
        "positionMMByMp": maintenance,
        "positionIM": margin,
        "positionIMByMp": margin,
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": plain(unrealised) if held.size else "",
        "curRealisedPnl": plain(held.realised),
        "cumRealisedPnl": plain(held.realised_total),
        "seq": held.seq,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "createdTime": str(held.created_at),
        "updatedTime": str(held.updated_at),
        "openTime": held.opened_at,
    }


def position_item(one: Instrument, held: Position, unrealised: Decimal, mark: Decimal) -> Json:
    """A position as it is pushed."""
    row = {"category": held.category} | position_row(one, held, unrealised, mark)
    row["entryPrice"] = row.pop("avgPrice")
    return row
