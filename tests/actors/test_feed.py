"""Word of the newest committed row."""

import threading

from actors.feed import Feed


def test_what_was_published_already_is_not_waited_for() -> None:
    feed = Feed()
    feed.publish(3)
    assert (feed.sequence, feed.wait(2, 10)) == (3, 3)


def test_a_follower_is_woken_by_what_is_newer() -> None:
    feed = Feed()
    heard = []
    follower = threading.Thread(target=lambda: heard.append(feed.wait(3, 10)))
    follower.start()
    feed.publish(3)
    feed.publish(4)
    follower.join(10)
    assert heard == [4]


def test_after_its_patience_a_follower_goes_on() -> None:
    assert Feed().wait(0, 0.01) == 0


def test_a_sequence_never_falls() -> None:
    feed = Feed()
    feed.publish(5)
    feed.publish(4)
    assert feed.sequence == 5


def test_who_follows_hears_of_what_is_newer_and_of_nothing_else() -> None:
    feed = Feed()
    heard: list[int] = []
    feed.follow("main", lambda: heard.append(feed.sequence))
    for sequence in (3, 3, 2, 4):
        feed.publish(sequence)
    assert heard == [3, 4]


def test_the_next_generation_follows_in_the_place_of_the_one_before() -> None:
    feed = Feed()
    heard: list[str] = []
    feed.follow("main", lambda: heard.append("first"))
    feed.follow("main", lambda: heard.append("second"))
    feed.publish(1)
    assert heard == ["second"]
