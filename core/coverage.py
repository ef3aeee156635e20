"""Of which time the ledger is proven, and of which part of that only afterwards.

A proof says that a complete answer of the exchange agreed with the ledger over a
span of time. This file decides what a row of proofs comes to, for one category
(market) of one account. The rules in words:

* The ledger is *watched* while a stream is acknowledged and proofs come in time, or
  while polls get through at their pace (`Sight`). What happens then is known soon.
* Time that is proven and was watched as it went by belongs to a *stretch*. Time that
  is proven and was not watched is a *gap*, which that proof has closed. Time that
  nothing proves is a gap that is *open*.
* From the first stretch on the three leave nothing out and never overlap.
* The first proof is where a category's time begins: nothing is missing before it. A
  later one that reaches further back moves the beginning.
* Stretches that touch are one stretch, and gaps that touch are one gap.
* What is proven stays as it was proven: to prove it again opens and closes nothing.
* A gap begins where the last proof before it ended and not where the loss was
  noticed: nobody knows when a connection died, only what came before is certain.
  It ends where watching was resumed. The proof that closes it does not reach quite
  so far, because histories lag; the next one does, and adds nothing but that seam.

Times are milliseconds of exchange time, and spans do not hold their ends; `at` is
ours. Nothing here knows where the pieces are kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from core.reconcile import LAG_MS
from core.records import Proof

SEAM_MS = LAG_MS + 1_000  # what a comparison cannot show yet, and a second for clocks that are set anew
Span = tuple[int, int]


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Proven time in one piece: a stretch, or with `late` a gap that was closed.

    `source` and `at` are those of the last proof that had a part in it, `proofs`
    says how many had, `repaired` how many facts they brought that were missing. The
    proof of a gap's seam is counted and not named.
    """

    since: int
    until: int
    late: bool
    source: str
    at: int
    proofs: int
    repaired: int = 0


# ------------------------------------------------------------------ what is proven


def add(pieces: Sequence[Piece], proof: Proof) -> tuple[Piece, ...]:
    """The pieces with one more proof, in the order of time, as those that are given must be.

    It may be a part of them: the ones that the proof overlaps or touches, and the
    nearest before.
    """
    fresh = [piece for span in _unproven(pieces, proof) for piece in _pieces_of(span, pieces, proof)]
    if all(piece.late for piece in fresh):
        repaired = 0 if fresh else proof.repaired
        pieces = [_confirmed(piece, proof, repaired) for piece in pieces]
    if (brought := _where_repaired(fresh)) is not None:
        fresh[brought] = msgspec.structs.replace(fresh[brought], repaired=proof.repaired)
    fresh = [_as_seam(piece, pieces, fresh) for piece in fresh]
    joined = _joined(sorted([*pieces, *fresh], key=lambda piece: piece.since))
    return tuple(_counted(piece, fresh) for piece in joined)


def proven_to(pieces: Iterable[Piece]) -> int | None:
    """Up to when these prove the category; None where there are none."""
    return max((piece.until for piece in pieces), default=None)


def _unproven(pieces: Sequence[Piece], proof: Proof) -> Iterator[Span]:
    """The parts of the proof's span that nothing has proven yet."""
    start = proof.since
    for piece in pieces:
        if start < min(piece.since, proof.until):
            yield start, min(piece.since, proof.until)
        start = max(start, piece.until)
    if start < proof.until:
        yield start, proof.until


def _pieces_of(span: Span, pieces: Sequence[Piece], proof: Proof) -> Iterator[Piece]:
    """What becomes of time that is proven for the first time: first what was not watched, then the rest."""
    since, until = span
    is_beginning = not pieces or until <= pieces[0].since
    seen = since if is_beginning else min(max(since, proof.watched), until)
    for start, end, late in ((since, seen, True), (seen, until, False)):
        if start < end:
            yield Piece(start, end, late, proof.source, proof.at, proofs=0)


def _confirmed(piece: Piece, proof: Proof, repaired: int) -> Piece:
    """The stretch that holds the end of a proof which made none longer is proven once more."""
    if piece.late or not piece.since < proof.until <= piece.until:
        return piece
    return msgspec.structs.replace(
        piece,
        source=proof.source,
        at=max(piece.at, proof.at),
        proofs=piece.proofs + 1,
        repaired=piece.repaired + repaired,
    )


def _as_seam(piece: Piece, pieces: Sequence[Piece], fresh: Sequence[Piece]) -> Piece:
    """The last moments of a gap, behind which watching goes on, belong to the proof that closed it."""
    gap = next((before for before in pieces if before.late and before.until == piece.since), None)
    goes_on = any(after.since == piece.until and not after.late for after in fresh)
    if gap is None or not piece.late or not goes_on or piece.until - piece.since > SEAM_MS:
        return piece
    return msgspec.structs.replace(piece, source=gap.source, at=gap.at)


