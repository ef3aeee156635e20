"""Who may speak to this server at all: the Host and the Origin of a request.

Three rules, before any question of a login:

* A request names us by an address, by `localhost`, by the name that we listen on, or
  (where others may come) by this machine's own name. Any other name was brought by a
  page that had it resolved to our address (DNS rebinding). An address that is written
  out cannot be rebound.
* An Origin is ours, that is what the request itself calls us, or there is none.
* A browser that says that another site asked is refused (`Sec-Fetch-Site`), except
  for walking to the page itself.

Pure: headers in, a refusal or nothing out.
"""

from collections.abc import Mapping
from ipaddress import ip_address

SAFE = frozenset({"GET", "HEAD"})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN_SITE = frozenset({"same-origin", "none"})


class Refusal(Exception):
    """What is answered instead; `status` is that of HTTP."""

    def __init__(self, status: int, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class Door:
    """Of one listener: `host` is what it listens on, `names` what this machine is called."""

    def __init__(self, host: str, *, is_loopback: bool, names: frozenset[str] = frozenset()) -> None:
        self._is_loopback = is_loopback
        self._names = _LOCAL | {host.lower()} | (frozenset() if is_loopback else names)

    def check(self, method: str, headers: Mapping[str, str], *, is_page: bool) -> None:
        """Nothing, or Refusal. `is_page`: what a link from another site may lead to."""
        host = headers.get("host", "")
        if not self._knows(_name(host)):
            raise Refusal(421, "this Host is not served here: use the address that vigil listens on")
        origin = headers.get("origin")
        if origin is not None and not _is_same(origin, host):
            raise Refusal(403, "this Origin is not ours")
        site = headers.get("sec-fetch-site", "none")
        if site not in _OWN_SITE and not (is_page and method in SAFE):
            raise Refusal(403, "asked for by another site")

    def _knows(self, name: str) -> bool:
        return name in self._names or (not self._is_loopback and _is_address(name))


def _name(host: str) -> str:
    """Of `name:port` or `[address]:port`, the name."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_same(origin: str, host: str) -> bool:
    return origin.lower() in {f"http://{host.lower()}", f"https://{host.lower()}"}
