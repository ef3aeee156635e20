"""The private pushes of Bybit, key by key (v5/websocket/private, 2026-07-24).

A shape names every documented key, because a key that is not named is news: the
decoder refuses it, and `salvage` reads the push again and says which it was. Of
what we do not use the type does not matter, for a change there must not cost us
a fill. Keys of REST rows stand here too where the stream might begin to send
them, and keys that only older pushes had.

The all-in-one topics that we subscribe are delivered under their bare names; a
suffixed one goes the slow way.
"""

from typing import Any

import msgspec
from msgspec import field

from exchanges.bybit.rows import CoinRow, ExecutionRow, OrderRow, PositionRow


class PushedOrder(OrderRow, frozen=True, gc=False, forbid_unknown_fields=True):
    """Every key of an order."""

    parent_order_link_id: Any = None
    create_type: Any = None
    broker_order_price: Any = None
    leaves_qty: Any = None
    leaves_value: Any = None
    cum_exec_fee: Any = None
    cum_fee_detail: Any = None
    fee_currency: Any = None
    closed_pnl: Any = None
    position_idx: Any = None
    reduce_only: Any = None
    close_on_trigger: Any = None
    is_leverage: Any = None
    slippage_tolerance_type: Any = None
    slippage_tolerance: Any = None
    stop_order_type: Any = None
    oco_trigger_by: Any = None
    trigger_by: Any = None
    trigger_direction: Any = None
    take_profit: Any = None
    stop_loss: Any = None
    tpsl_mode: Any = None
    tp_limit_price: Any = None
    sl_limit_price: Any = None
    tp_trigger_by: Any = None
    sl_trigger_by: Any = None
    last_price_on_created: Any = None
    base_price: Any = None
    order_iv: Any = None
    place_type: Any = None
    block_trade_id: Any = None
    smp_type: Any = None
    smp_order_id: Any = None
    smp_group: Any = None
    extra_fees: Any = None
    rpi_taker_access: Any = None
    rpi_matched_qty: Any = None


class PushedExecution(ExecutionRow, frozen=True, gc=False, forbid_unknown_fields=True):
    """Every key of an execution."""

    exec_value: Any = None
    extra_fees: Any = None
    exec_fee_v2: Any = None
    leaves_qty: Any = None
    order_price: Any = None
    order_qty: Any = None
    order_type: Any = None
    stop_order_type: Any = None
    create_type: Any = None
    market_unit: Any = None
    closed_size: Any = None
    is_leverage: Any = None
    seq: Any = None
    mark_price: Any = None
    index_price: Any = None
    underlying_price: Any = None
    mark_iv: Any = None
    trade_iv: Any = None
    block_trade_id: Any = None


class PushedPosition(PositionRow, frozen=True, gc=False, forbid_unknown_fields=True):
    """Every key of a position."""

    session_avg_price: Any = None
    position_value: Any = None
    mark_price: Any = None
    break_even_price: Any = None
    position_im: Any = field(name="positionIM", default=None)
    position_mm: Any = field(name="positionMM", default=None)
    position_im_by_mp: Any = field(name="positionIMByMp", default=None)
    position_mm_by_mp: Any = field(name="positionMMByMp", default=None)
    cur_realised_pnl: Any = None
    cum_realised_pnl: Any = None
    take_profit: Any = None
    stop_loss: Any = None
    trailing_stop: Any = None
    delta: Any = None
    gamma: Any = None
    vega: Any = None
    theta: Any = None
    position_status: Any = None
    adl_rank_indicator: Any = None
    auto_add_margin: Any = None
    risk_id: Any = None
    risk_limit_value: Any = None
    is_reduce_only: Any = None
    mmr_sys_updated_time: Any = None
    mmr_sys_update_time: Any = None  # REST's own spelling
    leverage_sys_updated_time: Any = None
    created_time: Any = None
    open_time: Any = None
    seq: Any = None
    tpsl_mode: Any = None
    bust_price: Any = None
    position_balance: Any = None
    trade_mode: Any = None


class PushedCoin(CoinRow, frozen=True, gc=False, forbid_unknown_fields=True):
    """Every key of a coin."""

    equity: Any = None
    usd_value: Any = None
    spot_hedging_qty: Any = None
    borrow_amount: Any = None
    accrued_interest: Any = None
    total_order_im: Any = field(name="totalOrderIM", default=None)
    total_position_im: Any = field(name="totalPositionIM", default=None)
    total_position_mm: Any = field(name="totalPositionMM", default=None)
    unrealised_pnl: Any = None
    cum_realised_pnl: Any = None
    bonus: Any = None
    spot_borrow: Any = None
    collateral_switch: Any = None
    margin_collateral: Any = None
    col_res: Any = None
    free: Any = None
    available_to_borrow: Any = None
    available_to_withdraw: Any = None


class Wallet(msgspec.Struct, frozen=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """The account, with the coins that changed."""

    coin: list[PushedCoin]
    account_type: str | None = None
    account_im_rate: Any = field(name="accountIMRate", default=None)
    account_mm_rate: Any = field(name="accountMMRate", default=None)
    account_im_rate_by_mp: Any = field(name="accountIMRateByMp", default=None)
    account_mm_rate_by_mp: Any = field(name="accountMMRateByMp", default=None)
    total_equity: Any = None
    total_wallet_balance: Any = None
    total_margin_balance: Any = None
    total_available_balance: Any = None
    total_perp_upl: Any = field(name="totalPerpUPL", default=None)
    total_initial_margin: Any = None
    total_maintenance_margin: Any = None
    total_initial_margin_by_mp: Any = None
    total_maintenance_margin_by_mp: Any = None
    account_ltv: Any = field(name="accountLTV", default=None)


class OrderPush(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="topic", tag="order"
):
    """Orders that changed."""

    data: list[PushedOrder]
    id: Any = None
    at: int | None = field(name="creationTime", default=None)


class ExecutionPush(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="topic", tag="execution"
):
    """Executions; several of one order may come together."""

    data: list[PushedExecution]
    id: Any = None
    at: int | None = field(name="creationTime", default=None)


class PositionPush(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="topic", tag="position"
):
    """Positions, whether they changed or not."""

    data: list[PushedPosition]
    id: Any = None
    at: int | None = field(name="creationTime", default=None)


class WalletPush(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="topic", tag="wallet"
):
    """Balances."""

    data: list[Wallet]
    id: Any = None
    at: int | None = field(name="creationTime", default=None)


Push = OrderPush | ExecutionPush | PositionPush | WalletPush
PUSH: msgspec.json.Decoder[Push] = msgspec.json.Decoder(Push)  # type: ignore[arg-type]
ENVELOPE = frozenset({"topic", "id", "creationTime", "data"})
