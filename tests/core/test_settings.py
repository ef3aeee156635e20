"""What may stand in settings.toml, and what is said about what may not."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.exchange import Defaults, Endpoints
from core.problems import Problem
from core.settings import AccountSettings, Settings, Unknown, Validated, is_text, locate, validate
from host.configuration import spoken

BASE = Path("/etc/vigil")
EXCHANGES = spoken()
REAL = """
[accounts.a]
exchange = "{exchange}"
api_key = "env:KEY"
api_secret = "env:SECRET"
"""

# The example of the contract, as it stands there.
CONTRACT = """
[supervisor]
data_dir  = "data"
log_level = "info"
log_file  = ""
[database]
url       = ""
keep_days = 90
[web]
listen     = "127.0.0.1:8080"
auth_token = ""
tls_cert = ""
tls_key  = ""
[control]
socket = ""
[alerts]
urls = []
min_severity = "warning"
repeat_after = 3600
[vault]
key = ""
[trader]
enabled = false
dry_run = true

[accounts.demo-binance]
exchange = "binance"
sandbox  = true

[accounts.main]
exchange   = "bybit"
enabled    = true
api_key    = "env:BYBIT_API_KEY"
api_secret = "env:BYBIT_API_SECRET"
symbols    = ["BTCUSDT"]
rest_url = ""
ws_url = ""
public_ws_url = ""
ws_api_url = ""
user_stream = "auto"
heartbeat = 20
stale_after = 45
audit_every = 60
poll_every = 5
rotate_after = 82800
listen_key_refresh = 1200
backfill = 86400
backoff = {base = 1, cap = 30, trip = 5, open = 30, open_cap = 60, stable = 30}
"""


def judge(text: str) -> Validated:
    return judge_data(tomllib.loads(text))


def judge_data(data: dict[str, Any]) -> Validated:
    return validate(data, base_dir=BASE, exchanges=EXCHANGES)


def good(text: str) -> Settings:
    judged = judge(text)
    assert judged.settings is not None, judged.errors
    return judged.settings


def account(text: str = "", exchange: str = "bybit") -> AccountSettings:
    return good(REAL.format(exchange=exchange) + text).accounts["a"]


def errors(text: str) -> dict[str, Problem]:
    judged = judge(text)
    assert judged.settings is None
    return {problem.path: problem for problem in judged.errors}


def warnings(text: str) -> dict[str, str]:
    judged = judge(text)
    assert judged.settings is not None, judged.errors
    return {problem.path: problem.reason for problem in judged.warnings}


# ------------------------------------------------------------- what is accepted


def test_the_example_of_the_contract_holds_without_a_word() -> None:
    judged = judge(CONTRACT)
    assert judged.settings is not None
    assert judged.problems == ()


def test_an_empty_file_is_all_defaults_and_warns_that_nothing_is_watched() -> None:
    settings = good("")
    assert settings.supervisor.data_dir == BASE / "data"
    assert settings.database.url == "sqlite:////etc/vigil/data/vigil.db"
    assert settings.control.socket == BASE / "data" / "control.sock"
    assert settings.web.address == ("127.0.0.1", 8080)
    assert list(warnings("")) == ["accounts"]


def test_a_sandbox_account_needs_nothing_but_its_exchange() -> None:
    text = '[accounts.demo-binance]\nexchange = "binance"\nsandbox = true'
    assert judge(text).problems == ()
    demo = good(text).accounts["demo-binance"]
    assert (demo.sandbox, demo.rest_url, demo.ws_url) == (True, "", "")


def test_what_defaults_into_the_data_directory_follows_it() -> None:
    settings = good('[supervisor]\ndata_dir = "/var/lib/vigil"')
    assert settings.database.url == "sqlite:////var/lib/vigil/vigil.db"
    assert settings.control.socket == Path("/var/lib/vigil/control.sock")


def test_relative_paths_begin_at_the_file_sqlite_included() -> None:
    settings = good(
        '[supervisor]\nlog_file = "log/vigil.log"\n[database]\nurl = "sqlite:///db/l.db"\n'
        '[control]\nsocket = "run/c.sock"\n[web]\ntls_cert = "c.pem"\ntls_key = "k.pem"'
    )
    assert settings.supervisor.log_file == BASE / "log/vigil.log"
    assert settings.database.url == "sqlite:////etc/vigil/db/l.db"
    assert settings.control.socket == BASE / "run/c.sock"
    assert (settings.web.tls_cert, settings.web.tls_key) == (BASE / "c.pem", BASE / "k.pem")


def test_absolute_paths_stay_as_they_are() -> None:
    settings = good('[database]\nurl = "sqlite:////srv/l.db"\n[supervisor]\ndata_dir = "/srv"')
    assert (settings.database.url, settings.supervisor.data_dir) == ("sqlite:////srv/l.db", Path("/srv"))


def test_postgresql_is_taken_as_it_is() -> None:
    url = "postgresql://vigil@db.example/ledger"
    assert good(f'[database]\nurl = "{url}"').database.url == url


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = good(CONTRACT)
    with pytest.raises(ValueError, match="frozen"):
        settings.accounts["main"].heartbeat = 1.0


def test_amounts_of_the_trader_are_exact_decimals() -> None:
    trader = good('[trader]\nmin_profit = "0.0031"\nmax_order_quote = 250\nmax_jump = 0.1').trader
    assert (trader.min_profit, trader.max_order_quote) == (Decimal("0.0031"), Decimal(250))
    assert trader.max_jump == Decimal("0.1")


# -------------------------------------------------- an exchange's own defaults


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_exchange_has_its_own_addresses_and_rhythm(exchange: str) -> None:
    plain, own = account(exchange=exchange), EXCHANGES[exchange]
    at = own.endpoints
    assert (plain.rest_url, plain.ws_url) == (at.rest, at.ws)
    assert (plain.public_ws_url, plain.ws_api_url) == (at.public_ws, at.ws_api)
    assert (plain.heartbeat, plain.stale_after) == (own.heartbeat, own.stale_after)


def test_the_exchanges_that_an_account_may_name_are_those_that_were_said_to_be_spoken() -> None:
    kraken = Defaults(Endpoints("https://k", "wss://k"), heartbeat=7, stale_after=21, weight_per_minute=1)
    data = tomllib.loads(REAL.format(exchange="kraken"))
    judged = validate(data, base_dir=BASE, exchanges={"kraken": kraken})
    assert judged.settings is not None, judged.errors
    assert (judged.settings.accounts["a"].ws_url, judged.settings.accounts["a"].heartbeat) == ("wss://k", 7)
    (refused,) = judge_data(data).errors
    assert refused.reason == f"must be one of {', '.join(EXCHANGES)}"


def test_cryptocom_beats_as_slowly_as_its_server() -> None:
    assert account(exchange="cryptocom").heartbeat == 30


def test_what_the_file_says_wins_over_the_exchange() -> None:
    tuned = account("heartbeat = 7\nstale_after = 15")
    assert (tuned.heartbeat, tuned.stale_after) == (7, 15)


def test_once_one_address_is_set_an_empty_one_means_none_and_never_production() -> None:
    local = account('rest_url = "http://127.0.0.1:9001/"\nws_url = "ws://127.0.0.1:9002/v5/private"')
    assert local.rest_url == "http://127.0.0.1:9001"
    assert (local.public_ws_url, local.ws_api_url) == ("", "")


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ('rest_url = "http://127.0.0.1:1"', "accounts.a.ws_url"),
        ('ws_url = "ws://127.0.0.1:1/v5/private"', "accounts.a.rest_url"),
        ('public_ws_url = "ws://127.0.0.1:1"', "accounts.a.rest_url"),
    ],
)
def test_an_account_without_rest_or_stream_is_refused(given: str, lacking: str) -> None:
    assert '"" means none' in errors(REAL.format(exchange="bybit") + given)[lacking].reason


def test_binance_us_by_ws_api_needs_that_address_and_no_other_stream() -> None:
    base = 'rest_url = "http://127.0.0.1:1"\nuser_stream = "ws_api"\n'
    assert account(base + 'ws_api_url = "ws://127.0.0.1:1/ws-api/v3"', exchange="binance_us").ws_url == ""
    assert "accounts.a.ws_api_url" in errors(REAL.format(exchange="binance_us") + base)


# ------------------------------------------------------------------- durations


@pytest.mark.parametrize(
    "key",
    [
        "heartbeat",
        "stale_after",
        "audit_every",
        "poll_every",
        "rotate_after",
        "listen_key_refresh",
        "backfill",
    ],
)
def test_one_second_is_legal_everywhere(key: str) -> None:
    assert getattr(account(f"{key} = 1"), key) == 1


@pytest.mark.parametrize("key", ["base", "cap", "open", "open_cap", "stable"])
def test_one_second_is_legal_in_the_backoff(key: str) -> None:
    small = {"base": 0.1, "cap": 1, "open": 1, "open_cap": 1, "stable": 1}
    text = ", ".join(f"{name} = {value}" for name, value in small.items())
    assert getattr(account(f"backoff = {{{text}}}").backoff, key) == small[key]


def test_the_shortest_base_is_a_tenth_of_a_second() -> None:
    assert account("backoff = {base = 0.1}").backoff.base == 0.1


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e300", "true", '"20"', "[20]"])
def test_what_is_no_duration_is_refused(value: str) -> None:
    assert list(errors(REAL.format(exchange="bybit") + f"heartbeat = {value}")) == ["accounts.a.heartbeat"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("heartbeat = 1", "accounts.a.heartbeat"),
        ("heartbeat = 55\nstale_after = 110", "accounts.a.heartbeat"),
        ("stale_after = 29", "accounts.a.stale_after"),
        ("stale_after = 600", "accounts.a.stale_after"),
        ("audit_every = 1", "accounts.a.audit_every"),
        ("audit_every = 7200", "accounts.a.audit_every"),
        ("poll_every = 1", "accounts.a.poll_every"),
        ("poll_every = 300", "accounts.a.poll_every"),
        ("rotate_after = 60", "accounts.a.rotate_after"),
        ("rotate_after = 90000", "accounts.a.rotate_after"),
        ("listen_key_refresh = 1", "accounts.a.listen_key_refresh"),
        ("listen_key_refresh = 3600", "accounts.a.listen_key_refresh"),
        ("backoff = {base = 0.1}", "accounts.a.backoff.base"),
        ("backoff = {cap = 3600}", "accounts.a.backoff.cap"),
        ("backoff = {trip = 100}", "accounts.a.backoff.trip"),
        ("backoff = {open = 1}", "accounts.a.backoff.open"),
        ("backoff = {open_cap = 7200}", "accounts.a.backoff.open_cap"),
        ('ws_api_url = "ws://127.0.0.1"\nws_url="ws://127.0.0.1"\nrest_url="http://localhost"',
         "accounts.a.ws_api_url"),
        ('ws_url = "ws://10.0.0.1"\nrest_url = "https://10.0.0.1"', "accounts.a.ws_url"),
        ('user_stream = "listen_key"', "accounts.a.user_stream"),
        ('symbols = ["BTCUSDT", "BTCUSDT"]', "accounts.a.symbols"),
    ],
)  # fmt: skip
def test_an_imprudent_value_is_obeyed_with_a_warning(text: str, path: str) -> None:
    assert list(warnings(REAL.format(exchange="bybit") + text)) == [path]


def test_listen_keys_on_binance_are_warned_about() -> None:
    found = warnings(REAL.format(exchange="binance") + 'user_stream = "listen_key"')
    assert "2026-02-20" in found["accounts.a.user_stream"]


def test_a_ceiling_that_is_not_given_grows_with_its_floor() -> None:
    grown = account("backoff = {base = 40, open = 90}").backoff
    assert (grown.cap, grown.open_cap) == (40, 90)


@pytest.mark.parametrize("text", ["base = 5, cap = 2", "open = 50, open_cap = 20"])
def test_a_given_ceiling_below_its_floor_is_a_contradiction(text: str) -> None:
    found = errors(REAL.format(exchange="bybit") + f"backoff = {{{text}}}")
    assert "is less than" in found["accounts.a.backoff"].reason


# --------------------------------------------------------- secrets and sandbox


@pytest.mark.parametrize(
    "reference", ["env:A_KEY", "file:secrets/key.pem", "file:/run/key", "vault:main.key"]
)
def test_a_secret_is_named_by_a_reference(reference: str) -> None:
    text = f'[accounts.a]\nexchange = "bybit"\napi_key = "{reference}"\napi_secret = "env:S"'
    assert good(text).accounts["a"].api_key == reference


@pytest.mark.parametrize(
    "bare", ["hunter2", "env:hunter2 x", "ENV:hunter2", "vault:hunter2/x", "hunter2:NAME"]
)
def test_a_bare_secret_is_refused_and_never_repeated(bare: str) -> None:
    text = f'[accounts.a]\nexchange = "bybit"\napi_key = "{bare}"\napi_secret = "env:S"'
    found = errors(text)
    assert list(found) == ["accounts.a.api_key"]
    assert "hunter2" not in str(found["accounts.a.api_key"])


@pytest.mark.parametrize("empty", ["env:", "file:", "vault:"])
def test_a_reference_names_something(empty: str) -> None:
    text = f'[accounts.a]\nexchange = "bybit"\napi_key = "{empty}"\napi_secret = "env:S"'
    assert list(errors(text)) == ["accounts.a.api_key"]


@pytest.mark.parametrize("table", ["[web]\nauth_token", "[vault]\nkey", "[alerts]\nurls"])
def test_every_place_for_a_secret_takes_references_only(table: str) -> None:
    bare = "slack://tokenA/tokenB"
    value = f'["{bare}"]' if table.startswith("[alerts]") else f'"{bare}"'
    for problem in errors(f"{table} = {value}").values():
        assert "never the secret itself" in problem.reason
        assert bare not in str(problem)


def test_a_real_account_needs_both_halves_of_its_key() -> None:
    assert set(errors('[accounts.a]\nexchange = "bybit"')) == {"accounts.a.api_key", "accounts.a.api_secret"}


def test_binance_may_sign_with_a_private_key_and_bybit_may_not() -> None:
    text = '[accounts.a]\nexchange = "{}"\napi_key = "env:K"\nprivate_key = "file:k.pem"'
    assert good(text.format("binance")).accounts["a"].private_key == "file:k.pem"
    assert set(errors(text.format("bybit"))) == {"accounts.a.private_key", "accounts.a.api_secret"}


def test_a_key_signs_in_one_way_only() -> None:
    found = errors(REAL.format(exchange="binance") + 'private_key = "file:k.pem"')
    assert "not both" in found["accounts.a.private_key"].reason


def test_a_disabled_account_needs_no_key_yet() -> None:
    assert good('[accounts.a]\nexchange = "bybit"\nenabled = false').accounts["a"].enabled is False


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "env:K"',
        'api_secret = "env:S"',
        'private_key = "file:k"',
        'rest_url = "http://127.0.0.1:1"',
        'ws_url = "ws://127.0.0.1:1"',
        'public_ws_url = "ws://127.0.0.1:1"',
        'ws_api_url = "ws://127.0.0.1:1"',
    ],
)
def test_a_key_or_address_beside_sandbox_is_refused_with_the_reason(line: str) -> None:
    found = errors(f'[accounts.a]\nexchange = "binance"\nsandbox = true\n{line}')
    (problem,) = found.values()
    assert problem.path == f"accounts.a.{line.split(maxsplit=1)[0]}"
    assert "built-in sandbox" in problem.reason


@pytest.mark.parametrize(
    "url",
    [
        "ftp://mine/y",
        "mine:9001",
        "http://mine:p@host",
        "http://h?key=mine",
        "http://mine:99999",
        "http:///mine",
    ],
)
def test_what_is_no_plain_address_is_refused_and_never_repeated(url: str) -> None:
    text = f'[accounts.a]\nexchange="bybit"\napi_key="env:K"\napi_secret="env:S"\nrest_url = "{url}"'
    found = errors(text)
    assert "mine" not in str(found["accounts.a.rest_url"])


# -------------------------------------------------------------- did you mean …


@pytest.mark.parametrize(
    ("text", "path", "meant"),
    [
        ("[supervisr]\nlog_level = 'info'", "supervisr", "supervisor"),
        ("[acounts.a]\nexchange = 'binance'", "acounts", "accounts"),
        ("[supervisor]\nlog-level = 'info'", "supervisor.log-level", "log_level"),
        ("[supervisor]\nlog_level = 'inf'", "supervisor.log_level", "info"),
        ("[accounts.a]\nexchange = 'binanse'", "accounts.a.exchange", "binance"),
        ("[accounts.a]\nexchange = 'crypto.com'", "accounts.a.exchange", "cryptocom"),
        ("[accounts.a]\nexchange = 'bybit'\nsandbx = true", "accounts.a.sandbx", "sandbox"),
        ("[accounts.a]\nexchange = 'bybit'\nsandbox = true\nhartbeat = 3", "accounts.a.hartbeat", "heartbeat"),
        ("[accounts.a]\nexchange = 'bybit'\nsandbox = true\nbackoff = {tripp = 3}",
         "accounts.a.backoff.tripp", "trip"),
        ("[accounts.a]\nexchange = 'bybit'\nsandbox = true\nuser_stream = 'listenkey'",
         "accounts.a.user_stream", "listen_key"),
        ("[accounts.Main_One]\nexchange = 'bybit'\nsandbox = true", "accounts.Main_One", "main-one"),
        ("[accounts.a]\nexchange='bybit'\nsandbox=true\n[trader]\naccounts = ['b']", "trader.accounts", None),
    ],
)  # fmt: skip
def test_a_misspelling_is_named_with_what_was_probably_meant(text: str, path: str, meant: str | None) -> None:
    assert errors(text)[path].suggestion == meant


def test_a_problem_reads_as_place_reason_and_suggestion() -> None:
    problem = Problem("accounts.a.hartbeat", "no such key", "heartbeat")
    assert str(problem) == 'accounts.a.hartbeat: no such key (did you mean "heartbeat"?)'


def test_a_problem_from_the_environment_names_the_variable() -> None:
    assert str(Problem("web.listen", "bad", origin="VIGIL__WEB__LISTEN")).startswith(
        "web.listen (from VIGIL__WEB__LISTEN)"
    )


@pytest.mark.parametrize("name", ["Main", "a_b", "a b", "ä", "x" * 33, ""])
def test_the_name_of_an_account_is_plain(name: str) -> None:
    judged = judge_data({"accounts": {name: {"exchange": "bybit", "sandbox": True}}})
    assert [problem.reason for problem in judged.errors] == [
        "the name of an account is 1 to 32 of a-z, 0-9 and -"
    ]


@pytest.mark.parametrize("name", ["core", "trading", "supervisor", "daemon"])
def test_an_account_cannot_go_by_a_name_of_vigils_own(name: str) -> None:
    judged = judge_data({"accounts": {name: {"exchange": "bybit", "sandbox": True}}})
    assert [(problem.path, problem.reason) for problem in judged.errors] == [
        (f"accounts.{name}", "vigil itself goes by this name: choose another one")
    ]


def test_a_key_with_line_breaks_cannot_forge_a_line_of_the_log() -> None:
    judged = judge_data({"x\nerror: all is well": 1})
    assert "\n" not in str(judged.errors[0])


# ------------------------------------------------------------- all at once


def test_every_mistake_is_listed_at_once() -> None:
    found = errors("""
        [supervisor]
        log_level = 3
        [database]
        keep_days = 0
        colour = "red"
        [web]
        listen = "0.0.0.0:80"
        [accounts.a]
        exchange = "bybit"
        sandbox = true
        api_key = "env:K"
        heartbeat = "20"
        [accounts.b]
        enabled = true
        [accounts.c]
        exchange = "binance"
    """)
    assert set(found) == {
        "supervisor.log_level",
        "database.keep_days",
        "database.colour",
        "web.auth_token",
        "accounts.a.api_key",
        "accounts.a.heartbeat",
        "accounts.b.exchange",
        "accounts.c.api_key",
        "accounts.c.api_secret",
    }


def test_a_refused_value_is_not_called_missing_as_well() -> None:
    found = judge('[accounts.a]\nexchange = "bybit"\napi_key = "bare"\napi_secrt = "env:S"').errors
    assert [problem.path for problem in found] == ["accounts.a.api_key", "accounts.a.api_secrt"]


def test_an_account_whose_sandbox_is_in_doubt_is_not_asked_for_keys() -> None:
    assert list(errors('[accounts.a]\nexchange = "bybit"\nsandbox = "yes"')) == ["accounts.a.sandbox"]


@pytest.mark.parametrize("data", [{"accounts": 3}, {"accounts": {"a": 3}}, {"web": []}, {"supervisor": "x"}])
def test_a_value_where_a_table_belongs_is_told_as_such(data: dict[str, object]) -> None:
    assert [p.reason for p in judge_data(data).errors] == ["must be a table"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[supervisor]\ndata_dir = 3", "must be a path"),
        ('[database]\nurl = "mysql://x"', "must be sqlite:///PATH or postgresql://user@host/database"),
        ("[database]\nkeep_days = 1.5", "must be a whole number"),
        ("[trader]\nenabled = 1", "must be true or false, without quotes"),
        ('[trader]\nsymbols = "BTCUSDT"', 'must be a list, such as ["a", "b"]'),
        ('[trader]\nmin_profit = "much"', 'must be a decimal that is not negative, best in quotes ("0.003")'),
        ('[web]\nlisten = "8080"', "must be HOST:PORT, or empty to switch the page off"),
        ('[alerts]\nmin_severity = "loud"', "must be one of info, warning, critical"),
        ("[alerts]\nrepeat_after = 0", "must be at least 0.01"),
    ],
)
def test_a_wrong_value_gets_a_reason_a_person_understands(text: str, reason: str) -> None:
    assert [problem.reason for problem in errors(text).values()] == [reason]


# ------------------------------------------------------------ the other tables


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "vigil.example:443", "192.168.1.2:80"])
def test_a_page_that_others_can_reach_needs_a_token(listen: str) -> None:
    assert list(errors(f'[web]\nlisten = "{listen}"')) == ["web.auth_token"]
    assert "web.listen" in warnings(f'[web]\nlisten = "{listen}"\nauth_token = "env:TOKEN"')


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:8080", "[::1]:8080", "127.9.9.9:1", ""])
def test_a_page_for_this_machine_needs_none(listen: str) -> None:
    assert good(f'[web]\nlisten = "{listen}"').web.is_loopback


def test_an_empty_listen_switches_the_page_off() -> None:
    assert good('[web]\nlisten = ""').web.address is None


@pytest.mark.parametrize(("given", "lacking"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_certificate_and_key_come_together(given: str, lacking: str) -> None:
    assert list(errors(f'[web]\n{given} = "x.pem"')) == [f"web.{lacking}"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://vigil:s3cretword@db/ledger",
        "postgresql://vigil:s3cretword?@db/ledger",
        "postgresql://db/ledger?user=vigil&password=s3cretword",
        "postgresql://vigil@db/ledger?sslpassword=s3cretword",
    ],
)
def test_a_password_in_the_database_address_is_warned_about_and_not_repeated(url: str) -> None:
    found = judge(f'[database]\nurl = "{url}"').warnings
    assert "database.url" in [problem.path for problem in found]
    assert not any("s3cretword" in str(problem) for problem in found)


@pytest.mark.parametrize("url", ["postgresql://vigil@db:5432/ledger", "sqlite:////a:b@c/ledger.db", ""])
def test_an_address_without_a_password_is_not_warned_about(url: str) -> None:
    found = judge(f'[database]\nurl = "{url}"').warnings
    assert "database.url" not in [problem.path for problem in found]


@pytest.mark.parametrize(("age", "is_odd"), [(2, True), (3, False), (60, False), (61, True)])
def test_an_age_of_prices_that_makes_no_sense_is_warned_about(age: int, is_odd: bool) -> None:
    assert ("trader.max_price_age" in warnings(f"[trader]\nmax_price_age = {age}")) == is_odd


def test_real_orders_are_warned_about() -> None:
    assert "trader.dry_run" in warnings("[trader]\nenabled = true\ndry_run = false")


def test_the_trader_may_only_name_accounts_that_are_there() -> None:
    text = '[trader]\naccounts = ["demo-binanc"]\n[accounts.demo-binance]\nexchange="binance"\nsandbox=true'
    assert errors(text)["trader.accounts"].suggestion == "demo-binance"


# ------------------------------------------------------------------- locating

DATA: dict[str, object] = {"accounts": {"demo-binance": {}, "main": {}}}


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (["SUPERVISOR", "LOG_LEVEL"], ("supervisor", "log_level")),
        (["supervisor", "log-level"], ("supervisor", "log_level")),
        (["ACCOUNTS", "DEMO_BINANCE", "HEARTBEAT"], ("accounts", "demo-binance", "heartbeat")),
        (["Accounts", "Main", "Backoff", "Open-Cap"], ("accounts", "main", "backoff", "open_cap")),
    ],
)
def test_a_name_is_found_with_dashes_and_case_folded(parts: list[str], path: tuple[str, ...]) -> None:
    assert locate(parts, DATA) == path


@pytest.mark.parametrize(
    ("parts", "meant"),
    [
        (["SUPERVISR", "LOG_LEVEL"], "supervisor"),
        (["ACCOUNTS", "DEMO_BINANCA", "HEARTBEAT"], "demo-binance"),
        (["ACCOUNTS", "MAIN", "HARTBEAT"], "heartbeat"),
        (["ACCOUNTS", "MAIN", "HEARTBEAT", "X"], None),
        (["ACCOUNTS", "MAIN"], None),
        (["ACCOUNTS"], None),
        ([""], None),
        ([], None),
    ],
)
def test_a_name_that_leads_to_no_key_is_unknown(parts: list[str], meant: str | None) -> None:
    with pytest.raises(Unknown) as caught:
        locate(parts, DATA)
    assert caught.value.suggestion == meant


def test_naming_an_account_makes_none() -> None:
    with pytest.raises(Unknown):
        locate(["ACCOUNTS", "NEW", "EXCHANGE"], {})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("web", "listen"), True),
        (("supervisor", "data_dir"), True),
        (("supervisor", "log_file"), True),
        (("supervisor", "log_level"), True),
        (("trader", "min_profit"), True),
        (("accounts", "x", "api_key"), True),
        (("accounts", "x", "heartbeat"), False),
        (("accounts", "x", "symbols"), False),
        (("accounts", "x", "enabled"), False),
        (("database", "keep_days"), False),
    ],
)
def test_it_is_known_which_keys_take_text(path: tuple[str, ...], text: bool) -> None:
    assert is_text(path) is text
