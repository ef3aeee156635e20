"""What makes an order acceptable on Bybit before the engine sees it.

First the composition: which parameters go together (10001). Then the filters of
the instrument, worded by product: spot has codes of its own, a contract's
quantity off the step is a wrong parameter. A price far on the aggressive side is
refused on spot and moved to the edge of the band on contracts. The engine's own
refusals are worded last.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

import msgspec

from sandbox.bybit import errors
from sandbox.bybit.errors import Refusal, bad_params, not_offered
from sandbox.market import Instrument, Market
from sandbox.venue import InsufficientBalance, NothingToClose, Refused, Venue, WouldTrigger, WrongLeg
from sandbox.world import OrderRequest

NOT_OFFERED = (
    "takeProfit", "stopLoss", "tpTriggerBy", "slTriggerBy", "tpslMode", "tpLimitPrice", "slLimitPrice",
    "tpOrderType", "slOrderType", "slippageToleranceType", "slippageTolerance", "orderIv", "mmp",
    "rpiTakerAccess",
)  # fmt: skip
SPOT_ONLY = ("isLeverage", "marketUnit", "orderFilter")
CONTRACT_ONLY = ("positionIdx", "reduceOnly", "closeOnTrigger", "triggerDirection")
TIME_IN_FORCE = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PostOnly": "post_only"}
BAND = {"spot": Decimal("0.01"), "linear": Decimal("0.02"), "inverse": Decimal("0.02")}
ZERO = Decimal(0)


def compose(market: Market, one: Instrument, args: Mapping[str, Any]) -> OrderRequest:
    """The order that checked parameters describe; refuses impossible compositions."""
    _refuse_unwanted(one, args)
    at_market = args["orderType"] == "Market"
    if not at_market and "price" not in args:
        raise bad_params("price is missing")
    direction = _direction(market, one, args)
    by_amount = one.category == "spot" and at_market and _unit(args) == "quoteCoin"
    extra = {"last": f"{market.last[one.symbol]:f}"}
    for name, key in (("orderFilter", "filter"), ("triggerBy", "trigger_by")):
        if name in args:
            extra[key] = args[name]
    if one.category == "spot" and at_market:
        extra["unit"] = _unit(args)
    return OrderRequest(
        symbol=one.symbol,
        side=args["side"].lower(),
        type=args["orderType"].lower(),
        time_in_force="ioc" if at_market else TIME_IN_FORCE[args.get("timeInForce", "GTC")],
        price=ZERO if at_market else args["price"],
        stop_price=args.get("triggerPrice", ZERO),
        quantity=ZERO if by_amount else args["qty"],
        quote_quantity=args["qty"] if by_amount else ZERO,
        client_order_id=args.get("orderLinkId", ""),
        position_index=args.get("positionIdx", 0),
        reduce_only=args.get("reduceOnly", False) or args.get("closeOnTrigger", False),
        trigger_direction=direction,
        extra=extra,
    )


def _refuse_unwanted(one: Instrument, args: Mapping[str, Any]) -> None:
    for name in NOT_OFFERED:
        if name in args:
            raise not_offered(name)
    for name in CONTRACT_ONLY if one.category == "spot" else SPOT_ONLY:
        if args.get(name) not in (None, 0, False):
            raise bad_params(f"{name} does not apply to {one.category}")
    if args.get("timeInForce") == "RPI":
        raise not_offered("RPI")
    if args.get("isLeverage", 0) != 0:
        raise not_offered("margin trading")
    if args.get("smpType", "None") != "None":
        raise not_offered("smpType")
    if args.get("positionIdx", 0) not in (0, 1, 2) or args.get("triggerDirection", 0) not in (0, 1, 2):
        raise bad_params("positionIdx or triggerDirection invalid")


def _unit(args: Mapping[str, Any]) -> str:
    """A purchase at the market is over an amount of quote unless it says otherwise."""
    return str(args.get("marketUnit", "quoteCoin" if args["side"] == "Buy" else "baseCoin"))


def _direction(market: Market, one: Instrument, args: Mapping[str, Any]) -> int:
    """1 for a trigger above, 2 for one below; a pair's follows from the last price."""
    stop = args.get("triggerPrice", ZERO)
    if one.category == "spot":
        if bool(stop) != (args.get("orderFilter", "Order") != "Order"):
            raise bad_params("triggerPrice and orderFilter do not go together")
        return 0 if not stop else 1 if stop > market.last[one.symbol] else 2
    direction = int(args.get("triggerDirection", 0))
    if stop and not direction:
        raise bad_params("triggerDirection is missing")
    return direction if stop else 0


