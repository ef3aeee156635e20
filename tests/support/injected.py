"""A daemon in which things go wrong on command: `Injected` in the test, `main` in its process.

The process is the real daemon, entered as `supervisor.py` enters it, with these
differences. A thread reads commands from standard input and makes an actor's
own thread raise or block, as its handler would, or a reader's at its next frame,
or keeps the ticker's ticks from it; names below `.test` are this machine, until
they cannot be looked up any more; pings follow each other faster, so that a hang is
found in about a second; and numbers of its modules may be other ones,
where nobody can wait as long as they say. Production code knows nothing of this:
what is needed is wrapped round it here.
"""

import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.daemon import ROOT, Daemon
from tests.support.waiting import eventually

PING_EVERY, PING_MISSES = 0.3, 3
OBEYED = "injected:"
DOMAIN = ".test"
CHANGES = "INJECTED_CHANGES"  # the environment variable that tells the process what is different


class Injected(Daemon):
    """A daemon whose actors can be made to fail.

    `numbers` replaces constants by their full names, as "core.duties.PATIENCE";
    `ping_every` is for a daemon with so many actors that none may be judged in a hurry.
    """

    program = ("-m", "tests.support.injected")

    def __init__(
        self,
        *args: Any,
        numbers: Mapping[str, float] | None = None,
        ping_every: float = PING_EVERY,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.env["PYTHONPATH"] = str(ROOT)
        self.env[CHANGES] = json.dumps({"numbers": dict(numbers or {}), "ping_every": ping_every})

    def _command(self, *words: str) -> list[str]:
        """Nothing is injected into the words of the command line: they have nothing to do with the daemon's process."""
        if not words:
            return super()._command()
        return [sys.executable, str(ROOT / "supervisor.py"), "--settings", str(self.settings), *words]

    def crash(self, child: str) -> None:
        """The thread of this actor raises what no handler catches."""
        self._say("crash", child)

    def betray(self, child: str, reference: str) -> None:
        """The thread of this actor raises an error that tells a secret."""
        self._say("betray", child, reference)

    def betray_reader(self, child: str, reference: str) -> None:
        """The reader of this connection raises one, with a frame in its hand."""
        self._say("betray-reader", child, reference)

    def hang(self, child: str) -> None:
        """The thread of this actor blocks until `release`."""
        self._say("hang", child)

    def crash_reader(self, child: str) -> None:
        """The reader of this connection raises, with a frame in its hand."""
        self._say("crash-reader", child)

    def hang_reader(self, child: str) -> None:
        """The reader of this connection blocks until `release`, with a frame in its hand."""
        self._say("hang-reader", child)

    def freeze(self, child: str) -> None:
        """This actor hears no tick any more until `thaw`, and everything else."""
        self._say("freeze", child)

    def thaw(self, child: str) -> None:
        """It hears ticks again."""
        self._say("thaw", child)

    def lose(self, name: str) -> None:
        """The resolver fails for this name, until `find`."""
        self._say("lose", name)

    def find(self, name: str) -> None:
        """It can be looked up again."""
        self._say("find", name)

    def release(self) -> None:
        """Whoever hangs goes on where it was."""
        self._say("release")

    def _say(self, *words: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        before = self._obeyed()
        self.process.stdin.write(" ".join(words).encode() + b"\n")
        self.process.stdin.flush()
        eventually(self._obeyed, lambda count: count > before, what=f"{' '.join(words)} to be obeyed")

    def _obeyed(self) -> int:
        return self.log().count(OBEYED)


# ------------------------------------------------------------ inside that process


class Crash:
    """Raise an error that says this."""

    def __init__(self, text: str = "this was injected") -> None:
        self.text = text


class Hang:
    """Block until the event is set."""

    def __init__(self, released: threading.Event) -> None:
        self.released = released


def suffer(what: Crash | Hang | None) -> None:
    """Have it happen to the calling thread."""
    match what:
        case Crash(text=text):
            raise RuntimeError(text) from ValueError(repr(text))
        case Hang(released=released):
            released.wait()


def secret(reference: str) -> str:
    """What this leads to in the daemon's settings, as nobody may ever see it."""
    from host.configuration import load
    from host.vault import custody

    return custody(load(Path("settings.toml"))).secrets.resolve(reference)


class Injection:
    """Knows the living actors, and tells them what happens to them."""

    def __init__(self) -> None:
        self._living: dict[str, Any] = {}
        self._readers: dict[str, Crash | Hang] = {}  # by child: what its reader meets at the next frame
        self._frozen: set[str] = set()
        self._lost: set[str] = set()  # names
        self._released = threading.Event()

    def wrap(self, actor: Any) -> None:
        """Have every actor known from its start, and its handler do what it is told here."""
        from core.messages import Tick

        start, handle = actor._start_actor_loop, actor._handle

        def starting(self_: Any) -> None:
            self._living[self_.name] = self_
            start(self_)

        def handling(self_: Any, letter: Any) -> None:
            if isinstance(letter.message, Crash | Hang):
                suffer(letter.message)
            elif not (isinstance(letter.message, Tick) and self_.name in self._frozen):
                handle(self_, letter)

        actor._start_actor_loop, actor._handle = starting, handling

    def wrap_reader(self, reader: Any) -> None:
        """Have every reader do at its next frame what was ordered for its connection."""
        take = reader._take

        def taking(self_: Any, received: Any) -> None:
            suffer(self._readers.pop(self_._desk.origin.child, None))
            take(self_, received)

        reader._take = taking

    def wrap_resolver(self) -> None:
        """Have names of the tests' own, which can be lost."""
        look_up = socket.getaddrinfo

        def looking_up(host: Any, *args: Any, **options: Any) -> Any:
            if host in self._lost:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            is_ours = isinstance(host, str) and host.endswith(DOMAIN)
            return look_up("127.0.0.1" if is_ours else host, *args, **options)

        socket.getaddrinfo = looking_up

    def obey(self) -> None:
        """Carry out what stands on standard input, line by line."""
        for line in sys.stdin:
            match line.split():
                case ["crash", child]:
                    self._living[child].me.urge(Crash())
                case ["betray", child, reference]:
                    self._living[child].me.urge(Crash(secret(reference)))
                case ["betray-reader", child, reference]:
                    self._readers[child] = Crash(secret(reference))
                case ["hang", child]:
                    self._living[child].me.urge(Hang(self._released))
                case ["crash-reader", child]:
                    self._readers[child] = Crash()
                case ["hang-reader", child]:
                    self._readers[child] = Hang(self._released)
                case ["freeze", child]:
                    self._frozen.add(child)
                case ["thaw", child]:
                    self._frozen.discard(child)
                case ["lose", name]:
                    self._lost.add(name)
                case ["find", name]:
                    self._lost.discard(name)
                case ["release"]:
                    self._released.set()
                    self._released = threading.Event()
            print(OBEYED, line, end="", flush=True)


def change(numbers: Mapping[str, float]) -> None:
    """Set these constants; one that does not exist is an error."""
    for name, value in numbers.items():
        module, _, constant = name.rpartition(".")
        there = importlib.import_module(module)
        getattr(there, constant)
        setattr(there, constant, value)


def main() -> None:
    import host.tree
    import supervisor
    from actors.base import Actor
    from actors.reader import StreamReader
    from control.cli import Offline
    from control.cli import main as command_line
    from core.tree import ChildSpec

    changes = json.loads(os.environ[CHANGES])
    change(changes["numbers"])
    injection = Injection()
    injection.wrap(Actor)
    injection.wrap_reader(StreamReader)
    injection.wrap_resolver()
    threading.Thread(target=injection.obey, name="injection", daemon=True).start()
    quick = partial(ChildSpec, ping_every=changes["ping_every"], ping_misses=PING_MISSES)
    host.tree.ChildSpec = quick  # type: ignore[attr-defined,assignment]
    offline = Offline(run=supervisor._be_the_daemon, check=supervisor._check)
    command_line(Path("settings.toml"), offline)


if __name__ == "__main__":
    main()
