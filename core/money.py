"""Exact amounts: how they are written down and how they are added up.

An amount is a Decimal of any length. Python's own context would round sums to
28 digits and its `str` uses exponents; both are wrong for money, so everything
that prints or adds amounts does it here. What is unknown is None, never zero.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

EXACT = Context(prec=1000, traps=[Inexact])


def plain(amount: Decimal) -> str:
    """The one way to write this number: no exponent, no trailing zeros, no minus zero.

    Equal numbers give equal texts. Raises ValueError for what is no number.
    """
    text = str(amount)  # a fourth of what `format` costs, and the same where there is no exponent
    if "E" in text:
        text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    elif not text.lstrip("-").isdigit():
        raise ValueError(f"{amount} is no amount")
    return "0" if text == "-0" else text


def plain_or_none(amount: Decimal | None) -> str | None:
    """`plain`, where unknown stays unknown."""
    return None if amount is None else plain(amount)


def add(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; raises decimal.Inexact rather than round."""
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def total_of(free: Decimal | None, locked: Decimal | None, total: Decimal | None) -> Decimal | None:
    """A balance's total: its parts where both are known, else what the exchange said."""
    if free is None or locked is None:
        return total
    return EXACT.add(free, locked)
