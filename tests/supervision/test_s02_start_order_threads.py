"""S2 with threads: the next child starts only when the one before does its job."""

from tests.support.actors import NeverReady
from tests.support.house import House, acme, child, core


def test_a_junior_is_not_started_before_its_elder_said_ready() -> None:
    with House([core(), *acme()], {"acme/connection": NeverReady}) as house:
        connection = house.puppet("acme/connection")
        house.noted("acme/poller", "became_ready")
        assert "acme/keepalive" not in house.children.events
        connection.ready()
        snapshot = house.until_running("acme/connection", "acme/keepalive")
        assert child(snapshot, "acme/keepalive").generation == 1


def test_nothing_of_an_account_starts_before_core_is_up() -> None:
    with House([core(), *acme()], {"core/persistence": NeverReady}) as house:
        persistence = house.puppet("core/persistence")
        assert list(house.children.events) == ["core/persistence"]
        persistence.ready()
        house.until_running("acme/connection", "acme/poller")
