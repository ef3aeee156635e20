"""S31 with threads: a letter that kills twice is quarantined, and the child works on."""

from core.errors import LinkError
from core.records import DeadLetter
from tests.support.actors import Raise
from tests.support.house import House, core, group


def test_poison_kills_two_generations_and_no_third() -> None:
    with House([core(), group("one", "one/child")], options={"carry": True}) as house:
        house.until_running("one/child")
        address = house.directory.address("one/child")
        address.tell(Raise(LinkError("poison")))
        house.noted("one/child", "became_ready", 3)
        [letter] = [record for record in house.records if isinstance(record, DeadLetter)]
        assert (letter.child, letter.gen) == ("one/child", 2)
        assert letter.message == "Raise(LinkError('poison'))"
        assert "poison" in letter.reason
        address.tell("healthy")
        house.puppet("one/child", 3).events.has_heard("healthy")
        assert ("one/child", 3, "died") not in house.history()
