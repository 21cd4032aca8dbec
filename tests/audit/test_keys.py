"""Key files: made when absent, agreed upon, and refused when others can read them."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from extproc.audit.keys import Pseudonyms, derive, sealing_key, signing_key
from extproc.errors import ConfigError
from extproc.secret import Secret, SecretEnv, SecretFile


def test_an_absent_sealing_key_is_created_once(tmp_path: Path) -> None:
    """The first use makes a random key, every later use finds the same."""
    source = SecretFile(path=tmp_path / "keys" / "sealing.key")
    first = sealing_key(source)

    assert (32, first) == (len(first.reveal()), sealing_key(source))
    assert first != sealing_key(SecretFile(path=tmp_path / "other.key"))


def test_key_files_are_closed_to_others(tmp_path: Path) -> None:
    """A created key is 0600 in a folder of 0700, and nothing else is left beside it."""
    path = tmp_path / "keys" / "audit.key"
    signing_key(SecretFile(path=path))

    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert [path] == list(path.parent.iterdir())


def test_a_signing_key_is_ed25519(tmp_path: Path) -> None:
    """The signing key is PEM text of an Ed25519 key."""
    found = signing_key(SecretFile(path=tmp_path / "audit.key"))

    assert isinstance(load_pem_private_key(found.reveal(), None), Ed25519PrivateKey)


def test_workers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    """Of several creators at once one wins, and all use its key."""
    source = SecretFile(path=tmp_path / "sealing.key")
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(sealing_key(source).reveal())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(found), len(set(found))) == (8, 1)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key file open to its group is no secret any more; the error says what to do."""
    source = SecretFile(path=tmp_path / "sealing.key")
    sealing_key(source)
    source.path.chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        sealing_key(source)


@pytest.mark.parametrize("content", ["not base64!", "c2hvcnQ="])
def test_what_is_no_sealing_key_is_refused(tmp_path: Path, content: str) -> None:
    """Text that is not base64 of 32 bytes is an error, not a weak key."""
    path = tmp_path / "sealing.key"
    path.touch(0o600)
    path.write_text(content)

    with pytest.raises(ConfigError, match="the sealing key is not"):
        sealing_key(SecretFile(path=path))


def test_what_is_no_signing_key_is_refused(tmp_path: Path) -> None:
    """A file that is no PEM key is an error."""
    path = tmp_path / "audit.key"
    path.touch(0o600)
    path.write_text("hello")

    with pytest.raises(ConfigError, match="signing key"):
        signing_key(SecretFile(path=path))


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    """Where a key cannot be created, the error names the file."""
    (tmp_path / "keys").touch()

    with pytest.raises(ConfigError, match=r"audit\.key"):
        signing_key(SecretFile(path=tmp_path / "keys" / "audit.key"))


def test_a_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base64 text of a key may be given in a variable."""
    monkeypatch.setenv("VECGATE_TEST_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")

    assert Secret(b"k" * 32) == sealing_key(SecretEnv(name="VECGATE_TEST_KEY"))


def test_purposes_have_keys_of_their_own() -> None:
    """Keys derived for two purposes have nothing in common."""
    key = Secret(b"k" * 32)

    assert derive(key, "one", 32) != derive(key, "two", 32)


def test_a_pseudonym_is_the_same_for_the_same_person_only() -> None:
    """A pseudonym is stable, differs between people and between keys, and does not contain the name."""
    ours, theirs = Pseudonyms(Secret(b"k" * 32)), Pseudonyms(Secret(b"j" * 32))

    assert ours.of("rita") == ours.of("rita")
    assert len({ours.of("rita"), ours.of("walt"), theirs.of("rita")}) == 3
    assert "rita" not in ours.of("rita")
