"""Every kind of incident there is: what somebody should look at is one of these.

The type checker holds each place that raises one to this list, and a test holds the
runbook of docs/operations.md to it, so that whoever is woken by an incident finds what
it means and what to do.
"""

from typing import Literal

Duty = Literal["heartbeat", "listen_key", "rotation", "permissions"]
"""What has to succeed again and again while an account is served; overdue, it is an incident of its name."""

Conflict = Literal["impossible_order", "contradicted_order", "contradicted_fill", "contradicted_cash"]
"""Two statements that cannot both be true (core/merge, core/orders); what was known first stands."""

Traded = Literal[
    "trade_stuck", "trade_surprise", "trade_unlisted", "trade_old", "trading_halted", "order_forgotten"
]
"""What the trader cannot decide by itself (core/lots, core/halting)."""

Kind = (
    Duty
    | Conflict
    | Traded
    | Literal[
        "blind",
        "protocol_changed",
        "stream_refused",
        "rest_closed",
        "comparison_failed",
        "discrepancy",
        "unknown_event",
        "price_lacking",
        "spilling",
        "spill_damaged",
        "unstorable",
        "settings_invalid",
    ]
)

ENDED_BY_A_PERSON: frozenset[Kind] = frozenset(
    {"spill_damaged", "unstorable", "trade_surprise", "trade_unlisted", "order_forgotten"}
)
"""These happened once, so nothing ever shows that they are over: to acknowledge one ends it."""
