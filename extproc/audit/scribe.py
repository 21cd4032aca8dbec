"""The scribe: makes the record of an entry, with its index, key, salts, sealed parts and leaf.

It counts indexes from where the journal stands, and draws keys for many entries at once, whose slots must be on the disk before
the first of their records. Synchronous, no I/O; what it draws is random.
"""

from __future__ import annotations

import secrets
from collections import deque
from typing import Final

from extproc.audit import leaf as leaves
from extproc.audit import tiles
from extproc.audit.entry import Entry
from extproc.audit.journal import Slots
from extproc.audit.sealing import Hidden, Sealer, Wrapper, fresh_keys, pack
from extproc.audit.segments import Record
from extproc.errors import AuditError
from extproc.secret import Secret

_KEYS_AHEAD: Final = 64  # a quarter of a millisecond of wrapping


class Scribe:
    """Makes the records of one worker, the next of which gets the index `following`; its log is called `log`."""

    def __init__(self, sealing_key: Secret, log: str, worker: str, following: int) -> None:
        self._log = log
        self._wrapper = Wrapper(sealing_key, worker)
        self._sealer = Sealer(worker)
        self._following = following
        self._keys: deque[tuple[bytes, bytes]] = deque()  # and their slots
        self._salts: list[leaves.Salts] = []

    def write(self, entry: Entry, packed: bytes | None = None) -> tuple[Record, Slots | None]:
        """Return the record of `entry` and, where new keys were drawn for it, slots that must be on the disk before it.

        `packed` is its recording where that was packed already. Raises `AuditError` for an entry that has no canonical form; it
        takes no index.
        """
        index = self._following
        slots = None if self._keys else self._draw(index)
        if packed is None and entry.recording is not None:
            packed = pack(entry.recording, self._sealer.compressor)
        salts = self._salts[-1]
        key, slot = self._keys[0]
        try:
            private, recording = self._sealer.seal(Hidden(salts=salts, private=entry.private), packed, key, index)
            leaf = leaves.encode(
                entry, log=self._log, index=index, salts=salts, slot=slot, private=private, recording=recording
            )
            tiles.bundled(leaf)
        except (ValueError, TypeError, OverflowError) as error:
            if slots is not None:
                self._keys.clear()  # their slots go nowhere
            raise AuditError("an entry has no canonical form") from error
        self._keys.popleft()
        self._salts.pop()
        self._following += 1
        return Record(index=index, leaf=leaf, private=private, recording=recording or b""), slots

    def _draw(self, index: int) -> Slots:
        keys = fresh_keys(_KEYS_AHEAD)
        slots = [self._wrapper.slot(key, index + ahead) for ahead, key in enumerate(keys)]
        self._keys.extend(zip(keys, slots, strict=True))
        self._salts = [leaves.Salts.cut(secrets.token_bytes(3 * leaves.SALT_BYTES)) for _ in keys]
        return Slots(index, b"".join(slots))
