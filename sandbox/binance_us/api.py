"""What can be asked of Binance.US: .com's calls, fewer, lighter, and with less in their answers.

Weights are those of the older text where the upgrade of 2026-08-31 did not name
others. What the US documents do not know is not there: parameters are refused
and calls are not found.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.binance.api import Api
from sandbox.binance.calls import OPTIONAL_SYMBOL, Call, Endpoint, Weight, by_symbol
from sandbox.binance.params import SIGNED, Param, matching
from sandbox.binance_us.listen_keys import ListenKeys
from sandbox.faults import Board
from sandbox.limits import Limits
from sandbox.venue import Venue

KEY_PATH = "/api/v3/userDataStream"
FEE_PATH = "/sapi/v1/asset/query/trading-fee"
LISTEN_KEY = Param("listenKey", matching(r"^[A-Za-z0-9]{1,128}$"), required=True)
UNKNOWN_PARAMS = frozenset({"omitZeroBalances", "symbolStatus", "strategyId", "strategyType"})
UNKNOWN_CALLS = (
    ("GET", "/api/v3/myAllocations"),
    ("GET", "/api/v3/account/commission"),
    ("GET", "/api/v3/order/amendments"),
    ("GET", "/sapi/v1/account/apiRestrictions"),
)
STAMPS = (Param("recvWindow", matching(r"^[0-9]{1,5}$")), *SIGNED[1:])

WEIGHTS: Mapping[tuple[str, str], Weight] = {
    ("GET", "/api/v3/exchangeInfo"): 10,
    ("GET", "/api/v3/ticker/price"): by_symbol(1, 2),
    ("GET", "/api/v3/ticker/bookTicker"): by_symbol(1, 2),
    ("GET", "/api/v3/avgPrice"): 1,
    ("GET", "/api/v3/account"): 10,
    ("GET", "/api/v3/openOrders"): by_symbol(3, 40),
    ("GET", "/api/v3/order"): 2,
    ("GET", "/api/v3/allOrders"): 10,
    ("GET", "/api/v3/myPreventedMatches"): lambda sent: 1 if sent.get("preventedMatchId") else 10,
    ("GET", "/api/v3/rateLimit/order"): 20,
    ("POST", "/api/v3/order/test"): 1,
}
MISSING: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/api/v3/account"): ("uid", "preventSor"),
    ("POST", "/api/v3/order"): ("origQuoteOrderQty",),
    ("DELETE", "/api/v3/order"): ("transactTime", "origQuoteOrderQty"),
    ("DELETE", "/api/v3/openOrders"): ("transactTime", "origQuoteOrderQty"),
}


class UsEndpoint(Endpoint, frozen=True, kw_only=True):
    """A call of Binance.US; `user_stream` is secured by the key in the header alone."""

    @property
    def signed(self) -> bool:
        """True when the request needs a key, a timestamp and a signature."""
        return self.security not in ("none", "user_stream")

    @property
    def declared(self) -> tuple[Param, ...]:
        """Every parameter that may be sent over REST."""
        return (*self.params, *STAMPS) if self.signed else self.params


class UsApi(Api):
    """The calls of one venue."""

    def __init__(self, venue: Venue, limits: Limits, board: Board) -> None:
        self.listen_keys = ListenKeys()
        super().__init__(venue, limits, board)

    def _rest_table(self, *parts: Any) -> dict[tuple[str, str], Endpoint]:
        table = super()._rest_table(*parts) | {
            ("GET", FEE_PATH): Endpoint(
                security="user_data", weight=1, params=(OPTIONAL_SYMBOL,), run=self.fees.by_symbol
            )
        }
        return {name: _us(name, one) for name, one in table.items() if name not in UNKNOWN_CALLS} | {
            ("POST", KEY_PATH): self._key_call(self._open),
            ("PUT", KEY_PATH): self._key_call(self._renew, LISTEN_KEY),
            ("DELETE", KEY_PATH): self._key_call(self._close, LISTEN_KEY),
        }

    def _key_call(self, run: Callable[[Call], Any], *params: Param) -> Endpoint:
        return UsEndpoint(security="user_stream", weight=1, params=params, run=run)

    def _open(self, call: Call) -> Any:
        return {"listenKey": self.listen_keys.open(call.account)}

    def _renew(self, call: Call) -> Any:
        self.listen_keys.renew(call.account, call.args["listenKey"])
        return {}

    def _close(self, call: Call) -> Any:
        self.listen_keys.close(call.account, call.args["listenKey"])
        return {}


def _us(name: tuple[str, str], one: Endpoint) -> Endpoint:
    """The same call as Binance.US has it."""

    def run(call: Call) -> Any:
        if name == ("DELETE", "/api/v3/order") and "orderId" in call.args:
            call.args.pop("origClientOrderId", None)  # the number wins, and nobody compares
        return _answer(name, one.run(call))

    return UsEndpoint(
        security=one.security,
        weight=WEIGHTS.get(name, one.weight),
        params=tuple(param for param in one.params if param.name not in UNKNOWN_PARAMS),
        run=run,
    )


def _answer(name: tuple[str, str], result: Any) -> Any:
    """An answer without what Binance.US leaves out."""
    if isinstance(result, list):
        return [_answer(name, row) for row in result]
    if not isinstance(result, dict):
        return result
    row = {key: value for key, value in result.items() if key not in MISSING.get(name, ())}
    return row | {"tradeGroupId": -1} if name == ("GET", "/api/v3/account") else row
