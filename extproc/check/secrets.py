"""What can be known to be wrong with secrets: each is looked at, and none is shown."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.types import Config
from extproc.errors import ConfigError
from extproc.private import open_to_others
from extproc.secret import SecretFile, SecretSource


def secret_warnings(config: Config) -> Iterator[str]:
    """Give what should not surprise anybody about the secrets. Raises `ConfigError` for one that is not there."""
    for source in _secrets(config):
        yield from _check_secret(source)


def _secrets(config: Config) -> Iterator[SecretSource]:
    """Give every secret that must be there; signing and sealing keys are made when absent."""
    for database in config.databases:
        if database.credential:
            yield database.credential.value
        for tls in (database.tls, database.upstream_tls):
            if tls and tls.key:
                yield tls.key
    if config.policy.engine == "opa":
        if config.policy.opa.token:
            yield config.policy.opa.token
        if config.policy.opa.tls and config.policy.opa.tls.key:
            yield config.policy.opa.tls.key
    yield from (key.value for key in config.masking.keys)
    for source in (config.audit.signing_key, config.audit.sealing_key):
        if not isinstance(source, SecretFile) or source.path.exists():
            yield source


def _check_secret(source: SecretSource) -> Iterator[str]:
    try:
        source.load()
    except ConfigError as error:
        raise ConfigError(f"{error}: this secret is absent, unreadable or empty; put it there") from error
    if isinstance(source, SecretFile) and open_to_others(source.path):
        yield f"{source.path}: others may read this secret; run: chmod 600 {source.path}"
