"""What can be known to be wrong with secrets: each is looked at, and none is shown."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config import secret_references
from extproc.config.types import Config
from extproc.configured import open_safe
from extproc.errors import ConfigError
from extproc.private import open_to_others
from extproc.safe import KeeperAway
from extproc.secret import SecretFile, SecretSource


def secret_warnings(config: Config) -> Iterator[str]:
    """Give what should not surprise anybody about the secrets. Raises `ConfigError` for one that is not there."""
    for source in _sources(config):
        yield from _check_secret(source)
    for failure in open_safe(config).look():
        if not isinstance(failure, KeeperAway):
            raise _absent(failure)
        yield f"{failure}; until it does, what needs this secret is denied"


def _sources(config: Config) -> Iterator[SecretSource]:
    """Give every file and variable that must be there; signing and sealing keys are made when absent."""
    for _, reference in secret_references(config):
        if isinstance(reference, SecretSource):
            yield reference
    for database in config.databases:
        for tls in (database.tls, database.upstream_tls):
            if tls and tls.key:
                yield tls.key
    if config.policy.engine == "opa" and config.policy.opa.tls and config.policy.opa.tls.key:
        yield config.policy.opa.tls.key
    if vault := config.secrets.vault:
        yield from (found for found in (vault.token, vault.kubernetes and vault.kubernetes.token) if found)
        if vault.approle:
            yield from (vault.approle.role_id, vault.approle.secret_id)
    for source in (config.audit.signing_key, config.audit.sealing_key):
        if not isinstance(source, SecretFile) or source.path.exists():
            yield source


def _check_secret(source: SecretSource) -> Iterator[str]:
    try:
        source.load()
    except ConfigError as error:
        raise _absent(error) from error
    if isinstance(source, SecretFile) and open_to_others(source.path):
        yield f"{source.path}: others may read this secret; run: chmod 600 {source.path}"


def _absent(error: ConfigError) -> ConfigError:
    return ConfigError(f"{error}: this secret is absent, unreadable or empty; put it there")
