"""What stands round every answer: health, headers, static files, and the login."""

from urllib.parse import urlencode

import pytest

import web.app
from tests.control.kit import STATUS, degraded
from tests.web.kit import TOKEN, Answer, Site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def log_in(site: Site, token: str, **headers: str) -> Answer:
    return site.ask("POST", "/login", {**FORM, **headers}, urlencode({"token": token}))


def test_the_process_answers_for_its_health(site: Site) -> None:
    assert (site.get("/healthz").status, site.get("/healthz").json) == (200, {"alive": True})


def test_it_is_ready_exactly_when_the_state_is_ok(site: Site) -> None:
    assert (site.get("/readyz").status, site.get("/readyz").json) == (200, {"state": "ok"})
    site.daemon.status = degraded()
    assert (site.get("/readyz").status, site.get("/readyz").json) == (503, {"state": "degraded"})


@pytest.mark.parametrize("path", ["/", "/api/status", "/healthz", "/nothing", "/login", "/api/fills?limit=x"])
def test_every_answer_forbids_what_is_not_ours(site: Site, path: str) -> None:
    headers = site.get(path).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


def test_refusals_bear_the_same_headers(site: Site) -> None:
    refused = site.get("/api/status", Host="evil.example")
    assert refused.status == 421
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_no_answer_of_the_api_is_kept(site: Site) -> None:
    assert site.get("/api/status").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"]
)
def test_nothing_beside_the_static_files_is_served(site: Site, path: str) -> None:
    assert site.get(path).status == 404


def test_metrics_are_answered_in_the_format_of_prometheus(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = site.get("/metrics")
    assert answer.status == 200
    assert b'vigil_account_state{account="main",state="live"} 1.0' in answer.body


def test_nobody_without_the_token_sees_anything(locked: Site) -> None:
    for path in ("/api/status", "/api/fills", "/events", "/metrics", "/nothing"):
        answer = locked.get(path)
        assert answer.status == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert set(answer.json) == {"error"}
    assert locked.ask("POST", "/api/stop", {"X-Vigil-Action": "1"}, "{}").status == 401
    assert locked.daemon.told == []


@pytest.mark.parametrize(
    "host", ["localhost:1/static/", "localhost:1/login?", "127.0.0.1:80/healthz#", "localhost:1?"]
)
def test_no_host_makes_a_path_look_like_one_that_is_open(locked: Site, host: str) -> None:
    assert locked.ask("GET", "/api/status", {"Host": host}).status in (400, 401, 421)


def test_the_page_leads_to_the_login(locked: Site) -> None:
    answer = locked.get("/")
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    form = locked.get("/login")
    assert (form.status, b'action="/login"' in form.body) == (200, True)
    assert form.headers["Referrer-Policy"] == "same-origin", "else the form comes with `Origin: null`"


def test_health_is_told_without_a_token(locked: Site) -> None:
    assert locked.get("/healthz").status == 200
    assert locked.get("/readyz").json == {"state": "ok"}


def test_a_bearer_is_let_in(locked: Site) -> None:
    assert locked.get("/api/status", Authorization=f"Bearer {TOKEN}").json == STATUS
    assert locked.get("/api/status", Authorization="Bearer wrong").status == 401


def test_the_form_is_exchanged_for_a_cookie_that_lets_in(locked: Site) -> None:
    host = ":".join(map(str, locked.place))
    answer = log_in(locked, TOKEN, Origin=f"http://{host}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert locked.get("/api/status", Cookie=cookie.partition(";")[0]).status == 200


def test_a_wrong_token_is_refused_and_the_sixth_is_not_looked_at(locked: Site) -> None:
    for _ in range(5):
        answer = log_in(locked, "wrong")
        assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)
    answer = log_in(locked, TOKEN)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert locked.get("/api/status", Authorization=f"Bearer {TOKEN}").status == 429


def test_another_site_cannot_log_a_browser_in(locked: Site) -> None:
    assert log_in(locked, TOKEN, Origin="http://evil.example").status == 403


def test_a_form_that_is_too_long_is_refused(locked: Site) -> None:
    assert log_in(locked, "x" * 5000).status == 413


def test_who_leaves_is_made_to_forget(locked: Site) -> None:
    answer = locked.ask("POST", "/logout", {"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 303
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


def test_where_no_token_is_needed_there_is_no_login(site: Site) -> None:
    assert site.get("/login").headers["Location"] == "/"
    assert "Set-Cookie" not in log_in(site, "").headers


def test_the_page_is_served_with_its_files(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("static")
    (home / "index.html").write_text("<!doctype html>")
    monkeypatch.setattr(web.app, "STATIC", home)
    answer = site.get("/")
    assert (answer.status, answer.body) == (200, b"<!doctype html>")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Cache-Control"] == "no-cache"
