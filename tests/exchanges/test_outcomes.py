"""What an error proves about an order, and when an "unknown order" proves anything: the same for all."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest

from core.errors import (
    AuthInDoubt,
    BadRequest,
    ClockError,
    DuplicateOrder,
    FatalError,
    KeyGone,
    LinkError,
    NotFound,
    ProtocolChanged,
    RateLimited,
    Rejected,
    UnknownOutcome,
    Unreadable,
    VigilError,
)
from core.facts import OrderState
from core.intents import Placement
from core.wire import Call, Reply
from exchanges.base import Answer, Complete, Failed, HeldOrder, Partial
from exchanges.outcomes import check, find, not_cancelled, not_placed
from exchanges.trading import (
    Absence,
    Absent,
    Duplicate,
    Forgotten,
    Found,
    NotOpen,
    NotYet,
    Refused,
    Sought,
    Unheard,
    Unsure,
)
from tests.exchanges.kit import drive

NOW = 1_790_000_000_000
ABSENCE = Absence((1.0, 2.0, 5.0), 10.0, "so it is written", shown_for=90_000.0)
SOUGHT = Sought("spot", "BTCUSDT", "vt-1", NOW)
ORDER = OrderState("spot", "BTCUSDT", "17", "open", "vt-1")

# ------------------------------------------------------------------ what is proven

UNSURE: list[VigilError] = [
    UnknownOutcome("timeout"), LinkError("reset"), Unreadable("<html>"), KeyGone("?"), VigilError("?"),
]  # fmt: skip
UNHEARD: list[VigilError] = [
    RateLimited("429", retry_after=3), ClockError("-1021"), AuthInDoubt("?"), FatalError("-2015"),
    ProtocolChanged("410"),
]  # fmt: skip


@pytest.mark.parametrize("error", UNSURE, ids=repr)
def test_what_may_have_been_done_is_unsure_whatever_was_asked(error: VigilError) -> None:
    assert not_placed(error) == not_cancelled(error) == Unsure(error)


@pytest.mark.parametrize("error", UNHEARD, ids=repr)
def test_what_was_never_looked_at_may_be_asked_again(error: VigilError) -> None:
    assert not_placed(error) == not_cancelled(error) == Unheard(error)


def test_a_rejection_keeps_its_reason() -> None:
    error = Rejected("no", "funds")
    assert not_placed(error) == not_cancelled(error) == Refused("funds", error)


def test_a_request_that_was_not_understood_changed_nothing() -> None:
    error = BadRequest("10001")
    assert not_placed(error) == Refused("other", error)


def test_a_client_id_that_is_known_already_is_no_refusal_but_an_order_to_be_found() -> None:
    error = DuplicateOrder("Duplicate order sent.")
    assert not_placed(error) == Duplicate(error)


def test_an_order_that_is_not_there_answers_a_cancel_and_no_placement() -> None:
    error = NotFound("-2011")
    assert not_cancelled(error) == NotOpen(error)
    assert not_placed(error) == Unsure(error)


# --------------------------------------------------------- what is not even tried


def placement(**changes: Any) -> Placement:
    wanted: dict[str, Any] = {
        "account": "main", "category": "spot", "symbol": "BTCUSDT", "side": "buy",
        "quantity": Decimal(1), "price": Decimal(2), "client_order_id": "vt-1",
    }  # fmt: skip
    return Placement(**wanted | changes)


def test_an_order_that_can_be_found_again_is_tried() -> None:
    check(placement(), ("spot",))
    check(placement(price=None, post_only=False, client_order_id="A_z-9" * 7), ("linear", "spot"))


@pytest.mark.parametrize("text", ["", "a.b", "a b", "ä", "x" * 37, "vt-1\n"])
def test_an_order_without_a_client_id_that_every_exchange_takes_is_not_tried(text: str) -> None:
    with pytest.raises(ValueError, match="client order id"):
        check(placement(client_order_id=text), ("spot",))


def test_an_order_of_another_category_is_not_tried() -> None:
    with pytest.raises(ValueError, match="linear"):
        check(placement(category="linear"), ("spot",))


def test_an_order_at_the_market_is_never_maker_only() -> None:
    with pytest.raises(ValueError, match="takes"):
        check(placement(price=None), ("spot",))


# ------------------------------------------------------------------- what is found


class Known:
    """A RestDialect that answers questions for one order as a test wants it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[HeldOrder] = []

    def order(self, held: HeldOrder) -> Generator[Call, Reply, Answer]:
        self.asked.append(held)
        yield Call("GET", "/order")
        return self.answer


def look(answer: Answer, *, after: float) -> Any:
    rest: Any = Known(answer)
    lookup, _ = drive(find(rest, SOUGHT, NOW + int(after * 1000), ABSENCE), lambda call: {})
    assert rest.asked == [HeldOrder("spot", "BTCUSDT", "", "vt-1")]
    return lookup


def test_an_order_that_the_exchange_shows_is_found_with_all_that_was_shown() -> None:
    answer = Complete((ORDER,), NOW, ("raw",))
    assert look(answer, after=0.1) == Found(ORDER, (ORDER,), NOW, ("raw",))
    assert look(Partial((ORDER,), "fills missing"), after=2.0) == Found(ORDER, (ORDER,), NOW + 2_000)


NOTHING = Complete((), 0)


@pytest.mark.parametrize(
    ("after", "again"), [(0.0, 1.0), (0.75, 0.25), (1.0, 1.0), (3.0, 2.0), (5.0, 5.0), (9.5, 0.5)]
)
def test_an_unknown_order_proves_nothing_while_its_request_may_be_on_its_way(
    after: float, again: float
) -> None:
    assert look(NOTHING, after=after) == NotYet(again)


@pytest.mark.parametrize("after", [10.0, 11.0, 90_000.0])
def test_an_unknown_order_is_absent_once_its_request_can_no_longer_arrive(after: float) -> None:
    assert look(NOTHING, after=after) == Absent(NOW + int(after * 1000))


def test_an_unknown_order_proves_nothing_once_such_orders_are_shown_no_longer() -> None:
    assert look(NOTHING, after=90_001.0) == Forgotten()
    assert look(Complete((ORDER,), NOW), after=90_001.0) == Found(ORDER, (ORDER,), NOW)


@pytest.mark.parametrize("after", [10.0, 500.0])
def test_half_an_answer_never_proves_an_absence(after: float) -> None:
    assert look(Partial((), "a page was missing"), after=after) == NotYet(0.1)


def test_an_error_is_never_an_absence() -> None:
    with pytest.raises(LinkError):
        look(Failed(LinkError("reset")), after=100.0)


def test_a_clock_that_seems_to_run_backwards_proves_nothing() -> None:
    assert look(NOTHING, after=-30.0) == NotYet(31.0)
