"""What can be asked of Crypto.com, whichever way it is asked: one table of methods."""

from collections.abc import Mapping

from sandbox.cryptocom.calls import Endpoint
from sandbox.cryptocom.desk import Desk
from sandbox.cryptocom.history import History
from sandbox.cryptocom.params import Param, moment, order_number, short_text, text, up_to, whole, word
from sandbox.cryptocom.quotes import Quotes
from sandbox.cryptocom.rules import AMENDMENT, LIMIT_100, NEW_ORDER, NEW_TRIGGER
from sandbox.faults import Board
from sandbox.venue import Venue

NAMED = Param("instrument_name", text)
NEEDED = Param("instrument_name", text, required=True)
SPAN = (Param("start_time", moment), Param("end_time", moment))
ONE_ORDER = (Param("order_id", order_number), Param("client_oid", short_text))
HISTORY = (NAMED, *SPAN, LIMIT_100)


class Api:
    """The methods of one venue, private and public."""

    def __init__(self, venue: Venue, board: Board) -> None:
        self.history = History(venue, board)
        self.desk = Desk(venue, self.history)
        self.quotes = Quotes(venue)
        self.private: Mapping[str, Endpoint] = self._reading() | self._trading()
        self.public: Mapping[str, Endpoint] = self._open_to_all()

    def _reading(self) -> dict[str, Endpoint]:
        read = self.history
        return {
            "private/user-balance": Endpoint(run=read.balance, by_socket=True, bare=True),
            "private/get-open-orders": Endpoint(run=read.open_orders, params=(NAMED,), by_socket=True),
            "private/get-order-detail": Endpoint(run=read.order, params=ONE_ORDER),
            "private/get-order-history": Endpoint(run=read.orders, params=HISTORY),
            "private/get-trades": Endpoint(run=read.trades, params=HISTORY),
            "private/get-transactions": Endpoint(
                run=read.transactions, params=(*HISTORY, Param("journal_type", text))
            ),
            "private/get-positions": Endpoint(run=read.positions, params=(NAMED,), by_socket=True),
            "private/get-fee-rate": Endpoint(run=read.fee_rate),
            "private/get-instrument-fee-rate": Endpoint(run=read.instrument_fee_rate, params=(NEEDED,)),
            "private/get-accounts": Endpoint(
                run=read.accounts, params=(Param("page", whole), Param("page_size", whole))
            ),
            "private/advanced/get-open-orders": Endpoint(run=read.open_triggers, params=(NAMED,)),
            "private/advanced/get-order-detail": Endpoint(run=read.trigger, params=ONE_ORDER),
            "private/advanced/get-order-history": Endpoint(run=read.triggers, params=HISTORY),
        }

    def _trading(self) -> dict[str, Endpoint]:
        desk = self.desk
        every = (NAMED, Param("type", word(40004, "LIMIT", "ALL")))
        each_trigger = (NAMED, Param("type", word(40004, "LIMIT", "TRIGGER", "ALL")))
        table = {
            "private/create-order": (desk.create, NEW_ORDER),
            "private/amend-order": (desk.amend, AMENDMENT),
            "private/cancel-order": (desk.cancel, ONE_ORDER),
            "private/cancel-all-orders": (desk.cancel_all, every),
            "private/advanced/create-order": (desk.create, NEW_TRIGGER),
            "private/advanced/cancel-order": (desk.cancel_trigger, ONE_ORDER),
            "private/advanced/cancel-all-orders": (desk.cancel_all_triggers, each_trigger),
        }
        return {
            method: Endpoint(run=run, params=params, trades=True, by_socket=True)
            for method, (run, params) in table.items()
        }

    def _open_to_all(self) -> dict[str, Endpoint]:
        quotes = self.quotes
        span = (Param("start_ts", moment), Param("end_ts", moment))
        return {
            "public/get-instruments": Endpoint(run=quotes.instruments),
            "public/get-risk-parameters": Endpoint(run=quotes.risk_parameters),
            "public/get-tickers": Endpoint(run=quotes.tickers, params=(NAMED,)),
            "public/get-trades": Endpoint(
                run=quotes.trades, params=(NEEDED, Param("count", up_to(150)), *span)
            ),
            "public/get-book": Endpoint(run=quotes.book_call, params=(NEEDED, Param("depth", up_to(50)))),
        }
