"""The store: a SQLite file and a PostgreSQL database behave alike, and say no more than they must."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from extproc.errors import StoreError
from extproc.store import Store
from extproc.store.tables import METADATA, REVISIONS
from support.postgresql import PASSWORD, PostgreSQL, postgresql

Opened = Callable[[], Store]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server."""
    with postgresql() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Return how to open one and the same store, again and again."""
    if request.param == "sqlite":
        return lambda: Store.open(path=tmp_path / "var" / "vecgate.db")
    server: PostgreSQL = request.getfixturevalue("server")
    return lambda: Store.open(path=None, url=server.url, password=lambda: PASSWORD)


def test_the_tables_are_what_the_migrations_make(opened: Opened) -> None:
    """No table, column or index is in one and not in the other."""
    store = opened()
    with store.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    store.close()

    assert [each for each in differences if "alembic_version" not in str(each)] == []


def test_many_open_it_at_once(opened: Opened) -> None:
    """Workers start together; one brings the tables up to date, and the others find them so."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            opened().close()
        except Exception as error:  # noqa: BLE001  # told below
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_what_fails_half_way_did_not_happen(opened: Opened) -> None:
    """A block is one transaction."""
    store = opened()

    def half() -> None:
        with store.begin() as connection:
            connection.execute(insert(REVISIONS).values(name="half", number=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with store.read() as connection:
        assert connection.execute(select(REVISIONS).where(REVISIONS.c.name == "half")).one_or_none() is None
    store.close()


def test_an_error_repeats_no_value(opened: Opened) -> None:
    """What the library says of a failed statement quotes what was to be written."""
    store = opened()
    with pytest.raises(StoreError) as caught, store.begin() as connection:
        connection.execute(insert(REVISIONS).values(name="locks", number=4711))
    store.close()

    assert "4711" not in str(caught.value)
    assert "locks" not in str(caught.value)


def test_a_wrong_password_and_nobody_there_are_one_failure(server: PostgreSQL, tmp_path: Path) -> None:
    """Neither the password nor the server's words are told."""
    with pytest.raises(StoreError) as caught:
        Store.open(path=None, url=server.url, password=lambda: "guessed-by-somebody")
    assert "guessed" not in str(caught.value)
    (tmp_path / "vecgate.db").write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(StoreError):
        Store.open(path=tmp_path / "vecgate.db")


def test_a_password_that_was_changed_is_asked_for_again(server: PostgreSQL) -> None:
    """Each new connection shows what is current then."""
    passwords = iter([PASSWORD, PASSWORD, PASSWORD])
    store = Store.open(path=None, url=server.url, password=lambda: next(passwords))
    store.close()
    with store.read() as connection:
        connection.execute(select(REVISIONS))
    store.close()

    assert len(list(passwords)) == 1


def test_a_sqlite_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Whoever could write it could lift locks."""
    path = tmp_path / "var" / "vecgate.db"
    Store.open(path=path).close()

    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
