"""The tables as they are today: names and columns for every query.

How they came about stands in `migrations/`, and a test holds the two together.
Three decisions live here:

* The journal's `seq` is the one order of things. Fills and cash moves carry the
  seq of their first report, every view row that of its last change, and each
  journal row that of the one before about the same thing (`previous`). The
  history of a thing is thus a walk along primary keys, and the journal needs no
  index of random ids, which would be its main cost at millions of rows.
* Identities are the unique keys, so that exactly-once holds in the database and
  not only in the writer.
* Besides those, an index is kept only where it grows at its ends (times, by symbol)
  or stays small (open orders).
"""

from peewee import SQL, BigAutoField, BigIntegerField, CompositeKey, Model, TextField

from core.orders import LIVING
from core.records import MAY_LIVE
from models.fields import AmountField


class Journal(Model):  # type: ignore[misc]
    """One row per statement that changed a view or was impossible, contradicted or unknown."""

    seq = BigIntegerField(primary_key=True)
    boot = TextField()
    account = TextField()
    exchange = TextField()
    kind = TextField()
    category = TextField(null=True)
    symbol = TextField(null=True)
    key = TextField()
    source = TextField()
    outcome = TextField()
    exchange_at = BigIntegerField(null=True)
    received_at = BigIntegerField()
    recorded_at = BigIntegerField()
    previous = BigIntegerField(null=True)
    fence = BigIntegerField(null=True)
    frame = BigIntegerField(null=True)
    fact = TextField()

    class Meta:
        table_name = "journal"


class Frame(Model):  # type: ignore[misc]
    """The redacted text that journal rows were read from; pruned after `keep_days`."""

    id = BigIntegerField(primary_key=True)
    account = TextField()
    received_at = BigIntegerField()
    text = TextField()

    class Meta:
        table_name = "frames"


class Fill(Model):  # type: ignore[misc]
    seq = BigIntegerField(primary_key=True)
    account = TextField()
    exchange = TextField()
    category = TextField()
    symbol = TextField()
    order_id = TextField()
    trade_id = TextField()
    client_order_id = TextField(null=True)
    side = TextField()
    price = AmountField()
    quantity = AmountField()
    fee = AmountField(null=True)
    fee_asset = TextField(null=True)
    liquidity = TextField(null=True)
    kind = TextField()
    traded_at = BigIntegerField()
    recorded_at = BigIntegerField()
    source = TextField()
    last_seq = BigIntegerField()

    class Meta:
        table_name = "fills"
        indexes = (
            (("account", "category", "symbol", "order_id", "trade_id"), True),
            (("account", "symbol", "traded_at"), False),
        )


class Order(Model):  # type: ignore[misc]
    account = TextField()
    category = TextField()
    symbol = TextField()
    order_id = TextField()
    exchange = TextField()
    client_order_id = TextField(null=True)
    side = TextField(null=True)
    type = TextField(null=True)
    time_in_force = TextField(null=True)
    status = TextField()
    price = AmountField(null=True)
    stop_price = AmountField(null=True)
    quantity = AmountField(null=True)
    filled = AmountField(null=True)
    average_price = AmountField(null=True)
    created_at = BigIntegerField(null=True)
    updated_at = BigIntegerField(null=True, index=True)
    reason = TextField(null=True)
    version = BigIntegerField(null=True)
    recorded_at = BigIntegerField()
    seq = BigIntegerField()
    stream_seq = BigIntegerField()

    class Meta:
        table_name = "orders"
        primary_key = CompositeKey("account", "category", "symbol", "order_id")


Order.add_index(Order.index(Order.account, name="orders_living", where=Order.status.in_(sorted(LIVING))))


class Balance(Model):  # type: ignore[misc]
    account = TextField()
    asset = TextField()
    exchange = TextField()
    free = AmountField(null=True)
    locked = AmountField(null=True)
    total = AmountField(null=True)
    updated_at = BigIntegerField(null=True)
    recorded_at = BigIntegerField()
    seq = BigIntegerField()
    stream_seq = BigIntegerField()

    class Meta:
        table_name = "balances"
        primary_key = CompositeKey("account", "asset")


class Position(Model):  # type: ignore[misc]
    account = TextField()
    category = TextField()
    symbol = TextField()
    side = TextField()
    exchange = TextField()
    size = AmountField()
    entry_price = AmountField(null=True)
    leverage = AmountField(null=True)
    liquidation_price = AmountField(null=True)
    unrealised_pnl = AmountField(null=True)
    updated_at = BigIntegerField(null=True)
    recorded_at = BigIntegerField()
    seq = BigIntegerField()
    stream_seq = BigIntegerField()

    class Meta:
        table_name = "positions"
        primary_key = CompositeKey("account", "category", "symbol", "side")


