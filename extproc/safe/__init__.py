"""The secrets that lie with a keeper, Vault or AWS: looked up before they are needed and again every while, so nobody waits.

What a keeper says is gone is gone at once. While a keeper does not answer, the last known is used for as long as the
configuration says, and not a second longer. What a keeper speaks is its own module's business; what a secret is for nobody's
here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from extproc.config.keepers import Secrets
from extproc.errors import ConfigError, SecretMissing
from extproc.secret import Loads, Secret, SecretAws, SecretReference, SecretVault

Distant = SecretVault | SecretAws
_SOONEST: Final = 1.0
"""Seconds between two looks, however often somebody is in a hurry."""

_log = logging.getLogger(__name__)


class KeeperAway(ConfigError):
    """A keeper of secrets that does not answer, or does not let us in."""


class Keeper(Protocol):
    """Where secrets lie."""

    def fetch(self, reference: Distant) -> bytes:
        """Return the value, blocking. Raises `SecretMissing` where there is none, `KeeperAway`."""


class Held:
    """One secret out of a keeper. `clock` gives seconds."""

    def __init__(self, reference: Distant, keeper: Keeper, *, stale: float, clock: Callable[[], float]) -> None:
        self._reference = reference
        self._keeper = keeper
        self._stale = stale
        self._clock = clock
        self._known: tuple[Secret, int, float] | None = None  # the value, its version, when it was last looked up
        self._versions = 0

    def load(self) -> Secret:
        """Return the last known value. Raises `SecretMissing` where there is none, or it is too old."""
        if self._known is None or self.version() is None:
            raise SecretMissing(str(self._reference))
        return self._known[0]

    def version(self) -> object:
        """Return a number that changes with the value; None where it is not to be had."""
        known = self._known
        return known[1] if known is not None and self._clock() - known[2] <= self._stale else None

    def look(self) -> None:
        """Look it up, blocking. Raises `SecretMissing`, which also forgets it, or `KeeperAway`."""
        began = self._clock()
        try:
            value = Secret(self._keeper.fetch(self._reference))
        except SecretMissing:
            self._known = None
            raise
        if self._known is None or self._known[0] != value:
            self._versions += 1  # also after one that was gone: what was made of the old value must not come back
        self._known = (value, self._versions, began)


class Safe:
    """All secrets of one configuration that lie with keepers."""

    def __init__(self, config: Secrets, *, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._keepers: dict[type, Keeper] = {}
        self._held: dict[Distant, Held] = {}
        self._hurry = asyncio.Event()

    def source(self, reference: SecretReference) -> Loads:
        """Return what gives the secret: a file or a variable itself. Raises `ConfigError` where a library is missing."""
        if not isinstance(reference, SecretVault | SecretAws):
            return reference
        if reference not in self._held:
            keeper = self._keeper(type(reference))
            self._held[reference] = Held(reference, keeper, stale=self._config.stale, clock=self._clock)
        return self._held[reference]

    def _keeper(self, kind: type) -> Keeper:
        if kind not in self._keepers:
            self._keepers[kind] = _open(kind, self._config, self._clock)
        return self._keepers[kind]

    def look(self) -> Iterable[ConfigError]:
        """Look everything up, blocking; return what went wrong."""
        failures: list[ConfigError] = []
        for held in self._held.values():
            try:
                held.look()
            except ConfigError as error:
                failures.append(error)
        return failures

    def hurry(self) -> None:
        """Look everything up soon: somebody was refused with what is known."""
        self._hurry.set()

    async def follow(self) -> None:
        """Look everything up, for ever."""
        if not self._held:
            await asyncio.Event().wait()
        while True:
            for failure in await asyncio.to_thread(self.look):
                _log.error("a secret could not be looked up: %s", failure)
            self._hurry.clear()
            await asyncio.sleep(_SOONEST)
            try:
                async with asyncio.timeout(max(self._config.refresh - _SOONEST, 0)):
                    await self._hurry.wait()
            except TimeoutError:
                continue


def _open(kind: type, config: Secrets, clock: Callable[[], float]) -> Keeper:
    try:
        if kind is SecretAws:
            from extproc.safe.aws import Aws  # noqa: PLC0415 - the library is loaded where it is needed

            return Aws.open(config.aws)
        from extproc.safe.vault import Vault  # noqa: PLC0415 - likewise
    except ImportError as error:
        name = "aws" if kind is SecretAws else "vault"
        raise ConfigError(f"secrets.{name}: needs a library; install `vecgate[{name}]`") from error
    if config.vault is None:
        raise ConfigError("secrets.vault: is missing; say where Vault is")
    return Vault.open(config.vault, clock)
