"""The page of all settings is what the schema, the dialects and the table of older names say."""

import re
from typing import Any, get_args

from core.settings_schema import AccountSettings, Backoff, Settings
from exchanges.registry import REGISTRY
from host.older_names import OLDER_NAMES
from tests.docs.generated import DOCS, checked

PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "settings.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, list[str]]:
    """The table behind a heading: its first cells, bare, and the others."""
    _, _, section = PAGE.partition(f"\n## {title}\n")
    lines = [line.strip("| ").split(" | ") for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]  # fmt: skip
    return {cells[0].strip("`"): cells[1:] for cells in lines[2:]}


def test_the_committed_page_is_what_the_schema_says() -> None:
    assert checked("configuration.py") is None


def test_every_table_of_the_file_is_there_with_every_key_in_its_order() -> None:
    for name, field in Settings.model_fields.items():
        table: Any = AccountSettings if name == "accounts" else field.annotation
        title = "`[accounts.NAME]`" if name == "accounts" else f"`[{name}]`"
        assert list(rows(title)) == list(table.model_fields)
    assert list(rows("`[accounts.NAME.backoff]`")) == list(Backoff.model_fields)


def test_a_default_is_shown_as_it_would_be_written_into_the_file() -> None:
    account, trader = rows("`[accounts.NAME]`"), rows("`[trader]`")
    assert [account[key][1] for key in ("exchange", "enabled", "symbols", "rotate_after", "rest_url")] == [
        "required",
        "`true`",
        "`[]`",
        "`82800`",
        '`""`',
    ]
    assert (trader["min_profit"][1], trader["max_open_orders"][:2]) == (
        '`"0.003"`',
        ["whole number, 1 to 1000", "`10`"],
    )


def test_what_an_exchange_has_for_itself_is_its_dialects() -> None:
    own = rows("Exchanges")
    for at, exchange in enumerate(REGISTRY.values()):
        defaults = exchange.defaults
        assert own["heartbeat"][at] == f"`{defaults.heartbeat:g}`"
        assert own["rest_url"][at] == f"`{defaults.endpoints.rest}`"
        if defaults.heartbeat != AccountSettings.model_fields["heartbeat"].default:
            assert f"{exchange.name} `{defaults.heartbeat:g}`" in rows("`[accounts.NAME]`")["heartbeat"][1]


def test_every_older_name_is_there_with_what_became_of_it() -> None:
    there = rows("Names of older deployments")
    assert list(there) == list(OLDER_NAMES)
    for name, older in OLDER_NAMES.items():
        assert (".".join(older.key) if older.key else "no effect") in there[name][0]


def test_the_words_that_a_key_takes_are_all_of_them() -> None:
    stream = AccountSettings.model_fields["user_stream"].annotation
    assert re.findall(r"`(\w+)`", rows("`[accounts.NAME]`")["user_stream"][0]) == list(get_args(stream))


def test_no_key_has_a_second_table_in_the_guide() -> None:
    """What is said twice is wrong in one of two places, one day."""
    assert not re.search(r"^\| `\w+`(?: `\w+`)* \| `", GUIDE, re.MULTILINE)
