"""What a person may have go wrong for an account at the built-in sandbox, to see what vigil does then.

One table. The help of the command line, the text of a refusal, the menu of the page and
what the sandbox is asked for are all made from it.

The sandbox can do much more (docs/sandbox.md), and the drill does nearly all of it; these are
the few that somebody who has just started vigil understands, and each leads to another
part of it: a cut is bridged, a mute stream is found out by audits, a dead one is polled
for, a dead exchange leaves a gap that is closed later, a key that is refused is a hold.

The command line makes its help of it: this file imports nothing that is slow.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Reach = Literal["account", "exchange"]


class Deed(NamedTuple):
    """One fault of the sandbox: its kind, whom it concerns, and the parameters that it takes."""

    kind: str
    reach: Reach
    more: Mapping[str, Any] = MappingProxyType({})


class Choice(NamedTuple):
    """One thing to choose: its word, what a button calls it, what will happen, and what it comes to.

    One that `mends` is none to be afraid of.
    """

    kind: str
    label: str
    text: str
    deeds: tuple[Deed, ...]
    mends: bool = False


_TABLE = (
    Choice(
        "cut",
        "Cut the stream",
        "The connection is reset once. It is opened again at once, and what may have been missed "
        "meanwhile is reconciled.",
        (Deed("drop", "account"),),
    ),
    Choice(
        "mute",
        "Make the stream mute",
        "The stream stays open and answers pings, but tells nothing any more. Audits find what it does "
        "not tell, and after two of them vigil gives that connection up.",
        (Deed("mute", "account"),),
    ),
    Choice(
        "stream-down",
        "Kill the exchange's streams",
        "Every stream of this exchange is cut, for all accounts there, and none can be opened. REST goes "
        "on, so the poller takes over, and nothing is missed.",
        (Deed("refuse_connect", "exchange", {"transport": "ws"}), Deed("drop", "exchange")),
    ),
    Choice(
        "exchange-down",
        "Kill the exchange",
        "Every connection to this exchange is cut, for all accounts there, and none can be opened, REST "
        "neither. Nobody sees anything until it is mended; then the gap is closed.",
        (Deed("refuse_connect", "exchange"), Deed("drop", "exchange")),
    ),
    Choice(
        "lose-fill",
        "Lose the next fill",
        "The stream does not tell the next fill. It is found out all the same, and marked with who did.",
        (Deed("lose_one", "account", {"what": "trade"}),),
    ),
    Choice(
        "revoke-key",
        "Revoke the key",
        "The exchange refuses the account's key. The account is held: nothing is signed with the key "
        "until you have mended it and said reset.",
        (Deed("auth_revoked", "account"),),
    ),
    Choice(
        "mend",
        "Mend everything",
        "Whatever was broken at this exchange works again, for all accounts there. An account that is "
        "held wants a reset afterwards.",
        (Deed("clear", "exchange"),),
        mends=True,
    ),
)
CHOICES: Mapping[str, Choice] = {choice.kind: choice for choice in _TABLE}


def asked(choice: Choice, account: str, exchange: str) -> tuple[dict[str, Any], ...]:
    """What the sandbox is asked for, in this order (`POST /fault` of its admin)."""
    whom = {"account": {"exchange": exchange, "account": account}, "exchange": {"exchange": exchange}}
    return tuple({"kind": deed.kind, **whom[deed.reach], **deed.more} for deed in choice.deeds)
