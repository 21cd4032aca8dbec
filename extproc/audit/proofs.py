"""Proofs about a log, as text that can be checked without it.

That an entry is in it is a c2sp.org/tlog-proof, with the leaf itself as its extra data; that it grew from an earlier checkpoint
is what c2sp.org/tlog-witness sends to a witness: the old size, the hashes, and the checkpoint. Nothing that is read is
believed: a proof is checked before it is given away.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from extproc.audit import merkle, note
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.note import Note, Unverified, Verifier
from extproc.audit.published import Published

HEAD: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")


class Proven(NamedTuple):
    """An entry that is in a log: its leaf and its index (`place`), and the checkpoint that says so."""

    leaf: bytes
    place: int
    checkpoint: Checkpoint


def inclusion(published: Published, shown: Note, index: int) -> str:
    """Return the proof that the entry at `index` is under the checkpoint `shown`.

    Raises `Unverified` where there is no such entry or the log does not hold together, and `AuditError` where it is unreadable.
    """
    checkpoint = Checkpoint.parse(shown.text)
    if index >= checkpoint.size:
        raise Unverified(f"there is no entry {index} under this checkpoint, which has {checkpoint.size}")
    (leaf,) = published.leaves(index, index + 1)
    hashes = [published.hash(*found) for found in merkle.inclusion(index, checkpoint.size)]
    if merkle.root_above(merkle.leaf_hash(leaf), index, checkpoint.size, hashes) != checkpoint.root:
        raise Unverified(f"the log does not hold together at entry {index}: verify it")
    lines = [HEAD, f"extra {_encoded(leaf)}", f"index {index}", *map(_encoded, hashes), ""]
    return "\n".join(lines) + "\n" + shown.content.decode()


def consistency(published: Published, old: Checkpoint, shown: Note) -> str:
    """Return the proof that the log under `shown` begins with the one under `old`. Raises `Unverified`, `AuditError`."""
    checkpoint = Checkpoint.parse(shown.text)
    if old.origin != checkpoint.origin or old.size > checkpoint.size:
        raise Unverified(f"then it was {old.size} entries of {old.origin}, and now {checkpoint.size} of {checkpoint.origin}")
    hashes = [published.hash(*found) for found in merkle.consistency(old.size, checkpoint.size)]
    if not merkle.grew(old.size, old.root, checkpoint.size, checkpoint.root, hashes):
        raise Unverified(f"the first {old.size} entries are not those of then")
    return "\n".join([f"old {old.size}", *map(_encoded, hashes), ""]) + "\n" + shown.content.decode()


def verify(text: str, verifiers: Sequence[Verifier]) -> Proven:
    """Return what a proof of inclusion proves; one of `verifiers` must have signed its checkpoint. Raises `Unverified`."""
    head, gap, rest = text.partition("\n\n")
    first, extra, place, *encoded = [*head.split("\n"), "", ""]
    found = _INDEX.fullmatch(place)
    if not gap or first != HEAD or not extra.startswith("extra ") or found is None:
        raise Unverified("this is no proof of an entry with its leaf")
    shown = note.parse(rest.encode())
    checkpoint = Checkpoint.parse(shown.text)
    if not any(verifier.name == checkpoint.origin for verifier in note.verify(shown, verifiers)):
        raise Unverified("none of the keys has signed the checkpoint of this proof")
    try:
        leaf, *hashes = [_decoded(each) for each in (extra.removeprefix("extra "), *encoded[: len(encoded) - 2])]
        root = merkle.root_above(merkle.leaf_hash(leaf), int(found[1]), checkpoint.size, hashes)
    except (binascii.Error, ValueError) as error:
        raise Unverified("this proof is malformed") from error
    if root != checkpoint.root:
        raise Unverified("the entry is not in the tree of this checkpoint")
    return Proven(leaf, int(found[1]), checkpoint)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    """Return the bytes. Raises `ValueError`, also where the last character says more than they hold: a proof has one form."""
    found = base64.b64decode(text, validate=True)
    if _encoded(found) != text:
        raise ValueError
    return found
