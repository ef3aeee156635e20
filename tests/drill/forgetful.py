"""A daemon that is not to be trusted: it hides one fill, and shows its neighbour twice.

The drill must find it out. The process is the real daemon; what it answers is
spoilt here.
"""

import runpy
from typing import Any

from drill.daemon import ROOT, Daemon


class Forgetful(Daemon):
    """A daemon that loses one fill and doubles another, once there are some."""

    program = ("-m", "tests.drill.forgetful")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.env["PYTHONPATH"] = str(ROOT)


def main() -> None:
    from models.read import Reader

    honest = Reader.fills
    enough = 5  # more than before anything goes wrong
    spoilt: list[str] = []  # the trade that is hidden, and the one that is doubled

    def fills(self: Reader, **said: Any) -> list[Any]:
        rows = honest(self, **said)
        if not spoilt and len(rows) > enough:
            spoilt.extend(row["trade_id"] for row in rows[-2:])
        shown = [row for row in rows if row["trade_id"] not in spoilt[:1]]
        return shown + [row for row in rows if row["trade_id"] in spoilt[1:]]

    Reader.fills = fills  # type: ignore[assignment,method-assign]
    runpy.run_path(str(ROOT / "supervisor.py"), run_name="__main__")


if __name__ == "__main__":
    main()
