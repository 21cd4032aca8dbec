"""What `vecgate.yaml` may say, as types. A text in a hint is the key's documentation; a missing default makes it required.

The reader, the rules and the JSON Schema are all made from these, so a key exists in exactly one place. Paths are absolute
once read. This module knows neither YAML nor any other part of the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from extproc.config.evidence import Audit
from extproc.config.forms import (
    AnyUrl,
    Authority,
    BaseUrl,
    Duration,
    Entity,
    Entrypoint,
    HeaderName,
    HostName,
    ListenAddress,
    Name,
    Phrase,
    Size,
    SpiffeId,
    StorePlace,
    StoreUrl,
    Subject,
    Text,
    Url,
)
from extproc.config.keepers import Secrets
from extproc.config.notes import Certificate, DistantValue, HiddenValue, Range
from extproc.detection.custom import Validator

EngineName = Literal["chroma", "qdrant", "weaviate", "milvus", "pinecone", "opensearch", "elasticsearch"]


STORE: Final = StoreUrl(path=Path("var/vecgate.db"))
OPA_URL: Final = Url(scheme="http", host="127.0.0.1", port=8181)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which streams of someone else's Envoy are this database's."""

    authority: Annotated[Authority, "the :authority of its requests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grpc:
    """The gRPC side of an engine that speaks both."""

    listen: Annotated[ListenAddress, "where gRPC clients connect"]
    upstream: Annotated[BaseUrl, "the database's gRPC port"]
    match: Annotated[Match | None, "for `vecgate serve` behind someone else's Envoy"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """How the gateway shows itself to the database."""

    header: Annotated[HeaderName, "the header that carries it"]
    value: Annotated[DistantValue, "its whole value, scheme word included; held by the gateway alone"]
    mint: Annotated[bool, "sign a token with it for each request, and send that in its place"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerTls:
    """TLS towards clients."""

    certificate: Annotated[Certificate | None, "certificate chain, PEM"] = None
    key: Annotated[HiddenValue | None, "private key, PEM"] = None
    client_ca: Annotated[Certificate | None, "clients must show a certificate of this authority"] = None
    insecure: Annotated[bool, "plain HTTP off loopback, because something else encrypts"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTls:
    """TLS towards the database; it is always verified."""

    ca: Annotated[Certificate | None, "authority of the database's certificate; the system's by default"] = None
    sni: Annotated[HostName | None, "name asked for and verified; the upstream's host by default"] = None
    certificate: Annotated[Certificate | None, "client certificate, PEM"] = None
    key: Annotated[HiddenValue | None, "its private key, PEM"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One guarded database."""

    name: Annotated[Name, "what policies call it"]
    engine: Annotated[EngineName, "whose wire protocol it speaks"]
    upstream: Annotated[BaseUrl, "the database itself; https verifies against upstream_tls.ca or the system's"]
    listen: Annotated[ListenAddress | None, "where clients connect; needed but for `vecgate serve`"] = None
    grpc: Annotated[Grpc | None, "for engines that speak gRPC"] = None
    audiences: Annotated[tuple[Text, ...], "which of the issuers' audiences are meant here; all by default"] = ()
    credential: Annotated[Credential | None, "how the gateway shows itself to the database"] = None
    tls: Annotated[ListenerTls | None, "of the listener; one that is not on loopback needs it"] = None
    upstream_tls: Annotated[UpstreamTls | None, "towards an https upstream"] = None
    match: Annotated[Match | None, "for `vecgate serve` behind someone else's Envoy"] = None
    enforcement: Annotated[Literal["enforce", "observe"], "observe records decisions and does not act on them"] = "enforce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwks:
    """Where an issuer's public keys are: one of the two."""

    file: Annotated[Path | None, "a JWKS file"] = None
    uri: Annotated[AnyUrl | None, "an https URL that gives a JWKS, or the issuer's discovery document"] = None
    ca: Annotated[Certificate | None, "authority of the key server's certificate; the system's by default"] = None
    cache: Annotated[Duration, Range(least=1, most=86400), "how long fetched keys are used"] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may vouch for callers, and how its claims are read."""

    issuer: Annotated[Text, "the `iss` of its tokens"]
    jwks: Annotated[Jwks, "its public keys"]
    audiences: Annotated[tuple[Text, ...], "a token must be meant for one of these"] = ("vecgate",)
    roles: Annotated[Text, "claim path of the roles"] = "realm_access.roles"
    groups: Annotated[Text, "claim path of the groups"] = "groups"
    person: Annotated[Text, "the claim that tells two people apart"] = "email"
    workload: Annotated[Text | None, "claim path that only a program's token has, or PATH=VALUE; else all are human"] = None
    max_lifetime: Annotated[Duration, Range(least=1, most=31 * 86400), "exp - iat; longer is refused"] = 86400.0
    demo: Annotated[bool, "its private key lies on this machine and `vecgate token` may use it"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A program that its certificate is enough for; one of `spiffe` and `subject`."""

    spiffe: Annotated[SpiffeId | None, "the SPIFFE id in its certificate"] = None
    subject: Annotated[Subject | None, "its certificate's subject"] = None
    roles: Annotated[tuple[Text, ...], "its roles"] = ()
    groups: Annotated[tuple[Text, ...], "its groups"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Where Envoy puts verified tokens."""

    namespace: Annotated[Text, "filter metadata namespace"] = "envoy.filters.http.jwt_authn"
    key: Annotated[Text, "every key that begins so holds a token's payload"] = "payload_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who callers are."""

    issuers: Annotated[tuple[Issuer, ...], "who may vouch for callers"]
    workloads: Annotated[tuple[Workload, ...], "who comes in with a certificate alone; the first that fits"] = ()
    metadata: Annotated[Metadata, "where Envoy puts verified tokens"] = field(default_factory=Metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opa:
    """An OPA server."""

    url: Annotated[BaseUrl, "its API; a managed one is on a private socket in its place"] = OPA_URL
    managed: Annotated[bool, "started and stopped by `vecgate up`"] = False
    tls: Annotated[UpstreamTls | None, "towards an https url"] = None
    token: Annotated[DistantValue | None, "bearer token, where OPA asks for one"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who decides."""

    engine: Annotated[Literal["embedded", "opa"], "Rego in a process of the gateway's own, or an OPA server"] = "embedded"
    bundle: Annotated[Path | None, "directory of .rego and data files, or a signed bundle file"] = None
    library: Annotated[Path | None, "directory of .rego files that are read together with the bundle's"] = None
    verification_key: Annotated[Certificate | None, "public key that verifies a bundle file, PEM"] = None
    opa: Annotated[Opa, "the OPA server (opa)"] = field(default_factory=Opa)
    entrypoint: Annotated[Entrypoint, "the rule that is the decision"] = "vecgate/authz/decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingKey:
    """One key of keyed masks."""

    id: Annotated[Name, "stands in masked values, so that an old one can be told"]
    value: Annotated[DistantValue, "the key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """What `hash` and `token` mask with."""

    keys: Annotated[tuple[MaskingKey, ...], "the first is the current one; the others only undo tokens"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recogniser:
    """Values of one's own: of a pattern, or in a list of terms."""

    entity: Annotated[Entity, "what policies call them"]
    pattern: Annotated[Phrase | None, "RE2's syntax; where it has a group, the group is the value"] = None
    terms: Annotated[tuple[Phrase, ...], "names, found as whole words in any letter case"] = ()
    validator: Annotated[Validator | None, "the check digit that a value of the pattern has"] = None
    context: Annotated[tuple[Phrase, ...], "words beside a value of the pattern that make it surer by 0.35"] = ()
    score: Annotated[float, Range(least=0, most=1), "how sure a value of the pattern is by itself"] = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Presidio:
    """What finds names of persons and places."""

    model: Annotated[Text, "the package of a model of spaCy's, which must be installed"]
    language: Annotated[Text, "the model's language, as Presidio calls it"] = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What is found inside texts, besides what is built in."""

    threshold: Annotated[float, Range(least=0, most=1), "findings that are less sure are none"] = 0.5
    recognisers: Annotated[tuple[Recogniser, ...], "values of one's own"] = ()
    presidio: Annotated[Presidio | None, "names of persons and places; needs the extra `presidio`"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The control API."""

    listen: Annotated[ListenAddress, "where people connect"]
    tls: Annotated[ListenerTls | None, "as a database's"] = None
    url: Annotated[AnyUrl | None, "how people reach it"] = None
    admins: Annotated[tuple[Text, ...], "role:NAME or group:NAME; who administers where the policy does not say"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where Envoy reaches this service: a private socket, or mTLS."""

    socket: Annotated[Path, "unix socket in a directory of mode 0700; a further worker's has its number before the suffix"] = (
        Path("var/extproc.sock")
    )
    listen: Annotated[ListenAddress | None, "TCP instead, with mTLS"] = None
    tls: Annotated[ListenerTls | None, "certificate, key and client_ca of the TCP port"] = None
    peers: Annotated[tuple[Text, ...], "who may connect to the TCP port"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one exchange may cost."""

    body: Annotated[Size, Range(least=1 << 10, most=1 << 30), "the largest request or response body"] = 64 << 20
    message_timeout: Annotated[Duration, Range(least=1, most=3600), "how long Envoy waits for one answer of this service"] = (
        10.0
    )
    locks_age: Annotated[Duration, Range(least=1, most=3600), "how old what is known of locks may be; then all is denied"] = (
        30.0
    )
    rejected_logins: Annotated[int, Range(least=1, most=1_000_000), "of one address in a minute that are written whole"] = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that one `vecgate.yaml` says."""

    version: Annotated[Literal[1], "of this file's form"]
    databases: Annotated[tuple[Database, ...], "what is guarded"]
    identity: Annotated[Identity, "who callers are"]
    policy: Annotated[Policy, "who decides"]
    audit: Annotated[Audit, "where evidence goes"] = field(default_factory=Audit)
    masking: Annotated[Masking, "what masks with a key"] = field(default_factory=Masking)
    secrets: Annotated[Secrets, "where secrets are that are in no file"] = field(default_factory=Secrets)
    detection: Annotated[Detection, "what is found inside texts"] = field(default_factory=Detection)
    control: Annotated[Control | None, "the control API"] = None
    service: Annotated[Service, "where Envoy reaches this service"] = field(default_factory=Service)
    store: Annotated[StorePlace, "where locks are kept"] = STORE
    store_password: Annotated[HiddenValue | None, "of a PostgreSQL store"] = None
    workers: Annotated[int, Range(least=1, most=64), "processes of the ext_proc service"] = 1
    limits: Annotated[Limits, "what one exchange may cost"] = field(default_factory=Limits)
