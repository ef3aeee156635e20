"""Every question that is put to the ledger, and the shape of every answer.

Rows are plain dicts in the shapes of the contract (docs/ledger.md); amounts are
strings in plain notation, unknown is None. Whoever asks has a read-only
connection to himself meanwhile: of SQLite each thread has its own from its first
question on, of PostgreSQL all borrow from one pool. Both let it read while the
ledger is written: neither waits for the other. No question holds a read
transaction open longer than its own rows take, at most 5,000 of them.

Nothing is summed in SQL: texts are not numbers, and SQLite's own would be
binary floats.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from core.facts import Fact, Fill, OrderState, stated
from core.fee_rates import Rates, loaded, rated
from core.fees import MINUTE_MS, Charge, Quoted, charge, parted, spellings, totals
from core.intents import Placement
from core.money import add, plain_or_none, total_of
from core.orders import LIVING
from core.reconcile import Filled
from core.records import MAY_LIVE
from core.savings import Saving, saving, shares
from models import database, seeking
from models.history import validity

MOST_ROWS = 5_000
OVERLAP_MS = 60_000  # a reconcile starts this long before what is proven
RECENT_ROWS = 50_000  # of the journal: more than five seconds bring
LATELY_MS = 7 * 86_400_000  # a symbol that traded within this is asked about

FILLED_SQL, TRADED_SQL = (
    f"SELECT {column} FROM {table} WHERE account = ? AND category = ? AND symbol = ? AND order_id = ?"  # noqa: S608
    for column, table in (("filled", "orders"), ("quantity", "fills"))
)

Row = dict[str, Any]


def _columns(names: str) -> list[str]:
    return names.split()


FILL = _columns(
    "seq account exchange category symbol trade_id order_id client_order_id side price quantity fee "
    "fee_asset liquidity kind traded_at recorded_at source"
)
ORDER = _columns(
    "account exchange category symbol order_id client_order_id side type time_in_force status price "
    "quantity filled average_price created_at updated_at"
)
BALANCE = _columns("account exchange asset free locked total updated_at")
POSITION = _columns("account exchange category symbol side size entry_price unrealised_pnl updated_at")
CASH = _columns("seq account exchange id asset amount kind at recorded_at source")
JOURNAL = _columns(
    "seq boot account exchange kind category symbol key source outcome exchange_at received_at "
    "recorded_at previous fact"
)
INCIDENT = _columns("id key kind severity text account opened_at seen_at count resolved_at acknowledged_at")
COVERAGE = _columns("account category since until late source at proofs repaired")
STATE = _columns("at account state previous cause")
EVENT = _columns("at boot child gen event detail")

INTENT = _columns(
    "account client_order_id category symbol side quantity price post_only closes wanted_by state order_id why "
    "sent_at created_at updated_at"
)
TRADE = _columns("id account category symbol state detail created_at updated_at seq")

MAY_LIVE_SQL = ", ".join(f"'{state}'" for state in sorted(MAY_LIVE))  # as the partial index has it
LIVING_SQL = ", ".join(f"'{status}'" for status in sorted(LIVING))  # as the partial index has it
# Where the history of a thing is entered: table, column of its last journal row, columns of its key.
ENTRANCES = {
    "order": ("orders", "seq", ("order_id", "client_order_id")),
    "fill": ("fills", "last_seq", ("trade_id",)),
    "balance": ("balances", "seq", ("asset",)),
    "position": ("positions", "seq", ("symbol",)),
    "cash": ("cash_moves", "last_seq", ("id",)),
}

ORDER_KEY = seeking.Index("orders", ("account", "category", "symbol"), "orders")

RATES = "trader:rates:"

_fact_of = msgspec.json.Decoder(Fact).decode  # type: ignore[var-annotated]


class Spoken(NamedTuple):
    """One statement of the journal; `is_first` says that nothing was known of its thing before."""

    seq: int
    is_first: bool
    fact: Fill | OrderState


class _Where:
    """Conditions that were really asked for, and their values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """Nothing where a value is None: that filter was not given."""
        if None not in values:
            self._conditions.append(condition)
            self.values += values

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


