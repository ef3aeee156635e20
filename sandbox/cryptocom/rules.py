"""What makes an order acceptable on Crypto.com before the engine sees it.

First the composition: what a type needs and must not carry. Then the steps of
the instrument, for which nothing is created (209, 213, 308). What is too small,
too large, too far away or too many is refused as well, but an order with an id
exists then, rejected: the live service does so, and a client has to notice.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.cryptocom.errors import Refusal, invalid
from sandbox.cryptocom.params import Param, amount, order_number, short_text, text, up_to, whole, word, words
from sandbox.market import Instrument
from sandbox.matching import crosses
from sandbox.venue import Venue
from sandbox.world import OrderRequest

BAD_QUANTITY = "Invalid quantity format"
BAD_PRICE = "Invalid price format"
INSTRUCTIONS = ("POST_ONLY", "SMART_POST_ONLY", "REDUCE_ONLY", "ISOLATED_MARGIN", "MARGIN_ORDER")
COMMON = (
    Param("instrument_name", text, required=True),
    Param("side", word(220, "BUY", "SELL"), required=True),
    Param("quantity", amount(213, BAD_QUANTITY)),
    Param("price", amount(308, BAD_PRICE)),
    Param("client_oid", short_text),
    Param("time_in_force", word(221, "GOOD_TILL_CANCEL", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL")),
    Param("exec_inst", words(219, *INSTRUCTIONS)),
    Param("fee_instrument_name", text),
    Param("spot_margin", word(40004, "SPOT", "MARGIN")),
    Param("stp_scope", word(40004, "M", "S", "D")),
    Param("stp_inst", word(40004, "M", "T", "B")),
    Param("stp_id", whole),
)
NEW_ORDER = (
    *COMMON,
    Param("type", word(218, "LIMIT", "MARKET"), required=True),
    Param("notional", amount(213, BAD_QUANTITY)),
)
NEW_TRIGGER = (
    *COMMON,
    Param("type", word(218, "STOP_LOSS", "STOP_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"), required=True),
    Param("ref_price", amount(229), required=True),
    Param("ref_price_type", word(40004, "MARK_PRICE", "INDEX_PRICE", "LAST_PRICE")),
)
AMENDMENT = (
    Param("order_id", order_number),
    Param("orig_client_oid", short_text),
    Param("client_oid", short_text),
    Param("new_price", amount(308, BAD_PRICE), required=True),
    Param("new_quantity", amount(213, BAD_QUANTITY), required=True),
)
LIMIT_100 = Param("limit", up_to(100))
TRIGGERS = {
    "STOP_LIMIT": "stop_loss_limit",
    "TAKE_PROFIT_LIMIT": "take_profit_limit",
    "STOP_LOSS": "market",
    "TAKE_PROFIT": "market",
}
AT_MARKET = ("MARKET", "STOP_LOSS", "TAKE_PROFIT")
RISING, FALLING = 1, 2
TIMES = {"GOOD_TILL_CANCEL": "gtc", "IMMEDIATE_OR_CANCEL": "ioc", "FILL_OR_KILL": "fok"}
FARTHEST = Decimal(5)
MOST_OPEN = 1000
ZERO = Decimal(0)
Args = Mapping[str, Any]


def instrument(venue: Venue, args: Args) -> Instrument:
    """The instrument that a call names; 209 when there is none."""
    try:
        return venue.market.instruments[args["instrument_name"]]
    except KeyError:
        raise Refusal(209) from None


def compose(venue: Venue, args: Args, client_oid: str) -> OrderRequest:
    """The order that checked parameters describe; refuses what cannot even be created."""
    one = instrument(venue, args)
    _check_composition(args)
    _check_instructions(one, args)
    fee_asset = _fee_asset(one, args)
    price, quantity = args.get("price", ZERO), args.get("quantity", ZERO)
    if price % one.tick or args.get("ref_price", ZERO) % one.tick:
        raise Refusal(308)
    if quantity % one.step:
        raise Refusal(213, BAD_QUANTITY)
    given = args.get("exec_inst", [])
    side = args["side"].lower()
    in_force = TIMES[args.get("time_in_force", "GOOD_TILL_CANCEL")]
    if given and price and crosses(venue.market, one.symbol, side, price):
        in_force = "post_only" if "POST_ONLY" in given else in_force
        price = _best(venue, one, side) if "SMART_POST_ONLY" in given else price
    extra = {"exec_inst": ",".join(given), "fee_asset": fee_asset}
    if "ref_price" in args:
        extra["ref_price_type"] = args.get("ref_price_type", "MARK_PRICE")
    return OrderRequest(
        symbol=one.symbol,
        side=side,
        type=TRIGGERS.get(args["type"], args["type"].lower()),
        time_in_force=in_force,
        price=price,
        stop_price=args.get("ref_price", ZERO),
        quantity=quantity,
        quote_quantity=args.get("notional", ZERO),
        client_order_id=client_oid,
        reduce_only="REDUCE_ONLY" in given,
        trigger_direction=_direction(args) if "ref_price" in args else 0,
        extra={name: value for name, value in extra.items() if value},
    )


def _direction(args: Args) -> int:
    """Losses are stopped on the far side of the price, profits taken on the near one."""
    return RISING if (args["side"] == "BUY") == args["type"].startswith("STOP") else FALLING


def _best(venue: Venue, one: Instrument, side: str) -> Decimal:
    return venue.market.bid(one.symbol) if side == "buy" else venue.market.ask(one.symbol)


def _check_composition(args: Args) -> None:
    kind = args["type"]
    if (kind in AT_MARKET) == ("price" in args):
        raise invalid("price")
    if "notional" in args and (kind != "MARKET" or args["side"] != "BUY" or "quantity" in args):
        raise invalid("notional")
    if "quantity" not in args and "notional" not in args:
        raise invalid("quantity")
    if "stp_scope" in args and "stp_inst" not in args:
        raise invalid("stp_inst")
    if args.get("stp_id", 0) > 32_767:
        raise invalid("stp_id")


def _check_instructions(one: Instrument, args: Args) -> None:
    given = args.get("exec_inst", [])
    posting = [word for word in given if word.endswith("POST_ONLY")]
    if len(posting) > 1 or (posting and args["type"] in AT_MARKET):
        raise Refusal(219)
    if posting and args.get("time_in_force", "GOOD_TILL_CANCEL") != "GOOD_TILL_CANCEL":
        raise Refusal(43005)
    if args.get("spot_margin") == "MARGIN" or {"ISOLATED_MARGIN", "MARGIN_ORDER"} & set(given):
        raise Refusal(130008)
    if "REDUCE_ONLY" in given and not one.settle:
        raise Refusal(1110)


def _fee_asset(one: Instrument, args: Args) -> str:
    """The asset that an order pays its fees in, where it says so; 215 for what is neither side of it."""
    asset: str = args.get("fee_instrument_name", "")
    received = one.settle or (one.base if args["side"] == "BUY" else one.quote)
    if asset not in ("", received, one.quote):
        raise Refusal(215)
    return asset


def shortcoming(venue: Venue, account: str, order: OrderRequest) -> int:
    """The code of the first limit that an order is beyond; 0 for a good one."""
    one, last = venue.market.instruments[order.symbol], venue.market.last[order.symbol]
    notional = order.quote_quantity or order.quantity * (order.price or last)
    checks: tuple[tuple[int, Callable[[], bool]], ...] = (
        (415, lambda: notional < one.min_notional),
        (314, lambda: notional > one.max_notional or order.quantity > one.max_quantity),
        (315, lambda: bool(order.price) and not last / FARTHEST <= order.price <= last * FARTHEST),
        (318, lambda: len(venue.open_of(account, order.symbol)) >= one.max_orders),
        (318, lambda: len(venue.open_of(account)) >= MOST_OPEN),
    )
    return next((code for code, fails in checks if fails()), 0)