def _where_repaired(fresh: Sequence[Piece]) -> int | None:
    """Which new piece gets what was repaired: the newest gap, for that is where it was missing."""
    late = [at for at, piece in enumerate(fresh) if piece.late]
    return late[-1] if late else len(fresh) - 1 if fresh else None


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same with those of a kind that touch made one."""
    before: Piece | None = None
    for piece in pieces:
        if before is not None and (before.until, before.late) == (piece.since, piece.late):
            before = _one(before, piece)
            continue
        if before is not None:
            yield before
        before = piece
    if before is not None:
        yield before


def _counted(piece: Piece, fresh: Sequence[Piece]) -> Piece:
    """With one proof more, if it holds anything new, however much."""
    if any(piece.since <= new.since < piece.until for new in fresh):
        return msgspec.structs.replace(piece, proofs=piece.proofs + 1)
    return piece


def _one(first: Piece, second: Piece) -> Piece:
    last = first if first.at > second.at else second
    return Piece(
        first.since,
        second.until,
        first.late,
        last.source,
        last.at,
        first.proofs + second.proofs,
        first.repaired + second.repaired,
    )


# --------------------------------------------------------------- what people are shown


class Row(msgspec.Struct, frozen=True):
    """One span of a category's time. What is not known, or does not apply, is None.

    `until` is None for a gap that still goes on; `seconds` counts up to now then.
    `closed_after_s` is how long a gap, once it had ended, waited for its proof.
    """

    kind: Literal["proven", "gap"]
    since: int
    until: int | None
    seconds: float
    open: bool = False
    source: str | None = None
    at: int | None = None
    closed_after_s: float | None = None
    proofs: int = 0
    repaired: int | None = None


def timeline(pieces: Sequence[Piece], watched: int | None, now: int) -> list[Row]:
    """All time from the first piece to now: what is proven, and the gaps between, open ones too.

    `watched` is since when the account is watched, None where nobody does. What came
    after the last proof is no gap as long as somebody watches; and a gap that was
    closed is closed, although its seam is still to be proven.
    """
    rows: list[Row] = []
    end: int | None = None
    for piece in pieces:
        if end is not None and end < piece.since:
            rows.append(_open(end, piece.since, now))
        rows.append(_row(piece))
        end = piece.until
    if end is None or (watched is not None and watched <= end):
        return rows
    if watched is not None and pieces[-1].late and watched - end <= SEAM_MS:
        rows[-1] = _row(msgspec.structs.replace(pieces[-1], until=watched))
    else:
        rows.append(_open(end, watched, now))
    return rows


def unproven(first_seen: int, now: int) -> Row:
    """The time of an account that nothing has ever been proven of."""
    return _open(first_seen, None, now)


def _row(piece: Piece) -> Row:
    return Row(
        kind="gap" if piece.late else "proven",
        since=piece.since,
        until=piece.until,
        seconds=_seconds(piece.until - piece.since),
        source=piece.source,
        at=piece.at,
        closed_after_s=_seconds(piece.at - piece.until) if piece.late else None,
        proofs=piece.proofs,
        repaired=piece.repaired,
    )


def _open(since: int, until: int | None, now: int) -> Row:
    return Row("gap", since, until, _seconds((now if until is None else until) - since), open=True)


def _seconds(milliseconds: int) -> float:
    """Our clock and the exchange's may differ: no span is shorter than nothing."""
    return max(0, milliseconds) / 1000


# ------------------------------------------------------------------ who is watching


class Sight(msgspec.Struct, frozen=True):
    """Since when nothing can have gone by unseen, in exchange time; None = nobody is watching.

    * A stream that is acknowledged begins it. When the stream is lost the polls go
      on with it, as long as none of them fails; the next stream takes over from them.
    * A comparison that fails ends what only comparisons kept up: what is left is the
      stream, from its acknowledgement on. A stream that has been reconciled is
      trusted without them, until proofs are overdue.
    * A complete comparison begins it where nobody was watching.
    * Of an account of which nothing was ever proven nothing can be missing.
    """

    since: int | None = None
    stream_gen: int | None = None
    stream_since: int | None = None
    is_reconciled: bool = False

    def stream_up(self, gen: int, at: int) -> "Sight":
        """Generation `gen` of the stream is acknowledged; to hear it again changes nothing."""
        return self if gen == self.stream_gen else Sight(self.watched(at), gen, at)

    def stream_doubted(self, at: int) -> "Sight":
        """Something may have gone by, until now, on a stream that lives on."""
        return self if self.stream_gen is None else Sight(self.watched(at), self.stream_gen, at)

    def stream_down(self) -> "Sight":
        """The stream is lost: from now on it is for the polls."""
        return Sight(self.since)

    def failed(self) -> "Sight":
        """A comparison came to nothing."""
        return self if self.is_reconciled else Sight(self.stream_since, self.stream_gen, self.stream_since)

    def overdue(self) -> "Sight":
        """The last proof is too old for us to say that we saw."""
        return msgspec.structs.replace(self, since=None)

    def first(self) -> "Sight":
        """Nothing was ever proven before."""
        return msgspec.structs.replace(self, since=0)

    def proved(self, as_of: int) -> "Sight":
        """A comparison that was begun then is complete."""
        has_stream = self.stream_gen is not None
        return Sight(self.watched(as_of), self.stream_gen, self.stream_since, has_stream)

    def watched(self, now: int) -> int:
        """From when on we saw what happened, if somebody watches now."""
        return now if self.since is None else self.since
