"""How an answer looks to people: which columns a list has, what each means, and how a cell is shown.

The help of a word shows the meanings, so a column is explained where it is made.
How a table comes to fit a terminal, `control.drawing` decides.
"""

from collections.abc import Mapping
from typing import Any

from control.drawing import Column, Row
from control.moments import as_clock, as_span, as_utc


def text(heading: str, key: str | None = None, means: str = "", **more: Any) -> Column:
    return Column(heading, key or heading, means, **more)


def number(heading: str, key: str | None = None, means: str = "", **more: Any) -> Column:
    return Column(heading, key or heading, means, right=True, **more)


def moment(heading: str, key: str, means: str = "", **more: Any) -> Column:
    return Column(f"{heading} (UTC)", key, means, as_utc, short=as_clock, **more)


def age(heading: str, key: str, means: str = "", **more: Any) -> Column:
    return Column(heading, key, means, as_span, right=True, **more)


def share(heading: str, key: str, means: str = "", **more: Any) -> Column:
    return Column(heading, key, means, lambda percent: f"{percent:.3f} %", right=True, **more)


def claim(heading: str, key: str | None = None, means: str = "", **more: Any) -> Column:
    return Column(heading, key or heading, means, lambda value: "yes" if value else "no", **more)


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


_WHOSE = text("account", means="whose it is")
_MARKET = text("category", means="the market: spot, or what else the exchange has", rank=5)
_SYMBOL = text("symbol", means="as the exchange writes it")
_BY = text("by", "source", "who said so first: stream, reconcile, audit or poll", rank=7)
_ORDER = text("order", "order_id", "the exchange's id: history order ID", rank=9)
_SEQ = number("seq", means="its row in the journal", rank=4)

_SEEN = (
    text("account", means="its name in the settings"),
    text("exchange", means="where it is", rank=8),
    text("state", means="live: bytes come, the subscription stands, and a comparison agreed", toned=True),
    moment("since", "since", "since when it is in that state", rank=2),
    age("heard", "transport_age_s", "how long ago the exchange's last byte came"),
    claim("subscribed", means="whether the exchange acknowledged it on this very connection", rank=1),
    age("audited", "audit_age_s", "how long ago a complete answer by REST agreed with the ledger"),
    moment("proven to", "proven_to", "up to when the ledger is known to be complete"),
    claim("polling", means="whether REST is the only source, and works", rank=7),
    number("reconnects", means="how often the stream came up again", rank=9),
    Column("breaker", "breaker", "open: it failed too often in a row, and waits", _breaker, rank=3),
)

