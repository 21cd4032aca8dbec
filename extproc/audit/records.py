"""The records of one worker, read from the beginning, and held against the leaves that commit to them.

Where a segment ends sooner than it should, or a record is damaged or gone, a `Finding` says which. What an unfinished write
left at the very end is no finding: the worker's next start puts it right. It knows no key.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from extproc.audit import segments
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.audit.segments import Whole
from extproc.errors import AuditError


class Finding(Exception):
    """What does not hold: where, at which entry if it is one, and what."""

    def __init__(self, place: str, what: str, index: int | None = None) -> None:
        super().__init__(place, what, index)
        self.place = place
        self.what = what
        self.index = index

    def __str__(self) -> str:
        """Return it in one line."""
        entry = "" if self.index is None else f", entry {self.index}"
        return f"{self.place}{entry}: {self.what}"


class Committed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a leaf says of the recording."""

    sha256: str | None


class Said(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a verifier reads of a leaf; the rest is passed over."""

    log: str
    index: int
    kind: str
    detail: dict[str, str]
    key: str
    private: str
    recording: Committed


_SAID: Any = msgspec.json.Decoder(Said)


def said(leaf: bytes, origin: str, index: int) -> Said | None:
    """Return what the leaf says, None where it is none of this log and place."""
    try:
        found: Said = _SAID.decode(leaf)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if (found.index, found.log) == (index, origin) else None


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One record as it lies there: its place in a segment, and its key slot; None in a mirror, which has no keys."""

    segment: memoryview
    whole: Whole
    slot: bytes | None
    file: str

    @property
    def private(self) -> bytes:
        """The ciphertext of the private part."""
        return bytes(self.segment[self.whole.private : self.whole.recording])

    @property
    def recording(self) -> bytes:
        """The ciphertext of the recording; empty where there is none."""
        return bytes(self.segment[self.whole.recording : self.whole.end])

    def agree(self, leaf: bytes, told: Said) -> None:
        """Hold it against the leaf that commits to it; an erased key is agreed with. Raises `Finding`."""
        segment, whole = self.segment, self.whole
        if whole.leaf != leaf:
            raise Finding(self.file, "the record holds another leaf than the log", told.index)
        if sha256(segment[whole.private : whole.recording]).hexdigest() != told.private:
            raise Finding(self.file, "the private part is not the one that the leaf commits to", told.index)
        recording = sha256(segment[whole.recording : whole.end]).hexdigest() if whole.end > whole.recording else None
        if recording != told.recording.sha256:
            raise Finding(self.file, "the recording is not the one that the leaf commits to", told.index)
        if self.slot is not None and sha256(self.slot).hexdigest() != told.key and self.slot != ERASED:
            raise Finding(f"{self.file[:-4]}keys", "the key is not the one that the leaf commits to", told.index)


class Records:
    """The records in `folder`, from the segment with the entry `start` on; `first` is the index of the first that there is.

    A `mirrored` folder has no keys, and only segments that are full. Once they were read, `torn` is the bytes of an unfinished
    one, and `orderly` whether nothing lies behind the last.
    """

    def __init__(self, folder: Path, start: int = 0, *, mirrored: bool = False) -> None:
        self._folder = folder
        self._firsts = segments.since(folder, start)
        self.first = self._firsts[0] if self._firsts else 0
        self._mirrored = mirrored
        self.torn = 0
        self.orderly = True

    def __iter__(self) -> Iterator[Kept]:
        """Give each in order. Raises `Finding`."""
        for first, following in zip(self._firsts, [*self._firsts[1:], None], strict=False):
            file = f"private/{self._folder.name}/{segments.name(first, 'seal')}"
            try:
                segment = (self._folder / segments.name(first, "seal")).read_bytes()
                slots = None if self._mirrored else (self._folder / segments.name(first, "keys")).read_bytes()
                view = memoryview(segment)
                index, end = first, segments.HEADER_BYTES
                for whole in segments.scan(segment, first):
                    at = (index - first) * SLOT_BYTES
                    yield Kept(view, whole, None if slots is None else slots[at : at + SLOT_BYTES], file)
                    index, end = index + 1, whole.end
            except (OSError, AuditError) as error:
                raise Finding(file, error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)) from error
            room = len(segment) - end + (0 if slots is None else abs(len(slots) - (index - first) * SLOT_BYTES))
            if following is None and not self._mirrored:
                self.torn = len(segment[end:].rstrip(b"\0"))
                self.orderly = not room
            elif following is not None and index != following:
                raise Finding(file, "the record is damaged or gone", index)
            elif room:
                raise Finding(file, "something follows the last record")
