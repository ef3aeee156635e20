"""One sandbox for each module; every test has clean limits and no fault."""

from collections.abc import Iterator

import pytest

from tests.sandbox.client import now_ms
from tests.sandbox.cryptocom.client import Rest, Socket
from tests.support.sandbox import Sandbox, account

PRICES = {"BTC_USD": "95000", "ETH_USD": "3300", "CRO_USD": "0.0609", "A2Z_USD": "0.0021234"}
ALIVE = ("open", "partially_filled", "untriggered")


@pytest.fixture(scope="module")
def module_box() -> Iterator[Sandbox]:
    entries = [account("main", "cryptocom"), account("other", "cryptocom")]
    with Sandbox(entries, exchanges=("cryptocom",)) as box:
        yield box


@pytest.fixture
def box(module_box: Sandbox) -> Iterator[Sandbox]:
    began = now_ms() - 1
    module_box.admin.clear()
    for symbol, price in PRICES.items():
        module_box.admin.post("price", symbol=symbol, price=price)
    yield module_box
    module_box.admin.clear()
    for name in ("main", "other"):
        for order in module_box.admin.truth(name, since=began)["orders"]:
            if order["status"] in ALIVE:
                module_box.admin.cancel(order["order_id"])


@pytest.fixture
def entry(box: Sandbox):
    return box.accounts[0]


@pytest.fixture
def rest(box: Sandbox, entry) -> Iterator[Rest]:
    client = Rest(box, entry)
    yield client
    client.close()


@pytest.fixture
def stranger(box: Sandbox) -> Iterator[Socket]:
    """A user socket that has not authenticated."""
    with Socket(box) as socket:
        yield socket


@pytest.fixture
def user(stranger: Socket, entry) -> Socket:
    """A user socket that has."""
    assert stranger.auth(entry)["code"] == 0
    return stranger


@pytest.fixture
def market(box: Sandbox) -> Iterator[Socket]:
    with Socket(box, "market") as socket:
        yield socket
