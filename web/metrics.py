"""What `/metrics` says: the status document and the figures, in Prometheus' text format.

Nothing is counted here. Each scrape reads what the daemon publishes anyway, so the
page, the command line and a graph can never disagree, and an account that was
removed takes its series along. Three rules:

* What the daemon does not know has no series; it is never 0.
* Every label is one of `LABELS`, and each of them has few values: as many as there are
  accounts, children, exchanges or words of a fixed list. There is no label for a symbol,
  an order or a text.
* A family is one row of `FAMILIES`. docs/metrics.md has the same rows, and a test
  keeps it so.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, get_args

from core.alerts import ChannelState
from core.figures import Figures
from core.latency import Spread
from core.records import Severity
from core.status import AccountState, BreakerMode, Document

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LABELS: Mapping[str, str] = {
    "account": "an account of the settings",
    "exchange": "`binance` `binance_us` `bybit` `cryptocom`",
    "state": "a state of an account or of the daemon, a fixed list each",
    "mode": "`closed` `open` `half_open` `held`",
    "duty": "`heartbeat` `rotation` `listen_key` `permissions`",
    "source": "`stream` `reconcile` `audit` `poll` `command`",
    "actor": "a child: three of each account, those of `core`, and with a trader those of `trading`",
    "group": "the group of a child: two of each account, `core`, and with a trader `trading`",
    "origin": "scheme, host and port of an exchange's REST",
    "flaw": "`empty` `crossed` `stale` `jump`",
    "severity": "`info` `warning` `critical`",
    "channel": "the place of a URL in `alerts.urls`, from 0",
    "quantile": "`0.5` `0.9` `0.99`, over the last 60 s",
    "version": "the version of vigil",
    "python": "the version of Python",
}
DAEMON_STATES = ("ok", "degraded", "starting", "stopping")
_PRESENT = frozenset({"starting", "running", "stopping"})

Sample = tuple[tuple[str, ...], float]


class Sources(Protocol):
    """What is asked: both answer at once, in any thread (`control.services.Services` has them)."""

    def status(self) -> Document: ...

    def figures(self) -> Figures: ...


class Seen(NamedTuple):
    """What one scrape is computed from."""

    status: Document
    figures: Figures


Samples = Callable[[Seen], Iterable[Sample]]


class Family(NamedTuple):
    """One metric: what it is called, what it means, by which labels it is told apart, and its samples."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]
    samples: Samples


class Summary(NamedTuple):
    """One latency: percentiles of the last minute, and count and sum since the start."""

    name: str
    help: str
    spread: Callable[[Seen], Spread]
    kind: Literal["summary"] = "summary"
    labels: tuple[str, ...] = ("quantile",)


def exposition(services: Sources) -> bytes:
    """The answer to one scrape."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(Seen(services.status(), services.figures())))
    return generate_latest(registry)


class _Scrape:
    """A custom collector of one moment."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Any]:
        for family in FAMILIES:
            yield _metric(family, self._seen) if isinstance(family, Family) else _summary(family, self._seen)


def _metric(family: Family, seen: Seen) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in family.samples(seen):
        metric.add_metric(labels, value)
    return metric


def _summary(family: Summary, seen: Seen) -> Any:
    from prometheus_client.core import SummaryMetricFamily

    metric = SummaryMetricFamily(family.name, family.help)
    spread = family.spread(seen)
    if spread.count:
        metric.add_metric((), spread.count, spread.sum_ms / 1000)
    for share, ms in spread.quantiles.items():
        metric.add_sample(family.name, {"quantile": f"{share:g}"}, ms / 1000)
    return metric


# ------------------------------------------------------------- where samples come from


def _one(value: float | None) -> Iterable[Sample]:
    return () if value is None else (((), value),)


def _of_accounts(key: str) -> Samples:
    """One sample for each account whose row knows that key."""

    def samples(seen: Seen) -> Iterator[Sample]:
        for row in seen.status["accounts"]:
            if row[key] is not None:
                yield (row["account"],), float(row[key])

    return samples


def _by_account(values: Mapping[str, float], seen: Seen) -> Iterator[Sample]:
    """Those of the accounts that there are."""
    for row in seen.status["accounts"]:
        if row["account"] in values:
            yield (row["account"],), values[row["account"]]


def _is(words: Iterable[str], present: str) -> Iterator[tuple[str, float]]:
    """Each word of a fixed list, 1 for the one that holds."""
    return ((word, float(word == present)) for word in words)


def _account_info(seen: Seen) -> Iterator[Sample]:
    return (((row["account"], row["exchange"]), 1.0) for row in seen.status["accounts"])


def _account_state(seen: Seen) -> Iterator[Sample]:
    for row in seen.status["accounts"]:
        for state, holds in _is(get_args(AccountState), row["state"]):
            yield (row["account"], state), holds


