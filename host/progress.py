"""A bar on the terminal for work that takes its time; nothing where standard error is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from core.progress import Tell, nobody


@contextmanager
def shown(*, wanted: bool = True) -> Iterator[Tell]:
    """What is told meanwhile is shown, and gone at the end."""
    if not wanted or not sys.stderr.isatty():
        yield nobody
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, int] = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = int(progress.add_task(what, total=total))
            progress.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield tell
