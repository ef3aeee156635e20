"""What an operator does on the page: each order is asked back, and its outcome shown."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.served import Site, account, site, until_state
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("operating"), {"main": {}, "spare": {}}) as here:
        yield here


def press(page: Page, word: str, name: str = "main") -> Locator:
    """The dialog that asks back."""
    account(page, name).get_by_role("button", name=word).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def test_nothing_is_done_unless_it_is_confirmed(here: Site, page: Page) -> None:
    here.show(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    press(page, "Pause").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "POST" not in asked
    assert here.daemon.account("main")["state"] == "live"


def test_of_an_account_that_is_not_at_the_built_in_sandbox_nothing_can_be_broken(
    here: Site, page: Page
) -> None:
    here.show(page)
    expect(account(page).get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function("import('/static/js/store.js').then((store) => store.choices.value.length > 0)")
    expect(page.get_by_role("button", name="Break it")).to_have_count(0)


def test_an_account_is_reconciled(here: Site, page: Page) -> None:
    here.show(page)
    dialog = press(page, "Reconcile")
    expect(dialog).to_contain_text("main")
    dialog.get_by_role("button", name="Reconcile").click()
    expect(page.get_by_role("status")).to_contain_text("Reconcile of main is on its way")
    eventually(
        lambda: [str(row) for row in here.daemon.ask("history", kind="actor", key="daemon")],
        lambda rows: any("reconcile" in row and "main" in row and "web" in row for row in rows),
        what="a recorded command",
    )


def test_an_account_is_paused_and_resumed(here: Site, page: Page) -> None:
    here.show(page)
    press(page, "Pause").get_by_role("button", name="Pause").click()
    until_state(page, "paused")
    assert here.daemon.account("main")["state"] == "paused"
    press(page, "Resume").get_by_role("button", name="Resume").click()
    until_state(page, "live")


def test_what_the_daemon_refuses_is_said_in_the_dialog(here: Site, page: Page) -> None:
    here.show(page)
    page.route(
        "**/api/restart",
        lambda route: route.fulfill(status=429, json={"error": "too many commands: wait 7 s"}),
    )
    dialog = press(page, "Restart")
    dialog.get_by_role("button", name="Restart").click()
    expect(dialog.get_by_role("alert")).to_have_text("too many commands: wait 7 s")
    expect(dialog.get_by_role("button", name="Try again")).to_be_enabled()


def test_a_refused_key_says_what_to_do_and_is_tried_again_at_a_reset(here: Site, page: Page) -> None:
    here.show(page)
    here.admin.fault("auth_revoked", account="spare")
    until_state(page, "held", "spare")
    reason = here.daemon.account("spare")["held_reason"]
    expect(account(page, "spare").locator(".held")).to_contain_text(reason)
    here.admin.clear()
    press(page, "Reset", "spare").get_by_role("button", name="Reset").click()
    until_state(page, "live", "spare")


def test_an_incident_appears_and_is_acknowledged(here: Site, page: Page) -> None:
    here.show(page)
    here.admin.fault("gone")
    here.admin.fault("drop", account="spare")
    incident = page.locator("#incidents li:not(.over)", has_text="protocol changed")
    expect(incident).to_contain_text("spare")
    expect(incident.locator(".severity")).to_be_visible()
    expect(page.get_by_role("link", name="1 incident")).to_be_visible()
    incident.get_by_role("button", name="Acknowledge").click()
    expect(incident).to_contain_text("acknowledged")
    expect(incident.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link", name="1 incident")).to_have_count(0)
    told = here.daemon.ask("incidents", account="spare")
    (row,) = [one for one in told if one["kind"] == "protocol_changed"]
    assert row["acknowledged_at"] is not None


def test_a_question_that_fails_is_told_where_its_answer_would_stand_and_asked_again(
    here: Site, page: Page
) -> None:
    here.show(page)
    shown = page.locator("#balances tbody tr")
    expect(shown.first).to_be_visible()
    refuse = lambda route: route.fulfill(status=503, json={"error": "the database is not to be had"})  # noqa: E731
    page.route("**/api/balances*", refuse)
    page.evaluate("void import('/static/js/live.js').then((live) => live.askAgain())")
    trouble = page.locator("#balances .trouble")
    expect(trouble).to_contain_text("Not up to date: the database is not to be had")
    expect(shown.first).to_be_visible()
    page.unroute("**/api/balances*")
    trouble.get_by_role("button", name="Ask again").click()
    expect(trouble).to_have_count(0)


def test_whoever_is_told_that_he_missed_something_asks_everything_anew(here: Site, page: Page) -> None:
    """Incidents too: it may be those that he did not take."""
    hello = {"version": "1", "boot": "b", "sequence": 5, "now": 1}
    body = f"event: hello\nid: 5\ndata: {json.dumps(hello)}\n\nevent: skipped\nid: 9\ndata: {{}}\n\n"
    greetings = iter([True])

    def answer(route: Route) -> None:
        if next(greetings, False):
            route.fulfill(body=body, content_type="text/event-stream")
        else:
            route.abort()

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/incidents" in request.url else None)
    page.route("**/events*", answer)
    page.goto(here.daemon.url)
    eventually(lambda: page.title() and len(asked), lambda count: count == 4, what="both questions, twice")


def test_an_open_incident_is_shown_however_many_came_after_it(here: Site, page: Page) -> None:
    old = {"id": 900_000, "key": "k", "kind": "very_old", "severity": "warning", "text": "still so", "account": "main",
           "opened_at": 5, "seen_at": 5, "count": 1, "resolved_at": None, "acknowledged_at": None}  # fmt: skip
    newer = [
        {**old, "id": 900_000 + n, "kind": "newer", "seen_at": n, "resolved_at": n} for n in range(10, 210)
    ]
    page.route(
        "**/api/incidents*",
        lambda route: route.fulfill(json=[old] if "open=true" in route.request.url else newer),
    )
    here.show(page)
    expect(page.locator("#incidents li:not(.over)", has_text="very old")).to_be_visible()


def test_a_view_that_could_not_be_taken_in_once_is_taken_in_the_next_time(here: Site, page: Page) -> None:
    here.show(page)
    again = "import('/static/js/live.js').then((live) => live.refresh()).then(() => 'fine', () => 'failed')"
    page.route("**/api/fills*", lambda route: route.fulfill(json={"no": "rows"}))
    assert page.evaluate(again) == "failed"
    page.unroute("**/api/fills*")
    assert page.evaluate(again) == "fine"
