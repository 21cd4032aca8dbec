"""Parts that more than one command makes from the configuration: the policy engine, and how a server is verified."""

from __future__ import annotations

import re
import ssl
import time
from pathlib import Path
from typing import Final, Literal

from extproc.authorities import system_authorities
from extproc.config import opa_path, secret_references
from extproc.config.forms import Url
from extproc.config.types import Config, UpstreamTls
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.opa import OpaEngine, Server
from extproc.errors import ConfigError
from extproc.safe import Safe
from extproc.secret import FreshSecret, Secret, SecretFile, SecretSource
from extproc.store import Store

_TOKEN: Final = re.compile(rb"[!-~]{1,8192}")
POLICY_DEADLINE: Final = 1.0
"""Seconds that one policy evaluation may take before it counts as a denial."""


def open_safe(config: Config) -> Safe:
    """Return what gives the secrets that may lie with a keeper; nothing is looked up yet. Raises `ConfigError`."""
    safe = Safe(config.secrets, clock=time.monotonic)
    for _, reference in secret_references(config):
        safe.source(reference)
    return safe


def open_store(config: Config) -> Store:
    """Return the store, its tables up to date. Blocks. Raises `StoreError`, `ConfigError`."""
    password = config.store_password
    asked = (lambda: password.load().reveal().decode()) if password else None
    return Store.open(path=config.store.path, url=config.store.url, password=asked)


def load_engine(config: Config, safe: Safe) -> EmbeddedEngine | OpaEngine:
    """Return the configured engine: the embedded one with its policy loaded, the other not asked yet. Raises `ConfigError`."""
    policy = config.policy
    if policy.engine == "opa":
        return OpaEngine(opa_server(config, safe), policy.entrypoint, POLICY_DEADLINE)
    if policy.bundle is None:
        raise ConfigError("policy.bundle is missing: name the directory of your Rego files")
    return EmbeddedEngine.load(
        policy.bundle, policy.entrypoint, POLICY_DEADLINE, library=policy.library, key=policy.verification_key
    )


def opa_server(config: Config, safe: Safe) -> Server:
    """Return where OPA is. Raises `ConfigError` for certificates that cannot be read."""
    opa = config.policy.opa
    if opa.managed:
        return Server(socket=opa_path(config))
    token = FreshSecret[str](safe.source(opa.token), _token).get if opa.token else lambda: None
    tls = verification(opa.url, opa.tls) or None
    return Server(url=str(opa.url), tls=tls, name=opa.tls.sni if opa.tls else None, token=token)


def _token(secret: Secret) -> str:
    if not _TOKEN.fullmatch(secret.reveal()):
        raise ConfigError("policy.opa.token: is not one word of visible ASCII")
    return secret.reveal().decode("ascii")


def verification(url: Url, tls: UpstreamTls | None) -> ssl.SSLContext | Literal[False]:
    """Return how we verify a server, as Envoy does: against the configured authority or the system's. Raises `ConfigError`."""
    if not url.tls:
        return False
    tls = tls or UpstreamTls()
    context = ssl.create_default_context(cadata=(tls.ca or system_authorities()).load().reveal().decode())
    if tls.certificate is not None and tls.key is not None:
        context.load_cert_chain(_path(tls.certificate), _path(tls.key))
    return context


def _path(source: SecretSource) -> Path:
    if not isinstance(source, SecretFile):
        raise ConfigError("a client certificate and its key are files")
    return source.path
