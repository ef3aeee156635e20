"""The shape of settings.toml: every table, every key, its type and its default.

This file decides what may stand in the file and what a single value must be.
What values mean to each other stands in `settings_rules`; how a mistake is told
to a person in `problems`; `settings.validate` puts the three together.

A validated Settings is final: paths are absolute, an exchange's own numbers and
addresses are filled in, and nothing in it is a secret, only the names of them
(`env:NAME`, `file:PATH`, `vault:NAME`). Durations are seconds. No validator
here puts the value it refuses into its message: the value may be a secret that
stands in the wrong place.

What is said of a table and of its keys is written for who edits the file:
docs/configuration.md is made of it, and of nothing else.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core.problems import ONE_OF

BINANCE_FAMILY = frozenset({"binance", "binance_us"})

URL_KEYS = ("rest_url", "ws_url", "public_ws_url", "ws_api_url")
SECRET_KEYS = ("api_key", "api_secret", "private_key")

# ------------------------------------------------------------- kinds of values

_ACCOUNT = re.compile(r"[a-z0-9-]{1,32}")
_KEY_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f]+")
_REFERENCE = re.compile(rf"{_KEY_REFERENCE.pattern}|vault:[A-Za-z0-9_.-]+")
_SYMBOL = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _matching(pattern: re.Pattern[str], reason: str, *, empty: bool = False) -> Callable[[str], str]:
    def check(text: str) -> str:
        if (empty and not text) or pattern.fullmatch(text):
            return text
        raise ValueError(reason)

    return check


_KEY_REFERENCE_RULE = "must be a reference (env:NAME or file:PATH), never the secret itself"
_REFERENCE_RULE = "must be a reference (env:NAME, file:PATH or vault:NAME), never the secret itself"


def _path(value: Any, info: ValidationInfo) -> Path:
    """An absolute path; relative ones begin at the folder of the settings file."""
    if not isinstance(value, str | Path) or _CONTROL.search(str(value)):
        raise ValueError("must be a path")
    return base_dir(info) / value


def _optional_path(value: Any, info: ValidationInfo) -> Path | None:
    return None if value is None or value == "" else _path(value, info)


def base_dir(info: ValidationInfo) -> Path:
    """The folder of the settings file, as the caller of the validation gave it."""
    return Path((info.context or {}).get("base_dir", "."))


def _url(*schemes: str) -> Callable[[str], str]:
    """A validator of addresses; the trailing slash is dropped because paths are appended."""

    def check(text: str) -> str:
        if not text:
            return text
        try:
            parts = urlsplit(text)
            fine = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:
            fine = False
        if not fine or _CONTROL.search(text) or " " in text:
            raise ValueError(f"must be an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no user, password, query or fragment")
        return text.rstrip("/")

    return check


def _exchange(name: str, info: ValidationInfo) -> str:
    """One of those that the caller of the validation speaks; any where it did not say which."""
    spoken = (info.context or {}).get("exchanges")
    if spoken is None or name in spoken:
        return name
    raise PydanticCustomError(ONE_OF, "is not spoken", {"words": tuple(spoken)})


def _database(text: str, info: ValidationInfo) -> str:
    """sqlite:///PATH (made absolute) or postgresql://…; "" is settled later."""
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return f"sqlite:///{base_dir(info) / text.removeprefix('sqlite:///')}"
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be sqlite:///PATH or postgresql://user@host/database")
    return text


def _listen(text: str) -> str:
    if not text:
        return text
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError("must be HOST:PORT, or empty to switch the page off")
    return text


def _amount(value: Any) -> Decimal:
    """A positive decimal; text is exact, a TOML float is taken as it is written."""
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | float | Decimal) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise ValueError('must be a decimal that is not negative, best in quotes ("0.003")')
    return amount


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Takes(NamedTuple):
    """What may stand there, in words; of the types that no longer say it themselves."""

    words: str


