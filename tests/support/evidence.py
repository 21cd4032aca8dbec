"""Made-up entries, and files that fail, for tests of evidence."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extproc.audit import clerk
from extproc.audit.entry import Entry, Fact, Private, Recording
from extproc.audit.files import Files
from extproc.audit.keys import Keys
from extproc.errors import AuditError
from extproc.operation import Principal
from extproc.secret import Secret

KEY = Secret(b"k" * 32)
SIGNING, FORMER = (
    Secret(
        Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for number in (1, 2)
)
KEYS = Keys(KEY, (SIGNING,))
SECOND = 1_000_000_000
PERSON = "rita.reader@example.com"
SOURCE = "203.0.113.77"
BODY = b'{"where":{"ssn":"078-05-1120"},"n_results":3}'

PRINCIPAL = Principal(
    id="https://idp.example.com#subject-4711",
    issuer="https://idp.example.com",
    subject="subject-4711",
    person=PERSON,
    kind="human",
    roles=("role-of-rita",),
    groups=(),
    claims={"email": PERSON},
)


def entry(number: int = 0, *, body: bytes | None = BODY, **changed: Any) -> Entry:
    """Return an entry of an allowed query, told apart by its exchange."""
    made = Entry(
        kind="intent",
        time_ns=1_700_000_000 * SECOND + number,
        exchange=f"exchange-{number}",
        database="kb",
        engine="chroma",
        facts=(Fact(action="query", scope="records", collection="tickets", decision="allow", obligations=("mask",)),),
        decision="allow",
        revision="r1",
        private=Private(
            principal=PRINCIPAL,
            source=SOURCE,
            user_agent="client/1",
            inputs=(msgspec.Raw(b'{"operation":{"filter":"078-05-1120"}}'),),
            decisions=(msgspec.Raw(b'{"allow":true}'),),
        ),
        recording=None if body is None else Recording(method="POST", target="/query", body=body),
    )
    return msgspec.structs.replace(made, **changed)


class BrokenFiles(Files):
    """Files that fail as long as they are told to.

    With `full`, a durable write leaves half of its bytes and fails as on a full disk; with `stuck`, no sync and no renaming
    succeeds; with `frozen`, nothing can be opened. `durable` counts durable writes, one sync of the disk each.
    """

    def __init__(self) -> None:
        self.full = False
        self.stuck = False
        self.frozen = False
        self.durable = 0
        self._durable: set[int] = set()

    def open(self, path: Path, *, durable: bool, empty: bool = False) -> int:
        """Open, unless frozen."""
        if self.frozen:
            raise OSError(errno.EROFS, "Read-only file system")
        descriptor = super().open(path, durable=durable, empty=empty)
        (self._durable.add if durable else self._durable.discard)(descriptor)
        return descriptor

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write, or write half and fail."""
        if descriptor in self._durable:
            self.durable += 1
            if self.full:
                super().write(descriptor, data[: len(data) // 2], offset)
                raise OSError(errno.ENOSPC, "No space left on device")
        super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        """Sync, or fail."""
        if self.stuck:
            raise OSError(errno.EIO, "Input/output error")
        super().sync(descriptor)

    def rename(self, path: Path, new: Path) -> None:
        """Rename, or fail."""
        if self.stuck:
            raise OSError(errno.EIO, "Input/output error")
        super().rename(path, new)


class SlowFiles(Files):
    """Files whose records take `seconds` to write."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write, late."""
        if data.startswith(b"VGR1"):
            time.sleep(self.seconds)
        super().write(descriptor, data, offset)


class ThreadedClerk:
    """A clerk in a thread of this process, on whatever files a test gives it; a `Companion` to a ledger."""

    def __init__(self, files: Files) -> None:
        self.connection, theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._work, args=(theirs, files), name="clerk", daemon=True)
        self._thread.start()

    @staticmethod
    def _work(connection: socket.socket, files: Files) -> None:
        with connection, suppress(AuditError, OSError):
            clerk.serve(connection, files, patience=0.0)

    def leave(self, patience: float) -> None:
        """Let go of it and wait."""
        self.connection.close()
        self._thread.join(patience)

    def kill(self) -> None:
        """Hang up on it: a thread cannot be killed."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.leave(5.0)
