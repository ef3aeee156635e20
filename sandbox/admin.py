"""The hand that moves the world: orders, money, faults, and the truth.

JSON over HTTP on a port of its own, on loopback, without authentication. A
body names an `account`, and its `exchange` where two exchanges have an account
of that name. What cannot be done is answered with 400 and `{"error": …}`.
The vocabulary is documented in docs/sandbox.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from sandbox import fate, truth
from sandbox.clock import monotonic
from sandbox.faults import LASTING, Board, Fault, parse_fault
from sandbox.venue import Refused, UnknownOrder, Venue
from sandbox.websocket import Heartbeat, Session, WebSocket
from sandbox.wire import Listener, Request, Response
from sandbox.world import Order, OrderRequest, key_of

Body = Mapping[str, Any]
BATCH = 20


class Dialect(Protocol):
    """What the admin needs of an exchange's site."""

    name: str
    venue: Venue
    heartbeat: Heartbeat
    listener: Listener

    def act(self, fault: Fault) -> None:
        """Do to the present connections what a fault says."""

    def state(self) -> dict[str, Any]:
        """What the site sees right now."""

    def reset_limits(self) -> None:
        """Forget every count and ban."""

    def tick(self) -> None:
        """A second has passed."""


def reply(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status=status, body=msgspec.json.encode(body))


