"""What vigil relies on of msgspec, and what it does about what cannot be relied on.

msgspec learns a type when it first decodes it. Two threads that do so at the same
time end the process with a segmentation fault, so each case has its own process.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MEETING = """
import sys, threading
from decimal import Decimal
import msgspec
from core.wire import Reply
from exchanges.replies import parse
from host.interpreter import tune

def fresh(n):
    inner = msgspec.defstruct(f"Inner{n}", [(f"f{i}", Decimal | None, None) for i in range(30)])
    return msgspec.defstruct(f"Row{n}", [(f"f{i}", inner | None, None) for i in range(30)])

def parsed(row):
    parse(Reply(200, (), b'[{"f1":{"f1":"1.5"}}]', 0), list[row])

def converted(row):
    msgspec.convert({"f1": {"f1": "1.5"}}, row)

rows = [fresh(n) for n in range(400)]
"""

THREADS = """
sys.setswitchinterval(0.00001)
for row in rows:
    together = threading.Barrier(8)
    def meet():
        together.wait()
        use(row)
    threads = [threading.Thread(target=meet) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("survived")
"""


def meeting(*preparation: str) -> "subprocess.CompletedProcess[str]":
    """Eight threads meet four hundred types for the first time, all at once."""
    script = "\n".join([MEETING, *preparation, THREADS])
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "preparation",
    [
        pytest.param(["use = parsed"], id="answers are parsed"),
        pytest.param(["tune()", "use = converted"], id="what the daemon knows from its start is converted"),
    ],
)
def test_threads_that_meet_a_type_at_the_same_time_survive_it(preparation: list[str]) -> None:
    met = meeting(*preparation)
    assert (met.returncode, met.stdout) == (0, "survived\n"), met.stderr[-2_000:]
