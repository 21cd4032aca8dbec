"""The signature of a bundle, as OPA has it: one JSON Web Signature over the digests of all files.

Held against OPA itself both ways: what is signed here OPA verifies, what OPA signs is verified here. The algorithm follows
from the key and never from the signature. Structured files are digested by what they say, others by their bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from extproc.engines.bundle import DATA_FILES, MANIFEST, Files
from extproc.secret import Secret

SIGNATURES: Final = ".signatures.json"
_HASH: Final = "SHA-256"
_SHORTEST_RSA: Final = 2048
_STRUCTURED: Final = DATA_FILES | {MANIFEST}
_DEFAULT_PLUGINS: Final = frozenset({"", "_default"})


class _Signatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signatures: tuple[str, ...]
    plugin: str = ""


class _File(msgspec.Struct, frozen=True):
    name: str
    hash: str
    algorithm: str


class _Signed(msgspec.Struct, frozen=True):
    files: tuple[_File, ...]
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key in PEM form, and the one algorithm that it verifies: ``ES256`` for P-256, ``RS256`` for RSA."""

    algorithm: str
    pem: str

    @classmethod
    def read(cls, pem: bytes) -> VerificationKey:
        """Read a public key. Raises `ValueError` for anything else, a private key included."""
        try:
            match load_pem_public_key(pem):
                case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
                    return cls(algorithm="ES256", pem=pem.decode())
                case rsa.RSAPublicKey(key_size=size) if size >= _SHORTEST_RSA:
                    return cls(algorithm="RS256", pem=pem.decode())
        except (ValueError, UnsupportedAlgorithm):
            pass
        message = "is no public key in PEM form; use EC P-256, or RSA of 2048 bits or more"
        raise ValueError(message)


class SigningKey:
    """A private EC key on P-256."""

    def __init__(self, key: ECKey) -> None:
        self._key = key

    @classmethod
    def create(cls) -> SigningKey:
        """Make a new key."""
        return cls(ECKey.generate_key("P-256"))

    @classmethod
    def read(cls, pem: Secret) -> SigningKey:
        """Read a private key in PEM form. Raises `ValueError` for anything else."""
        try:
            key = ECKey.import_key(pem.reveal())
        except (ValueError, TypeError, JoseError, UnsupportedAlgorithm):
            key = None
        if key is None or not key.is_private or key.curve_name != "P-256":
            message = "is no private EC key on P-256 in PEM form"
            raise ValueError(message) from None
        return cls(key)

    def private(self) -> Secret:
        """Return the key itself, in PEM form (PKCS #8)."""
        return Secret(self._key.as_pem(private=True))

    def public(self) -> VerificationKey:
        """Return what verifies its signatures."""
        return VerificationKey(algorithm="ES256", pem=self._key.as_pem(private=False).decode())

    def sign(self, files: Files) -> dict[str, bytes]:
        """Return `files` with a signature among them."""
        listed = [{"name": name, "hash": digest(name, content), "algorithm": _HASH} for name, content in sorted(files.items())]
        payload = json.dumps({"files": listed}, separators=(",", ":"))
        token = jws.serialize_compact({"alg": "ES256"}, payload, self._key)
        return {**files, SIGNATURES: json.dumps({"signatures": [token]}).encode()}


def verify(files: Files, key: VerificationKey) -> None:
    """Hold `files` against the signature among them: every file, and no other. Raises `ValueError` with what is wrong."""
    if SIGNATURES not in files:
        raise _wrong("is not signed")
    listed = _signed(files[SIGNATURES], key)
    if listed.keys() != files.keys() - {SIGNATURES}:
        raise _wrong("holds other files than were signed")
    for name, expected in listed.items():
        if not hmac.compare_digest(digest(name, files[name]).encode(), expected.encode()):
            raise _wrong(f"has a file that is not the one that was signed: {name!r}")


def digest(name: str, content: bytes) -> str:
    """Return OPA's SHA-256 of a file, in hex. Raises `ValueError` for a structured file that is no JSON."""
    base = PurePosixPath(name).name
    if base not in _STRUCTURED:
        return hashlib.sha256(content).hexdigest()
    if not base.endswith((".json", MANIFEST)):
        raise _wrong("holds data in YAML; a signed bundle holds it in data.json")
    try:
        value = json.loads(content, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
        return hashlib.sha256(_canonical(value).encode()).hexdigest()
    except (ValueError, RecursionError):
        raise _wrong(f"has a file that is no JSON: {name!r}") from None


class _Number(str):
    """A number as it is written: to OPA ``1`` and ``1.0`` are two contents."""

    __slots__ = ()


def _canonical(value: Any) -> str:
    """Return the text that OPA digests: members sorted, no spaces, numbers as written, strings as Go escapes them."""
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_canonical(name)}:{_canonical(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(_canonical, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        case _:
            return json.dumps(value)


def _signed(document: bytes, key: VerificationKey) -> dict[str, str]:
    """Return the digests that were signed, by name."""
    public = (ECKey if key.algorithm == "ES256" else RSAKey).import_key(key.pem)
    try:
        found = msgspec.json.decode(document, type=_Signatures)
        (token,) = found.signatures
        payload = jws.deserialize_compact(token, public, algorithms=[key.algorithm]).payload
        signed = msgspec.json.decode(payload, type=_Signed)
    except (ValueError, JoseError, RecursionError):
        raise _wrong("is not signed with this key") from None
    listed = {file.name: file.hash for file in signed.files}
    plain = len(listed) == len(signed.files) and all(file.algorithm == _HASH for file in signed.files)
    if not plain or signed.scope or found.plugin not in _DEFAULT_PLUGINS:
        raise _wrong(f"is signed in a way that is not taken here; digests are {_HASH}, without scope or plugin")
    return listed


def _wrong(what: str) -> ValueError:
    return ValueError(what)
