"""An issuer of tokens with keys of its own, and the forger beside it."""

from __future__ import annotations

import base64
import hmac
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ISSUER = "https://idp.test/realms/main"
AUDIENCE = "vecgate"


def new_key(kid: str) -> ECKey:
    """Return a fresh signing key."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


@dataclass(slots=True)
class TestIssuer:
    """Signs tokens with one EC key; `jwks` is what the gateway is given: that key and those of `beside`."""

    __test__ = False
    issuer: str = ISSUER
    key: ECKey = field(default_factory=lambda: new_key("k1"))
    beside: list[ECKey] = field(default_factory=list)

    def jwks(self) -> str:
        """Return the public key set."""
        return json.dumps(KeySet([self.key, *self.beside]).as_dict(private=False))

    def write_jwks(self, directory: Path) -> Path:
        """Write the public key set to a file."""
        path = directory / "jwks.json"
        path.write_text(self.jwks())
        return path

    def claims(self, *roles: str, **changes: Any) -> dict[str, Any]:
        """Return lawful claims; a change to None takes the claim away."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": f"user-{'-'.join(roles) or 'nobody'}",
            "iat": now - 5,
            "exp": now + 600,
            "email": f"{'-'.join(roles) or 'nobody'}@corp.test",
            "realm_access": {"roles": list(roles)},
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, *roles: str, **changes: Any) -> str:
        """Return a signed token of a caller with these roles."""
        return self.signed({"kid": self.key.kid}, *roles, **changes)

    def signed(self, header: dict[str, Any], *roles: str, **changes: Any) -> str:
        """Return a token with this header beside the algorithm."""
        return jwt.encode({"alg": "ES256"} | header, self.claims(*roles, **changes), self.key)

    def forged(self, *roles: str) -> str:
        """Return a token that says the same but is signed with a key of the forger's under the real key's id."""
        stranger = ECKey.generate_key("P-256", {"kid": "k1"})
        return jwt.encode({"alg": "ES256", "kid": "k1"}, self.claims(*roles), stranger)

    def unsigned(self, *roles: str) -> str:
        """Return a token with algorithm none."""
        return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(self.claims(*roles))}."

    def confused(self, *roles: str) -> str:
        """Return a token signed by HMAC with the public key's text as the secret."""
        header = _encoded({"alg": "HS256", "kid": "k1", "typ": "JWT"})
        signed = f"{header}.{_encoded(self.claims(*roles))}"
        mac = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
