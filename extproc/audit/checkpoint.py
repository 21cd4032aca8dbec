"""A checkpoint: the name of a log, its size and the root of its tree, in the form of c2sp.org/tlog-checkpoint. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from extproc.audit.merkle import HASH_BYTES
from extproc.audit.note import Unverified

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LEAST_LINES: Final = 3


class Checkpoint(NamedTuple):
    """What a log says of itself. `origin` is its name; there are no extension lines."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint in a note's text; lines beyond the third are passed over. Raises `Unverified`."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < _LEAST_LINES or not all(lines) or not _SIZE.fullmatch(lines[1]):
            raise Unverified("this is no checkpoint")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except binascii.Error as error:
            raise Unverified("a checkpoint's root is not base64") from error
        if len(root) != HASH_BYTES or base64.b64encode(root).decode() != lines[2]:
            raise Unverified("a checkpoint's root is not a SHA-256")
        return cls(lines[0], int(lines[1]), root)

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"
