"""The credentials that a Qdrant server takes: its key, or a JWT signed with it that names collections and seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey


class Refused(Exception):
    """Nobody is let in with this credential."""


class Forbidden(Exception):
    """The credential does not reach so far."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a credential allows: everything (`m`), reading everything (`r`), or collection by collection."""

    claim: Any

    def require(self, collections: list[str], *, write: bool) -> None:
        """Raise `Forbidden` where this does not reach; no collection at all means the whole server."""
        if self.claim == "m" or (self.claim == "r" and not write):
            return
        if not isinstance(self.claim, list) or not collections:
            raise Forbidden
        for name in collections:
            if not any(each["collection"] == name and (each["access"] == "rw" or not write) for each in self.claim):
                raise Forbidden


class Keys:
    """The key of a server, or none, which lets everybody in."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def admit(self, headers: dict[str, str]) -> Access:
        """Return what the credential among `headers` allows; `api-key` counts before `authorization`. Raises `Refused`."""
        if self._key is None:
            return Access("m")
        sent = headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if sent == self._key:
            return Access("m")
        try:
            claims = jwt.decode(sent, OctKey.import_key(self._key), algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(claims)
        except (JoseError, ValueError) as error:
            raise Refused from error
        return Access(claims.get("access", "m"))
