"""The private events of Binance and Binance.US, key by key (user-data-stream.md, 2026-07-21).

A shape names every documented key, because a key that is not named is news: the
decoders refuse it, and `salvage` reads the event again and says which it was.
Keys that differ only in case are different keys. What we use is typed; what we
do not use may be anything, for a changed type there must not cost us a fill. No
key but those without which nothing could be said is required.

An event comes in one of three frames, each with a decoder: wrapped by the WS
API ({"subscriptionId":0,"event":{…}}), raw on a listen key, or combined
({"stream":"…","data":{…}}).
"""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import field

Counter = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ExecutionReport(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="e",
    tag="executionReport",
):
    """Any change of an order; with `execution` TRADE it is a fill too.

    The keys stand in the order in which they come: the decoder looks for the next
    one first, which makes it a third faster.
    """

    event_time: int | None = field(name="E", default=None)
    symbol: str = field(name="s")
    client_id: str | None = field(name="c", default=None)  # of this message: on a cancel that of the cancel
    side: str | None = field(name="S", default=None)
    type: str | None = field(name="o", default=None)
    time_in_force: str | None = field(name="f", default=None)
    quantity: Decimal | None = field(name="q", default=None)
    price: Decimal | None = field(name="p", default=None)
    stop_price: Decimal | None = field(name="P", default=None)
    d: Any = None
    F: Any = None
    g: Any = None
    original_client_id: str | None = field(name="C", default=None)  # "" unless cancelled or amended
    execution: str = field(name="x")
    status: str = field(name="X")
    reject: str | None = field(name="r", default=None)
    order_id: int = field(name="i")
    last_quantity: Decimal | None = field(name="l", default=None)
    filled: Decimal | None = field(name="z", default=None)
    last_price: Decimal | None = field(name="L", default=None)
    fee: Decimal | None = field(name="n", default=None)
    fee_asset: str | None = field(name="N", default=None)
    at: int | None = field(name="T", default=None)
    trade_id: int | None = field(name="t", default=None)
    v: Any = None
    version: Counter | None = field(name="I", default=None)  # execution id
    working: bool | None = field(name="w", default=None)
    maker: bool | None = field(name="m", default=None)
    M: Any = None
    created_at: int | None = field(name="O", default=None)
    quote_filled: Decimal | None = field(name="Z", default=None)
    Y: Any = None
    Q: Any = None
    D: Any = None
    W: Any = None
    j: Any = None
    J: Any = None
    V: Any = None
    A: Any = None
    B: Any = None
    u: Any = None
    U: Any = None
    Cs: Any = None
    pl: Any = None
    pL: Any = None  # noqa: N815
    pY: Any = None  # noqa: N815
    b: Any = None  # match type, beside `a`
    allocation_id: int | None = field(name="a", default=None)
    k: Any = None
    uS: Any = None  # noqa: N815
    gP: Any = None  # noqa: N815
    gOT: Any = None  # noqa: N815
    gOV: Any = None  # noqa: N815
    gp: Any = None
    expiry: str | None = field(name="eR", default=None)


class AssetBalance(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One absolute balance."""

    asset: str = field(name="a")
    free: Decimal = field(name="f")
    locked: Decimal = field(name="l")


class AccountPosition(
    msgspec.Struct,
    frozen=True,
    gc=False,
    forbid_unknown_fields=True,
    tag_field="e",
    tag="outboundAccountPosition",
):
    """Assets that may have changed; the others are as they were."""

    balances: list[AssetBalance] = field(name="B")
    event_time: int | None = field(name="E", default=None)
    at: int | None = field(name="u", default=None)


class BalanceUpdate(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="e", tag="balanceUpdate"
):
    """Money came or went without a trade: a signed delta."""

    asset: str = field(name="a")
    delta: Decimal = field(name="d")
    at: int = field(name="T")
    event_time: int | None = field(name="E", default=None)


class ExternalLock(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="e", tag="externalLockUpdate"
):
    """Another system locked or freed a part of a balance: a signed delta of the lock."""

    asset: str = field(name="a")
    delta: Decimal = field(name="d")
    at: int = field(name="T")
    event_time: int | None = field(name="E", default=None)


class ListStatus(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="e", tag="listStatus"
):
    """An order list moved; what its orders did comes in their own reports."""

    s: Any = None
    g: Any = None
    c: Any = None
    status_type: Any = field(name="l", default=None)
    L: Any = None
    r: Any = None
    C: Any = None
    T: Any = None
    E: Any = None
    orders: Any = field(name="O", default=None)


UserEvent = ExecutionReport | AccountPosition | BalanceUpdate | ExternalLock | ListStatus
SHAPES: dict[str, type[UserEvent]] = {
    "executionReport": ExecutionReport,
    "outboundAccountPosition": AccountPosition,
    "balanceUpdate": BalanceUpdate,
    "externalLockUpdate": ExternalLock,
    "listStatus": ListStatus,
}


def _with_amounts_as_text(shape: type[msgspec.Struct]) -> Any:
    """The same shape, key by key, but for its amounts."""
    fields = [
        (
            own.name,
            str | None if own.type == Decimal | None else own.type,
            field(name=own.encode_name) if own.required else field(name=own.encode_name, default=own.default),
        )
        for own in msgspec.structs.fields(shape)
    ]
    config = shape.__struct_config__
    return msgspec.defstruct(
        f"{shape.__name__}AsText",
        fields,
        tag_field=config.tag_field,
        tag=config.tag,
        frozen=True,
        gc=False,
        kw_only=True,
        forbid_unknown_fields=True,
    )


ReportAsText = _with_amounts_as_text(ExecutionReport)
"""What the decoders make of an execution report: most amounts repeat from frame to
frame, and looking a text up is ten times faster than making a decimal of it."""

_Wire = ReportAsText | AccountPosition | BalanceUpdate | ExternalLock | ListStatus


class Wrapped(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The WS API's frame."""

    event: _Wire  # type: ignore[valid-type]  # made above
    subscriptionId: int  # noqa: N815


class Combined(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The frame of a listen key on /stream. The stream's name is the key: never shown."""

    stream: str
    event: _Wire = field(name="data")  # type: ignore[valid-type]


WRAPPED = msgspec.json.Decoder(Wrapped)
COMBINED = msgspec.json.Decoder(Combined)
RAW: msgspec.json.Decoder[UserEvent] = msgspec.json.Decoder(_Wire)
