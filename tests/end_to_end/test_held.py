"""Keys that an exchange refuses: the account is held, says what to fix, and is silent until it is reset.

Each exchange is told of once, with all the troubles at the same time and an account
beside them that has none. An *attempt* is any request that shows the exchange the
account's key: each REST call that is signed or carries the key, each authentication
or signed subscription of a stream. The sandbox counts them, refused or not; those of
stream and REST are taken together here. What asks for nothing (the exchange's time)
is no attempt.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.kit import Row, Scene, keys, settings, steady
from tests.support.daemon import Daemon
from tests.support.sandbox import Sandbox, account, token
from tests.support.waiting import eventually

MOST_ATTEMPTS = 3
A_WHILE_MS = 1_200
"""In which an account that is not held would poll ten times, and try its stream again."""
STRAY, FORGED, EXPIRED, BARRED = "wrong-key", "wrong-secret", "expired", "no-permission"
TROUBLES = (STRAY, FORGED, EXPIRED, BARRED)

READING = {
    "binance": {"enableReading": False},
    "binance_us": {"enableReading": False},
    "bybit": {"SpotTrade": False, "Order": False, "Position": False},
    "cryptocom": {"can_read": False},
}
"""The permissions without which nothing can be watched, taken away."""

SAYS_EXPIRED = {"bybit": 33004}
"""Where an expired key has a code of its own."""

_BINANCE = {
    STRAY: "check that the key is right and has not expired",
    FORGED: "the secret does not belong to this key",
    EXPIRED: "check that the key is right and has not expired",
    BARRED: "that it may read",
}
_CRYPTOCOM = "check key and secret, that the key is enabled, and may read"
TO_FIX = {
    "binance": _BINANCE,
    "binance_us": _BINANCE,
    "bybit": {
        STRAY: "the API key is unknown here",
        FORGED: "the secret does not belong to this key",
        EXPIRED: "the API key has expired: make a new one",
        BARRED: "the key lacks a permission: give it reading permission",
    },
    "cryptocom": dict.fromkeys(TROUBLES, _CRYPTOCOM),
}
"""What the held account has to say; Crypto.com has one code for all of it."""


class Hospital(Scene):
    """One account in good health (`main`), and one for each trouble, with keys that lie in files."""

    def __init__(self, box: Sandbox, daemon: Daemon, exchange: str) -> None:
        super().__init__(box, daemon, exchange)
        self.exchange = exchange
        self.true = {row["account"]: row for row in box.accounts}
        self._keys = {"main": {self.true["main"]["api_key"]}}

    def write(self, name: str, kind: str, text: str, mode: int = 0o600) -> None:
        """What lies in the file of this account's `key` or `secret`, from now on."""
        path = self.daemon.home / f"{name}.{kind}"
        path.write_text(text)
        path.chmod(mode)
        if kind == "key":
            self._keys.setdefault(name, set()).add(text)

    def shown(self, name: str) -> Row:
        """For which calls each key that this account ever had was shown to the exchange, and how often."""
        shown = self.admin.state()[self.exchange]["keys"]
        return {key: shown[key] for key in self._keys[name] & shown.keys()}

    def attempts(self, name: str) -> int:
        return sum(count for calls in self.shown(name).values() for count in calls.values())

    def connects(self) -> int:
        """How often a stream was entered, by whomever."""
        return sum(count for call, count in self.requests().items() if call.startswith("connect"))

    def generations(self, name: str) -> list[int]:
        return [self.daemon.actor(f"{name}/{child}")["generation"] for child in ("connection", "poller")]

    def revoke(self, name: str) -> None:
        self.admin.fault("auth_revoked", account=name, code=SAYS_EXPIRED.get(self.exchange))

    def permit(self, name: str) -> None:
        """Give the account's key all permissions."""
        self.true[name].pop("permissions")
        self.box.write_accounts()
        self.admin.post("reload")

    def reset(self, target: str) -> None:
        assert self.daemon.ask("reset", target=target)["accepted"] == "reset"


