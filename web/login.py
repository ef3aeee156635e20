"""The login: one field for the token, and the cookie that it is exchanged for.

A browser that follows `no-referrer` sends `Origin: null` with a form; this page alone
is therefore served with `same-origin`, so that the door can judge the form like
everything else.
"""

from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from web.body import read_body
from web.door import Refusal
from web.keys import Keys

_MOST_FORM = 4096
_FORM = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>vigil: log in</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/login.css">
<script src="/static/js/theme.js"></script>
<main>
<h1>vigil</h1>
<form method="post" action="/login">
<p role="alert">{complaint}</p>
<label for="token">Token (web.auth_token of the settings)</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button>
</form>
</main>
</html>
"""


class Login:
    """The endpoints."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def form(self, _request: Request) -> Response:
        """Whoever needs no token is sent on."""
        return _form("") if self._keys.are_needed else RedirectResponse("/", 303)

    async def enter(self, request: Request) -> Response:
        """A right token is exchanged for the cookie; anything else is the form again."""
        token = await _token(request)
        who = request.client.host if request.client else ""
        try:
            is_right = self._keys.try_token(token, who)
        except Refusal as refusal:
            answer = _form(str(refusal), refusal.status)
            answer.headers["Retry-After"] = str(refusal.retry_after)
            return answer
        if not is_right:
            return _form("This is not the token.", 401)
        return RedirectResponse("/", 303, headers={"Set-Cookie": self._keys.cookie()})

    async def leave(self, _request: Request) -> Response:
        return RedirectResponse("/login", 303, headers={"Set-Cookie": self._keys.no_cookie()})


def _form(complaint: str, status: int = 200) -> Response:
    return HTMLResponse(
        _FORM.format(complaint=escape(complaint)), status, headers={"Referrer-Policy": "same-origin"}
    )


async def _token(request: Request) -> str:
    body = await read_body(request, _MOST_FORM)
    return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
