"""What a trader has done, judged by the sandbox's own record: the oracle of the drill with a trader.

Pure. It computes everything anew from the fills and fees of the record, in fractions
and by the rules in docs/trading.md, and compares with what the daemon says of its
trades. It shares no code with the daemon: an oracle that did would repeat its
mistakes. The rules in words:

1. The ids. A trade is called after its BUY fill, its SELLs after the trade and a
   number, a person's order begins with "vp". An id that the record has twice is a
   *duplicate*, and so are two SELLs of one trade that live together.
2. No order of a person's is worth more than `max_order_quote`. The SELL of a trade is
   free of that by rule, for to refuse it would keep the risk; what bounds it is what
   was bought: it sells no more than its trade still has.
3. No SELL stands below the lowest tick at which what it sells, less the maker's fee,
   brings `min_profit` on its cost. The tick is found by trying.
4. Whatever lives under an id of the trader's is the SELL of a trade that knows it: any
   other is an *orphan*. Every BUY fill has its trade, and no trade is without one.
5. Units: bought, less what was taken as a fee, is sold + resting + waiting + dust.
6. Profit: proceeds less fees less the cost of what was sold, to the last digit.

The dust that a trade takes over decides its cost. It follows from the order of the
trades: each takes all that the earlier ones left when it was first planned. Only of a
rest that stayed unsold is it not in the record when it became dust, so for those every
later moment is tried, until one explains what the daemon says.
"""

import hashlib
import json
import re
from base64 import b32encode
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations
from typing import Any, Literal, NamedTuple

Row = dict[str, Any]
Kind = Literal["limit", "rule", "duplicate", "orphan", "units", "profit", "trade", "ledger", "drill"]

GRAIN = Fraction(1, 10**20)
SELL = re.compile(r"(vt[a-z2-7]{24})-(\d+)")
PERSON = "vp"
LIVING = frozenset({"open", "partially_filled"})
OVER = frozenset({"sold", "dust"})
PLACED = frozenset({"resting", "partly_sold"})
REJECTED = "rejected"


class Rules(NamedTuple):
    """What the settings bound the trader by; `rate` is what a maker is charged there."""

    min_profit: Fraction
    max_order_quote: Fraction
    rate: Fraction = Fraction(1, 1000)


class Market(NamedTuple):
    """The steps of a symbol, and the least that an order may be worth."""

    symbol: str
    base: str
    tick: Fraction
    step: Fraction
    least: Fraction


class Finding(NamedTuple):
    """One difference."""

    kind: Kind
    text: str


