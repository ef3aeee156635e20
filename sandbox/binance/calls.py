"""What a call is: who may make it, what it weighs, which parameters it reads.

A call is declared once as an `Endpoint` and offered on both surfaces, REST and
the WebSocket API; a `Call` is one accepted request for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.binance.errors import bad_key
from sandbox.binance.params import (
    CLIENT_ID,
    SIDE,
    SIGNED,
    SYMBOL,
    TIME_IN_FORCE,
    TYPE,
    Param,
    decimal,
    long,
    matching,
    moment,
    symbol_list,
    up_to,
    word_of,
)
from sandbox.keys import Credential

Args = Mapping[str, Any]
Weight = int | Callable[[Mapping[str, str]], int]


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
    """One call: `security` is none, user_data or trade."""

    security: str
    weight: Weight
    params: tuple[Param, ...]
    run: Callable[[Call], Any]
    free_on_success: bool = False

    @property
    def signed(self) -> bool:
        """True when the request needs a key, a timestamp and a signature."""
        return self.security != "none"

    @property
    def declared(self) -> tuple[Param, ...]:
        """Every parameter that may be sent over REST."""
        return (*self.params, *SIGNED) if self.signed else self.params

    def cost(self, sent: Mapping[str, str]) -> int:
        """The weight of a request with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(sent)


REQUIRED_SYMBOL = Param("symbol", matching(SYMBOL), required=True)
OPTIONAL_SYMBOL = Param("symbol", matching(SYMBOL))
SYMBOLS = Param("symbols", symbol_list)
SYMBOL_STATUS = Param("symbolStatus", word_of("TRADING", "HALT", "BREAK"))
LIMIT_1000 = Param("limit", up_to(1000))
SPAN = (Param("startTime", moment), Param("endTime", moment))
BY_ID = (Param("orderId", long), Param("origClientOrderId", matching(CLIENT_ID)))
NEW_ORDER = (
    REQUIRED_SYMBOL,
    Param("side", SIDE, required=True),
    Param("type", TYPE, required=True),
    Param("timeInForce", TIME_IN_FORCE),
    Param("quantity", decimal),
    Param("quoteOrderQty", decimal),
    Param("price", decimal),
    Param("newClientOrderId", matching(CLIENT_ID)),
    Param("strategyId", long),
    Param("strategyType", long),
    Param("stopPrice", decimal),
    Param("trailingDelta", long),
    Param("icebergQty", decimal),
    Param("newOrderRespType", word_of("ACK", "RESULT", "FULL")),
    Param(
        "selfTradePreventionMode",
        word_of("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"),
    ),
)


def by_symbol(one: int, several: int) -> Weight:
    """A weight that depends on whether one symbol is named."""
    return lambda sent: one if sent.get("symbol") else several


def trades_weight(sent: Mapping[str, str]) -> int:
    """A trade list weighs less when it names an order."""
    return 5 if sent.get("orderId") else 20


def test_order_weight(sent: Mapping[str, str]) -> int:
    """A test order weighs more when it is to compute commissions."""
    return 20 if sent.get("computeCommissionRates", "").lower() == "true" else 1


def depth_weight(sent: Mapping[str, str]) -> int:
    """A book weighs by how deep one looks."""
    limit = int(sent["limit"]) if sent.get("limit", "").isdigit() else 100
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)
