"""JSON-RPC 2.0 on lines: what counts as a request, and how an answer is written.

One line is one object. A batch is refused: whoever has several questions sends
several lines, and the answers come in the same order. Parameters are named. A
request without an id is a notification and is never answered, whatever becomes
of it; a line that is no request is always answered, with a null id where it
has none that could be read.

Knows no socket and no word.
"""

from typing import Any

import msgspec

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
UNAVAILABLE = -32000
FORBIDDEN = -32001

Id = str | int | float | None


class RpcError(Exception):
    """An error as it goes over the line; `id` is that of the request, where it could be read."""

    def __init__(self, code: int, message: str, *, id: Id = None) -> None:  # noqa: A002 - the protocol's own word
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


class Request(msgspec.Struct, frozen=True):
    """One call; `wants_answer` is False for a notification."""

    method: str
    params: dict[str, Any]
    id: Id
    wants_answer: bool


def parse(line: bytes) -> Request:
    """The request that a line holds; RpcError says why it holds none."""
    try:
        message = msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {error}") from None
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, "no batches: send one object per line")
    if not isinstance(message, dict):
        raise RpcError(INVALID_REQUEST, "a request is a JSON object")
    return _request(message)


def _request(message: dict[str, Any]) -> Request:
    given = message.get("id")
    if given is not None and (isinstance(given, bool) or not isinstance(given, str | int | float)):
        raise RpcError(INVALID_REQUEST, "'id' is a text, a number or null")
    if message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "'jsonrpc' is not \"2.0\"", id=given)
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "'method' is a text", id=given)
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "parameters are named: 'params' is an object", id=given)
    return Request(method, params, given, "id" in message)


def result_line(id: Id, result: Any) -> bytes:  # noqa: A002
    return _line({"jsonrpc": "2.0", "id": id, "result": result})


def error_line(error: RpcError) -> bytes:
    body = {"code": error.code, "message": error.message}
    return _line({"jsonrpc": "2.0", "id": error.id, "error": body})


def notification_line(method: str, params: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def _line(message: dict[str, Any]) -> bytes:
    """JSON escapes every newline inside a text, so the one at the end is the only one."""
    return msgspec.json.encode(message) + b"\n"
