"""What Binance.US's REST has of its own: fewer parameters, and the end of listen keys.

Its documents know neither `omitZeroBalances` nor allocations, and it refuses what
it does not know. What a key may do they do not say how to ask; we ask as on .com,
and a refusal means that it cannot be verified.

Where listen keys have ended, users saw 404 and 410 with the page of a web
server, whatever else a gateway may think of. So on that path a page in place of
an answer means that the method is gone; the statuses that speak of our pace or
of a firewall (403, 418, 429) keep their meaning.
"""

from core.errors import ProtocolChanged, VigilError
from core.wire import Call, Reply
from exchanges.binance.rest import BinanceRest, complaint
from exchanges.binance_us.listen_key import PATH

_PACE = frozenset({403, 418, 429})
_GONE = frozenset({404, 410})


class BinanceUsRest(BinanceRest):
    """The RestDialect of binance.us."""

    omit_zeros = False
    allocations = False

    def classify(self, call: Call, reply: Reply) -> VigilError | None:
        """As on .com, but for the path of the listen keys."""
        if call.path == PATH and 400 <= reply.status < 500 and reply.status not in _PACE:
            code, text = complaint(reply.body)
            if code is None or reply.status in _GONE:
                return ProtocolChanged(f"listen keys: HTTP {reply.status}: {text}")
        return super().classify(call, reply)
