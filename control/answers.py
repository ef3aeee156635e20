"""What each word answers: one function, from a name and parameters to JSON.

Reads come from the status document or from the ledger's reader; operations are
checked against the published snapshot and told to the supervisor. Saying yes to
an operation means that it is on its way, not that it is done: `status` shows
when it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from control import trade
from control.audit import Audit
from control.faults import choices, fault
from control.moments import since_ms
from control.queries import ask, covered
from control.reload import Reload
from control.services import Services
from control.tail import Follower, first_since
from control.trade import Asked
from control.traded import traded
from control.uptimes import UNSEEN
from control.words import TEST, TRADES, Arguments, Mistake, Unavailable, find, hint, quoted, read_arguments
from core.commands import orders
from core.errors import DatabaseProblem
from core.messages import Acknowledge, Command, Operate, StopDaemon
from core.report import health
from core.status import Document
from core.targets import UnknownTarget, resolve
from models.read import Reader

Waiting = Audit | Reload | Asked
"""An answer that takes its time: `wait` for it in a thread of the one who asked."""


def answer(services: Services, reader: Callable[[], Reader], name: str, given: Mapping[str, Any]) -> Any:
    """What the word `name` says to these parameters; a Follower where that has no end, what is Waiting to wait for.

    Raises Mistake where the caller is wrong, Unavailable where the daemon is on
    its way out, or never could.
    """
    word = find(name)
    arguments = _with_moment(read_arguments(word, given), services.clock.wall_ms())
    match name:
        case "status":
            return services.status()
        case "health":
            return health(services.status())
        case "accounts":
            return _accounts(services, reader)
        case "actors":
            return services.status()["actors"]
        case "version":
            return {"version": services.version, "pid": services.pid, "web": services.web()}
        case "prices":
            return _prices(services, arguments)
        case "trades":
            return _trades(services, reader(), arguments)
        case "buy" | "sell" | "cancel" | "halt" | "retry":
            return _trade(services, reader, name, arguments)
        case "tail":
            return _follower(services, reader(), arguments)
        case "stop":
            cause = "asked by a client" if services.front == "control" else "asked on the page"
            return _tell(services, StopDaemon(cause), {"accepted": name})
        case "reload":
            return Reload(services)
        case "acknowledge":
            return _acknowledge(services, reader(), arguments["id"])
        case "alerts":
            return _try_alerts(services, arguments)
        case "faults":
            return choices()
        case "fault":
            return fault(services, arguments)
        case _ if word.kind == "operate":
            return _operate(services, name, str(arguments["target"]))
        case "audit":
            return Audit(services, arguments)
        case "coverage":
            return covered(reader(), arguments, services.watched, services.clock.wall_ms())
        case _:
            return ask(reader(), name, arguments)


def _accounts(services: Services, reader: Callable[[], Reader]) -> list[Document]:
    """Those of the status, with their uptime; that is unknown where the ledger cannot be read."""
    try:
        uptimes = services.uptimes.of_accounts(reader(), services.clock.wall_ms())
    except DatabaseProblem:
        uptimes = {}
    return [row | uptimes.get(row["account"], UNSEEN) for row in services.status()["accounts"]]


def _trade(services: Services, reader: Callable[[], Reader], name: str, said: Arguments) -> trade.Asked:
    try:
        match name:
            case "cancel":
                return trade.cancel(services, said)
            case "halt":
                return trade.halt(services, said)
            case "retry":
                return trade.retry(services, reader(), said["id"])
        return trade.order(services, name, said)
    except trade.TraderOff as off:
        raise Unavailable(str(off)) from None


def _trades(services: Services, reader: Reader, said: Arguments) -> Any:
    """From the ledger, also where the trader is off by now; an error where it never was on."""
    if said["what"] not in TRADES:
        known = f"there are: {', '.join(TRADES)}"
        raise Mistake(f"trades: no {quoted(said['what'])}{hint(said['what'], TRADES)}; {known}")
    if not services.traders() and not reader.trades(limit=1):
        raise Unavailable(trade.OFF)
    prices = () if services.prices is None else services.prices()
    return traded(reader, said, prices, services.clock.wall_ms())


def _prices(services: Services, arguments: Arguments) -> list[Document]:
    """What the board of prices says, of what was asked for."""
    if services.prices is None:
        raise Unavailable("there is no trader, so nobody needs a price: [trader] enabled is false")
    account, symbol = arguments["account"], arguments["symbol"]
    return [
        row
        for row in services.prices()
        if account in (None, *row["accounts"]) and symbol in (None, row["symbol"])
    ]


def _with_moment(arguments: Arguments, now_ms: int) -> Arguments:
    """The arguments with `since` in milliseconds."""
    since = arguments.get("since")
    if since is None or isinstance(since, bool):
        return arguments
    try:
        return {**arguments, "since": since_ms(since, now_ms)}
    except ValueError as error:
        raise Mistake(str(error)) from None


def _follower(services: Services, reader: Reader, arguments: Arguments) -> Follower:
    """Behind `after`, or from `since` on; behind the newest row where neither was said."""
    start = arguments["after"]
    if start is None:
        since = arguments["since"]
        start = reader.sequence() if since is None else first_since(reader, since)
    return Follower(
        reader, services.feed, services.turn, start, account=arguments["account"], symbol=arguments["symbol"]
    )


def _try_alerts(services: Services, arguments: Arguments) -> list[Document]:
    """A test message by each channel, waited for in the thread of the one who asked."""
    if arguments["action"] != TEST:
        raise Mistake(f"alerts: no action {quoted(arguments['action'])}; there is: {TEST}")
    rows = list(services.try_alerts(arguments["url"]))
    if not rows and arguments["url"] is not None:
        raise Mistake(f"alerts: there is no address {arguments['url']} in alerts.urls")
    return rows


def _operate(services: Services, action: str, target: str) -> Document:
    """Tell the command as it was given; the answer names what it was taken for."""
    command = msgspec.convert({"action": action, "target": target, "by": services.front}, Operate)
    snapshot = services.snapshot()
    try:
        meant = orders(command, snapshot).account or resolve(target, snapshot)
    except UnknownTarget as unknown:
        raise Mistake(f"{action}: {unknown}") from None
    return _tell(services, command, {"accepted": action, "target": meant})


def _acknowledge(services: Services, reader: Reader, incident: int) -> Document:
    """Of an incident that there is; once more changes nothing."""
    if not reader.has_incident(incident):
        raise Mistake(f"acknowledge: there is no incident {incident}: `incidents` lists them with their ids")
    return _tell(services, Acknowledge(incident, services.front), {"accepted": "acknowledge", "id": incident})


def _tell(services: Services, command: Command, accepted: Document) -> Document:
    if not services.tell(command):
        raise Unavailable("the supervisor takes no commands: the daemon is starting or stopping")
    return accepted
