"""What can be known to be wrong with issuers: their key files, and what their discovery documents say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from extproc import discovery
from extproc.config.types import Config
from extproc.errors import ConfigError

_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that make it private or symmetric: RFC 7518 sections 6.2.2, 6.3.2 and 6.4."""
_PUBLIC_TYPES: Final = frozenset({"EC", "RSA", "OKP"})


def issuer_warnings(config: Config) -> Iterator[str]:
    """Give what should not surprise anybody about the issuers. Raises `ConfigError` for what would not be safe."""
    for issuer in config.identity.issuers:
        if issuer.jwks.file:
            _check_keys(issuer.jwks.file)
        if issuer.demo:
            yield f"issuer {issuer.issuer} is marked `demo: true`: whoever can read its key is anybody"
    try:
        discovery.resolve(config)
    except discovery.Unanswered as error:
        yield f"{error}; until it does, `vecgate up` does not start"


def _check_keys(path: Path) -> None:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); put the issuer's JWKS there") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not a JSON document") from error
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ConfigError(f"{path}: is not a JWKS; it is an object with a list of `keys`")
    for key in keys:
        if key.keys() & _PRIVATE_MEMBERS or key.get("kty") not in _PUBLIC_TYPES:
            raise ConfigError(
                f"{path}: holds a private or symmetric key; only public keys belong here, and that key is now known"
            )
