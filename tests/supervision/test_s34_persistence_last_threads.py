"""S34 with threads: persistence is stopped when nobody is left who could give it a fact."""

from tests.support.actors import HangsAtStop, Puppet
from tests.support.house import House, acme, core, hasty


class Commits(Puppet):
    """Notes at its end who of the others still lives."""

    alive: list[str]
    house: House

    def stopping(self) -> None:
        names = ("core/control", "acme/connection", "acme/keepalive", "acme/poller")
        Commits.alive = [name for name in names if self.house.directory.find(name) is not None]
        super().stopping()


def test_everybody_else_is_gone_when_persistence_commits_for_the_last_time() -> None:
    kinds: dict[str, type[Puppet]] = {"core/persistence": Commits, "acme/poller": HangsAtStop}
    tree = hasty([core("core/persistence", "core/control"), *acme()], "acme/poller", stop_timeout=0.2)
    with House(tree, kinds) as house:
        Commits.house, Commits.alive = house, ["nobody asked"]
        house.until_running("core/control", "acme/keepalive", "acme/poller")
        assert house.stop() == 0
        assert Commits.alive == []


def test_the_end_is_reported_once_and_after_the_last_record() -> None:
    with House([core(), *acme()]) as house:
        house.until_running("acme/keepalive")
        house.stop()
        assert house.exits == [(0, "asked to")]
        assert house.history()[-1] == ("daemon", 0, "all_down")
