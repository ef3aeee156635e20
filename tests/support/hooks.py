"""A real server on loopback that takes alerts, or does not."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.support.waiting import eventually

SECRET = "s3cret/with@odd:signs"
QUOTED = "s3cret%2Fwith%40odd%3Asigns"


class Post(NamedTuple):
    """One request: where to, with what."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class Hook:
    """`with Hook() as hook:` listens; `answer` decides about each post (its status, or a wait first)."""

    def __init__(self, answer: Callable[[Post], int] = lambda _post: 204) -> None:
        self.answer = answer
        self.posts: list[Post] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                post = Post(self.path, dict(self.headers.items()), body)
                hook.posts.append(post)
                try:
                    self.send_response(hook.answer(post))
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:  # nobody waited for it
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address that vigil is given."""
        return f"webhook+http://:{QUOTED}@127.0.0.1:{self.port}/hook/Tok3nInThePath"

    @property
    def apprise_url(self) -> str:
        return f"json://127.0.0.1:{self.port}/apprise/Tok3nInThePath"

    @property
    def events(self) -> list[tuple[str, str]]:
        """(event, key) of all posts so far, those within digests too."""
        return [
            (one["event"], one["key"])
            for post in list(self.posts)
            for one in post.document.get("incidents", [post.document])
        ]

    def until(self, count: int, within: float = 30.0) -> list[Post]:
        """Wait until there were so many posts; all of them."""
        eventually(lambda: len(self.posts) >= count, within=within, what=f"{count} posts, not {self.events}")
        return self.posts

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
