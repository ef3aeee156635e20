"""What a stream learns of a refused key without any poller's help, and at what price, on every exchange."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.memory import StreamMemory
from core.clock import SystemClock
from core.messages import Down, Ready
from exchanges.base import Credentials
from exchanges.registry import REGISTRY
from tests.actors.streams import Scene, no_readers_left
from tests.support.actors import Listener, listening
from tests.support.peers import WAIT
from tests.support.sandbox import Sandbox, account, token

URLS = {
    "binance": "ws://{}/ws-api/v3",
    "binance_us": "ws://{}/ws",
    "bybit": "ws://{}/v5/private",
    "cryptocom": "ws://{}/exchange/v1/user",
}
ASKED = {
    "binance": {"ws userDataStream.subscribe.signature": 1},
    "binance_us": {"POST /api/v3/userDataStream": 1},
    "bybit": {"ws auth": 2, "GET /v5/user/query-api": 1},
    "cryptocom": {"user public/auth": 1},
}
"""For what the key is shown until the verdict: Bybit's stream does not say whether key or clock is wrong."""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox([account("main", name) for name in REGISTRY], exchanges=tuple(REGISTRY)) as one:
        yield one


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture(params=sorted(REGISTRY))
def exchange(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Line(Scene):
    """The stream of the sandbox's account, entered with these credentials, generation after generation."""

    def __init__(
        self, listener: Listener, folder: Path, box: Sandbox, exchange: str, credentials: Credentials
    ) -> None:
        super().__init__(
            listener,
            folder,
            URLS[exchange].format(box.host(exchange)),
            SystemClock(),
            exchange=REGISTRY[exchange],
            rest=box.url(exchange),
            credentials=credentials,
            memory=StreamMemory(SystemClock()),
        )
        self._shown = lambda: box.admin.state()[exchange]["keys"].get(credentials.api_key, {})
        self._before = self._shown()

    def shown(self) -> dict[str, int]:
        """For what the key was shown since, and how often."""
        calls = {call: count - self._before.get(call, 0) for call, count in self._shown().items()}
        return {call: count for call, count in calls.items() if count}

    def verdict(self) -> Down:
        """The end of the first generation that ended for good."""
        for gen in range(1, 5):
            self.start(gen)
            if (down := self.down()).reason == "fatal":
                return down
        raise AssertionError(f"no verdict: {down}")


def own(box: Sandbox, exchange: str) -> dict[str, Any]:
    return next(row for row in box.accounts if row["exchange"] == exchange)


def test_an_unknown_key_gets_its_verdict_from_the_stream_alone(
    box: Sandbox, listener: Listener, tmp_path: Path, exchange: str
) -> None:
    line = Line(listener, tmp_path, box, exchange, Credentials(token(), token()))
    assert "key" in line.verdict().detail
    assert line.shown() == ASKED[exchange]
    no_readers_left()


def test_a_wrong_secret_gets_its_verdict_wherever_the_stream_is_signed(
    box: Sandbox, listener: Listener, tmp_path: Path, exchange: str
) -> None:
    line = Line(listener, tmp_path, box, exchange, Credentials(own(box, exchange)["api_key"], token()))
    if exchange == "binance_us":  # a listen key is given to whoever has the key: REST alone can tell
        line.start()
        assert listener.skip_to(Ready)
        line.ref.stop(block=True, timeout=WAIT)
    else:
        down = line.verdict()
        assert "secret" in down.detail
        assert "FatalError" not in down.detail
    assert line.shown() == ASKED[exchange]
    no_readers_left()


def test_a_clock_that_was_off_is_set_and_the_key_is_not_asked_about(
    box: Sandbox, listener: Listener, tmp_path: Path
) -> None:
    mine = own(box, "bybit")
    line = Line(listener, tmp_path, box, "bybit", Credentials(mine["api_key"], mine["api_secret"]))
    box.admin.fault("clock_step", exchange="bybit", ms=3_600_000)
    try:
        line.start()
        assert line.down().reason == "link"
        line.start(2)
        assert listener.skip_to(Ready)
        assert line.shown() == {"ws auth": 2}
    finally:
        line.ref.stop(block=True, timeout=WAIT)
        box.admin.clear()
    no_readers_left()
