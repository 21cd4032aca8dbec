"""The process that keeps a worker's book: ``python -m extproc.audit.clerk FD``, started by `ledger` and by nobody else.

It is a process of its own so that neither sealing nor hashing nor the disk nor telling spans takes time from the loop that
serves exchanges, and what comes while it writes goes to the disk together: a durable write costs the same for one entry as for
ten. It reads what it is to open, then orders, answers each once it is carried out, and ends with the stream. When nobody waits
it grows the log's tree and signs checkpoints. Should its worker die, it carries out what it was given and leaves the files
tidy. The keys of evidence are here alone.
"""

from __future__ import annotations

import contextlib
import gc
import math
import select
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from extproc.audit import orders
from extproc.audit.book import Book, Pace
from extproc.audit.courier import Courier
from extproc.audit.files import Files
from extproc.audit.journal import Journal, Place
from extproc.audit.keys import Keys, Pseudonyms
from extproc.audit.note import Signer
from extproc.audit.orders import Append, Close, Flush, Frames, Opening, Order, Result, Unready
from extproc.audit.scribe import Scribe
from extproc.audit.spans import Spans
from extproc.companion import Companion
from extproc.errors import AuditError, ConfigError
from extproc.secret import Secret

_READ: Final = 1 << 20  # bytes at a time
_BATCH_ENTRIES: Final = 256
_BATCH_BYTES: Final = 8 << 20
"""Bytes of entries that are written together; the last one taken may exceed it."""

_PATIENCE: Final = 5.0
"""Seconds to wait for a predecessor that is still carrying out what its dead worker gave it."""

_LOOK_EVERY: Final = 0.02
_MILLISECONDS: Final = 1000


def main() -> None:
    """Serve the socket whose file descriptor is the only argument."""
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection, Files(), patience=_PATIENCE)


def serve(connection: socket.socket, files: Files, *, patience: float) -> None:
    """Open the book that is told first, then carry out orders until the other side goes or says so."""
    frames = Frames()
    opening = _opening(connection, frames)
    if opening is None:
        return
    keys = Keys(Secret(opening.sealing_key), tuple([Secret(pem) for pem in opening.signing_keys]))
    try:
        book = _opened(opening, keys, files, time.monotonic() + patience)
    except (AuditError, ConfigError) as error:
        connection.sendall(orders.frame(Unready(str(error))))
        return
    spans = Spans.create(
        opening.otlp, instance=opening.worker, pseudonyms=Pseudonyms(keys.sealing) if opening.pseudonyms else None
    )
    connection.sendall(orders.frame(book.recovered))
    gc.collect()
    gc.freeze()
    try:
        closed = _work(connection, frames, book, spans)
    finally:
        spans.close()
    if not closed:
        book.close()


def _opening(connection: socket.socket, frames: Frames) -> Opening | None:
    while (content := frames.next()) is None:
        data = connection.recv(_READ)
        if not data:
            return None
        frames.feed(data)
    return orders.read_opening(content)


def _opened(opening: Opening, keys: Keys, files: Files, until: float) -> Book:
    """Open the book. Raises `AuditError`, `ConfigError`."""
    name = f"{opening.origin}/{opening.worker}"
    signers = [Signer.load(name, pem) for pem in keys.signing]

    def journal(least: int) -> Journal:
        return Journal(
            Path(opening.directory),
            opening.worker,
            signers=signers,
            segment_bytes=opening.segment_bytes,
            files=files,
            least=least,
        )

    pace = Pace(cadence=opening.cadence, heartbeat=opening.heartbeat, retry=opening.retry)
    place = Place.of(Path(opening.directory), opening.worker)
    courier = Courier(opening.witnesses, place.log, opening.patience, _cosigning) if opening.witnesses else None
    scribe = partial(Scribe, keys.sealing, name, opening.worker)
    while True:
        try:
            return Book(journal, scribe, pace=pace, courier=courier, least=opening.least)
        except AuditError as error:
            if error.code != "audit_in_use" or time.monotonic() > until:
                raise
        time.sleep(_LOOK_EVERY)


def _cosigning() -> Companion:
    return Companion("extproc.audit.cosigning")


def _work(connection: socket.socket, frames: Frames, book: Book, spans: Spans) -> bool:
    """Carry out orders; return whether the last of them was to close."""
    for batch in _batches(connection, frames, book):
        results = _carried_out(batch, book)
        with contextlib.suppress(ConnectionError):  # of a worker that is gone, what it gave is carried out all the same
            connection.sendall(orders.frame(results))
        for order, index in zip(batch, results, strict=True):
            # Told once it is durable, and after whoever waits for it was answered.
            if isinstance(order, Append) and order.span is not None and isinstance(index, int):
                spans.tell(order.entry, index=index, origin=order.span)
        if isinstance(batch[-1], Close):
            return True
    return False


def _batches(connection: socket.socket, frames: Frames, book: Book) -> Iterator[list[Order]]:
    """Give the orders that have come, many at a time, but nothing behind one that is not to append; tend the book meanwhile."""
    batch: list[Order] = []
    weight = 0
    while True:
        _await(connection, book)
        data = _received(connection)
        if not data:
            return
        frames.feed(data)
        for content in frames:
            batch.append(orders.read_order(content))
            weight += len(content)
            if len(batch) >= _BATCH_ENTRIES or weight >= _BATCH_BYTES or not isinstance(batch[-1], Append):
                yield batch
                batch, weight = [], 0
        if batch:
            yield batch
            batch, weight = [], 0


def _await(connection: socket.socket, book: Book) -> None:
    """Wait until something comes from the worker, and do in between what the book wants done."""
    worker = connection.fileno()
    while True:
        patience = book.tend()
        coming = select.poll()
        for descriptor in {worker, book.waits_for() or worker}:
            coming.register(descriptor, select.POLLIN)
        if any(descriptor == worker for descriptor, _ in coming.poll(math.ceil(patience * _MILLISECONDS))):
            return


def _received(connection: socket.socket) -> bytes:
    """Return what has come, nothing at the end. That a worker died with answers unread is said once, before its last words."""
    try:
        return connection.recv(_READ)
    except ConnectionResetError:
        return connection.recv(_READ)


def _carried_out(batch: list[Order], book: Book) -> list[Result]:
    results: list[Result] = [
        index if isinstance(index, int) else str(index)
        for index in book.write([order.entry for order in batch if isinstance(order, Append)])
    ]
    try:
        match batch[-1]:
            case Flush():
                results.append(book.flush())
            case Close():
                results.append(book.close())
            case _:
                pass
    except AuditError as error:
        results.append(str(error))
    return results


if __name__ == "__main__":
    main()
