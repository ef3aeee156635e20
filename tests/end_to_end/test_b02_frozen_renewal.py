"""B2: a duty that stops turns the account red within two periods, although its socket lives and speaks.

The keepalive that renews keys hears no tick any more; pongs do not come; a renewal
is refused again and again. Periods are seconds instead of minutes. All accounts
meet it at once; other frames go on coming, so that it is not silence that is noticed.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import pytest

from tests.end_to_end.kit import Row
from tests.end_to_end.listen_keys import KEY, US
from tests.end_to_end.together import Part, Together, together
from tests.support.injected import Injected
from tests.support.sandbox import Admin
from tests.support.waiting import eventually

PERIOD = 4.0
"""Seconds between two heartbeats where one may be missed."""
STALE_AFTER = 6.0
"""Less than an alarm takes: who had nothing but the lost pongs would be left by then."""
KEPT: Row = {"heartbeat": PERIOD, "stale_after": STALE_AFTER}
ROLES: Mapping[str, Row] = {
    "unheard": KEPT,
    "frozen": KEPT | {"rotate_after": PERIOD, "listen_key_refresh": PERIOD},
}
REFUSED = "refused"


class Alarmed(NamedTuple):
    """What was shown when all alarms had been raised, before everything went on; since when it failed, s."""

    them: Together
    accounts: Mapping[str, Row]
    reasons: list[str]
    began: float


@pytest.fixture(scope="module")
def alarmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alarmed]:
    """Waits for the alarms of all exchanges at once, then lets pongs come and ticks go again."""
    home, make = tmp_path_factory.mktemp("frozen"), partial(Injected, ping_every=5.0)
    with together(home, roles=ROLES, make=make, options=("--ping-every", "0.5")) as them, business(them):
        for it in them.playing("unheard"):
            it.fault("lost_pongs")
        for it in them.playing("frozen"):
            fate(them).freeze(f"{it.name}/keepalive")
        began = time.time()
        shown = eventually(
            lambda: {row["account"]: row for row in them.daemon.status()["accounts"]},
            lambda rows: all(len(overdue(rows[it.name])) == len(duties_of(it)) for it in them),
            within=2 * PERIOD + 2,
            every=0.1,
            what="an alarm for each duty",
        )
        reasons = them.daemon.ask("health")["reasons"]
        for it in them:
            it.clear()
        for it in them.playing("frozen"):
            fate(them).thaw(f"{it.name}/keepalive")
        yield Alarmed(them, shown, reasons, began)
        assert them.daemon.terminate() == 0


def fate(them: Together) -> Injected:
    assert isinstance(them.daemon, Injected)
    return them.daemon


@contextmanager
def business(them: Together) -> Iterator[None]:
    """Where pongs are missed, other frames go on; Bybit sends none but those that tell what happened."""
    over = threading.Event()
    admin = Admin(them.admin.url)

    def trade() -> None:
        while not over.wait(0.5):
            for it in them:
                admin.place(it.name, it.symbol, "buy", "0.002", exchange=it.exchange)

    thread = threading.Thread(target=trade, name="business", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        admin.close()


def duties_of(it: Part) -> set[str]:
    """Those that fail there."""
    if it.name.startswith("unheard"):
        return {"heartbeat"}
    return {"heartbeat", "rotation"} | ({"listen_key"} if it.exchange == US else set())


def overdue(row: Row) -> list[str]:
    """The warnings of duties that have stopped."""
    return [text for text in row["warnings"] if text.startswith("overdue: ")]


def incidents(it: Part) -> dict[str, Row]:
    """Those of an account by kind, each of which happened once."""
    rows = it.incidents()
    kinds = {row["kind"]: row for row in rows}
    assert len(kinds) == len(rows), rows
    return kinds


@pytest.mark.parametrize("role", ROLES)
def test_duties_that_stop_turn_the_account_red_within_two_periods_although_its_socket_lives(
    alarmed: Alarmed, exchange: str, role: str
) -> None:
    """Pongs that do not come, and a keepalive that does nothing; the alarm ends when they do."""
    it = alarmed.them[exchange, role]
    row = alarmed.accounts[it.name]
    assert (row["state"], row["subscribed"], row["reconnects"]) == ("live", True, 0)
    assert row["transport_age_s"] < STALE_AFTER, "bytes come, but no answers"
    assert {f"account {it.name}: {text}" for text in overdue(row)} <= set(alarmed.reasons)
    found = incidents(it)
    assert set(found) == duties_of(it)
    for duty, incident in found.items():
        assert row["duties"][duty] > PERIOD
        assert incident["severity"] == "critical"
        assert incident["opened_at"] / 1000 <= alarmed.began + 2 * PERIOD

    row = eventually(lambda: it.row, lambda row: not overdue(row), what="the end of the alarm")
    assert (row["state"], row["reconnects"]) == ("live", 0)
    assert all(row["duties"][duty] < PERIOD * 1.6 for duty in duties_of(it))
    eventually(
        lambda: [one["resolved_at"] for one in incidents(it).values()], all, what="the end of the incidents"
    )
    health = it.daemon.ask("health")["reasons"]
    assert not [text for text in health if text.startswith(f"account {it.name}:")]
    assert it.generation() == 1
    assert it.fill_of(it.trade())["source"] == "stream"


def test_a_renewal_that_is_refused_again_and_again_turns_the_account_red_although_the_socket_lives(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    own = {"listen_key_refresh": PERIOD}
    with together(tmp_path_factory.mktemp("refused"), own, exchanges=[US]) as them:
        it = them[US]
        it.fault("rest_status", path=KEY, status=500)
        (text,) = eventually(lambda: overdue(it.row), within=2 * PERIOD + 1, what="an alarm")
        assert "the listen key was not renewed" in text
        assert it.daemon.status()["state"] == "degraded"
        assert it.row["state"] == "live"
        assert it.daemon.ask("health")["reasons"] == [f"account {it.name}: {text}"]
        assert len(it.incidents("listen_key")) == 1
        it.clear()
        eventually(lambda: overdue(it.row), lambda texts: not texts, within=30, what="the end of the alarm")
        eventually(lambda: it.daemon.status()["state"], lambda state: state == "ok", what="all is well")
        eventually(lambda: it.incidents("listen_key")[0]["resolved_at"], what="the end of the incident")
