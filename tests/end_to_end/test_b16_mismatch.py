"""B16: comparisons come to an end: twenty of them change nothing, and what cannot be resolved is told once.

The mismatch is an order that the exchange says is filled, while its history never
shows a trade of it; audits look at it every other second instead of every minute.
All exchanges are told of at the same time. Crypto.com allows its trades to be asked
for once a second, so its account is compared four times and not twenty.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from core.reconcile import MISSES
from exchanges.registry import REGISTRY
from tests.end_to_end.kit import Row
from tests.end_to_end.together import Part, Together, together
from tests.support.waiting import eventually

TIMES, SLOWLY = 20, {"cryptocom": 4}
ROLES: Mapping[str, Row] = {"whole": {}, "short": {"audit_every": 2}}
TABLES = ("journal", "fills", "orders", "balances", "positions", "cash_moves", "incidents")
ENOUGH = 10_000
AUDITS = MISSES + 1
"""So many are looked on at, once it was given up: the order would be asked for in each of them."""

Rows = dict[str, list[Any]]


class Told(NamedTuple):
    """What became of one exchange's two accounts: every row before, after twenty times, after a restart."""

    order: Row
    rows: list[Rows]
    incidents: list[list[Row]]
    asked: list[int]
    """How many requests named the order: when it was given up, and `AUDITS` later."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Told]]:
    with together(tmp_path_factory.mktemp("mismatch"), roles=ROLES) as them:
        parts = them.playing("whole")
        for it in parts:
            business(it)
        for it in parts:
            it.agrees()
        before = {it.exchange: rows(it) for it in parts}
        for done in range(TIMES):
            reconciled([it for it in parts if done < SLOWLY.get(it.exchange, TIMES)])
            if done % 5 == 4:
                for it in parts:
                    it.clear()  # the exchange's limits begin anew: this is more than a minute allows
        after = {it.exchange: rows(it) for it in parts}
        told = {
            it.exchange: Told(mismatch(it), [before[it.exchange], after[it.exchange]], [], [])
            for it in them.playing("short")
        }
        given_up(them, told)
        assert them.daemon.terminate() == 0
        them.daemon.start()
        for it in them:
            it.until_live()
        for it in parts:
            told[it.exchange].rows.append(rows(it))
        for it in them.playing("short"):
            eventually(
                partial(times_told, it), lambda times: times == 2, within=20, what="the same once more"
            )
            told[it.exchange].incidents.append(it.incidents("discrepancy"))
        yield told
        assert them.daemon.terminate() == 0


def times_told(it: Part) -> int:
    """How often the discrepancy was told; it is one, however often."""
    (one,) = it.incidents("discrepancy")
    return int(one["count"])


def mismatch(it: Part) -> Row:
    """An order that is filled and has no trade that anybody shows. What names it is counted from now on."""
    order = it.rest_order(quantity="0.01")
    it.order_of(order, "open")
    it.fault("slow_rest", seconds=0, having=order["order_id"], count=ENOUGH)
    it.fault("lag", what="trade", seconds=3600)
    it.fault("lose_one", what="trade")
    it.fill(order)
    return order


def business(it: Part) -> None:
    """A bit of everything, one order still open."""
    first, second, _ = (it.rest_order() for _ in range(3))
    it.fill(first, quantity="0.005")
    it.cancel(second)
    it.trade()


def rows(it: Part) -> Rows:
    """Every row that the ledger has of the account, with its ids, as it lies in the file."""
    return {table: [row for row in it.stored(table) if it.name in row] for table in TABLES}


def reconciled(parts: list[Part]) -> None:
    """One more whole comparison of each, begun now."""
    before = {it.name: len(it.states_so_far()) for it in parts}
    for it in parts:
        it.daemon.ask("reconcile", target=it.name)
    for it in parts:
        eventually(
            lambda it=it: it.states()[before[it.name] :],  # type: ignore[misc]
            lambda seen: seen == ["reconciling", "live"],
            what=f"a reconcile of {it.name}",
        )


def given_up(them: Together, told: Mapping[str, Told]) -> None:
    """Wait until each is told of, and some audits longer."""
    for it in them.playing("short"):
        eventually(lambda it=it: it.incidents("discrepancy"), within=30, what="a discrepancy")  # type: ignore[misc]
        told[it.exchange].asked.append(asked_for(it, told))
    audits, ages = dict.fromkeys(told, 0), dict.fromkeys(told, float("inf"))

    def look() -> int:
        for it in them.playing("short"):
            age = it.row["audit_age_s"]
            audits[it.exchange] += age < ages[it.exchange]  # it grows until the next audit
            ages[it.exchange] = age
        return min(audits.values())

    eventually(look, lambda fewest: fewest > AUDITS, within=30, every=0.2, what=f"{AUDITS} audits of each")
    for it in them.playing("short"):
        told[it.exchange].asked.append(asked_for(it, told))
        told[it.exchange].incidents.append(it.incidents("discrepancy"))


def asked_for(it: Part, told: Mapping[str, Told]) -> int:
    faults: list[Row] = it.admin.get("faults")
    named = (it.name, told[it.exchange].order["order_id"])
    (left,) = [one["count"] for one in faults if (one["account"], one["having"]) == named]
    return ENOUGH - int(left)


def test_twenty_reconciles_and_a_restart_leave_every_row_and_every_id_as_it_was(
    told: Mapping[str, Told], exchange: str
) -> None:
    before, after, restarted = told[exchange].rows
    assert len(before["fills"]) >= 2
    assert len(before["orders"]) == 4
    assert after == before
    assert restarted == before
    assert before["incidents"] == []


def test_a_mismatch_that_nothing_resolves_is_one_discrepancy_with_both_numbers_before_and_after_a_restart(
    told: Mapping[str, Told], exchange: str
) -> None:
    order = told[exchange].order["order_id"]
    (first,), (again,) = told[exchange].incidents
    for said in (order, "says 0.01 filled", "come to 0"):
        assert said in first["text"]
    assert (first["kind"], first["severity"], first["resolved_at"]) == ("discrepancy", "warning", None)
    assert {**again, "seen_at": 0, "count": 0} == {**first, "seen_at": 0, "count": 0}


def test_a_mismatch_that_was_given_up_is_asked_for_only_now_and_then(
    told: Mapping[str, Told], exchange: str
) -> None:
    """When it was given up it had been tried `MISSES` times; one deep look may fall among the next audits.

    A look is a question or more, as the exchange is asked; never to stop would be `AUDITS` of them.
    """
    when_given_up, later = told[exchange].asked
    assert when_given_up >= MISSES
    assert later - when_given_up <= 2 * when_given_up / MISSES


def test_every_exchange_is_told_of(told: Mapping[str, Told]) -> None:
    assert set(told) == set(REGISTRY)
