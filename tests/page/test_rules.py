"""The page's own rules, in the browser and without a daemon: exact sums, spans, gaps, and what a fact changes."""

import json
import random
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from core import orders
from core.facts import OrderState, stated
from tests.support.browser import watched

STATIC = Path(__file__).resolve().parents[2] / "web" / "static"
WIDE = Context(prec=80)
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(browser: Browser) -> Iterator[Run]:
    """`run("format.js", "(m, x) => m.span(x)", 5)` calls into one of the page's modules."""

    def serve(route: Route) -> None:
        name = route.request.url.partition("page.test/")[2]
        kind = "text/javascript" if name.endswith(".js") else "text/html"
        route.fulfill(body=(STATIC / name).read_text() if name else "<title>t</title>", content_type=kind)

    with watched(browser, timezone_id="America/New_York") as page:
        page.route("http://page.test/**", serve)
        page.goto("http://page.test/")

        def call(module: str, code: str, given: Any = None) -> Any:
            script = f"async (given) => ({code})(await import('/js/{module}'), given)"
            return page.evaluate(script, given)

        yield call


def test_sums_of_amounts_are_those_of_exact_decimals(run: Run) -> None:
    chance = random.Random(7)
    pairs = [
        [f"{chance.choice(('', '-'))}{chance.randrange(10**n)}.{chance.randrange(10**n):0{n}}" for _ in "ab"]
        for n in [chance.randrange(1, 30) for _ in range(200)]
    ]
    got = run("decimal.js", "(m, pairs) => pairs.map(([a, b]) => [m.add(a, b), m.compare(a, b)])", pairs)
    for (a, b), (total, order) in zip(pairs, got, strict=True):
        assert Decimal(total) == WIDE.add(Decimal(a), Decimal(b))
        assert order == (Decimal(a) > Decimal(b)) - (Decimal(a) < Decimal(b))


def test_what_is_no_plain_decimal_is_refused_rather_than_guessed(run: Run) -> None:
    tried = ["1e5", "", "1.", ".5", "NaN", "0x1", "1,0"]
    code = """(m, texts) => texts.map((text) => { try { return m.add(text, "1"); } catch (e) { return e.name; } })"""
    assert run("decimal.js", code, tried) == ["RangeError"] * len(tried)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 m 00 s"), (3599, "59 m 59 s"),
     (7800, "2 h 10 m"), (367_200, "4 d 6 h")],
)  # fmt: skip
def test_spans_read_as_a_person_says_them(run: Run, seconds: float | None, text: str) -> None:
    assert run("format.js", "(m, s) => m.span(s)", seconds) == text


def test_a_moment_is_local_and_has_its_date_on_another_day(run: Run) -> None:
    at = 1_796_054_063_937  # 2026-11-30 15:54:23.937 UTC, 10:54:23 in New York
    assert run("format.js", "(m, at) => m.moment(at, at)", at) == "10:54:23"
    assert run("format.js", "(m, at) => m.moment(at, at + 86_400_000)", at) == "2026-11-30 10:54:23"
    assert run("format.js", "(m, at) => m.utc(at)", at) == "2026-11-30 15:54:23.937 UTC"
    assert (
        run("format.js", "(m) => [m.moment(null), m.amount(null), m.millis(null), m.count(null)]")
        == ["–"] * 4
    )


def test_a_share_is_called_whole_only_when_it_is(run: Run) -> None:
    assert run("format.js", "(m, all) => all.map(m.percent)", [100, 99.99999, 97.25, None]) == [
        "100 %", "99.999 %", "97.2 %", "–",
    ]  # fmt: skip


# --------------------------------------------------------------------------- orders


