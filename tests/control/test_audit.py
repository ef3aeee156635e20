"""A comparison that a client waits for: what it answers, and that nobody waits with him."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from control import courtesy
from control.audit import Audit
from control.cli import Offline, command_line
from control.courtesy import Courtesy
from control.words import WORDS, read_arguments
from core.clock import SystemClock
from core.differences import Compared, Difference
from core.facts import Balance, OrderState
from core.status import AccountStatus, Snapshot
from tests.control.kit import SNAPSHOT, STATUS, WAIT, ByHand, Served, request, serve
from tests.control.test_courtesy import Writer
from tests.support.waiting import eventually

HELD, SAYS = OrderState("spot", "BTCUSDT", "7", "open"), OrderState("spot", "BTCUSDT", "7", "filled")
MISSING = Difference("balance", None, None, "USDT", None, "new", None, Balance("USDT", free=Decimal("1E+2")))
CHANGED = Difference("order", "spot", "BTCUSDT", "7", 1_700_000_000_500, "changed", HELD, SAYS)
SINCE, UNTIL = 1_700_000_000_000, 1_700_000_060_000


def agree(**more: Any) -> Compared:
    return Compared(since=SINCE, until=UNTIL, categories=("spot",), **more)


def accounts(**states: Any) -> Snapshot:
    rows = (
        AccountStatus(
            name, "bybit", state, since=0, held_reason="the key is wrong" if state == "held" else None
        )
        for name, state in states.items()
    )
    return msgspec.structs.replace(SNAPSHOT, accounts=tuple(rows))


def begin(peer: ByHand, **params: Any) -> None:
    """Ask, and wait until the poller has heard."""
    peer.send(request("audit", **params))


def question(served: Served) -> Any:
    """What the poller was asked, as soon as it was."""
    return eventually(lambda: served.questions, what="a question")[-1][1]


# ------------------------------------------------------------------------- the answer


def test_what_was_compared_and_what_differed_is_one_document_for_each_account(served: Served) -> None:
    served.pollers["main"] = agree(
        symbols=("BTCUSDT",), unseen=("old orders",), differences=(MISSING, CHANGED)
    )
    (document,) = served.ask("audit", since=SINCE - 5)["result"]
    differences = document.pop("differences")
    assert document == {
        "account": "main",
        "exchange": "bybit",
        "compared": True,
        "error": None,
        "asked_since": SINCE - 5,
        "since": SINCE,
        "until": UNTIL,
        "categories": ["spot"],
        "symbols": ["BTCUSDT"],
        "unseen": ["old orders"],
    }
    missing, changed = differences
    assert (missing["kind"], missing["key"], missing["ledger"]) == ("balance", "USDT", None)
    assert missing["exchange"]["free"] == "100", "plain notation"
    assert (changed["outcome"], changed["at"], changed["category"]) == ("changed", CHANGED.at, "spot")
    assert [changed[side]["status"] for side in ("ledger", "exchange")] == ["open", "filled"]


def test_a_window_is_a_day_where_nothing_is_said(served: Served) -> None:
    served.pollers["main"] = agree()
    now = served.services.clock.wall_ms()
    served.ask("audit")
    asked = question(served)
    assert abs(now - 86_400_000 - asked.since) < 60_000
    assert 0 < asked.until - served.services.clock.boottime() <= 120


@pytest.mark.parametrize("named", [{"target": "main"}, {"account": "main"}, {"target": "main/connection"}])
def test_the_account_may_be_named_either_way_and_by_anything_of_it(
    served: Served, named: dict[str, str]
) -> None:
    served.snapshot = accounts(main="live", other="live")
    served.pollers["main"] = agree()
    assert [row["account"] for row in served.ask("audit", **named)["result"]] == ["main"]


def test_without_a_name_all_that_should_be_live_are_compared(served: Served) -> None:
    served.snapshot = accounts(main="live", second="polling", bad="held", off="paused", none="disabled")
    served.pollers |= {"main": agree(), "second": agree()}
    rows = served.ask("audit")["result"]
    assert [(row["account"], row["compared"]) for row in rows] == [
        ("main", True),
        ("second", True),
        ("bad", False),
    ]


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("held", "the account is held: the key is wrong"),
        ("paused", "the account is paused"),
        ("disabled", "the account is disabled"),
        ("live", "its poller is not there at the moment: try again"),
    ],
)
def test_an_account_that_cannot_be_asked_for_says_why_at_once(served: Served, state: str, error: str) -> None:
    served.snapshot = accounts(main=state)
    served.pollers.clear()
    (row,) = served.ask("audit", account="main")["result"]
    assert (row["compared"], row["error"], row["since"], row["differences"]) == (False, error, None, [])
    assert served.questions == []


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"since": 2**52}, "'since' lies less than 5 s back"),
        ({"account": "mian"}, "did you mean 'main'?"),
        ({"target": "core"}, "'core' belongs to no account"),
        ({"target": "main", "account": "other"}, "name one account"),
        ({"since": "yesterday"}, "write 1h, 30m, 2d"),
    ],
)
def test_a_question_that_means_nothing_is_the_callers_mistake(
    served: Served, params: dict[str, Any], text: str
) -> None:
    error = served.ask("audit", **params)["error"]
    assert (error["code"], text in error["message"]) == (-32602, True), error
    assert served.questions == []


# ------------------------------------------------------------------------- the wait


def test_while_one_client_waits_all_others_are_served(served: Served) -> None:
    with served.peer() as peer:
        begin(peer)
        asked = question(served)
        assert asked.is_wanted()
        assert served.ask("version")["result"]["version"] == "1.2.3"
        asked.reply(agree())
        answer = peer.receive()
        assert answer is not None
        assert answer["result"][0]["compared"]
        assert peer.ask("version")["result"]["version"] == "1.2.3", "the connection goes on"
    assert not asked.is_wanted()


def test_the_answer_comes_when_the_last_account_has_answered(served: Served) -> None:
    served.snapshot = accounts(main="live", bad="held", second="live")
    served.pollers |= {"main": None, "second": agree(differences=(MISSING,))}
    with served.peer() as peer:
        begin(peer)
        question(served).reply(Compared("the answer was cut"))
        answer = peer.receive()
    assert answer is not None
    assert [(row["account"], row["error"]) for row in answer["result"]] == [
        ("main", "the answer was cut"),
        ("bad", "the account is held: the key is wrong"),
        ("second", None),
    ]


def test_accounts_of_one_exchange_are_asked_for_in_turn_and_exchanges_at_once(served: Served) -> None:
    rows = [("a", "bybit"), ("b", "bybit"), ("c", "binance")]
    statuses = tuple(AccountStatus(name, exchange, "live", since=0) for name, exchange in rows)
    served.snapshot = msgspec.structs.replace(SNAPSHOT, accounts=statuses)
    served.pollers = dict.fromkeys("abc")
    with served.peer() as peer:
        begin(peer)
        eventually(lambda: len(served.questions) == 2, what="two questions")
        assert [account for account, _ in served.questions] == ["a", "c"]
        for at in (0, 1, 2):
            served.questions[at][1].reply(agree())
        assert served.questions[2][0] == "b"
        assert peer.receive()


def test_a_client_that_hangs_up_is_waited_for_no_longer(served: Served) -> None:
    with served.peer() as peer:
        begin(peer)
        asked = question(served)
    eventually(lambda: not asked.is_wanted(), what="the poller to be let go")


def test_what_does_not_come_in_time_is_told_and_nobody_wants_it_any_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control.audit.AUDIT_WITHIN", 0.2)
    (row,) = served.ask("audit")["result"]
    assert row["error"] == "no complete answer within 0.2 s: choose a shorter window"
    asked = question(served)
    assert not asked.is_wanted()
    asked.reply(agree())  # too late, and no harm


def test_an_audit_that_is_waited_for_holds_nobody_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no answer that is being made: others have their turn meanwhile, however patient all are."""
    monkeypatch.setattr(courtesy, "HOLD", 10 * WAIT)
    object.__setattr__(served.services, "turn", Courtesy(SystemClock(), Writer(), lambda: False).turn)
    with served.peer() as peer:
        begin(peer)
        question(served)
        assert served.ask("status")["result"] == STATUS
        question(served).reply(agree())
        assert peer.receive() is not None