def pass_filters(venue: Venue, account: str, one: Instrument, order: OrderRequest) -> OrderRequest:
    """The order as the exchange takes it; refuses what fails a filter."""
    (_spot_filters if one.category == "spot" else _contract_filters)(venue.market, one, order)
    _check_count(venue, account, one, order)
    return _within_band(venue.market, one, order)


def _spot_filters(market: Market, one: Instrument, order: OrderRequest) -> None:
    for price in (order.price, order.stop_price):
        if price % one.tick:
            raise Refusal(170134, "Order price has too many decimals.")
    if order.quote_quantity % Decimal("0.0000001") or order.quantity % one.step:
        raise Refusal(170137, "Order quantity has too many decimals.")
    at_market = order.type == "market"
    most = one.max_market_quantity if at_market else one.max_quantity
    if order.quantity > most * (5 if order.time_in_force == "post_only" else 1):
        raise Refusal(170136, "Order quantity exceeded the limit.")
    amount = order.quote_quantity or order.quantity * (order.price or market.last[one.symbol])
    if amount < one.min_notional:
        raise Refusal(170140, "Order value exceeded lower limit.")


def _contract_filters(market: Market, one: Instrument, order: OrderRequest) -> None:
    for price in (order.price, order.stop_price):
        if price and (price % one.tick or not one.min_price <= price <= one.max_price):
            raise Refusal(110003, "Order price exceeds the allowable range.")
    if order.quantity % one.step or order.quantity < one.min_quantity:
        raise Refusal(10001, "The number of contracts exceeds minimum limit allowed or is off its step")
    if order.quantity > (one.max_market_quantity if order.type == "market" else one.max_quantity):
        raise Refusal(10001, "The number of contracts exceeds maximum limit allowed")
    notional = order.quantity * (order.price or market.last[one.symbol])
    if not one.inverse and notional < one.min_notional and not order.reduce_only:
        raise Refusal(110094, f"Order does not meet minimum order value {one.min_notional}{one.quote}")


def _check_count(venue: Venue, account: str, one: Instrument, order: OrderRequest) -> None:
    rows = [row for row in venue.open_of(account) if row.category == one.category]
    mine = [row for row in rows if row.symbol == one.symbol]
    waiting = sum(row.status == "untriggered" for row in mine)
    if one.category == "spot":
        if len(rows) >= one.max_orders or (order.stop_price and waiting >= one.max_stop_orders):
            raise Refusal(170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders.")
    elif order.stop_price and waiting >= one.max_stop_orders:
        raise Refusal(110009, "The number of stop orders exceeds the maximum allowable limit")
    elif not order.stop_price and len(mine) - waiting >= one.max_orders:
        raise Refusal(110020, "Not allowed to have more than 500 active orders")


def _within_band(market: Market, one: Instrument, order: OrderRequest) -> OrderRequest:
    """Only prices on the aggressive side are limited; a contract's is moved to the edge."""
    if not order.price or order.stop_price:
        return order
    buys, last = order.side == "buy", market.last[one.symbol]
    exact = last * (1 + BAND[one.category] if buys else 1 - BAND[one.category])
    edge = (exact / one.tick).to_integral_value(ROUND_DOWN if buys else ROUND_UP) * one.tick
    if (order.price <= edge) if buys else (order.price >= edge):
        return order
    if one.category != "spot":
        return msgspec.structs.replace(order, price=edge)
    if buys:
        raise Refusal(170193, f"Buy order price cannot be higher than {edge:f}{one.quote}.")
    raise Refusal(170194, f"Sell order price cannot be lower than {edge:f}{one.quote}.")


def worded(refused: Refused, category: str) -> Refusal:
    """The engine's refusal in Bybit's words."""
    match refused:
        case InsufficientBalance():
            return errors.no_funds(category)
        case NothingToClose():
            return errors.nothing_to_reduce()
        case WrongLeg():
            return errors.wrong_leg()
        case WouldTrigger():
            return Refusal(110092, "expect Rising or Falling, but the trigger price is already reached")
        case _:
            return bad_params(str(refused))
