"""One sandbox a module; every test has the clean limits and no fault."""

from collections.abc import Iterator

import pytest

from tests.sandbox.client import Rest, Signer, Stream
from tests.support.sandbox import Sandbox, account


@pytest.fixture(scope="module")
def module_box() -> Iterator[Sandbox]:
    with Sandbox([account("main"), account("other")]) as box:
        yield box


@pytest.fixture
def box(module_box: Sandbox) -> Iterator[Sandbox]:
    module_box.admin.clear()
    for symbol, price in (("BTCUSDT", "95000"), ("SHIBUSDT", "0.00000783"), ("BNBUSDT", "640")):
        module_box.admin.post("price", symbol=symbol, price=price)
    yield module_box
    module_box.admin.clear()
    for name in ("main", "other"):
        for order in module_box.admin.truth(name)["orders"]:
            if order["status"] in ("open", "partially_filled", "untriggered"):
                module_box.admin.cancel(order["order_id"])


@pytest.fixture
def signer(box: Sandbox) -> Signer:
    return Signer(box.accounts[0])


@pytest.fixture
def rest(box: Sandbox, signer: Signer) -> Iterator[Rest]:
    client = Rest(box, signer)
    yield client
    client.close()


@pytest.fixture
def stream(box: Sandbox, signer: Signer) -> Iterator[Stream]:
    with Stream(box, signer) as client:
        yield client
