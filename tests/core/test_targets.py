"""What a person means by a target."""

import pytest

from core.status import AccountStatus, ChildStatus, GroupStatus, Snapshot
from core.targets import MANY, UnknownTarget, account_of, resolve, targets


def snapshot() -> Snapshot:
    children = {
        "core": ("core/persistence", "core/control"),
        "main.stream": ("main/connection", "main/keepalive"),
        "main.poller": ("main/poller",),
        "demo.stream": ("demo/connection", "demo/keepalive"),
        "demo.poller": ("demo/poller",),
        "trading": ("trading/trader",),
    }
    return Snapshot(
        state="running",
        children=tuple(
            ChildStatus(child, group, "running", 1, 0) for group, ids in children.items() for child in ids
        ),
        groups=tuple(GroupStatus(group, "closed", 0) for group in children),
        accounts=(AccountStatus("main", "bybit", "live", 0), AccountStatus("demo", "binance", "live", 0)),
    )


@pytest.mark.parametrize("target", ["main", "main.stream", "main/poller", "core", "trading", "core/control"])
def test_an_exact_id_means_itself(target: str) -> None:
    assert resolve(target, snapshot()) == target


@pytest.mark.parametrize(
    ("target", "meant"),
    [("persistence", "core/persistence"), ("control", "core/control"), ("trader", "trading/trader")],
)
def test_the_last_part_is_enough_where_it_names_one_thing(target: str, meant: str) -> None:
    assert resolve(target, snapshot()) == meant


def test_a_last_part_that_names_several_is_refused_and_lists_them() -> None:
    with pytest.raises(UnknownTarget, match=r"'connection' may be main/connection, demo/connection"):
        resolve("connection", snapshot())


def test_a_poller_may_be_a_group_or_a_child_of_any_account() -> None:
    with pytest.raises(UnknownTarget, match=r"main\.poller, demo\.poller, main/poller, demo/poller"):
        resolve("poller", snapshot())


@pytest.mark.parametrize(
    ("target", "hint"),
    [("mian", "main"), ("main/conection", "main/connection"), ("persistance", "persistence")],
)
def test_a_typing_error_is_answered_with_what_was_meant(target: str, hint: str) -> None:
    with pytest.raises(UnknownTarget, match=f"did you mean '{hint}'"):
        resolve(target, snapshot())


def test_what_is_like_nothing_is_answered_with_what_there_is_accounts_first() -> None:
    with pytest.raises(UnknownTarget, match=r"nothing is called 'zzz'; there are main, demo, core") as e:
        resolve("zzz", snapshot())
    more = len(targets(snapshot())) - MANY
    assert str(e.value).endswith(f" and {more} more: `actors` lists them")


def test_before_anything_was_published_there_is_nothing_to_name() -> None:
    with pytest.raises(UnknownTarget, match="none yet"):
        resolve("main", Snapshot(state="starting"))


@pytest.mark.parametrize(
    ("target", "account"),
    [
        ("main", "main"),
        ("main.stream", "main"),
        ("main/poller", "main"),
        ("core", None),
        ("core/control", None),
        ("trading", None),
    ],
)
def test_the_account_of_a_target(target: str, account: str | None) -> None:
    assert account_of(target, snapshot()) == account


def test_accounts_come_before_groups_and_groups_before_children() -> None:
    named = targets(snapshot())
    assert named.index("demo") < named.index("core") < named.index("core/persistence")
