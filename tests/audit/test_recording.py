"""What is kept of an answer: all of a usual one, of a long one the beginning, of vectors which they were."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from extproc.audit import recording
from extproc.audit.entry import Recording
from extproc.operation import Result

ASKED = Recording(method="POST", target="/get", body=b"{}")


@pytest.mark.parametrize(("extra", "truncated"), [(0, False), (1, True)])
def test_a_long_answer_is_cut_and_says_so(extra: int, truncated: bool) -> None:
    """At 16 MiB, and a byte more."""
    kept = recording.kept(ASKED, 200, bytes(recording.LONGEST + extra))

    assert (len(kept.body), kept.truncated) == (recording.LONGEST, truncated)


@pytest.mark.parametrize(
    ("raw", "dimension"),
    [
        (b"[[1,2,3],[4,5,6]]", 3),
        (b"[null,[1.5]]", 1),
        (b"[1,2]", 2),
        (b"[]", None),
        (b"[[]]", None),
        (b"null", None),
        (b'"AAAA"', None),
    ],
)
def test_vectors_are_told_by_digest_and_dimension(raw: bytes, dimension: int | None) -> None:
    """And they are back in their place afterwards."""
    result = Result(vectors=msgspec.Raw(raw))
    with recording.abridged([result, Result()]):
        assert result.vectors is not None
        found = msgspec.json.decode(result.vectors)

    assert found == {"sha256": sha256(raw).hexdigest(), "dimension": dimension}
    assert result.vectors == msgspec.Raw(raw)
