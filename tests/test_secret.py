"""Secrets cannot be printed, and a changed file takes effect at once."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import SecretMissing
from extproc.secret import FreshSecret, Secret, SecretEnv, SecretFile

SHOWING: dict[str, Callable[[Secret], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda secret: f"{secret:>40}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - how old code would print it
    "in a tuple": lambda secret: repr((secret, {"key": secret})),
    "in an exception": lambda secret: repr(ValueError(secret)),
}


@pytest.mark.parametrize("how", list(SHOWING))
def test_a_secret_shows_stars_however_it_is_printed(how: str) -> None:
    """No way of turning a secret into text gives its bytes."""
    assert "hunter2" not in str(SHOWING[how](Secret(b"hunter2")))


@pytest.mark.parametrize("encode", [json.dumps, pickle.dumps, msgspec.json.encode])
def test_a_secret_does_not_leave_through_an_encoder(encode: Callable[[object], object]) -> None:
    """Encoders refuse a secret instead of writing it."""
    with pytest.raises((TypeError, NotImplementedError)):
        encode(Secret(b"hunter2"))


def test_a_secret_has_no_hash() -> None:
    """A hash of a secret would be a fingerprint of it."""
    with pytest.raises(TypeError):
        hash(Secret(b"hunter2"))


@given(st.binary(min_size=1).filter(lambda value: value.rstrip(b"\r\n") == value and value))
def test_equal_secrets_are_equal(value: bytes) -> None:
    """Two secrets are equal when their bytes are, and to nothing else."""
    assert Secret(value) == Secret(value)
    assert Secret(value) != value


def test_a_file_loses_its_final_line_feed_only(tmp_path: Path) -> None:
    """Editors add a line feed; it is no part of the secret."""
    path = tmp_path / "key"
    path.write_bytes(b" a key \r\n")

    assert SecretFile(path=path).load() == Secret(b" a key ")


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_an_absent_or_empty_file_is_missing(tmp_path: Path, content: bytes | None) -> None:
    """An empty secret would be a secret that everyone knows."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SecretMissing):
        SecretFile(path=path).load()


def test_an_unset_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset and empty are the same."""
    monkeypatch.setenv("VECGATE_TEST_KEY", "")

    with pytest.raises(SecretMissing):
        SecretEnv(name="VECGATE_TEST_KEY").load()
    monkeypatch.setenv("VECGATE_TEST_KEY", "k")
    assert SecretEnv(name="VECGATE_TEST_KEY").load() == Secret(b"k")


def test_a_changed_file_takes_effect_and_a_missing_one_is_an_error_at_once(tmp_path: Path) -> None:
    """An atomic swap is seen at the next use; the old value is never served in the place of a missing one."""
    path = tmp_path / "key"
    path.write_bytes(b"one")
    made: list[bytes] = []

    def make(secret: Secret) -> bytes:
        made.append(secret.reveal())
        return secret.reveal()

    fresh = FreshSecret[bytes](SecretFile(path=path), make)
    assert [fresh.get(), fresh.get()] == [b"one", b"one"]
    replacement = tmp_path / "new"
    replacement.write_bytes(b"two!")
    replacement.rename(path)
    assert fresh.get() == b"two!"
    path.unlink()
    with pytest.raises(SecretMissing):
        fresh.get()
    assert made == [b"one", b"two!"]
