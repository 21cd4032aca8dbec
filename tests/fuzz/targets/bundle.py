"""A bundle file: what is taken of it is what was signed, file by file, and nothing that was not; a complaint is one line.

The input is a list of names and contents by turns. The files are signed, packed, unpacked, verified and read; then they are
changed, and must not be taken any more. The input as a whole is unpacked too, as if it were an archive.
"""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

from extproc.engines import archive, signature
from extproc.engines.build import build
from extproc.engines.bundle import MANIFEST, Files, plain_revision, read_bundle
from extproc.engines.signature import SIGNATURES, SigningKey
from extproc.errors import ConfigError
from fuzz.framing import split
from fuzz.mutation import frames as mutate

__all__ = ["check", "mutate"]

KEY: Final = SigningKey.create()
_PUBLIC: Final = KEY.public()
_OTHER: Final = SigningKey.create().public()
_PLACE: Final = Path("policies")


def check(data: bytes) -> None:
    """Sign, pack, unpack, verify and read the files; change one."""
    for raw in (data, gzip.compress(data.ljust(1024, b"\0"))):
        with suppress(ValueError):
            assert all(name.isprintable() for name in archive.unpack(raw))
    parts = list(split(data))
    files = {name.decode("utf-8", "replace"): content for name, content in list(pairwise(parts))[::2]}
    files.pop(SIGNATURES, None)
    complaint = ""
    try:
        taken = archive.unpack(archive.pack(KEY.sign(files)))
    except ValueError as error:  # a name that is none, or data that are none
        complaint = str(error)
    else:
        complaint = _taken(taken, files, sum(data))
    assert complaint.isprintable() or not complaint, "a complaint is more than one line"


def _taken(taken: dict[str, bytes], files: Files, chance: int) -> str:
    """Hold what came out of an archive against what went into it; return a complaint."""
    # Some names come out as others, or not at all.
    if any(name.startswith(("/", "./")) or name.endswith("/") or "\0" in name for name in files):
        assert _refused(taken)
        return ""
    signature.verify(taken, _PUBLIC)
    assert {name: content for name, content in taken.items() if name != SIGNATURES} == files
    assert _refused(taken, _OTHER)
    _change(taken, chance)
    return _read(files)


def _refused(files: Files, key: signature.VerificationKey = _PUBLIC) -> bool:
    try:
        signature.verify(files, key)
    except ValueError:
        return True
    return False


def _change(taken: dict[str, bytes], chance: int) -> None:
    """Take away, add and change a file: none of it may be taken for what was signed."""
    names = sorted(taken.keys() - {SIGNATURES})
    assert _refused({**taken, f"{chance}.new": b""})
    if not names:
        return
    name = names[chance % len(names)]
    assert _refused({each: content for each, content in taken.items() if each != name})
    changed = taken[name] + b"x"
    assert _refused({**taken, name: changed}), "a file was changed"


def _read(files: Files) -> str:
    """What is read is read the same again from the bundle file that is built of it; return a complaint."""
    try:
        bundle = read_bundle(files, _PLACE)
        built = build(files, _PLACE, KEY)
    except ConfigError as error:
        return str(error)
    again = archive.unpack(built.archive)
    assert plain_revision(bundle.revision)
    assert read_bundle({name: content for name, content in again.items() if name != SIGNATURES}, _PLACE) == bundle
    assert json.loads(again[MANIFEST])["revision"] == bundle.revision
    return ""
