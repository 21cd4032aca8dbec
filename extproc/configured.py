"""Parts that more than one command makes from the configuration: the policy engine, issuers, keys, how a server is verified."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal

from extproc.authorities import system_authorities
from extproc.config import opa_path, secret_references
from extproc.config.forms import Url
from extproc.config.types import Config, UpstreamTls
from extproc.config.types import Issuer as ConfiguredIssuer
from extproc.engines.bundle import Bundle
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.opa import OpaEngine, Server
from extproc.engines.source import Source
from extproc.errors import ConfigError
from extproc.identity import Issuer
from extproc.obligations.operators import MaskKey
from extproc.safe import Safe
from extproc.secret import FreshSecret, Secret, SecretFile, SecretSource
from extproc.store import Store

ADMINISTRATION: Final = "vecgate/admin/decision"
"""The rule that decides about acts."""

_TOKEN: Final = re.compile(rb"[!-~]{1,8192}")
_ADMINISTERS: Final = re.compile(r"^package vecgate\.admin\b", re.MULTILINE)
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


def load_engine(config: Config, safe: Safe, entrypoint: str | None = None) -> EmbeddedEngine | OpaEngine:
    """Return the configured engine: the embedded one with its policy loaded, the other not asked yet. Raises `ConfigError`.

    It decides by the rule `entrypoint`, or else by the configured one.
    """
    policy = config.policy
    entrypoint = entrypoint or policy.entrypoint
    if policy.engine == "opa":
        return OpaEngine(opa_server(config, safe), entrypoint, POLICY_DEADLINE)
    if policy.bundle is None:
        raise ConfigError("policy.bundle is missing: name the directory of your Rego files")
    return EmbeddedEngine.load(policy.bundle, entrypoint, POLICY_DEADLINE, library=policy.library, key=policy.verification_key)


def load_administration(config: Config, safe: Safe) -> EmbeddedEngine | OpaEngine | None:
    """Return the engine that decides about acts, or None where the policy has no rules for it. Raises `ConfigError`.

    An OPA of somebody else's is always asked, for nobody here knows what it has.
    """
    policy = config.policy
    if policy.bundle is not None:
        source = Source(path=policy.bundle, library=policy.library, key=policy.verification_key)
        if not administers(source.bundle()):
            return None
    return load_engine(config, safe, ADMINISTRATION)


def administers(policy: Bundle) -> bool:
    """Return whether a policy has a package for administration."""
    return any(map(_ADMINISTERS.search, policy.modules.values()))


def issuer(found: ConfiguredIssuer, meant: tuple[str, ...] = ()) -> Issuer:
    """Return what is expected of an issuer's tokens; with `meant`, only of those that are for one of these audiences."""
    audiences = frozenset(found.audiences)
    return Issuer(
        issuer=found.issuer,
        audiences=audiences.intersection(meant) if meant else audiences,
        roles=found.roles,
        groups=found.groups,
        person=found.person,
        workload=found.workload,
        max_lifetime=int(found.max_lifetime),
    )


def mask_keys(config: Config, safe: Safe) -> dict[str, Callable[[], MaskKey]]:
    """Return the keys of masks by their ids, the current one first; each may raise `SecretMissing`."""
    return {
        each.id: FreshSecret[MaskKey](safe.source(each.value), partial(MaskKey.derive, each.id)).get
        for each in config.masking.keys
    }


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
