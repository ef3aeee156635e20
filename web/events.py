"""`/events`: one listener's stream, written as fast as he takes it.

The first event is `hello`; after it come facts where he left off, and whatever else
is new. Resuming is by the id of the last event that he saw (`Last-Event-ID`, which a
browser sends by itself, or `?after=`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from control.services import Services
from core.errors import DatabaseProblem
from web.desk import Desk
from web.door import Refusal
from web.hub import FAR_BEHIND, Closed, Facts, Full, Hub, Listener, event
from web.tail import PAGE, page_event

PING = 15.0  # seconds of silence, after which a comment shows that the line is alive
TYPE = "text/event-stream"
AGAIN = 2_000  # milliseconds until a browser connects again
_PING = b": ping\n\n"
_TROUBLE = 1.0  # seconds until a journal that could not be read is tried again


class Stream(StreamingResponse):
    """Whatever ends it, be it before its first event, `leave` is called."""

    def __init__(self, pieces: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(pieces, media_type=TYPE, headers={"X-Accel-Buffering": "no"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


class Events:
    """The endpoint."""

    def __init__(self, services: Services, hub: Hub, desk: Desk) -> None:
        self._services = services
        self._hub = hub
        self._desk = desk

    async def answer(self, request: Request) -> Response:
        """The stream; Refusal where the place to resume is none, or too many listen."""
        after = _place(request.headers.get("last-event-id") or request.query_params.get("after"))
        if request.method == "HEAD":
            return Response(media_type=TYPE)
        try:
            listener = self._hub.join(after, is_foreign=after is not None and self._is_foreign(after))
        except Full:
            raise Refusal(503, f"{len(self._hub)} listen to events already", retry_after=5) from None
        except Closed:
            raise Refusal(503, "the daemon is stopping") from None
        return Stream(self._stream(listener), partial(self._hub.leave, listener))

    def _is_foreign(self, after: int) -> bool:
        """Whether a place lies beyond all that is committed; what the tail has still to read does not."""
        return after > self._hub.position and after > self._services.status()["ledger"]["sequence"]

    async def _stream(self, listener: Listener) -> AsyncIterator[bytes]:
        yield self._hello(listener)
        while not self._hub.is_closed:
            listener.woken.clear()
            if piece := await self._facts(listener) + _rest(listener):
                yield piece
                continue
            try:
                async with asyncio.timeout(PING):  # wait_for would make a task of each wait
                    await listener.woken.wait()
            except TimeoutError:
                yield _PING

    def _hello(self, listener: Listener) -> bytes:
        services = self._services
        told = {
            "version": services.version,
            "boot": services.boot,
            "sequence": self._hub.position,
            "now": services.clock.wall_ms(),
        }
        return f"retry: {AGAIN}\n".encode() + event("hello", told, at=listener.sent)

    async def _facts(self, listener: Listener) -> bytes:
        """The next of the journal that he is owed; nothing where he has it all."""
        behind = self._hub.position - listener.sent
        if listener.has_missed or behind > FAR_BEHIND:
            return self._skip(listener)
        if behind <= 0:
            return b""
        facts = _next(listener) or await self._read(listener)
        listener.sent = facts.last
        return facts.event

    def _skip(self, listener: Listener) -> bytes:
        """He is told what he does not get: too much, or from a place that this ledger does not know."""
        told = {"from": listener.sent, "to": self._hub.position}
        listener.sent = self._hub.position
        listener.has_missed = False
        listener.owed.clear()
        return event("skipped", told, at=listener.sent)

    async def _read(self, listener: Listener) -> Facts:
        """The next rows for him alone, none beyond where the tail is; none where they cannot be had now."""
        after, until = listener.sent, self._hub.position
        try:
            return await self._desk.read(lambda reader: _page(reader.journal, after, until))
        except DatabaseProblem:
            await asyncio.sleep(_TROUBLE)
            return Facts(after, after)


def _rest(listener: Listener) -> bytes:
    """Incidents, and the newest of what has only a newest."""
    waiting = [*listener.incidents, *listener.states.values()]
    listener.incidents.clear()
    listener.states.clear()
    return b"".join(waiting)


def _next(listener: Listener) -> Facts | None:
    """What was read for all, where it begins at his place."""
    while listener.owed and listener.owed[0].after < listener.sent:
        listener.owed.popleft()
    if listener.owed and listener.owed[0].after == listener.sent and listener.owed[0].event:
        return listener.owed.popleft()
    return None


def _page(journal: Callable[..., list[dict[str, Any]]], after: int, until: int) -> Facts:
    rows = [row for row in journal(after=after, limit=PAGE) if row["seq"] <= until]
    return Facts(after, rows[-1]["seq"], page_event(rows)) if rows else Facts(after, until)


def _place(told: str | None) -> int | None:
    if told is None or told == "":
        return None
    if told.isascii() and told.isdigit() and len(told) < 19:
        return int(told)
    raise Refusal(400, "'after' is the id of an event: an integer from 0")
