"""Which tests that failed beside others are judged by themselves.

A story of real processes and real seconds can fail because the others of its time
kept the processor from it; by itself it has no such excuse. Failing twice is a
failure, and both reports are read. Rules of `core` and `exchanges` know no clock:
what fails there has failed. So has more than a machine's bad moment explains.
"""

import os
import subprocess
import sys
from collections.abc import Collection

MOST = 8
"""As many of eleven thousand as a busy machine may account for; more are the code's."""
TIMELESS = ("tests/core/", "tests/exchanges/")
ALONE = "VIGIL_ALONE"
"""Set for the run of those that are judged by themselves: it has no second run."""


def may_be_judged_alone(failed: Collection[str]) -> bool:
    """Whether real time can be what these tests (by node id) failed by."""
    return 0 < len(failed) <= MOST and not any(one.startswith(TIMELESS) for one in failed)


def pass_alone(failed: Collection[str]) -> bool:
    """Run them, one after another and nothing beside them; whether they passed, and none was left out."""
    if ALONE in os.environ or not may_be_judged_alone(failed):
        return False
    command = [sys.executable, "-m", "pytest", "-n", "0", *failed]
    return subprocess.run(command, env={**os.environ, ALONE: "1"}, check=False).returncode == 0