LONGEST = 10 * 365 * 86_400.0
Seconds = Annotated[float, Field(ge=0.01, le=LONGEST, allow_inf_nan=False), Takes("seconds")]
SecondsOrNone = Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False), Takes("seconds, or 0")]
ExchangeName = Annotated[str, AfterValidator(_exchange), Takes("one of [these](#exchanges)")]
AccountName = Annotated[
    str, AfterValidator(_matching(_ACCOUNT, "the name of an account is 1 to 32 of a-z, 0-9 and -"))
]
AccountNames = Annotated[tuple[AccountName, ...], Field(strict=False), Takes("list of accounts")]
Reference = Annotated[str, AfterValidator(_matching(_REFERENCE, _REFERENCE_RULE))]
References = Annotated[tuple[Reference, ...], Field(strict=False), Takes("list of secret references")]
OptionalKeyReference = Annotated[
    str,
    AfterValidator(_matching(_KEY_REFERENCE, _KEY_REFERENCE_RULE, empty=True)),
    Takes("secret reference, but none into the vault"),
]
OptionalReference = Annotated[
    str, AfterValidator(_matching(_REFERENCE, _REFERENCE_RULE, empty=True)), Takes("secret reference")
]
Symbol = Annotated[
    str, AfterValidator(_matching(_SYMBOL, "must be a symbol as the exchange writes it")), Takes("symbol")
]
Symbols = Annotated[tuple[Symbol, ...], Field(strict=False), Takes("list of symbols")]
HttpUrl = Annotated[str, AfterValidator(_url("http", "https")), Takes("`http://…` or `https://…`")]
SocketUrl = Annotated[str, AfterValidator(_url("ws", "wss")), Takes("`ws://…` or `wss://…`")]
FilePath = Annotated[Path, PlainValidator(_path), Takes("path")]
OptionalPath = Annotated[Path | None, PlainValidator(_optional_path), Takes("path")]
DatabaseUrl = Annotated[str, AfterValidator(_database), Takes("`sqlite:///…` or `postgresql://…`")]
Listen = Annotated[str, AfterValidator(_listen), Takes("`HOST:PORT`")]
Amount = Annotated[Decimal, PlainValidator(_amount), Takes("decimal, best in quotes")]

# ------------------------------------------------------------------ the tables


