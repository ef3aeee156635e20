"""What a saved settings file changes: nothing that it does not have to."""

from pathlib import Path
from typing import Any

import pytest

from core.reload import ALL, LIVE, REPLACES, SECTIONS, TOUCHES, AccountChange, SectionChange, diff, document
from core.settings import AccountSettings, Settings, validate
from exchanges.registry import REGISTRY

KNOWN = {name: exchange.defaults for name, exchange in REGISTRY.items()}
REAL = {"exchange": "bybit", "api_key": "env:K", "api_secret": "env:S"}
PLAY = {"exchange": "binance", "sandbox": True}


def settings(accounts: dict[str, Any] | None = None, **tables: Any) -> Settings:
    data = {**tables, "accounts": {"main": REAL} if accounts is None else accounts}
    judged = validate(data, base_dir=Path("/etc/vigil"), exchanges=KNOWN)
    assert judged.settings is not None, judged.problems
    return judged.settings


def account(**changed: Any) -> dict[str, Any]:
    return {"main": {**REAL, **changed}}


def change(before: dict[str, Any], after: dict[str, Any], **renewed: Any) -> AccountChange:
    (one,) = diff(settings(before), settings(after), **renewed).accounts
    return one


# ---------------------------------------------------------------------- accounts


def test_the_same_settings_change_nothing() -> None:
    changes = diff(settings(), settings())
    assert not changes
    assert (changes.accounts, changes.sections, changes.later) == ((), (), ())
    assert changes.settings == settings()


def test_an_account_comes_and_another_goes_and_a_third_is_not_named() -> None:
    before = {"old": PLAY, "main": REAL}
    after = {"main": REAL, "new": PLAY}
    assert diff(settings(before), settings(after)).accounts == (
        AccountChange("old", "removed"),
        AccountChange("new", "added"),
    )


@pytest.mark.parametrize(("enabled", "word"), [(False, "disabled"), (True, "enabled")])
def test_enabling_and_disabling_is_that_whatever_else_has_changed(enabled: bool, word: str) -> None:
    before, after = account(enabled=not enabled), account(enabled=enabled, audit_every=30)
    assert change(before, after) == AccountChange("main", word, ("audit_every", "enabled"))  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [{**REAL, "exchange": "cryptocom"}, {"exchange": "bybit", "sandbox": True}])
def test_an_account_elsewhere_is_another_one_under_its_name(after: dict[str, Any]) -> None:
    assert change(account(), {"main": after}).change == "replaced"


def test_every_key_of_an_account_says_whom_it_touches() -> None:
    assert set(TOUCHES) | REPLACES | {"enabled"} == set(AccountSettings.model_fields)
    assert set().union(*TOUCHES.values()) == set(ALL)


@pytest.mark.parametrize(
    ("key", "value", "roles"),
    [
        ("audit_every", 30, ["poller"]),
        ("poll_every", 7, ["poller"]),
        ("backfill", 0, ["poller"]),
        ("symbols", ["BTCUSDT"], ["poller"]),
        ("heartbeat", 10, ["keepalive"]),
        ("rotate_after", 7200, ["keepalive"]),
        ("listen_key_refresh", 600, ["keepalive"]),
        ("stale_after", 60, ["connection"]),
        ("backoff", {"base": 2}, []),
    ],
)
def test_a_retuned_account_renews_only_who_was_given_the_key(
    key: str, value: object, roles: list[str]
) -> None:
    children = tuple(f"main/{role}" for role in roles)
    assert change(account(), account(**{key: value})) == AccountChange("main", "retuned", (key,), children)


def test_several_keys_touch_everybody_whom_one_of_them_touches() -> None:
    one = change(account(), account(heartbeat=10, audit_every=30))
    assert one.keys == ("audit_every", "heartbeat")
    assert one.restarts == ("main/keepalive", "main/poller")


def test_the_price_stream_of_the_trader_touches_nobody_of_the_account() -> None:
    places = {"rest_url": "https://a.example", "ws_url": "wss://a.example"}
    one = change(account(**places), account(**places, public_ws_url="wss://b.example"))
    assert (one.change, one.restarts) == ("retuned", ())


@pytest.mark.parametrize(
    "changed",
    [{"api_key": "env:OTHER"}, {"api_secret": "file:other"}, {"api_key": "env:A", "api_secret": "env:B"}],
)
def test_other_credentials_renew_all_who_sign_and_what_was_refused_is_tried_again(
    changed: dict[str, str],
) -> None:
    one = change(account(), account(**changed))
    assert one == AccountChange(
        "main", "credentials", tuple(changed), ("main/connection", "main/poller"), is_retried=True
    )


def test_a_secret_that_is_another_one_behind_its_name_is_a_change_of_credentials_of_that_account_alone() -> (
    None
):
    both = settings({"main": REAL, "other": REAL})
    (one,) = diff(both, both, {"main": frozenset({"api_secret"})}).accounts
    assert (one.account, one.change, one.keys) == ("main", "credentials", ("api_secret",))
    assert one.is_retried


@pytest.mark.parametrize("key", ["rest_url", "ws_url"])
def test_at_another_address_what_was_refused_is_tried_again(key: str) -> None:
    before = {"rest_url": "https://a.example", "ws_url": "wss://a.example"}
    after = {**before, key: before[key].replace("a.example", "b.example")}
    one = change(account(**before), account(**after))
    assert (one.change, one.is_retried, "main/connection" in one.restarts) == ("retuned", True, True)


def test_another_pace_frees_nobody() -> None:
    assert not change(account(), account(audit_every=30, stale_after=60)).is_retried


