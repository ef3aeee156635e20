"""A daemon whose exchanges have names, and a resolver that can fail: `Nameless` outside, `main` in its process.

The process is the real daemon, entered as `supervisor.py` enters it. Names below
`.drill` are all this machine, unless a file in its home says that the resolver
does not answer; every other name is looked up as ever.
"""

import runpy
import socket
from pathlib import Path
from typing import Any

from drill.daemon import ROOT, Daemon

DOMAIN = ".drill"
_GONE = "names-gone"


def named(host: str) -> str:
    """`HOST:PORT` of this machine by a name that can be taken away."""
    return f"exchange{DOMAIN}:{host.rpartition(':')[2]}"


class Nameless(Daemon):
    """A daemon that can be left without name resolution."""

    program = ("-m", "drill.nameless")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.env["PYTHONPATH"] = str(ROOT)

    def resolve(self, *, works: bool) -> None:
        """Whether names can be looked up from now on."""
        if works:
            (self.home / _GONE).unlink()
        else:
            (self.home / _GONE).touch()


# ------------------------------------------------------------ inside that process


def main() -> None:
    """Be the daemon; its home is the working directory."""
    look_up = socket.getaddrinfo

    def answer(host: Any, *args: Any, **options: Any) -> Any:
        if isinstance(host, str) and host.endswith(DOMAIN):
            if Path(_GONE).exists():
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return look_up(host, *args, **options)

    socket.getaddrinfo = answer
    runpy.run_path(str(ROOT / "supervisor.py"), run_name="__main__")


if __name__ == "__main__":
    main()
