"""Verifies Vecgate's audit logs, alone: copy this one file and read it; it needs Python and the package ``cryptography``.

    python standalone.py LOG_FOLDER VERIFIER_KEY... [--since OLD_CHECKPOINT]

LOG_FOLDER is ``log/<worker>`` of an audit directory. A VERIFIER_KEY is what ``vecgate audit key`` printed when the log was
young, kept where the gateway's owner cannot reach it; after a rotation name the new one too. OLD_CHECKPOINT is a copy of the
file ``checkpoint`` from an earlier day. It exits with 0 if everything holds, else with 1 and a line that says what does not.

A log is a list of leaves, JSON documents, of which only the end may grow. Every leaf is hashed, hashes are hashed in pairs up
to one root (RFC 6962, section 2.1), and the checkpoint is a note, signed, that says how many leaves there are and what the root
is (c2sp.org/tlog-checkpoint, c2sp.org/signed-note). So whoever changes, adds, removes or reorders a leaf needs the key to sign
another root; and whoever has the key still cannot take back a checkpoint that somebody else has kept. The hashes lie in *tiles*
of 256 and the leaves in *bundles* of 256 (c2sp.org/tlog-tiles); both are read in full here, and each must be what it should be.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EMPTY = sha256(b"").digest()
WIDTH = 256  # of a tile


class Wrong(Exception):
    """What does not hold, in one line."""


def main(arguments: list[str]) -> int:
    """Verify the log that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="log/<worker> of an audit directory")
    parser.add_argument("keys", nargs="+", help="verifier keys of the log")
    parser.add_argument("--since", type=Path, help="an earlier checkpoint of the same log")
    options = parser.parse_args(arguments)
    try:
        print(verify(options.folder, options.keys, options.since))  # noqa: T201 - this is a program of its own
    except (Wrong, OSError, ValueError) as error:
        print(f"DOES NOT HOLD: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def verify(folder: Path, keys: list[str], since: Path | None) -> str:
    """Return what was found to hold."""
    origin, size, root = read_checkpoint(folder / "checkpoint", keys)
    old_origin, old_size, old_root = read_checkpoint(since, keys) if since else (origin, 0, EMPTY)
    if old_origin != origin or old_size > size:
        raise Wrong(f"{since}: then it was {old_size} leaves of {old_origin}, and now it is {size} of {origin}")
    found, found_old = read_tree(folder, origin, size, old_size)
    if found != root:
        raise Wrong(f"{folder / 'checkpoint'}: the root is not that of the leaves")
    if found_old != old_root:
        raise Wrong(f"{since}: the first {old_size} leaves are not those that there were then")
    return f"{origin}: {size} leaves; signature, root and every tile hold"


# --- the signed note ------------------------------------------------------------------------------------------------------


def read_checkpoint(path: Path, keys: list[str]) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of a checkpoint that one of `keys` has signed."""
    text, gap, signatures = path.read_bytes().decode().rpartition("\n\n")
    if not gap:
        raise Wrong(f"{path}: this is no signed note")
    text += "\n"
    signers = 0
    for key in keys:
        name, key_id, encoded = key.split("+", 2)  # NAME+ID+KEY; the key is one byte, 1 for Ed25519, and 32 of the key itself
        public = base64.b64decode(encoded)
        if public[0] != 1 or sha256(name.encode() + b"\n" + public).hexdigest()[:8] != key_id:
            raise Wrong(f"{key}: this is no verifier key of Ed25519")
        for line in signatures.removesuffix("\n").split("\n"):
            dash, signer, made = line.split(" ")
            raw = base64.b64decode(made, validate=True)
            if (dash, signer, raw[:4].hex()) != ("\N{EM DASH}", name, key_id):
                continue  # somebody else's, such as a witness's
            try:
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], text.encode())
            except InvalidSignature:
                raise Wrong(f"{path}: the signature of {name} does not hold") from None
            signers += 1
    if not signers:
        raise Wrong(f"{path}: none of the keys has signed this")
    origin, size, root = text.split("\n")[:3]
    if not any(key.startswith(f"{origin}+") for key in keys):
        raise Wrong(f"{path}: this is the log {origin}, of which no key was named")
    return origin, int(size), base64.b64decode(root)


# --- the tree -------------------------------------------------------------------------------------------------------------


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash above two hashes."""
    return sha256(b"\1" + left + right).digest()


def read_tree(folder: Path, origin: str, size: int, old_size: int) -> tuple[bytes, bytes]:
    """Read every leaf and every tile of a tree of `size` leaves; return its root, and its root when it had `old_size`."""
    rows: list[list[bytes]] = [[] for _ in range(8)]  # of each level the tile that is being read
    old_root = EMPTY
    for first in range(0, size, WIDTH):
        width = min(WIDTH, size - first)
        path = folder / name_of("entries", first // WIDTH, width)
        content = path.read_bytes()
        for index in range(first, first + width):
            length = int.from_bytes(content[:2], "big")
            leaf, content = content[2 : 2 + length], content[2 + length :]
            if len(leaf) < length or not is_leaf(leaf, origin, index):
                raise Wrong(f"{path}: leaf {index} is not what it should be")
            rows[0].append(sha256(b"\0" + leaf).digest())
            if index + 1 == old_size:
                old_root = root_of_rows(rows)
        if content:
            raise Wrong(f"{path}: something follows the last leaf")
        verify_tiles(folder, rows, first + width, last=first + width == size)
    return root_of_rows(rows), old_root


def verify_tiles(folder: Path, rows: list[list[bytes]], size: int, *, last: bool) -> None:
    """Compare the tiles that are full at this size, or the last ones, with what was read, and go up a level where one is."""
    for level, row in enumerate(rows):
        if len(row) == WIDTH or (row and last):
            path = folder / name_of(str(level), (size - 1) // WIDTH ** (level + 1), len(row))
            if path.read_bytes() != b"".join(row):
                raise Wrong(f"{path}: this tile does not hold the hashes of what is below it")
        if len(row) == WIDTH:
            rows[level + 1].append(root_of(row))
            row.clear()


def is_leaf(leaf: bytes, origin: str, index: int) -> bool:
    """Whether this is a JSON object that names this log and this place in it."""
    try:
        found = json.loads(leaf)
        return (found["log"], found["index"]) == (origin, index)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def name_of(kind: str, index: int, width: int) -> str:
    """Return where a tile or bundle lies: three digits of its index a folder, the width where it is not full."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *folders, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    return "/".join(["tile", kind, *(f"x{each}" for each in folders), last]) + (f".p/{width}" if width < WIDTH else "")


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root above hashes: split before the largest power of two, as RFC 6962 does."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root_of(hashes[:left]), root_of(hashes[left:]))


def root_of_rows(rows: list[list[bytes]]) -> bytes:
    """Return the root of the whole tree: cut each row, highest level first, into whole trees; join them from the end."""
    whole: list[bytes] = []
    for row in reversed(rows):
        rest = row
        while rest:
            width = 1 << len(rest).bit_length() - 1
            whole.append(root_of(rest[:width]))
            rest = rest[width:]
    root = whole.pop() if whole else EMPTY
    while whole:
        root = node(whole.pop(), root)
    return root


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