@contextmanager
def hospital(home: Path, exchange: str) -> Iterator[Hospital]:
    """The daemon has just started; nothing is known yet of how it fared."""
    rows = [account(name, exchange) for name in ("main", STRAY, FORGED, EXPIRED)]
    rows.append(account(BARRED, exchange, permissions=READING[exchange]))
    files = {name: {"api_key": f"file:{name}.key", "api_secret": f"file:{name}.secret"} for name in TROUBLES}
    pace = {"poll_every": A_WHILE_MS / 10_000, "backoff": {"base": 1, "cap": 1}}
    wanted = {"main": {"audit_every": 0.5}} | {name: {**own, **pace} for name, own in files.items()}
    with Sandbox(rows, exchanges=(exchange,)) as box:
        daemon = Daemon(home, settings(box, wanted, exchange), keys(box))
        it = Hospital(box, daemon, exchange)
        for name in TROUBLES:
            it.write(name, "key", token() if name == STRAY else it.true[name]["api_key"])
            it.write(name, "secret", token() if name == FORGED else it.true[name]["api_secret"])
        it.revoke(EXPIRED)
        with daemon:
            yield it
            assert daemon.terminate() == 0


def test_a_refused_key_holds_its_account_alone_until_it_is_mended_or_reset(
    tmp_path: Path, exchange: str
) -> None:
    with hospital(tmp_path, exchange) as it:
        it.daemon.until_live("main")
        rows = {name: it.until("held", name) for name in TROUBLES}
        for name, row in rows.items():
            assert TO_FIX[exchange][name] in row["held_reason"]
            assert (row["subscribed"], row["polling"], row["breaker"]["mode"]) == (False, False, "held")
        is_shown_as_held(it, rows)
        for name in TROUBLES:
            assert 1 <= it.attempts(name) <= MOST_ATTEMPTS, it.shown(name)
        healthy = (it.states(), it.generations("main"))

        with silence(it, TROUBLES):
            lost = {name: it.trade(name) for name in TROUBLES}
            is_held_over_a_pause(it, STRAY)
            is_held_over_a_restart(it, EXPIRED)
            is_refused_a_file_that_others_may_read(it, FORGED)
            mend_at_the_exchange(it)
            watches_on(it)

        is_released_in_a_pause(it, STRAY)
        it.write(FORGED, "secret", it.true[FORGED]["api_secret"])  # seen by the daemon: no reset is needed
        it.reset(f"{EXPIRED}.poller")
        it.reset(f"{BARRED}/connection")
        for name in TROUBLES:
            row = it.until("live", name)
            assert row["held_reason"] is None
            assert it.fill_of(lost[name], name)["source"] in {"poll", "reconcile"}
            eventually(  # a reconcile that is on its way may be faster
                lambda name=name: it.fill_of(it.trade(name), name)["source"],  # type: ignore[misc]
                lambda source: source == "stream",
                what=f"fills of {name} by the stream",
            )
        for name in TROUBLES:
            it.agrees(name)

        expires_in_service(it, EXPIRED)
        it.agrees()
        assert (it.states(), it.generations("main")) == healthy
        assert healthy[1] == [1, 1]
        assert it.daemon.account("main")["reconnects"] == 0


@contextmanager
def silence(it: Hospital, names: tuple[str, ...]) -> Iterator[None]:
    """Nothing that bears a key of these accounts reaches the exchange meanwhile, and no stream is entered."""
    before = ({name: it.shown(name) for name in names}, it.connects())
    yield
    assert ({name: it.shown(name) for name in names}, it.connects()) == before


