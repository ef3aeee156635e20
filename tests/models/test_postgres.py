"""What only a server can do to a ledger: vanish, answer nobody, forget its promises, be somebody else's."""

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import peewee
import psycopg
import pytest

from core.clock import SystemClock
from core.errors import DatabaseProblem
from core.facts import Unrecognised
from models.database import problem, questions, run
from models.ledger import AlreadyStored, Ledger, Mark, Unstorable
from models.postgres import MOST_READERS, readers
from models.read import Reader
from models.views import ORDERS
from tests.support.ledger import batch, fill, meddle, order, rows
from tests.support.postgres import Postgres, Relay, end_sessions, sessions, tell
from tests.support.waiting import eventually


@pytest.fixture
def place(postgres: Postgres) -> Iterator[str]:
    with postgres.database(template="migrated") as address:
        yield address


@pytest.fixture
def relay(postgres: Postgres) -> Iterator[Relay]:
    one = Relay(postgres.port)
    yield one
    one.close()


def through(place: str, relay: Relay, postgres: Postgres) -> str:
    return place.replace(f":{postgres.port}/", f":{relay.port}/")


def opened(place: str) -> Ledger:
    return Ledger.open(place, SystemClock())


def refusal(place: str) -> DatabaseProblem:
    with pytest.raises(DatabaseProblem) as caught:
        opened(place)
    return caught.value


# ----------------------------------------------------------------------- connections that break


def test_a_connection_that_was_ended_is_told_and_the_same_entries_are_stored_over_a_new_one(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill("1"))], Mark("segment", 0, 1))
    assert end_sessions(place) == 1
    with pytest.raises(DatabaseProblem) as caught:
        ledger.write([batch(fill("2"))], Mark("segment", 1, 2))
    assert caught.value.passing
    ledger.write([batch(fill("2"))], Mark("segment", 1, 2))
    assert rows(place, "fills", "trade_id") == ["1", "2"]


@pytest.mark.parametrize("question", ["marks", "prune"])
def test_a_connection_that_was_ended_between_two_commits_is_not_used_again(
    ledger: Ledger, place: str, question: str
) -> None:
    ask = {"marks": ledger.marks, "prune": lambda: ledger.prune(0)}[question]
    end_sessions(place)
    with pytest.raises(DatabaseProblem):
        ask()
    assert not ask()


def test_a_commit_whose_acknowledgement_was_lost_is_found_out_and_not_stored_twice(
    postgres: Postgres, place: str, relay: Relay
) -> None:
    ledger = opened(through(place, relay, postgres))
    counted = [batch(Unrecognised("counted", "each statement is a row"))]
    relay.lose_commit("answer")
    with pytest.raises(DatabaseProblem) as caught:
        ledger.write(counted, Mark("segment", 0, 1))
    assert caught.value.passing
    eventually(lambda: rows(place, "journal", "key"), what="the commit that nobody heard of")
    with pytest.raises(AlreadyStored):
        ledger.write(counted, Mark("segment", 0, 1))
    ledger.write([batch(fill())], Mark("segment", 1, 2))
    ledger.close()
    assert rows(place, "journal", "key") == ["counted", "1"]


def test_a_commit_that_never_arrived_has_stored_nothing_and_is_made_good(
    postgres: Postgres, place: str, relay: Relay
) -> None:
    ledger = opened(through(place, relay, postgres))
    relay.lose_commit("request")
    with pytest.raises(DatabaseProblem):
        ledger.write([batch(fill())], Mark("segment", 0, 1))
    assert rows(place, "fills") == []
    ledger.write([batch(fill())], Mark("segment", 0, 1))
    ledger.close()
    assert rows(place, "fills", "trade_id") == ["1"]


