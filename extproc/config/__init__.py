"""One YAML file, `vecgate.yaml`, read strictly: `load` gives a `Config` that keeps every rule of the design contract.

What types alone cannot say stands here: what must be unique, what must be encrypted, what needs what. A key whose function
does not exist yet is refused, never ignored. Nothing here opens what the file names; that is `check`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from extproc.config.doors import Door, doors
from extproc.config.forms import Address, Url
from extproc.config.reader import Reader
from extproc.config.types import Config, Control, Database, Issuer, ListenerTls, Opa, Policy, UpstreamTls
from extproc.errors import ConfigError
from extproc.secret import SecretReference, SecretVault

BUILT_ENGINES: Final = ("chroma", "qdrant")
"""Engines whose adapter exists."""

GRPC_ENGINES: Final = ("qdrant",)
"""Those of them that are also guarded over gRPC."""

MINTED: Final = (("qdrant", "api-key"),)
"""Engines that take a token in the place of their key, and the header in which it is the whole value."""

_LONGEST_SOCKET: Final = 107
"""Bytes of a unix socket's path, sun_path of unix(7) without its final NUL."""
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "content-type", "content-encoding", "connection", "transfer-encoding", "te"}
)

_ADMIN: Final = re.compile(r"(?:role|group):.+")
_BUFFER_MARGIN: Final = 512 << 10
_DISCOVERY: Final = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")

Complaint = tuple[str, str]
"""A key and what is wrong with it."""


def load(path: Path) -> Config:
    """Return what the file at `path` says. Raises `ConfigError`: one line with file, line, key and what to do."""
    reader = Reader(path)
    config: Config = reader.read(Config)
    for where, message in _complaints(config):
        raise reader.error(where, message)
    return config


def socket_paths(config: Config) -> list[Path]:
    """Return each worker's socket: the configured one, then ``extproc-1.sock``, ``extproc-2.sock`` and so on."""
    first = config.service.socket
    return [first, *(first.with_name(f"{first.stem}-{index}{first.suffix}") for index in range(1, config.workers))]


def admin_path(config: Config) -> Path:
    """Return the unix socket of Envoy's admin interface, in the same private directory as the workers' sockets."""
    return config.service.socket.with_name("envoy-admin.sock")


def control_path(config: Config) -> Path:
    """Return the unix socket of the control API, in the same private directory as the workers' sockets."""
    return config.service.socket.with_name("control.sock")


def opa_path(config: Config) -> Path:
    """Return the unix socket of a managed OPA, in the same private directory as the workers' sockets."""
    return config.service.socket.with_name("opa.sock")


def buffer_bytes(config: Config) -> int:
    """Return how much of a body Envoy holds: a little more than allowed, so that this service says what is too large."""
    return config.limits.body + _BUFFER_MARGIN


def database(config: Config, name: str) -> Database:
    """Return the database called `name`. Raises `ConfigError`."""
    for found in config.databases:
        if found.name == name:
            return found
    raise ConfigError(f"no database is called {name}; there are {', '.join(each.name for each in config.databases)}")


def discovers(url: Url) -> bool:
    """Return whether `url` names a discovery document, which tells where the keys are (OpenID Connect Discovery, section 4)."""
    return url.path.endswith(_DISCOVERY)


def _complaints(config: Config) -> Iterator[Complaint]:
    yield from _unbuilt(config)
    if not config.databases:
        yield "databases", "is empty; name at least one database"
    for index, each in enumerate(config.databases):
        yield from _about_database(each, f"databases[{index}]")
    yield from _repeated(_places("databases", "name", config.databases), [each.name for each in config.databases])
    ways = doors(config)
    yield from _repeated(
        [f"{each.place}.listen" for each in ways], [str(each.listen) if each.listen else None for each in ways]
    )
    yield from _repeated([f"{each.place}.match.authority" for each in ways], [each.authority for each in ways])
    if config.control:
        yield from _about_control(config.control, ways)
    yield from _about_identity(config)
    yield from _about_workloads(config)
    yield from _about_policy(config.policy)
    yield from _about_secrets(config)
    yield from _about_store(config)
    if config.audit.mirror:
        yield from config.audit.mirror.complaints()
    yield from _repeated(_places("masking.keys", "id", config.masking.keys), [key.id for key in config.masking.keys])
    yield from _about_recognisers(config)
    if max(len(bytes(path)) for path in (*socket_paths(config), admin_path(config))) > _LONGEST_SOCKET:
        yield "service.socket", f"is too long for a unix socket; at most {_LONGEST_SOCKET} bytes, so choose a shorter directory"