def _statement(chance: random.Random) -> OrderState:
    def maybe(value: Any) -> Any:
        return value if chance.random() < 0.8 else None

    return OrderState(
        "spot", "BTCUSDT", "1", chance.choice(list(orders.RANK)),
        client_order_id=maybe("mine"), side=maybe(chance.choice(("buy", "sell"))), type=maybe("limit"),
        price=maybe(Decimal(chance.choice(("7", "7.5")))), quantity=maybe(Decimal(4)),
        filled=maybe(Decimal(chance.randrange(5))), average_price=maybe(Decimal(chance.choice(("7", "7.2")))),
        created_at=maybe(10), updated_at=maybe(chance.randrange(10, 14)), version=None,
    )  # fmt: skip


def _story(chance: random.Random) -> tuple[list[dict[str, Any]], OrderState]:
    """What the journal holds of one order, and what the ledger makes of it."""
    row, journal = None, []
    for seq in range(chance.randrange(1, 9)):
        fact = _statement(chance)
        merged = orders.merge(row, fact)
        row = merged.row
        if merged.outcome not in {"same", "stale"}:
            journal.append(
                {"seq": seq, "account": "a", "exchange": "x", "outcome": merged.outcome, "fact": stated(fact)}
            )
    assert row is not None
    return journal, row


FOLDED = """(m, stories) => stories.map(([snapshot, journal]) =>
    journal.reduce((row, entry) => m.mergeOrder(row, entry), snapshot ?? undefined))"""


def test_an_order_that_is_followed_is_as_the_ledger_has_it(run: Run) -> None:
    chance = random.Random(11)
    stories = [_story(chance) for _ in range(400)]
    got = run("merge.js", FOLDED, [[None, journal] for journal, _ in stories])
    for (journal, row), shown in zip(stories, got, strict=True):
        expected = {name: value for name, value in stated(row).items() if name in shown and name != "version"}
        assert {name: shown[name] for name in expected} == expected, json.dumps(journal, indent=1)


def test_facts_that_a_snapshot_holds_already_do_no_harm(run: Run) -> None:
    """The snapshot may be newer than the facts that are laid over it: after the last of them it is as before."""
    chance = random.Random(13)
    ordered = [story for story in (_story(chance) for _ in range(400)) if _is_in_order(story[0])]
    assert len(ordered) > 20
    got = run("merge.js", FOLDED, [[{**stated(row), "account": "a"}, journal] for journal, row in ordered])
    for (_, row), shown in zip(ordered, got, strict=True):
        assert [shown[name] for name in ("status", "filled")] == [
            stated(row)[name] for name in ("status", "filled")
        ]


def _is_in_order(journal: list[dict[str, Any]]) -> bool:
    times = [entry["fact"]["updated_at"] for entry in journal]
    return (
        None not in times
        and times == sorted(set(times))
        and {entry["outcome"] for entry in journal} <= {"new", "changed"}
    )


def test_a_fill_keeps_its_first_source_and_learns_what_was_unknown(run: Run) -> None:
    fact = {"category": "spot", "symbol": "S", "order_id": "1", "trade_id": "2", "price": "7", "quantity": "1",
            "fee": None, "fee_asset": None, "side": "buy", "traded_at": 5}  # fmt: skip
    entry = {
        "seq": 3,
        "account": "a",
        "exchange": "x",
        "source": "stream",
        "outcome": "new",
        "recorded_at": 6,
        "fact": fact,
    }
    later = {
        **entry,
        "seq": 4,
        "source": "audit",
        "outcome": "changed",
        "fact": {**fact, "fee": "0.1", "fee_asset": "U"},
    }
    other = {**entry, "seq": 5, "source": "audit", "outcome": "contradicted", "fact": {**fact, "price": "8"}}
    row = run(
        "merge.js",
        "(m, all) => all.reduce((row, entry) => m.mergeFill(row, entry), undefined)",
        [entry, later, other],
    )
    assert (row["seq"], row["source"], row["fee"], row["fee_asset"], row["price"]) == (
        3,
        "stream",
        "0.1",
        "U",
        "7",
    )


# ----------------------------------------------------------------------------- gaps

NOW = 1_796_054_000_000


