"""An issuer of tokens with keys of its own, and the forger beside it."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

ISSUER = "https://idp.test/realms/main"
AUDIENCE = "vecgate"


@dataclass(slots=True)
class TestIssuer:
    """Signs tokens with one EC key; `jwks` is what the gateway is given."""

    __test__ = False
    issuer: str = ISSUER
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"}))

    def jwks(self) -> str:
        """Return the public key set."""
        return json.dumps(KeySet([self.key]).as_dict(private=False))

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
        return jwt.encode({"alg": "ES256", "kid": "k1"}, self.claims(*roles, **changes), self.key)

    def forged(self, *roles: str) -> str:
        """Return a token that says the same but is signed with a key of the forger's under the real key's id."""
        stranger = ECKey.generate_key("P-256", {"kid": "k1"})
        return jwt.encode({"alg": "ES256", "kid": "k1"}, self.claims(*roles), stranger)

    def unsigned(self, *roles: str) -> str:
        """Return a token with algorithm none."""
        parts = [{"alg": "none", "typ": "JWT"}, self.claims(*roles)]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return ".".join([*encoded, ""])

    def confused(self, *roles: str) -> str:
        """Return a token signed by HMAC with the public key's text as the secret."""
        secret = OctKey.import_key(self.key.as_pem(private=False))
        return jwt.encode({"alg": "HS256", "kid": "k1"}, self.claims(*roles), secret)
