"""What a recording keeps of an answer: its beginning, and of vectors no more than which they were. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

import msgspec

from extproc.audit.entry import Recording
from extproc.operation import Answer, Result

LONGEST: Final = 16 << 20
"""Bytes of an answer that are kept."""


def kept(asked: Recording, status: int, body: bytes, answer: Answer | None = None) -> Recording:
    """Return the recording of an answer with this body, as it was delivered; `answer` is what was read of it."""
    records: dict[int, tuple[str, ...]] = {}
    for owner, result in zip(answer.owners, answer.results, strict=True) if answer is not None else ():
        ids = [msgspec.json.decode(raw) for raw in result.ids or ()]
        records[owner] = (*records.get(owner, ()), *(each if isinstance(each, str) else str(each) for each in ids))
    return Recording(
        method=asked.method,
        target=asked.target,
        body=body[:LONGEST],
        status=status,
        truncated=len(body) > LONGEST,
        records=records,
    )


@contextmanager
def abridged(results: Sequence[Result]) -> Iterator[None]:
    """Have digest and dimension in the place of the vectors of `results` until the block ends."""
    vectors = [result.vectors for result in results]
    try:
        for result in results:
            if result.vectors is not None:
                result.vectors = _abridged(bytes(result.vectors))
        yield
    finally:
        for result, found in zip(results, vectors, strict=True):
            result.vectors = found


def _abridged(raw: bytes) -> msgspec.Raw:
    end = raw.find(b"]")
    first = raw[raw.rfind(b"[", 0, max(end, 0)) + 1 : end]
    dimension = first.count(b",") + 1 if end > 0 and first.strip() else None
    return msgspec.Raw(msgspec.json.encode({"sha256": sha256(raw).hexdigest(), "dimension": dimension}))
