"""What is where: the routes, and what every answer bears.

The door and the keys are asked before any route; whatever answers, refusals too, goes
out with the same headers. Static files, the health of the process and the login need no
key: they tell nothing of any account.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control.services import Services
from web.api import REFUSALS, Api, refused, told
from web.desk import Desk
from web.door import Door, Refusal
from web.events import Events
from web.hub import Hub
from web.keys import Keys
from web.login import Login
from web.metrics import CONTENT_TYPE, exposition

log = structlog.get_logger()

STATIC = Path(__file__).with_name("static")
PAGES = frozenset({"/", "/login"})
OPEN = frozenset({"/login", "/healthz", "/readyz"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def build(services: Services, hub: Hub, desk: Desk, door: Door, keys: Keys) -> ASGIApp:
    """The whole site."""
    api, events, login = Api(services, desk, services.clock), Events(services, hub, desk), Login(keys)
    routes: list[BaseRoute] = [
        Route("/", _page),
        Route("/login", login.form),
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
        Route("/healthz", _alive),
        Route("/readyz", _readiness(services)),
        Route("/metrics", _metrics(services, desk)),
        Route("/events", events.answer),
        Route("/api/{word}", api.get, methods=["GET"]),
        Route("/api/{word}", api.post, methods=["POST"]),
    ]
    if STATIC.is_dir():
        routes.append(Mount("/static", StaticFiles(directory=STATIC)))
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = dict.fromkeys(
        REFUSALS, _refuse
    )
    app = Starlette(routes=routes, exception_handlers={**handlers, HTTPException: _http, Exception: _bug})
    return Guarded(app, door, keys)


class Guarded:
    """The door, the keys and the headers round everything."""

    def __init__(self, app: ASGIApp, door: Door, keys: Keys) -> None:
        self._app = app
        self._door = door
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _dressed(message.get("headers", []))
            await send(message)

        answer = self._refusal(Request(scope)) or self._app
        try:
            await answer(scope, receive, dressed)
        except Exception as bug:
            log.error("web_answer_failed", path=scope["path"], error=type(bug).__name__, exc_info=bug)

    def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"]  # what is routed by, whatever the request calls us
        try:
            self._door.check(request.method, request.headers, is_page=path in PAGES)
            if path in OPEN or path.startswith("/static/"):
                return None
            who = request.client.host if request.client else ""
            authorization, cookies = request.headers.get("authorization"), request.headers.get("cookie")
            if self._keys.admits(authorization, cookies, who):
                return None
        except Refusal as refusal:
            return refused(refusal)
        if path in PAGES:
            return RedirectResponse("/login", 303)
        response = refused(Refusal(401, "a token is needed: log in at /login, or send it as a bearer"))
        response.headers["WWW-Authenticate"] = 'Bearer realm="vigil"'
        return response


def _dressed(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What an answer says of itself wins."""
    own = {name.lower() for name, _ in headers}
    more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in own]
    return [*headers, *more]


async def _page(_request: Request) -> Response:
    page = STATIC / "index.html"
    if not page.is_file():
        return PlainTextResponse("there is no page in this installation; the API is under /api/", 404)
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


async def _alive(_request: Request) -> Response:
    """The process is there and its server answers; nothing more."""
    return told({"alive": True})


def _readiness(services: Services) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_request: Request) -> Response:
        state = services.status()["state"]
        return told({"state": state}, 200 if state == "ok" else 503)

    return ready


def _metrics(services: Services, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    """What Prometheus scrapes (web.metrics)."""

    async def metrics(_request: Request) -> Response:
        text: bytes = await desk.read(lambda _reader: exposition(services))
        return Response(text, media_type=CONTENT_TYPE)

    return metrics


async def _refuse(_request: Request, error: Exception) -> Response:
    return refused(error)


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown path, a method that is not served."""
    assert isinstance(error, HTTPException)
    text = {404: f"there is nothing at {request.scope['path'][:100]!r}", 405: "not by this method"}
    response = refused(Refusal(error.status_code, text.get(error.status_code, error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _bug(_request: Request, error: Exception) -> Response:
    """Told without its inside; the log hears of it where it arrives."""
    return told({"error": f"internal error ({type(error).__name__}): the daemon's log has the details"}, 500)