def _breaker_mode(seen: Seen) -> Iterator[Sample]:
    for row in seen.status["accounts"]:
        for mode, holds in _is(get_args(BreakerMode), row["breaker"]["mode"]):
            yield (row["account"], mode), holds


def _breaker_failures(seen: Seen) -> Iterator[Sample]:
    return (((row["account"],), row["breaker"]["failures"]) for row in seen.status["accounts"])


def _proven_lag(seen: Seen) -> Iterator[Sample]:
    for row in seen.status["accounts"]:
        if row["proven_to"] is not None:
            yield (row["account"],), (seen.figures.now_ms - row["proven_to"]) / 1000


def _last_event(seen: Seen) -> Iterator[Sample]:
    for row in seen.status["accounts"]:
        if row["last_event_at"] is not None:
            yield (row["account"],), row["last_event_at"] / 1000


def _duties(seen: Seen) -> Iterator[Sample]:
    for row in seen.status["accounts"]:
        for duty, age in row["duties"].items():
            if age is not None:
                yield (row["account"], duty), age


def _news(seen: Seen) -> Iterator[Sample]:
    accounts = {row["account"] for row in seen.status["accounts"]}
    return ((key, count) for key, count in sorted(seen.figures.news.items()) if key[0] in accounts)


def _running(seen: Seen) -> Iterator[Sample]:
    for row in seen.status["actors"]:
        yield (row["id"], row["group"]), float(row["phase"] == "running")


def _restarts(seen: Seen) -> Iterator[Sample]:
    return (((row["id"],), row["restarts"]) for row in seen.status["actors"])


def _mailbox(count: str) -> Samples:
    """Of the actors that there are: one that waits for its restart has no mailbox."""

    def samples(seen: Seen) -> Iterator[Sample]:
        rows = (row for row in seen.status["actors"] if row["phase"] in _PRESENT)
        return (((row["id"],), row["mailbox"][count]) for row in rows)

    return samples


def _ledger(key: str) -> Samples:
    return lambda seen: _one(seen.status["ledger"][key])


def _origins(attribute: str) -> Samples:
    return lambda seen: (((usage.origin,), getattr(usage, attribute)) for usage in seen.figures.origins)


def _prices_refused(seen: Seen) -> Iterator[Sample]:
    return ((key, count) for key, count in sorted(seen.figures.prices_refused.items()))


def _incidents(seen: Seen) -> Iterator[Sample]:
    counts = seen.figures.open_incidents
    if counts is not None:
        yield from (((severity,), counts[severity]) for severity in get_args(Severity))


def _channels(key: str) -> Samples:
    return lambda seen: (((str(row["channel"]),), row[key]) for row in seen.status["alerts"])


def _failing(seen: Seen) -> Iterator[Sample]:
    """Of the channels that were used: whether one works is not known before."""
    known: tuple[ChannelState, ...] = ("ok", "failing")
    for row in seen.status["alerts"]:
        if row["state"] in known:
            yield (str(row["channel"]),), float(row["state"] == "failing")


def _state(seen: Seen) -> Iterator[Sample]:
    return (((word,), holds) for word, holds in _is(DAEMON_STATES, seen.status["state"]))


def _build(seen: Seen) -> Iterator[Sample]:
    yield (seen.status["version"], platform.python_version()), 1.0


# --------------------------------------------------------------------------- the table

