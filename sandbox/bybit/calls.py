"""What a call is: who may make it, how often, and which parameters it reads."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.bybit.errors import bad_key
from sandbox.bybit.params import (
    COIN,
    LINK_ID,
    SYMBOL,
    Param,
    amount,
    boolean,
    digits,
    integer,
    one_of,
    text,
    within,
)
from sandbox.bybit.symbols import CATEGORIES, CONTRACTS
from sandbox.keys import Credential

Args = Mapping[str, Any]


class Call(msgspec.Struct):
    """One accepted request: who, and with which values."""

    args: dict[str, Any]
    credential: Credential | None = None

    @property
    def account(self) -> str:
        """The account of a signed call."""
        return self.owner.account

    @property
    def owner(self) -> Credential:
        """Whose key signed it."""
        if self.credential is None:
            raise bad_key()
        return self.credential


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    `reads` is the permission that reading contracts takes, empty where any key may ask.
    `limit` is how often a user may make it in a second, None where only the
    address counts; where it depends on the product, linear and inverse share one
    count.
    """

    params: tuple[Param, ...]
    run: Callable[[Call], Any]
    signed: bool = True
    trades: bool = False
    reads: str = ""
    limit: int | Mapping[str, int] | None = None
    said: str = "OK"

    def rate(self, path: str, category: str) -> tuple[str, int] | None:
        """The count that a request belongs to, and its limit."""
        if self.limit is None or isinstance(self.limit, int):
            return None if self.limit is None else (path, self.limit)
        product = {"linear": "futures", "inverse": "futures"}.get(category, category)
        return f"{path} {product}", self.limit.get(product, min(self.limit.values()))


PER_PRODUCT = {"spot": 20, "futures": 10, "option": 10}
CANCEL_ALL = {"spot": 20, "futures": 10, "option": 1}

CATEGORY = Param("category", one_of(*CATEGORIES), required=True)
CONTRACT = Param("category", one_of(*CONTRACTS), required=True)
SYMBOL_ = Param("symbol", text(SYMBOL))
NEEDED_SYMBOL = Param("symbol", text(SYMBOL), required=True)
BASE = Param("baseCoin", text(COIN))
SETTLE = Param("settleCoin", text(COIN))
CURSOR = Param("cursor", text(r"[A-Za-z0-9%=&_:,.-]{1,300}"))
SPAN = (Param("startTime", digits), Param("endTime", digits))
BY_ID = (Param("orderId", text(r"[A-Za-z0-9-]{1,50}")), Param("orderLinkId", text(LINK_ID)))
SPOT_FILTER = Param(
    "orderFilter", one_of("Order", "tpslOrder", "StopOrder", "OcoOrder", "BidirectionalTpslOrder")
)
TRIGGER_BY = one_of("LastPrice", "IndexPrice", "MarkPrice")

NEW_ORDER = (
    CATEGORY,
    NEEDED_SYMBOL,
    Param("side", one_of("Buy", "Sell"), required=True),
    Param("orderType", one_of("Market", "Limit"), required=True),
    Param("qty", amount, required=True),
    Param("price", amount),
    Param("timeInForce", one_of("GTC", "IOC", "FOK", "PostOnly", "RPI")),
    Param("orderLinkId", text(LINK_ID)),
    Param("isLeverage", integer),
    Param("marketUnit", one_of("baseCoin", "quoteCoin")),
    Param("triggerDirection", integer),
    Param("orderFilter", one_of("Order", "tpslOrder", "StopOrder")),
    Param("triggerPrice", amount),
    Param("triggerBy", TRIGGER_BY),
    Param("positionIdx", integer),
    Param("reduceOnly", boolean),
    Param("closeOnTrigger", boolean),
    Param("slippageToleranceType", one_of("TickSize", "Percent")),
    Param("slippageTolerance", amount),
    Param("orderIv", amount),
    Param("takeProfit", amount),
    Param("stopLoss", amount),
    Param("tpTriggerBy", TRIGGER_BY),
    Param("slTriggerBy", TRIGGER_BY),
    Param("tpslMode", one_of("Full", "Partial")),
    Param("tpLimitPrice", amount),
    Param("slLimitPrice", amount),
    Param("tpOrderType", one_of("Market", "Limit")),
    Param("slOrderType", one_of("Market", "Limit")),
    Param("smpType", one_of("None", "CancelMaker", "CancelTaker", "CancelBoth")),
    Param("mmp", boolean),
    Param("rpiTakerAccess", boolean),
)
AMENDED_ORDER = (CATEGORY, NEEDED_SYMBOL, *BY_ID, Param("qty", amount), Param("price", amount))
CANCELLED_ORDER = (CATEGORY, NEEDED_SYMBOL, *BY_ID, SPOT_FILTER)
CANCELLED_ORDERS = (CATEGORY, SYMBOL_, BASE, SETTLE, SPOT_FILTER, Param("stopOrderType", one_of("Stop")))
OPEN_ORDERS = (
    CATEGORY, SYMBOL_, BASE, SETTLE, *BY_ID, Param("openOnly", within(0, 1)), SPOT_FILTER,
    Param("limit", within(1, 50)), CURSOR,
)  # fmt: skip
PAST_ORDERS = (
    CATEGORY, SYMBOL_, BASE, SETTLE, *BY_ID, SPOT_FILTER, Param("orderStatus", text(r"[A-Za-z]{1,40}")), *SPAN,
    Param("limit", within(1, 50)), CURSOR,
)  # fmt: skip
EXECUTIONS = (
    CATEGORY, SYMBOL_, *BY_ID, BASE, SETTLE, *SPAN,
    Param("execType", one_of(
        "Trade", "AdlTrade", "Funding", "BustTrade", "Delivery", "Settle", "BlockTrade", "MovePosition",
        "FutureSpread", "CorporateAction",
    )),
    Param("limit", within(1, 100)), CURSOR,
)  # fmt: skip
POSITIONS = (CONTRACT, SYMBOL_, BASE, SETTLE, Param("limit", within(1, 200)), CURSOR)
UNIFIED = Param("accountType", one_of("UNIFIED"), required=True)
LOG = (
    Param("accountType", one_of("UNIFIED")), Param("category", one_of(*CATEGORIES)),
    Param("currency", text(COIN)), BASE, Param("type", text(r"[A-Z_0-9]{1,50}")), *SPAN,
    Param("limit", within(1, 50)), CURSOR,
)  # fmt: skip
LISTED = (
    CATEGORY, SYMBOL_, BASE, Param("status", one_of("PreLaunch", "Trading", "Delivering", "Closed")),
    Param("symbolType", text(r"[a-zA-Z]{1,20}")), Param("limit", within(1, 1000)), CURSOR,
)  # fmt: skip
