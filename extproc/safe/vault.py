"""HashiCorp Vault: values of its KV engine, version 2, read with a token that is renewed or got anew before it ends.

It asks with `hvac`. A token's lease is renewed once half of it has passed; one that cannot be renewed, or that Vault does not
take any more, is replaced by a new login. Nothing that Vault says is repeated in an error, for it may quote what was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultError

from extproc.authorities import system_authorities
from extproc.config.keepers import Vault as Configured
from extproc.errors import SecretMissing
from extproc.safe import Distant, KeeperAway
from extproc.secret import SecretFile, SecretVault

_TIMEOUT: Final = 5.0
_HALF: Final = 2


class Vault:
    """One server, logged in to. `login` logs the client in and returns the lease, in seconds; `clock` gives seconds."""

    def __init__(self, client: Any, mount: str, login: Callable[[], float], clock: Callable[[], float]) -> None:
        self._client = client
        self._mount = mount
        self._login = login
        self._clock = clock
        self._renew_at: float | None = None

    @classmethod
    def open(cls, config: Configured, clock: Callable[[], float]) -> Vault:
        """Return the configured server, not asked yet. Raises `ConfigError`."""
        session = requests.Session()
        session.trust_env = False
        verify: str | bool = True
        if config.url.tls:
            authority = config.ca or system_authorities()
            if not isinstance(authority, SecretFile):
                raise KeeperAway("secrets.vault.ca: is a file")
            verify = str(authority.path)
        client = hvac.Client(
            url=str(config.url), verify=verify, timeout=_TIMEOUT, namespace=config.namespace, session=session, token=""
        )
        return cls(client, config.mount, lambda: _login(client, config), clock)

    def fetch(self, reference: Distant) -> bytes:
        """Return the value at a path and key, blocking. Raises `SecretMissing`, `KeeperAway`."""
        if not isinstance(reference, SecretVault):
            raise SecretMissing(str(reference))
        try:
            self._stay_logged_in()
            try:
                found = self._read(reference)
            except (Forbidden, Unauthorized):
                self._begin()
                found = self._read(reference)
        except InvalidPath as error:
            raise SecretMissing(str(reference)) from error
        except (VaultError, requests.RequestException) as error:
            raise KeeperAway(f"{reference}: Vault does not give it ({type(error).__name__})") from error
        value = found.get("data", {}).get("data", {}).get(reference.key)
        if not isinstance(value, str) or not value:
            raise SecretMissing(str(reference))
        return value.encode()

    def _read(self, reference: SecretVault) -> Any:
        return self._client.secrets.kv.v2.read_secret_version(
            path=reference.path, mount_point=self._mount, raise_on_deleted_version=True
        )

    def _stay_logged_in(self) -> None:
        if self._renew_at is None:
            self._begin()
        elif self._clock() >= self._renew_at:
            try:
                lease = self._client.auth.token.renew_self()["auth"]["lease_duration"]
            except (Forbidden, Unauthorized, InvalidRequest):
                self._begin()
            else:
                self._renew_at = self._clock() + lease / _HALF

    def _begin(self) -> None:
        lease = self._login()
        # A token without a lease never ends; whether it still holds shows when it is used.
        self._renew_at = self._clock() + lease / _HALF if lease else float("inf")


def _login(client: Any, config: Configured) -> float:
    """Log in as configured; return the lease of the token in seconds, 0 for none."""
    match config:
        case Configured(token=found) if found is not None:
            client.token = found.load().reveal().decode()
            return float(client.auth.token.lookup_self()["data"]["ttl"])
        case Configured(approle=role) if role is not None:
            answer = client.auth.approle.login(
                role_id=role.role_id.load().reveal().decode(),
                secret_id=role.secret_id.load().reveal().decode(),
                mount_point=role.mount,
            )
        case Configured(kubernetes=role) if role is not None:
            token = role.token.load().reveal().decode()
            answer = client.auth.kubernetes.login(role=role.role, jwt=token, mount_point=role.mount)
        case _:
            raise KeeperAway("secrets.vault: needs a way to log in")
    return float(answer["auth"]["lease_duration"])