def test_a_server_that_moved_is_found_at_the_next_host_of_the_list(postgres: Postgres, place: str) -> None:
    first, second = Relay(postgres.port), Relay(postgres.port)
    ledger = opened(place.replace(f":{postgres.port}/", f":{first.port},127.0.0.1:{second.port}/"))
    ledger.write([batch(fill("1"))])
    first.close()
    with pytest.raises(DatabaseProblem):
        ledger.write([batch(fill("2"))])
    ledger.write([batch(fill("2"))])
    ledger.close()
    second.close()
    assert rows(place, "fills", "trade_id") == ["1", "2"]


def test_a_server_that_stands_still_holds_nobody_for_longer_than_five_seconds(
    postgres: Postgres, ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill("1"))])
    began = monotonic()
    with postgres.frozen(), pytest.raises(DatabaseProblem, match="does not answer") as caught:
        ledger.write([batch(fill("2"))])
    assert caught.value.passing
    assert monotonic() - began < 5
    ledger.write([batch(fill("2"))])
    assert rows(place, "fills", "trade_id") == ["1", "2"]


def test_no_transaction_is_left_half_open_by_a_refusal(ledger: Ledger, place: str) -> None:
    with psycopg.connect(place) as other:
        other.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
        with pytest.raises(DatabaseProblem):
            ledger.write([batch(fill())])
        states = tell(place, "SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'vigil'")
        assert states in ([("idle",)], [])
    with pytest.raises(Unstorable):
        ledger.write([batch(fill("\0"))])
    assert tell(place, "SELECT state FROM pg_stat_activity WHERE application_name = 'vigil'") == [("idle",)]


# -------------------------------------------------------------------------------------- reading


def test_however_many_ask_at_once_they_share_a_few_connections_and_leave_no_others(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill())])
    before, found = set(sessions(place)), []

    def ask() -> None:
        reader = Reader(place)
        found.extend(len(reader.fills()) for _ in range(4))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(set(sessions(place)) - before))
    assert found == [1] * 120
    assert 1 <= most <= MOST_READERS
    assert len(set(sessions(place)) - before) <= MOST_READERS
    readers(place).close_idle()
    eventually(lambda: set(sessions(place)), lambda left: left == before, what="no reader's connection")


def test_a_question_after_the_server_ended_every_connection_is_answered_all_the_same(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(fill())])
    reader = Reader(place)
    assert len(reader.fills()) == 1
    assert end_sessions(place) == 2
    assert len(reader.fills()) == 1


def test_a_question_that_fails_is_told_and_its_connection_answers_the_next_one(place: str) -> None:
    asked = questions(place)
    with pytest.raises(peewee.ProgrammingError):
        asked.ask("SELECT nothing FROM nowhere", [])
    assert asked.ask("SELECT COUNT(*) FROM fills WHERE seq > ?", [0]) == [(0,)]
    assert len(sessions(place)) == 1


# ------------------------------------------------------------------------- what is asked of a server


def set_for(place: str, name: str, value: str) -> None:
    """A setting of the whole database, as its owner may choose it."""
    tell(place, f'ALTER DATABASE "{place.rpartition("/")[2]}" SET {name} = {value}')


