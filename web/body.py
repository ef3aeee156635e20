"""What a request brings along: so much of it, in such a time, and no more."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from web.door import Refusal

WITHIN = 10.0  # seconds


async def read_body(request: Request, most: int) -> bytes:
    """The whole body; Refusal where it is longer than `most`, or is not finished in time."""
    body = b""
    try:
        async with asyncio.timeout(WITHIN):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise Refusal(413, f"what is sent here holds {most} bytes at most")
    except (ClientDisconnect, TimeoutError):
        raise Refusal(400, f"the request was not finished within {WITHIN:g} s") from None
    return body
