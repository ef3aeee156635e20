"""The user socket: authentication, private channels, and orders over the socket.

`public/auth` comes once, before everything else. The un-suffixed channels cover
all instruments. `user.order`, `user.balance` and the positions begin with what
is so now; the others with a bare reply. Orders that were created here may be
tied to the connection: then its end, and every unsubscription, cancels them.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from sandbox.cryptocom import shapes
from sandbox.cryptocom.envelope import NOTHING, Asked, Json, accepted
from sandbox.cryptocom.errors import Refusal, invalid
from sandbox.cryptocom.session import ANSWERED, Session
from sandbox.websocket import WebSocket

if TYPE_CHECKING:
    from sandbox.cryptocom.site import CryptoCom
    from sandbox.keys import Credential

BY_INSTRUMENT = ("user.advance.order", "user.order", "user.trade")
WHOLE = ("user.balance", "user.positions", "user.position_balance", "user.account_risk", "user.transactions")
CONNECTION = {"scope": "CONNECTION"}


class UserSession(Session):
    """One socket of the user endpoint."""

    kind = "user"
    per_second = 150

    def __init__(self, site: "CryptoCom", peer: WebSocket) -> None:
        super().__init__(site, peer)
        self._owner: Credential | None = None
        self._created: set[int] = set()
        self.cancels_on_disconnect = False

    def closed(self) -> None:
        """The socket is gone, and perhaps its orders with it."""
        super().closed()
        self._site.outbox.sessions.discard(self)
        self._cancel_created()

    def _cancel_created(self) -> None:
        if self.cancels_on_disconnect:
            self._site.api.desk.cancel_open(self._created)

    # -- requests --------------------------------------------------------------------

    def _do(self, request: Asked) -> Any:
        if request.method == "public/auth":
            return self._authenticate(request)
        if self._owner is None or self._site.board.find("auth_revoked", self._site.name, self.account):
            raise Refusal(40101)
        if request.method == "subscribe":
            self._site.gate.permit(self._owner, "can_read")
        if not request.method.startswith("private/"):
            return super()._do(request)
        if request.id is None or request.nonce is None:
            raise Refusal(40003)
        return self._private(request, self._owner)

    def _authenticate(self, request: Asked) -> Any:
        if request.id is None:
            raise Refusal(40003)
        self._site.keys.note(self._site.name, request.api_key, "user public/auth")
        owner = self._site.gate.owner(request)
        late = self._site.board.take("late_auth", self._site.name, owner.account)
        if late is None:
            self._let_in(owner)
            return NOTHING
        if late.seconds is not None:
            asyncio.get_running_loop().call_later(late.seconds, self._let_in_late, owner, request)
        return ANSWERED

    def _let_in(self, owner: "Credential") -> None:
        self._owner, self.account = owner, owner.account

    def _let_in_late(self, owner: "Credential", request: Asked) -> None:
        self._let_in(owner)
        self.say(accepted(request))

    def _private(self, request: Asked, owner: "Credential") -> Any:
        match request.method:
            case "private/set-cancel-on-disconnect":
                if (request.params or {}).get("scope") != "CONNECTION":
                    raise invalid("scope")
                self.cancels_on_disconnect = True
                return CONNECTION
            case "private/get-cancel-on-disconnect":
                return CONNECTION if self.cancels_on_disconnect else {}
        endpoint = self._site.api.private.get(request.method)
        if endpoint is None or not endpoint.by_socket:
            raise Refusal(40002)
        result = endpoint.run(self._site.gate.call(owner, endpoint, request))
        if request.method.endswith("create-order"):
            self._created.add(self._site.venue.customs.order_number(result["order_id"]))
        return result

    def _unsubscribed(self) -> Any:
        self._cancel_created()
        return NOTHING

    # -- channels --------------------------------------------------------------------

    def offers(self, name: str) -> bool:
        """True for a private channel, of all instruments or of one that is listed."""
        topic, symbol = split(name)
        return topic in WHOLE + BY_INSTRUMENT and symbol in {None, *self._site.venue.market.instruments}

    def first(self, name: str) -> Json | None:
        """What is so now, for the channels that begin with it."""
        topic, symbol = split(name)
        history, account = self._site.api.history, self.account or ""
        rows: dict[str, Any] = {
            "user.order": lambda: [shapes.listed_order(one) for one in history.working(account, symbol)],
            "user.balance": lambda: [history.wallet.balance(account)],
            "user.positions": lambda: [
                history.wallet.pushed_position(one) for one in history.wallet.held(account)
            ],
            "user.position_balance": lambda: [history.wallet.position_balance(account)],
            "user.account_risk": lambda: [history.wallet.risk(account)],
        }
        return {"subscription": name, "channel": name, "data": rows[topic]()} if topic in rows else None

    def covers(self, topic: str, symbol: str | None) -> bool:
        """True when some subscription asks for it."""
        return topic in self.subscriptions or f"{topic}.{symbol}" in self.subscriptions

    def deliver(self, topic: str, symbol: str | None, rows: list[Json]) -> None:
        """Push rows of a topic to every subscription that covers them."""
        for name in (topic, f"{topic}.{symbol}"):
            if name not in self.subscriptions:
                continue
            result: Json = {"subscription": name, "channel": name if topic == "user.trade" else topic}
            if symbol is not None:
                result["instrument_name"] = symbol
            elif topic in ("user.balance", "user.account_risk"):
                result["account_id"] = shapes.account_id(self.account or "")
            self.push(result | {"data": rows})


def split(name: str) -> tuple[str, str | None]:
    """The topic of a channel and the instrument that it is narrowed to."""
    for topic in BY_INSTRUMENT:
        if name.startswith(topic + "."):
            return topic, name.removeprefix(topic + ".")
    return name, None
