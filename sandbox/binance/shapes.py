"""How Binance writes things: REST rows, replies and stream events.

Keys and their order follow the reference, sections 4 and 5; amounts are text
with eight decimals, ids and times are integers. A stop order that waits is NEW
on the wire, an order ended by self-trade prevention does not occur here.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sandbox.binance.rules import filters
from sandbox.limits import Window
from sandbox.market import Instrument, Rates
from sandbox.world import Balance, BalancesChanged, Cash, Order, OrderChanged, Trade

STATUS = {
    "untriggered": "NEW",
    "open": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "rejected": "REJECTED",
    "expired": "EXPIRED",
}
EXECUTION = {
    "new": "NEW",
    "triggered": "NEW",
    "trade": "TRADE",
    "canceled": "CANCELED",
    "rejected": "REJECTED",
    "expired": "EXPIRED",
}
EXPIRY = {
    "unfilled_ioc": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "unfilled_fok": "UNFILLED_FOK_ORDER_EXPIRED",
    "no_liquidity": "INSUFFICIENT_LIQUIDITY",
}
ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
ZERO = Decimal(0)
Json = dict[str, Any]


def amount(value: Decimal) -> str:
    """An amount as Binance prints it."""
    return f"{value:.8f}"


def expiry(order: Order) -> str:
    """The expiry reason on the wire."""
    return EXPIRY.get(order.reason, "EXCHANGE_CANCELED")


# -- REST ----------------------------------------------------------------------


def order_row(order: Order) -> Json:
    """An order as queries and lists show it."""
    row: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.filled),
        "cummulativeQuoteQty": amount(order.quote_filled),
        "status": STATUS[order.status],
        "timeInForce": order.time_in_force.upper(),
        "type": order.type.upper(),
        "side": order.side.upper(),
        "stopPrice": amount(order.stop_price),
        "icebergQty": amount(ZERO),
        "time": order.created_at,
        "updateTime": order.updated_at,
        "isWorking": order.working_at is not None,
        "workingTime": -1 if order.working_at is None else order.working_at,
        "origQuoteOrderQty": amount(order.quote_quantity),
        "selfTradePreventionMode": "NONE",
    }
    return row | _strategy(order) | ({"expiryReason": expiry(order)} if order.status == "expired" else {})


def _strategy(order: Order) -> Json:
    pairs = {"strategyId": order.strategy_id, "strategyType": order.strategy_type}
    return {name: value for name, value in pairs.items() if value is not None}


def placed(order: Order, trades: Sequence[Trade], form: str) -> Json:
    """The reply to a placement: ACK, RESULT or FULL."""
    row: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated_at,
    }
    if form == "ACK":
        return row
    row |= _body(order)
    if order.working_at is not None:
        row["workingTime"] = order.working_at
    row["selfTradePreventionMode"] = "NONE"
    row |= {"expiryReason": expiry(order)} if order.status == "expired" else {}
    return row | ({"fills": [_fill(one) for one in trades]} if form == "FULL" else {})


def _body(order: Order) -> Json:
    row: Json = {
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.filled),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "cummulativeQuoteQty": amount(order.quote_filled),
        "status": STATUS[order.status],
        "timeInForce": order.time_in_force.upper(),
        "type": order.type.upper(),
        "side": order.side.upper(),
    }
    if order.stop_price:
        row["stopPrice"] = amount(order.stop_price)
    return row | _strategy(order)


def _fill(trade: Trade) -> Json:
    return {
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "commission": amount(trade.fee),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.trade_id,
    }


def canceled(order: Order, request_id: str) -> Json:
    """The reply to a cancel: the ids of the order and of the cancel change places."""
    row: Json = {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": request_id,
        "transactTime": order.updated_at,
    }
    return row | _body(order) | {"selfTradePreventionMode": "NONE"}


def trade_row(trade: Trade) -> Json:
    """A trade as `myTrades` shows it."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote),
        "commission": amount(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.at,
        "isBuyer": trade.side == "buy",
        "isMaker": trade.liquidity == "maker",
        "isBestMatch": True,
    }


