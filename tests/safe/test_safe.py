"""The safe: what is known while a keeper is away, what is forgotten, and that nobody has to wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from extproc.config.keepers import Secrets
from extproc.errors import ConfigError, SecretMissing
from extproc.safe import Distant, Held, KeeperAway, Safe
from extproc.secret import FreshSecret, Secret, SecretEnv, SecretVault

KEY = SecretVault(path="kb", key="chroma")


@dataclass(slots=True)
class Shelf:
    """A keeper whose one value, or failure, the test sets."""

    value: bytes | Exception = b"one"
    now: float = 0.0
    asked: list[Distant] = field(default_factory=list)

    def fetch(self, reference: Distant) -> bytes:
        """Give it."""
        self.asked.append(reference)
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def held(shelf: Shelf) -> Held:
    """Return the one secret, known for a minute at most."""
    return Held(KEY, shelf, stale=60.0, clock=lambda: shelf.now)


def test_a_secret_that_was_never_looked_up_is_missing() -> None:
    """Before the first look there is nothing, and the error names what was sought."""
    with pytest.raises(SecretMissing, match="vault:kb#chroma"):
        held(Shelf()).load()


def test_a_new_value_is_made_into_its_form_once() -> None:
    """What is made of a secret is made again when the value changed, not when it was looked up."""
    shelf = Shelf()
    secret, made = held(shelf), []
    fresh = FreshSecret[bytes](secret, lambda found: made.append(found) or found.reveal())  # type: ignore[func-returns-value]
    for value in (b"one", b"one", b"two"):
        shelf.value = value
        secret.look()
        assert fresh.get() == value

    assert made == [Secret(b"one"), Secret(b"two")]


def test_the_last_known_is_used_while_the_keeper_is_away_but_not_for_ever() -> None:
    """A minute's absence is bridged; after that the secret is missing, until the keeper is back."""
    shelf = Shelf()
    secret = held(shelf)
    fresh = FreshSecret[bytes](secret, Secret.reveal)
    secret.look()
    shelf.value = KeeperAway("away")
    shelf.now = 60.0
    with pytest.raises(KeeperAway):
        secret.look()
    assert fresh.get() == b"one"
    shelf.now = 60.1
    with pytest.raises(SecretMissing):
        fresh.get()
    shelf.value = b"one"
    secret.look()

    assert fresh.get() == b"one"


def test_what_the_keeper_says_is_gone_is_gone_at_once() -> None:
    """A secret that was taken away is never used again."""
    shelf = Shelf()
    secret = held(shelf)
    secret.look()
    shelf.value = SecretMissing("vault:kb#chroma")
    with pytest.raises(SecretMissing):
        secret.look()

    with pytest.raises(SecretMissing):
        secret.load()


def test_a_value_that_comes_after_one_that_was_gone_is_the_new_one() -> None:
    """What was made of the old value does not come back with the secret."""
    shelf = Shelf()
    secret = held(shelf)
    fresh = FreshSecret[bytes](secret, Secret.reveal)
    secret.look()
    assert fresh.get() == b"one"
    shelf.value = SecretMissing("vault:kb#chroma")
    with pytest.raises(SecretMissing):
        secret.look()
    shelf.value = b"two"
    secret.look()

    assert fresh.get() == b"two"


def test_files_and_variables_are_given_as_they_are() -> None:
    """They can be had at once, so nothing is looked up in advance."""
    reference = SecretEnv(name="KB_KEY")

    assert reference is Safe(Secrets(), clock=lambda: 0.0).source(reference)


def test_a_secret_in_a_vault_that_is_not_configured_is_an_error() -> None:
    """The configuration refuses it first; this holds it to that."""
    with pytest.raises(ConfigError, match=r"secrets\.vault"):
        Safe(Secrets(), clock=lambda: 0.0).source(KEY)


async def test_a_hurry_brings_the_next_look_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was refused with what is known need not wait for the next look of its own accord."""
    shelf = Shelf()
    monkeypatch.setattr("extproc.safe._SOONEST", 0.01)
    monkeypatch.setattr("extproc.safe._open", lambda *_: shelf)
    safe = Safe(Secrets(refresh=86400.0), clock=lambda: 0.0)
    source = safe.source(KEY)
    task = asyncio.create_task(safe.follow())
    try:
        await known(source, b"one")
        shelf.value = b"two"
        safe.hurry()
        await known(source, b"two")
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def known(source: object, value: bytes) -> None:
    """Wait until a secret is this."""
    assert isinstance(source, Held)
    async with asyncio.timeout(60):
        while source.version() is None or source.load() != Secret(value):  # noqa: ASYNC110  # a thread changes it
            await asyncio.sleep(0.01)