class Table(BaseModel):
    """What all tables share: unknown keys are errors, types are not guessed, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
        use_attribute_docstrings=True,
    )


class SupervisorSettings(Table):
    """The daemon itself."""

    data_dir: FilePath = Path("data")
    """What vigil keeps. The defaults below are inside it, and one daemon at a time may use it."""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)
    ] = "info"
    """Lines below it are not written ([logs.md](logs.md)). In any case of letters."""
    log_file: OptionalPath = None
    """`""` is standard error. A file is rotated ([logs.md](logs.md))."""


class DatabaseSettings(Table):
    """Where the ledger is."""

    url: DatabaseUrl = ""
    """`""` is `sqlite:///<data_dir>/vigil.db`. A server's password comes by `PGPASSWORD` or
    `~/.pgpass` ([ledger.md](ledger.md#on-postgresql))."""
    keep_days: int = Field(default=90, ge=1, le=36_500)
    """For raw payloads, in days. Fills, orders, cash and the journal's facts are kept for ever."""


class WebSettings(Table):
    """The page, and the same answers over HTTP ([web.md](web.md))."""

    listen: Listen = "127.0.0.1:8080"
    """`""` is no page. An address that others can reach requires `auth_token`."""
    auth_token: OptionalReference = ""
    """What a browser or a program has to show to come in."""
    tls_cert: OptionalPath = None
    """A certificate chain as PEM: the page is served encrypted. Needs `tls_key`."""
    tls_key: OptionalPath = None
    """Its private key. Needs `tls_cert`."""

    @property
    def address(self) -> tuple[str, int] | None:
        """(host, port), or None where the page is switched off."""
        if not self.listen:
            return None
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def is_loopback(self) -> bool:
        """Nobody beyond this machine can reach the page."""
        host = self.address[0] if self.address else "localhost"
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False


class ControlSettings(Table):
    """The socket that the command line asks ([control.md](control.md))."""

    socket: OptionalPath = None  # None only until `validate` has settled it
    """`""` is `<data_dir>/control.sock`. Its mode is 0600."""


class AlertSettings(Table):
    """Who is told of incidents ([alerts.md](alerts.md))."""

    urls: References = ()
    """Where messages go: references to addresses of [apprise](https://github.com/caronc/apprise/wiki)
    or of a webhook, for an address is a secret."""
    min_severity: Literal["info", "warning", "critical"] = "warning"
    """What is less is not told."""
    repeat_after: Seconds = 3600.0
    """An incident that stays open is told again after so long."""


class VaultSettings(Table):
    """The key that seals what may not be read on disk: the [vault](settings.md#the-vault), and the listen keys."""

    key: OptionalKeyReference = ""
    """`""` is `<data_dir>/vault.key`, mode 0600, made at first use. A key of Fernet's form (32 bytes in
    base64) is taken as it is; any other text is a passphrase. Several, separated by commas, are a
    rotation: the first seals, all of them open. It cannot lie in the vault itself."""


class TraderSettings(Table):
    """Selling what was bought: what the keys mean together is in [trading.md](trading.md). `enabled` and `accounts`
    take effect at the next start; a change of any other key gives each trader a new generation.
    """

    enabled: bool = False
    """Without it there is no trader, and `buy` and the like say so."""
    dry_run: bool = True
    """Decide and show, but place nothing."""
    accounts: AccountNames = ()
    """Those it may trade with; `[]` is all of them."""
    symbols: Symbols = ()
    """As the exchange writes them; `[]` is all spot symbols paid in `quote`."""
    quote: Symbol = "USDT"
    """The one asset in which the limits are given; what is paid in another is not traded."""
    min_profit: Amount = Decimal("0.003")
    """A fraction, after fees."""
    max_order_quote: Amount = Decimal(100)
    """For one order, in the quote asset."""
    max_open_orders: int = Field(default=10, ge=1, le=1000)
    """Of ours, in all accounts; the SELL that closes a trade is free of it."""
    max_jump: Amount = Decimal("0.05")
    """A price that moved further than this fraction is not believed until a second source says the same."""
    max_price_age: Seconds = 10.0
    """A price that is older is not acted on."""
    max_failures: int = Field(default=5, ge=0, le=1000)
    """More SELLs of one trade that end unsold make it `stuck`."""
    max_daily_loss: Amount = Decimal(20)
    """In the quote asset, each account by itself: beyond it trading is halted."""
    max_rejections: int = Field(default=5, ge=0, le=1000)
    """More orders that an exchange refuses within a minute halt trading."""
    alert_after: Annotated[tuple[Seconds, ...], Field(strict=False), Takes("list of seconds")] = (
        3600.0,
        86_400.0,
    )
    """A trade that is open for longer is a warning, one for each of these durations, until it is over; `[]` is none."""
    on_stop: Literal["keep", "cancel"] = "keep"
    """What becomes of resting SELLs when the trader stops."""


class Backoff(Table):
    """What happens after a failure. A ceiling that is not given grows with what it has to cover."""

    base: Seconds = 1.0
    """The pause after the first failure; it doubles with each that follows."""
    cap: Seconds = 30.0
    """No pause is longer."""
    trip: int = Field(default=5, ge=1, le=1_000_000)
    """So many failures in a row open the breaker."""
    open: Seconds = 30.0
    """So long nothing is tried then; it doubles each time a probe fails."""
    open_cap: Seconds = 60.0
    """The breaker is never open for longer."""
    stable: Seconds = 30.0
    """So long a run forgets the failures before it."""

    @model_validator(mode="before")
    @classmethod
    def _grow(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        grown = dict(data)
        for floor, ceiling, usual in (("base", "cap", 30.0), ("open", "open_cap", 60.0)):
            given = data.get(floor)
            if ceiling not in data and isinstance(given, int | float) and given > usual:
                grown[ceiling] = given
        return grown

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.cap < self.base:
            raise ValueError("cap is less than base")
        if self.open_cap < self.open:
            raise ValueError("open_cap is less than open")
        return self


class AccountSettings(Table):
    """One account. `NAME` is 1 to 32 of `a-z`, `0-9` and `-`, and none of vigil's own words (`core
    daemon supervisor trading`). Several accounts on one exchange are normal.
    """

    exchange: ExchangeName
    """Whose account it is ([exchanges.md](exchanges.md))."""
    enabled: bool = True
    """Whether it runs."""
    sandbox: bool = False
    """Play at the built-in sandbox. It has its own keys and addresses, so giving one beside it is a
    mistake."""
    api_key: OptionalReference = ""
    """Required of an enabled account without `sandbox`."""
    api_secret: OptionalReference = ""
    """The same; an RSA key of Bybit stands here too, as PEM."""
    private_key: OptionalReference = ""
    """Binance family, instead of `api_secret`: an Ed25519 or RSA key as PEM, without passphrase."""
    symbols: Symbols = ()
    """Ask these in any case, after a gap and at every tenth comparison. For exchanges whose histories
    want a symbol (the Binance family)."""
    rest_url: HttpUrl = ""
    """A base, to which the exchange's paths are appended (Crypto.com's begin with `/exchange/v1/`).
    Of the four addresses see [settings.md](settings.md#addresses)."""
    ws_url: SocketUrl = ""
    """The full private endpoint: Binance `…/ws-api/v3`, Binance.US the base before `/<listenKey>`,
    Bybit `…/v5/private`, Crypto.com `…/exchange/v1/user`."""
    public_ws_url: SocketUrl = ""
    """Public prices, for the trader."""
    ws_api_url: SocketUrl = ""
    """Binance.US: where `auto` goes when listen keys end."""
    user_stream: Literal["auto", "ws_api", "listen_key"] = "auto"
    """Which way into the stream. Only Binance.US has both; the others take no notice."""
    heartbeat: Seconds = 20.0
    """Our own ping."""
    stale_after: Seconds = 45.0
    """No byte from the peer for so long: the link is down. Two pings of 20 s and five to spare. Less
    than one and a half heartbeats gets a warning, for one late pong would end a healthy stream."""
    blind_after: Seconds = 30.0
    """Not live for so long: an incident `blind`. An account that is held is one at once."""
    audit_every: Seconds = 60.0
    """Compare with the exchange while healthy."""
    poll_every: Seconds = 5.0
    """Ask the exchange while the stream is down."""
    rotate_after: Seconds = 82_800.0
    """A new connection, ± 2 % by account, before the exchange cuts the old one (Binance and
    Binance.US after 24 h; the others name no time)."""
    listen_key_refresh: Seconds = 1200.0
    """± 10 %, where there is a listen key; it dies after 3600."""
    backfill: SecondsOrNone = 86_400.0
    """History that is fetched at the very first start, 0 for none; open orders always."""
    backoff: Backoff = Backoff()
    """The pauses after failures, and the breaker."""


class Settings(Table):
    """The whole file. In a Settings that holds, addresses are final: `""` is none of that kind, and
    those of a sandbox account are all `""`, for the sandbox says where it listens.
    """

    supervisor: SupervisorSettings = SupervisorSettings()
    database: DatabaseSettings = DatabaseSettings()
    control: ControlSettings = ControlSettings()
    vault: VaultSettings = VaultSettings()
    web: WebSettings = WebSettings()
    alerts: AlertSettings = AlertSettings()
    accounts: dict[AccountName, AccountSettings] = Field(default_factory=dict)
    trader: TraderSettings = TraderSettings()