def account(balances: Iterable[Balance], uid: int, rates: Rates, *, can_trade: bool, omit_zero: bool) -> Json:
    """The account and what it has."""
    rows = [one for one in balances if not omit_zero or one.free or one.locked]
    return {
        "makerCommission": int(rates.maker * 10_000),
        "takerCommission": int(rates.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": amount(rates.maker),
            "taker": amount(rates.taker),
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": can_trade,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": max((one.updated_at for one in rows), default=0),
        "accountType": "SPOT",
        "balances": [{"asset": b.asset, "free": amount(b.free), "locked": amount(b.locked)} for b in rows],
        "permissions": ["SPOT"],
        "uid": uid,
    }


def limit_row(window: Window, count: int | None = None) -> Json:
    """A limit, with what is used of it where that is asked."""
    units = (("DAY", 86_400), ("MINUTE", 60), ("SECOND", 1))
    unit, seconds = next((unit, seconds) for unit, seconds in units if window.seconds % seconds == 0)
    row = {
        "rateLimitType": window.name,
        "interval": unit,
        "intervalNum": window.seconds // seconds,
        "limit": window.limit,
    }
    return row if count is None else row | {"count": count}


def symbol_info(one: Instrument) -> Json:
    """A symbol as exchangeInfo describes it."""
    return {
        "symbol": one.symbol,
        "status": "TRADING",
        "baseAsset": one.base,
        "baseAssetPrecision": 8,
        "quoteAsset": one.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(one),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


# -- user data events ------------------------------------------------------------


def execution_report(changed: OrderChanged, now: int) -> Json:
    """An `executionReport` with exactly the keys that apply."""
    order, trade = changed.order, changed.trade
    by_request = bool(changed.request_id)
    row: Json = {
        "e": "executionReport",
        "E": now,
        "s": order.symbol,
        "c": changed.request_id if by_request else order.client_order_id,
        "S": order.side.upper(),
        "o": order.type.upper(),
        "f": order.time_in_force.upper(),
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": amount(order.stop_price),
        "F": amount(ZERO),
        "g": -1,
        "C": order.client_order_id if by_request else "",
        "x": EXECUTION[changed.what],
        "X": STATUS[order.status],
        "r": "NONE",
        "i": order.order_id,
        "l": amount(trade.quantity if trade else ZERO),
        "z": amount(order.filled),
        "L": amount(trade.price if trade else ZERO),
        "n": amount(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": changed.at,
        "t": trade.trade_id if trade else -1,
        "I": changed.execution_id,
        "w": _on_book(changed),
        "m": trade is not None and trade.liquidity == "maker",
        "M": trade is not None,
        "O": order.created_at,
        "Z": amount(order.quote_filled),
        "Y": amount(trade.quote if trade else ZERO),
        "Q": amount(order.quote_quantity),
    }
    return row | _conditional(changed)


def _on_book(changed: OrderChanged) -> bool:
    order, trade = changed.order, changed.trade
    if order.ended or order.status == "untriggered":
        return False
    return trade is None or trade.liquidity == "maker"


def _conditional(changed: OrderChanged) -> Json:
    order = changed.order
    row: Json = {}
    if order.working_at is not None:
        row["W"] = order.working_at
    row["V"] = "NONE"
    if order.strategy_id is not None:
        row["j"] = order.strategy_id
    if order.strategy_type is not None:
        row["J"] = order.strategy_type
    if order.status == "expired":
        row["eR"] = expiry(order)
    return row


def account_position(changed: BalancesChanged, now: int) -> Json:
    """An `outboundAccountPosition` of the assets that may have changed."""
    rows = [{"a": one.asset, "f": amount(one.free), "l": amount(one.locked)} for one in changed.rows]
    return {"e": "outboundAccountPosition", "E": now, "u": changed.at, "B": rows}


def balance_update(cash: Cash, now: int) -> Json:
    """A `balanceUpdate` for money that came or went."""
    return {"e": "balanceUpdate", "E": now, "a": cash.asset, "d": amount(cash.amount), "T": cash.at}
