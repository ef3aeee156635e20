"""The environment names of older deployments, one by one."""

from pathlib import Path

import pytest

from core.problems import Problem
from host.configuration import Loaded, SettingsError, endpoints, load, spoken
from host.older_names import OLDER_NAMES

BYBIT = '[accounts.main]\nexchange = "bybit"\n'
KEYED = BYBIT + 'api_key = "file:k"\napi_secret = "file:s"\n'
CRYPTOCOM = KEYED.replace("bybit", "cryptocom")
BINANCE = KEYED.replace("bybit", "binance")
BINANCE_US = KEYED.replace("bybit", "binance_us")
SANDBOXED = BYBIT + "sandbox = true\n"
LOCAL = 'rest_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:2"\npublic_ws_url = "ws://127.0.0.1:3"\n'


class Box:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "settings.toml"

    def load(self, text: str, /, **environ: str) -> Loaded:
        self.path.write_text(text)
        return load(self.path, environ)

    def refused(self, text: str, /, **environ: str) -> Problem:
        with pytest.raises(SettingsError) as caught:
            self.load(text, **environ)
        (problem,) = (p for p in caught.value.problems if p.severity == "error")
        return problem


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


CONTRACT = [
    "BINANCE_ENABLE_USER_DATA_STREAM",
    "BINANCE_USER_DATA_STREAM_URL",
    "BINANCE_LISTEN_KEY_REFRESH_INTERVAL",
    "BINANCE_LISTEN_KEY_ENCRYPTION_KEY",
    "BINANCE_API_KEY_USER_DATA",
    "BYBIT_ENABLE_USER_DATA_STREAM",
    "BYBIT_WEBSOCKET_URL",
    "BYBIT_WEBSOCKET_PUBLIC_URL",
    "BYBIT_API_KEY",
    "BYBIT_API_SECRET",
    "BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL",
    "BYBIT_WEBSOCKET_RECONNECT_DELAY",
    "BYBIT_WEBSOCKET_MAX_RECONNECT_ATTEMPTS",
    "BYBIT_WEBSOCKET_RATE_LIMIT",
    "BYBIT_AUTH_TIMESTAMP_TOLERANCE",
    "BYBIT_AUTH_RETRY_ATTEMPTS",
]


def test_every_name_of_the_contract_is_known() -> None:
    crypto = {name.replace("BYBIT_", "CRYPTOCOM_") for name in CONTRACT if name.startswith("BYBIT_")}
    assert set(OLDER_NAMES) == {*CONTRACT, *crypto}


# --------------------------------------------------------------- name by name


@pytest.mark.parametrize(
    ("text", "name", "value", "key", "expected"),
    [
        (BINANCE, "BINANCE_ENABLE_USER_DATA_STREAM", "false", "enabled", False),
        (BINANCE + "enabled = false", "BINANCE_ENABLE_USER_DATA_STREAM", "True", "enabled", True),
        (BINANCE + LOCAL, "BINANCE_USER_DATA_STREAM_URL", "ws://127.0.0.1:9/ws-api/v3", "ws_url",
         "ws://127.0.0.1:9/ws-api/v3"),
        (BINANCE_US, "BINANCE_LISTEN_KEY_REFRESH_INTERVAL", "1800", "listen_key_refresh", 1800),
        (KEYED, "BYBIT_ENABLE_USER_DATA_STREAM", "0", "enabled", False),
        (KEYED + LOCAL, "BYBIT_WEBSOCKET_URL", "ws://127.0.0.1:9/v5/private", "ws_url",
         "ws://127.0.0.1:9/v5/private"),
        (KEYED + LOCAL, "BYBIT_WEBSOCKET_PUBLIC_URL", "ws://127.0.0.1:8", "public_ws_url", "ws://127.0.0.1:8"),
        (KEYED, "BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL", "15", "heartbeat", 15),
        (CRYPTOCOM, "CRYPTOCOM_WEBSOCKET_HEARTBEAT_INTERVAL", "12.5", "heartbeat", 12.5),
        (CRYPTOCOM + LOCAL, "CRYPTOCOM_WEBSOCKET_URL", "ws://127.0.0.1:7/exchange/v1/user", "ws_url",
         "ws://127.0.0.1:7/exchange/v1/user"),
    ],
)  # fmt: skip
def test_a_name_sets_its_key(box: Box, text: str, name: str, value: str, key: str, expected: object) -> None:
    loaded = box.load(text, **{name: value})
    assert getattr(loaded.settings.accounts["main"], key) == expected
    assert [seen.name for seen in loaded.older] == [name]


def test_delay_and_attempts_become_backoff_and_breaker(box: Box) -> None:
    loaded = box.load(KEYED, BYBIT_WEBSOCKET_RECONNECT_DELAY="5", BYBIT_WEBSOCKET_MAX_RECONNECT_ATTEMPTS="10")
    backoff = loaded.settings.accounts["main"].backoff
    assert (backoff.base, backoff.trip) == (5, 10)


