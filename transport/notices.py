"""How one alert is handed to one address: our own webhook, or one of the services of apprise.

This file knows what an address looks like and when a message counts as taken. It
tries once; whoever calls decides about another try, on a thread of his own, because a
call may take as long as the service likes. Errors never hold a part of the address.

The webhook's address is `webhook+https://:SECRET@host/path`; `webhook+http://` only
reaches this machine. The body is signed with the secret: docs/alerts.md shows how a
receiver checks that.
"""

import hmac
import json
import logging
import re
import threading
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from core import alerts
from core.alerts import Message
from core.errors import VigilError
from core.secrecy import masked, tokens

SIGNATURE = "X-Vigil-Signature"
TIMEOUT = (5.0, 10.0)  # to connect, and between two bytes of the answer
_PREFIX = "webhook+"
_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


class NotTaken(VigilError):
    """The message did not arrive, or was refused; the text says why, without the address."""


def deliver(url: str, message: Message, now_ms: int) -> None:
    """Hand it over once. Raises NotTaken, and nothing else."""
    try:
        if url.startswith(_PREFIX):
            _post(url, message, now_ms // 1000)
        else:
            _notify(url, message)
    except NotTaken as refusal:
        raise NotTaken(_clean(url, str(refusal))) from None
    except Exception as error:  # noqa: BLE001  a border: what a service's plug-in raises is anybody's guess
        raise NotTaken(_clean(url, f"{type(error).__name__}: {error}")) from None


def signature(secret: str, body: bytes, at: int) -> str:
    """The header's value: the second of signing, and the HMAC-SHA256 of `second.body`."""
    signed = hmac.new(secret.encode(), b"%d." % at + body, sha256).hexdigest()
    return f"t={at},v1={signed}"


def _post(url: str, message: Message, at: int) -> None:
    """2xx is taken; redirects are not followed, for they would carry the message elsewhere."""
    import requests

    target, secret = _webhook(url)
    body = json.dumps(alerts.document(message), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signature(secret, body, at)}
    with requests.Session() as session:
        session.trust_env = False
        try:
            reply = session.post(
                target, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            )
        except requests.RequestException as error:
            raise NotTaken(_reason(error)) from None
        with reply:
            if not 200 <= reply.status_code < 300:
                raise NotTaken(f"HTTP {reply.status_code} {reply.reason or ''}".strip())


def _webhook(url: str) -> tuple[str, str]:
    """The address to post to, and the secret to sign with."""
    parts = urlsplit(url.removeprefix(_PREFIX))
    user, _, host = parts.netloc.rpartition("@")
    secret = unquote(user.partition(":")[2] or user)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotTaken("a webhook is webhook+https://:SECRET@host/path")
    if not secret:
        raise NotTaken("a webhook needs a secret to sign with: webhook+https://:SECRET@host/path")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise NotTaken("webhook+http:// only reaches this machine (127.0.0.1): use webhook+https://")
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, "")), secret


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    """Requests wraps what happened several times, and names the address each time."""
    import requests

    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {TIMEOUT[0]:g} s"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT[1]:g} s"
    inner: Any = error
    while (deeper := getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)) is not None:
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = re.sub(r"\[Errno -?\d+\] ", "", str(inner).rpartition(": ")[2])
    return text or type(inner).__name__


def _notify(url: str, message: Message) -> None:
    """By apprise, which says why only to its log. Slow to import: only whoever needs it pays."""
    import apprise

    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise NotTaken("no address that apprise knows, or something is missing in it")
    kind = "success" if alerts.is_good_news(message) else _TYPES[alerts.worst(message)]
    with _Overheard() as said:
        taken = service.notify(title=alerts.title(message), body=alerts.body(message), notify_type=kind)
    if not taken:
        raise NotTaken(said.lines[0] if said.lines else "the service refused it")


class _Overheard(logging.Handler):
    """What apprise complains of in this thread meanwhile; another thread sends something else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())

    def __enter__(self) -> Self:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)


def _clean(url: str, text: str) -> str:
    line = " ".join(text.split())[:300]
    return masked(line, sorted(tokens(url), key=len, reverse=True))


Deliver = Callable[[str, Message, int], None]
