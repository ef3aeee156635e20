"""One entry of the menu carried out: private sandboxes, one private daemon, an account for every seat.

A round goes through the entry's steps in lockstep for all its accounts, then
waits until every ledger is equal to its sandbox's record and every account live,
lets one more trade prove that the stream is heard again, waits for one more
audit, and compares everything once more. What the daemon said meanwhile is read
afterwards from its own history, which has the moments; what only the status
shows, a watch writes down.

Whatever fails here is a finding of this round and of no other: it is told in
the results.
"""

import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, assert_never

from drill import script
from drill.comparing import VIEWS, Row, Tally, tally, told_twice
from drill.daemon import Daemon
from drill.dialects import DIALECTS, account_table, keys
from drill.menu import (
    PACE,
    Act,
    Burst,
    Clear,
    Entry,
    Inject,
    Machine,
    Person,
    Step,
    Trade,
    Trading,
    Wait,
)
from drill.nameless import Nameless, named
from drill.result import Outcome, Said, spent
from drill.sandbox import Sandbox, account
from drill.waiting import eventually

PATIENCE = 45.0
"""Seconds until all has to be well before anything goes wrong."""
LOOK_EVERY = 0.2
PRICE = "50000"
"""Of orders that rest: far below the market."""


class Aborted(Exception):
    """Nobody wants to know any more."""


class Seat(NamedTuple):
    """One account of a round: a seed on an exchange, in a sandbox that it shares with no other seed."""

    exchange: str
    seed: int
    box: Sandbox

    @property
    def place(self) -> tuple[int, str]:
        """What counts as one address."""
        return id(self.box), self.exchange


def name_of(entry: Entry, exchange: str, seed: int) -> str:
    """The account's name."""
    return f"{entry.name}-{exchange.replace('_', '-')}-{seed}"


