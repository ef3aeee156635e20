"""A whole drill: which rounds there are, several side by side, each with sandboxes of its own.

A worker keeps its sandboxes from round to round (accounts are new each time), for
starting twenty costs more than a round. Whatever a round throws is told as its
result; it ends neither the worker nor the drill.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from drill.menu import MENU, Entry
from drill.result import Line, Outcome, line
from drill.round import Round, Seat
from drill.sandbox import Sandbox

CROWD = 24
"""So many accounts one daemon is given: more share no round."""


class Wanted(NamedTuple):
    """What is to be drilled."""

    faults: Sequence[str]
    exchanges: Sequence[str]
    seeds: int = 1
    full: bool = False
    jobs: int = 3


class Result(NamedTuple):
    """`kept` is where the data of what went wrong lies, None where nothing did."""

    lines: tuple[Line, ...]
    outcomes: tuple[Outcome, ...]
    kept: Path | None


class Lot(NamedTuple):
    """One round to come: an entry, and the (exchange, seed) of every account."""

    entry: Entry
    accounts: tuple[tuple[str, int], ...]


def lots(wanted: Wanted) -> list[Lot]:
    """The rounds: a fault on all its exchanges at once, in several parts where that is a crowd."""
    found = []
    for name in wanted.faults:
        entry = MENU[name]
        exchanges = [one for one in wanted.exchanges if one in entry.exchanges]
        accounts = [(one, seed) for one in exchanges for seed in range(1, wanted.seeds + 1)]
        found += [Lot(entry, tuple(accounts[at : at + CROWD])) for at in range(0, len(accounts), CROWD)]
    return found


def drill(wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Carry it all out; `say` is told of each round's end. An interrupt leaves no process behind."""
    crew = _Crew(wanted, lots(wanted), Path(tempfile.mkdtemp(prefix="drill-")), say)
    outcomes = crew.work()
    kept = any(crew.root.iterdir())
    if not kept:
        crew.root.rmdir()
    return Result(tuple(_lines(wanted, outcomes)), tuple(outcomes), crew.root if kept else None)


def _lines(wanted: Wanted, outcomes: Sequence[Outcome]) -> Iterator[Line]:
    for fault in wanted.faults:
        for exchange in wanted.exchanges:
            of_it = [one for one in outcomes if (one.fault, one.exchange) == (fault, exchange)]
            if of_it:
                yield line(MENU[fault], of_it)


def _broken(lot: Lot, text: str) -> list[Outcome]:
    return [Outcome(lot.entry.name, exchange, seed, remarks=(text,)) for exchange, seed in lot.accounts]


class _Crew:
    """The workers of one drill, and what they have found."""

    def __init__(self, wanted: Wanted, rounds: Sequence[Lot], root: Path, say: Callable[[str], None]) -> None:
        self.root = root
        self._wanted = wanted
        self._say = say
        self._rounds = rounds
        self._problem: Exception | None = None
        self._todo: SimpleQueue[tuple[int, Lot]] = SimpleQueue()
        for numbered in enumerate(rounds):
            self._todo.put(numbered)
        self._found: dict[int, list[Outcome]] = {}
        self._playing: dict[int, Round] = {}
        self._is_over = False

    def work(self) -> list[Outcome]:
        """Everything that was found, in the order of the menu."""
        ends = [threading.Event() for _ in range(min(self._wanted.jobs, len(self._rounds)))]
        for end in ends:
            threading.Thread(target=self._work, args=(end,), daemon=True).start()
        try:
            for end in ends:  # and not `join`, which takes a thread for ended when it is interrupted
                end.wait()
        except BaseException:
            self._abandon(ends)
            raise
        for number, lot in enumerate(self._rounds):
            if number not in self._found:  # a drill that did not take place has not gone well
                self._found[number] = _broken(lot, f"no sandbox: {self._problem}")
        return [one for number in sorted(self._found) for one in self._found[number]]

    def _abandon(self, ends: Sequence[threading.Event]) -> None:
        """A round whose daemon is gone ends by itself, and its worker takes the sandboxes along."""
        self._is_over = True
        for one in list(self._playing.values()):
            one.abort()
        for end in ends:
            end.wait(20)
        shutil.rmtree(self.root, ignore_errors=True)

    def _work(self, end: threading.Event) -> None:
        try:
            self._play_all()
        except Exception as problem:  # noqa: BLE001 (told with what could not be played for it)
            self._problem = problem
        finally:
            end.set()

    def _play_all(self) -> None:
        with sandboxes(self._wanted.seeds, tuple(self._wanted.exchanges)) as boxes:
            while not self._is_over:
                try:
                    number, lot = self._todo.get_nowait()
                except Empty:
                    return
                self._found[number] = self._play(number, lot, boxes)
                if not self._is_over:
                    self._tell(lot, self._found[number], self._home(number, lot))

    def _home(self, number: int, lot: Lot) -> Path:
        """Short: the path of a control socket below it may not be long."""
        return self.root / f"{number}-{lot.entry.name}"

    def _play(self, number: int, lot: Lot, boxes: Sequence[Sandbox]) -> list[Outcome]:
        seats = [Seat(exchange, seed, boxes[seed - 1]) for exchange, seed in lot.accounts]
        one = Round(lot.entry, seats, self._home(number, lot), full=self._wanted.full)
        self._playing[number] = one
        try:
            return one.play()
        except Exception as error:  # noqa: BLE001 (a round that broke is a result, and the others go on)
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            return _broken(lot, f"the round broke: {type(error).__name__}: {error}{cause}"[:500])
        finally:
            del self._playing[number]

    def _tell(self, lot: Lot, outcomes: Sequence[Outcome], home: Path) -> None:
        lines = [line(lot.entry, [one]) for one in outcomes]
        is_fine = all(one.is_well for one in lines)
        if is_fine and not any(one.remarks for one in lines):
            shutil.rmtree(home, ignore_errors=True)
        where = ", ".join(dict.fromkeys(one.exchange for one in lines))
        worst = min(one.score for one in lines)
        self._say(
            f"{len(self._found)}/{len(self._rounds)} {lot.entry.name} on {where}: score {worst}"
            f"{'' if is_fine else f' (NOT WELL, see {home})'}"
        )
        for text in dict.fromkeys(text for one in lines if not one.is_well for text in one.remarks[:3]):
            self._say(f"    {text}")


@contextmanager
def sandboxes(count: int, exchanges: tuple[str, ...]) -> Iterator[list[Sandbox]]:
    """So many sandboxes without accounts, gone at the end."""
    boxes: list[Sandbox] = []
    try:
        for _ in range(count):
            boxes.append(Sandbox([], exchanges=exchanges))
            boxes[-1].start()
        yield boxes
    finally:
        for box in boxes:
            box.stop()
