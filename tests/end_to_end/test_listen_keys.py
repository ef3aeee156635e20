"""Streams that are entered by a listen key: what is kept of it, and that it is never shown.

How it is kept alive, shared and ended is told in test_b06 to test_b08.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.kit import Scene
from tests.end_to_end.listen_keys import KEY, US, calls, listen_key
from tests.end_to_end.together import Part, Together, together
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


@pytest.fixture
def them(tmp_path: Path) -> Iterator[Together]:
    with together(tmp_path, {"listen_key_refresh": 1}, exchanges=[US]) as them:
        yield them


def everything_on_disk(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def stored(it: Scene) -> list[Any]:
    rows = it.stored("system_state", ("key", "value"))
    return [value for key, value in rows if key.startswith("listen_key:")]


def test_the_key_stands_nowhere_in_the_clear(them: Together, tmp_path: Path) -> None:
    it, found = them[US], set[str]()
    found.add(listen_key(it))
    it.agrees()
    it.trade()
    before = calls(it, "PUT")
    eventually(lambda: calls(it, "PUT"), lambda count: count > before, what="a renewal")
    it.fault("rest_status", path=KEY, status=500, count=2)
    it.fault("key_expired")
    eventually(lambda: it.row["reconnects"])
    it.until_live()
    found.add(listen_key(it))
    eventually(lambda: stored(it), lambda rows: any(rows), what="a key at rest")
    words = "".join(str(it.daemon.ask(word)) for word in ("status", "incidents"))
    it.daemon.kill()
    assert len(found) == 2
    everything = everything_on_disk(tmp_path) + words.encode()
    for key in found:
        assert key.encode() not in everything
    vault = tmp_path / "data" / "vault.key"
    assert vault.stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_confirmed_after_a_restart_is_used_while_it_must_live(them: Together) -> None:
    it: Part = them[US]
    eventually(lambda: stored(it), lambda rows: any(rows), what="a key at rest")
    assert it.daemon.terminate() == 0
    it.fault("rest_status", path=KEY, status=500, count=1)
    it.daemon.start()
    it.until_live()
    assert it.fill_of(it.trade())["source"] == "stream"
    assert it.logged("listen_key_not_confirmed")
    assert it.row["reconnects"] == 0
    assert it.daemon.terminate() == 0


def test_a_sandbox_account_of_binance_us_works_without_a_key(tmp_path: Path) -> None:
    text = '[web]\nlisten = ""\n[accounts.demo]\nexchange = "binance_us"\nsandbox = true\n'
    with Daemon(tmp_path, text) as daemon:
        row = daemon.until_live("demo")
        assert row["duties"]["listen_key"] is not None
        eventually(lambda: daemon.fills(account="demo"), what="a fill of the calm trader")
        warnings = eventually(lambda: daemon.account("demo")["warnings"], what="a word on the key")
        assert any("cannot verify what the key may do" in text for text in warnings)
        with contextlib.suppress(AssertionError):
            daemon.terminate()