class Round:
    """`play()` once; its home stays for whoever wants to look."""

    def __init__(
        self,
        entry: Entry,
        seats: Sequence[Seat],
        home: Path,
        *,
        full: bool = False,
        make: type[Daemon] | None = None,
    ) -> None:
        self.entry = entry
        self.home = home
        self._full = full
        self._seats = {name_of(entry, seat.exchange, seat.seed): seat for seat in seats}
        self._random = {
            name: Random(f"{entry.name}/{seat.exchange}/{seat.seed}") for name, seat in self._seats.items()
        }
        self._scripts = {name: script.script(random) for name, random in self._random.items()}
        self._resting: dict[str, list[str]] = {}
        self._problems: dict[str, list[str]] = {name: [] for name in self._seats}
        self._daemon = self._made(make)
        self._aborted = threading.Event()
        self._lock: sqlite3.Connection | None = None
        self._pool = ThreadPoolExecutor(max(1, min(len(self._seats), 24)))

    # ------------------------------------------------------------------------ the whole

    def play(self) -> list[Outcome]:
        """What came of it, for every seat."""
        self._open_accounts()
        daemon = self._daemon
        try:
            daemon.start()
            with self._pool:
                found = self._played(daemon)
            self._unlock()
            remarks = self._end(daemon)
            return [one._replace(remarks=(*one.remarks, *remarks)) for one in found]
        except Exception as error:
            if daemon.process is not None and (code := daemon.process.poll()) is not None:
                raise RuntimeError(f"the daemon has ended with {code}") from error
            raise
        finally:
            self._unlock()
            self._end(daemon)
            for box in {id(seat.box): seat.box for seat in self._seats.values()}.values():
                box.admin.clear()

    def _played(self, daemon: Daemon) -> list[Outcome]:
        for name in self._seats:
            daemon.until_live(name, within=PATIENCE)
        self._for_all(self._prepare)
        self._until_equal(daemon)
        before = {name: self._requests(name) for name in self._seats}
        began_ms = int(time.time() * 1000)
        with watched(daemon, self._seats) as seen:
            for step in self.entry.steps:
                self._do(step, daemon)
            repaired = self._recovered(daemon, time.monotonic())
            calls = {name: spent(before[name], self._requests(name)) for name in self._seats}
            self._prove_sight(daemon, repaired)
            self._await_audit(daemon)
        told = told_twice_by_account(daemon.journal())
        outcomes = []
        for name, seat in self._seats.items():
            found, twice = self._tally(daemon, name), told.get(name, 0)
            said = [*self._history(daemon, name, began_ms), *seen.of(name)]
            outcomes.append(
                Outcome(
                    fault=self.entry.name,
                    exchange=seat.exchange,
                    seed=seat.seed,
                    said=tuple(sorted(said)),
                    noticed_after_s=noticed(self.entry.must_show(seat.exchange), said, began_ms),
                    repaired_after_s=repaired.get(name),
                    lost=found.lost,
                    doubled=found.doubled + twice,
                    wrong=found.wrong,
                    rest_calls=calls[name],
                    remarks=(*self._problems[name], *found.lines[:5]),
                )
            )
        return outcomes

    def abort(self) -> None:
        """End it from another thread: what it waits for will not come."""
        self._aborted.set()
        if self._daemon.process is not None:
            self._daemon.process.kill()

    # ----------------------------------------------------------------------- setting up

    def _open_accounts(self) -> None:
        for box in {id(seat.box): seat.box for seat in self._seats.values()}.values():
            box.accounts += [
                account(name, seat.exchange) for name, seat in self._seats.items() if seat.box is box
            ]
            box.write_accounts()
            box.admin.post("reload")
            self._daemon.env |= keys(box)

    def _made(self, make: type[Daemon] | None) -> Daemon:
        """The private daemon, not started; one whose names can be taken away, where that is to happen."""
        needs_names = any(isinstance(step, Machine) and "names" in step.what for step in self.entry.steps)
        text = '[web]\nlisten = ""\n'
        for name, seat in self._seats.items():
            host = seat.box.host(seat.exchange)
            at = DIALECTS[seat.exchange].at(named(host) if needs_names else host)
            text += account_table(name, {"exchange": seat.exchange, **PACE, **self.entry.pace}, at)
        return (make or (Nameless if needs_names else Daemon))(self.home, text)

    def _end(self, daemon: Daemon) -> list[str]:
        """Stop it; what was odd about its end or stands in its log and in no other answer."""
        if daemon.process is None or daemon.process.poll() is not None:
            return []
        try:
            code = daemon.terminate()
        except subprocess.TimeoutExpired:
            daemon.kill()
            return ["it did not stop within five seconds"]
        odd = [] if code == 0 else [f"it ended with {code}"]
        return odd + (["a bug is in its log"] if "Traceback" in daemon.log() else [])

    def _for_all(self, do: Callable[[str], Any]) -> None:
        """Once for each account, all at the same time."""
        list(self._pool.map(do, self._seats))

    def _prepare(self, name: str) -> None:
        """Orders that rest, a trade, a position: so that there is something to lose."""
        self._resting[name] = [self._rest(name, quantity) for quantity in self._scripts[name].before]
        self._perform(name, script.Market("buy", "0.004"))
        self._perform(name, script.Contract("buy", "0.005"))

    # ----------------------------------------------------------------------- one step

    def _do(self, step: Step, daemon: Daemon) -> None:
        match step:
            case Inject():
                self._inject(step)
            case Clear(whole=whole):
                self._clear(whole=whole)
            case Act():
                self._for_all(self._act)
            case Trade():
                self._for_all(self._trade)
            case Trading(seconds=seconds, every=every):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    self._for_all(self._trade)
                    self._pass(every)
            case Burst(pages=pages, more=more):
                self._for_all(lambda name: self._burst(name, pages, more))
            case Wait(seconds=seconds, full=full):
                self._pass(full if self._full and full is not None else seconds)
            case Person(word=word):
                for name in self._seats:
                    if daemon.account(name)["state"] != "live":
                        daemon.ask(word, target=name)
            case Machine(what=what):
                self._happen(what, daemon)
            case _:
                assert_never(step)

    def _pass(self, seconds: float) -> None:
        """Let time pass; Aborted where nobody waits for the round any more."""
        if self._aborted.wait(seconds):
            raise Aborted("interrupted")

    def _inject(self, fault: Inject) -> None:
        seats = self._seats if not fault.whole else self._one_for_each_place()
        for name, seat in seats.items():
            params = fault.meant(seat.exchange, self._random[name])
            whose = {} if fault.whole else {"account": name}
            seat.box.admin.fault(fault.kind, exchange=seat.exchange, **whose, **params)

    def _clear(self, *, whole: bool) -> None:
        for name, seat in (self._one_for_each_place() if whole else self._seats).items():
            whose = {} if whole else {"account": name}
            seat.box.admin.clear(exchange=seat.exchange, **whose)

    def _one_for_each_place(self) -> dict[str, Seat]:
        places = {seat.place: name for name, seat in self._seats.items()}
        return {name: self._seats[name] for name in places.values()}

    def _happen(self, what: str, daemon: Daemon) -> None:
        match what:
            case "lock":
                self._lock = sqlite3.connect(
                    self.home / "data" / "vigil.db", isolation_level=None, timeout=10
                )
                self._lock.execute("BEGIN EXCLUSIVE")
            case "unlock":
                self._unlock()
            case "names_gone" | "names_back":
                assert isinstance(daemon, Nameless)
                daemon.resolve(works=what == "names_back")
            case "kill":
                daemon.kill()
            case "launch":
                daemon.start()

    def _unlock(self) -> None:
        held, self._lock = self._lock, None
        if held is not None:
            with closing(held):
                held.execute("ROLLBACK")

    # ------------------------------------------------------------------ what is done there

    def _act(self, name: str) -> None:
        for pause, deed in self._scripts[name].deeds:
            time.sleep(pause)
            self._perform(name, deed)

    def _perform(self, name: str, deed: script.Deed) -> None:
        seat = self._seats[name]
        dialect, admin = DIALECTS[seat.exchange], seat.box.admin
        who = {"exchange": seat.exchange}
        match deed:
            case script.Fill(order=number, quantity=quantity):
                part = {} if quantity is None else {"quantity": quantity}
                admin.fill(self._resting[name][number], account=name, **who, **part)
            case script.Cancel(order=number):
                admin.cancel(self._resting[name][number], account=name, **who)
            case script.Open(quantity=quantity):
                self._rest(name, quantity)
            case script.Market(side=side, quantity=quantity):
                admin.place(name, dialect.symbol, side, quantity, **who)
            case script.Contract(side=side, quantity=quantity):
                if dialect.contract is not None:
                    symbol, more = dialect.contract
                    admin.place(name, symbol, side, quantity, **who, **more)
            case script.Deposit(amount=amount):
                admin.deposit(name, dialect.cash, amount, **who)
            case _:
                assert_never(deed)

    def _rest(self, name: str, quantity: str) -> str:
        seat = self._seats[name]
        symbol = DIALECTS[seat.exchange].symbol
        order = seat.box.admin.place(name, symbol, "buy", quantity, PRICE, exchange=seat.exchange)
        return str(order["order_id"])

    def _trade(self, name: str) -> Row:
        seat = self._seats[name]
        symbol = DIALECTS[seat.exchange].symbol
        order: Row = seat.box.admin.place(name, symbol, "buy", "0.002", exchange=seat.exchange)
        fill: Row = order["fills"][0]
        return fill

    def _burst(self, name: str, pages: int, more: int) -> None:
        seat = self._seats[name]
        dialect = DIALECTS[seat.exchange]
        count = pages * dialect.page + more
        seat.box.admin.burst(name, count, symbol=dialect.symbol, exchange=seat.exchange)

    # ---------------------------------------------------------------------- what is known

    def _tally(self, daemon: Daemon, name: str) -> Tally:
        seat = self._seats[name]
        truth = seat.box.admin.truth(name, exchange=seat.exchange)
        ledger = {view: daemon.ask(view, account=name, limit=0) for view in VIEWS if view not in PAGED}
        ledger |= {view: daemon.pages(view, account=name) for view in PAGED}
        return tally(truth, ledger, besides=self.entry.besides)

    def _until_equal(self, daemon: Daemon) -> None:
        for name in self._seats:
            eventually(
                lambda name=name: self._tally(daemon, name).lines[:3],  # type: ignore[misc]
                lambda lines: not lines,
                within=PATIENCE,
                every=LOOK_EVERY,
                what=f"{name} equal before the fault",
            )

    def _recovered(self, daemon: Daemon, over: float) -> dict[str, float]:
        """Seconds from the end of the fault until each account was live and its ledger equal."""
        waiting, found = list(self._seats), dict[str, float]()
        while waiting and time.monotonic() - over < self.entry.patience:
            live = {row["account"] for row in daemon.status()["accounts"] if row["state"] == "live"}
            for name in [name for name in waiting if name in live]:
                if self._tally(daemon, name).is_equal:
                    found[name] = time.monotonic() - over
                    waiting.remove(name)
            time.sleep(LOOK_EVERY)
        for name in waiting:
            self._problems[name].append(
                f"not well within {self.entry.patience:g} s: {daemon.account(name)['state']}, "
                f"{len(self._tally(daemon, name).lines)} differences"
            )
        return found

    def _prove_sight(self, daemon: Daemon, repaired: Mapping[str, float]) -> None:
        """One more trade, which the stream has to tell, and whose consequences have to be known."""
        for name in repaired:
            trade = self._trade(name)
            try:
                rows = eventually(lambda: fills_of(daemon, name, trade), every=0.05, what="the last fill")  # noqa: B023
                if rows[0]["source"] != "stream":
                    self._problems[name].append(f"the last trade came by {rows[0]['source']}")
                eventually(
                    lambda: self._tally(daemon, name).lines,  # noqa: B023
                    lambda lines: not lines,
                    every=LOOK_EVERY,
                    what="equal after the last trade",
                )
            except AssertionError as late:
                self._problems[name].append(str(late)[:300])

    def _await_audit(self, daemon: Daemon) -> None:
        """An audit of everybody who is audited now: what it would double must be seen."""
        began, patience = time.monotonic(), 2.5 * float({**PACE, **self.entry.pace}["audit_every"])
        while time.monotonic() - began < min(patience, 8.0):
            ages = [daemon.account(name)["audit_age_s"] for name in self._seats]
            if all(age is not None and age < time.monotonic() - began for age in ages):
                return
            time.sleep(LOOK_EVERY)

    def _requests(self, name: str) -> Mapping[str, int]:
        seat = self._seats[name]
        requests: Mapping[str, int] = seat.box.admin.state()[seat.exchange]["requests"]
        return requests

    def _history(self, daemon: Daemon, name: str, since: int) -> Iterator[Said]:
        for row in daemon.ask("history", kind="account", key=name, limit=0, since=since):
            if row["state"] != "live":
                yield Said(row["at"], row["state"])
        for row in daemon.ask("incidents", limit=0, since=since):
            if row["account"] in (None, name) and row["opened_at"] >= since:
                yield Said(row["opened_at"], f"incident:{row['kind']}")


