"""How an answer looks to people: which columns a list has, and how a cell is shown.

A terminal gets a drawn table; anything else gets plain aligned columns, which
`awk` and `diff` can read. Texts of an exchange are data: what could move a
cursor is made harmless before it is shown, and nothing of it is markup.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from control.moments import as_span, as_utc

Row = Mapping[str, Any]


class Column(NamedTuple):
    """One column: its heading, the key in the row, how the value is shown, and on which side."""

    heading: str
    key: str
    show: Callable[[Any], str] = str
    right: bool = False


def text(heading: str, key: str | None = None) -> Column:
    return Column(heading, key or heading)


def number(heading: str, key: str | None = None) -> Column:
    return Column(heading, key or heading, right=True)


def moment(heading: str, key: str) -> Column:
    return Column(f"{heading} (UTC)", key, as_utc)


def age(heading: str, key: str) -> Column:
    return Column(heading, key, as_span, right=True)


def share(heading: str, key: str) -> Column:
    return Column(heading, key, lambda percent: f"{percent:.3f} %", right=True)


def claim(heading: str, key: str | None = None) -> Column:
    return Column(heading, key or heading, lambda value: "yes" if value else "no")


def _breaker(breaker: Row) -> str:
    mode, failures, retry_in = breaker["mode"], breaker["failures"], breaker["retry_in_s"]
    parts = [
        mode,
        f"{failures} failed" if failures else "",
        f"next in {as_span(retry_in)}" if retry_in else "",
    ]
    return ", ".join(part for part in parts if part)


def _mailbox(mailbox: Row) -> str:
    return f"{mailbox['depth']} / {mailbox['high']} / {mailbox['dropped']}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _worth(sums: Mapping[str, str]) -> str:
    return ", ".join(f"{amount} {asset}" for asset, amount in sums.items()) or "-"


def statement(fact: Row) -> str:
    """A fact as it was stated, without what was not."""
    return " ".join(f"{name}={value}" for name, value in fact.items() if value is not None)


_ACCOUNT = (
    text("account"),
    text("exchange"),
    text("state"),
    moment("since", "since"),
    age("heard", "transport_age_s"),
    claim("subscribed"),
    age("audited", "audit_age_s"),
    moment("proven to", "proven_to"),
    claim("polling"),
    number("reconnects"),
    Column("breaker", "breaker", _breaker),
)

_ORDERED = (
    text("account"),
    text("symbol"),
    text("side"),
    number("quantity"),
    number("price"),
    text("state"),
    text("order", "order_id"),
    text("client order", "client_order_id"),
    text("why"),
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "status": _ACCOUNT,
    "accounts": (
        *_ACCOUNT,
        share("live", "uptime_pct"),
        share("of 24 h", "uptime_24h_pct"),
        age("blind", "blind_s"),
        number("gaps"),
        text("last blind because", "last_cause"),
    ),
    "actors": (
        text("actor", "id"),
        text("group"),
        text("phase"),
        number("generation"),
        number("restarts"),
        text("last end", "last_reason"),
        Column("waiting / most / dropped", "mailbox", _mailbox),
    ),
    "fills": (
        number("seq"),
        moment("traded", "traded_at"),
        text("account"),
        text("symbol"),
        text("side"),
        number("price"),
        number("quantity"),
        number("fee"),
        text("in", "fee_asset"),
        text("as", "liquidity"),
        text("order", "order_id"),
        text("by", "source"),
    ),
    "orders": (
        moment("changed", "updated_at"),
        text("account"),
        text("symbol"),
        text("side"),
        text("type"),
        text("status"),
        number("price"),
        number("quantity"),
        number("filled"),
        number("average", "average_price"),
        text("order", "order_id"),
    ),
    "balances": (
        text("account"),
        text("asset"),
        number("free"),
        number("locked"),
        number("total"),
        moment("changed", "updated_at"),
    ),
    "positions": (
        text("account"),
        text("category"),
        text("symbol"),
        text("side"),
        number("size"),
        number("entry", "entry_price"),
        number("unrealised", "unrealised_pnl"),
        moment("changed", "updated_at"),
    ),
    "prices": (
        text("exchange"),
        text("category"),
        text("symbol"),
        number("bid"),
        number("ask"),
        age("age", "age_s"),
        text("by", "source"),
        claim("good"),
        Column("refused", "refused", _counts),
        text("why not", "why"),
        Column("for", "accounts", ", ".join),
    ),
    "cash": (
        number("seq"),
        moment("at", "at"),
        text("account"),
        text("kind"),
        number("amount"),
        text("asset"),
        text("id"),
        text("by", "source"),
    ),
    "fees": (
        text("account"),
        text("category"),
        text("by", "key"),
        number("fee"),
        text("in", "fee_asset"),
        number("fills"),
        number("unknown"),
        Column("worth", "worth", _worth),
        number("unproven"),
    ),
    "maker share": (
        text("account"),
        text("in", "quote"),
        number("volume"),
        number("as maker", "maker"),
        share("share", "maker_pct"),
        number("saved"),
        number("fills"),
        number("unknown"),
        number("unproven"),
    ),
    "fill fees": (
        number("fill", "fill_seq"),
        moment("traded", "traded_at"),
        text("account"),
        text("symbol"),
        text("order", "order_id"),
        number("fee"),
        text("in", "fee_asset"),
        number("worth"),
        text("in", "worth_in"),
        text("as", "liquidity"),
        number("saved"),
    ),
    "trades": (
        number("seq"),
        moment("bought", "bought_at"),
        age("age", "age_s"),
        text("account"),
        text("symbol"),
        number("quantity"),
        number("at", "price"),
        text("state"),
        number("sell at", "sell_price"),
        number("sold"),
        number("left"),
        number("profit"),
        number("unrealised"),
        text("in", "quote"),
        text("trade", "id"),
        text("why"),
    ),
    "trades show": (
        moment("at", "at"),
        text("what"),
        text("order", "order_id"),
        text("client order", "client_order_id"),
        text("status"),
        number("price"),
        number("quantity"),
        number("filled"),
        number("fee"),
        text("in", "fee_asset"),
        text("why"),
    ),
    "trades profit": (
        text("account"),
        text("day"),
        text("symbol"),
        number("trades"),
        number("sold", "units"),
        number("proceeds"),
        number("fees"),
        number("cost"),
        number("profit"),
        text("in", "quote"),
        number("unknown"),
    ),
    "trades curve": (
        moment("at", "at"),
        text("account"),
        text("symbol"),
        number("profit"),
        number("total"),
        text("in", "quote"),
        number("unknown"),
        text("trade", "id"),
    ),
    "retry": (text("trade"), text("state"), text("error")),
    "buy": _ORDERED,
    "sell": _ORDERED,
    "cancel": (text("account"), text("order"), text("state"), text("why")),
    "halt": (
        text("account"),
        claim("halted"),
        text("why"),
        number("cancelling"),
        text("error"),
    ),
    "history": (
        number("seq"),
        moment("from", "valid_from"),
        moment("until", "valid_until"),
        text("account"),
        text("kind"),
        text("symbol"),
        text("outcome"),
        text("by", "source"),
        Column("what was said", "fact", statement),
    ),
    "account": (
        moment("at", "at"),
        text("account"),
        text("from", "previous"),
        text("to", "state"),
        text("cause"),
    ),
    "actor": (
        moment("at", "at"),
        text("actor", "child"),
        number("generation", "gen"),
        text("event"),
        text("detail"),
    ),
    "incidents": (
        number("id"),
        moment("last seen", "seen_at"),
        text("severity"),
        text("kind"),
        text("account"),
        number("times", "count"),
        moment("first", "opened_at"),
        moment("seen by a person", "acknowledged_at"),
        moment("over", "resolved_at"),
        text("what", "text"),
    ),
    "faults": (
        text("word", "kind"),
        text("what", "label"),
        text("what happens", "text"),
    ),
    "audit": (
        moment("at", "at"),
        text("kind"),
        text("symbol"),
        text("key"),
        text("outcome"),
        text("the ledger said", "ledger"),
        text("the exchange says", "exchange"),
    ),
    "secrets": (text("name"), moment("set", "set_at"), Column("used by", "used_by", ", ".join)),
    "coverage": (
        text("account"),
        text("category"),
        text("what", "kind"),
        moment("since", "since"),
        moment("until", "until"),
        age("for", "seconds"),
        Column("", "open", lambda value: "OPEN" if value else ""),
        text("by", "source"),
        moment("at", "at"),
        age("closed after", "closed_after_s"),
        number("proofs"),
        number("repaired"),
    ),
}


def show(look: str, rows: Sequence[Row], out: TextIO) -> None:
    """Write the rows of a list as the table of that name."""
    columns = COLUMNS[look]
    if not rows:
        out.write("none\n")
        return
    cells = [[cell(column, row) for column in columns] for row in rows]
    draw = _drawn if out.isatty() else _plain
    draw(columns, cells, out)


def cell(column: Column, row: Row) -> str:
    """One value as it is shown; what is not known is a dash."""
    value = row.get(column.key)
    return "-" if value is None else harmless(column.show(value))


def harmless(value: str) -> str:
    """Text that moves no cursor, whoever wrote it."""
    return value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value)


def _plain(columns: Sequence[Column], cells: Iterable[Sequence[str]], out: TextIO) -> None:
    table = [[column.heading for column in columns], *cells]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        padded = (
            value.rjust(width) if column.right else value.ljust(width)
            for value, width, column in zip(line, widths, columns, strict=True)
        )
        out.write("  ".join(padded).rstrip() + "\n")


def _drawn(columns: Sequence[Column], cells: Iterable[Sequence[str]], out: TextIO) -> None:
    from rich.console import Console  # only a terminal pays for it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.right else "left", overflow="fold")
    for line in cells:
        table.add_row(*(Text(value) for value in line))
    Console(file=out).print(table)
