"""Parts that more than one command makes from the configuration: the policy engine, whom it knows, secrets, verification."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal

from extproc.audit import keys, retention
from extproc.audit.entry import Entry
from extproc.audit.ledger import Ledger
from extproc.audit.mirror import Mirror
from extproc.audit.note import Signer
from extproc.audit.orders import Task, Witness
from extproc.authorities import system_authorities
from extproc.companion import Companion
from extproc.config import opa_path, secret_references
from extproc.config.forms import Url
from extproc.config.types import Config, Database, UpstreamTls
from extproc.config.types import Issuer as ConfiguredIssuer
from extproc.decision import Level
from extproc.engines.bundle import Bundle
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.opa import OpaEngine, Server
from extproc.engines.source import Source
from extproc.errors import ConfigError
from extproc.forwarding import Credential
from extproc.identity import Identifier, Issuer, Workload
from extproc.obligations.operators import MaskKey
from extproc.safe import Safe
from extproc.secret import FreshSecret, Secret, SecretFile, SecretSource
from extproc.store import Store
from extproc.upstream import Generation, Upstream

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


def looked_up(config: Config) -> Safe:
    """Return the same with everything looked up, once. Blocks. What could not be had is missing to whoever needs it."""
    safe = open_safe(config)
    safe.look()
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


def identifier(config: Config, headers: tuple[tuple[str, str], ...], database: Database | None = None) -> Identifier:
    """Return what knows callers by a token in one of `headers`: names, each with what stands before the token.

    Callers of a `database` are also known by certificates, and of tokens only those count that are meant for it.
    """
    metadata = config.identity.metadata
    return Identifier(
        issuers={each.issuer: _issuer(each, database.audiences if database else ()) for each in config.identity.issuers},
        namespace=metadata.namespace,
        key=metadata.key,
        headers=headers,
        workloads=tuple(
            Workload(spiffe=each.spiffe, subject=each.subject, roles=each.roles, groups=each.groups)
            for each in (config.identity.workloads if database else ())
        ),
    )


def _issuer(found: ConfiguredIssuer, meant: tuple[str, ...]) -> Issuer:
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


def credential_of(database: Database, safe: Safe) -> Callable[[], Credential | None]:
    """Return what gives the gateway's own credential of the moment; it may raise `SecretMissing`."""
    found = database.credential
    if found is None:
        return lambda: None
    header = found.header.lower()
    return FreshSecret[Credential](safe.source(found.value), lambda secret: (header, secret.reveal())).get


def upstream_of(database: Database, generation: Generation, safe: Safe) -> Upstream:
    """Return what asks the database, with the gateway's own credential. Raises `ConfigError`."""
    return Upstream(
        client=Upstream.client(str(database.upstream), verification(database.upstream, database.upstream_tls)),
        sni=database.upstream_tls.sni if database.upstream_tls else None,
        credential=credential_of(database, safe),
        generation=generation,
        clock=time.monotonic,
    )


def mask_keys(config: Config, safe: Safe) -> dict[str, Callable[[], MaskKey]]:
    """Return the keys of masks by their ids, the current one first; each may raise `SecretMissing`."""
    return {
        each.id: FreshSecret[MaskKey](safe.source(each.value), partial(MaskKey.derive, each.id)).get
        for each in config.masking.keys
    }


def mask_key(config: Config, safe: Safe) -> Callable[[], MaskKey | None]:
    """Return what gives the key of keyed masks of the moment; it may raise `SecretMissing`."""
    return next(iter(mask_keys(config, safe).values()), lambda: None)


def default_level(config: Config) -> Level:
    """Return how much is recorded where the policy does not say."""
    return Level[config.audit.recording.upper()]


def open_ledger(config: Config, name: str) -> Ledger:
    """Open the log of one process. Raises `ConfigError`, `AuditError`."""
    audit = config.audit
    return Ledger.open(
        audit.directory,
        name,
        _keys(config),
        origin=audit.origin,
        heartbeat=audit.heartbeat,
        witnesses=tuple(Witness(key=each.key, url=str(each.url)) for each in audit.witnesses),
        otlp=str(audit.otlp) if audit.otlp else None,
        pseudonyms=audit.identifiers == "pseudonym",
    )


def signed_by(config: Config, name: str) -> dict[str, str]:
    """Return who signs the log of one process, its keys and its witnesses, for the record."""
    signers = [str(Signer.load(f"{config.audit.origin}/{name}", pem).verifier) for pem in _keys(config).signing]
    witnesses = " ".join(each.key for each in config.audit.witnesses)
    return {"keys": " ".join(signers)} | ({"witnesses": witnesses} if witnesses else {})


async def keep(config: Config, name: str, ledger: Ledger) -> None:
    """Remove from one process's log what is older than the configuration has it kept, for as long as that may take."""
    if config.audit.retention is not None:
        await retention.follow(config.audit.directory, name, config.audit.retention, log=ledger, clock=time.time_ns)


def open_mirror(config: Config, name: str, safe: Safe, ledger: Ledger) -> Mirror:
    """Return what mirrors the log of one process, where that is configured. Raises `ConfigError` where a library is missing."""

    async def alert() -> None:
        await ledger.append(Entry(kind="alert", time_ns=time.time_ns(), reasons=("mirror_conflict",)))

    return Mirror(mirror_task(config, name, safe), companion=_mirroring, alert=alert)


def mirror_task(config: Config, name: str, safe: Safe) -> Callable[[], Task] | None:
    """Return what says where the log of one process is mirrored to; it may raise `SecretMissing`. Raises `ConfigError`."""
    mirror = config.audit.mirror
    if mirror is None:
        return None
    if importlib.util.find_spec("boto3") is None:
        raise ConfigError("audit.mirror: needs a library; install `vecgate[aws]`")
    replica = mirror.replica or socket.gethostname()
    access, secret = (safe.source(each) if each else None for each in (mirror.access_key, mirror.secret_key))
    return lambda: Task(
        directory=str(config.audit.directory.absolute()),
        worker=name,
        bucket=mirror.bucket,
        prefix="/".join([*filter(None, (mirror.prefix, replica)), ""]),
        every=mirror.every,
        endpoint=str(mirror.endpoint) if mirror.endpoint else None,
        region=mirror.region,
        access_key=access.load().reveal().decode() if access else None,
        secret_key=secret.load().reveal().decode() if secret else None,
        locked=mirror.object_lock,
    )


def _mirroring() -> Companion:
    """Start the process, with what AWS's own chain goes by."""
    inherited = [name for name in os.environ if name.startswith("AWS_")]
    return Companion("extproc.audit.mirroring", [*inherited, "HOME"])


def _keys(config: Config) -> keys.Keys:
    return keys.Keys.load(config.audit.sealing_key, config.audit.signing_key, config.audit.retiring_keys)


def sealing_key(config: Config) -> Secret:
    """Return the key that opens what is on record. Raises `ConfigError`, also where it is absent: a new one opens nothing."""
    source = config.audit.sealing_key
    if isinstance(source, SecretFile) and not source.path.exists():
        raise ConfigError(f"{source.path}: there is no sealing key, and without the one that sealed them no entries are read")
    return keys.sealing_key(source)
