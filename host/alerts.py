"""The addresses of `[alerts]`: how they are looked up, and a test message through each.

An address is a secret as a whole, and so is each of its parts: whatever is looked up
here is told to the masker in every form in which a service may repeat it.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from control.session import tell_trial
from core import alerts
from core.clock import Clock, SystemClock
from core.errors import FatalError, VigilError
from core.problems import Problem
from core.secrecy import shown, tokens
from core.settings_schema import AlertSettings
from host.configuration import SettingsError, load
from host.secrets import Secrets
from host.vault import custody
from transport.notices import Deliver, deliver

USAGE, BAD_SETTINGS = 2, 78
PATIENCE = 20.0  # seconds that all of a test may take

Address = Callable[[str], str]
Row = dict[str, Any]


def addresses(secrets: Secrets, learn: Callable[..., object] = lambda *_: None) -> Address:
    """What makes an address of a reference; FatalError says why there is none."""

    def address(reference: str) -> str:
        url = secrets.resolve(reference)
        learn(*tokens(url))
        return url

    return address


def missing(settings: AlertSettings, address: Address) -> list[Problem]:
    """Every reference that leads to no address."""
    found = []
    for at, reference in enumerate(settings.urls):
        try:
            address(reference)
        except FatalError as error:
            found.append(Problem(f"alerts.urls.{at}", str(error)))
    return found


def trial(
    settings: AlertSettings,
    address: Address,
    only: int | None = None,
    *,
    clock: Clock | None = None,
    deliver: Deliver = deliver,
    patience: float = PATIENCE,
) -> list[Row]:
    """One test message through every address, or through one; what became of each. All at the same time."""
    clock = clock or SystemClock()
    chosen = [(at, reference) for at, reference in enumerate(settings.urls) if only in (None, at)]
    rows: list[Row] = [
        {"channel": at, "reference": reference, "url": None, "ok": False, "error": _late(patience)}
        for at, reference in chosen
    ]

    def try_one(row: Row) -> None:
        try:
            url = address(row["reference"])
            row["url"] = shown(url)
            now = clock.wall_ms()
            deliver(url, alerts.trial(now, row["channel"]), now)
        except VigilError as error:
            row["error"] = str(error)
        else:
            row["ok"], row["error"] = True, None

    threads = [threading.Thread(target=try_one, args=(row,), daemon=True) for row in rows]
    for thread in threads:
        thread.start()
    deadline = clock.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, deadline - clock.monotonic()))
    return [dict(row) for row in rows]


def offline(path: Path, only: int | None, out: TextIO, complaints: TextIO) -> int:
    """A test without a daemon, told as the daemon's would be; the exit code."""
    try:
        loaded = load(path)
    except SettingsError as error:
        complaints.writelines(f"vigil: {problem.severity}: {problem}\n" for problem in error.problems)
        return BAD_SETTINGS
    settings = loaded.settings.alerts
    if only is not None and only >= len(settings.urls):
        complaints.write(f"vigil: alerts: there is no address {only} in alerts.urls\n")
        return USAGE
    return tell_trial(trial(settings, addresses(custody(loaded).secrets), only), out)


def _late(patience: float) -> str:
    return f"no answer within {patience:g} s"
