"""The list of incidents, and what was written by a vigil with another one."""

from typing import Any

import msgspec

from core.records import Incident


def test_an_incident_of_a_kind_that_is_not_known_any_more_is_read_back_as_it_was() -> None:
    """It may lie in a spill, between facts that are known nowhere else."""
    old: dict[str, Any] = {
        "type": "incident",
        "at": 1,
        "key": "k",
        "kind": "of old",
        "severity": "info",
        "text": "",
    }
    read = msgspec.json.decode(msgspec.json.encode(old), type=Incident)
    assert msgspec.to_builtins(read) == {**old, "account": None, "resolved": False}
