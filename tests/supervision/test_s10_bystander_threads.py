"""S10 with threads: no error of one actor stops another."""

import pykka
import pytest

from tests.support.actors import WITHIN, Raise
from tests.support.house import House, acme, child, core


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_the_others_keep_their_generation(error: BaseException) -> None:
    with House([core(), *acme()]) as house:
        house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        house.directory.address("acme/poller").tell(Raise(error))
        house.noted("acme/poller", "became_ready", 2)
        snapshot = house.until_running("acme/connection", "acme/keepalive", "acme/poller")
        for name in ("core/persistence", "acme/connection", "acme/keepalive"):
            assert child(snapshot, name).generation == 1


def test_one_that_is_asked_something_fatal_dies_and_comes_back() -> None:
    with House([core(), *acme()]) as house:
        ref = house.puppet("acme/poller").actor_ref
        with pytest.raises(pykka.ActorDeadError):
            ref.ask(Raise(SystemExit()), timeout=WITHIN)
        house.noted("acme/poller", "became_ready", 2)
