"""What the values of settings.toml mean to each other.

Errors here are contradictions: what the file asks for could not be done, or
would be something else than it seems. Warnings are imprudent but possible: a
duration that the exchange will punish is the user's own choice, and tests and
experiments need it. A rule sees a Settings whose single values are all valid.
"""

from collections.abc import Iterator, Mapping

from core.problems import Problem, close_to, warning
from core.settings_schema import (
    BINANCE_FAMILY,
    SECRET_KEYS,
    URL_KEYS,
    AccountSettings,
    Backoff,
    Settings,
    TraderSettings,
    WebSettings,
)

RESERVED = frozenset({"core", "trading", "supervisor", "daemon"})
"""As the name of an account these would be taken for a group or for the daemon itself."""


def problems(settings: Settings) -> Iterator[Problem]:
    """Everything that is wrong or imprudent between values."""
    yield from _web(settings.web)
    yield from _trader(settings.trader, settings.accounts)
    yield from _password(settings.database.url)
    if not settings.accounts:
        yield warning("accounts", "there is none: nothing will be watched")
    for name, account in settings.accounts.items():
        if name in RESERVED:
            yield Problem(f"accounts.{name}", "vigil itself goes by this name: choose another one")
        yield from _account(f"accounts.{name}", account)


# --------------------------------------------------------------------- accounts


def _account(path: str, account: AccountSettings) -> Iterator[Problem]:
    if account.sandbox:
        yield from _sandboxed(path, account)
    else:
        yield from _credentials(path, account)
        yield from _addresses(path, account)
    yield from _flow(path, account)
    yield from _rhythm(path, account)
    yield from _backoff(f"{path}.backoff", account.backoff)
    if len(set(account.symbols)) < len(account.symbols):
        yield warning(f"{path}.symbols", "one symbol is named twice")


def _sandboxed(path: str, account: AccountSettings) -> Iterator[Problem]:
    """Beside `sandbox = true` a real key or address would look as if it were used."""
    for key in (*SECRET_KEYS, *URL_KEYS):
        if getattr(account, key):
            what = "keys" if key in SECRET_KEYS else "addresses"
            yield Problem(
                f"{path}.{key}",
                f"sandbox = true uses the built-in sandbox, which has its own {what}: "
                "remove this line to play, or sandbox = true to watch the real account",
            )


def _credentials(path: str, account: AccountSettings) -> Iterator[Problem]:
    family = account.exchange in BINANCE_FAMILY
    if account.private_key and not family:
        yield Problem(
            f"{path}.private_key", f"{account.exchange} signs with api_secret; only Binance takes this"
        )
    if account.private_key and account.api_secret:
        yield Problem(
            f"{path}.private_key", "the key signs in one way: give api_secret or private_key, not both"
        )
    if not account.enabled:
        return
    if not account.api_key:
        yield Problem(f"{path}.api_key", "is required (or sandbox = true): a reference such as env:NAME")
    if not account.api_secret and not (account.private_key and family):
        other = ", or private_key for an Ed25519 or RSA key" if family else ""
        yield Problem(f"{path}.api_secret", f"is required{other}: a reference such as env:NAME")


def _addresses(path: str, account: AccountSettings) -> Iterator[Problem]:
    """Once one address is set, an empty one means none: never a fall-back to production."""
    by_ws_api = account.exchange == "binance_us" and account.user_stream == "ws_api"
    stream = "ws_api_url" if by_ws_api else "ws_url"
    for key, why in (("rest_url", "nothing could be proven"), (stream, "there would be no stream")):
        if not getattr(account, key):
            yield Problem(
                f"{path}.{key}",
                f'is required beside the other address: once one is set, "" means none, and {why} without it',
            )
    if account.ws_api_url and account.exchange != "binance_us":
        yield warning(f"{path}.ws_api_url", "has no effect: only Binance.US has this second way")
    for key in URL_KEYS:
        address = getattr(account, key)
        if address.startswith(("http://", "ws://")) and not _is_local(address):
            yield warning(f"{path}.{key}", "is not encrypted and leaves this machine")


