"""What an order meets on the book right now: pure questions to the market.

Nothing here changes anything; the venue asks before it accepts an order and
again when it matches one.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from sandbox.market import UNIT, Level, Market, floor_to
from sandbox.world import Order, OrderRequest


def down(value: Decimal) -> Decimal:
    """`value` cut to the smallest unit."""
    return value.quantize(UNIT, ROUND_DOWN)


def up(value: Decimal) -> Decimal:
    """`value` rounded up to the smallest unit."""
    return value.quantize(UNIT, ROUND_UP)


def opposite(side: str) -> str:
    """Whom `side` trades with."""
    return "sell" if side == "buy" else "buy"


def crosses(market: Market, symbol: str, side: str, price: Decimal) -> bool:
    """True when an order at `price` would trade at once."""
    if side == "buy":
        return price >= market.ask(symbol)
    return price <= market.bid(symbol)


def stop_reached(market: Market, one: Order | OrderRequest) -> bool:
    """True when the last price meets the stop price, from the side that the order says.

    An order that names no direction has it in its type: losses run away, profits come near.
    """
    last = market.last[one.symbol]
    rising = one.trigger_direction == 1
    if not one.trigger_direction:
        rising = (one.side == "buy") == one.type.startswith("stop_loss")
    return last >= one.stop_price if rising else last <= one.stop_price


def within(market: Market, order: Order) -> list[Level]:
    """The levels that an order may take, best first."""
    levels = market.levels(order.symbol, opposite(order.side))
    if order.type == "market":
        return levels
    if order.side == "buy":
        return [level for level in levels if level.price <= order.price]
    return [level for level in levels if level.price >= order.price]


def cost(market: Market, symbol: str, quantity: Decimal) -> Decimal:
    """What buying `quantity` at the market costs, as far as the book reaches."""
    total = Decimal(0)
    for level in market.levels(symbol, "sell"):
        taken = min(quantity, level.quantity)
        total += down(taken * level.price)
        quantity -= taken
    return total


def bought_with(market: Market, request: Order | OrderRequest) -> Decimal:
    """The quantity that a quote amount buys or sells off the book right now."""
    step = market.instruments[request.symbol].step
    left, quantity = request.quote_quantity, Decimal(0)
    levels = market.levels(request.symbol, opposite(request.side))
    for level in levels:
        taken = min(level.quantity, floor_to(left / level.price, step))
        quantity += taken
        left -= taken * level.price
        if taken < level.quantity:
            return quantity
    return quantity + floor_to(left / levels[-1].price, step)


def need(market: Market, request: Order | OrderRequest) -> Decimal:
    """What has to be free before the order is accepted: base for a sell, quote for a buy."""
    if request.side == "sell":
        return bought_with(market, request) if request.quote_quantity else request.quantity
    if request.type != "market":
        return up(request.price * request.quantity)
    return request.quote_quantity or cost(market, request.symbol, request.quantity)
