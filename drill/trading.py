"""An hour of trading in a few minutes: a daemon with a trader, everything that can go wrong, and the books.

There is one account on each exchange, in one sandbox, and one daemon for each quote
asset (a trader has its limits in one). All the while prices swing, so that what was
bought can be sold; a hand in the sandbox buys, in parts, and fills what rests; a person
says `buy`, now and then for more than is allowed. Meanwhile the faults are walked
through, one after another, for all accounts at once. Then everything is mended, and
when it has settled the books are compared (drill/judging).

What takes a minute in earnest takes a second here (audits, polls, prices that go up
and down), so six minutes hold what an hour does at the usual pace.
"""

import math
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, assert_never

import requests

from drill.comparing import VIEWS, Row, tally
from drill.daemon import Daemon, Refused
from drill.dialects import DIALECTS, Dialect, account_table, keys, toml
from drill.judging import LIVING, PERSON, SELL, Finding, Market, Rules, Verdict, figure, judge
from drill.menu import (
    MENU,
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
from drill.sandbox import Admin, AdminError, Sandbox, account
from drill.trading_menu import CLOSING, TRADING
from drill.waiting import eventually

SETTINGS: Mapping[str, Any] = {
    "enabled": True,
    "dry_run": False,
    "min_profit": "0.003",
    "max_order_quote": 600,
    "max_open_orders": 50,
    "max_price_age": 4,
    "max_daily_loss": 1_000_000,
}
"""The private trader's; what a loss of the day does is a test of its own."""
START = 95_000.0
SWING, SWING_S = 0.010, 20.0
TIDE, TIDE_S = 0.006, 70.0
"""How far the price goes up and down, as a part of it, and in how many seconds."""
PATIENCE = 80.0
"""Seconds until all has settled: an exchange that said it was gone is asked once a minute."""
SLOW = 120.0
"""Seconds that a start or a stop may take: how fast that is, is judged elsewhere."""
BETWEEN = 1.0
SHORT = 3.0
"""Nothing of the menu is waited for longer than it takes to be felt."""
CROWD = 18
"""So many SELLs may rest before the hand stops buying."""
NOT_PROMISED = ("updated_at", "time_in_force")
"""An order's last change never goes back, as a clock does; Crypto.com does not tell a refused maker as one."""
BROKEN = (requests.RequestException, AdminError)
"""What a sandbox that is just being killed says, and one that finds an order ended."""


class Wanted(NamedTuple):
    """What is to be traded through. Without minutes, each fault once."""

    exchanges: Sequence[str]
    faults: Sequence[str]
    minutes: float | None = None
    seed: int = 1


class Line(NamedTuple):
    """What came of one exchange; `findings` are differences, and none is well."""

    exchange: str
    verdict: Verdict
    findings: tuple[Finding, ...]


class Result(NamedTuple):
    """`words` counts what `buy` was answered, `halts` and `stuck` where a person let trading or a trade go on.

    `kept` is where the data of what went wrong lies.
    """

    lines: tuple[Line, ...]
    faults: Mapping[str, int]
    words: Mapping[str, int]
    halts: int
    stuck: int
    seconds: float
    kept: Path | None

    @property
    def is_well(self) -> bool:
        return not any(line.findings for line in self.lines)


class Seat(NamedTuple):
    """The account of an exchange."""

    exchange: str

    @property
    def name(self) -> str:
        return self.exchange.replace("_", "-")

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.exchange]

    @property
    def market(self) -> Market:
        own = self.dialect
        return Market(own.symbol, own.base, Fraction(own.tick), Fraction(own.step), Fraction(own.least))


