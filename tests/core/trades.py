"""Instruments, fills and orders for the tests of the trading rules."""

from decimal import Decimal as D
from typing import Any

from core.facts import Fill, OrderState
from core.instruments import Instrument
from core.intents import Placement
from core.profit import Terms

AT = 1_790_000_000_000  # 2026-09-21
PAIR = ("SOL", "USDT")


def instrument(**changes: Any) -> Instrument:
    return Instrument(
        **{
            "exchange": "binance",
            "category": "spot",
            "symbol": "SOLUSDT",
            "base": "SOL",
            "quote": "USDT",
            "tick": D("0.01"),
            "step": D("0.01"),
            "min_quantity": D("0.01"),
            "max_quantity": D(1000),
            "min_notional": D(5),
            "max_notional": D(100_000),
            **changes,
        }
    )


def terms(**changes: Any) -> Terms:
    return Terms(
        **{
            "instrument": instrument(),
            "min_profit": D("0.003"),
            "maker": D("0.001"),
            "taker": D("0.001"),
            "fee_asset": "USDT",
            "bid": D("99.99"),
            **changes,
        }
    )


def buy(trade: str = "1", **changes: Any) -> Fill:
    """1.5 SOL for 150 USDT, less a fee of 0.0015 SOL."""
    return Fill(
        **{
            "category": "spot",
            "symbol": "SOLUSDT",
            "order_id": "b1",
            "trade_id": trade,
            "side": "buy",
            "price": D(100),
            "quantity": D("1.5"),
            "traded_at": AT,
            "fee": D("0.0015"),
            "fee_asset": "SOL",
            "liquidity": "maker",
            **changes,
        }
    )


def sold(placement: Placement, quantity: Any, trade: str = "s1", **changes: Any) -> Fill:
    """A fill of a SELL, charged 0.1 % in the quote asset."""
    amount = D(quantity)
    assert placement.price is not None
    return Fill(
        **{
            "category": placement.category,
            "symbol": placement.symbol,
            "order_id": "o-" + placement.client_order_id,
            "trade_id": trade,
            "client_order_id": placement.client_order_id,
            "side": "sell",
            "price": placement.price,
            "quantity": amount,
            "traded_at": AT + 1000,
            "fee": placement.price * amount * D("0.001"),
            "fee_asset": "USDT",
            "liquidity": "maker",
            **changes,
        }
    )


def order(placement: Placement, status: Any, filled: Any = "0", **changes: Any) -> OrderState:
    """What the exchange says of a SELL."""
    return OrderState(
        **{
            "category": placement.category,
            "symbol": placement.symbol,
            "order_id": "o-" + placement.client_order_id,
            "status": status,
            "client_order_id": placement.client_order_id,
            "side": "sell",
            "price": placement.price,
            "quantity": placement.quantity,
            "filled": None if filled is None else D(filled),
            **changes,
        }
    )
