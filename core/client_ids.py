"""How the SELL of a trade is called: an id that follows from the BUY fill alone.

A trade is one BUY fill, so its id follows from the fill's identity in the ledger,
and the id of its n-th SELL from that and the number. Whoever asks, and however
often, after a crash, a replay or a restored backup, gets the same id, and an
exchange that knows it already says so. The form is the narrowest that the
exchanges allow together: at most 36 of a-z, 0-9 and the hyphen (Binance
`^[a-zA-Z0-9-_]{1,36}$`, Bybit 36 of `[A-Za-z0-9_-]`, Crypto.com 36 characters), in
one case only, since nobody says whether case counts.

Never change the form: the SELLs that rest somewhere under the old one would be
placed a second time. MARK is there for a form that has to differ.
"""

import hashlib
import re
from base64 import b32encode
from typing import NamedTuple

import msgspec

from core.facts import Fill

LONGEST = 36
MARK = "vt"
"""The trader's orders begin with it, in this form."""

_SELL = re.compile(rf"({MARK}[a-z2-7]{{24}})-(0|[1-9][0-9]{{0,8}})")


class SellId(NamedTuple):
    """The trade that a SELL belongs to, and which of its SELLs it is, from 0."""

    trade: str
    number: int


def trade_id(account: str, bought: Fill) -> str:
    """The id of the trade that a BUY fill begins: 26 characters, 120 bits of its identity."""
    identity = (account, bought.category, bought.symbol, bought.order_id, bought.trade_id)
    digest = hashlib.blake2b(msgspec.json.encode(identity), digest_size=15).digest()
    return MARK + b32encode(digest).decode().lower()


def sell_id(trade: str, number: int) -> str:
    """The client order id of a trade's SELL with that number; ValueError where it is none."""
    name = f"{trade}-{number}"
    if len(name) > LONGEST or not _SELL.fullmatch(name):
        raise ValueError(f"{name} is no client order id of a SELL")
    return name


def read_sell_id(client_order_id: str | None) -> SellId | None:
    """What a client order id says; None where it is not one of the trader's SELLs."""
    found = _SELL.fullmatch(client_order_id or "")
    return SellId(found[1], int(found[2])) if found else None