def watches_on(it: Hospital) -> None:
    """The account in good health gets its fills, and is proven over more than A_WHILE."""
    assert it.fill_of(it.trade())["source"] == "stream"
    before = it.daemon.account("main")["proven_to"]
    eventually(
        lambda: it.daemon.account("main")["proven_to"] - before,
        lambda stretch: stretch > A_WHILE_MS,
        within=90,  # audits so often use up a minute's weight where this takes long
        what="audits of main",
    )


def is_shown_as_held(it: Hospital, rows: dict[str, Row]) -> None:
    """The command line says so, in words and by its exit code."""
    status = it.daemon.word("status", "--json")
    assert status.returncode == 1
    assert json.loads(status.stdout)["state"] == "degraded"
    accounts = it.daemon.word("accounts")
    assert accounts.returncode == 0
    lines = {line.split()[0]: line for line in accounts.stdout.splitlines() if line.strip()}
    assert all("held" in lines[name] for name in TROUBLES), accounts.stdout
    assert "live" in lines["main"]
    reasons = it.daemon.ask("health")["reasons"]
    assert sorted(reasons) == sorted(
        f"account {name} is held ({row['held_reason']})" for name, row in rows.items()
    )
    told = json.dumps([status.stdout, accounts.stdout, reasons])
    assert not any(row[kind] in told for row in it.box.accounts for kind in ("api_key", "api_secret"))


def is_held_over_a_pause(it: Hospital, name: str) -> None:
    """A pause hides it, and its end brings it back, with its reason."""
    why = it.daemon.account(name)["held_reason"]
    it.daemon.ask("pause", target=name)
    assert it.until("paused", name)["held_reason"] == why
    it.daemon.ask("resume", target=name)
    assert it.until("held", name)["held_reason"] == why
    eventually(
        lambda: it.states(name)[-3:], lambda last: last == ["held", "paused", "held"], what="its history"
    )


def is_released_in_a_pause(it: Hospital, name: str) -> None:
    """A reset is heard in a pause as well; that it helped shows when the pause is over."""
    it.daemon.ask("pause", target=name)
    it.until("paused", name)
    it.reset(name)
    eventually(lambda: it.daemon.account(name)["held_reason"], lambda why: why is None, what="its release")
    assert it.daemon.account(name)["state"] == "paused"
    it.write(name, "key", it.true[name]["api_key"])
    it.daemon.ask("resume", target=name)


def is_held_over_a_restart(it: Hospital, name: str) -> None:
    """To ask for a new generation is not to say that the key was mended."""
    it.daemon.ask("restart", target=f"{name}/connection")
    eventually(lambda: any(row["event"] == "restart_asked" for row in history(it, name)), what="the wish")
    assert it.daemon.account(name)["state"] == "held"


def history(it: Hospital, name: str) -> list[Row]:
    rows: list[Row] = it.daemon.ask("history", kind="actor", key=f"{name}/connection", limit=0)
    return rows


def is_refused_a_file_that_others_may_read(it: Hospital, name: str) -> None:
    """The right secret, and not for others to see: a reset says so, unsent."""
    it.write(name, "secret", it.true[name]["api_secret"], mode=0o644)
    it.reset(name)
    row = eventually(
        lambda: it.daemon.account(name),
        lambda row: row["state"] == "held" and "chmod 600" in row["held_reason"],
        what="a refusal of the file",
    )
    assert f"{name}.secret" in row["held_reason"]


def mend_at_the_exchange(it: Hospital) -> None:
    """Nobody here hears of that: these wait for a reset."""
    it.admin.clear(account=EXPIRED)
    it.permit(BARRED)


def expires_in_service(it: Hospital, name: str) -> None:
    """A key that worked until a moment ago is no other case."""
    before = steady(lambda: it.attempts(name))
    it.revoke(name)
    row = it.until("held", name)
    assert TO_FIX[it.exchange][name] in row["held_reason"]
    with silence(it, (name,)):
        watches_on(it)
    assert 1 <= it.attempts(name) - before <= MOST_ATTEMPTS
    assert it.daemon.account(name)["state"] == "held"