PAGED = ("fills", "orders")


def fills_of(daemon: Daemon, name: str, trade: Row) -> list[Row]:
    """The ledger's rows of this trade, as soon as there are any."""
    rows = daemon.ask("fills", account=name, limit=100)
    return [row for row in rows if row["trade_id"] == trade["trade_id"]]


def told_twice_by_account(journal: Sequence[Row]) -> dict[str, int]:
    """How many fills the feed told twice as news, by account."""
    accounts = {row["account"] for row in journal}
    return {name: told_twice(row for row in journal if row["account"] == name) for name in accounts}


def noticed(words: frozenset[str], said: Sequence[Said], began_ms: int) -> float | None:
    """Seconds until the daemon first said one of these words; None where it never did."""
    moments = [one.at for one in said if one.word in words and one.at >= began_ms]
    return (min(moments) - began_ms) / 1000 if moments else None


class Seen:
    """What only the status showed: of everybody, and of an account."""

    def __init__(self) -> None:
        self._said: dict[tuple[str | None, str], int] = {}

    def of(self, name: str) -> list[Said]:
        return [Said(at, word) for (who, word), at in self._said.items() if who in (None, name)]

    def look(self, status: Row, before: Mapping[str, Sequence[str]]) -> None:
        """Write down what is new in this status."""
        at = int(time.time() * 1000)
        if status["ledger"]["spilled"]:
            self._said.setdefault((None, "spilled"), at)
        for row in status["accounts"]:
            if set(row["warnings"]) - set(before[row["account"]]):
                self._said.setdefault((row["account"], "warning"), at)


@contextmanager
def watched(daemon: Daemon, names: Mapping[str, Any], every: float = 0.1) -> Iterator[Seen]:
    """Look at the status again and again meanwhile."""
    seen, over = Seen(), threading.Event()
    before = {row["account"]: row["warnings"] for row in daemon.status()["accounts"]}
    assert before.keys() == names.keys()

    def look() -> None:
        while not over.wait(every):
            with suppress(OSError):  # it may be down, that is what a drill is for
                seen.look(daemon.status(), before)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(15)
