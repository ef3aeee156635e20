"""The REST calls that vigil makes of Crypto.com, with their pace (Exchange API v1, 2026-05-21).

Limits are by method and key: one a second for trades and the history of orders,
30 in 100 ms for one order, 15 for placing and for cancelling, 3 for all others. They become a pace, the
least time between two calls of a method, which leaves room for delays on the way.
There are no weights; each call counts as one against a ceiling of our own.

All private methods are POSTs; those that only read are GET in a Call. Windows
are in nanoseconds, the beginning included and the end not, and without an end
they reach to now. All numbers are strings.
"""

from typing import Any

import msgspec

from core.wire import Call

PAGE = 100  # rows at most, of those before the end of the window
ROOT = "/exchange/v1/"

SECOND, TENTH, FIFTEENTH, THIRTIETH = 1.1, 0.04, 0.01, 0.005


def _private(method: str, pace: float, *params: tuple[str, str]) -> Call:
    return Call("GET", f"{ROOT}private/{method}", params, auth="signed", pace=pace)


TICKERS = Call("GET", f"{ROOT}public/get-tickers")  # of every instrument: some hundred kilobytes
TICKER = Call("GET", f"{ROOT}public/get-tickers", (("instrument_name", "BTC_USD"),))
OPEN_ORDERS = _private("get-open-orders", TENTH)
ADVANCED_OPEN_ORDERS = _private("advanced/get-open-orders", TENTH)
WALLET = _private("user-balance", TENTH)
POSITIONS = _private("get-positions", TENTH)


def order(order_id: str) -> Call:
    """One order by the exchange's id."""
    return _private("get-order-detail", THIRTIETH, ("order_id", order_id))


def order_of_client(client_order_id: str) -> Call:
    """One order by our own id."""
    return _private("get-order-detail", THIRTIETH, ("client_oid", client_order_id))


def advanced_order(order_id: str) -> Call:
    """One trigger or list order by the exchange's id."""
    return _private("advanced/get-order-detail", TENTH, ("order_id", order_id))


def latest_orders(instrument: str) -> Call:
    """The orders of an instrument that ended in the last day, as far as a page goes."""
    return _private("get-order-history", SECOND, ("instrument_name", instrument), _LIMIT)


def orders(start: int, end: int | None) -> Call:
    """Orders that ended, in a window."""
    return _private("get-order-history", SECOND, *_window(start, end))


def advanced_orders(start: int, end: int | None) -> Call:
    """Trigger and list orders that ended, in a window."""
    return _private("advanced/get-order-history", TENTH, *_window(start, end))


def trades(start: int, end: int | None) -> Call:
    """Fills of all instruments, in a window."""
    return _private("get-trades", SECOND, *_window(start, end))


def trades_in(instrument: str, start: int, end: int | None) -> Call:
    """Fills of one instrument, in a window."""
    return _private("get-trades", SECOND, ("instrument_name", instrument), *_window(start, end))


def journal(start: int, end: int | None) -> Call:
    """What moved the account's money, in a window."""
    return _private("get-transactions", TENTH, *_window(start, end))


# ------------------------------------------------------------------- trading


def place(**params: Any) -> Call:
    """One order; what it is told to be stands in a list, so its parameters are a body."""
    return _write("create-order", msgspec.json.encode(params))


def cancel(order_id: str) -> Call:
    """End an order by the exchange's id."""
    return _write("cancel-order", msgspec.json.encode({"order_id": order_id}))


def cancel_of_client(client_order_id: str) -> Call:
    """End an order by our own id."""
    return _write("cancel-order", msgspec.json.encode({"client_oid": client_order_id}))


def instrument_fee_rate(instrument: str) -> Call:
    """What the account pays for trades in an instrument."""
    return _private("get-instrument-fee-rate", TENTH, ("instrument_name", instrument))


INSTRUMENTS = Call("GET", f"{ROOT}public/get-instruments")
RISK_PARAMETERS = Call("GET", f"{ROOT}public/get-risk-parameters")


def ticker(instrument: str) -> Call:
    """Last and best prices."""
    return Call("GET", TICKERS.path, (("instrument_name", instrument),))


def _write(method: str, body: bytes) -> Call:
    return Call("POST", f"{ROOT}private/{method}", auth="signed", body=body, pace=FIFTEENTH)


_LIMIT = ("limit", str(PAGE))


def _window(start: int, end: int | None) -> tuple[tuple[str, str], ...]:
    until = () if end is None else (("end_time", str(end)),)
    return ("start_time", str(start)), *until, _LIMIT
