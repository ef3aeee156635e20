"""The drill with a trader, as a user runs it: a minute of it passes a good trader, and a bad one is found out.

The long one is `python supervisor.py drill --trader`; here are two exchanges, that pay in
different assets, and a handful of faults.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from drill.trading import Party, Wanted, trade
from drill.trading_report import as_text
from tests.end_to_end.test_drill import processes, started, tmp

__all__ = ["tmp"]
FAULTS = ("order-torn", "order-500-made", "lose-one", "killed", "drop")
EXCHANGES = ("binance", "cryptocom")


@pytest.mark.timeout(300)
def test_a_short_hour_of_trading_through_faults_leaves_books_that_agree(tmp: Path) -> None:
    words = [word for name in FAULTS for word in ("--fault", name)]
    words += [word for name in EXCHANGES for word in ("--exchange", name)]
    process = started(tmp, "--trader", "--json", *words)
    out, err = process.communicate(timeout=280)
    document: dict[str, Any] = json.loads(out)
    assert process.returncode == 0, (document, err)
    assert document["faults"] == dict.fromkeys(FAULTS, 1)
    assert [row["exchange"] for row in document["rows"]] == list(EXCHANGES)
    for row in document["rows"]:
        assert row["findings"] == []
        assert row["buys"] > 0
        assert row["sells"] > 0
    assert list(tmp.iterdir()) == []
    assert processes(tmp) == []


def test_a_trader_with_other_rules_than_it_is_judged_by_is_found_out(tmp: Path, monkeypatch: Any) -> None:
    """Otherwise a drill that finds nothing would mean nothing: its limit is higher, its profit lower."""
    monkeypatch.setattr("drill.trading.PATIENCE", 5.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp))

    def spoil(party: Party) -> None:
        text = party.daemon.settings.read_text().replace("max_order_quote = 600", "max_order_quote = 6000")
        party.daemon.settings.write_text(text.replace('min_profit = "0.003"', 'min_profit = "0.001"'))

    result = trade(Wanted(("bybit",), ("order-late",), 0.4), lambda _: None, spoil)
    assert not result.is_well
    assert {one.kind for one in result.lines[0].findings} >= {"limit", "rule"}
    assert "below the rule" in as_text(result)
    assert result.kept is not None
    assert result.kept.exists()