class Amount(NamedTuple):
    """Units of the base asset, and what they cost in the quote asset."""

    units: Fraction = Fraction()
    cost: Fraction = Fraction()

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.units + other.units, self.cost + other.cost)

    def minus(self, other: "Amount") -> "Amount":
        return Amount(self.units - other.units, self.cost - other.cost)

    def part(self, units: Fraction) -> "Amount":
        """So many of them: the cost of a part is cut to 20 digits, and the rest bears the rest."""
        if units == self.units or not self.units:
            return Amount(units, self.cost if units == self.units else Fraction())
        return Amount(units, self.cost * units / self.units // GRAIN * GRAIN)


class Trade(NamedTuple):
    """A trade as the record has it: the BUY fill, and its SELLs with their fills."""

    id: str
    bought: Amount
    sells: tuple[Row, ...]
    fills: tuple[Row, ...]

    @property
    def sold(self) -> Fraction:
        return sum((Fraction(one["quantity"]) for one in self.fills), Fraction())

    @property
    def resting(self) -> Fraction:
        living = [one for one in self.sells if one["status"] in LIVING]
        return sum((Fraction(one["quantity"]) - Fraction(one["filled"]) for one in living), Fraction())


class Reckoned(NamedTuple):
    """What a trade must come to: `whole` was there when it was planned, `held` is what its SELLs may sell."""

    whole: Amount = Amount()
    held: Amount = Amount()
    dust: Amount = Amount()
    profit: Fraction = Fraction()


class Verdict(NamedTuple):
    """What there was of one account, and what is wrong with it. Amounts in their assets."""

    buys: int
    trips: int
    resting: int
    sells: int
    exempt: int
    lowest: int
    dust: Fraction
    profit: Fraction
    findings: tuple[Finding, ...]


def trade_id(account: str, fill: Row) -> str:
    """The id of the trade that a BUY fill begins, as promised."""
    identity = [account, fill["category"], fill["symbol"], fill["order_id"], fill["trade_id"]]
    text = json.dumps(identity, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.blake2b(text.encode(), digest_size=15).digest()
    return "vt" + b32encode(digest).decode().lower()


def judge(account: str, truth: Mapping[str, Any], told: Sequence[Row], rules: Rules, at: Market) -> Verdict:
    """The trades of an account by the sandbox's `truth`; `told` are the daemon's rows of `trades`."""
    trades = {one.id: one for one in _trades(account, truth, at)}
    rows = {row["id"]: row for row in sorted(told, key=lambda row: row["seq"])}
    reckoned = reckon(trades, rows, at)
    findings = [
        *_ids(truth["orders"], trades, rows),
        *_limits(truth["orders"], rules),
        *_pairing(trades, rows),
        *chain.from_iterable(_prices(trades[name], one, rules, at) for name, one in reckoned.items()),
        *chain.from_iterable(_units(trades[name], rows[name], one) for name, one in reckoned.items()),
        *_all_units(trades, rows),
        *chain.from_iterable(_money(trades[name], rows[name], one, rules) for name, one in reckoned.items()),
        *_small(trades, rows, reckoned, rules, at),
    ]
    sells = [sell for one in trades.values() for sell in one.sells if sell["status"] != REJECTED]
    return Verdict(
        buys=len(trades),
        trips=sum(row["state"] == "sold" for row in rows.values()),
        resting=sum(sell["status"] in LIVING for sell in sells),
        sells=len(sells),
        exempt=sum(_worth(sell) > rules.max_order_quote for sell in sells),
        lowest=sum(
            Fraction(sell["price"]) == lowest(sell, reckoned[name].whole, rules, at)
            for name, one in trades.items()
            if name in reckoned
            for sell in one.sells
            if sell["status"] != REJECTED
        ),
        dust=sum((Fraction(row["dust"]) for row in rows.values()), Fraction()),
        profit=sum((one.profit for one in reckoned.values()), Fraction()),
        findings=tuple(findings),
    )


def _trades(account: str, truth: Mapping[str, Any], at: Market) -> Iterator[Trade]:
    sells: dict[str, list[Row]] = {}
    for order in truth["orders"]:
        if order["side"] == "sell" and (found := SELL.fullmatch(order["client_order_id"])):
            sells.setdefault(found[1], []).append(order)
    fills: dict[str, list[Row]] = {}
    for fill in truth["fills"]:
        fills.setdefault(fill["order_id"], []).append(fill)
    for fill in truth["fills"]:
        if (fill["side"], fill["category"], fill["symbol"]) != ("buy", "spot", at.symbol):
            continue
        name = trade_id(account, fill)
        own = tuple(sells.get(name, ()))
        yield Trade(
            name,
            _bought(fill, at),
            own,
            tuple(one for sell in own for one in fills.get(sell["order_id"], ())),
        )


def _bought(fill: Row, at: Market) -> Amount:
    fee, paid = Fraction(fill["fee"]), Fraction(fill["price"]) * Fraction(fill["quantity"])
    in_units = fill["fee_asset"] == at.base
    return Amount(Fraction(fill["quantity"]) - (fee if in_units else 0), paid + (0 if in_units else fee))


# ------------------------------------------------------------------ costs, by replay


def reckon(trades: Mapping[str, Trade], rows: Mapping[str, Row], at: Market) -> dict[str, Reckoned]:
    """What every trade that was planned must come to, in the order in which they began."""
    pool, late, found = Amount(), list[Amount](), dict[str, Reckoned]()
    for name, row in rows.items():
        trade = trades.get(name)
        if trade is None or (row["sell"] is None and row["state"] != "dust"):
            continue
        ways = [(joined, _reckoned(trade, row, _sum([pool, *joined]), at)) for joined in _subsets(late)]
        said = Amount(Fraction(row["dust"]), Fraction(row["dust_cost"]))
        joined, one = next((way for way in ways if way[1].dust == said), ways[0])
        found[name] = one
        for rest in joined:
            late.remove(rest)
        pool = one.whole.minus(one.held)
        if row["state"] in OVER and (rest := one.held.minus(one.held.part(trade.sold))).units:
            late.append(rest)
    return found


def _reckoned(trade: Trade, row: Row, pool: Amount, at: Market) -> Reckoned:
    whole = trade.bought.plus(pool)
    held = Amount() if row["sell"] is None else whole.part(whole.units // at.step * at.step)
    sold = held.part(trade.sold)
    to_dust = whole.minus(held)
    if row["state"] in OVER:
        to_dust = to_dust.plus(held.minus(sold))
    return Reckoned(whole, held, to_dust.minus(pool), _brought(trade) - sold.cost)


def _brought(trade: Trade) -> Fraction:
    """What the sales brought after their fees; what was taken in another asset has no worth here."""
    paid = (Fraction(one["price"]) * Fraction(one["quantity"]) - Fraction(one["fee"]) for one in trade.fills)
    return sum(paid, Fraction())


def _sum(amounts: Iterable[Amount]) -> Amount:
    total = Amount()
    for one in amounts:
        total = total.plus(one)
    return total


def _subsets(late: Sequence[Amount]) -> Iterator[tuple[Amount, ...]]:
    return chain.from_iterable(combinations(late, count) for count in range(len(late) + 1))


# -------------------------------------------------------------------------- the rules


def _ids(orders: Sequence[Row], trades: Mapping[str, Trade], rows: Mapping[str, Row]) -> Iterator[Finding]:
    """Rules 1 and 4."""
    ours = [one for one in orders if SELL.fullmatch(one["client_order_id"]) or _is_persons(one)]
    for name, count in Counter(one["client_order_id"] for one in ours).items():
        if count > 1:
            yield Finding("duplicate", f"{count} orders are called {name}")
    for trade in trades.values():
        living = [one["client_order_id"] for one in trade.sells if one["status"] in LIVING]
        if len(living) > 1:
            yield Finding("duplicate", f"{', '.join(living)} live together")
    for one in ours:
        found = SELL.fullmatch(one["client_order_id"])
        if found is None:
            continue
        row, what = rows.get(found[1]), f"SELL {one['client_order_id']}, {one['status']}"
        if found[1] not in trades or row is None:
            yield Finding("orphan", f"{what}: no BUY fill or no trade is called so")
        elif one["status"] in LIVING and (
            row["sell"] != one["client_order_id"] or row["state"] not in PLACED
        ):
            yield Finding("orphan", f"{what}: its trade is {row['state']} with {row['sell']}")


def _limits(orders: Sequence[Row], rules: Rules) -> Iterator[Finding]:
    """Rule 2, for persons; what bounds a SELL is in `_units`."""
    for one in orders:
        if _is_persons(one) and _worth(one) > rules.max_order_quote:
            yield Finding("limit", f"{one['client_order_id']} is worth {figure(_worth(one))}")


def _pairing(trades: Mapping[str, Trade], rows: Mapping[str, Row]) -> Iterator[Finding]:
    """Rule 4, the other way round; and at the end nothing is in between."""
    for name in trades.keys() - rows.keys():
        yield Finding("trade", f"BUY fill {name} has no trade")
    for name in rows.keys() - trades.keys():
        yield Finding("trade", f"trade {name} has no BUY fill")
    for name, row in rows.items():
        if row["state"] not in OVER | PLACED:
            yield Finding("trade", f"trade {name} is {row['state']}: {row['why']}")


def _prices(trade: Trade, one: Reckoned, rules: Rules, at: Market) -> Iterator[Finding]:
    """Rule 3."""
    for sell in trade.sells:
        price = Fraction(sell["price"])
        if price < (least := lowest(sell, one.whole, rules, at)):
            text = f"{sell['client_order_id']} at {figure(price)}: the lowest is {figure(least)}"
            yield Finding("rule", text)


def lowest(sell: Row, whole: Amount, rules: Rules, at: Market) -> Fraction:
    """The lowest tick at which this quantity earns enough, found by trying ticks."""
    quantity = Fraction(sell["quantity"])
    cost = whole.cost * quantity / whole.units if whole.units else Fraction()

    def earns(ticks: int) -> bool:
        worth = ticks * at.tick * quantity
        return worth - worth * rules.rate - cost >= rules.min_profit * cost

    high = 1
    while not earns(high):
        high *= 2
    return bisect_left(range(high), True, key=earns) * at.tick


def _units(trade: Trade, row: Row, one: Reckoned) -> Iterator[Finding]:
    """Rules 2 and 5, of one trade."""
    for sell in trade.sells:
        if Fraction(sell["quantity"]) > one.held.units:
            yield Finding(
                "limit", f"{sell['client_order_id']} sells more than its trade has, {figure(one.held.units)}"
            )
    if trade.sold + trade.resting > one.held.units:
        yield Finding("units", f"trade {trade.id} sells more than it has, {figure(one.held.units)}")
    if row["state"] in PLACED and trade.sold + trade.resting != one.held.units:
        text = f"{figure(trade.sold)} sold and {figure(trade.resting)} resting of {figure(one.held.units)}"
        yield Finding("units", f"trade {trade.id}: {text}")
    for field, said, is_so in (("sold", row["sold"], trade.sold), ("dust", row["dust"], one.dust.units)):
        if Fraction(said) != is_so:
            yield Finding("units", f"trade {trade.id}: {field} is {said}, and {figure(is_so)} by the record")


def _all_units(trades: Mapping[str, Trade], rows: Mapping[str, Row]) -> Iterator[Finding]:
    """Rule 5, of all together: every term is the record's but the dust and what waits, which the daemon says."""
    bought = sum((one.bought.units for one in trades.values()), Fraction())
    gone = sum((one.sold + one.resting for one in trades.values()), Fraction())
    dust = sum((Fraction(row["dust"]) for row in rows.values()), Fraction())
    waiting = Fraction()
    for name, row in rows.items():
        if row["state"] not in OVER | PLACED and name in trades:
            waiting += trades[name].bought.units if row["left"] is None else Fraction(row["left"])
    if bought != gone + dust + waiting:
        text = f"{figure(bought)} bought; {figure(gone)} sold or resting, {figure(dust)} dust, {figure(waiting)} wait"
        yield Finding("units", text)


def _money(trade: Trade, row: Row, one: Reckoned, rules: Rules) -> Iterator[Finding]:
    """Rule 6; and a trade whose units are all sold has earned what it had to."""
    if Fraction(row["dust_cost"]) != one.dust.cost:
        text = f"its dust has cost {row['dust_cost']}, and {figure(one.dust.cost)} by the record"
        yield Finding("profit", f"trade {trade.id}: {text}")
    if row["profit"] is None or Fraction(row["profit"]) != one.profit:
        yield Finding("profit", f"trade {trade.id}: {row['profit']}, and {figure(one.profit)} by the record")
    if row["state"] == "sold" and one.profit < rules.min_profit * one.held.part(trade.sold).cost:
        yield Finding("rule", f"trade {trade.id} has earned {figure(one.profit)}: too little")


def _small(
    trades: Mapping[str, Trade],
    rows: Mapping[str, Row],
    reckoned: Mapping[str, Reckoned],
    rules: Rules,
    at: Market,
) -> Iterator[Finding]:
    """What was set aside as a whole was too little for an order even at the lowest price that is enough."""
    for name, one in reckoned.items():
        quantity = one.whole.units // at.step * at.step
        if rows[name]["state"] != "dust" or trades[name].sells or quantity <= 0:
            continue
        unit = one.whole.cost / one.whole.units * (1 + rules.min_profit) / (1 - rules.rate)
        if quantity * unit >= at.least:
            yield Finding("trade", f"trade {name} is dust, and {figure(quantity)} could be sold")


def _is_persons(order: Row) -> bool:
    return bool(order["client_order_id"].startswith(PERSON)) and order["status"] != REJECTED


def _worth(order: Row) -> Fraction:
    return Fraction(order["price"]) * Fraction(order["quantity"])


def figure(value: Fraction) -> str:
    """A fraction for people, exact to 20 digits, which is all that amounts have here."""
    digits = f"{abs(value.numerator) * 10**20 // value.denominator:021d}"
    text = f"{digits[:-20]}.{digits[-20:]}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text
