"""Signed notes as c2sp.org/signed-note has them, and the cosignatures of c2sp.org/tlog-cosignature on them. Pure.

A note is text and lines of signatures; a verifier key says whose they are, and of which kind: the signer's own Ed25519, or the
timestamped Ed25519 of a witness. Signatures of keys that are not asked for are passed over, as the specification has it; one
of a key that is asked for and does not hold makes the whole note invalid.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from extproc.secret import Secret

_DASH: Final = "\N{EM DASH} "
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_TIME_BYTES: Final = 8
_MOST_SIGNATURES: Final = 64
_NAME: Final = re.compile(r"[^\s+]+")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Kind(IntEnum):
    """The signature types that are understood, by their bytes."""

    SIGNER = 1
    WITNESS = 4


class Unverified(ValueError):
    """A note, a key or a signature does not hold; the text says which."""


class Signature(NamedTuple):
    """One signature line: the key's name and id, and what it made, raw."""

    name: str
    key: bytes
    made: bytes

    @property
    def line(self) -> str:
        """The line, with its line feed."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key + self.made).decode()}\n"


class Note(NamedTuple):
    """A note whose form holds; its signatures are not verified yet. `text` ends with a line feed."""

    text: str
    signatures: tuple[Signature, ...]

    @property
    def content(self) -> bytes:
        """The note as it is written down."""
        return f"{self.text}\n{''.join(each.line for each in self.signatures)}".encode()


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whose signatures hold: a name, a public key of 32 bytes, and the kind of signature."""

    name: str
    public: bytes
    kind: Kind = Kind.SIGNER

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Return the verifier key in its form as text. Raises `Unverified`."""
        name, identifier, encoded = [*text.split("+", 2), "", ""][:3]
        key = _decoded(encoded, f"{text!r} is not a verifier key: NAME+ID+KEY")
        if not _NAME.fullmatch(name) or len(key) != 1 + _KEY_BYTES or key[0] not in set(Kind):
            raise Unverified(f"{text!r} is not a verifier key of Ed25519")
        found = cls(name, key[1:], Kind(key[0]))
        if found.id.hex() != identifier:
            raise Unverified(f"{text!r}: the id is not that of the key")
        return found

    @property
    def id(self) -> bytes:
        """The four bytes that tell the keys of one name apart."""
        return sha256(b"%b\n%c%b" % (self.name.encode(), self.kind, self.public)).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """Return the key in its form as text."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def made(self, signature: Signature) -> bool:
        """Whether the signature says that it is of this key."""
        return (signature.name, signature.key) == (self.name, self.id)

    def verify(self, text: str, signature: Signature) -> int | None:
        """Return the time of a witness's signature (Unix seconds), None for any other. Raises `Unverified`."""
        made, message, time = signature.made, text.encode(), None
        if self.kind is Kind.WITNESS:
            time = int.from_bytes(made[:_TIME_BYTES])
            made, message = made[_TIME_BYTES:], cosigned(text, time)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(made, message)
        except (InvalidSignature, ValueError) as error:
            raise Unverified(f"the signature of {self.name} does not hold") from error
        return time


@dataclass(frozen=True, slots=True)
class Signer:
    """A name and the private key that signs under it."""

    name: str
    key: Ed25519PrivateKey

    @classmethod
    def load(cls, name: str, pem: Secret) -> Signer:
        """Return the signer of an Ed25519 key in PEM. Raises `Unverified`."""
        key = serialization.load_pem_private_key(pem.reveal(), password=None)
        if not isinstance(key, Ed25519PrivateKey) or not _NAME.fullmatch(name):
            raise Unverified("only Ed25519 keys sign, under a name without spaces and plus signs")
        return cls(name, key)

    @property
    def verifier(self) -> Verifier:
        """The verifier key."""
        public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return Verifier(self.name, public)

    def sign(self, text: str) -> Signature:
        """Return the signature of `text`, which ends with a line feed."""
        return Signature(self.name, self.verifier.id, self.key.sign(text.encode()))


def cosigned(text: str, time: int) -> bytes:
    """Return what a witness signs at `time` (Unix seconds) of a note's text."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def parse(content: bytes) -> Note:
    """Return the note in `content`. Raises `Unverified` for what is none."""
    try:
        whole = content.decode()
    except UnicodeDecodeError as error:
        raise Unverified("a note is UTF-8") from error
    text, gap, lines = whole.rpartition("\n\n")
    if not gap or not text or not lines.endswith("\n") or _CONTROL.search(whole):
        raise Unverified("this is no signed note")
    return Note(text + "\n", signatures(lines))


def signatures(lines: str) -> tuple[Signature, ...]:
    """Return the signatures in lines of a note, or of a witness's answer. Raises `Unverified`."""
    found = lines.removesuffix("\n").split("\n")
    if len(found) > _MOST_SIGNATURES:
        raise Unverified("too many signatures")
    return tuple([_signature(line) for line in found])


def verify(note: Note, verifiers: Iterable[Verifier]) -> dict[Verifier, int | None]:
    """Return which of `verifiers` signed `note`, and when, where they say so.

    Raises `Unverified` where a signature of one of them does not hold.
    """
    return {
        verifier: verifier.verify(note.text, signature)
        for verifier in verifiers
        for signature in note.signatures
        if verifier.made(signature)
    }


def signed(text: str, signers: Sequence[Signer]) -> Note:
    """Return `text`, which ends with a line feed, signed by all of `signers`."""
    return Note(text, tuple([signer.sign(text) for signer in signers]))


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    made = _decoded(encoded, "a signature line is not of its form")
    if not line.startswith(_DASH) or not _NAME.fullmatch(name) or len(made) <= _ID_BYTES:
        raise Unverified("a signature line is not of its form")
    return Signature(name, made[:_ID_BYTES], made[_ID_BYTES:])


def _decoded(text: str, otherwise: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unverified(otherwise) from error
    if base64.b64encode(found).decode() != text:  # one signature has one form
        raise Unverified(otherwise)
    return found
