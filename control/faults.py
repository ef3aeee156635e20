"""`faults` and `fault`: what may be broken of an account at the built-in sandbox, and having it broken.

Only there: of a real account nothing can be broken, and whoever tries is told so. A
fault is done when the answer comes, and recorded like every other command; what vigil
makes of it, `status` shows.
"""

from control.services import Services
from control.words import Arguments, Mistake, Unavailable, hint, quoted
from core.errors import VigilError
from core.faults import CHOICES, Choice, asked
from core.messages import Faulted
from core.status import AccountStatus, Document, Snapshot
from core.targets import UnknownTarget, account_of, resolve


def choices() -> list[Document]:
    """The table as JSON, in its order."""
    return [
        {"kind": choice.kind, "label": choice.label, "text": choice.text, "mends": choice.mends}
        for choice in CHOICES.values()
    ]


def fault(services: Services, arguments: Arguments) -> Document:
    """Have it done, in the thread of the one who asked. Mistake, Unavailable say why it was not."""
    account = _meant(arguments["target"], services.snapshot())
    choice = _chosen(arguments["kind"])
    try:
        services.disturb(asked(choice, account.account, account.exchange))
    except VigilError as error:
        raise Unavailable(f"fault: {error}") from None
    services.tell(Faulted(account.account, choice.kind, services.front))
    return {"accepted": "fault", "target": account.account, "kind": choice.kind}


def _chosen(kind: str) -> Choice:
    if choice := CHOICES.get(kind):
        return choice
    there_are = ", ".join(CHOICES)
    raise Mistake(f"fault: nothing is called {quoted(kind)}{hint(kind, CHOICES)}; there are: {there_are}")


def _meant(target: str, snapshot: Snapshot) -> AccountStatus:
    """The account of that name, or of which that is a part, where the sandbox is its exchange."""
    try:
        name = account_of(resolve(target, snapshot), snapshot)
    except UnknownTarget as unknown:
        raise Mistake(f"fault: {unknown}") from None
    rows = {account.account: account for account in snapshot.accounts}
    if name is not None and rows[name].sandbox:
        return rows[name]
    playing = ", ".join(account.account for account in snapshot.accounts if account.sandbox)
    raise Mistake(
        f"fault: only accounts of the built-in sandbox can be broken, and {target!r} is none; "
        f"there {'are' if ',' in playing else 'is'}: {playing or 'none'}"
    )
