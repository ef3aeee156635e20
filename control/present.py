"""Printing answers: one JSON document for programs, words and tables for people.

A list of any length is printed page by page, so that `fills --json --limit 0`
of a large ledger needs no memory to speak of; one row a line, which is still
one JSON array.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from control.drawing import Row, Screen, draw, harmless, say, screen, tint, tone_of
from control.moments import as_span, as_utc
from control.tables import COLUMNS, statement
from core.clock import SystemClock

Document = Mapping[str, Any]


def as_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


def write_array(pages: Iterable[Sequence[Row]], out: TextIO) -> None:
    """One JSON array of all rows."""
    between = "["
    for page in pages:
        for row in page:
            out.write(f"{between}{as_json(row)}")
            between = ",\n"
    out.write("[]\n" if between == "[" else "]\n")


def write_table(look: str, rows: Sequence[Row], out: TextIO) -> None:
    """Write the rows of a list as the table of that name."""
    out.write(draw(COLUMNS[look], rows, _on(out)) if rows else "none\n")


def _on(out: TextIO) -> Screen:
    return screen(out, SystemClock().wall_ms())


def write_status(status: Document, health: Document, now_ms: int, out: TextIO) -> None:
    """The page that `status` shows: the verdict, why, the accounts, what does not run, the ledger."""
    up = as_span((now_ms - status["started_at"]) / 1000)
    on = _on(out)
    out.write(f"{_verdict(status, on)}   vigil {status['version']}, pid {status['pid']}, up {up}\n")
    _write_list("why", health["reasons"], out)
    settings = status["settings"]
    out.write(say("settings  ", settings["path"], on))
    _write_list("settings error", [settings["error"]] if settings["error"] else [], out)
    _write_list("settings warning", settings["warnings"], out)
    out.write("\n")
    write_table("status", status["accounts"], out)
    for account in status["accounts"]:
        held = [account["held_reason"]] if account["held_reason"] else []
        _write_list(account["account"], [*held, *account["warnings"]], out)
    out.write("\n")
    if idle := [actor for actor in status["actors"] if actor["phase"] != "running"]:
        write_table("actors", idle, out)
        out.write("\n")
    _write_ledger(status["ledger"], out)


def _verdict(document: Document, on: Screen) -> str:
    state: str = document["state"]
    return tint(state, tone_of(state), on)


def _write_ledger(ledger: Document, out: TextIO) -> None:
    told = (
        f"seq {ledger['sequence']}, {ledger['fills']} fills, {ledger['orders']} orders, "
        f"{ledger['spilled']} spilled, commit p99 {_ms(ledger['commit_p99_ms'])}, "
        f"event to commit p99 {_ms(ledger['event_to_commit_p99_ms'])}"
    )
    out.write(say("ledger  ", told, _on(out)))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def write_health(health: Document, out: TextIO) -> None:
    out.write(f"{_verdict(health, _on(out))}\n")
    _write_list("", health["reasons"], out)


def _write_list(label: str, texts: Iterable[str], out: TextIO) -> None:
    on = _on(out)
    out.writelines(say(f"  {label}: " if label else "  ", text, on) for text in texts)


def write_audit(audited: Sequence[Document], out: TextIO) -> None:
    """What was compared of each account, what of it the exchange does not show, and the differences."""
    for account in audited:
        out.write(say(f"{account['account']}: ", _outcome(account), _on(out)))
        if account["compared"]:
            _write_list("not shown by the exchange", _unseen(account), out)
        if account["differences"]:
            write_table("audit", [_differing(one) for one in account["differences"]], out)
    if not audited:
        out.write("no account to compare\n")


def write_reload(answer: Document, out: TextIO) -> None:
    """What was applied, or everything that is wrong."""
    if not answer["applied"]:
        out.write("nothing was changed: the settings do not hold\n")
        lines = [f"error: {problem}" for problem in answer["problems"]]
    else:
        lines = [
            *(_applied(f"{one['account']}: {one['change']}", one) for one in answer["accounts"]),
            *(_applied(f"[{one['section']}]: changed", one) for one in answer["sections"]),
        ] or ["nothing changes now"]
        lines += [f"warning: {problem}" for problem in answer["later"]]
    on = _on(out)
    out.writelines(say("", line, on) for line in lines)


def _applied(what: str, one: Document) -> str:
    keys = f" ({', '.join(one['keys'])})" if one["keys"] not in ([], ["enabled"]) else ""
    restarts = f"; begins anew: {', '.join(one['restarts'])}" if one["restarts"] else ""
    return what + keys + restarts


def write_trial(rows: Sequence[Document], out: TextIO) -> None:
    """One line for each address: whether its test message was taken, and why not."""
    for row in rows:
        said = "ok" if row["ok"] else f"failed: {row['error']}"
        out.write(say("", f"{row['channel']}  {row['url'] or row['reference']}  {said}", _on(out)))
    if not rows:
        out.write("no address in alerts.urls\n")


def _outcome(account: Document) -> str:
    if not account["compared"]:
        return f"could not be compared: {account['error']}"
    count = len(account["differences"])
    what = f"{count} difference{'s' * (count != 1)}" if count else "no difference"
    where = ", ".join(account["symbols"] if account["symbols"] is not None else account["categories"])
    return (
        f"{what} from {as_utc(account['since'])} to {as_utc(account['until'])} UTC ({where or 'no symbol'})"
    )


def _unseen(account: Document) -> list[str]:
    before = account["since"] - account["asked_since"]
    return [*([f"anything before {as_utc(account['since'])}"] if before > 0 else []), *account["unseen"]]


def _differing(one: Document) -> Row:
    """The row for people: of two statements only that in which they differ."""
    ledger, exchange = one["ledger"], one["exchange"]
    if ledger is None or exchange is None:
        shown = {"ledger": statement(ledger or {}), "exchange": statement(exchange or {})}
    else:
        names = [
            name for name in exchange if exchange[name] is not None and exchange[name] != ledger.get(name)
        ]
        shown = {
            "ledger": " ".join(f"{name}={ledger.get(name)}" for name in names),
            "exchange": " ".join(f"{name}={exchange[name]}" for name in names),
        }
    return {**one, **{side: text or None for side, text in shown.items()}}


def fact_line(row: Row) -> str:
    """One row of the journal on one line: when, whose, and what was said."""
    head = f"{row['seq']}  {as_utc(row['recorded_at'])}  {row['account']}  {row['kind']}  {row['source']}"
    return harmless(f"{head}  {statement(row['fact'])}")