class Admin:
    """The admin's site."""

    name = "admin"

    def __init__(
        self, sites: Mapping[str, Dialect], board: Board, reload: Callable[[], Awaitable[None]]
    ) -> None:
        self.heartbeat = Heartbeat()
        self._sites = sites
        self._board = board
        self._reload = reload
        self._posts: dict[str, Callable[[Body], Any | Awaitable[Any]]] = {
            "/place": self._place,
            "/fill": self._fill,
            "/cancel": lambda body: self._end(body, "cancel"),
            "/expire": lambda body: self._end(body, "expire"),
            "/reject": lambda body: self._end(body, "reject"),
            "/deposit": lambda body: self._cash(body, "deposit"),
            "/withdraw": lambda body: self._cash(body, "withdraw"),
            "/price": self._price,
            "/amend": self._amend,
            "/funding": self._funding,
            "/force": self._force,
            "/burst": self._burst,
            "/fault": self._fault,
            "/settings": self._settings,
            "/reload": self._reload_accounts,
        }
        self._gets: dict[str, Callable[[Body], Any]] = {
            "/truth": self._truth,
            "/state": self._state,
            "/faults": lambda _: [msgspec.to_builtins(one) for one in self._board],
            "/accounts": lambda _: [
                {"exchange": site.name, "account": name}
                for site in self._sites.values()
                for name in site.venue.accounts()
            ],
        }

    def admits(self, transport: str) -> bool:
        """The admin is always there."""
        del transport
        return True

    def websocket(self, request: Request, peer: WebSocket) -> Session | Response:
        """There is nothing to listen to."""
        del request, peer
        return reply({"error": "no WebSocket here"}, 404)

    async def http(self, request: Request) -> Response | None:
        """Do one thing."""
        table = self._posts if request.method == "POST" else self._gets
        action = table.get(request.path)
        if action is None:
            return reply({"error": f"no {request.method} {request.path}"}, 404)
        try:
            body: Body = msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
            result = action({**dict(parse_qsl(request.query)), **body})
            return reply(await result if asyncio.iscoroutine(result) else result)
        except (Refused, KeyError, ValueError, InvalidOperation, msgspec.DecodeError) as wrong:
            return reply({"error": f"{type(wrong).__name__}: {wrong}"}, 400)

    # -- the world ---------------------------------------------------------------

    def _site(self, body: Body) -> Dialect:
        """The exchange that the body means."""
        if "exchange" in body:
            return self._sites[body["exchange"]]
        account = body.get("account")
        fitting = [
            site for site in self._sites.values() if account is None or account in site.venue.accounts()
        ]
        if len(fitting) != 1:
            raise ValueError("say which exchange is meant")
        return fitting[0]

    def _venue(self, body: Body) -> Venue:
        return self._site(body).venue

    def _open(self, venue: Venue, body: Body) -> Order:
        order = venue.find_open(venue.customs.order_number(body["order_id"]))
        if body.get("account") not in (None, order.account):
            raise UnknownOrder(f"{body['order_id']} of {body['account']}")
        return order

    def _symbol(self, venue: Venue, body: Body) -> str:
        """The engine's symbol; `category` is spot where the body does not say."""
        symbol = key_of(body.get("category", "spot"), body["symbol"])
        if symbol not in venue.market.instruments:
            raise ValueError(f"no symbol {symbol}")
        return symbol

    def _place(self, body: Body) -> Any:
        venue = self._venue(body)

        def amount(name: str) -> Decimal:
            return Decimal(str(body.get(name) or 0))

        request = OrderRequest(
            symbol=self._symbol(venue, body),
            side=body["side"].lower(),
            type=body.get("type", "limit").lower(),
            time_in_force=body.get("time_in_force", "gtc").lower(),
            client_order_id=body.get("client_order_id", ""),
            price=amount("price"),
            stop_price=amount("stop_price"),
            quantity=amount("quantity"),
            quote_quantity=amount("quote_quantity"),
            position_index=int(body.get("position_index", 0)),
            reduce_only=bool(body.get("reduce_only", False)),
            trigger_direction=int(body.get("trigger_direction", 0)),
        )
        order, trades = venue.place(body["account"], request)
        return truth.order(venue, order) | {"fills": [truth.fill(venue, one) for one in trades]}

    def _fill(self, body: Body) -> Any:
        venue = self._venue(body)
        order = self._open(venue, body)
        return truth.fill(venue, venue.fill(order.order_id, *self._amounts(body)))

    def _amounts(self, body: Body) -> list[Decimal | None]:
        return [Decimal(str(body[name])) if name in body else None for name in ("quantity", "price")]

    def _amend(self, body: Body) -> Any:
        venue = self._venue(body)
        order = self._open(venue, body)
        return truth.order(venue, venue.amend(order.order_id, *self._amounts(body)))

    def _funding(self, body: Body) -> Any:
        """Charge funding at `rate` on one account's position, or on every one in the symbol."""
        venue = self._venue(body)
        symbol, rate = self._symbol(venue, body), Decimal(str(body["rate"]))
        trades = fate.fund(venue, symbol, rate, body.get("account"))
        return [{"trade_id": venue.customs.trade_id(one.category, one.trade_id)} for one in trades]

    def _force(self, body: Body) -> Any:
        """Close a position, or book a block trade, without an order."""
        venue = self._venue(body)
        quantity, price = self._amounts(body)
        trade = fate.force(
            venue,
            body["account"],
            self._symbol(venue, body),
            body["kind"],
            side=body.get("side", "").lower(),
            quantity=quantity,
            price=price,
            index=int(body.get("position_index", 0)),
        )
        return truth.fill(venue, trade)

    def _end(self, body: Body, how: str) -> Any:
        venue = self._venue(body)
        order_id = self._open(venue, body).order_id
        reason = body.get("reason", "admin")
        match how:
            case "cancel":
                return truth.order(venue, venue.cancel(order_id))
            case "expire":
                return truth.order(venue, venue.expire(order_id, reason))
            case _:
                return truth.order(venue, venue.reject(order_id, reason))

    def _cash(self, body: Body, how: str) -> Any:
        venue, amount = self._venue(body), Decimal(str(body["amount"]))
        move = venue.deposit if how == "deposit" else venue.withdraw
        return truth.cash(venue, move(body["account"], body["asset"], amount))

    def _price(self, body: Body) -> Any:
        venue = self._venue(body)
        symbol, price = self._symbol(venue, body), Decimal(str(body["price"]))
        if price <= 0:
            raise ValueError("price")
        venue.set_price(symbol, price)
        return {"symbol": body["symbol"], "price": truth.plain(price)}

    async def _burst(self, body: Body) -> Any:
        """Place and fill `count` orders, `rate` a second (0: as fast as possible)."""
        venue, account = self._venue(body), str(body["account"])
        count, rate = int(body.get("count", 100)), float(body.get("rate", 0))
        usual = next(iter(venue.market.instruments))
        one = venue.market.instruments[self._symbol(venue, body) if "symbol" in body else usual]
        began, size = monotonic(), 1 if rate else BATCH
        for first in range(0, count, size):
            with venue.step():
                for k in range(first, min(first + size, count)):
                    self._burst_one(venue, account, one.symbol, "buy" if k % 2 else "sell")
            due = began + (first + size) / rate if rate else 0.0
            await asyncio.sleep(max(0.0, due - monotonic()))
        return {"orders": count, "fills": count, "seconds": monotonic() - began}

    def _burst_one(self, venue: Venue, account: str, symbol: str, side: str) -> None:
        one, last = venue.market.instruments[symbol], venue.market.last[symbol]
        away = one.tick * 1000 if one.tick * 1000 < last / 10 else one.tick
        price = last - away if side == "buy" else last + away
        least = one.min_notional * 2 / (1 if one.inverse else last)
        quantity = max(one.min_quantity, (least // one.step + 1) * one.step)
        request = OrderRequest(symbol=symbol, side=side, type="limit", price=price, quantity=quantity)
        order, _ = venue.place(account, request)
        if not order.ended:
            venue.fill(order.order_id)

    # -- faults and settings -----------------------------------------------------------

    def _fault(self, body: Body) -> Any:
        fault = parse_fault(dict(body))
        if fault.exchange is not None and fault.exchange not in self._sites:
            raise ValueError(f"no exchange {fault.exchange}")
        sites = [site for site in self._sites.values() if fault.exchange in (None, site.name)]
        if fault.kind == "clear":
            self._clear(fault, sites)
            return {"cleared": True}
        if fault.kind in LASTING:
            self._board.put(fault)
        for site in sites:
            site.act(fault)
        return msgspec.to_builtins(fault)

    def _clear(self, fault: Fault, sites: list[Dialect]) -> None:
        self._board.clear(fault)
        for site in sites:
            if fault.account is None:
                site.reset_limits()
                site.venue.clock.step_ms = 0

    def _settings(self, body: Body) -> Any:
        """Change `ping_every`, `pong_within` or `life` of one exchange or all, for open sockets too."""
        sites = [self._sites[body["exchange"]]] if "exchange" in body else list(self._sites.values())
        for site in sites:
            for name in set(site.heartbeat.__struct_fields__) & set(body):
                setattr(site.heartbeat, name, float(body[name]))
            for peer in site.listener.peers():
                peer.retime()
        return {site.name: msgspec.to_builtins(site.heartbeat) for site in sites}

    async def _reload_accounts(self, _: Body) -> Any:
        await self._reload()
        return {"accounts": [name for site in self._sites.values() for name in site.venue.accounts()]}

    # -- looking -----------------------------------------------------------------------

    def _truth(self, body: Body) -> Any:
        venue = self._venue(body)
        if body["account"] not in venue.accounts():
            raise ValueError(f"no account {body['account']}")
        return truth.truth(venue, body["account"], int(body.get("since", 0)))

    def _state(self, _: Body) -> Any:
        return {name: site.state() for name, site in self._sites.items()}
