"""The filters of a listener, a door's: tokens are verified, then ext_proc decides, then the router forwards.

Tokens that are missing or do not hold still reach ext_proc, so that the refusal is native and on record; nothing reaches the
router without ext_proc's answer. There is exactly one ext_proc filter; it fails closed, and no reply changes its modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutationRules
from envoy_data_plane.envoy.config.core.v3 import (
    DataSource,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    HeaderValue,
    HttpUri,
)
from envoy_data_plane.envoy.config.route.v3 import RouteMatch
from envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 import (
    ExternalProcessor,
    MetadataOptions,
    MetadataOptionsMetadataNamespaces,
    ProcessingMode,
    ProcessingModeBodySendMode,
    ProcessingModeHeaderSendMode,
)
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import (
    JwksAsyncFetch,
    JwtAuthentication,
    JwtCacheConfig,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementOrList,
    RemoteJwks,
    RequirementRule,
)
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher
from envoy_data_plane.google.protobuf import Any as Packed
from envoy_data_plane.google.protobuf import Empty

from extproc.bootstrap.clusters import WORKERS
from extproc.config.doors import Door
from extproc.config.types import Identity, Issuer, Limits
from extproc.control.callers import CREDENTIAL_HEADERS
from extproc.identity import SKEW, SPIFFE_ID, SUBJECT

METADATA_NAMESPACE: Final = "envoy.filters.http.jwt_authn"
"""Where Envoy's jwt_authn writes; fixed by Envoy."""
FAILURE_KEY: Final = "failure_"
"""The metadata key, before the issuer's number, of a token that did not hold; with one key for all, the last one wins."""

_KEYS_TIMEOUT: Final = timedelta(seconds=5)
_TOKENS_KEPT: Final = 1000

_REQUEST_ATTRIBUTES: Final = ("source.address",)
_CERTIFICATE: Final = (SPIFFE_ID, SUBJECT)
_RESPONSE_ATTRIBUTES: Final = (*_REQUEST_ATTRIBUTES, "response.code_details")
"""The request's too: a stream that begins at the response has had no request event."""

Headers = Sequence[tuple[str, str]]
"""Where one engine's clients put a credential: (header name, value prefix)."""


def http_filters(door: Door, identity: Identity, limits: Limits, headers: Headers) -> list[HttpFilter]:
    """Return the filters of one door's listener, in order."""
    return [
        _tokens(identity, headers),
        HttpFilter(name="envoy.filters.http.ext_proc", typed_config=Packed.pack(_ext_proc(door, identity, limits))),
        _router(),
    ]


def control_filters(identity: Identity) -> list[HttpFilter]:
    """Return the filters of the control API's listener: whoever has no token that holds is refused there, on record."""
    return [_tokens(identity, CREDENTIAL_HEADERS), _router()]


def _tokens(identity: Identity, headers: Headers) -> HttpFilter:
    return HttpFilter(name="envoy.filters.http.jwt_authn", typed_config=Packed.pack(_jwt_authn(identity, headers)))


def _router() -> HttpFilter:
    return HttpFilter(name="envoy.filters.http.router", typed_config=Packed.pack(Router(suppress_envoy_headers=True)))


def keys_cluster(index: int) -> str:
    """Return the name of the cluster that gives the keys of the issuer number `index`."""
    return f"keys_{index}"


def workers_service(door: str) -> GrpcService:
    """Return the gRPC service of the workers, with metadata that says through which door a stream comes."""
    return GrpcService(
        envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=WORKERS, authority="vecgate"),
        initial_metadata=[HeaderValue(key="vecgate-door", value=door)],
    )


def _jwt_authn(identity: Identity, headers: Headers) -> JwtAuthentication:
    providers = {
        f"issuer_{index}": _provider(issuer, index, identity.metadata.key, headers)
        for index, issuer in enumerate(identity.issuers)
    }
    any_of = [JwtRequirement(provider_name=name) for name in providers]
    any_of.append(JwtRequirement(allow_missing_or_failed=Empty()))
    requires = JwtRequirement(requires_any=JwtRequirementOrList(requirements=any_of))
    return JwtAuthentication(
        providers=providers, rules=[RequirementRule(match=RouteMatch(prefix="/"), requires=requires)], stat_prefix="vecgate"
    )


def _provider(issuer: Issuer, index: int, key: str, headers: Headers) -> JwtProvider:
    remote, local = None, None
    if issuer.jwks.uri:
        remote = RemoteJwks(
            http_uri=HttpUri(uri=str(issuer.jwks.uri), cluster=keys_cluster(index), timeout=_KEYS_TIMEOUT),
            cache_duration=timedelta(seconds=issuer.jwks.cache),
            async_fetch=JwksAsyncFetch(),
        )
    else:
        local = DataSource(filename=str(issuer.jwks.file))
    return JwtProvider(
        issuer=issuer.issuer,
        audiences=list(issuer.audiences),
        # A token without an expiry is refused by `identity`, which can say why; Envoy would call it a bad signature.
        require_expiration=False,
        clock_skew_seconds=SKEW,
        remote_jwks=remote,
        local_jwks=local,
        # What Envoy remembers of a token outlives the key that signed it: only where keys never change is that harmless.
        jwt_cache_config=JwtCacheConfig(jwt_cache_size=_TOKENS_KEPT) if local else None,
        # ext_proc itself takes the token off; `forward: false` would leave one that does not hold in place.
        forward=True,
        # A place named here also ends Envoy's habit of looking into the query string.
        from_headers=[JwtHeader(name=name, value_prefix=prefix) for name, prefix in headers],
        payload_in_metadata=f"{key}{index}",
        failed_status_in_metadata=f"{FAILURE_KEY}{index}",
    )


def _ext_proc(door: Door, identity: Identity, limits: Limits) -> ExternalProcessor:
    namespaces = MetadataOptionsMetadataNamespaces(untyped=[identity.metadata.namespace])
    return ExternalProcessor(
        grpc_service=workers_service(door.name),
        failure_mode_allow=False,
        allow_mode_override=False,
        message_timeout=timedelta(seconds=limits.message_timeout),
        stat_prefix=f"ext_proc.{door.name}",
        processing_mode=ProcessingMode(
            request_header_mode=ProcessingModeHeaderSendMode.SEND,
            request_body_mode=ProcessingModeBodySendMode.BUFFERED,
            # Trailers are sent so that they can be refused: a request of a head and trailers has no body message, and Envoy
            # would let it pass on what was said to its head alone.
            request_trailer_mode=ProcessingModeHeaderSendMode.SEND,
            response_header_mode=ProcessingModeHeaderSendMode.SEND,
            response_body_mode=ProcessingModeBodySendMode.BUFFERED,
            response_trailer_mode=ProcessingModeHeaderSendMode.SEND,
        ),
        metadata_options=MetadataOptions(forwarding_namespaces=namespaces),
        request_attributes=[*_REQUEST_ATTRIBUTES, *(_CERTIFICATE if door.database.tls and door.database.tls.client_ca else ())],
        response_attributes=list(_RESPONSE_ATTRIBUTES),
        # Method and path are the adapter's to write, and Envoy's own fields are taken off; host and scheme stay, and what
        # is not allowed is an error, never silently left undone.
        mutation_rules=HeaderMutationRules(
            allow_envoy=True, allow_expression=RegexMatcher(regex=":(method|path)"), disallow_is_error=True
        ),
    )