def _unbuilt(config: Config) -> Iterator[Complaint]:
    """Complain of every key that is in the contract but does nothing yet: a dead option would be a lie."""
    for index, each in enumerate(config.databases):
        where = f"databases[{index}]"
        if each.engine not in BUILT_ENGINES:
            yield f"{where}.engine", f"`{each.engine}` is not available yet; use {', '.join(BUILT_ENGINES)}"
        if each.grpc and each.engine not in GRPC_ENGINES:
            yield f"{where}.grpc", "is not available for this engine; remove it"
    if config.service.listen or config.service.tls or config.service.peers:
        yield "service", "only `socket` is available yet; remove the other keys"


def _about_database(each: Database, where: str) -> Iterator[Complaint]:
    yield from _about_listener({"listen": each.listen, "grpc.listen": each.grpc.listen if each.grpc else None}, each.tls, where)
    urls = [each.upstream, *([each.grpc.upstream] if each.grpc else [])]
    yield from _about_client_tls(each.upstream_tls, urls, f"{where}.upstream_tls")
    if each.credential and each.credential.mint and (each.engine, each.credential.header.lower()) not in MINTED:
        told = ", ".join(f"{engine} in {header}" for engine, header in MINTED)
        yield f"{where}.credential.mint", f"is not available for this engine or header; only for {told}"
    if each.credential and each.credential.header in _OWN_HEADERS:
        yield (
            f"{where}.credential.header",
            "is a header that carries something else; name the one that the database reads a key from",
        )


def _about_client_tls(tls: UpstreamTls | None, urls: Sequence[Url], where: str) -> Iterator[Complaint]:
    if tls is not None:
        if not any(url.tls for url in urls):
            yield where, "has no effect on http://; use https:// or remove it"
        if (tls.certificate is None) != (tls.key is None):
            yield where, "`certificate` and `key` go together"


def _about_policy(policy: Policy) -> Iterator[Complaint]:
    if policy.bundle is None and (policy.engine == "embedded" or policy.opa.managed):
        yield "policy", "`bundle` is missing; name the directory with the .rego files, or a bundle file"
    if policy.bundle is None and policy.verification_key is not None:
        yield "policy.verification_key", "verifies a bundle file; name one in `bundle`, or remove it"
    if policy.engine == "opa":
        yield from _about_opa(policy.opa)


def _about_opa(opa: Opa) -> Iterator[Complaint]:
    if opa.managed:
        for name in ("tls", "token"):
            if getattr(opa, name) is not None:
                yield f"policy.opa.{name}", "has no effect on a managed OPA, which is on a private socket; remove it"
    elif not opa.url.tls and not opa.url.loopback:
        yield "policy.opa.url", "must be https:// off loopback, for whoever answers in OPA's place decides"
    else:
        yield from _about_client_tls(opa.tls, [opa.url], "policy.opa.tls")


def _about_listener(listens: Mapping[str, Address | None], tls: ListenerTls | None, where: str) -> Iterator[Complaint]:
    match tls:
        case None:
            for place, address in listens.items():
                if address and not address.loopback:
                    yield f"{where}.{place}", "is not on loopback, so `tls` is needed, or `tls: {insecure: true}`"
        case ListenerTls(insecure=True, certificate=None, key=None, client_ca=None):
            pass
        case ListenerTls(insecure=True):
            yield f"{where}.tls", "`insecure` goes with no other key"
        case ListenerTls(certificate=certificate, key=key):
            if certificate is None or key is None:
                yield f"{where}.tls", "needs `certificate` and `key`"


def secret_references(config: Config) -> Iterator[tuple[str, SecretReference]]:
    """Give each secret that may be with a keeper, and its key."""
    for index, database in enumerate(config.databases):
        if database.credential:
            yield f"databases[{index}].credential.value", database.credential.value
    for index, key in enumerate(config.masking.keys):
        yield f"masking.keys[{index}].value", key.value
    if config.policy.engine == "opa" and config.policy.opa.token:
        yield "policy.opa.token", config.policy.opa.token
    if config.audit.mirror and config.audit.mirror.access_key and config.audit.mirror.secret_key:
        yield "audit.mirror.access_key", config.audit.mirror.access_key
        yield "audit.mirror.secret_key", config.audit.mirror.secret_key


