"""Every way in which an exchange, or the start of the program, can fail.

Each error carries a stable snake_case `code`, which is the reason in a denial, a span and a leaf, and an HTTP `status` as a
hint to the adapter. Messages are for people and name fields, options and files; they never hold a value of a record, a
filter, a vector or a token. Foreign exceptions are turned into these at the edge that raises them.
"""

from __future__ import annotations

from typing import ClassVar


class Error(Exception):
    """The root; raised only as one of its kinds. `code` is the reason, `status` the HTTP status that suits it."""

    default_code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class Unauthenticated(Error):
    """Nobody we know: no credential, or one that does not hold. `code` is one of the reasons in `identity`."""

    default_code = "token_missing"
    status = 401


class Malformed(Error):
    """The request cannot be read: broken JSON, duplicate keys, a value of the wrong type."""

    default_code = "request_malformed"
    status = 400


class Unrecognised(Error):
    """A route, method, field or form that this gateway does not know, and therefore refuses."""

    default_code = "request_unrecognised"
    status = 403


class TooLarge(Error):
    """A body over `limits.body`."""

    default_code = "request_too_large"
    status = 413


class Unsupported(Error):
    """A content type or content encoding that cannot be read here."""

    default_code = "content_unsupported"
    status = 415


class Denied(Error):
    """The policy said no, or said yes under a condition that is not met."""

    default_code = "policy_denied"
    status = 403


class Unfulfillable(Denied):
    """The policy allows this only under an obligation that cannot be fulfilled for this operation."""

    default_code = "obligation_unsupported"


class EngineError(Denied):
    """The policy engine gave no usable decision: undefined, late, down, several results, or not of the contract's form."""

    default_code = "policy_unavailable"


class NotFound(Error):
    """A name or id in the request belongs to nothing in the database."""

    default_code = "not_found"
    status = 404


class UpstreamError(Error):
    """The database did not answer a question, or answered something that cannot be passed on."""

    default_code = "upstream_unreadable"
    status = 502


class CredentialRefused(UpstreamError):
    """The database does not take the gateway's own credential."""

    default_code = "credential_refused"


class AuditError(Error):
    """Evidence cannot be written, so nothing is let through."""

    default_code = "audit_unavailable"
    status = 500


class CredentialError(Error):
    """The gateway's own credential for the database is not to be had."""

    default_code = "credential_unavailable"
    status = 500


class StoreError(Error):
    """The store cannot be reached, or is not of this version's form."""

    default_code = "store_unavailable"
    status = 503


class StreamError(Error):
    """Envoy and this service disagree about the exchange; it is aborted, and nothing of it comes out."""

    default_code = "stream_unlawful"


class ConfigError(Error):
    """A mistake in `vecgate.yaml` or in what it names; the message says where and what to do."""

    default_code = "config_invalid"


class SecretMissing(ConfigError):
    """A secret that is named in the configuration is absent, unreadable or empty. Its message is where it was sought."""

    default_code = "secret_missing"
