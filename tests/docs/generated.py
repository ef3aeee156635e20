"""Running a script that writes a page of docs/."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def checked(script: str) -> str | None:
    """None where the committed page is what the script would write, else what it complains of."""
    done = subprocess.run(
        [sys.executable, DOCS / script, "--check"], check=False, capture_output=True, text=True, timeout=60
    )
    return None if done.returncode == 0 else done.stdout + done.stderr
