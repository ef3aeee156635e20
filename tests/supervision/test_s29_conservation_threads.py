"""S29 with threads: under a storm of messages and crashes nothing is lost without trace."""

import threading

from core.errors import LinkError
from core.records import DeadLetter
from tests.support.actors import WITHIN, Raise
from tests.support.house import House, core, group


def test_told_is_handled_or_buried_while_the_supervisor_restarts_the_child() -> None:
    spec = group("one", "one/child", trip=1000, base=0.001, cap=0.001)
    with House([core(), spec], options={"carry": True, "mailbox": 100}) as house:
        house.until_running("one/child")
        address = house.directory.address("one/child")
        refused = []

        def send(sender: int) -> None:
            for n in range(1000):
                message = (sender, n) if n % 200 != 199 else Raise(LinkError("storm"))
                if not address.tell(message):
                    refused.append(message)

        senders = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(WITHIN)
        assert house.stop() == 0

        handled = [m for events in house.children.events["one/child"] for m in events.heard]
        buried = [record for record in house.records if isinstance(record, DeadLetter)]
        assert handled
        assert len(handled) == len(set(handled))
        assert len(handled) + len(buried) == 3000
        assert len(refused) <= len(buried)
