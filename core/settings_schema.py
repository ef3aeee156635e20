"""The shape of settings.toml: every table, every key, its type and its default.

This file decides what may stand in the file and what a single value must be.
What values mean to each other stands in `settings_rules`; how a mistake is told
to a person in `problems`; `settings.validate` puts the three together.

A validated Settings is final: paths are absolute, an exchange's own numbers and
addresses are filled in, and nothing in it is a secret, only the names of them
(`env:NAME`, `file:PATH`, `vault:NAME`). Durations are seconds. No validator
here puts the value it refuses into its message: the value may be a secret that
stands in the wrong place.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
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


LONGEST = 10 * 365 * 86_400.0
Seconds = Annotated[float, Field(ge=0.01, le=LONGEST, allow_inf_nan=False)]
ExchangeName = Annotated[str, AfterValidator(_exchange)]
AccountName = Annotated[
    str, AfterValidator(_matching(_ACCOUNT, "the name of an account is 1 to 32 of a-z, 0-9 and -"))
]
Reference = Annotated[str, AfterValidator(_matching(_REFERENCE, _REFERENCE_RULE))]
OptionalKeyReference = Annotated[
    str, AfterValidator(_matching(_KEY_REFERENCE, _KEY_REFERENCE_RULE, empty=True))
]
OptionalReference = Annotated[str, AfterValidator(_matching(_REFERENCE, _REFERENCE_RULE, empty=True))]
Symbol = Annotated[str, AfterValidator(_matching(_SYMBOL, "must be a symbol as the exchange writes it"))]
Symbols = Annotated[tuple[Symbol, ...], Field(strict=False)]
HttpUrl = Annotated[str, AfterValidator(_url("http", "https"))]
SocketUrl = Annotated[str, AfterValidator(_url("ws", "wss"))]
FilePath = Annotated[Path, PlainValidator(_path)]
OptionalPath = Annotated[Path | None, PlainValidator(_optional_path)]
Amount = Annotated[Decimal, PlainValidator(_amount)]

# ------------------------------------------------------------------ the tables


class Table(BaseModel):
    """What all tables share: unknown keys are errors, types are not guessed, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, validate_default=True
    )


class SupervisorSettings(Table):
    data_dir: FilePath = Path("data")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)
    ] = "info"
    log_file: OptionalPath = None


class DatabaseSettings(Table):
    url: Annotated[str, AfterValidator(_database)] = ""
    keep_days: int = Field(default=90, ge=1, le=36_500)


class WebSettings(Table):
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8080"
    auth_token: OptionalReference = ""
    tls_cert: OptionalPath = None
    tls_key: OptionalPath = None

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
    """`socket` is None only until `validate` has settled it."""

    socket: OptionalPath = None


class AlertSettings(Table):
    urls: Annotated[tuple[Reference, ...], Field(strict=False)] = ()
    min_severity: Literal["info", "warning", "critical"] = "warning"
    repeat_after: Seconds = 3600.0


class VaultSettings(Table):
    """The key of the vault cannot lie in the vault."""

    key: OptionalKeyReference = ""


class TraderSettings(Table):
    enabled: bool = False
    dry_run: bool = True
    accounts: Annotated[tuple[AccountName, ...], Field(strict=False)] = ()
    symbols: Symbols = ()
    quote: Symbol = "USDT"
    min_profit: Amount = Decimal("0.003")
    max_order_quote: Amount = Decimal(100)
    max_open_orders: int = Field(default=10, ge=1, le=1000)
    max_jump: Amount = Decimal("0.05")
    max_price_age: Seconds = 10.0
    max_failures: int = Field(default=5, ge=0, le=1000)
    max_daily_loss: Amount = Decimal(20)
    max_rejections: int = Field(default=5, ge=0, le=1000)
    alert_after: Annotated[tuple[Seconds, ...], Field(strict=False)] = (3600.0, 86_400.0)
    on_stop: Literal["keep", "cancel"] = "keep"


class Backoff(Table):
    """A ceiling that is not given grows with what it has to cover."""

    base: Seconds = 1.0
    cap: Seconds = 30.0
    trip: int = Field(default=5, ge=1, le=1_000_000)
    open: Seconds = 30.0
    open_cap: Seconds = 60.0
    stable: Seconds = 30.0

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
    """One account. Addresses are final: `""` means that there is none of that kind.

    Those of a sandbox account are all `""`: the sandbox says where it listens.
    """

    exchange: ExchangeName
    enabled: bool = True
    sandbox: bool = False
    api_key: OptionalReference = ""
    api_secret: OptionalReference = ""
    private_key: OptionalReference = ""
    symbols: Symbols = ()
    rest_url: HttpUrl = ""
    ws_url: SocketUrl = ""
    public_ws_url: SocketUrl = ""
    ws_api_url: SocketUrl = ""
    user_stream: Literal["auto", "ws_api", "listen_key"] = "auto"
    heartbeat: Seconds = 20.0
    stale_after: Seconds = 45.0
    blind_after: Seconds = 30.0
    audit_every: Seconds = 60.0
    poll_every: Seconds = 5.0
    rotate_after: Seconds = 82_800.0
    listen_key_refresh: Seconds = 1200.0
    backfill: Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False)] = 86_400.0
    backoff: Backoff = Backoff()


class Settings(Table):
    """The whole file."""

    supervisor: SupervisorSettings = SupervisorSettings()
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    control: ControlSettings = ControlSettings()
    alerts: AlertSettings = AlertSettings()
    vault: VaultSettings = VaultSettings()
    trader: TraderSettings = TraderSettings()
    accounts: dict[AccountName, AccountSettings] = Field(default_factory=dict)
