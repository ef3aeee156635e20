"""Rows and pushes of Bybit, made from the field tables and examples of its documentation."""

from typing import Any

from tests.exchanges.kit import text

NOW = 1_790_000_000_000
UUID = "5cf98598-39a7-459e-97bf-76ca765ee020"


def order_row(**changes: Any) -> dict[str, Any]:
    """A limit order that rests, with the keys that stream and REST share."""
    return {
        "symbol": "BTCUSDT",
        "orderId": UUID,
        "orderLinkId": "mine-1",
        "blockTradeId": "",
        "side": "Buy",
        "positionIdx": 0,
        "orderStatus": "New",
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError",
        "timeInForce": "GTC",
        "isLeverage": "",
        "price": "30000.50",
        "qty": "0.100",
        "avgPrice": "0",
        "leavesQty": "0.100",
        "leavesValue": "3000.05",
        "cumExecQty": "0.000",
        "cumExecValue": "0",
        "cumExecFee": "0",
        "orderType": "Limit",
        "stopOrderType": "UNKNOWN",
        "orderIv": "",
        "triggerPrice": "0.00",
        "takeProfit": "0.00",
        "stopLoss": "0.00",
        "triggerBy": "UNKNOWN",
        "tpTriggerBy": "UNKNOWN",
        "slTriggerBy": "UNKNOWN",
        "triggerDirection": 0,
        "reduceOnly": False,
        "closeOnTrigger": False,
        "smpGroup": 0,
        "smpType": "None",
        "smpOrderId": "",
        "createdTime": str(NOW - 60_000),
        "updatedTime": str(NOW - 60_000),
        "cumFeeDetail": {},
        **changes,
    }


def filled_row(**changes: Any) -> dict[str, Any]:
    """The same order, done."""
    done = {
        "orderStatus": "Filled",
        "avgPrice": "30000.5",
        "leavesQty": "0",
        "cumExecQty": "0.100",
        "cumExecValue": "3000.05",
        "updatedTime": str(NOW),
    }
    return order_row(**{**done, **changes})


def execution_row(**changes: Any) -> dict[str, Any]:
    """A fill as maker, with the keys that stream and REST share."""
    return {
        "symbol": "BTCUSDT",
        "orderId": UUID,
        "orderLinkId": "mine-1",
        "side": "Buy",
        "orderPrice": "30000.50",
        "orderQty": "0.100",
        "leavesQty": "0",
        "orderType": "Limit",
        "stopOrderType": "UNKNOWN",
        "execFee": "0.0001",
        "execId": "e0cbe81d-0f18-5866-9415-cf319b5dab3b",
        "execPrice": "30000.50",
        "execQty": "0.100",
        "execType": "Trade",
        "execValue": "3000.05",
        "execTime": str(NOW),
        "feeCurrency": "BTC",
        "feeRate": "0.001",
        "isMaker": True,
        "tradeIv": "",
        "markIv": "",
        "markPrice": "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "",
        "extraFees": "",
        "seq": 140612148849382,
        **changes,
    }


def position_row(**changes: Any) -> dict[str, Any]:
    """A long one-way position, without the average price, which has two names."""
    return {
        "positionIdx": 0,
        "riskId": 1,
        "riskLimitValue": "150",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "size": "0.5",
        "positionValue": "15000",
        "positionStatus": "Normal",
        "leverage": "10",
        "markPrice": "30010.5",
        "liqPrice": "27000.1",
        "unrealisedPnl": "5.25",
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "seq": 5723621632,
        "createdTime": "1676538056258",
        "updatedTime": str(NOW),
        **changes,
    }


def coin(name: str, total: str, locked: str = "0", **changes: Any) -> dict[str, Any]:
    return {
        "coin": name,
        "equity": total,
        "walletBalance": total,
        "locked": locked,
        "spotBorrow": "0",
        **changes,
    }


def wallet(*coins: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"accountType": "UNIFIED", "totalEquity": "10262.9", "coin": list(coins), **changes}


def push(topic: str, *rows: Any, at: Any = NOW + 5, **changes: Any) -> dict[str, Any]:
    """A push with its envelope."""
    return {"id": "386825804_x_1", "topic": topic, "creationTime": at, "data": list(rows), **changes}


def pushed(topic: str, *rows: dict[str, Any], category: str = "linear") -> str:
    """As the stream sends it: every row but a wallet's names its category."""
    named = rows if topic == "wallet" else [{"category": category, **row} for row in rows]
    return text(push(topic, *named))


def without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}
