"""One word of the command line, asked and printed.

Decides for each word how its answer is fetched (at once, in pages, without end)
and whether it is bad news; how it looks is `control.present`'s business, and
what an error means for the exit code the command line's.
"""

from pathlib import Path
from typing import Any, TextIO

from control import present
from control.client import Client, NoAnswer, Refused
from control.words import (
    ALERTS_WITHIN,
    AUDIT_WITHIN,
    RELOAD_WITHIN,
    TRADE_WITHIN,
    TRADING,
    Word,
    hint,
    quoted,
)
from core.clock import SystemClock

FINE, BAD_NEWS = 0, 1
STOP_TIMEOUT = 10.0
GRACE = 10.0  # seconds for the answer itself

_PATIENCE = {
    "audit": AUDIT_WITHIN,
    "alerts": ALERTS_WITHIN,
    "reload": RELOAD_WITHIN,
    **dict.fromkeys(TRADING, TRADE_WITHIN),
}
_DONE = frozenset({"accepted", "cancelled", "not_sent"})

Params = dict[str, Any]


def converse(socket: Path, word: Word, params: Params, out: TextIO, *, as_json: bool) -> int:
    """Ask the daemon on `socket`, print what it says, and return the exit code."""
    patience = {"timeout": _PATIENCE[word.name] + GRACE} if word.name in _PATIENCE else {}
    with Client(socket, **patience) as client:
        if word.name == "tail":
            return _tail(client, params, out, as_json=as_json)
        if word.name == "stop":
            return _stop(client, out)
        if word.name in TRADING:
            return _traded(client, word, params, out, as_json=as_json)
        if word.rows:
            return _rows(client, word, params, out, as_json=as_json)
        answer = client.call(word.name, **params)
        if word.name == "alerts":
            return tell_trial(answer, out)
        if as_json:
            out.write(present.as_json(answer) + "\n")
        else:
            _in_words(client, word, answer, out)
        return BAD_NEWS if _is_bad_news(word, answer) else FINE


def tell_trial(rows: list[Any], out: TextIO) -> int:
    """Print what became of a test of the alerts, whoever made it, and return the exit code."""
    present.write_trial(rows, out)
    return FINE if all(row["ok"] for row in rows) else BAD_NEWS


def _is_bad_news(word: Word, answer: Any) -> bool:
    if word.name == "audit":
        return any(row["differences"] or not row["compared"] for row in answer)
    if word.name == "reload":
        return not answer["applied"]
    return word.name in {"status", "health"} and answer["state"] != "ok"


def _rows(client: Client, word: Word, params: Params, out: TextIO, *, as_json: bool) -> int:
    pages = client.pages(word, **params)
    if as_json:
        present.write_array(pages, out)
    else:
        rows = [row for page in pages for row in page]
        present.write_table(_look(word, params), rows, out)
        if not rows:
            _doubt(client, params.get("account"), out)
    return FINE


def _traded(client: Client, word: Word, params: Params, out: TextIO, *, as_json: bool) -> int:
    """What the traders say came of it; bad news where any of them did not do it."""
    rows = client.call(word.name, **params)
    if as_json:
        out.write(present.as_json(rows) + "\n")
    else:
        present.write_table(word.name, [rows], out)
    if word.name in {"halt", "retry"}:
        return BAD_NEWS if any(row.get("error") or "error" not in row for row in rows) else FINE
    return FINE if all(row["state"] in _DONE for row in rows) else BAD_NEWS


_FEES = {"fill": "fill fees", "account": "maker share"}


def _doubt(client: Client, account: str | None, out: TextIO) -> None:
    """Nothing was found of an account that does not run: it may be misspelt, or of the past."""
    there_are = [row["account"] for row in client.call("status")["accounts"]] if account else []
    if account is not None and account not in there_are:
        out.write(f"no account {quoted(account)} runs here{hint(account, there_are)}\n")


def _look(word: Word, params: Params) -> str:
    """Which table shows the rows: some words have more than one kind."""
    if word.name == "trades":
        what = params.get("what") or "list"
        is_sum = what == "list" and params.get("by")
        return "trades profit" if is_sum else "trades" if what == "list" else f"trades {what}"
    if word.name == "fees":
        return _FEES.get(params.get("by") or "", "fees")
    return params["kind"] if params.get("kind") in {"account", "actor"} else word.name


def _tail(client: Client, params: Params, out: TextIO, *, as_json: bool) -> int:
    """Never returns by itself: ends with the daemon, with the reader of `out`, or by Ctrl-C."""
    last = None
    try:
        for row in client.tail(**params):
            out.write((present.as_json(row) if as_json else present.fact_line(row)) + "\n")
            out.flush()
            last = row["seq"]
    except (NoAnswer, Refused) as end:
        if last is None:
            raise
        raise NoAnswer(f"{end}; it ended after seq {last}: go on with --after {last}") from None
    return FINE


def _stop(client: Client, out: TextIO) -> int:
    if client.stop(STOP_TIMEOUT):
        out.write("stopped\n")
        return FINE
    out.write(f"still stopping after {STOP_TIMEOUT:g} s\n")
    return BAD_NEWS


def _in_words(client: Client, word: Word, answer: Any, out: TextIO) -> None:
    match word.name:
        case "status":
            present.write_status(answer, client.call("health"), SystemClock().wall_ms(), out)
        case "audit":
            present.write_audit(answer, out)
        case "health":
            present.write_health(answer, out)
        case "reload":
            present.write_reload(answer, out)
        case "version":
            out.write(f"vigil {answer['version']}, pid {answer['pid']}\n")
        case "acknowledge":
            out.write(f"acknowledge {answer['id']}: on its way; `incidents` shows when it is done\n")
        case "fault":
            out.write(f"fault {answer['target']} {answer['kind']}: done; `status` shows what comes of it\n")
        case _:
            out.write(f"{word.name} {answer['target']}: on its way; `status` shows when it is done\n")
