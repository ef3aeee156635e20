"""What somebody sees who starts vigil for the first time, stops it, and starts it again.

The shipped settings are copied into an empty folder and tried with the real
command line; the keys and types of every answer are the contract's. How a
daemon ends and goes on is judged by the sandbox's own record.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.kit import FIELDS, columns, meanwhile, scene
from tests.support.daemon import ROOT, Daemon
from tests.support.sandbox import Admin
from tests.support.waiting import eventually

DEMO = {
    "demo-binance": "binance",
    "demo-binance-us": "binance_us",
    "demo-bybit": "bybit",
    "demo-cryptocom": "cryptocom",
}
"""The accounts of the shipped settings."""
NUMBER, TEXT = (int, float), (str,)
MAYBE_NUMBER, MAYBE_TEXT = (int, float, type(None)), (str, type(None))

STATUS = {
    "state": TEXT,
    "version": TEXT,
    "pid": (int,),
    "started_at": (int,),
    "settings": {"path": TEXT, "error": MAYBE_TEXT, "warnings": (list,)},
    "accounts": (list,),
    "actors": (list,),
    "ledger": {
        "sequence": (int,),
        "fills": (int,),
        "orders": (int,),
        "spilled": (int,),
        "commit_p99_ms": MAYBE_NUMBER,
        "event_to_commit_p50_ms": MAYBE_NUMBER,
        "event_to_commit_p99_ms": MAYBE_NUMBER,
    },
    "alerts": (list,),
}
ACCOUNT = {
    "account": TEXT,
    "exchange": TEXT,
    "sandbox": (bool,),
    "state": TEXT,
    "since": (int,),
    "transport_age_s": NUMBER,
    "subscribed": (bool,),
    "audit_age_s": NUMBER,
    "proven_to": (int,),
    "polling": (bool,),
    "reconnects": (int,),
    "breaker": {"mode": TEXT, "failures": (int,), "retry_in_s": MAYBE_NUMBER},
    "last_event_at": (int,),
    "held_reason": MAYBE_TEXT,
    "warnings": (list,),
    "duties": (dict,),
}
UPTIME = {
    "uptime_pct": NUMBER,
    "uptime_24h_pct": NUMBER,
    "blind_s": NUMBER,
    "gaps": (int,),
    "last_cause": MAYBE_TEXT,
}
ACTOR = {
    "id": TEXT,
    "group": TEXT,
    "phase": TEXT,
    "generation": (int,),
    "restarts": (int,),
    "last_reason": MAYBE_TEXT,
    "last_detail": MAYBE_TEXT,
    "mailbox": {"depth": (int,), "high": (int,), "dropped": (int,)},
}
FILL_ROW: dict[str, Any] = dict.fromkeys(
    columns(
        "seq account exchange category symbol trade_id order_id client_order_id side price quantity fee "
        "fee_asset liquidity kind traded_at recorded_at source"
    ),
    TEXT,
) | {"seq": (int,), "traded_at": (int,), "recorded_at": (int,)}
ORDER_ROW: dict[str, Any] = dict.fromkeys(
    columns(
        "account exchange category symbol order_id client_order_id side type time_in_force status price "
        "quantity filled average_price created_at updated_at"
    ),
    TEXT,
) | {"price": MAYBE_TEXT, "average_price": MAYBE_TEXT, "created_at": (int,), "updated_at": (int,)}
BALANCE_ROW: dict[str, Any] = dict.fromkeys(
    columns("account exchange asset free locked total updated_at"), TEXT
) | {"free": MAYBE_TEXT, "locked": MAYBE_TEXT, "updated_at": (int,)}
"""Where a position is open, Crypto.com says of what margins it how much there is, not how much is free."""


def shaped(value: Any, shape: Any) -> None:
    """Fail where a row has other keys than the contract says, or a value of another type."""
    if isinstance(shape, dict):
        assert set(value) == set(shape)
        for key, inner in shape.items():
            shaped(value[key], inner)
    else:
        assert type(value) in shape, f"{value!r} is none of {shape}"


def shipped(home: Path) -> Daemon:
    """A daemon in an empty folder with the settings of the repository; its page at a port that is free."""
    env = {"VIGIL__WEB__LISTEN": "127.0.0.1:0"}
    daemon = Daemon(home, (ROOT / "settings.toml").read_text(), env)
    daemon.is_forked = False  # this is what a user types
    return daemon


def answer(daemon: Daemon, *words: str, code: int = 0) -> Any:
    """What a word of the command line prints with --json."""
    said = daemon.word(*words, "--json")
    assert (said.returncode, said.stderr) == (code, ""), said
    return json.loads(said.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """The shipped settings, running for as long as somebody only looks."""
    with shipped(tmp_path_factory.mktemp("first")) as daemon:
        for name in DEMO:
            daemon.until_live(name, within=15)
        eventually(
            lambda: {row["account"] for row in daemon.fills()},
            lambda seen: seen == set(DEMO),
            within=20,
            what="fills of each without any doing",
        )
        yield daemon
        assert daemon.terminate() == 0


# ------------------------------------------------------------------- it is there


def test_the_shipped_settings_show_a_live_account_and_its_fills_within_seconds(demo: Daemon) -> None:
    """Nothing has to be written, asked for or paid before vigil shows what it does."""
    status = demo.status()
    assert status["state"] == "ok"
    assert (status["settings"]["error"], status["settings"]["warnings"]) == (None, [])
    assert {row["account"]: row["state"] for row in status["accounts"]} == dict.fromkeys(DEMO, "live")
    assert all(row["warnings"] == [] or "cannot verify" in row["warnings"][0] for row in status["accounts"])


def test_status_has_exactly_the_keys_and_types_of_the_contract(demo: Daemon) -> None:
    status = answer(demo, "status")
    shaped(status, STATUS)
    assert {row["account"]: row["exchange"] for row in status["accounts"]} == DEMO
    assert {row["sandbox"] for row in status["accounts"]} == {True}
    assert status["pid"] == demo.pid
    assert status["settings"]["path"] == str(demo.settings)


def test_accounts_and_actors_show_the_rows_of_status(demo: Daemon) -> None:
    for row in answer(demo, "accounts"):
        shaped(row, ACCOUNT | UPTIME)
        assert (row["exchange"], row["state"]) == (DEMO[row["account"]], "live")
        duties = {"heartbeat": NUMBER, "rotation": NUMBER, "permissions": MAYBE_NUMBER}
        shaped(row["duties"], duties | ({"listen_key": NUMBER} if row["exchange"] == "binance_us" else {}))
    actors = answer(demo, "actors")
    for actor in actors:
        shaped(actor, ACTOR)
    expected = {"core/persistence", "core/control"}
    expected |= {f"{name}/{role}" for name in DEMO for role in ("connection", "keepalive", "poller")}
    assert expected <= {actor["id"] for actor in actors}
    assert {actor["phase"] for actor in actors} == {"running"}


def test_fills_orders_and_balances_have_exactly_the_keys_and_types_of_the_contract(demo: Daemon) -> None:
    for word, shape in (("fills", FILL_ROW), ("orders", ORDER_ROW), ("balances", BALANCE_ROW)):
        rows = answer(demo, word)
        assert rows, word
        for row in rows:
            shaped(row, shape)
    fills = answer(demo, "fills", "--limit", "0")
    assert [row["seq"] for row in fills] == sorted({row["seq"] for row in fills})


def test_version_and_health_answer_with_exit_code_0(demo: Daemon) -> None:
    version = answer(demo, "version")
    assert version == {"version": demo.status()["version"], "pid": demo.pid, "web": version["web"]}
    assert version["web"].startswith("http://127.0.0.1:")
    assert answer(demo, "health") == {"state": "ok", "reasons": []}


def test_tail_says_each_fact_when_it_can_be_read(demo: Daemon) -> None:
    """Nobody hears of a fact that a crash could take back: what tail says, the ledger has."""
    command = [sys.executable, *demo.program, "--settings", str(demo.settings), "tail", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        said = next(row for line in tail.stdout if (row := json.loads(line))["kind"] == "fill")
        assert said["seq"] in {row["seq"] for row in demo.fills()}
        tail.send_signal(signal.SIGINT)
        assert tail.wait(5) == 130


def test_a_word_that_does_not_exist_is_a_usage_error(demo: Daemon) -> None:
    said = demo.word("fill")
    assert said.returncode == 2
    assert "fills" in said.stderr


def test_a_second_daemon_on_the_same_data_is_refused_and_names_the_first(demo: Daemon) -> None:
    """Two writers of one ledger would each be sure of what the other does not know."""
    refused = demo.word()
    assert refused.returncode == 1
    assert str(demo.pid) in refused.stderr
    assert demo.status()["state"] == "ok"


def test_words_without_a_daemon_exit_with_3(tmp_path: Path) -> None:
    absent = shipped(tmp_path)
    for words in (["status", "--json"], ["fills"], ["stop"]):
        said = absent.word(*words)
        assert (said.returncode, said.stdout) == (3, "")
        assert "not running" in said.stderr
    assert not (tmp_path / "data").exists(), "to ask leaves nothing behind"


def test_the_sandbox_is_broken_and_mended_at_the_shell(demo: Daemon) -> None:
    name = "demo-cryptocom"
    assert "stream-down" in demo.word("faults").stdout
    refused = demo.word("fault", "demo-cryptcom", "cut")
    assert (refused.returncode, f"did you mean '{name}'" in refused.stderr) == (2, True)
    done = demo.word("fault", name, "stream-down")
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: demo.account(name)["polling"], within=30, what="the poller in place of the stream")
    assert demo.word("fault", name, "mend").returncode == 0
    demo.until_live(name, within=90)
    told = [row["detail"] for row in demo.ask("history", kind="actor", key="daemon", limit=0)]
    assert [f"fault {name} {kind}, by control" in told for kind in ("stream-down", "mend")] == [True, True]


# ----------------------------------------------------------- it ends and goes on


def test_the_demo_goes_on_where_it_stopped_and_repeats_no_id(tmp_path: Path) -> None:
    """`stop` returns when the process has ended; the next start has all rows, and new ids for new facts."""
    daemon = shipped(tmp_path)
    with daemon:
        before = eventually(daemon.fills, what="fills")
        assert daemon.word("stop").returncode == 0
        assert daemon.ended(within=5) == 0
        daemon.start()
        for name in DEMO:
            daemon.until_live(name)
        fills = eventually(daemon.fills, lambda rows: len(rows) > len(before), what="new fills")
        assert fills[: len(before)] == before
        for key in (("seq",), ("account", "trade_id")):
            assert len({tuple(row[name] for name in key) for row in fills}) == len(fills)
        with admin_of(daemon) as admin:
            for name in DEMO:
                is_complete(daemon, name, admin)
        assert daemon.terminate() == 0


def is_complete(daemon: Daemon, name: str, admin: Admin) -> None:
    """The ledger has all that happened before `proven_to`, and nothing that did not happen."""
    proven_to = daemon.account(name)["proven_to"]
    ours = {row["trade_id"] for row in daemon.fills(account=name)}
    truth = admin.truth(name)["fills"]
    assert {row["trade_id"] for row in truth if row["traded_at"] <= proven_to} <= ours
    assert ours <= {row["trade_id"] for row in truth}


class admin_of:
    """The admin of the sandbox that a daemon has started, by the port that it noted."""

    def __init__(self, daemon: Daemon) -> None:
        port = (daemon.home / "data" / "sandbox" / "admin.port").read_text()
        self._admin = Admin(f"http://127.0.0.1:{port}")

    def __enter__(self) -> Admin:
        return self._admin

    def __exit__(self, *_: object) -> None:
        self._admin.close()


def test_sigterm_in_the_middle_of_a_burst_leaves_every_fact_that_was_read_committed(tmp_path: Path) -> None:
    """Exit code 0 within 5 s; what was read is a gapless beginning of the truth; the rest comes at the next start."""
    with scene(tmp_path) as it:
        burst = meanwhile(lambda: it.admin.burst("main", 300, 600, symbol=it.symbol))
        with burst:
            eventually(lambda: it.daemon.status()["ledger"]["fills"] >= 60, what="the burst")
            assert it.daemon.terminate(within=5) == 0
        truth = it.admin.truth("main")["fills"]
        stored = [dict(zip(FIELDS["fills"], row, strict=True)) for row in it.stored("fills", FIELDS["fills"])]
        assert 60 <= len(stored) <= len(truth)
        assert stored == [{name: row[name] for name in FIELDS["fills"]} for row in truth[: len(stored)]]
        seqs = it.stored("fills", ["seq"])
        it.daemon.start()
        assert it.daemon.until_live("main")
        it.agrees()
        fills = it.daemon.fills()
        assert [(row["seq"],) for row in fills][: len(seqs)] == seqs
        assert it.daemon.status()["ledger"]["spilled"] == 0


def test_a_paused_account_stays_so_over_a_restart_until_it_is_resumed(tmp_path: Path) -> None:
    """Nothing of the exchange is asked meanwhile, and what happened meanwhile is known afterwards."""
    with scene(tmp_path) as it:
        assert it.daemon.word("pause", "main").returncode == 0
        it.until("paused")
        assert it.daemon.terminate() == 0
        asked = it.requests()
        it.daemon.start()
        assert it.until("paused")
        eventually(lambda: it.daemon.status()["state"], lambda state: state == "ok", what="all is well")
        missed = it.trade()
        assert it.requests() == asked
        assert it.daemon.word("resume", "main").returncode == 0
        it.daemon.until_live("main")
        assert it.fill_of(missed)["source"] in {"poll", "reconcile"}
        it.agrees()


def test_a_stop_that_is_asked_for_during_the_start_is_an_ordered_one(tmp_path: Path) -> None:
    daemon = shipped(tmp_path)
    daemon.launch()
    eventually(lambda: "daemon_starting" in daemon.log(), what="the first word")
    assert daemon.terminate(within=5) == 0
    assert "daemon_stopped" in daemon.log()
