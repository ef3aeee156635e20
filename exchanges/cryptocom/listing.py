"""What Crypto.com lets be traded, and in which steps: get-instruments as our Instruments (Exchange API v1, 2026-05-21).

* Steps are the tick sizes; the decimals beside them may show finer ones that are
  refused. The step of a quantity is its minimum too.
* What an order must and may be worth stands elsewhere (get-risk-parameters), by base
  asset and in USD. It is stated for what is quoted in a dollar, real or of a token;
  in any other quote it is unknown, and no bound.
* How many orders may rest is not listed: 200 in an instrument, 1000 in all (older
  edition of the documents).
* How far from the market a price may lie (315) nobody says: no band.

Numbers are numbers or text.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from core.errors import Unreadable
from core.instruments import Instrument
from core.wire import Reply
from exchanges.cryptocom.words import category
from exchanges.doubts import PLAIN, UNREADABLE
from exchanges.replies import is_amount
from exchanges.trading import Listing

EXCHANGE = "cryptocom"
MOST_HERE, MOST_IN_ALL = 200, 1_000
_DOLLAR = "USD"

Amount = Decimal | None


class _Row(msgspec.Struct, frozen=True, gc=False):
    symbol: str
    base_ccy: str
    quote_ccy: str
    price_tick_size: Decimal
    qty_tick_size: Decimal
    tradable: bool


class _Worth(msgspec.Struct, frozen=True, gc=False):
    instrument_name: str
    min_order_notional_usd: Amount = None
    max_order_notional_usd: Amount = None

    def __post_init__(self) -> None:
        for bound in (self.min_order_notional_usd, self.max_order_notional_usd):
            if bound is not None and not (is_amount(bound) and bound >= 0):
                raise ValueError("a bound that is no amount")


class _Data(msgspec.Struct, frozen=True, gc=False):
    data: list[msgspec.Raw]


class _Instruments(msgspec.Struct, frozen=True, gc=False):
    result: _Data


class _Config(msgspec.Struct, frozen=True, gc=False):
    base_currency_config: list[_Worth]


class _Risk(msgspec.Struct, frozen=True, gc=False):
    result: _Config


_ROW, _RISK = (
    msgspec.json.Decoder(_Row, strict=False),
    msgspec.json.Decoder(_Risk, strict=False),
)
_INSTRUMENTS = msgspec.json.Decoder(_Instruments, strict=False)


def read_listing(listing: Reply, risk: Reply, wanted_category: str, symbols: Sequence[str]) -> Listing:
    """The instruments among `symbols` that an answer lists, of one category."""
    try:
        raws = _INSTRUMENTS.decode(listing.body).result.data
        worths = {one.instrument_name: one for one in _RISK.decode(risk.body).result.base_currency_config}
    except UNREADABLE as error:
        raise Unreadable(f"unreadable answer: {error}") from error
    found: list[Instrument] = []
    unreadable: list[str] = []
    seen: set[str] = set()
    for raw in raws:
        name = _name(raw)
        if name not in symbols or category(name) != wanted_category:
            continue
        seen.add(name)
        try:
            found.append(_instrument(wanted_category, _ROW.decode(raw), worths))
        except (*UNREADABLE, TypeError) as error:
            unreadable.append(f"{name}: {error}")
    missing = tuple(symbol for symbol in symbols if symbol not in seen)
    return Listing(tuple(found), missing, tuple(unreadable))


def _name(raw: msgspec.Raw) -> str:
    row = PLAIN.decode(raw)
    name = row.get("symbol") if isinstance(row, dict) else None
    if not isinstance(name, str):
        raise Unreadable("an instrument without a name")
    return name


def _instrument(kind: str, row: _Row, worths: Mapping[str, _Worth]) -> Instrument:
    if not (is_amount(row.price_tick_size) and is_amount(row.qty_tick_size)):
        raise ValueError("a step that is no amount")
    worth = worths.get(row.base_ccy) if row.quote_ccy.startswith(_DOLLAR) else None
    least = worth.min_order_notional_usd or None if worth else None
    most = worth.max_order_notional_usd or None if worth else None
    return Instrument(
        exchange=EXCHANGE,
        category=kind,
        symbol=row.symbol,
        base=row.base_ccy,
        quote=row.quote_ccy,
        tick=row.price_tick_size,
        step=row.qty_tick_size,
        min_quantity=row.qty_tick_size,
        min_notional=least,
        max_notional=most,
        market_min_notional=least,
        market_max_notional=most,
        max_orders=MOST_HERE,
        max_orders_in_all=MOST_IN_ALL,
        is_trading=row.tradable,
    )