_ORDERED = (
    _WHOSE,
    _SYMBOL,
    text("side", means="buy or sell"),
    number("quantity", means="of the base asset"),
    number("price", means="its limit; - is at the market"),
    text("state", means="what has become of it: judged, placed, refused …"),
    text("order", "order_id", "the exchange's id", rank=3),
    text("client order", "client_order_id", "ours: cancel ACCOUNT takes either", rank=2),
    text("why", means="the reason, where it was not placed", folds=24),
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "status": _SEEN,
    "accounts": (
        *_SEEN,
        share("live", "uptime_pct", "share of the time since it was first seen in which it was live"),
        share("of 24 h", "uptime_24h_pct", "the same of the last 24 hours", rank=6),
        age("blind", "blind_s", "time without an acknowledged stream, since it was first seen", rank=2),
        number("gaps", means="how often it became blind", rank=4),
        text("last blind because", "last_cause", "why, the last time", rank=5, folds=24),
    ),
    "actors": (
        text("actor", "id", "its id: restart ID, history actor ID"),
        text("group", means="what is restarted with it, or beside it", rank=9),
        text("phase", means="running, or on its way to or from that", toned=True),
        number("generation", means="how many there were, itself included"),
        number("restarts", means="how often it was started again"),
        text("last end", "last_reason", "why the one before ended", rank=3),
        Column(
            "waiting / most / dropped",
            "mailbox",
            "messages that wait, the most that ever did, and those thrown away",
            _mailbox,
            rank=2,
        ),
    ),
    "fills": (
        _SEQ,
        moment("traded", "traded_at", "when, by the exchange"),
        text("account", means="whose it is", folds=9, rank=1),
        _SYMBOL,
        text("side", means="buy or sell"),
        number("price", means="of one"),
        number("quantity", means="how much"),
        number("fee", means="above 0 paid, below 0 received; - is unknown, never 0"),
        text("in", "fee_asset", "the fee's asset"),
        text("as", "liquidity", "maker or taker", rank=8),
        _ORDER,
        _BY,
    ),
    "orders": (
        moment("changed", "updated_at", "when, by the exchange"),
        text("account", means="whose it is", folds=9, rank=1),
        _SYMBOL,
        text("side", means="buy or sell"),
        text("type", means="limit, market …", rank=7),
        text("status", means="pending, untriggered, open, partially_filled, or how it ended"),
        number("price", means="its limit"),
        number("quantity", means="how much it is for"),
        number("filled", means="how much of that is done"),
        number("average", "average_price", "the price at which that was done", rank=8),
        _ORDER,
    ),
    "balances": (
        _WHOSE,
        text("asset", means="what is held"),
        number("free", means="what can be used"),
        number("locked", means="what orders hold"),
        number("total", means="both, or all that the exchange says"),
        moment("changed", "updated_at", "when, by the exchange", rank=5),
    ),
    "positions": (
        _WHOSE,
        _MARKET,
        _SYMBOL,
        text("side", means="buy is long, sell is short"),
        number("size", means="how much; flat ones are not shown"),
        number("entry", "entry_price", "the average price at which it was opened"),
        number("unrealised", "unrealised_pnl", "profit so far, as the exchange said it last"),
        moment("changed", "updated_at", "when, by the exchange", rank=6),
    ),
    "prices": (
        text("exchange", means="whose price it is"),
        _MARKET,
        _SYMBOL,
        number("bid", means="the best that somebody pays"),
        number("ask", means="the best for which somebody sells"),
        age("age", "age_s", "how old the price is that was believed last"),
        text("by", "source", "stream or rest", rank=6),
        claim("good", means="whether it may be acted on"),
        Column("refused", "refused", "how often what was not believed, and why", _counts, rank=4),
        text("why not", "why", "why there is none to act on", folds=24),
        Column("for", "accounts", "the accounts that share it", ", ".join, rank=3),
    ),
    "cash": (
        _SEQ,
        moment("at", "at", "when, by the exchange"),
        _WHOSE,
        text("kind", means="deposit, withdrawal, transfer, funding, interest or settlement"),
        number("amount", means="above 0 credited, below 0 debited"),
        text("asset", means="of what"),
        text("id", means="the exchange's: history cash ID", rank=9),
        _BY,
    ),
    "fees": (
        _WHOSE,
        text("category", means="the market, where the total is of one symbol", rank=9),
        text("by", "key", "what was totalled: an asset, a day, a symbol, an order"),
        number("fee", means="the exact sum of what is known; - where nothing is"),
        text("in", "fee_asset", "the fee's asset"),
        number("fills", means="how many it is the fee of"),
        number("unknown", means="how many of them have a fee that nobody knows", rank=5),
        Column("worth", "worth", "what it was worth in the quote assets", _worth, folds=24),
        number("unproven", means="fills whose fee's worth the ledger cannot prove", rank=4),
    ),
    "maker share": (
        _WHOSE,
        text("in", "quote", "the quote asset"),
        number("volume", means="what was traded, price times quantity"),
        number("as maker", "maker", "how much of it as maker"),
        share("share", "maker_pct", "the maker's part of it"),
        number("saved", means="what that saved against the taker's rate, where it is known"),
        number("fills", means="how many there were", rank=6),
        number("unknown", means="fills of which nobody knows whether they were the maker's", rank=5),
        number("unproven", means="the maker's fills whose taker rate of that time is not known", rank=4),
    ),
    "fill fees": (
        number("fill", "fill_seq", "the fill's seq", rank=5),
        moment("traded", "traded_at", "when, by the exchange"),
        _WHOSE,
        _SYMBOL,
        _ORDER,
        number("fee", means="above 0 paid, below 0 received; - is unknown"),
        text("in", "fee_asset", "the fee's asset"),
        number("worth", means="what it was worth, where the ledger proves that"),
        text("in", "worth_in", "the quote asset"),
        text("as", "liquidity", "maker or taker", rank=8),
        number("saved", means="less than the taker's fee, where the rate of that time is known", rank=6),
    ),
    "trades": (
        _SEQ,
        moment("bought", "bought_at", "when its BUY was filled, by the exchange"),
        age("age", "age_s", "since then, or until its last unit was sold", rank=5),
        _WHOSE,
        _SYMBOL,
        number("quantity", means="how much that fill bought"),
        number("at", "price", "for which price"),
        text("state", means="waiting, placing, resting, partly sold, or how it ended"),
        number("sell at", "sell_price", "the price of its SELL"),
        number("sold", means="how much of it is sold", rank=2),
        number("left", means="how much is not", rank=3),
        number("profit", means="after all fees, once it is over; - is unknown"),
        number(
            "unrealised",
            means="what the rest would bring at the price of now; - without a good price",
            rank=6,
        ),
        text("in", "quote", "the quote asset", rank=7),
        text("trade", "id", "trades show ID", rank=1),
        text("why", means="what it waits for, or why it ended", rank=4, folds=24),
    ),
    "trades show": (
        moment("at", "at", "when, by the exchange"),
        text("what", means="the order or fill: BUY first, then its SELLs"),
        text("order", "order_id", "the exchange's id", rank=5),
        text("client order", "client_order_id", "ours", rank=4),
        text("status", means="how an order stands"),
        number("price", means="the limit of an order, the price of a fill"),
        number("quantity", means="how much"),
        number("filled", means="how much of an order is done", rank=2),
        number("fee", means="above 0 paid, below 0 received; - is unknown"),
        text("in", "fee_asset", "the fee's asset"),
        text("why", means="what the exchange said, or what is waited for", rank=3, folds=24),
    ),
    "trades profit": (
        _WHOSE,
        text("day", means="on which the trades were over, UTC"),
        _SYMBOL,
        number("trades", means="how many"),
        number("sold", "units", "of the base asset", rank=5),
        number("proceeds", means="what was paid for them", rank=4),
        number("fees", means="of both sides, in the quote asset"),
        number("cost", means="what they had cost", rank=3),
        number("profit", means="what remains"),
        text("in", "quote", "the quote asset"),
        number("unknown", means="trades whose profit nobody knows: in no sum", rank=2),
    ),
    "trades curve": (
        moment("at", "at", "when a trade was over"),
        _WHOSE,
        _SYMBOL,
        number("profit", means="of this trade; - is unknown"),
        number("total", means="of all until then"),
        text("in", "quote", "the quote asset"),
        number("unknown", means="trades whose profit nobody knows: in no sum", rank=2),
        text("trade", "id", "trades show ID", rank=3),
    ),
    "retry": (
        text("trade", means="its id"),
        text("state", means="how it stands now"),
        text("error", means="why it does not go on"),
    ),
    "buy": _ORDERED,
    "sell": _ORDERED,
    "cancel": (
        _WHOSE,
        text("order", means="which one"),
        text("state", means="what has become of it"),
        text("why", means="the reason, where it was not cancelled", folds=24),
    ),
    "halt": (
        _WHOSE,
        claim("halted", means="whether nothing more is placed"),
        text("why", means="for which reason", folds=24),
        number("cancelling", means="how many SELLs are being cancelled"),
        text("error", means="why it could not be done"),
    ),
    "history": (
        _SEQ,
        moment("from", "valid_from", "since when it was so"),
        moment("until", "valid_until", "and until when; - is still", rank=3),
        text("account", means="whose it is", rank=5),
        text("kind", means="what it is about", rank=8),
        text("symbol", means="as the exchange writes it", rank=7),
        text("outcome", means="new, changed, impossible, contradicted", rank=2),
        text("by", "source", "stream, reconcile, audit, poll or command", rank=1),
        Column("what was said", "fact", "without what was left open", statement, folds=24),
    ),
    "account": (
        moment("at", "at", "when it changed"),
        text("account", means="which one", rank=5),
        text("from", "previous", "the state before"),
        text("to", "state", "the state then", toned=True),
        text("cause", means="why", folds=24),
    ),
    "actor": (
        moment("at", "at", "when it happened"),
        text("actor", "child", "which one", rank=5),
        number("generation", "gen", "which of its lives", rank=4),
        text("event", means="what happened: docs/logs.md explains each"),
        text("detail", means="why", folds=24),
    ),
    "incidents": (
        number("id", means="for acknowledge ID"),
        moment("last seen", "seen_at", "when it was said, or was over"),
        text("severity", means="info, warning or critical", toned=True),
        text("kind", means="docs/operations.md has a runbook for each"),
        text("account", means="whose it is, - for the daemon's own", rank=1),
        number("times", "count", "how often it was said", rank=6),
        moment("first", "opened_at", "when it was opened", rank=7),
        moment("seen by a person", "acknowledged_at", "when somebody acknowledged it", rank=5),
        moment("over", "resolved_at", "when its cause was gone; - is open", rank=2),
        text("what", "text", "in words", folds=24),
    ),
    "faults": (
        text("word", "kind", "for fault ACCOUNT WORD"),
        text("what", "label", "in a few words", rank=5),
        text("what happens", "text", "and what vigil does then", folds=24),
    ),
    "audit": (
        moment("at", "at", "when it happened, by the exchange"),
        text("kind", means="fill, order, balance, position or cash"),
        text("symbol", means="as the exchange writes it", rank=4),
        text("key", means="which one: history KIND KEY", folds=12),
        text("outcome", means="new and changed are repaired; what else there is stays, and is an incident"),
        text("the ledger said", "ledger", "- had nothing", folds=24),
        text("the exchange says", "exchange", "- shows nothing", folds=24),
    ),
    "secrets": (
        text("name", means="named in the settings as vault:NAME"),
        moment("set", "set_at", "when it was; - is not there, and named all the same"),
        Column("used by", "used_by", "the places in the settings", ", ".join, folds=24),
    ),
    "coverage": (
        _WHOSE,
        text("category", means="the market"),
        text("what", "kind", "proven: watched and confirmed; gap: nobody watched"),
        moment("since", "since", "where it begins, by the exchange's clock"),
        moment("until", "until", "where it ends; - goes on"),
        age("for", "seconds", "how long", rank=3),
        Column(
            "",
            "open",
            "OPEN: no complete answer has reached back over all of it yet",
            lambda value: "OPEN" if value else "",
            toned=True,
        ),
        text("by", "source", "which comparison proved or closed it last", rank=7),
        moment("at", "at", "when", rank=6),
        age("closed after", "closed_after_s", "how long a gap stayed open after its end", rank=4),
        number("proofs", means="how many complete answers confirm it", rank=8),
        number("repaired", means="facts that the closing answer brought and nobody had told", rank=5),
    ),
}

_PARTS = {"fill fees", "maker share", "account", "actor", "trades show", "trades profit", "trades curve"}
LOOKS: dict[str, tuple[tuple[str, str], ...]] = {
    **{look: (("Columns", look),) for look in COLUMNS.keys() - _PARTS},
    "status": (("Accounts", "status"),),
    "fees": (("Columns", "fees"), ("With --by fill", "fill fees"), ("With --by account", "maker share")),
    "trades": (
        ("Columns", "trades"),
        ("With show", "trades show"),
        ("With profit", "trades profit"),
        ("With curve", "trades curve"),
    ),
    "history": (
        ("Of an order, a fill, a balance, a position, cash", "history"),
        ("Of an account", "account"),
        ("Of an actor", "actor"),
    ),
    "audit": (("Differences", "audit"),),
}
"""Which tables a word shows, each with its title in the word's help."""
