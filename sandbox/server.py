"""Puts the parts together and runs them until it is told to stop.

The accounts file says who exists on which exchange; the command line says
which exchanges listen where. One event loop serves all: the exchanges, the
admin, the moving prices and the automatic traders. A spare place is served from
the moment that the accounts file names somebody there.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from sandbox import binance, binance_us, bybit, cryptocom
from sandbox.admin import Admin, Dialect
from sandbox.clock import Clock
from sandbox.customs import Customs
from sandbox.faults import Board
from sandbox.keys import KeyRing
from sandbox.market import Instrument, Market
from sandbox.settlement import Terms
from sandbox.store import Store
from sandbox.trader import Trader
from sandbox.venue import Venue
from sandbox.websocket import Heartbeat
from sandbox.wire import Listener

log = logging.getLogger("sandbox")

BEAT = 1.0
FIRST_BEAT = 0.3


class Spoken(msgspec.Struct, frozen=True):
    """A dialect that can be served: what it lists, what an account starts with, how it is built."""

    instruments: Sequence[Instrument]
    balances: Mapping[str, Decimal]
    build: Callable[[Venue, KeyRing, Board, Heartbeat], Dialect]
    customs: Customs = Customs()
    heartbeat: Heartbeat = msgspec.field(default_factory=Heartbeat)


DIALECTS: Mapping[str, Spoken] = {
    "binance": Spoken(binance.INSTRUMENTS, binance.BALANCES, binance.Binance),
    "binance_us": Spoken(
        binance_us.INSTRUMENTS,
        binance_us.BALANCES,
        binance_us.BinanceUs,
        heartbeat=binance_us.UsHeartbeat(),
    ),
    "bybit": Spoken(bybit.INSTRUMENTS, bybit.BALANCES, bybit.Bybit, bybit.BybitCustoms(), bybit.HEARTBEAT),
    "cryptocom": Spoken(
        cryptocom.INSTRUMENTS,
        cryptocom.BALANCES,
        cryptocom.CryptoCom,
        cryptocom.CryptoComCustoms(),
        cryptocom.HEARTBEAT,
    ),
}


class Options(msgspec.Struct, kw_only=True):
    """What the command line said."""

    world: Path
    accounts: Path
    listen: dict[str, str]
    spare: Mapping[str, str] = {}
    admin: str
    auto: bool = True
    exit_on_stdin_eof: bool = False
    seed: int = 1
    heartbeat: Mapping[str, float] = {}


def bound(where: str) -> socket.socket:
    """The listening socket for `fd:N` (inherited) or `host:port`."""
    if where.startswith("fd:"):
        return socket.socket(fileno=int(where.removeprefix("fd:")))
    host, _, port = where.rpartition(":")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, int(port)))
    return listening


class Sandbox:
    """All exchanges of one process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._keys = KeyRing(options.accounts)
        self._board = Board()
        self._store = Store(options.world)
        self._sites: dict[str, Dialect] = {name: self._site(name) for name in options.listen}
        self._traders: dict[tuple[str, str], Trader] = {}
        self._stop = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._open_accounts()

    def _site(self, name: str) -> Dialect:
        one = DIALECTS[name]
        market = Market(one.instruments, zlib.crc32(name.encode()) ^ self._options.seed)
        venue = Venue(name, market, self._store, Clock(), one.customs)
        heartbeat = msgspec.structs.replace(one.heartbeat, **self._options.heartbeat)
        return one.build(venue, self._keys, self._board, heartbeat)

    def _open_accounts(self) -> None:
        for site in self._sites.values():
            for one in self._keys.of_exchange(site.name):
                balances = one.balances or dict(DIALECTS[site.name].balances)
                terms = Terms(fee_asset=one.fee_asset, fees=one.fees, hedged=frozenset(one.hedged))
                site.venue.open_account(one.account, balances, terms)
                if one.auto and self._options.auto:
                    self._trade_for(site.venue, one.account, balances)

    def _trade_for(self, venue: Venue, account: str, balances: dict[str, Decimal]) -> None:
        seed = zlib.crc32(f"{venue.name}/{account}".encode()) ^ venue.clock.now()
        self._traders.setdefault((venue.name, account), Trader(venue, account, balances, seed))

    async def reload(self) -> None:
        """Read the accounts file again; whoever is connected stays so."""
        self._keys.reload()
        for name, where in self._options.spare.items():
            if name not in self._sites and self._keys.of_exchange(name):
                self._sites[name] = self._site(name)
                await self._sites[name].listener.start(bound(where))
        self._open_accounts()

    async def run(self) -> None:
        """Serve until asked to stop; says on standard output when it does."""
        admin = Listener(Admin(self._sites, self._board, self.reload))
        await self.reload()
        where = {name: await self._start(name) for name in self._options.listen}
        ready = {"ready": True, "listen": where, "admin": await admin.start(bound(self._options.admin))}
        self._watch()
        print(json.dumps(ready), flush=True)
        beat = asyncio.create_task(self._beat())
        await self._stop.wait()
        beat.cancel()
        for listener in (admin, *(site.listener for site in self._sites.values())):
            listener.stop()
        self._store.close()

    async def _start(self, name: str) -> str:
        return await self._sites[name].listener.start(bound(self._options.listen[name]))

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        if self._options.exit_on_stdin_eof:
            threading.Thread(target=self._wait_for_eof, args=(loop,), daemon=True).start()

    def _hang_up(self) -> None:
        self._reloading = asyncio.create_task(self._reload_or_log())

    async def _reload_or_log(self) -> None:
        try:
            await self.reload()
        except (OSError, msgspec.DecodeError) as wrong:
            log.warning("accounts file not taken: %s", wrong)

    def _wait_for_eof(self, loop: asyncio.AbstractEventLoop) -> None:
        """Our parent holds the other end: when it dies, so do we."""
        while os.read(0, 1024):
            pass
        loop.call_soon_threadsafe(self._stop.set)

    async def _beat(self) -> None:
        """Once a second prices move, traders act, market streams speak."""
        await asyncio.sleep(FIRST_BEAT)
        while True:
            if self._options.auto:
                self._move()
            for site in list(self._sites.values()):
                site.tick()
            await asyncio.sleep(BEAT)

    def _move(self) -> None:
        for site in self._sites.values():
            site.venue.wander()
        for trader in list(self._traders.values()):
            trader.act()


def run(options: Options) -> None:
    """Run a sandbox in this process."""

    async def main() -> None:
        await Sandbox(options).run()

    asyncio.run(main())
