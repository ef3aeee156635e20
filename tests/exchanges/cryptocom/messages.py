"""Crypto.com's rows and messages as its documentation and recordings show them, to be varied."""

import json
from pathlib import Path
from typing import Any

import msgspec

NOW = 1_790_000_000_000
MS = 1_000_000  # nanoseconds
REPLIES = Path(__file__).parent / "replies"
LARGE = "6142909895884702096"  # an id that no float can hold


def order(order_id: Any = LARGE, **values: Any) -> dict[str, Any]:
    """A limit order on the book, as it was recorded."""
    return {
        "account_id": "00000000-0000-4000-8000-000000000001",
        "order_id": order_id,
        "client_oid": f"mine-{order_id}",
        "order_type": "LIMIT",
        "time_in_force": "GOOD_TILL_CANCEL",
        "side": "BUY",
        "exec_inst": [],
        "quantity": "0.100",
        "limit_price": "50.000",
        "order_value": "5",
        "maker_fee_rate": "0",
        "taker_fee_rate": "0",
        "avg_price": "0",
        "ref_price": "0",
        "cumulative_quantity": "0",
        "cumulative_value": "0",
        "cumulative_fee": "0",
        "status": "ACTIVE",
        "update_user_id": "00000000-0000-4000-8000-000000000001",
        "order_date": "2026-09-21",
        "instrument_name": "LTC_USDT",
        "fee_instrument_name": "LTC",
        "create_time": NOW - 5_000,
        "create_time_ns": str((NOW - 5_000) * MS + 766_947),
        "update_time": NOW - 4_000,
        **values,
    }


def trade(trade_id: Any = "6142909898830588280", order_id: Any = LARGE, **values: Any) -> dict[str, Any]:
    """A fill, as it was recorded; `at` sets its times (ns)."""
    at = values.pop("at", (NOW - 3_000) * MS + 781_436)
    return {
        "account_id": "00000000-0000-4000-8000-000000000001",
        "event_date": "2026-09-21",
        "journal_type": "TRADING",
        "side": "BUY",
        "instrument_name": "LTC_USDT",
        "fees": "-0.00004",
        "trade_id": trade_id,
        "trade_match_id": "4611686018430172830",
        "create_time": at // MS,
        "traded_price": "50.000",
        "traded_quantity": "0.040",
        "fee_instrument_name": "LTC",
        "client_oid": f"mine-{order_id}",
        "taker_side": "TAKER",
        "order_id": order_id,
        "create_time_ns": str(at),
        **values,
    }


def movement(journal_id: Any = "187078", kind: str = "ONCHAIN_DEPOSIT", **values: Any) -> dict[str, Any]:
    """A row of the account's money; `at` sets its times (ns)."""
    at = values.pop("at", (NOW - 3_000) * MS + 1)
    return {
        "account_id": "00000000-0000-4000-8000-000000000001",
        "event_date": "2026-09-21",
        "journal_type": kind,
        "journal_id": journal_id,
        "transaction_qty": "100.5",
        "transaction_cost": "0",
        "realized_pnl": "0",
        "event_timestamp_ms": at // MS,
        "event_timestamp_ns": str(at),
        "client_oid": "",
        "taker_side": "",
        "instrument_name": "USDT",
        **values,
    }


def asset(name: str, quantity: str, **values: Any) -> dict[str, Any]:
    """One asset of which nothing is bound."""
    return {
        "instrument_name": name,
        "quantity": quantity,
        "market_value": "1",
        "collateral_eligible": True,
        "haircut": "0",
        "collateral_amount": "1",
        "max_withdrawal_balance": quantity,
        "reserved_qty": "0",
        "hourly_interest_rate": "0",
        **values,
    }


def wallet(*assets: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The account without positions or debts."""
    return {
        "instrument_name": "USD",
        "total_available_balance": "1",
        "total_position_im": "0",
        "total_maintenance_margin": "0",
        "is_liquidating": False,
        "position_balances": list(assets),
        **values,
    }


def position(quantity: str = "1.8", **values: Any) -> dict[str, Any]:
    """One net position, as it was recorded."""
    return {
        "account_id": "00000000-0000-4000-8000-000000000001",
        "instrument_name": "LTCUSD-PERP",
        "type": "PERPETUAL_SWAP",
        "quantity": quantity,
        "cost": "114.766",
        "open_position_pnl": "-0.0216206",
        "session_pnl": "0.00962994",
        "update_timestamp_ms": NOW - 2_000,
        "open_pos_cost": "114.766",
        **values,
    }


def push(channel: str, *rows: Any, **values: Any) -> dict[str, Any]:
    """What a channel says, unasked."""
    result = {"subscription": channel, "channel": channel, "data": list(rows), **values}
    return {"id": -1, "method": "subscribe", "code": 0, "result": result}


def recorded(name: str) -> dict[str, Any]:
    """A reply as it was recorded or documented."""
    found: dict[str, Any] = json.loads((REPLIES / f"{name}.json").read_text())
    return found


def row(shape: type[msgspec.Struct], values: dict[str, Any]) -> Any:
    """A row as the decoders read it."""
    return msgspec.json.decode(json.dumps(values), type=shape, strict=False)