def test_a_delay_above_the_usual_ceiling_raises_it(box: Box) -> None:
    backoff = box.load(KEYED, BYBIT_WEBSOCKET_RECONNECT_DELAY="60").settings.accounts["main"].backoff
    assert (backoff.base, backoff.cap) == (60, 60)


def test_keys_become_references_to_the_environment(box: Box) -> None:
    loaded = box.load(BYBIT, BYBIT_API_KEY="hunter2", BYBIT_API_SECRET="hunter3")
    account = loaded.settings.accounts["main"]
    assert (account.api_key, account.api_secret) == ("env:BYBIT_API_KEY", "env:BYBIT_API_SECRET")
    assert [seen.name for seen in loaded.older] == ["BYBIT_API_KEY", "BYBIT_API_SECRET"]
    assert "hunter" not in repr(loaded)


def test_the_key_of_the_user_data_stream_becomes_the_key(box: Box) -> None:
    text = '[accounts.main]\nexchange = "binance"\napi_secret = "env:S"\n'
    loaded = box.load(text, BINANCE_API_KEY_USER_DATA="hunter2")
    assert loaded.settings.accounts["main"].api_key == "env:BINANCE_API_KEY_USER_DATA"


def test_the_encryption_key_becomes_the_key_of_the_vault(box: Box) -> None:
    loaded = box.load(SANDBOXED, BINANCE_LISTEN_KEY_ENCRYPTION_KEY="hunter2")
    assert loaded.settings.vault.key == "env:BINANCE_LISTEN_KEY_ENCRYPTION_KEY"


def test_the_encryption_key_spares_a_vault_that_has_one(box: Box) -> None:
    loaded = box.load(SANDBOXED + '[vault]\nkey = "file:k"', BINANCE_LISTEN_KEY_ENCRYPTION_KEY="hunter2")
    assert loaded.settings.vault.key == "file:k"


@pytest.mark.parametrize(
    "name", [n for n, older in OLDER_NAMES.items() if older.key is None and older.exchanges == ("bybit",)]
)
def test_a_name_without_counterpart_is_accepted_with_a_warning(box: Box, name: str) -> None:
    loaded = box.load(SANDBOXED, **{name: "5000"})
    assert [problem.path for problem in loaded.warnings] == [name]
    assert "has no effect" in loaded.warnings[0].reason


# ------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BYBIT_ENABLE_USER_DATA_STREAM", "perhaps"),
        ("BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL", "often"),
        ("BYBIT_WEBSOCKET_MAX_RECONNECT_ATTEMPTS", "2.5"),
        ("BYBIT_WEBSOCKET_RATE_LIMIT", "much"),
        ("BYBIT_AUTH_TIMESTAMP_TOLERANCE", "little"),
    ],
)
def test_a_value_of_the_wrong_unit_is_an_error_that_names_the_variable(
    box: Box, name: str, value: str
) -> None:
    problem = box.refused(SANDBOXED, **{name: value})
    assert problem.path == name
    assert value not in str(problem)


def test_a_value_that_the_settings_refuse_names_the_variable_it_came_from(box: Box) -> None:
    problem = box.refused(SANDBOXED, BYBIT_WEBSOCKET_MAX_RECONNECT_ATTEMPTS="0")
    assert (problem.path, problem.origin) == (
        "accounts.main.backoff.trip", "BYBIT_WEBSOCKET_MAX_RECONNECT_ATTEMPTS",
    )  # fmt: skip


def test_several_accounts_of_that_exchange_are_an_error(box: Box) -> None:
    second = '[accounts.second]\nexchange = "bybit"\nsandbox = true\n'
    problem = box.refused(SANDBOXED + second, BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL="15")
    assert problem.path == "BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL"
    assert "several (main, second)" in problem.reason


def test_accounts_of_other_exchanges_do_not_count(box: Box) -> None:
    other = '[accounts.second]\nexchange = "binance"\nsandbox = true\n'
    loaded = box.load(SANDBOXED + other, BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL="15")
    assert loaded.settings.accounts["main"].heartbeat == 15
    assert loaded.settings.accounts["second"].heartbeat == 20


def test_the_names_of_binance_reach_binance_us_where_there_is_no_other(box: Box) -> None:
    both = BINANCE_US + '[accounts.com]\nexchange = "binance"\nsandbox = true\n'
    loaded = box.load(both, BINANCE_LISTEN_KEY_REFRESH_INTERVAL="900")
    assert loaded.settings.accounts["com"].listen_key_refresh == 900
    assert loaded.settings.accounts["main"].listen_key_refresh == 1200