class Party:
    """One daemon, and the accounts that it trades for: those that pay in the same asset."""

    def __init__(self, quote: str, seats: Sequence[Seat], home: Path, box: Sandbox) -> None:
        self.seats = seats
        rules = {**SETTINGS, "quote": quote}
        text = '[web]\nlisten = ""\n[trader]\n' + "".join(f"{k} = {toml(v)}\n" for k, v in rules.items())
        for seat in seats:
            host = named(box.host(seat.exchange))
            own = {"exchange": seat.exchange, "public_ws_url": seat.dialect.prices.format(host), **PACE}
            text += account_table(seat.name, own, seat.dialect.at(host))
        self.daemon = Nameless(home, text, keys(box))
        self._lock: sqlite3.Connection | None = None

    def start(self) -> None:
        """Let the daemon begin; on a machine with much else to do that takes its time."""
        self.daemon.launch()
        self.daemon.until_answers(within=SLOW)

    def lock(self) -> None:
        """Hold the database as another program would."""
        self._lock = sqlite3.connect(self.daemon.home / "data" / "vigil.db", isolation_level=None, timeout=10)
        with suppress(sqlite3.OperationalError):  # a checkpoint of that length is a lock too
            self._lock.execute("BEGIN EXCLUSIVE")

    def unlock(self) -> None:
        held, self._lock = self._lock, None
        if held is not None:
            held.close()  # and what it began is rolled back

    @property
    def is_there(self) -> bool:
        return self.daemon.process is not None and self.daemon.process.poll() is None


def trade(
    wanted: Wanted, say: Callable[[str], None], make: Callable[[Party], None] = lambda _: None
) -> Result:
    """Carry it out; an interrupt leaves neither processes nor data. `make` may spoil a party beforehand."""
    home = Path(tempfile.mkdtemp(prefix="drill-"))
    is_well = interrupted = False
    try:
        seats = [Seat(name) for name in wanted.exchanges]
        accounts = [account(seat.name, seat.exchange) for seat in seats]
        with Sandbox(accounts, exchanges=tuple(wanted.exchanges)) as box:
            result = _Session(wanted, seats, home, box, say, make).play()
        is_well = result.is_well
        return result._replace(kept=None if is_well else home)
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        if is_well or interrupted:
            shutil.rmtree(home, ignore_errors=True)


