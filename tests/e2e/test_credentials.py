"""The database's key out of Vault: used, changed under way, and kept for a while when Vault is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from rotation.drive import Keyed
from support.database import Recorder
from support.gateway import Gateway, running
from support.shelf import JSON, RECORDS
from support.vault import ROLE_ID, SECRET_ID, StandInVault, stand_in_vault

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def vault() -> Iterator[StandInVault]:
    """Serve a Vault that keeps the database's key."""
    with stand_in_vault() as found:
        found.secrets["apps/kb"] = {"chroma": "key-one"}
        yield found


@pytest.fixture(scope="module")
def database(book: Recorder) -> Keyed:
    """Have the database want the key."""
    found = Keyed(book, {"key-one"})
    book.answers[f"{RECORDS}/get"] = found.answer
    return found


@pytest.fixture(scope="module")
def gateway(book: Recorder, vault: StandInVault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that logs in to Vault with a role and looks its key up every day, unless it is in a hurry."""
    directory = tmp_path_factory.mktemp("vault")
    (directory / "secret-id.key").write_text(SECRET_ID)
    (directory / "role-id.key").write_text(ROLE_ID)
    role = {"role_id": {"file": "role-id.key"}, "secret_id": {"file": "secret-id.key"}}
    with running(
        directory,
        f"http://127.0.0.1:{book.port}",
        credential={"vault": "apps/kb#chroma"},
        secrets={"vault": {"url": vault.url, "approle": role}, "refresh": "1d"},
    ) as found:
        yield found


def status(gateway: Gateway) -> int:
    """Send one request."""
    with gateway.http("reader") as client:
        return client.post(f"{RECORDS}/get", content=b"{}", headers=JSON).status_code


def until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition, for a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_the_key_of_a_vault_reaches_the_database(gateway: Gateway, database: Keyed, vault: StandInVault) -> None:
    """The database receives what Vault keeps, and nobody else has it in a file."""
    key = (vault.secrets["apps/kb"] or {})["chroma"]

    assert status(gateway) == 200
    assert ("x-chroma-token", key) in database.book.last().headers
    files = [path for path in gateway.directory.rglob("*") if path.is_file()]
    assert not [path for path in files if key.encode() in path.read_bytes()]


def test_a_refused_key_has_the_vault_asked_again_at_once(gateway: Gateway, database: Keyed, vault: StandInVault) -> None:
    """A key that was changed without an overlap costs a moment, not the day until the next look."""
    database.accepted = {"key-two"}
    vault.secrets["apps/kb"] = {"chroma": "key-two"}

    assert status(gateway) == 502
    assert until(lambda: status(gateway) == 200)


def test_a_vault_that_is_away_is_not_missed(gateway: Gateway, database: Keyed, vault: StandInVault) -> None:
    """What was known last is used while Vault does not answer."""
    accepted, database.accepted = database.accepted, set()
    vault.sealed = True
    asked = len(vault.seen)
    assert status(gateway) == 502
    assert until(lambda: len(vault.seen) > asked), "it was asked, and did not answer"
    database.accepted = accepted

    assert status(gateway) == 200
    vault.sealed = False