def _about_secrets(config: Config) -> Iterator[Complaint]:
    vault = config.secrets.vault
    if vault is None:
        for where, reference in secret_references(config):
            if isinstance(reference, SecretVault):
                yield where, "is in Vault; say in `secrets.vault` where that is"
        return
    if not vault.url.tls and not vault.url.loopback:
        yield "secrets.vault.url", "must be https:// off loopback, for secrets come from there"
    if vault.ca and not vault.url.tls:
        yield "secrets.vault.ca", "verifies an https `url`; use one, or remove it"
    if sum(way is not None for way in (vault.token, vault.approle, vault.kubernetes)) != 1:
        yield "secrets.vault", "needs one of `token`, `approle` and `kubernetes`"


def _about_store(config: Config) -> Iterator[Complaint]:
    if config.store.path is not None:
        if config.store_password is not None:
            yield "store_password", "is for PostgreSQL; remove it"
        return
    parts = urlsplit(config.store.url)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not local and parse_qs(parts.query).get("sslmode") != ["verify-full"]:
        yield "store", "is not on this machine, so it needs ?sslmode=verify-full: whoever answers in its place could lift locks"


def _about_control(control: Control, ways: Sequence[Door]) -> Iterator[Complaint]:
    yield from _about_listener({"listen": control.listen}, control.tls, "control")
    if control.listen in [each.listen for each in ways]:
        yield "control.listen", "is a database's; it must be its own"
    if control.url and not control.url.tls and not control.url.loopback:
        yield "control.url", "must be https:// off loopback, for people's tokens cross to it"
    if not all(_ADMIN.fullmatch(admin) for admin in control.admins):
        yield "control.admins", "are role:NAME and group:NAME"


def _about_identity(config: Config) -> Iterator[Complaint]:
    issuers = config.identity.issuers
    if not issuers:
        yield "identity.issuers", "is empty; name at least one issuer"
    yield from _repeated(_places("identity.issuers", "issuer", issuers), [each.issuer for each in issuers])
    for index, each in enumerate(issuers):
        yield from _about_issuer(each, f"identity.issuers[{index}]")
    meant = {audience for each in issuers for audience in each.audiences}
    for index, database in enumerate(config.databases):
        if issuers and database.audiences and meant.isdisjoint(database.audiences):
            yield f"databases[{index}].audiences", "has none of any issuer's `audiences`, so no token would do"
    if "failure_".startswith(config.identity.metadata.key) or config.identity.metadata.key.startswith("failure_"):
        yield "identity.metadata.key", "must not begin as `failure_`, which marks tokens that did not hold"


def _about_workloads(config: Config) -> Iterator[Complaint]:
    workloads = config.identity.workloads
    for index, each in enumerate(workloads):
        if (each.spiffe is None) == (each.subject is None):
            yield f"identity.workloads[{index}]", "needs either `spiffe` or `subject`"
    yield from _repeated(
        _places("identity.workloads", "spiffe", config.identity.workloads), [each.spiffe for each in workloads]
    )
    yield from _repeated(
        _places("identity.workloads", "subject", config.identity.workloads), [each.subject for each in workloads]
    )
    shown = [database.tls.client_ca is not None for database in config.databases if database.listen and database.tls]
    if workloads and not any(shown) and all(database.listen for database in config.databases):
        yield "identity.workloads", "nobody is asked for a certificate; name an authority in a database's `tls.client_ca`"


def _about_issuer(each: Issuer, where: str) -> Iterator[Complaint]:
    if not each.audiences:
        yield f"{where}.audiences", "is empty; a token must be meant for somebody"
    if (each.jwks.file is None) == (each.jwks.uri is None):
        yield f"{where}.jwks", "needs either `file` or `uri`"
    if each.jwks.uri and not each.jwks.uri.tls and not each.jwks.uri.loopback:
        yield f"{where}.jwks.uri", "must be https://, for whoever changes the keys can be anybody"
    if each.jwks.ca and not (each.jwks.uri and each.jwks.uri.tls):
        yield f"{where}.jwks.ca", "verifies an https `uri`; name one, or remove it"


def _about_recognisers(config: Config) -> Iterator[Complaint]:
    for index, each in enumerate(config.detection.recognisers):
        where = f"detection.recognisers[{index}]"
        if (each.pattern is None) == (not each.terms):
            yield where, "needs either `pattern` or `terms`"
        if each.terms and (each.validator or each.context):
            yield where, "`validator` and `context` go with a `pattern`"


def _places(where: str, name: str, members: Sequence[object]) -> list[str]:
    return [f"{where}[{index}].{name}" for index in range(len(members))]


def _repeated(places: list[str], found: Sequence[str | None]) -> Iterator[Complaint]:
    for index, each in enumerate(found):
        if each is not None and each in found[:index]:
            yield places[index], "is used a second time; each must be its own"
