"""When a periodic duty of an account is overdue: the alarm behind an open socket.

A stream may look healthy while what keeps it alive has stopped: pings that nobody
answers, a key that nobody renews. So each duty leaves a stamp when it *succeeds*,
and is judged by the age of that stamp alone, by somebody else than who performs
it. It is overdue well before two of its periods are over, and well after one:
spread, retries and a slow look take a third of a period.

The duties of the stream count while there is one; those of the key, as long as
anything is asked with it at all.
"""

from collections.abc import Mapping

from core.account import SEEING, UNWATCHED
from core.incidents import Duty
from core.status import AccountState

PATIENCE = 1.6  # periods
LEAST = 1.0  # seconds beyond one period, for the shortest
OVERDUE = "overdue: "
"""How the warning of an overdue duty begins: `status` is degraded while there is one."""
OF_THE_KEY: frozenset[Duty] = frozenset({"permissions"})

_WORDS: Mapping[Duty, str] = {
    "heartbeat": "no heartbeat was answered",
    "listen_key": "the listen key was not renewed",
    "rotation": "the connection was not rotated",
    "permissions": "what the key may do was not checked",
}


def overdue(
    state: AccountState, duties: Mapping[Duty, float], periods: Mapping[Duty, float], now: float
) -> dict[Duty, str]:
    """The duties that are overdue at boottime `now`, with a text for people.

    One that has not succeeded yet is none: it is its start that has failed then.
    """
    return {
        duty: f"{OVERDUE}{_WORDS[duty]} for {now - duties[duty]:.0f} s"
        for duty, period in periods.items()
        if _counts(state, duty)
        and duty in duties
        and now - duties[duty] > max(period * PATIENCE, period + LEAST)
    }


def _counts(state: AccountState, duty: Duty) -> bool:
    return state not in UNWATCHED if duty in OF_THE_KEY else state in SEEING
