"""`/metrics`: well-formed, documented, bounded, and silent about what is not known."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.budget import Usage
from core.figures import Figures
from core.status import AccountState, BreakerMode, ChildStatus, LedgerVitals
from tests.support.exposition import Sources, samples
from web.metrics import CONTENT_TYPE, DAEMON_STATES, FAMILIES, LABELS, exposition

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()


def text(sources: Sources | None = None) -> str:
    return exposition(sources or Sources()).decode()


def test_every_family_has_a_help_a_type_and_only_documented_labels() -> None:
    said = text()
    families = {family.name: family for family in text_string_to_metric_families(said)}
    assert len(families) == len(FAMILIES)
    for family in FAMILIES:
        name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
        told = families[name]
        assert (told.type, told.documentation) == (family.kind, family.help)
        assert set(family.labels) <= LABELS.keys()
        assert f"# HELP {family.name} " in said
        assert f"# TYPE {family.name} {family.kind}" in said
        for sample in told.samples:
            labels = set(sample.labels)
            assert labels == set(family.labels) or (family.kind == "summary" and not labels), sample


def test_every_family_has_samples_where_everything_is_known() -> None:
    silent = [family.name for family in text_string_to_metric_families(text()) if not family.samples]
    assert silent == []


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"vigil_[a-z_]+", family.name)
        assert (family.kind == "counter") == family.name.endswith("_total"), family.name
        assert not re.search(r"_(ms|minutes|hours)(_|$)", family.name), "seconds, as everywhere"
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_the_page_has_a_row_for_every_family_and_no_other() -> None:
    rows = {name: row for row, name in re.findall(r"^(\| `(vigil_\w+)` \|.*)$", PAGE, re.MULTILINE)}
    assert rows == {
        family.name: f"| `{family.name}` | {family.kind} | "
        f"{' '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
        for family in FAMILIES
    }


def test_the_page_has_a_row_for_every_label_and_names_every_state() -> None:
    part = PAGE[PAGE.index("## Labels") :]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", part, re.MULTILINE)) == dict(LABELS)
    assert all(f"`{state}`" in part for state in (*get_args(AccountState), *DAEMON_STATES))
    assert {label for family in FAMILIES for label in family.labels} == LABELS.keys()


def test_no_label_grows_with_trading() -> None:
    """No symbol, no order, no text; and never an account together with another label without bound."""
    assert not {"symbol", "order", "asset", "text", "key", "reason", "kind"} & LABELS.keys()
    beside = {label for family in FAMILIES if "account" in family.labels for label in family.labels}
    assert beside == {"account", "exchange", "state", "mode", "duty", "source"}


def test_an_account_has_one_series_for_each_state_and_is_in_one() -> None:
    said = samples(text())
    for account, state in (("main", "live"), ("other", "held")):
        series = {
            word: said["vigil_account_state", "account", account, "state", word]
            for word in get_args(AccountState)
        }
        assert [word for word, value in series.items() if value] == [state]
        modes = [
            said["vigil_breaker_mode", "account", account, "mode", mode] for mode in get_args(BreakerMode)
        ]
        assert sum(modes) == 1


def test_the_numbers_are_those_of_the_status_and_the_figures() -> None:
    said = samples(text())
    main = ("account", "main")
    assert said["vigil_account_transport_age_seconds", *main] == 1.5
    assert said["vigil_account_subscribed", *main] == 1
    assert said["vigil_account_audit_age_seconds", *main] == 20
    assert said["vigil_account_proven_lag_seconds", *main] == 7.5
    assert said["vigil_account_duty_age_seconds", *main, "duty", "heartbeat"] == 4
    assert said["vigil_account_reconnects_total", *main] == 2
    assert said["vigil_account_blind_seconds_total", *main] == 12.5
    assert said["vigil_events_total", *main, "source", "stream"] == 17
    assert said["vigil_account_listen_key_expiry_seconds", "account", "other"] == 1234.5
    assert said["vigil_event_to_commit_seconds", "quantile", "0.99"] == 0.004
    assert said["vigil_event_to_commit_seconds_sum",] == 0.038
    assert said["vigil_event_to_commit_seconds_count",] == 19
    assert said["vigil_commit_seconds", "quantile", "0.5"] == 0.0002
    assert said["vigil_spilled",] == 1
    assert said["vigil_ledger_fills",] == 4
    assert said["vigil_mailbox_dropped_total", "actor", "main/connection"] == 2
    assert said["vigil_actor_restarts_total", "actor", "other/connection"] == 1
    assert said["vigil_actor_running", "actor", "other/connection", "group", "other.stream"] == 0
    assert said["vigil_rest_weight_used", "origin", "https://api.bybit.com"] == 40
    assert said["vigil_price_age_seconds", *main] == 2.5
    assert said["vigil_prices_lacking", *main] == 1
    assert said["vigil_price_refused_total", "exchange", "bybit", "flaw", "crossed"] == 3
    assert said["vigil_incidents_open", "severity", "critical"] == 2
    assert said["vigil_alert_channel_failing", "channel", "0"] == 0
    assert said["vigil_alert_messages_sent_total", "channel", "0"] == 3
    assert said["vigil_settings_error",] == 0
    assert said["vigil_state", "state", "degraded"] == 1
    assert said["vigil_build_info", *_python(said), "version", "1.2.3"] == 1


def _python(said: dict[tuple[object, ...], float]) -> tuple[object, ...]:
    (key,) = (key for key in said if key[0] == "vigil_build_info")
    return key[1:3]


def test_what_is_not_known_has_no_series_and_is_never_zero() -> None:
    sources = Sources()
    sources.vitals = {}
    sources.ledger = LedgerVitals()
    sources.known = Figures(now_ms=0)
    said = samples(text(sources))
    names = {key[0] for key in said}
    assert not names & {
        "vigil_account_transport_age_seconds",
        "vigil_account_audit_age_seconds",
        "vigil_account_proven_lag_seconds",
        "vigil_account_last_event_timestamp_seconds",
        "vigil_account_duty_age_seconds",
        "vigil_account_listen_key_expiry_seconds",
        "vigil_account_blind_seconds_total",
        "vigil_events_total",
        "vigil_event_to_commit_seconds",
        "vigil_event_to_commit_seconds_count",
        "vigil_commit_seconds",
        "vigil_rest_weight_used",
        "vigil_price_age_seconds",
        "vigil_prices_lacking",
        "vigil_price_refused_total",
        "vigil_incidents_open",
    }


def test_an_address_that_was_never_used_neither_works_nor_fails() -> None:
    assert ("vigil_alert_channel_failing", "channel", "1") not in samples(text())


def test_an_actor_that_waits_for_its_restart_has_no_mailbox() -> None:
    assert ("vigil_mailbox_depth", "actor", "other/connection") not in samples(text())


def test_a_minute_without_events_has_no_quantiles_and_keeps_its_count() -> None:
    sources = Sources()
    assert sources.known.commit is not None
    quiet = msgspec.structs.replace(sources.known.commit, quantiles={})
    sources.known = msgspec.structs.replace(sources.known, commit=quiet)
    said = samples(text(sources))
    assert ("vigil_commit_seconds", "quantile", "0.5") not in said
    assert said["vigil_commit_seconds_count",] == 20


def test_series_of_a_removed_account_vanish_with_it() -> None:
    sources = Sources()
    before = text(sources)
    assert 'account="other"' in before
    assert "gone" not in before, "what the ledger remembers of an account that the settings do not name"
    sources.accounts.pop()
    sources.children.pop()
    after = text(sources)
    assert "other" not in after
    assert 'account="main"' in after


def test_a_refused_settings_file_is_a_one() -> None:
    sources = Sources()
    sources.settings_error = "accounts.main: no such key"
    said = text(sources)
    assert samples(said)["vigil_settings_error",] == 1
    assert "no such key" not in said


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a\nb", "ä"])
def test_odd_names_are_escaped(odd: str) -> None:
    """No account can be called so; an origin is what somebody wrote into a file."""
    sources = Sources()
    sources.known = msgspec.structs.replace(sources.known, origins=(Usage(odd, 1, 2, 0.0),))
    assert samples(text(sources))["vigil_rest_weight_used", "origin", odd] == 1


def test_two_scrapes_at_once_do_not_disturb_each_other() -> None:
    """Nothing is shared between scrapes: not a registry, not a counter."""
    first, second = Sources(), Sources()
    second.accounts = [msgspec.structs.replace(second.accounts[0], account="third")]
    second.children = [ChildStatus("core/control", "core", "running", 1, 0)]
    texts = [text(first), text(second), text(first)]
    assert texts[0] == texts[2] != texts[1]


def test_the_content_type_is_that_of_the_format() -> None:
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4
