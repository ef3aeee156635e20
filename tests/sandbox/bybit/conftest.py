"""One sandbox a module; every test has the clean limits, prices and no open order."""

from collections.abc import Callable, Iterator

import pytest

from tests.sandbox.bybit.client import Rest, Stream
from tests.support.sandbox import Sandbox, account

TOPICS = ("order", "execution", "position", "wallet")


FEES = {"linear": {"maker": "-0.0001", "taker": "0.0003"}, "spot": {"maker": "-0.0001", "taker": "0.001"}}
ENTRIES = (
    account("main", "bybit"),
    account("other", "bybit"),
    account("hedger", "bybit", hedged=["BTCUSDT"]),
    account("favoured", "bybit", fees=FEES),
    account("saver", "bybit", fee_asset="MNT"),
)


@pytest.fixture(scope="module")
def module_box() -> Iterator[Sandbox]:
    with Sandbox(list(ENTRIES), exchanges=("bybit",)) as box:
        yield box


@pytest.fixture
def used() -> set[str]:
    """The accounts that a test may have traded on."""
    return {"main"}


@pytest.fixture
def box(module_box: Sandbox, used: set[str]) -> Iterator[Sandbox]:
    module_box.admin.clear()
    module_box.admin.post("price", symbol="BTCUSDT", price="95000")
    began = module_box.admin.state()["bybit"]["server_time"]
    yield module_box
    module_box.admin.clear()
    for name in used:
        tidy(module_box, name, began)


def tidy(box: Sandbox, name: str, began: int) -> None:
    """Leave no open order and no position behind."""
    truth = box.admin.truth(name, since=began)
    for order in truth["orders"]:
        if order["status"] in ("open", "partially_filled", "untriggered"):
            box.admin.cancel(order["order_id"])
    for held in truth["positions"]:
        if held["side"]:
            box.admin.post(
                "force", account=name, symbol=held["symbol"], category=held["category"], kind="adl",
                position_index=held["index"],
            )  # fmt: skip


@pytest.fixture
def rest(box: Sandbox) -> Iterator[Rest]:
    client = Rest(box, box.accounts[0])
    yield client
    client.close()


@pytest.fixture
def client_of(box: Sandbox, used: set[str]) -> Iterator[Callable[[str], Rest]]:
    """REST clients of other accounts, by name."""
    opened: list[Rest] = []

    def client(name: str) -> Rest:
        used.add(name)
        opened.append(Rest(box, next(one for one in box.accounts if one["account"] == name)))
        return opened[-1]

    yield client
    for one in opened:
        one.close()


@pytest.fixture
def stream(box: Sandbox) -> Iterator[Stream]:
    with Stream(box, box.accounts[0]) as client:
        yield client.login(*TOPICS)