class _Session:
    """`play()` once."""

    def __init__(  # noqa: PLR0917 (all of it is what one session is made of)
        self,
        wanted: Wanted,
        seats: Sequence[Seat],
        home: Path,
        box: Sandbox,
        say: Callable[[str], None],
        make: Callable[[Party], None],
    ) -> None:
        self._wanted = wanted
        self._seats = seats
        self._box = box
        self._say = say
        self._random = Random(wanted.seed)
        quotes = dict.fromkeys(seat.dialect.cash for seat in seats)
        self._parties = [
            Party(quote, [seat for seat in seats if seat.dialect.cash == quote], home / quote.lower(), box)
            for quote in quotes
        ]
        for party in self._parties:
            make(party)
        self._over = threading.Event()
        self._began = time.monotonic()
        self._resting: Counter[str] = Counter()
        self._said: dict[str, list[Row]] = {seat.name: [] for seat in seats}
        self._findings: dict[str, list[Finding]] = {seat.name: [] for seat in seats}
        self._broken: list[str] = []
        self._played: Counter[str] = Counter()
        self._halts = self._stuck = 0

    # ---------------------------------------------------------------------- the whole

    def play(self) -> Result:
        threads: list[threading.Thread] = []
        try:
            self._move_prices(self._box.admin)
            for party in self._parties:
                party.start()
            for party in self._parties:
                self._until_trading(party)
            threads = self._begin()
            self._walk()
            self._finish(threads)
            lines = self._settle()
            for party in self._parties:
                party.daemon.terminate(SLOW)
            return Result(
                lines,
                self._played,
                self._words(),
                self._halts,
                self._stuck,
                time.monotonic() - self._began,
                None,
            )
        finally:
            self._finish(threads)
            for party in self._parties:
                party.unlock()
                if party.is_there:
                    party.daemon.kill()

    def _until_trading(self, party: Party) -> None:
        """Each account is live, and its trader knows since when it counts."""
        for seat in party.seats:
            party.daemon.until_live(seat.name, within=SLOW)
        wanted = {f"trader:since:{seat.name}" for seat in party.seats}
        path = party.daemon.home / "data" / "vigil.db"

        def known() -> set[str]:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                return {row[0] for row in database.execute("SELECT key FROM system_state")}

        eventually(known, wanted.issubset, within=SLOW, what=f"traders that follow ({party.daemon.log_path})")

    def _begin(self) -> list[threading.Thread]:
        loops: list[tuple[float, Callable[[Admin], None]]] = [(0.4, self._move_prices)]
        for seat in self._seats:
            random = Random(f"{self._wanted.seed}/{seat.name}")
            loops.append((0.9, _bound(self._buy_there, seat, random)))
            loops.append((1.5, _bound(self._say_buy, seat, random)))
        loops += [(0.7, _bound(self._count, party, {})) for party in self._parties]
        threads = [threading.Thread(target=self._repeat, args=loop, daemon=True) for loop in loops]
        for thread in threads:
            thread.start()
        return threads

    def _repeat(self, every: float, work: Callable[[Admin], None]) -> None:
        """Do it again and again; what a sandbox or daemon that is being killed says is no finding."""
        admin = Admin(self._box.admin.url)
        while not self._over.wait(every):
            try:
                work(admin)
            except (*BROKEN, OSError, Refused):
                continue
            except Exception as error:  # noqa: BLE001 (told as a finding: the drill itself is at fault)
                self._broken.append(f"{type(error).__name__}: {error}")
                return
        admin.close()

    def _finish(self, threads: Sequence[threading.Thread]) -> None:
        self._over.set()
        for thread in threads:
            thread.join(40)

    # ------------------------------------------------------------------- what is traded

    @property
    def _price(self) -> float:
        at = time.monotonic() - self._began
        waves = SWING * math.sin(2 * math.pi * at / SWING_S) + TIDE * math.sin(2 * math.pi * at / TIDE_S)
        return START * (1 + waves)

    def _move_prices(self, admin: Admin) -> None:
        for seat in self._seats:
            price = _on(self._price, seat.dialect.tick)
            admin.post("price", exchange=seat.exchange, symbol=seat.dialect.symbol, price=price)

    def _buy_there(self, admin: Admin, seat: Seat, random: Random) -> None:
        """What a person has bought in another program comes in parts; and what rests of vigil's is filled."""
        if self._resting[seat.name] >= CROWD:
            return
        who = {"exchange": seat.exchange}
        quantity = Decimal(random.randint(100, 1200)) / 100_000
        price = _on(self._price * 0.997, seat.dialect.tick)
        order = admin.place(seat.name, seat.dialect.symbol, "buy", str(quantity), price, **who)
        for part in _parts(random, quantity):
            admin.fill(order["order_id"], account=seat.name, quantity=str(part), **who)
        if random.random() < 0.3:
            admin.cancel(order["order_id"], account=seat.name, **who)
        else:
            admin.fill(order["order_id"], account=seat.name, **who)

    def _say_buy(self, _admin: Admin, seat: Seat, random: Random) -> None:
        """A person says `buy`; one time in six for more than is allowed."""
        is_bold = random.random() < 1 / 6
        most = int(SETTINGS["max_order_quote"])
        worth = random.randint(most + 50, 2 * most) if is_bold else random.randint(20, most)
        price = _on(self._price * (1 - random.uniform(0.0005, 0.004)), seat.dialect.tick)
        daemon = self._party(seat).daemon
        try:
            (said,) = daemon.ask(
                "buy", account=seat.name, symbol=seat.dialect.symbol, worth=str(worth), price=price, yes=True
            )
        except TimeoutError:
            said = {"state": "no answer"}
        self._said[seat.name].append(said)

    def _count(self, admin: Admin, party: Party, seen: dict[str, set[str]]) -> None:
        """Nothing of a person's was placed while as many orders of ours were open as there may be.

        What is open at two looks, one after the other, was open all the time between them.
        """
        open_now: dict[str, set[str]] = {"buy": set(), "all": set()}
        for seat in party.seats:
            since = int((time.time() - 120) * 1000)
            orders = admin.truth(seat.name, exchange=seat.exchange, since=since)["orders"]
            ours = [one for one in orders if one["status"] in LIVING and _is_ours(one)]
            self._resting[seat.name] = sum(one["side"] == "sell" for one in ours)
            open_now["all"] |= {f"{seat.name}/{one['client_order_id']}" for one in ours}
            open_now["buy"] |= {
                f"{seat.name}/{one['client_order_id']}" for one in ours if one["side"] == "buy"
            }
        lasting = len(open_now["all"] & seen.get("all", set()))
        limit = int(SETTINGS["max_open_orders"])
        for name in open_now["buy"] - seen.get("all", set()) if lasting >= limit else ():
            text = f"{name.partition('/')[2]} was placed while {lasting} orders were open"
            self._findings[name.partition("/")[0]].append(Finding("limit", text))
        seen.update(open_now)

    def _party(self, seat: Seat) -> Party:
        return next(party for party in self._parties if seat in party.seats)

    # ------------------------------------------------------------------ what goes wrong

    def _walk(self) -> None:
        """One fault after another, in an order of the seed's; from the beginning while there is time."""
        until = None if self._wanted.minutes is None else self._began + 60 * self._wanted.minutes
        while True:
            entries = [TRADING[name] for name in self._wanted.faults]
            self._random.shuffle(entries)
            for entry in entries:
                if until is not None and time.monotonic() >= until:
                    return
                self._meet(entry)
            if until is None:
                return

    def _meet(self, entry: Entry) -> None:
        seats = [seat for seat in self._seats if seat.exchange in entry.exchanges]
        if not seats:
            return
        self._say(entry.name)
        for step in entry.steps:
            self._do(step, seats, SHORT if entry.name in MENU else math.inf)
        if entry.name in CLOSING:
            self._box.admin.clear()
            self._happen("stop")
        self._mend()
        self._played[entry.name] += 1
        time.sleep(BETWEEN)

    def _do(self, step: Step, seats: Sequence[Seat], longest: float) -> None:
        match step:
            case Inject():
                for seat in seats:
                    whose = {} if step.whole else {"account": seat.name}
                    params = step.meant(seat.exchange, self._random)
                    self._box.admin.fault(step.kind, exchange=seat.exchange, **whose, **params)
            case Clear():
                self._box.admin.clear()
            case Act() | Trade() | Burst():
                time.sleep(BETWEEN)
            case Trading(seconds=seconds) | Wait(seconds=seconds):
                time.sleep(min(seconds, longest))
            case Person(word=word):
                self._person(word)
            case Machine(what=what):
                self._happen(what)
            case _:
                assert_never(step)

    def _happen(self, what: str) -> None:
        match what:
            case "kill_exchange":
                self._box.restart()
                return
            case "end_sells":
                self._end_sells()
                return
        for party in self._parties:
            self._happen_to(party, what)

    def _happen_to(self, party: Party, what: str) -> None:
        daemon = party.daemon
        match what:
            case "lock":
                party.lock()
            case "unlock":
                party.unlock()
            case "names_gone" | "names_back":
                daemon.resolve(works=what == "names_back")
            case "kill":
                daemon.kill()
            case "stop":
                daemon.terminate(SLOW)
            case "launch":
                party.start()
            case "halt":
                daemon.ask("halt", why="the drill")

    def _end_sells(self) -> None:
        """Of every account some SELLs end at the exchange, by nobody's wish here."""
        for seat in self._seats:
            who = {"exchange": seat.exchange, "account": seat.name}
            orders = self._box.admin.truth(seat.name, exchange=seat.exchange)["orders"]
            living = [one for one in orders if one["side"] == "sell" and one["status"] in LIVING]
            for order in self._random.sample(living, min(3, len(living))):
                how = self._random.choice(("cancel", "expire"))
                with suppress(AdminError):
                    self._box.admin.post(how, order_id=order["order_id"], **who)

    def _mend(self) -> None:
        """Everything that a fault may leave behind, and what only a person can."""
        self._box.admin.clear()
        for party in self._parties:
            party.unlock()
            if not party.is_there:
                party.start()
        self._help()

    def _help(self) -> None:
        for word in ("reset", "release", "retry"):
            self._person(word)

    def _person(self, word: str) -> None:
        """A person helps where nothing else does: accounts that are held, trading that halted, stuck trades."""
        for party in self._parties:
            with suppress(OSError, Refused):
                match word:
                    case "release":
                        self._release(party.daemon)
                    case "retry":
                        self._retry(party.daemon)
                    case _:
                        for row in party.daemon.status()["accounts"]:
                            if row["state"] == "held" or word == "reconcile":
                                party.daemon.ask(word, target=row["account"])

    def _release(self, daemon: Daemon) -> None:
        rows = daemon.ask("incidents", limit=0, open=True)
        if halted := sum(row["kind"] == "trading_halted" for row in rows):
            self._halts += halted
            daemon.ask("halt", release=True)

    def _retry(self, daemon: Daemon) -> None:
        for row in daemon.ask("trades", limit=0, open=True):
            if row["state"] == "stuck":
                self._stuck += 1
                daemon.ask("retry", id=row["id"])

    # ------------------------------------------------------------------------ the books

    def _settle(self) -> tuple[Line, ...]:
        """Wait until all is in its place; then say what is not."""
        self._say("all is mended: settling")
        self._mend()
        until = time.monotonic() + PATIENCE
        while True:
            lines = tuple(self._judged(seat) for seat in self._seats)
            if not any(line.findings for line in lines) or time.monotonic() > until:
                return lines
            time.sleep(1.0)
            self._help()

    def _judged(self, seat: Seat) -> Line:
        daemon, at = self._party(seat).daemon, seat.market
        rules = Rules(Fraction(SETTINGS["min_profit"]), Fraction(SETTINGS["max_order_quote"]))
        truth = self._box.admin.truth(seat.name, exchange=seat.exchange)
        verdict = judge(seat.name, truth, _all(daemon, "trades", seat), rules, at)
        findings = [*self._findings[seat.name], *verdict.findings, *self._answers(seat, truth)]
        ledger = {view: daemon.ask(view, account=seat.name, limit=0) for view in VIEWS if view != "fills"}
        ledger |= {
            "fills": daemon.fills(account=seat.name),
            "orders": daemon.pages("orders", account=seat.name),
        }
        compared = tally(truth, ledger, besides=NOT_PROMISED)
        findings += [Finding("ledger", text) for text in compared.lines]
        findings += [Finding("drill", text) for text in self._broken]
        if (state := daemon.account(seat.name)["state"]) != "live":
            findings.append(Finding("ledger", f"the account is {state}"))
        summed = sum(
            (Fraction(row["profit"]) for row in daemon.ask("trades", what="profit", account=seat.name)),
            Fraction(),
        )
        rows = _all(daemon, "trades", seat)
        finished = sum((Fraction(row["profit"]) for row in rows if row["state"] == "sold"), Fraction())
        if summed != finished:
            findings.append(
                Finding("profit", f"`trades profit` has {figure(summed)}: its trades {figure(finished)}")
            )
        return Line(seat.exchange, verdict, tuple(findings))

    def _answers(self, seat: Seat, truth: Mapping[str, Any]) -> Iterator[Finding]:
        """What a person was told of his order is so."""
        there = {one["client_order_id"]: one["status"] for one in truth["orders"]}
        for said in self._said[seat.name]:
            name = said.get("client_order_id")
            if name is None:
                continue
            if said["state"] == "accepted" and name not in there:
                yield Finding("trade", f"{name} was said to be accepted, and is not there")
            if (
                said["state"] in ("refused", "not_sent", "withheld", "absent")
                and there.get(name, "rejected") != "rejected"
            ):
                yield Finding("trade", f"{name} was said to be {said['state']}, and is {there[name]}")

    def _words(self) -> Counter[str]:
        return Counter(said["state"] for rows in self._said.values() for said in rows)


def _all(daemon: Daemon, word: str, seat: Seat) -> list[Row]:
    """Every row, page by page from the oldest."""
    rows: list[Row] = []
    while page := daemon.ask(word, account=seat.name, limit=0, after=rows[-1]["seq"] if rows else 0):
        rows += page
    return rows


def _bound(work: Callable[..., None], *own: Any) -> Callable[[Admin], None]:
    return lambda admin: work(admin, *own)


def _is_ours(order: Row) -> bool:
    name = order["client_order_id"]
    return bool(SELL.fullmatch(name)) or name.startswith(PERSON)


def _on(price: float, tick: str) -> str:
    """The tick below."""
    return str((Decimal(price) / Decimal(tick)).to_integral_value(ROUND_DOWN) * Decimal(tick))


def _parts(random: Random, quantity: Decimal) -> Iterator[Decimal]:
    """Some parts of it, one of them often too little for an order by itself; the rest stays."""
    if random.random() < 0.4:
        yield Decimal("0.00003")
    for _ in range(random.randint(0, 2)):
        yield (quantity / 4).quantize(Decimal("0.00001"))
