"""How CPython is set for a process in which a fill must never wait long.

Two of its habits stop every thread at once. A thread that computes gives way
after 5 ms only: with three of them, a message takes 15 ms to be heard. And the
full garbage collection walks over all that lives, some 50 ms with the libraries
that are loaded here; so what was there before the work began is taken out of
its sight. What the ledger caches by the thousand is no business of its either
(`gc=False` where it is declared).

And msgspec learns a type when it first decodes it, and is not safe while it does:
two threads that meet the same type for the first time end the process (a
segmentation fault in 0.22). So it is shown every type that there is before the
second thread begins.

And no core of it is left on disk, however it ends: the secrets would be in it.
"""

import faulthandler
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress

import msgspec

SWITCH_INTERVAL = 0.0005


def tune() -> None:
    """Once, when all is imported and before threads work."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    sys.setswitchinterval(SWITCH_INTERVAL)
    for struct in _below(msgspec.Struct):
        with suppress(TypeError):  # made of what no JSON holds, and never decoded
            msgspec.json.Decoder(struct)
    gc.collect()
    gc.freeze()


def _below(base: type) -> Iterator[type]:
    """Every class that descends from this one."""
    one: type
    for one in base.__subclasses__():
        yield one
        yield from _below(one)