# ---------------------------------------------------------- when it is spared


def outcome(loaded: Loaded, name: str) -> str:
    """Why the name had no effect; told once, and not as one that was obeyed."""
    assert name not in [seen.name for seen in loaded.older]
    (problem,) = (problem for problem in loaded.warnings if problem.path == name)
    return problem.reason


def test_without_an_account_of_that_exchange_a_name_has_no_effect(box: Box) -> None:
    loaded = box.load(SANDBOXED, CRYPTOCOM_API_KEY="hunter2")
    assert outcome(loaded, "CRYPTOCOM_API_KEY") == "has no effect: there is no cryptocom account"


@pytest.mark.parametrize("name", ["BYBIT_API_KEY", "BYBIT_API_SECRET", "BYBIT_WEBSOCKET_URL"])
def test_keys_and_addresses_of_old_do_not_reach_a_sandbox_account(box: Box, name: str) -> None:
    loaded = box.load(SANDBOXED, **{name: "ws://127.0.0.1:9"})
    assert "sandbox" in outcome(loaded, name)
    assert loaded.settings.accounts["main"].sandbox


def test_a_secret_that_the_file_names_stays(box: Box) -> None:
    loaded = box.load(KEYED, BYBIT_API_KEY="hunter2")
    assert loaded.settings.accounts["main"].api_key == "file:k"
    assert "names this secret already" in outcome(loaded, "BYBIT_API_KEY")


def test_a_variable_that_the_file_refers_to_is_no_older_name(box: Box) -> None:
    text = KEYED.replace("file:k", "env:BYBIT_API_KEY").replace("file:s", "env:BYBIT_API_SECRET")
    second = text.replace("main", "second").replace("BYBIT_API", "OTHER_API")
    loaded = box.load(text + second, BYBIT_API_KEY="hunter2", BYBIT_API_SECRET="hunter3")
    assert loaded.older == ()
    assert loaded.warnings == ()


def test_an_account_that_signs_with_a_private_key_gets_no_secret_beside_it(box: Box) -> None:
    text = '[accounts.main]\nexchange = "bybit"\nenabled = false\nprivate_key = "file:k"\n'
    self_made = box.path
    self_made.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(self_made, {"BYBIT_API_SECRET": "hunter2"})
    assert "BYBIT_API_SECRET" in [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        (KEYED, "BYBIT_WEBSOCKET_URL", "wss://stream.bybit.com/v5/private"),
        (KEYED, "BYBIT_WEBSOCKET_PUBLIC_URL", "wss://stream.bybit.com/v5/public/linear"),
        (BINANCE, "BINANCE_USER_DATA_STREAM_URL", "wss://stream.binance.com:9443/ws"),
        (BINANCE_US, "BINANCE_USER_DATA_STREAM_URL", "wss://stream.binance.us:9443/ws"),
        (CRYPTOCOM, "CRYPTOCOM_WEBSOCKET_URL", "wss://stream.crypto.com/exchange/v1/user"),
    ],
)
def test_an_address_of_the_exchange_itself_leaves_its_own_addresses(
    box: Box, text: str, name: str, address: str
) -> None:
    loaded = box.load(text, **{name: address})
    account = loaded.settings.accounts["main"]
    assert endpoints(account) == spoken()[account.exchange].endpoints
    assert "which vigil knows" in outcome(loaded, name)


def test_an_address_of_elsewhere_alone_lacks_the_other_and_says_so(box: Box) -> None:
    problem = box.refused(KEYED, BYBIT_WEBSOCKET_URL="wss://stream-testnet.bybit.com/v5/private")
    assert problem.path == "accounts.main.rest_url"


def test_vigils_own_variable_wins_over_an_older_name(box: Box) -> None:
    loaded = box.load(
        SANDBOXED,
        BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL="15",
        VIGIL__ACCOUNTS__MAIN__HEARTBEAT="18",
    )
    assert loaded.settings.accounts["main"].heartbeat == 18
    assert "VIGIL__" in outcome(loaded, "BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL")


def test_an_older_name_wins_over_the_file(box: Box) -> None:
    loaded = box.load(SANDBOXED + "heartbeat = 22", BYBIT_WEBSOCKET_HEARTBEAT_INTERVAL="15")
    assert loaded.settings.accounts["main"].heartbeat == 15


def test_an_empty_variable_is_not_set(box: Box) -> None:
    assert box.load(SANDBOXED, BYBIT_API_KEY="", BYBIT_WEBSOCKET_RATE_LIMIT=" ").older == ()


def test_a_file_without_proper_tables_is_blamed_for_that_alone(box: Box) -> None:
    problem = box.refused("vault = 3", BINANCE_LISTEN_KEY_ENCRYPTION_KEY="hunter2", BYBIT_API_KEY="x")
    assert problem.path == "vault"
