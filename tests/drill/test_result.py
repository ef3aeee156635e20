"""What a fault is worth: the rule of drill/result.py, sentence by sentence."""

from typing import Any

import pytest

from drill.menu import MENU, Entry
from drill.result import Outcome, Said, as_json, is_well, line, score, spent

ENTRY = Entry(
    "test", "a fault", "account", (), frozenset({"backoff"}), notice_within=2, repair_within=5, calls=100
)
CALM = ENTRY._replace(shows=frozenset(), calm=True)
GOOD = Outcome("test", "binance", 1, noticed_after_s=1.0, repaired_after_s=2.0, rest_calls=50)


def test_all_that_is_promised_is_worth_a_hundred() -> None:
    assert score(GOOD, ENTRY) == 100


@pytest.mark.parametrize(
    "harm",
    [{"lost": 1}, {"doubled": 1}, {"wrong": 1}, {"repaired_after_s": None}],
    ids=lambda harm: next(iter(harm)),
)
def test_a_fact_that_is_lost_doubled_or_wrong_or_no_recovery_is_worth_nothing(harm: dict[str, Any]) -> None:
    assert score(GOOD._replace(**harm), ENTRY) == 0
    assert not is_well(GOOD._replace(**harm))


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"noticed_after_s": None}, 50),
        ({"noticed_after_s": 2.1}, 90),
        ({"noticed_after_s": 4.1}, 80),
        ({"repaired_after_s": 5.1}, 90),
        ({"repaired_after_s": 10.1}, 80),
        ({"rest_calls": 101}, 90),
        ({"rest_calls": 201}, 80),
        ({"remarks": ("odd", "odder")}, 90),
        ({"noticed_after_s": None, "rest_calls": 201, "repaired_after_s": 99.0}, 10),
    ],
)
def test_what_is_late_or_dear_costs_points_and_is_well_all_the_same(
    change: dict[str, Any], left: int
) -> None:
    assert score(GOOD._replace(**change), ENTRY) == left
    assert is_well(GOOD._replace(**change))


def test_where_nothing_need_be_said_silence_costs_nothing_and_a_false_alarm_does() -> None:
    silent = GOOD._replace(noticed_after_s=None)
    assert score(silent, CALM) == 100
    assert score(silent._replace(said=(Said(1, "incident:unknown_event"),)), CALM) == 100
    assert score(silent._replace(said=(Said(1, "stale"),)), CALM) == 80


def test_an_exchange_may_be_quiet_where_the_others_must_not() -> None:
    entry = ENTRY._replace(quiet_on=("bybit",))
    silent = GOOD._replace(noticed_after_s=None)
    assert (score(silent._replace(exchange="bybit"), entry), score(silent, entry)) == (100, 50)


def test_a_row_is_the_worst_of_its_seeds_and_the_sum_of_what_they_lost() -> None:
    worse = Outcome("test", "binance", 2, (), 3.0, 7.0, 2, 1, 4, 150, ("odd",))
    row = line(ENTRY, [GOOD, worse])
    assert (row.seeds, row.noticed_after_s, row.repaired_after_s) == (2, 3.0, 7.0)
    assert (row.lost, row.doubled, row.wrong, row.rest_calls) == (2, 1, 4, 100)
    assert (row.score, row.is_well, row.must_notice) == (0, False, True)
    assert row.remarks == ("seed 2: odd",)


def test_one_seed_that_never_recovered_makes_the_row_one_that_never_did() -> None:
    row = line(ENTRY, [GOOD, GOOD._replace(seed=2, repaired_after_s=None)])
    assert (row.repaired_after_s, row.is_well) == (None, False)


def test_only_calls_by_rest_are_counted() -> None:
    before = {"GET /api/v3/account": 3, "connect ws-api": 1, "ws ping": 5}
    after = {"GET /api/v3/account": 5, "POST private/get-trades": 2, "connect ws-api": 9, "ws ping": 50}
    assert spent(before, after) == 4


def test_the_document_says_the_whole_in_numbers() -> None:
    entry = MENU["drop"]
    outcomes = [
        GOOD._replace(fault="drop", said=(Said(7, "backoff"),)),
        GOOD._replace(fault="drop", seed=2, doubled=2),
    ]
    document = as_json([line(entry, outcomes)], outcomes)
    assert (document["well"], document["lost"], document["doubled"]) == (False, 0, 2)
    assert document["rows"][0]["score"] == 0
    assert document["accounts"][0]["said"] == [{"at": 7, "word": "backoff"}]
