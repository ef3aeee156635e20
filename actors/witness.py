"""Who was watching, and what a complete answer therefore proves.

Keeps the account's `sight` and `proven` (in its vitals, so that they outlive a
generation of the poller), and records the proofs. The rules are core/coverage's.
"""

from collections.abc import Sequence

from actors.base import Context
from core import reconcile
from core.coverage import Sight
from core.differences import Difference, is_hole_in, repaired_in
from core.messages import Hold, StreamDown, StreamUp
from core.records import Proof
from core.status import Vitals
from exchanges.base import Complete
from transport.origin import RestOrigin


class Witness:
    """One poller's, in its thread. `audit_every` in seconds."""

    def __init__(
        self, context: Context, account: str, vitals: Vitals, origin: RestOrigin, audit_every: float
    ) -> None:
        self._context = context
        self._account = account
        self._vitals = vitals
        self._origin = origin
        self._audit_every = audit_every
        self._has_heard = False

    def hears(self, stance: StreamUp | StreamDown | Hold) -> None:
        """How things stand. What an earlier generation saw counts only where the same stream goes on."""
        sight, heard, self._has_heard = self._vitals.sight, self._has_heard, True
        if not heard and not (isinstance(stance, StreamUp) and stance.stream_gen == sight.stream_gen):
            sight = Sight()
        match stance:
            case StreamUp(stream_gen=gen):
                self._vitals.sight = sight.stream_up(gen, self._origin.time_ms())
            case StreamDown():
                self._vitals.sight = sight.stream_down()
            case Hold():
                self.is_blinded()

    def is_blinded(self) -> None:
        """Nothing may be asked, and no stream is there: nobody watches until there is another stance."""
        self._vitals.sight, self._has_heard = Sight(), False

    def doubts(self) -> None:
        """Something may have gone by on the stream."""
        self._vitals.sight = self._vitals.sight.stream_doubted(self._origin.time_ms())

    def failed(self) -> None:
        """A comparison came to nothing."""
        self._vitals.sight = self._vitals.sight.failed()

    def prove(self, since: int, answer: Complete, purpose: str, found: Sequence[Difference]) -> None:
        """The answer agrees with the ledger, since what was `found` is stored."""
        at, until = self._context.clock.wall_ms(), reconcile.proven_to(answer.as_of)
        sight, proven = self._sight(), dict(self._vitals.proven)
        watched = sight.watched(answer.as_of)
        for category in answer.categories:
            repaired = repaired_in(category, found, watched)
            is_hole = purpose == "audit" and is_hole_in(category, found, proven.get(category))
            seen = until if is_hole else min(watched, until)
            self._context.record(Proof(at, self._account, category, since, until, purpose, repaired, seen))
            proven[category] = max(until, proven.get(category, until))
        self._vitals.proven, self._vitals.sight = proven, sight.proved(answer.as_of)
        self._vitals.audit_at = self._context.clock.boottime()

    def _sight(self) -> Sight:
        """Who has watched up to now; nobody where the last proof is too old."""
        compared_at, sight = self._vitals.audit_at, self._vitals.sight
        if not self._vitals.proven:
            return sight.first()
        now, closed_until = self._context.clock.boottime(), self._vitals.closed_until
        if compared_at is None or reconcile.is_overdue(now, compared_at, closed_until, self._audit_every):
            return sight.overdue()
        return sight
