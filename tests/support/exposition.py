"""A daemon's whole `/metrics`, with something known of everything, and what it is made of."""

from typing import Any, NamedTuple, get_args

from core.budget import Usage
from core.figures import Figures
from core.latency import Spread
from core.records import Severity
from core.report import ProcessInfo, Readings, SettingsInfo, build
from core.status import (
    AccountStatus,
    AlertVitals,
    ChannelVitals,
    ChildStatus,
    Document,
    GroupStatus,
    LedgerVitals,
    Snapshot,
    Vitals,
)

NOW_MS = 1_700_000_100_000
BOOT = 10_000.0


class Mailbox(NamedTuple):
    depth: int
    high: int
    dropped: int


class Sources:
    """What `/metrics` is computed from; every part may be changed before it is asked for."""

    def __init__(self) -> None:
        self.accounts = [
            AccountStatus("main", "bybit", "live", since=0, reconnects=2),
            AccountStatus("other", "binance_us", "held", since=0, held_reason="bad key"),
        ]
        self.children = [
            ChildStatus("core/persistence", "core", "running", 1, 0),
            ChildStatus("main/connection", "main.stream", "running", 3, 2),
            ChildStatus("other/connection", "other.stream", "waiting", 1, 1),
        ]
        self.groups = [GroupStatus("main.stream", "half_open", 5)]
        self.vitals = {"main": self._vitals()}
        self.ledger = LedgerVitals()
        self.ledger.sequence, self.ledger.fills, self.ledger.orders, self.ledger.spilled = 9, 4, 2, 1
        self.channels = AlertVitals()
        self.channels.channels = (ChannelVitals(0, "env:A"), ChannelVitals(1, "env:B"))
        self.channels.channels[0].state, self.channels.channels[0].sent = "ok", 3
        self.settings_error: str | None = None
        self.known = Figures(
            now_ms=NOW_MS,
            news={("main", "stream"): 17, ("main", "audit"): 2, ("gone", "stream"): 5},
            commit=Spread({0.5: 0.2, 0.9: 0.4, 0.99: 0.8}, 20, 8.0),
            event_to_commit=Spread({0.5: 1.5, 0.9: 2.0, 0.99: 4.0}, 19, 38.0),
            open_incidents={severity: number for number, severity in enumerate(get_args(Severity))},
            key_expires_in={"other": 1234.5, "gone": 1.0},
            blind={"main": 12.5, "gone": 99.0},
            origins=(Usage("https://api.bybit.com", 40, 600, 0.0),),
            price_ages={"main": 2.5, "gone": 9.0},
            prices_lacking={"main": 1, "gone": 9},
            prices_refused={("bybit", "crossed"): 3},
        )

    def _vitals(self) -> Vitals:
        vitals = Vitals({"spot": NOW_MS - 7_500})
        vitals.transport_at, vitals.audit_at, vitals.subscribed_gen = BOOT - 1.5, BOOT - 20, 3
        vitals.last_event_at = NOW_MS - 3_000
        vitals.duties, vitals.periods = {"heartbeat": BOOT - 4}, {"heartbeat": 20.0, "listen_key": 1200.0}
        return vitals

    def status(self) -> Document:
        return build(
            Readings(
                snapshot=Snapshot(
                    "running", tuple(self.children), tuple(self.groups), tuple(self.accounts), core_ready=True
                ),
                vitals=self.vitals,
                ledger=self.ledger,
                mailboxes={child.id: Mailbox(1, 3, 2) for child in self.children},
                settings=SettingsInfo("/etc/settings.toml", self.settings_error, ("a warning",)),
                process=ProcessInfo("1.2.3", 4711, NOW_MS - 60_000),
                boottime=BOOT,
                monotonic=BOOT,
                alerts=self.channels,
            )
        )

    def figures(self) -> Figures:
        return self.known


def samples(text: str) -> dict[tuple[Any, ...], float]:
    """Every sample as (name, label, value, …) -> number, read by Prometheus' own parser."""
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[tuple[Any, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *(part for pair in sorted(sample.labels.items()) for part in pair))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found
