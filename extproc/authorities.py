"""Whom this machine trusts to vouch for servers: the bundle that Envoy and this service both verify a database against.

OpenSSL's own default differs between distributions, and the HTTP library would bring a bundle of its own; two readers of one
configuration must not trust two sets of authorities.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from extproc.errors import ConfigError
from extproc.secret import SecretFile

_BUNDLES: Final = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)


def system_authorities() -> SecretFile:
    """Return the system's bundle of certificate authorities. Raises `ConfigError` where there is none."""
    for path in _BUNDLES:
        if path.is_file():
            return SecretFile(path=path)
    raise ConfigError("this system has no bundle of certificate authorities; name one in upstream_tls.ca")