def test_a_daemon_that_stops_does_not_wait_for_an_audit(tmp_path: Path) -> None:
    with serve(tmp_path / "control.sock") as served:
        peer = served.peer()
        begin(peer)
        question(served)
        began = served.services.clock.monotonic()
    assert served.services.clock.monotonic() - began < WAIT / 2
    answer = peer.receive()
    assert answer is None or "stopping" in answer["result"][0]["error"]
    peer.__exit__()


def test_what_is_said_twice_counts_once(served: Served) -> None:
    audit = Audit(served.services, read_arguments(WORDS["audit"], {}) | {"since": SINCE})
    for said in (agree(), agree(differences=(MISSING,))):
        question(served).reply(said)
    (row,) = audit.wait(lambda: True)
    assert (row["compared"], row["differences"]) == (True, [])


# ------------------------------------------------------------------ the command line


@pytest.fixture
def settings(served: Served, tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(f'[control]\nsocket = "{served.path}"\n')
    return path


def run(settings: Path, *words: str) -> Result:
    offline = Offline(run=lambda _path: 0, check=lambda _path: 0)
    return CliRunner().invoke(command_line(settings, offline), ["audit", *words], prog_name="supervisor.py")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_exit_code_says_whether_the_two_agree(settings: Path, served: Served, form: list[str]) -> None:
    for said, code in ((agree(), 0), (agree(differences=(MISSING,)), 1), (Compared("cut"), 1)):
        served.pollers["main"] = said
        assert run(settings, "main", *form).exit_code == code
        assert run(settings, "--account", "main", "--since", "2d", *form).exit_code == code


def test_as_json_it_is_an_array_even_of_nothing(settings: Path, served: Served) -> None:
    served.snapshot = accounts(off="paused")
    result = run(settings, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert run(settings).stdout == "no account to compare\n"


def test_people_are_told_what_was_compared(settings: Path, served: Served) -> None:
    served.pollers["main"] = agree(symbols=("BTCUSDT", "ETHUSDT"), unseen=("old orders",))
    lines = run(settings, "main", "--since", str(SINCE - 1000)).stdout.splitlines()
    assert lines == [
        "main: no difference from 2023-11-14 22:13:20 to 2023-11-14 22:14:20 UTC (BTCUSDT, ETHUSDT)",
        "  not shown by the exchange: anything before 2023-11-14 22:13:20",
        "  not shown by the exchange: old orders",
    ]
    served.pollers["main"] = Compared("the account is held: a bad key")
    assert run(settings).stdout == "main: could not be compared: the account is held: a bad key\n"


def test_people_are_shown_that_in_which_the_two_differ(settings: Path, served: Served) -> None:
    gone = Difference("fill", "spot", "BTCUSDT", "9", SINCE, "unconfirmed", HELD, None)
    served.pollers["main"] = agree(differences=(MISSING, CHANGED, gone))
    text = run(settings, "main").stdout
    assert text.startswith("main: 3 differences from 2023-11-14 22:13:20 to ")
    _, head, missing, changed, unconfirmed = text.splitlines()
    assert head.split()[-6:] == ["the", "ledger", "said", "the", "exchange", "says"]
    assert missing.split()[-3:] == ["-", "asset=USDT", "free=100"]
    assert changed.split()[-2:] == ["status=open", "status=filled"]
    assert unconfirmed.split()[-1] == "-"
