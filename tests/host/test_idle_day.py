"""B5, for a whole day under a clock that only the test moves: a quiet account is healthy, a mute one is not."""

from core import account as machine
from core.incidents import Duty
from core.messages import Audited
from core.status import ChildStatus, GroupStatus, Vitals
from host.accounts import Accounts, Effects
from host.plan import AccountPlan
from tests.support.clock import ManualClock

PLAN = AccountPlan("main", "bybit", "main.stream", "main/poller", audit_every=60.0)
DAY = 86_400
HEARTBEAT, ROTATION, PERMISSIONS = 20, 82_800, 86_400


class Day:
    """One live account, second by second; nothing is ever traded."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.vitals = Vitals()
        self.vitals.periods = {"heartbeat": HEARTBEAT, "rotation": ROTATION, "permissions": PERMISSIONS}
        self.accounts = Accounts(self.clock, [PLAN], {"main": self.vitals})
        connection = ChildStatus("main/connection", "main.stream", "running", 1, 0)
        poller = ChildStatus("main/poller", "main.poller", "running", 1, 0)
        closed = {name: GroupStatus(name, "closed", 0) for name in ("main.stream", "main.poller")}
        self.accounts.look({child.id: child for child in (connection, poller)}, closed)
        self.accounts.feed("main", machine.StreamReconciled(1))
        self.vitals.audit_at = self.clock.boottime()
        for duty in self.vitals.periods:
            self.stamp(duty)
        assert self.state == "live"

    @property
    def state(self) -> str:
        return self.accounts.state("main").state

    def stamp(self, duty: Duty) -> None:
        self.vitals.duties[duty] = self.clock.boottime()

    def second(self, number: int, *, pongs: bool = True, repaired: int = 0) -> Effects:
        """One second of it: what is due succeeds, and the accounts are looked at."""
        self.clock.advance(1)
        if pongs and number % HEARTBEAT == 0:
            self.stamp("heartbeat")
        if number % ROTATION == 0:
            self.stamp("rotation")
        effects: Effects = []
        if number % 60 == 0:
            self.vitals.audit_at = self.clock.boottime()
            effects += self.accounts.heard(Audited("main/poller", 1, "main", repaired, 0))
        return effects + self.accounts.overdue()


def test_an_idle_account_is_live_all_day_and_nobody_is_told_anything() -> None:
    day = Day()
    assert [effect for number in range(1, DAY) for effect in day.second(number)] == []
    assert (day.state, day.accounts.state("main").warnings) == ("live", ())


def test_a_mute_one_is_found_by_its_second_audit_however_many_pongs_come() -> None:
    day = Day()
    for number in range(1, 120):
        day.second(number, repaired=1)
        assert day.state == "live"
    day.second(120, repaired=1)
    assert day.state == "stale"


def test_pongs_that_end_are_told_within_two_periods_although_audits_go_on() -> None:
    day = Day()
    told = next(
        number
        for number in range(1, DAY)
        if day.second(number, pongs=False) == [] and day.accounts.state("main").warnings
    )
    assert HEARTBEAT < told <= 2 * HEARTBEAT
