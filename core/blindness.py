"""When an account that is not live is an incident: the one thing that a watcher must not keep to itself.

An account has its troubles by the minute and comes back by itself; that is in its
history. It is an incident (`blind`) once it has not been live for `blind_after`
seconds, whatever states it went through meanwhile, and at once where only a person
can help (`held`), which is critical. It is over when the account is live again, or
when a person took it out of service. A daemon that stops says nothing about it: the
next one will see.
"""

from typing import Final, Literal

from core.account import Account
from core.records import Severity

KIND: Final = "blind"

Verdict = tuple[Severity, str] | Literal["fine", "unknown"]


def judged(account: Account, lasting: float, blind_after: float) -> Verdict:
    """What is to be said of an account that has not been live for `lasting` seconds."""
    match account.state:
        case "live" | "paused" | "disabled":
            return "fine"
        case "stopped":
            return "unknown"
        case "held":
            return "critical", f"the account is held: {account.held_reason}"
    if lasting < blind_after:
        return "unknown"
    source = "; REST is asked meanwhile" if account.polling else ""
    return "warning", f"not live for {lasting:.0f} s: the account is {account.state}{source}"