class CashMove(Model):  # type: ignore[misc]
    account = TextField()
    id = TextField()
    exchange = TextField()
    asset = TextField()
    amount = AmountField()
    kind = TextField()
    at = BigIntegerField()
    recorded_at = BigIntegerField()
    source = TextField()
    seq = BigIntegerField()
    last_seq = BigIntegerField()

    class Meta:
        table_name = "cash_moves"
        primary_key = CompositeKey("account", "id")


class Coverage(Model):  # type: ignore[misc]
    """A piece of time over which complete answers agreed; `late` where nobody watched and they came after."""

    id = BigAutoField()
    account = TextField()
    category = TextField()
    since = BigIntegerField()
    until = BigIntegerField()
    source = TextField()
    at = BigIntegerField()
    proofs = BigIntegerField()
    repaired = BigIntegerField()
    late = BigIntegerField(constraints=[SQL("DEFAULT 0")])

    class Meta:
        table_name = "coverage"
        indexes = ((("account", "category", "until"), False),)


class Incident(Model):  # type: ignore[misc]
    id = BigAutoField()
    key = TextField()
    kind = TextField()
    severity = TextField()
    text = TextField()
    account = TextField(null=True)
    opened_at = BigIntegerField()
    seen_at = BigIntegerField()
    count = BigIntegerField()
    resolved_at = BigIntegerField(null=True)
    acknowledged_at = BigIntegerField(null=True)

    class Meta:
        table_name = "incidents"


Incident.add_index(
    Incident.index(Incident.key, name="incidents_open", unique=True, where=Incident.resolved_at.is_null())
)


class ConnectionState(Model):  # type: ignore[misc]
    id = BigAutoField()
    at = BigIntegerField()
    account = TextField()
    state = TextField()
    previous = TextField()
    cause = TextField()

    class Meta:
        table_name = "connection_states"


class ActorEvent(Model):  # type: ignore[misc]
    id = BigAutoField()
    at = BigIntegerField()
    boot = TextField()
    child = TextField()
    gen = BigIntegerField()
    event = TextField()
    detail = TextField(null=True)

    class Meta:
        table_name = "actor_events"


class DeadLetter(Model):  # type: ignore[misc]
    id = BigAutoField()
    at = BigIntegerField()
    child = TextField()
    gen = BigIntegerField()
    message = TextField()
    reason = TextField()

    class Meta:
        table_name = "dead_letters"


class Trade(Model):  # type: ignore[misc]
    """One bought lot and its sale; written by the trader alone, before it sends anything.

    `seq` is the journal row of its BUY fill: the order in which the trades began.
    """

    id = TextField(primary_key=True)
    account = TextField()
    category = TextField()
    symbol = TextField()
    state = TextField()
    detail = TextField()
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    seq = BigIntegerField(null=True)

    class Meta:
        table_name = "trades"
        indexes = ((("account", "seq"), False),)


class Intent(Model):  # type: ignore[misc]
    """An order that we want, committed before it was sent, and what is known of it (core/records)."""

    account = TextField()
    client_order_id = TextField()
    category = TextField()
    symbol = TextField()
    side = TextField()
    quantity = AmountField()
    price = AmountField(null=True)
    post_only = BigIntegerField()
    closes = TextField(null=True)
    wanted_by = TextField()
    state = TextField()
    order_id = TextField(null=True)
    why = TextField(null=True)
    sent_at = BigIntegerField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()

    class Meta:
        table_name = "intents"
        primary_key = CompositeKey("account", "client_order_id")
        indexes = ((("closes",), False),)


Intent.add_index(
    Intent.index(Intent.account, name="intents_living", where=Intent.state.in_(sorted(MAY_LIVE)))
)


class SystemState(Model):  # type: ignore[misc]
    """Values that survive a restart, by key."""

    key = TextField(primary_key=True)
    value = TextField(null=True)
    at = BigIntegerField()

    class Meta:
        table_name = "system_state"


class Intake(Model):  # type: ignore[misc]
    """How many entries of each inlet segment (memory or spill file) are committed."""

    segment = TextField(primary_key=True)
    position = BigIntegerField()

    class Meta:
        table_name = "intake"


ALL = (
    Journal,
    Frame,
    Fill,
    Order,
    Balance,
    Position,
    CashMove,
    Coverage,
    Incident,
    ConnectionState,
    ActorEvent,
    DeadLetter,
    Trade,
    Intent,
    SystemState,
    Intake,
)
