"""S6 with threads: whatever ends a generation, the supervisor hears of it once and goes on."""

import pytest

from core.errors import LinkError
from tests.support.actors import (
    ExitsAtStart,
    FailsToBeMade,
    FailsToStart,
    FailsToStop,
    HasNoThread,
    Puppet,
    Raise,
)
from tests.support.house import House, core, group

STILLBORN = [
    (FailsToStart, "bug: ValueError: cannot start"),
    (ExitsAtStart, "bug: SystemExit: 3"),
    (HasNoThread, "bug: no thread: can't start new thread"),
    (FailsToBeMade, "bug: ValueError: cannot be made"),
]


@pytest.mark.parametrize(("kind", "detail"), STILLBORN, ids=lambda value: getattr(value, "__name__", ""))
def test_one_that_cannot_begin_dies_once_and_is_tried_again(kind: type[Puppet], detail: str) -> None:
    with House([core(), group("sick", "sick/child")], {"sick/child": kind}) as house:
        assert house.noted("sick/child", "died", 1).detail == detail
        house.noted("sick/child", "died", 2)
        assert house.history("sick/child")[:4] == [
            ("sick/child", 1, "started"),
            ("sick/child", 1, "died"),
            ("sick/child", 2, "started"),
            ("sick/child", 2, "died"),
        ]


@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit("boom"), LinkError("boom")], ids=repr)
def test_one_that_dies_at_work_dies_once_and_comes_back(error: BaseException) -> None:
    with House([core(), group("sick", "sick/child")], {"sick/child": FailsToStop}) as house:
        house.until_running("sick/child")
        house.directory.address("sick/child").tell(Raise(error))
        house.noted("sick/child", "became_ready", 2)
        assert house.history("sick/child") == [
            ("sick/child", 1, "started"),
            ("sick/child", 1, "became_ready"),
            ("sick/child", 1, "died"),
            ("sick/child", 2, "started"),
            ("sick/child", 2, "became_ready"),
        ]
        assert "boom" in (house.noted("sick/child", "died").detail or "")
        assert house.snapshots[-1].stale_messages == 0