@pytest.mark.parametrize(("chosen", "kept"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_what_is_committed_survives_a_power_cut_whatever_the_database_is_set_to(
    place: str, chosen: str, kept: str
) -> None:
    set_for(place, "synchronous_commit", chosen)
    ledger = opened(place)
    assert run(ledger._db, "SHOW synchronous_commit").fetchone() == (kept,)
    ledger.close()


def test_texts_are_sorted_as_on_sqlite_whatever_the_language_of_the_database(place: str) -> None:
    sql = (
        "SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type = 'text' AND table_name <> 'schema_migration'"
    )
    assert tell(place, sql) == [("C",)]


def test_looking_up_keys_uses_the_index_even_before_anybody_has_counted_the_rows(
    ledger: Ledger, place: str
) -> None:
    ledger.write([batch(order(order_id="0"))])
    columns = ", ".join(f'"{name}"' for name in ledger._shelves[ORDERS].view.columns)
    others = columns.replace('"order_id"', "n::text")
    meddle(place, f"INSERT INTO orders ({columns}) SELECT {others} FROM orders, generate_series(1, 5000) n")
    text = ledger._shelves[ORDERS]._select._statement._text(64)
    plan = run(ledger._db, "EXPLAIN " + text, ["main", "spot", "BTCUSDT", "7"] * 64).fetchall()
    assert any("Index Scan using orders_pkey" in line for (line,) in plan), plan


# --------------------------------------------------------------------- what cannot be stored, what can


@pytest.mark.parametrize(
    "value",
    ["nul\0", "".join(f"{n * n:x}" for n in range(2_000))],
    ids=["a character", "too long for an index"],
)
def test_a_text_that_this_database_does_not_take_is_blamed_and_not_the_database(
    ledger: Ledger, value: str
) -> None:
    with pytest.raises(Unstorable):
        ledger.write([batch(fill(value))])


def test_a_table_that_is_gone_is_not_blamed_on_what_was_to_be_stored(ledger: Ledger, place: str) -> None:
    meddle(place, "ALTER TABLE fills RENAME TO gone")
    with pytest.raises(DatabaseProblem, match="not the ledger it was") as caught:
        ledger.write([batch(fill())])
    assert not caught.value.passing
    meddle(place, "ALTER TABLE gone RENAME TO fills")
    ledger.write([batch(fill())])
    assert rows(place, "fills", "trade_id") == ["1"]


# -------------------------------------------------------------------------------- what is refused, and how


def test_a_database_that_does_not_exist_is_told(postgres: Postgres) -> None:
    said = refusal(postgres.url("nowhere"))
    assert "does not exist: create it" in str(said)
    assert not said.passing


def test_a_server_that_is_not_there_is_told_and_may_come_back(postgres: Postgres) -> None:
    relay = Relay(postgres.port)
    relay.close()
    said = refusal(f"postgresql://owner@127.0.0.1:{relay.port}/ledger")
    assert "does not answer: start the server" in str(said)
    assert said.passing


def test_a_role_without_rights_is_told_what_it_lacks(postgres: Postgres, place: str) -> None:
    name = place.rpartition("/")[2]
    tell(
        place,
        f"DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN CONNECTION LIMIT 0; GRANT ALL ON DATABASE {name} TO poor",
    )
    crowded = refusal(postgres.url(name, user="poor"))
    assert "no connection left" in str(crowded)
    assert crowded.passing
    tell(place, "ALTER ROLE poor CONNECTION LIMIT -1")
    said = refusal(postgres.url(name, user="poor"))
    tell(place, f"REVOKE ALL ON DATABASE {name} FROM poor; DROP ROLE poor")
    assert "grant its role the right" in str(said)
    assert not said.passing


def test_the_roles_that_the_handbook_makes_may_do_their_work_and_no_more(postgres: Postgres) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
    try:
        postgres.psql(page.partition("```sql\n")[2].partition("```")[0])
        ledger = opened(postgres.url("ledger", user="vigil"))
        ledger.write([batch(fill())])
        ledger.close()
        report = postgres.url("ledger", user="report")
        assert rows(report, "fills", "trade_id") == ["1"]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tell(report, "DELETE FROM fills")
    finally:
        postgres.tell("DROP DATABASE IF EXISTS ledger WITH (FORCE)")
        postgres.tell("DROP ROLE IF EXISTS vigil")
        postgres.tell("DROP ROLE IF EXISTS report")


def test_a_standby_is_not_written_to_and_may_become_the_primary(place: str) -> None:
    set_for(place, "default_transaction_read_only", "on")
    said = refusal(place)
    assert "name the primary" in str(said)
    assert said.passing


def test_a_database_that_could_not_keep_every_text_is_refused(postgres: Postgres) -> None:
    postgres.tell("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    said = refusal(postgres.url("latin"))
    postgres.tell("DROP DATABASE latin WITH (FORCE)")
    assert "create it with ENCODING 'UTF8'" in str(said)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://vigil:hunter2%zz@db/ledger",
        "postgresql://vigil:hun/ter2@db/ledger",
        "postgresql://vigil:[hunter2@db/ledger",
        "postgresql://vigil:hun?ter2@127.0.0.1:1/ledger",
        "postgresql://vigil@db/ledger?password=hunter2&nonsense=1",
        "postgresql://vigil@127.0.0.1:1/ledger?password=hunter2",
    ],
)
def test_of_an_address_that_cannot_be_used_no_secret_is_repeated(address: str) -> None:
    said = refusal(address)
    told = f"{said} {said.__cause__ or ''}"
    assert "hun" not in told
    assert "ter2" not in told


@pytest.mark.parametrize(
    ("server_says", "we_say", "passing"),
    [
        ("FATAL:  the database system is starting up", "is starting or shutting down", True),
        ("FATAL:  the database system is shutting down", "is starting or shutting down", True),
        ("FATAL:  the database system is in recovery mode", "is starting or shutting down", True),
        ("FATAL:  sorry, too many clients already", "raise max_connections", True),
        ("FATAL:  remaining connection slots are reserved for non-replication superuser", "max_conn", True),
        ('FATAL:  password authentication failed for user "x"', "correct [database] url", False),
        ("fe_sendauth: no password supplied", "PGPASSWORD", False),
        ('FATAL:  no pg_hba.conf entry for host "::1"', "pg_hba.conf", False),
        ('FATAL:  role "x" does not exist', "does not exist", False),
        ("failed to resolve host 'db.example'", "name server", True),
        ("server closed the connection unexpectedly", "lost its connection", True),
        ("connection timeout expired", "lost its connection", True),
    ],
)
def test_each_refusal_before_we_are_let_in_is_told_with_what_to_do(
    server_says: str, we_say: str, passing: bool
) -> None:
    text = f'connection failed: connection to server at "127.0.0.1", port 5432 failed: {server_says}'
    told = problem("postgresql://db/vigil", peewee.OperationalError(text))
    assert we_say in str(told)
    assert told.passing is passing


@pytest.mark.parametrize(
    ("code", "we_say", "passing"),
    [
        ("57P01", "starting or shutting down", True),
        ("53300", "max_connections", True),
        ("53100", "no room left on its disk", True),
        ("25006", "name the primary", True),
        ("55P03", "locked by another program", True),
        ("57014", "too slow", True),
        ("40P01", "by somebody else", True),
        ("08006", "lost its connection", True),
        ("26000", "let its pooler keep sessions", False),
        ("28P01", "password", False),
        ("3D000", "does not exist", False),
        ("42501", "grant its role", False),
        ("42P01", "not the ledger it was", False),
        ("XX001", "is damaged", False),
    ],
)
def test_each_code_of_the_server_is_told_with_what_to_do(code: str, we_say: str, passing: bool) -> None:
    try:
        try:
            raise psycopg.errors.lookup(code)("was sagt der Server?")
        except psycopg.Error as error:
            raise peewee.OperationalError(str(error)) from error
    except peewee.OperationalError as error:
        told = problem("postgresql://db/vigil", error)
    assert we_say in str(told)
    assert told.passing is passing


def test_two_that_write_at_once_take_turns(place: str) -> None:
    """A generation that was given up and the next one; or two daemons that were given one database by mistake."""
    failures: list[Exception] = []

    def write(name: str) -> None:
        one = opened(place)
        for n in range(40):
            try:
                one.write([batch(fill(f"{name}{n}"), order(order_id=str(n)))])
            except (DatabaseProblem, Unstorable) as error:
                failures.append(error)
        one.close()

    both = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert failures == []
    assert (len(rows(place, "fills")), len(rows(place, "orders"))) == (80, 40)