def _gap(category: str | None, since: int | None, until: int | None, **more: Any) -> dict[str, Any]:
    row = {"kind": "gap", "account": "a", "category": category, "since": since, "until": until, "open": until is None,
           "source": None, "closed_after_s": None, "repaired": None}  # fmt: skip
    return row | more


def test_gaps_of_several_categories_at_one_time_are_one_and_counted_once(run: Run) -> None:
    rows = [
        _gap("spot", NOW - 90_000, NOW - 60_000, source="reconcile", closed_after_s=1.5, repaired=2),
        _gap("linear", NOW - 90_500, NOW - 60_200, source="reconcile", closed_after_s=2.5, repaired=0),
        _gap("spot", NOW - 10_000, None),
        _gap("spot", NOW - 200_000_000, NOW - 190_000_000, source="audit", closed_after_s=1, repaired=0),
    ]
    gaps = run("gaps.js", "(m, [rows, now]) => m.gapsOf(rows, now)", [rows, NOW])
    assert [sorted(gap["categories"]) for gap in gaps] == [["linear", "spot"], ["spot"]]
    assert (gaps[0]["closed_after_s"], gaps[0]["repaired"]) == (2.5, 2)
    assert run("gaps.js", "(m, [gaps, now]) => m.unwatched(gaps, now)", [gaps, NOW]) == pytest.approx(40.5)


def test_an_account_of_which_nothing_is_proven_is_not_shown_as_proven(run: Run) -> None:
    rows = [_gap(None, None, None)]
    assert run("gaps.js", "(m, [rows, now]) => m.knownSince(rows, now)", [rows, NOW]) is None


def test_a_short_gap_stays_visible_and_inside_the_bar(run: Run) -> None:
    bar = run("gaps.js", "(m, now) => m.stretch(now - 100, null, now, 1440, 5)", NOW)
    assert bar == {"x": 1435, "width": 5}


# --------------------------------------------------------------------------- trades


def test_the_line_of_what_was_earned_begins_at_nothing_and_goes_by_steps_to_the_last_total(run: Run) -> None:
    points = [{"at": 0, "total": "5"}, {"at": 50, "total": "-5"}, {"at": 100, "total": "0"}]
    drawn = run(
        "equity.js", "(m, points) => ({...m.lineOf(points), middle: m.HEIGHT / 2, wide: m.WIDTH})", points
    )
    corners = [tuple(map(float, corner.split(","))) for corner in drawn["line"].split()]
    middle, wide = drawn["middle"], drawn["wide"]
    top, bottom = min(y for _, y in corners), max(y for _, y in corners)
    assert (top + bottom) / 2 == middle == float(drawn["zero"])
    assert corners == [
        (0, middle), (0, middle), (0, top), (wide / 2, top), (wide / 2, bottom), (wide, bottom), (wide, middle),
        (wide, middle),
    ]  # fmt: skip


def test_a_single_trade_and_one_that_earned_nothing_are_drawn_too(run: Run) -> None:
    for total in ("0", "3.5", "-2"):
        line = run("equity.js", "(m, points) => m.lineOf(points).line", [{"at": 7, "total": total}])
        assert "NaN" not in line


def test_what_is_not_known_is_counted_and_in_no_sum_and_quote_assets_stay_apart(run: Run) -> None:
    rows = [{"quote": "USDT", "profit": "0.1"}, {"quote": "USDT", "profit": "0.2"}, {"quote": "USDT", "profit": None},
            {"quote": "USD", "profit": None}]  # fmt: skip
    assert run("equity.js", "(m, rows) => m.sumsOf(rows, 'profit')", rows) == {
        "USDT": {"total": "0.3", "unknown": 1},
        "USD": {"total": None, "unknown": 1},
    }
    kinds = run("equity.js", "(m, all) => all.map(m.kindOf)", ["1", "-0.1", "0", None])
    assert kinds == ["gain", "loss", "", ""]