def _is_local(address: str) -> bool:
    host = address.partition("://")[2]
    return host.startswith(("127.", "localhost", "[::1]"))


def _flow(path: str, account: AccountSettings) -> Iterator[Problem]:
    if account.user_stream == "auto":
        return
    if account.exchange not in BINANCE_FAMILY:
        yield warning(f"{path}.user_stream", "has no effect: only the Binance family has more than one way")
    elif account.exchange == "binance" and account.user_stream == "listen_key":
        yield warning(
            f"{path}.user_stream", "Binance removed listen keys on 2026-02-20; auto or ws_api works"
        )


def _rhythm(path: str, account: AccountSettings) -> Iterator[Problem]:
    """Durations that work but are asking for trouble."""
    hints = (
        ("heartbeat", account.heartbeat < 5, "pings more often than exchanges like"),
        ("heartbeat", account.heartbeat > 30, "an exchange may drop a stream that pings so seldom"),
        (
            "stale_after",
            account.stale_after < 1.5 * account.heartbeat,
            "is less than one and a half heartbeats: a late pong drops a healthy stream",
        ),
        ("stale_after", account.stale_after > 120, "a dead stream goes unnoticed for long"),
        ("audit_every", account.audit_every < 15, "spends much of the exchange's request budget"),
        ("audit_every", account.audit_every > 900, "a lost event goes unnoticed for long"),
        ("poll_every", account.poll_every < 2, "spends much of the exchange's request budget"),
        ("poll_every", account.poll_every > 60, "vigil sees little while the stream is down"),
        ("rotate_after", account.rotate_after < 600, "rotates the connection very often"),
        ("rotate_after", account.rotate_after > 84_600, "Binance cuts at 24 h: rotation would come too late"),
        ("listen_key_refresh", account.listen_key_refresh < 60, "renews the listen key very often"),
        ("listen_key_refresh", account.listen_key_refresh > 2700, "a listen key dies after 60 minutes"),
    )
    yield from (warning(f"{path}.{key}", text) for key, applies, text in hints if applies)


def _backoff(path: str, backoff: Backoff) -> Iterator[Problem]:
    hints = (
        ("base", backoff.base < 0.5, "knocks again almost at once: exchanges ban for that"),
        ("cap", backoff.cap > 600, "waits long after the exchange is back"),
        ("trip", backoff.trip > 50, "the breaker will hardly ever open"),
        ("open", backoff.open < 5, "the breaker hardly spares the exchange"),
        ("open_cap", backoff.open_cap > 3600, "waits long after the exchange is back"),
    )
    yield from (warning(f"{path}.{key}", text) for key, applies, text in hints if applies)


# --------------------------------------------------------------- the other tables


def _web(web: WebSettings) -> Iterator[Problem]:
    if not web.is_loopback and not web.auth_token:
        yield Problem(
            "web.auth_token", "is required: web.listen can be reached from other machines (or use 127.0.0.1)"
        )
    if (web.tls_cert is None) != (web.tls_key is None):
        yield Problem("web.tls_key" if web.tls_cert else "web.tls_cert", "is required beside the other")
    elif not web.is_loopback and web.tls_cert is None:
        yield warning("web.listen", "other machines see the page unencrypted: set tls_cert and tls_key")


def _trader(trader: TraderSettings, accounts: Mapping[str, AccountSettings]) -> Iterator[Problem]:
    for name in trader.accounts:
        if name not in accounts:
            yield Problem("trader.accounts", "names an account that is not there", close_to(name, accounts))
    if trader.max_price_age < 3:
        yield warning("trader.max_price_age", "hardly leaves time to ask a second source")
    if trader.max_price_age > 60:
        yield warning("trader.max_price_age", "the market may be far away from a price that old")
    if trader.enabled and not trader.dry_run:
        yield warning("trader.dry_run", "is off: the trader places real orders")


def _password(url: str) -> Iterator[Problem]:
    before_host = url.partition("://")[2].rpartition("@")[0]
    if not url.startswith("sqlite:") and (":" in before_host or "password=" in url):
        yield warning("database.url", "holds a password: PGPASSWORD or ~/.pgpass keep it out of this file")