FAMILIES: tuple[Family | Summary, ...] = (
    Family("vigil_build_info", "gauge", "Always 1: which vigil this is.", ("version", "python"), _build),
    Family("vigil_state", "gauge", "1 for the state that the daemon is in.", ("state",), _state),
    Family(
        "vigil_start_time_seconds", "gauge", "When the daemon started, in Unix time.", (),
        lambda seen: _one(seen.status["started_at"] / 1000),
    ),
    Family(
        "vigil_settings_error", "gauge", "1 while the settings file is refused and older settings hold.", (),
        lambda seen: _one(float(seen.status["settings"]["error"] is not None)),
    ),
    Family(
        "vigil_settings_warnings", "gauge", "How many warnings the settings in force have.", (),
        lambda seen: _one(len(seen.status["settings"]["warnings"])),
    ),
    Family(
        "vigil_account_info", "gauge", "Always 1: at which exchange an account is.",
        ("account", "exchange"), _account_info,
    ),
    Family(
        "vigil_account_state", "gauge", "1 for the state that an account is in.",
        ("account", "state"), _account_state,
    ),
    Family(
        "vigil_account_transport_age_seconds", "gauge", "Time since the peer's last byte.",
        ("account",), _of_accounts("transport_age_s"),
    ),
    Family(
        "vigil_account_subscribed", "gauge", "1 if the stream is acknowledged on the socket in use.",
        ("account",), _of_accounts("subscribed"),
    ),
    Family(
        "vigil_account_audit_age_seconds", "gauge", "Time since the last complete comparison with the exchange.",
        ("account",), _of_accounts("audit_age_s"),
    ),
    Family(
        "vigil_account_proven_lag_seconds", "gauge", "How far behind now the ledger is proven complete.",
        ("account",), _proven_lag,
    ),
    Family(
        "vigil_account_last_event_timestamp_seconds", "gauge",
        "When the stream last delivered an event, in Unix time; a quiet account is healthy.",
        ("account",), _last_event,
    ),
    Family(
        "vigil_account_duty_age_seconds", "gauge",
        "Time since a periodic duty last succeeded; that of rotation is the age of the subscription.",
        ("account", "duty"), _duties,
    ),
    Family(
        "vigil_account_listen_key_expiry_seconds", "gauge", "Time until the listen key in use expires.",
        ("account",), lambda seen: _by_account(seen.figures.key_expires_in, seen),
    ),
    Family(
        "vigil_account_reconnects_total", "counter", "How often the stream came up again.",
        ("account",), _of_accounts("reconnects"),
    ),
    Family(
        "vigil_account_blind_seconds_total", "counter",
        "Time without an acknowledged stream since the account was first seen, restarts included.",
        ("account",), lambda seen: _by_account(seen.figures.blind, seen),
    ),
    Family(
        "vigil_breaker_mode", "gauge", "1 for the mode of the breaker of an account's stream.",
        ("account", "mode"), _breaker_mode,
    ),
    Family(
        "vigil_breaker_failures", "gauge", "Failures in a row of an account's stream.",
        ("account",), _breaker_failures,
    ),
    Family(
        "vigil_events_total", "counter", "Facts that changed the ledger, by where they came from.",
        ("account", "source"), _news,
    ),
    Summary(
        "vigil_event_to_commit_seconds", "From the receipt of a frame to its commit.",
        lambda seen: seen.figures.event_to_commit,
    ),
    Summary("vigil_commit_seconds", "The duration of one commit.", lambda seen: seen.figures.commit),
    Family("vigil_ledger_sequence", "gauge", "The journal's newest sequence.", (), _ledger("sequence")),
    Family("vigil_ledger_fills", "gauge", "Fills in the ledger.", (), _ledger("fills")),
    Family("vigil_ledger_orders", "gauge", "Orders in the ledger.", (), _ledger("orders")),
    Family("vigil_spilled", "gauge", "Facts that wait outside the database.", (), _ledger("spilled")),
    Family("vigil_actor_running", "gauge", "1 if an actor runs.", ("actor", "group"), _running),
    Family("vigil_actor_restarts_total", "counter", "Restarts of an actor.", ("actor",), _restarts),
    Family("vigil_mailbox_depth", "gauge", "Messages that wait for an actor.", ("actor",), _mailbox("depth")),
    Family("vigil_mailbox_high", "gauge", "The most that ever waited.", ("actor",), _mailbox("high")),
    Family(
        "vigil_mailbox_dropped_total", "counter", "Messages that found no room.",
        ("actor",), _mailbox("dropped"),
    ),
    Family(
        "vigil_rest_weight_used", "gauge", "Weight used of this minute's budget.",
        ("origin",), _origins("used"),
    ),
    Family(
        "vigil_rest_weight_limit", "gauge", "The weight that a minute allows.",
        ("origin",), _origins("limit"),
    ),
    Family(
        "vigil_rest_closed_seconds", "gauge", "Time until the exchange allows calls again; 0 = now.",
        ("origin",), _origins("closed_for"),
    ),
    Family(
        "vigil_price_age_seconds", "gauge", "Age of the oldest price that the trader needs for an account.",
        ("account",), lambda seen: _by_account(seen.figures.price_ages, seen),
    ),
    Family(
        "vigil_prices_lacking", "gauge", "Symbols without a price that the trader may act on.",
        ("account",), lambda seen: _by_account(seen.figures.prices_lacking, seen),
    ),
    Family(
        "vigil_price_refused_total", "counter", "Prices that were not believed, by what was wrong with them.",
        ("exchange", "flaw"), _prices_refused,
    ),
    Family("vigil_incidents_open", "gauge", "Incidents that are not over.", ("severity",), _incidents),
    Family(
        "vigil_alert_channel_failing", "gauge", "1 if the last message to a channel failed.",
        ("channel",), _failing,
    ),
    Family(
        "vigil_alert_messages_sent_total", "counter", "Messages that a channel took.",
        ("channel",), _channels("sent"),
    ),
    Family(
        "vigil_alert_messages_lost_total", "counter", "Messages that a channel never took.",
        ("channel",), _channels("lost"),
    ),
)  # fmt: skip