class Reader:
    """Ask from any thread; a thread that goes on living after its last question calls `close`.

    Raises DatabaseProblem. Times are milliseconds, `limit` is the newest so many
    rows (0: as many as an answer may hold), `after` pages forwards.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._asked = database.questions(url)
        # What the server's index demands to be used (see its migration) would lead SQLite astray.
        only = "" if database.is_sqlite(url) else "seq > 0"
        self._by_symbol = seeking.Index("fills", ("account", "symbol"), "f", only)

    def close(self) -> None:
        """Close the calling thread's connection; the next question opens another."""
        self._asked.close()

    # ------------------------------------------------------------------- views

    def fills(
        self,
        *,
        account: str | None = None,
        symbol: str | None = None,
        since: int | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[Row]:
        """Ascending by seq: the newest `limit`, or with `after` (or limit 0) the next ones behind it.

        A fill that was reported without its client order id shows its order's.
        """
        names = [
            "COALESCE(f.client_order_id, o.client_order_id)" if n == "client_order_id" else f"f.{n}"
            for n in FILL
        ]
        source = (
            f"SELECT {', '.join(names)} FROM fills f LEFT JOIN orders o ON o.account = f.account "  # noqa: S608
            "AND o.category = f.category AND o.symbol = f.symbol AND o.order_id = f.order_id"
        )
        where = _Where()
        sought = self._sought_fills(account, symbol, since)
        if sought is not None and seeking.are_few(self._ask, self._by_symbol, *sought):
            some = _Where()
            some.add(sought.condition, *sought.values)
            some.add("f.seq > ?", after)
            turn = "" if after is not None or not limit else " DESC"
            # The plus keeps the planner from walking by seq through all the others.
            seqs = f"SELECT f.seq FROM fills f{some} ORDER BY +f.seq{turn} LIMIT {_bounded(limit)}"  # noqa: S608
            where.add(f"f.seq IN ({seqs})", *some.values)
            return self._page(source, where, FILL, seq="f.seq", limit=limit, after=after)
        # Concatenation keeps the planner off the indexes: walking by seq is what is wanted.
        where.add("f.account || '' = ?", account)
        where.add("f.symbol || '' = ?", symbol)
        where.add("f.traded_at >= ?", since)
        return self._page(source, where, FILL, seq="f.seq", limit=limit, after=after)

    def _sought_fills(
        self, account: str | None, symbol: str | None, since: int | None
    ) -> seeking.Names | None:
        """What was asked for as the index on fills has it; None where nothing was, or too many names are."""
        if (account, symbol, since) == (None, None, None):
            return None
        names = seeking.by_names(self._ask, self._by_symbol, {"account": account, "symbol": symbol})
        return names if names is None or since is None else names.later("f.traded_at", since)

    def orders(
        self,
        *,
        account: str | None = None,
        symbol: str | None = None,
        since: int | None = None,
        limit: int = 100,
        open_only: bool = False,
        after: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Ascending by updated_at. `after` is the last row of the page before, as it was given."""
        where = _Where()
        order = ["updated_at", "account", "category", "symbol", "order_id"]
        sorting = order
        sought = None if open_only else self._sought_orders(account, symbol)
        if sought is not None and seeking.are_few(self._ask, ORDER_KEY, *sought):
            where.add(sought.condition, *sought.values)
            sorting = [f"+{order[0]}", *order[1:]]  # as with fills
        else:
            # Open ones have an index of their own; for the others see fills.
            where.add("account = ?" if open_only else "account || '' = ?", account)
            where.add("symbol = ?" if open_only else "symbol || '' = ?", symbol)
        where.add("updated_at >= ?", since)
        if open_only:
            where.add(f"status IN ({LIVING_SQL})")
            sorting = [
                f"+{order[0]}",
                *order[1:],
            ]  # or a server that knows nothing of them yet walks all orders
        if after is not None and after["updated_at"] is None:  # unknown counts as least of all
            behind = f"({', '.join(order[1:])}) > (?, ?, ?, ?)"
            where.add(f"(updated_at IS NOT NULL OR {behind})", *(after[name] for name in order[1:]))
        elif after is not None:
            where.add("updated_at >= ?", after["updated_at"])
            where.add(f"({', '.join(order)}) > (?, ?, ?, ?, ?)", *(after[name] for name in order))
        return self._newest("orders", ORDER, where, sorting, limit, forwards=after is not None or not limit)

    def _sought_orders(self, account: str | None, symbol: str | None) -> seeking.Names | None:
        """The same as the key of orders has it."""
        if (account, symbol) == (None, None):
            return None
        return seeking.by_names(self._ask, ORDER_KEY, {"account": account, "symbol": symbol})

    def order(self, account: str, category: str, symbol: str, order_id: str) -> Row | None:
        """One order, None where it is not known."""
        where = _Where()
        where.add(
            "account = ? AND category = ? AND symbol = ? AND order_id = ?",
            account,
            category,
            symbol,
            order_id,
        )
        rows = self._newest("orders", ORDER, where, ["updated_at"], 1)
        return rows[0] if rows else None

    def balances(self, *, account: str | None = None) -> list[Row]:
        """By account and asset; `total` is free and locked together where both are known."""
        where = _Where()
        where.add("account = ?", account)
        sql = f"SELECT {', '.join(BALANCE)} FROM balances{where}"  # noqa: S608
        rows = self._rows(f"{sql} ORDER BY account, asset", where.values, BALANCE)
        for row in rows:
            row["total"] = plain_or_none(
                total_of(*(_amount(row[name]) for name in ("free", "locked", "total")))
            )
        return rows

    def positions(
        self, *, account: str | None = None, symbol: str | None = None, flat: bool = False
    ) -> list[Row]:
        """By account and symbol; those of size 0 only with `flat`."""
        where = _Where()
        where.add("account = ?", account)
        where.add("symbol = ?", symbol)
        sql = f"SELECT {', '.join(POSITION)} FROM positions{where} ORDER BY account, symbol, side"  # noqa: S608
        rows = self._rows(sql, where.values, POSITION)
        return [row for row in rows if flat or row["size"] != "0"]

    def cash(
        self,
        *,
        account: str | None = None,
        since: int | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[Row]:
        """Money that moved without a trade, ascending by seq."""
        where = _Where()
        where.add("account = ?", account)
        where.add("at >= ?", since)
        select = f"SELECT {', '.join(CASH)} FROM cash_moves"  # noqa: S608
        return self._page(select, where, CASH, seq="seq", limit=limit, after=after)

    def charges(
        self,
        *,
        account: str | None = None,
        symbol: str | None = None,
        since: int | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[tuple[Row, Charge, Saving]]:
        """The rows of `fills`, each with its fee, what that was worth (core/fees) and what it saved (core/savings)."""
        rows = self.fills(account=account, symbol=symbol, since=since, limit=limit, after=after)
        charged = self._charged(rows)
        return [(*one, saved) for one, (_, saved) in zip(charged, self._saved(charged), strict=True)]

    def fees(
        self,
        by: str = "asset",
        *,
        account: str | None = None,
        symbol: str | None = None,
        since: int | None = None,
    ) -> list[Row]:
        """Exact totals over all fills: by account, day, symbol, order or asset, and fee asset.

        `by` account alone: what was traded as maker and what that saved (core/savings).
        """
        pages = self._fill_pages(account=account, symbol=symbol, since=since)
        if by == "account":
            return shares(saved for page in pages for saved in self._saved(self._charged(page)))
        return totals((charged for page in pages for charged in self._charged(page)), by)

    def rates(self) -> dict[str, Rates]:
        """The fee rates that traders learned, by `rates_key`."""
        sql = "SELECT key, value FROM system_state WHERE key LIKE ?"
        return {row["key"]: loaded(row["value"]) for row in self._rows(sql, [f"{RATES}%"], ["key", "value"])}

    # ----------------------------------------------------------------- history

    def sequence(self) -> int:
        """The journal's newest seq: the fence of a request that starts now."""
        return int(self._one("SELECT MAX(seq) FROM journal") or 0)

    def journal(self, *, after: int = 0, limit: int = 500) -> list[Row]:
        """The next rows behind seq `after`, ascending; `fact` as a dict."""
        sql = f"SELECT {', '.join(JOURNAL)} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        return [_with_fact(row) for row in self._rows(sql, [after, _bounded(limit)], JOURNAL)]

    def history(self, kind: str, key: str, *, account: str | None = None) -> list[Row]:
        """All that was said about a thing, oldest first: its journal rows, and how long each held.

        `kind` is order, fill, balance, position or cash; `key` an order id or
        client order id (of no order whose own id it is), a trade id, an asset, a symbol, a cash
        movement's id.
        """
        table, last, _ = ENTRANCES[kind]
        where = self._entrance(kind, key, account)
        names = [*JOURNAL, "fence"]
        named = ", ".join(f"j.{name}" for name in names)
        sql = (
            f"WITH RECURSIVE chain AS (SELECT {named} FROM journal j "  # noqa: S608
            f"WHERE j.seq IN (SELECT {last} FROM {table}{where}) "
            f"UNION ALL SELECT {named} FROM journal j JOIN chain ON j.seq = chain.previous) "
            f"SELECT {', '.join(names)} FROM chain ORDER BY seq DESC LIMIT {MOST_ROWS}"
        )
        rows = self._rows(sql, where.values, names)[::-1]
        spans = validity([(row, _fact_of(row["fact"])) for row in rows])
        for row, span in zip(rows, spans, strict=True):
            del row["fence"]
            row["valid_from"], row["valid_until"] = span
        return [_with_fact(row) for row in rows]

    def _entrance(self, kind: str, key: str, account: str | None) -> _Where:
        """What finds the things of that key. An order's own id is looked up before all orders are gone through."""
        where = _Where()
        if kind == "order":
            names = seeking.by_names(self._ask, ORDER_KEY, {"account": account})
            if names is not None:
                where.add(f"{names.condition} AND order_id = ?", *names.values, key)
                if self._ask(f"SELECT 1 FROM orders{where} LIMIT 1", where.values):  # noqa: S608
                    return where
                where = _Where()
        *_, columns = ENTRANCES[kind]
        where.add("(" + " OR ".join(f"{name} = ?" for name in columns) + ")", *[key] * len(columns))
        where.add("account = ?", account)
        return where

    def incidents(
        self,
        *,
        account: str | None = None,
        since: int | None = None,
        limit: int = 100,
        open_only: bool = False,
        after: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Ascending by when they were last seen. `after` is the last row of the page before."""
        where = _Where()
        where.add("account = ?", account)
        where.add("seen_at >= ?", since)
        if open_only:
            where.add("resolved_at IS NULL")
        if after is not None:
            where.add("(seen_at, id) > (?, ?)", after["seen_at"], after["id"])
        forwards = after is not None or not limit
        return self._newest("incidents", INCIDENT, where, ["seen_at", "id"], limit, forwards=forwards)

    def open_incidents(self) -> list[Row]:
        """All that are not over, in the order of their opening."""
        sql = f"SELECT {', '.join(INCIDENT)} FROM incidents WHERE resolved_at IS NULL AND id > ? ORDER BY id"  # noqa: S608
        found: list[Row] = []
        while len(found) % MOST_ROWS == 0:
            rows = self._rows(f"{sql} LIMIT {MOST_ROWS}", [found[-1]["id"] if found else 0], INCIDENT)
            found += rows
            if not rows:
                break
        return found

    def has_incident(self, incident: int) -> bool:
        """Whether there is one of this id."""
        return bool(self._rows("SELECT id FROM incidents WHERE id = ?", [incident], ["id"]))

    def states(self, *, account: str | None = None, since: int | None = None, limit: int = 100) -> list[Row]:
        """What accounts went through, ascending."""
        where = _Where()
        where.add("account = ?", account)
        where.add("at >= ?", since)
        return self._newest("connection_states", STATE, where, ["id"], limit)

    def transitions(self, *, after: int) -> list[Row]:
        """The next states that accounts entered, behind row `after`, in order; with their `id`."""
        names = ["id", *STATE]
        sql = f"SELECT {', '.join(names)} FROM connection_states WHERE id > ? ORDER BY id LIMIT {MOST_ROWS}"  # noqa: S608
        return self._rows(sql, [after], names)

    def newest_transition(self) -> int:
        """The id of the last state that an account entered."""
        return int(self._one("SELECT MAX(id) FROM connection_states") or 0)

    def alive_at(self, account: str, *, before: int) -> int | None:
        """When the account was last proven before that time, ms of our clock; None where it never was."""
        found = self._one("SELECT MAX(at) FROM coverage WHERE account = ? AND at < ?", account, before)
        return None if found is None else int(found)

    def first_seen(self, account: str | None = None) -> dict[str, int]:
        """When each account first went through anything, ms of our clock."""
        where = _Where()
        where.add("account = ?", account)
        sql = f"SELECT account, MIN(at) FROM connection_states{where} GROUP BY account"  # noqa: S608
        return {row["account"]: row["at"] for row in self._rows(sql, where.values, ["account", "at"])}

    def events(self, *, child: str | None = None, since: int | None = None, limit: int = 100) -> list[Row]:
        """What children went through, ascending."""
        where = _Where()
        where.add("child = ?", child)
        where.add("at >= ?", since)
        return self._newest("actor_events", EVENT, where, ["id"], limit)

    def coverage(self, account: str | None = None) -> list[Row]:
        """The pieces of time that are proven, by account and category; `late` those that nobody watched."""
        where = _Where()
        where.add("account = ?", account)
        sql = f"SELECT {', '.join(COVERAGE)} FROM coverage{where} ORDER BY account, category, since"  # noqa: S608
        rows = self._rows(sql, where.values, COVERAGE)
        return [{**row, "late": bool(row["late"])} for row in rows]

    def proven(self) -> dict[str, dict[str, int]]:
        """Up to when each category of each account is proven."""
        sql = "SELECT account, category, MAX(until) FROM coverage GROUP BY account, category"
        ends: dict[str, dict[str, int]] = {}
        for row in self._rows(sql, [], ["account", "category", "until"]):
            ends.setdefault(row["account"], {})[row["category"]] = row["until"]
        return ends

    def proven_to(self, account: str) -> int | None:
        """Up to when every category of the account is proven; None before the first proof."""
        ends = "SELECT MAX(until) AS until FROM coverage WHERE account = ? GROUP BY category"
        found = self._one(f"SELECT MIN(until) FROM ({ends}) AS ends", account)  # noqa: S608
        return None if found is None else int(found)

    def remembered(self) -> dict[str, str]:
        """The values that survive a restart."""
        sql = "SELECT key, value FROM system_state WHERE value IS NOT NULL"
        return {row["key"]: row["value"] for row in self._rows(sql, [], ["key", "value"])}

    # ------------------------------------------------------------ for the poller

    def fills_between(self, account: str, since: int, until: int) -> Iterator[Row]:
        """All fills of an account that were traded in that time, both ends included."""
        pages = self._fill_pages(account=account, symbol=None, since=since)
        return (row for page in pages for row in page if row["traded_at"] <= until)

    def known(
        self,
        account: str,
        *,
        now: int,
        backfill: float,
        symbols: Iterable[str] = (),
        since: int | None = None,
    ) -> Row:
        """What a plan starts from: the fields of `exchanges.base.Known`, as plain data.

        `now` in ms of exchange time, `backfill` in seconds; `symbols` are asked
        about in any case. `open_orders` are dicts; amounts are Decimal here. The
        window begins at `since` (ms) if that is earlier than it would, and then
        everything is named that the ledger knows to have moved in it.
        """
        proven = self.proven_to(account)
        orders = self._living(account)
        held = self.balances(account=account)
        start = now - int(backfill * 1000) if proven is None else proven - OVERLAP_MS
        asked = {*symbols, *(order["symbol"] for order in orders), *self._traded(account, now - LATELY_MS)}
        moved = proven or 0
        if since is not None:
            start = moved = min(start, since)
            asked |= self._traded(account, start) | self._ordered(account, start)
        return {
            "since": start,
            "now": now,
            "open_orders": tuple(orders),
            "symbols": tuple(sorted(asked)),
            "balances": _totals(held) or None,
            "moved": frozenset(row["asset"] for row in held if (row["updated_at"] or 0) >= moved),
            "first": proven is None,
        }

    def totals(self, account: str) -> dict[str, Decimal]:
        """What is held of each asset, where that is known."""
        return _totals(self.balances(account=account))

    def touched(self, account: str, *, since: int) -> set[tuple[str, ...]]:
        """What the stream spoke of since then (ms, our clock), by identity.

        ("order", category, symbol, order id), ("balance", asset), ("position",
        category, symbol, side), and so on. Looks at the newest rows only.
        """
        sql = (
            "SELECT DISTINCT kind, category, symbol, key FROM journal "
            "WHERE seq > (SELECT MAX(seq) FROM journal) - ? AND account = ? AND source = 'stream' "
            "AND recorded_at >= ?"
        )
        names = ["kind", "category", "symbol", "key"]
        rows = self._rows(sql, [RECENT_ROWS, account, since], names)
        return {tuple(row[name] for name in names if row[name] is not None) for row in rows}

    def changed_orders(self, account: str, *, after: int) -> list[tuple[str, str, str]]:
        """The orders of which something was told behind journal `seq` after, and those of fills: by identity."""
        sql = (
            "SELECT category, symbol, key, kind, fact FROM journal "
            "WHERE seq > ? AND account = ? AND kind IN ('order', 'fill') ORDER BY seq"
        )
        names = ["category", "symbol", "key", "kind", "fact"]
        found: dict[tuple[str, str, str], None] = {}
        for row in self._rows(sql, [after, account], names):
            order_id = row["key"] if row["kind"] == "order" else _fact_of(row["fact"]).order_id
            found[row["category"], row["symbol"], order_id] = None
        return list(found)

    def filled(self, account: str, orders: Sequence[tuple[str, str, str]]) -> list[Filled]:
        """Of these orders (category, symbol, order id), as far as they are known and said what is filled."""
        found: list[Filled] = []
        for name in orders:
            order = self._rows(FILLED_SQL, [account, *name], ["filled"])
            if order and order[0]["filled"] is not None:
                trades = self._rows(TRADED_SQL, [account, *name], ["quantity"])
                traded = add(Decimal(row["quantity"]) for row in trades)
                found.append(Filled(*name, Decimal(order[0]["filled"]), traded))
        return found

    def _living(self, account: str) -> list[Row]:
        names = ["category", "symbol", "order_id", "client_order_id", "filled"]
        sql = f"SELECT {', '.join(names)} FROM orders WHERE account = ? AND status IN ({LIVING_SQL})"  # noqa: S608
        rows = self._rows(sql, [account], names)
        for row in rows:
            row["filled"] = _amount(row["filled"])
        return rows

    def _traded(self, account: str, since: int) -> set[str]:
        symbols = seeking.distinct(self._ask, self._by_symbol, account=account)
        here = self._by_symbol.where(["f.account = ?", "f.symbol = ?"])
        sql = f"SELECT MAX(f.traded_at) FROM fills f WHERE {here}"  # noqa: S608
        return {symbol for symbol in symbols if self._one(sql, account, symbol) >= since}

    def _ordered(self, account: str, since: int) -> set[str]:
        sql = "SELECT DISTINCT symbol FROM orders WHERE updated_at >= ? AND account || '' = ?"
        return {row["symbol"] for row in self._rows(sql, [since, account], ["symbol"])}

    # ------------------------------------------------------------ for the trader

    def spoken(self, account: str, *, after: int, limit: int = 1_000) -> list[Spoken]:
        """What was said of the account's orders and fills behind journal `seq` after, in order."""
        names = ["seq", "outcome", "fact"]
        sql = (
            f"SELECT {', '.join(names)} FROM journal WHERE seq > ? AND account || '' = ? "  # noqa: S608
            "AND kind IN ('order', 'fill') ORDER BY seq LIMIT ?"
        )
        rows = self._rows(sql, [after, account, _bounded(limit)], names)
        return [Spoken(row["seq"], row["outcome"] == "new", _fact_of(row["fact"])) for row in rows]

    def trades(
        self,
        *,
        account: str | None = None,
        symbol: str | None = None,
        since: int | None = None,
        limit: int = 100,
        open_only: bool = False,
        after: int | None = None,
    ) -> list[Row]:
        """The trader's trades in the order in which they began; `detail` is the lot as JSON."""
        where = _Where()
        where.add("account = ?", account)
        where.add("symbol = ?", symbol)
        where.add("updated_at >= ?", since)
        if open_only:
            where.add("state NOT IN ('sold', 'dust')")
        return self._page(
            f"SELECT {', '.join(TRADE)} FROM trades",  # noqa: S608
            where,
            TRADE,
            seq="seq",
            limit=limit,
            after=after,
        )

    def trade(self, trade: str) -> Row | None:
        """The trade of that id, None where there is none."""
        rows = self._rows(f"SELECT {', '.join(TRADE)} FROM trades WHERE id = ?", [trade], TRADE)  # noqa: S608
        return rows[0] if rows else None

    def intents(self, account: str, *, closes: str | None = None) -> list[Row]:
        """What we wanted there: all of it that may live, or every order that was to close a trade."""
        where = _Where()
        where.add("account = ?", account)
        if closes is None:
            where.add(f"state IN ({MAY_LIVE_SQL})")
        where.add("closes = ?", closes)
        sql = f"SELECT {', '.join(INTENT)} FROM intents{where} ORDER BY created_at, client_order_id"  # noqa: S608
        return self._rows(sql, where.values, INTENT)

    def intent(self, account: str, client_order_id: str) -> Row | None:
        """The intent that goes by that client order id."""
        sql = f"SELECT {', '.join(INTENT)} FROM intents WHERE account = ? AND client_order_id = ?"  # noqa: S608
        rows = self._rows(sql, [account, client_order_id], INTENT)
        return rows[0] if rows else None

    def wanted_orders(self) -> int:
        """How many orders of ours may live, in all accounts."""
        return int(self._one(f"SELECT COUNT(*) FROM intents WHERE state IN ({MAY_LIVE_SQL})"))  # noqa: S608

    def living_orders(self, account: str, symbol: str) -> tuple[int, int]:
        """How many orders of the account may rest: in this symbol, and in all."""
        orders = self._living(account)
        return sum(order["symbol"] == symbol for order in orders), len(orders)

    def free(self, account: str, asset: str) -> Decimal | None:
        """The free balance of an asset, None where it is not known."""
        rows = self._rows(
            "SELECT free FROM balances WHERE account = ? AND asset = ?", [account, asset], ["free"]
        )
        return _amount(rows[0]["free"]) if rows else None

    # ------------------------------------------------------------------- inside

    def _fill_pages(self, **filters: Any) -> Iterator[list[Row]]:
        after = 0
        if filters.get("since") is not None and (sought := self._sought_fills(**filters)) is not None:
            sql = f"SELECT MIN(seq) FROM fills f WHERE {sought.condition}"  # noqa: S608
            after = (self._one(sql, *sought.values) or 1) - 1
        while rows := self.fills(**filters, limit=MOST_ROWS, after=after):
            yield rows
            after = rows[-1]["seq"]

    def _charged(self, fills: Sequence[Row]) -> list[tuple[Row, Charge]]:
        assets = self._assets()
        markets = {(fill["exchange"], fill["symbol"]) for fill in fills}
        pairs = {(exchange, symbol): parted(symbol, assets[exchange]) for exchange, symbol in markets}
        known: dict[tuple[Any, ...], list[Quoted]] = {}

        def prices(fill: Row, asset: str, quote: str) -> list[Quoted]:
            minute = fill["traded_at"] // MINUTE_MS
            place = (fill["exchange"], asset, quote, minute)
            if place not in known:
                known[place] = self._quoted(*place)
            return known[place]

        return [(fill, charge(fill, pairs[fill["exchange"], fill["symbol"]], prices)) for fill in fills]

    def _saved(self, charged: Sequence[tuple[Row, Charge]]) -> Iterator[tuple[Row, Saving]]:
        assets, rates = self._assets(), self.rates()
        for fill, one in charged:
            known = rates.get(rates_key(fill["account"], fill["category"], fill["symbol"]), ())
            at = rated(known, fill["traded_at"])
            pair = parted(fill["symbol"], assets[fill["exchange"]])
            yield fill, saving(fill, one, pair, None if at is None else at.taker)

    def _assets(self) -> dict[str, set[str]]:
        """What each exchange has ever listed in a balance."""
        assets: dict[str, set[str]] = defaultdict(set)
        for row in self._rows("SELECT DISTINCT exchange, asset FROM balances", [], ["exchange", "asset"]):
            assets[row["exchange"]].add(row["asset"])
        return assets

    def _quoted(self, exchange: str, asset: str, quote: str, minute: int) -> list[Quoted]:
        """What was paid for an asset at its exchange's spot market within a minute."""
        symbols = spellings(asset, quote)
        sql = (
            "SELECT price, traded_at FROM fills WHERE traded_at >= ? AND traded_at < ? AND exchange = ? "  # noqa: S608
            f"AND category = 'spot' AND symbol IN ({', '.join('?' * len(symbols))}) ORDER BY seq"
        )
        values = [minute * MINUTE_MS, (minute + 1) * MINUTE_MS, exchange, *symbols]
        rows = self._rows(sql, values, ["price", "traded_at"])
        return [Quoted(Decimal(row["price"]), row["traded_at"]) for row in rows]

    def _page(
        self, select: str, where: _Where, names: list[str], *, seq: str, limit: int, after: int | None
    ) -> list[Row]:
        """By seq: the newest rows, or those behind `after`."""
        forwards = after is not None or not limit
        where.add(f"{seq} > ?", after)
        direction = "" if forwards else " DESC"
        sql = f"{select}{where} ORDER BY {seq}{direction} LIMIT {_bounded(limit)}"
        rows = self._rows(sql, where.values, names)
        return rows if forwards else rows[::-1]

    def _newest(
        self,
        table: str,
        names: list[str],
        where: _Where,
        order: list[str],
        limit: int,
        *,
        forwards: bool = False,
    ) -> list[Row]:
        """Ascending by `order`: the newest rows, or the first ones with `forwards`."""
        known = "ASC" if forwards else "DESC"
        unknown = database.unknown_first(self._url, descending=not forwards)
        sorting = ", ".join(f"{name} {unknown if 'updated_at' in name else known}" for name in order)
        sql = f"SELECT {', '.join(names)} FROM {table}{where} ORDER BY {sorting} LIMIT {_bounded(limit)}"  # noqa: S608
        rows = self._rows(sql, where.values, names)
        return rows if forwards else rows[::-1]

    def _one(self, sql: str, *values: Any) -> Any:
        return self._ask(sql, values)[0][0]

    def _rows(self, sql: str, values: Iterable[Any], names: list[str]) -> list[Row]:
        found = self._ask(sql, list(values))
        return [dict(zip(names, row, strict=True)) for row in found]

    def _ask(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with database.problems(self._url):
            return self._asked.ask(sql, values)


def _totals(balances: Iterable[Row]) -> dict[str, Decimal]:
    totals = {row["asset"]: _amount(row["total"]) for row in balances}
    return {asset: total for asset, total in totals.items() if total is not None}


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _bounded(limit: int) -> int:
    return min(limit, MOST_ROWS) if limit > 0 else MOST_ROWS


def rates_key(account: str, category: str, symbol: str) -> str:
    """Under which a trader remembers the fee rates of a symbol."""
    return f"{RATES}{account}:{category}:{symbol}"


def placement_of(row: Row) -> Placement:
    """The order that a row of `intents` asks for."""
    wanted = {
        name: row[name] for name in ("account", "category", "symbol", "side", "client_order_id", "closes")
    }
    price = _amount(row["price"])
    return Placement(
        **wanted, quantity=Decimal(row["quantity"]), price=price, post_only=bool(row["post_only"])
    )


def _with_fact(row: Row) -> Row:
    row["fact"] = stated(_fact_of(row["fact"]))
    return row
