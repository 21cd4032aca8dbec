"""The process that shows checkpoints to witnesses: ``python -m extproc.audit.cosigning FD``, started by `courier` alone.

A witness (c2sp.org/tlog-witness) signs a checkpoint if the tree grew from the last one that it has signed, so it notices what
nobody on this machine could: an older state of the log put back, another log in its place. This process reads which witnesses
there are and where the log lies, then checkpoints; it answers each with the signatures that came in time. It holds no key.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import sys
from pathlib import Path
from typing import Final

import httpx
import msgspec

from extproc.audit import merkle, note
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.note import Note, Signature, Unverified, Verifier
from extproc.audit.orders import Errand, Frames, Witness, frame
from extproc.audit.published import Published
from extproc.errors import AuditError

_READ: Final = 1 << 16
_SIZE_TYPE: Final = "text/x.tlog.size"
_LONGEST_ANSWER: Final = 64 << 10
_MOST_DIGITS: Final = 20
_log = logging.getLogger(__name__)


class Asker:
    """Asks one witness, and remembers how far it has seen the log."""

    def __init__(self, witness: Witness, published: Published, client: httpx.AsyncClient, patience: float) -> None:
        self._verifier = Verifier.parse(witness.key)
        self._url = f"{witness.url.rstrip('/')}/add-checkpoint"
        self._published = published
        self._client = client
        self._patience = patience
        self._seen = 0
        self._told = ""

    async def ask(self, shown: Note) -> Signature | None:
        """Return the witness's signature of `shown`; None where it gave none, which is told once."""
        try:
            async with asyncio.timeout(self._patience):
                found, told = await self._asked(shown), ""
        except (httpx.HTTPError, TimeoutError, AuditError, Unverified) as error:
            found, told = None, f"witness {self._verifier.name}: {str(error) or type(error).__name__}"
        if told != self._told:
            _log.log(logging.WARNING if told else logging.INFO, "%s", told or f"witness {self._verifier.name} signs again")
            self._told = told
        return found

    async def _asked(self, shown: Note) -> Signature:
        size = Checkpoint.parse(shown.text).size
        answer = await self._post(shown, size)
        if answer.status_code == httpx.codes.CONFLICT and answer.headers.get("content-type", "").startswith(_SIZE_TYPE):
            seen = answer.text.strip()
            if not (seen.isascii() and seen.isdecimal() and len(seen) <= _MOST_DIGITS):
                raise Unverified("says a size that is none")
            self._seen = int(seen)
            if self._seen > size:
                raise Unverified(f"has seen {seen} entries of this log, which has {size}: it was set back")
            answer = await self._post(shown, size)
        if answer.status_code != httpx.codes.OK:
            raise Unverified(f"answers {answer.status_code}")
        for signature in note.signatures(answer.text):
            if self._verifier.made(signature):
                self._verifier.verify(shown.text, signature)
                self._seen = size
                return signature
        raise Unverified("answers without its signature")

    async def _post(self, shown: Note, size: int) -> httpx.Response:
        ranges = merkle.consistency(self._seen, size) if self._seen <= size else []
        proof = [base64.b64encode(self._published.hash(*found)).decode() for found in ranges]
        lines = "".join(f"{line}\n" for line in (f"old {min(self._seen, size)}", *proof, ""))
        answer = await self._client.post(self._url, content=lines.encode() + shown.content)
        if len(answer.content) > _LONGEST_ANSWER:
            raise Unverified("answers far too much")
        return answer


async def serve(connection: socket.socket) -> None:
    """Read the errand, then show each checkpoint that comes; of those that have come meanwhile only the last."""
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    frames = Frames()
    errand: Errand | None = None
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:  # noqa: S113 - `Asker` keeps the time
        askers: list[Asker] = []
        while data := await loop.sock_recv(connection, _READ):
            frames.feed(data)
            contents = list(frames)
            if contents and errand is None:
                errand = msgspec.json.decode(contents.pop(0), type=Errand)
                published = Published(Path(errand.log))
                askers = [Asker(witness, published, client, errand.patience) for witness in errand.witnesses]
            if contents and errand is not None:
                shown = note.parse(msgspec.json.decode(contents[-1], type=str).encode())
                signatures = await asyncio.gather(*[asker.ask(shown) for asker in askers])
                cosigned = Note(shown.text, (*shown.signatures, *filter(None, signatures)))
                await loop.sock_sendall(connection, frame(cosigned.content.decode()))


def main() -> None:
    """Serve the socket whose file descriptor is the only argument."""
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        asyncio.run(serve(connection))


if __name__ == "__main__":
    main()
