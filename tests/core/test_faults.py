"""The table of what may be broken: what it says to people, and what it asks of the sandbox."""

import pytest

from core.faults import CHOICES, Choice, asked
from sandbox.faults import LASTING, parse_fault

ALL = pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)


@ALL
def test_the_sandbox_knows_what_each_choice_asks_of_it(choice: Choice) -> None:
    faults = [parse_fault(body) for body in asked(choice, "demo", "bybit")]
    assert {fault.exchange for fault in faults} == {"bybit"}, "no other exchange is ever touched"
    assert {fault.account for fault in faults} <= {"demo", None}


@ALL
def test_a_choice_is_told_in_words_that_fit_a_button_and_a_sentence(choice: Choice) -> None:
    assert choice.label[0].isupper()
    assert len(choice.label) <= 30
    assert choice.text.endswith(".")
    assert choice.kind == choice.kind.lower().strip()


def test_whoever_kills_an_exchange_refuses_it_before_he_cuts_it() -> None:
    """Else whoever is quick would be in again in between."""
    for kind in ("stream-down", "exchange-down"):
        assert [body["kind"] for body in asked(CHOICES[kind], "demo", "bybit")] == ["refuse_connect", "drop"]


def test_where_only_the_streams_are_dead_rest_goes_on() -> None:
    refuse, _ = asked(CHOICES["stream-down"], "demo", "bybit")
    assert refuse == {"kind": "refuse_connect", "exchange": "bybit", "transport": "ws"}
    refuse, _ = asked(CHOICES["exchange-down"], "demo", "bybit")
    assert refuse == {"kind": "refuse_connect", "exchange": "bybit"}


def test_one_choice_mends_all_that_the_others_break() -> None:
    (mends,) = [choice for choice in CHOICES.values() if choice.mends]
    assert asked(mends, "demo", "bybit") == ({"kind": "clear", "exchange": "bybit"},)
    lasting = {deed.kind for choice in CHOICES.values() for deed in choice.deeds} & LASTING
    assert lasting, "there is something to mend"