def test_of_an_account_that_stays_disabled_nobody_is_renewed() -> None:
    one = change(account(enabled=False), account(enabled=False, audit_every=30, api_key="env:X"))
    assert (one.change, one.restarts) == ("credentials", ())


@pytest.mark.parametrize(("was", "is_now"), [(True, False), (False, True), (False, False), (True, True)])
def test_whatever_else_happens_to_it_other_credentials_end_what_its_stream_remembered(
    was: bool, is_now: bool
) -> None:
    assert change(account(enabled=was), account(enabled=is_now, api_key="env:X")).is_retried
    if was != is_now:
        assert not change(account(enabled=was), account(enabled=is_now)).is_retried


def test_an_exchanges_own_numbers_are_no_change_where_the_file_says_the_same() -> None:
    own = KNOWN["bybit"]
    spelt = account(heartbeat=own.heartbeat, stale_after=own.stale_after)
    assert not diff(settings(account()), settings(spelt))


# ---------------------------------------------------------------------- sections


def test_a_level_of_the_log_and_the_days_to_keep_apply_at_once() -> None:
    changes = diff(settings(), settings(supervisor={"log_level": "debug"}, database={"keep_days": 7}))
    assert changes.sections == (
        SectionChange("supervisor", ("log_level",)),
        SectionChange("database", ("keep_days",)),
    )
    assert changes.later == ()
    assert changes.settings.supervisor.log_level == "debug"
    assert changes.settings.database.keep_days == 7


@pytest.mark.parametrize(
    ("tables", "path"),
    [
        ({"supervisor": {"log_file": "vigil.log"}}, "supervisor.log_file"),
        ({"database": {"url": "sqlite:///other.db"}}, "database.url"),
        ({"control": {"socket": "other.sock"}}, "control.socket"),
        ({"vault": {"key": "env:VAULT"}}, "vault.key"),
    ],
)
def test_what_only_a_new_process_can_have_is_said_and_the_old_value_holds(
    tables: dict[str, Any], path: str
) -> None:
    old, new = settings(), settings(**tables)
    changes = diff(old, new)
    assert not changes
    (warning,) = changes.later
    assert (warning.path, warning.severity) == (path, "warning")
    assert "next start" in warning.reason
    assert changes.settings == old
    assert diff(changes.settings, new).later == changes.later, "it is said for as long as it is so"
    assert diff(changes.settings, old).later == (), "and no longer"


def test_another_data_directory_is_said_once_and_not_for_all_that_lies_in_it() -> None:
    changes = diff(settings(), settings(supervisor={"data_dir": "elsewhere"}))
    assert [problem.path for problem in changes.later] == ["supervisor.data_dir"]
    assert changes.settings == settings()


def test_what_has_to_wait_does_not_hold_up_what_has_not() -> None:
    new = settings(account(audit_every=30), supervisor={"log_level": "debug", "log_file": "vigil.log"})
    changes = diff(settings(), new)
    assert changes.settings.supervisor.log_level == "debug"
    assert changes.settings.supervisor.log_file is None
    assert changes.settings.accounts["main"].audit_every == 30


def test_a_section_renews_its_children() -> None:
    new = settings(web={"listen": "127.0.0.1:9999"}, alerts={"repeat_after": 60})
    changes = diff(settings(), new)
    assert changes.sections == (
        SectionChange("web", ("listen",), ("core/web",)),
        SectionChange("alerts", ("repeat_after",), ("core/notifier",)),
    )
    assert changes.settings == new


@pytest.mark.parametrize(("was", "is_now"), [("", "127.0.0.1:9999"), ("127.0.0.1:9999", "")])
def test_a_page_is_switched_on_and_off_like_any_other_change_of_it(was: str, is_now: str) -> None:
    changes = diff(settings(web={"listen": was}), settings(web={"listen": is_now}))
    assert changes.sections == (SectionChange("web", ("listen",), ("core/web",)),)
    assert (changes.later, changes.settings.web.listen) == ((), is_now)


def test_every_trader_goes_by_new_rules_and_where_there_is_none_they_wait_for_the_next_start() -> None:
    new = settings(trader={"dry_run": False})
    traders = ("trading/prices-binance-rest", "trading/trader-b", "trading/trader-a")
    changes = diff(settings(), new, children=traders)
    assert changes.sections == (
        SectionChange("trader", ("dry_run",), ("trading/trader-a", "trading/trader-b")),
    )
    without = diff(settings(), new)
    assert [problem.path for problem in without.later] == ["trader.dry_run"]
    assert (bool(without), without.settings.trader.dry_run) == (False, True)


def test_a_secret_of_a_section_that_is_another_one_renews_its_children() -> None:
    changes = diff(settings(), settings(), {"alerts": frozenset({"urls"})})
    assert changes.sections == (SectionChange("alerts", ("urls",), ("core/notifier",)),)


def test_the_tables_name_what_there_is() -> None:
    fields = Settings.model_fields
    assert set(SECTIONS) < set(fields)
    assert all(key in fields[section].annotation.model_fields for section, key in LIVE)  # type: ignore[union-attr]


# ---------------------------------------------------------------------- telling


def test_the_changes_as_a_document_hold_no_value_of_the_file() -> None:
    new = settings(account(api_key="file:hidden/key"), supervisor={"log_file": "hidden.log"})
    told = document(diff(settings(), new))
    assert told["accounts"] == [
        {
            "account": "main",
            "change": "credentials",
            "keys": ["api_key"],
            "restarts": ["main/connection", "main/poller"],
        }
    ]
    assert told["later"] == [
        "supervisor.log_file: takes effect at the next start of the daemon; until then the old value holds"
    ]
    assert "hidden" not in str(told)
