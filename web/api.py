"""`/api/WORD`: the vocabulary over HTTP.

The very functions that answer the control socket answer here, so a word cannot mean
something else. This file decides only how HTTP says it: reads are GET with parameters in
the query, operations are POST with a JSON object, a mistake is 400 in the socket's own
words, and what only a person on our own page may have sent is asked for once more: a
header that no foreign page can add without our leave.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from control.answers import answer
from control.audit import Audit
from control.reload import Reload
from control.services import Services
from control.words import Mistake, Unavailable, UnknownWord, Word, find
from core.clock import Clock
from core.errors import DatabaseProblem
from web.body import read_body
from web.desk import Desk
from web.door import Refusal
from web.keys import Limiter

ACTION = "x-vigil-action"
_MOST_BODY = 16_384
_ACTIONS_A_MINUTE = 60
_MOST_SLOW = 4
_SLOW = frozenset({"alerts", "fault"})  # they ask somebody else; so do audit and reload, by what they answer
_BY_EVENTS = frozenset({"tail"})

Method = Literal["GET", "POST"]


class Api:
    """Answers for every word but `tail`, which is `/events` here."""

    def __init__(self, services: Services, desk: Desk, clock: Clock) -> None:
        self._services = replace(services, front="web")
        self._desk = desk
        self._actions = Limiter(clock, _ACTIONS_A_MINUTE, _ACTIONS_A_MINUTE)
        self._slow = 0

    async def get(self, request: Request) -> Response:
        """A read. Raises Refusal, and what `answer` raises."""
        word = self._word(request, "read")
        return told(await self._answer(request, word, _from_query(word, request)))

    async def post(self, request: Request) -> Response:
        """An operation."""
        word = self._word(request, "operate")
        _must_be_ours(request)
        given = await _from_body(request)
        if wait := self._actions.wait(word.name):
            raise Refusal(429, f"too many commands: wait {wait} s", retry_after=wait)
        self._actions.count(word.name)
        return told(await self._answer(request, word, given))

    def _word(self, request: Request, kind: Literal["read", "operate"]) -> Word:
        word = find(request.path_params["word"])
        if word.name in _BY_EVENTS:
            raise Refusal(404, f"{word.name} has no end: over HTTP it is /events")
        if word.kind != kind:
            raise Refusal(405, f"{word.name} is asked for by {'GET' if word.kind == 'read' else 'POST'}")
        return word

    async def _answer(self, request: Request, word: Word, given: dict[str, Any]) -> Any:
        if word.name in _SLOW:
            ask = partial(answer, self._services, self._services.reader, word.name, given)
            return await self._wait(request, lambda _is_heard: ask())
        result = await self._desk.read(
            lambda reader: answer(self._services, lambda: reader, word.name, given)
        )
        return await self._wait(request, result.wait) if isinstance(result, Audit | Reload) else result

    async def _wait(self, request: Request, work: Callable[[Callable[[], bool]], Any]) -> Any:
        """An audit takes minutes, others seconds: they wait apart, so many of them, while somebody hears them."""
        if self._slow >= _MOST_SLOW:
            raise Refusal(429, f"{_MOST_SLOW} slow questions are under way: wait for one", retry_after=10)
        self._slow += 1
        gone = asyncio.Event()
        listening = asyncio.create_task(_until_gone(request, gone))
        try:
            return await self._desk.wait(lambda: work(lambda: not (gone.is_set() or self._desk.is_closed)))
        finally:
            gone.set()
            listening.cancel()
            self._slow -= 1


async def _until_gone(request: Request, gone: asyncio.Event) -> None:
    """The body has been read: what comes is that the one who asked has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


def told(document: Any, status: int = 200) -> Response:
    """One JSON document."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def refused(error: Exception) -> Response:
    """An error as HTTP says it."""
    headers = {}
    match error:
        case Refusal():
            status = error.status
            if error.retry_after is not None:
                headers["Retry-After"] = str(error.retry_after)
        case UnknownWord():
            status = 404
        case Mistake():
            status = 400
        case Unavailable() | DatabaseProblem():
            status = 503
        case _:
            raise error
    response = told({"error": str(error)}, status)
    response.headers.update(headers)
    return response


REFUSALS = (Refusal, Mistake, Unavailable, DatabaseProblem)


def _must_be_ours(request: Request) -> None:
    if request.headers.get(ACTION) != "1":
        raise Refusal(403, "a command needs the header X-Vigil-Action: 1, which no foreign page can send")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(400, "a command is a JSON object: Content-Type: application/json")


def _from_query(word: Word, request: Request) -> dict[str, Any]:
    """Texts, but for a row to go on behind, which is JSON; a parameter without a value was not given."""
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise Mistake(f"{word.name}: {name!r} is given twice")
        if value != "":
            given[name] = _row(word, name, value)
    return given


def _row(word: Word, name: str, value: str) -> Any:
    if not any(param.name == name and param.kind == "row" for param in word.params):
        return value
    try:
        return msgspec.json.decode(value)
    except ValueError:
        raise Mistake(f"{word.name}: {name!r} is a row of an earlier answer, as JSON") from None


async def _from_body(request: Request) -> dict[str, Any]:
    body = await read_body(request, _MOST_BODY)
    try:
        given = msgspec.json.decode(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"not JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refusal(400, "a command is a JSON object")
    return given
