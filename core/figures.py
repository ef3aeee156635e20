"""What is measured beside the status document, for those who draw it: the metrics.

The status tells people how things stand; these are the figures behind it that
nobody wants to read there. They are stamps that others left, read at one moment.
What is not known is not in them, and never 0.
"""

from collections.abc import Mapping

import msgspec

from core.budget import Usage
from core.latency import UNMEASURED, Spread


class Figures(msgspec.Struct, frozen=True):
    """`news` counts facts that changed a view, by account and source; `blind` and `key_expires_in` are seconds.

    `open_incidents` is by severity. `price_ages` are seconds, those of the oldest price that
    an account needs; `prices_lacking` counts those that it has to do without, and
    `prices_refused` what was not believed, by exchange and reason. `now_ms` is our wall clock at the moment of reading.
    """

    now_ms: int
    news: Mapping[tuple[str, str], int] = {}
    commit: Spread = UNMEASURED
    event_to_commit: Spread = UNMEASURED
    open_incidents: Mapping[str, int] | None = None
    key_expires_in: Mapping[str, float] = {}
    blind: Mapping[str, float] = {}
    origins: tuple[Usage, ...] = ()
    price_ages: Mapping[str, float] = {}
    prices_lacking: Mapping[str, int] = {}
    prices_refused: Mapping[tuple[str, str], int] = {}
