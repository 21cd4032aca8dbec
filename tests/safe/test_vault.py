"""Secrets out of Vault, through `hvac` against a stand-in that speaks its documented API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.config.forms import Url
from extproc.config.keepers import AppRole, Kubernetes
from extproc.config.keepers import Vault as Configured
from extproc.errors import SecretMissing
from extproc.safe import KeeperAway
from extproc.safe.vault import Vault
from extproc.secret import SecretFile, SecretVault
from support.ports import free_port
from support.vault import ROLE_ID, SECRET_ID, SERVICE_ACCOUNT, StandInVault, stand_in_vault

KEY = SecretVault(path="apps/kb", key="chroma")


@pytest.fixture
def server() -> Iterator[StandInVault]:
    """Serve a Vault with one secret."""
    with stand_in_vault() as found:
        found.secrets["apps/kb"] = {"chroma": "the-key", "other": "x"}
        yield found


class Door:
    """Ways to log in at a stand-in, whose material lies in files."""

    def __init__(self, folder: Path, server: StandInVault) -> None:
        self.folder, self.server = folder, server

    def material(self, name: str, value: str) -> SecretFile:
        """Write a secret and return where it is."""
        (self.folder / name).write_text(value)
        return SecretFile(path=self.folder / name)

    def open(self, way: str) -> Vault:
        """Return a Vault that logs in this way."""
        ways: dict[str, Any] = {
            "token": lambda: self.material("token", self.server.issue()),
            "approle": lambda: AppRole(role_id=self.material("role", ROLE_ID), secret_id=self.material("id", SECRET_ID)),
            "kubernetes": lambda: Kubernetes(role="vecgate", token=self.material("jwt", SERVICE_ACCOUNT)),
        }
        url = Url(scheme="http", host="127.0.0.1", port=int(self.server.url.rpartition(":")[2]))
        return Vault.open(Configured(url=url, **{way: ways[way]()}), lambda: self.server.now)


@pytest.fixture
def door(tmp_path: Path, server: StandInVault) -> Door:
    """Return the ways in."""
    return Door(tmp_path, server)


@pytest.mark.parametrize("way", ["token", "approle", "kubernetes"])
def test_a_value_is_read_however_one_logs_in(door: Door, way: str) -> None:
    """A token, a role and its secret, a service account: each gives the value at path and key."""
    assert door.open(way).fetch(KEY) == b"the-key"


@pytest.mark.parametrize("way", ["token", "approle", "kubernetes"])
def test_a_lease_is_renewed_before_it_ends(door: Door, server: StandInVault, way: str) -> None:
    """Over ten leases there is one login, and no look-up fails."""
    vault = door.open(way)
    found = set()
    for step in range(100):
        server.now = step * 10.0
        found.add(vault.fetch(KEY))

    assert found == {b"the-key"}
    assert server.seen.count(f"/v1/auth/{way}/login") == (way != "token")
    assert server.seen.count("/v1/auth/token/renew-self") >= 10


def test_a_token_that_cannot_be_renewed_is_replaced_by_a_login(door: Door, server: StandInVault) -> None:
    """Some tokens end whatever one does; a role gets another."""
    server.renewable = False
    vault = door.open("approle")
    for step in range(20):
        server.now = step * 10.0
        assert vault.fetch(KEY) == b"the-key"

    assert server.seen.count("/v1/auth/approle/login") > 2


def test_a_revoked_token_is_replaced_at_once(door: Door, server: StandInVault) -> None:
    """A token that Vault does not take any more costs one more login, not a failure."""
    vault = door.open("kubernetes")
    assert vault.fetch(KEY) == b"the-key"
    server.tokens.clear()

    assert vault.fetch(KEY) == b"the-key"


def test_a_token_file_that_was_replaced_is_taken(door: Door, server: StandInVault) -> None:
    """Vault's own agent writes new tokens into a file."""
    vault = door.open("token")
    assert vault.fetch(KEY) == b"the-key"
    server.tokens.clear()
    with pytest.raises(KeeperAway):
        vault.fetch(KEY)
    door.material("token", server.issue())

    assert vault.fetch(KEY) == b"the-key"


@pytest.mark.parametrize(
    "reference", [SecretVault(path="apps/kb", key="none"), SecretVault(path="apps/none", key="chroma")], ids=["key", "path"]
)
def test_what_is_not_there_is_missing(door: Door, reference: SecretVault) -> None:
    """No such path and no such key are the same: there is no secret, and the error says which was sought."""
    with pytest.raises(SecretMissing, match=f"vault:{reference.path}#{reference.key}"):
        door.open("approle").fetch(reference)


def test_a_deleted_version_is_missing(door: Door, server: StandInVault) -> None:
    """Vault answers with the metadata of a version that was deleted."""
    server.secrets["apps/kb"] = None

    with pytest.raises(SecretMissing):
        door.open("approle").fetch(KEY)


def test_a_sealed_server_and_none_at_all_are_away(door: Door, server: StandInVault, tmp_path: Path) -> None:
    """Neither says that the secret is gone, so neither makes it so; and neither is quoted."""
    vault = door.open("approle")
    server.sealed = True
    with pytest.raises(KeeperAway) as sealed:
        vault.fetch(KEY)
    nobody = Configured(
        url=Url(scheme="http", host="127.0.0.1", port=free_port()), token=door.material("t", "hvs.secret-of-mine")
    )
    with pytest.raises(KeeperAway) as absent:
        Vault.open(nobody, lambda: 0.0).fetch(KEY)

    assert SECRET_ID not in str(sealed.value)
    assert "hvs." not in str(absent.value)


def test_a_wrong_secret_of_a_role_is_told_without_it(door: Door, server: StandInVault) -> None:
    """A login that is refused says so, and repeats nothing."""
    vault = door.open("approle")
    door.material("id", "guessed")
    with pytest.raises(KeeperAway) as caught:
        vault.fetch(KEY)

    assert "guessed" not in str(caught.value)
