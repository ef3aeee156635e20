"""How far a long piece of work has come: said by the one who works, to whoever shows it."""

from collections.abc import Callable

Tell = Callable[[str, int, int | None], None]
"""What is being done, how much of it is done, and of how much (None where that is not known)."""


def nobody(_what: str, _done: int, _total: int | None) -> None:
    """The listener where nobody looks on."""
