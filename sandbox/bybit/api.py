"""What can be asked of Bybit over REST: one table of calls with parameters and limits."""

from sandbox.bybit.calls import (
    AMENDED_ORDER,
    BASE,
    CANCEL_ALL,
    CANCELLED_ORDER,
    CANCELLED_ORDERS,
    CATEGORY,
    EXECUTIONS,
    LISTED,
    LOG,
    NEEDED_SYMBOL,
    NEW_ORDER,
    OPEN_ORDERS,
    PAST_ORDERS,
    PER_PRODUCT,
    POSITIONS,
    SYMBOL_,
    UNIFIED,
    Endpoint,
)
from sandbox.bybit.desk import Desk
from sandbox.bybit.history import History
from sandbox.bybit.log import Log
from sandbox.bybit.params import COIN, Param, coins, one_of, text, within
from sandbox.bybit.person import Person
from sandbox.bybit.quotes import Quotes
from sandbox.bybit.wallet import Wallet
from sandbox.faults import Board
from sandbox.venue import Venue


class Api:
    """The calls of one venue."""

    def __init__(self, venue: Venue, board: Board) -> None:
        self.quotes = Quotes(venue)
        self.wallet = Wallet(venue)
        self.history = History(venue, self.quotes, board)
        desk, log = Desk(venue, self.quotes, self.history), Log(venue)
        person = Person(venue, self.quotes, self.wallet)
        self.calls = self._public() | self._orders(desk) | self._account(person, log)

    def _public(self) -> dict[tuple[str, str], Endpoint]:
        quotes = self.quotes
        return {
            ("GET", "/v5/market/time"): Endpoint(params=(), run=quotes.time, signed=False),
            ("GET", "/v5/market/instruments-info"): Endpoint(params=LISTED, run=quotes.listed, signed=False),
            ("GET", "/v5/market/tickers"): Endpoint(
                params=(CATEGORY, SYMBOL_, BASE, Param("expDate", text(r"\w{1,10}"))), run=quotes.tickers, signed=False
            ),
            ("GET", "/v5/market/orderbook"): Endpoint(
                params=(CATEGORY, NEEDED_SYMBOL, Param("limit", within(1, 1000))), run=quotes.book, signed=False
            ),
        }  # fmt: skip

    def _orders(self, desk: Desk) -> dict[tuple[str, str], Endpoint]:
        past = self.history
        return {
            ("POST", "/v5/order/create"): Endpoint(
                params=NEW_ORDER, run=desk.create, trades=True, limit=PER_PRODUCT
            ),
            ("POST", "/v5/order/amend"): Endpoint(
                params=AMENDED_ORDER, run=desk.amend, trades=True, limit=10
            ),
            ("POST", "/v5/order/cancel"): Endpoint(
                params=CANCELLED_ORDER, run=desk.cancel, trades=True, limit=PER_PRODUCT
            ),
            ("POST", "/v5/order/cancel-all"): Endpoint(
                params=CANCELLED_ORDERS, run=desk.cancel_all, trades=True, limit=CANCEL_ALL
            ),
            ("GET", "/v5/order/realtime"): Endpoint(
                params=OPEN_ORDERS, run=past.realtime, reads="Order", limit=50
            ),
            ("GET", "/v5/order/history"): Endpoint(
                params=PAST_ORDERS, run=past.history, reads="Order", limit=50
            ),
            ("GET", "/v5/execution/list"): Endpoint(
                params=EXECUTIONS, run=past.executions, reads="Order", limit=50
            ),
            ("GET", "/v5/position/list"): Endpoint(
                params=POSITIONS, run=past.positions, reads="Position", limit=50
            ),
        }

    def _account(self, person: Person, log: Log) -> dict[tuple[str, str], Endpoint]:
        check = (
            Param("category", one_of("spot"), required=True),
            NEEDED_SYMBOL,
            Param("side", one_of("Buy", "Sell"), required=True),
        )
        return {
            ("GET", "/v5/account/wallet-balance"): Endpoint(
                params=(UNIFIED, Param("coin", coins)), run=person.wallet, limit=50
            ),
            ("GET", "/v5/account/info"): Endpoint(params=(), run=person.info, limit=50),
            ("GET", "/v5/account/fee-rate"): Endpoint(
                params=(CATEGORY, SYMBOL_, BASE), run=person.fees, limit=5
            ),
            ("GET", "/v5/account/transaction-log"): Endpoint(params=LOG, run=log.listed, limit=25),
            ("GET", "/v5/account/query-dcp-info"): Endpoint(
                params=(), run=person.protection, limit=5, said="success"
            ),
            ("GET", "/v5/account/instruments-info"): Endpoint(
                params=LISTED, run=self.quotes.listed, limit=10
            ),
            ("GET", "/v5/order/spot-borrow-check"): Endpoint(params=check, run=person.borrow_check, limit=50),
            ("GET", "/v5/user/query-api"): Endpoint(params=(), run=person.key, limit=10, said=""),
            ("GET", "/v5/asset/coin/query-info"): Endpoint(
                params=(Param("coin", text(COIN)),), run=person.coins, limit=5
            ),
        }
