"""Of which time the ledger is proven, and what is told of the gaps.

Seen from outside, as a person sees it: what `coverage` lists after an outage and
after a power cut, and whether the account's own words agree with it.
"""

import json
import time
from itertools import pairwise
from pathlib import Path

from sandbox.server import DIALECTS
from tests.end_to_end.kit import Row, Scene, scene
from tests.support.waiting import eventually


def gaps(it: Scene, name: str = "main") -> list[Row]:
    """The gaps in what is proven, oldest first."""
    rows = it.daemon.ask("coverage", account=name)
    for before, after in pairwise(rows):
        if before["category"] == after["category"]:
            assert before["until"] == after["since"], "time has no hole"
    return [row for row in rows if row["kind"] == "gap"]


def seen(it: Scene, name: str) -> Row:
    """What `accounts` says of an account's time."""
    (row,) = (row for row in it.daemon.ask("accounts") if row["account"] == name)
    return {key: row[key] for key in ("uptime_pct", "uptime_24h_pct", "blind_s", "gaps", "last_cause")}


def test_an_outage_and_a_power_cut_leave_one_gap_each_that_says_how_it_was_closed(tmp_path: Path) -> None:
    """Open while it lasts and until it is proven; then with its source, its facts, and how long that took."""
    with scene(tmp_path, {"main": {}, "other": {}}) as it:
        it.fill_of(it.trade())
        assert gaps(it) == []
        proven_to = it.daemon.account("main")["proven_to"]
        it.admin.fault("rest_status", account="main", status=503)
        it.admin.fault("refuse_connect", transport="ws", count=2)
        it.admin.fault("drop", account="main")
        (gap,) = eventually(lambda: gaps(it), what="a gap")
        assert (gap["since"], gap["until"], gap["open"]) == (proven_to, None, True)
        missed = it.trade()
        it.until("reconciling")
        (gap,) = gaps(it)
        assert (gap["open"], gap["source"], gap["until"] > missed["traded_at"]) == (True, None, True)
        it.admin.clear(account="main")
        it.daemon.until_live("main")
        (closed,) = gaps(it)
        assert (closed["since"], closed["until"]) == (gap["since"], gap["until"])
        assert (closed["open"], closed["source"], closed["proofs"]) == (False, "reconcile", 1)
        assert closed["seconds"] == (closed["until"] - closed["since"]) / 1000
        assert 0 < closed["closed_after_s"] < 10
        assert closed["repaired"] >= 1, "the trade, at least"

        assert gaps(it, "other") == [], "nobody else is concerned"
        uptime, (row, _) = seen(it, "main"), it.daemon.status()["accounts"]
        assert uptime["gaps"] == 1
        assert uptime["blind_s"] > 0
        assert 0 < uptime["uptime_pct"] == uptime["uptime_24h_pct"] < 100
        assert uptime["last_cause"]
        assert not set(uptime) & set(row), "the status stays as it is"
        assert (seen(it, "other")["gaps"], seen(it, "other")["last_cause"]) == (0, None)
        proven_to = it.daemon.account("other")["proven_to"]
        it.daemon.kill()
        it.admin.fault("refuse_connect")
        it.daemon.start()
        assert it.daemon.account("other")["proven_to"] == proven_to, "it outlives the daemon"
        (gap,) = gaps(it, "other")
        assert (gap["since"], gap["until"], gap["open"]) == (proven_to, None, True)
        lines = it.daemon.word("coverage", "--account", "other").stdout.splitlines()
        assert ["OPEN" in line for line in lines] == [False, False, True]
        it.admin.clear()
        it.daemon.until_live("other")
        assert it.daemon.account("other")["proven_to"] > proven_to
        (closed,) = gaps(it, "other")
        assert (closed["since"], closed["open"]) == (proven_to, False)
        assert closed["source"] in {"poll", "reconcile"}
        assert closed["closed_after_s"] < 10
        uptime = seen(it, "other")
        assert (uptime["gaps"], uptime["last_cause"]) == (1, "the daemon ended without a word")
        assert uptime["blind_s"] > 0
        assert seen(it, "main")["gaps"] == 2


def audit(it: Scene, *words: str, code: int) -> Row:
    """What `audit` says of each account by name, on the command line, with this exit code."""
    done = it.daemon.word("audit", "--json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return {row["account"]: row for row in json.loads(done.stdout)}


def is_old(trade: Row) -> bool:
    """Whether it happened so long ago that the stream should have told of it."""
    return time.time() * 1000 - trade["traded_at"] > 5_500


def test_an_audit_finds_what_the_stream_lost_and_repairs_it(tmp_path: Path) -> None:
    """On every exchange: nothing while the two agree, the lost trade once, and nothing again."""
    names = {exchange.replace("_", "-"): exchange for exchange in DIALECTS}
    settings = {name: {"exchange": exchange, "audit_every": 3600} for name, exchange in names.items()}
    with scene(tmp_path, settings) as it:

        def trade(name: str) -> Row:
            return it.trade(name, DIALECTS[names[name]].instruments[0].symbol)

        for name in names:
            trade(name)
        for name in names:
            it.agrees(name)
        sequence = it.daemon.status()["ledger"]["sequence"]
        for row in audit(it, code=0).values():
            assert (row["compared"], row["differences"]) == (True, [])
            assert row["until"] - row["since"] > 86_000_000
        assert it.daemon.status()["ledger"]["sequence"] == sequence, "nothing is written"

        for name in names:
            it.admin.fault("mute", account=name)
        lost = {name: trade(name) for name in names}
        eventually(lambda: all(map(is_old, lost.values())), what="trades that nobody told")
        assert it.daemon.word("audit", "binance", "--since", "1h").returncode == 1
        found = audit(it, "--since", "1h", code=1)
        del lost["binance"]
        assert found["binance"]["differences"] == [], "it was repaired a moment ago"
        for name, missing in lost.items():
            (fill,) = (one for one in found[name]["differences"] if one["kind"] == "fill")
            assert (fill["key"], fill["outcome"], fill["ledger"]) == (missing["trade_id"], "new", None)
            assert fill["exchange"]["price"] == missing["price"]
            assert it.fill_of(missing, name)["source"] == "audit"
            (*_, gap) = [row for row in gaps(it, name) if row["category"] == fill["category"]]
            assert (gap["source"], gap["open"], gap["repaired"] >= 2) == ("audit", False, True)

        it.admin.fault("rest_status", account="bybit", status=503)
        done = it.daemon.word("audit", "--account", "bybit")
        assert (done.returncode, "bybit: could not be compared: HTTP 503" in done.stdout) == (1, True), done
        it.daemon.ask("pause", target="cryptocom")
        it.until("paused", "cryptocom")
        assert gaps(it, "cryptocom")[-1]["open"], "nobody watches it now"
        done = it.daemon.word("audit", "cryptocom")
        assert (done.returncode, done.stdout) == (
            1,
            "cryptocom: could not be compared: the account is paused\n",
        )
