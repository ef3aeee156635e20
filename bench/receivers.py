"""Receive and decode the same frames, each in the way of one library.

    python -m bench.receivers NAME PORT COUNT      prints {"messages", "seconds", "cpu"} as JSON

Every receiver runs in a process of its own, is given as many frames as it can
take, decodes each as its library does by itself, and stops at the last. The
clock starts at the first message, so that imports and handshakes do not count.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """Counts messages; done when all have come."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seen = 0
        self._began = self._cpu = 0.0

    def saw(self, number: int = 1) -> bool:
        """Another `number` messages were decoded; True when these were the last."""
        if self.seen == 0:
            self._began, self._cpu = time.perf_counter(), time.process_time()
        self.seen += number
        return self.seen >= self.count

    def print(self) -> None:
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        print(json.dumps({"messages": self.seen, "seconds": seconds, "cpu": cpu}), flush=True)


def vigil(port: int, watch: Stopwatch) -> None:
    """Our own transport and dialect, to typed facts."""
    from core.clock import SystemClock
    from exchanges.base import Credentials, Endpoints, Send
    from exchanges.registry import REGISTRY
    from transport.websocket import WebSocket

    endpoints = Endpoints(rest="", ws=f"ws://127.0.0.1:{port}/ws-api/v3")
    session = REGISTRY["binance"].stream(Credentials("k" * 64, "s" * 64), endpoints, "auto")
    clock = SystemClock()
    sock = WebSocket(session.url, clock=clock)
    sock.open()
    for signal in session.opened(clock.wall_ms()):
        if isinstance(signal, Send):
            sock.send_text(signal.text)
    facts = 0
    while True:
        received = sock.read(10)
        assert received is not None
        for text in received.messages:
            facts += len(session.received(text, 0).facts)  # type: ignore[arg-type]  # all frames here are text
        if facts and watch.saw(facts // 2 - watch.seen):
            return


def websocket_client(port: int, watch: Stopwatch) -> None:
    """websocket-client as installed, and the standard json."""
    import websocket

    sock = websocket.create_connection(f"ws://127.0.0.1:{port}/ws")
    while True:
        json.loads(sock.recv())
        if watch.saw():
            return


def unicorn(port: int, watch: Stopwatch) -> None:
    """unicorn-binance-websocket-api, its stream buffer, its output as dict."""
    import logging
    import threading

    from unicorn_binance_websocket_api import BinanceWebSocketApiManager

    logging.disable(logging.CRITICAL)
    manager = BinanceWebSocketApiManager(
        exchange="binance.com",
        websocket_base_uri=f"ws://127.0.0.1:{port}/",
        warn_on_update=False,
        disable_colorama=True,
    )
    finished = threading.Event()

    def take(message: Any) -> None:
        if watch.saw():
            finished.set()

    manager.create_stream(["trade"], ["btcusdt"], output="dict", process_stream_data=take)
    finished.wait(100)
    watch.print()
    sys.stdout.flush()
    os._exit(0)


def python_binance(port: int, watch: Stopwatch) -> None:
    """python-binance's own socket."""
    from binance.ws.reconnecting_websocket import ReconnectingWebsocket

    async def run() -> None:
        socket = ReconnectingWebsocket(url=f"ws://127.0.0.1:{port}/", path="x", prefix="ws/")
        async with socket as stream:
            while True:
                await stream.recv()
                if watch.saw():
                    watch.print()
                    sys.stdout.flush()
                    os._exit(0)

    asyncio.run(run())


def ccxt_binance(port: int, watch: Stopwatch) -> None:
    """ccxt.pro: its client, its parsing of orders and trades."""
    import ccxt.pro

    async def run() -> None:
        exchange = ccxt.pro.binance({"newUpdates": True})
        exchange.set_markets([_market()])
        parse = exchange.handle_message

        def handle(client: Any, message: Any) -> None:
            parse(client, message)
            if watch.saw():
                watch.print()
                sys.stdout.flush()
                os._exit(0)

        exchange.handle_message = handle
        url = f"ws://127.0.0.1:{port}/ws-api/v3"
        while True:
            await exchange.watch(url, "orders", None, "orders")

    asyncio.run(run())


def _market() -> dict[str, Any]:
    return {
        "id": "BTCUSDT",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "type": "spot",
        "spot": True,
        "active": True,
        "precision": {"amount": 1e-8, "price": 1e-8},
        "limits": {},
    }


RECEIVERS: dict[str, Callable[[int, Stopwatch], None]] = {
    "vigil": vigil,
    "websocket-client": websocket_client,
    "unicorn": unicorn,
    "python-binance": python_binance,
    "ccxt binance": ccxt_binance,
}


if __name__ == "__main__":
    stopwatch = Stopwatch(int(sys.argv[3]))
    RECEIVERS[sys.argv[1]](int(sys.argv[2]), stopwatch)
    stopwatch.print()
