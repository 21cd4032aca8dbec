"""An answer that is masked: no value of a hidden field is left in it, in whatever spelling it came, and it is JSON still.

The input's head says what was asked (``get``, ``query 2``, ``search 2``) and, on a second line, which of the masks is applied.
What must be hidden is found in a second way here: the answer is read by the standard library, every key that comes twice with
both of its values, and each field by its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from extproc.decision import Operator, Partial, PartialOperator, Terms
from extproc.detection.catalogue import Catalogue
from extproc.errors import Error
from extproc.obligations.masking import compile_mask
from extproc.obligations.operators import MaskKey
from extproc.protocols.adapter import Adapter, Reading
from extproc.secret import Secret
from fuzz import plain_json
from fuzz.chroma import ADAPTER, asking, response
from fuzz.framing import headed
from fuzz.mutation import tree as mutate
from fuzz.plain_json import Pairs
from fuzz.tokens import MARK

__all__ = ["check", "mutate"]

CATALOGUE: Final = Catalogue()
_KEY: Final = MaskKey.derive("k1", Secret(b"a key of the fuzzer"))
_LAST_4: Final[Operator] = PartialOperator(partial=Partial(keep_last=4))
TERMS: Final = (
    Terms(),
    Terms(masks=(("email", "redact"),)),
    Terms(masks=(("profile.*", "hash"), ("document", "null"))),
    Terms(masks=(("*", "drop"),), limit=3),
    Terms(masks=(("profile.email", "drop"), ("uri", "redact"))),
    Terms(masks=(("email", _LAST_4), ("a.b", "hash"), ("document", _LAST_4))),
    Terms(masks=(("*", _LAST_4), ("email", "redact"))),
    Terms(vectors=False, scores_dropped=True),
    Terms(masks=(("a.b.*", "redact"), ("profile", "hash")), vectors=False, scores_digits=2),
    Terms(masks=(("*", "hash"),), scores_digits=0),
)
_MOST_PARTS: Final = 3
_HIDDEN: Final = re.compile(r"\[REDACTED\]|\[hash:k1:[0-9a-f]{32}\]|\[\*{4}.*\]", re.DOTALL)
_TEXTS: Final = {"documents": "document", "uris": "uri"}


def check(data: bytes) -> None:
    """Read, mask and write an answer."""
    (first, *rest), body = headed(data)
    kind, _, count = first.decode("latin-1").partition(" ")
    terms = TERMS[int.from_bytes(b"".join(rest)[:1]) % len(TERMS)]
    reading = asking(kind, len(count) % _MOST_PARTS + 1)
    written = _masked(ADAPTER, reading, body, terms)
    if written is None:
        return
    try:
        before, after = plain_json.pairs(body), plain_json.pairs(written)
    except RecursionError:  # the standard library's own
        return
    assert isinstance(after, Pairs)
    assert len(dict(after)) == len(after), "a key comes twice"
    assert all(_is_hidden(value) for hidden, value in _columns(after, terms) if hidden), "a value is not hidden"
    assert _visible(after, Terms()) <= _visible(before, terms), "a secret is left"
    _check_withheld(dict(after), terms, wide=kind in {"query", "search"})


def _masked(adapter: Adapter, reading: Reading, body: bytes, terms: Terms) -> bytes | None:
    mask = compile_mask(terms, _KEY, CATALOGUE)
    try:
        answer = adapter.read_answer(reading, response(200, body))
        if answer is None:
            return None
        for result in answer.results:
            mask.apply(result)
        return adapter.write_answer(reading, answer)
    except Error as error:
        refusal = str(error)
    assert MARK not in refusal, "a refusal quotes the answer"
    return None


# --- what must be hidden ---


def _matches(path: str, terms: Terms) -> bool:
    """Say whether a mask names the field at `path`."""
    patterns = [pattern for pattern, _ in terms.masks]
    return any(pattern in {"*", path} or path.startswith(f"{pattern.removesuffix('.*')}.") for pattern in patterns)


def _columns(answer: Iterable[tuple[str, Any]], terms: Terms) -> Iterator[tuple[bool, Any]]:
    """Give every value of an answer, the keys too, and whether a mask names its field."""
    for column, value in answer:
        yield False, column
        if column in _TEXTS:
            yield from ((_matches(_TEXTS[column], terms), each) for each in _leaves(value))
        elif column == "metadatas":
            yield from _walk(value, None, terms)
        else:
            yield from _walk(value, None, Terms())


def _walk(value: Any, path: str | None, terms: Terms) -> Iterator[tuple[bool, Any]]:
    if path is not None and _matches(path, terms):
        yield True, value
        return
    match value:
        case Pairs():
            for key, inner in value:
                yield False, key
                yield from _walk(inner, key if path is None else f"{path}.{key}", terms)
        case list():  # which has no name of its own
            for inner in value:
                yield from _walk(inner, path, terms)
        case _:
            yield False, value


def _is_hidden(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_hidden, value))
    return value is None or (isinstance(value, str) and _HIDDEN.fullmatch(value) is not None)


def _visible(answer: Iterable[tuple[str, Any]], terms: Terms) -> int:
    """Count the made-up secret in all that may be shown of an answer."""
    return sum(value.count(MARK) for hidden, value in _columns(answer, terms) if not hidden and isinstance(value, str))


# --- what must be gone ---


def _check_withheld(answer: dict[str, Any], terms: Terms, *, wide: bool) -> None:
    if not terms.vectors:
        assert all(each is None for each in _leaves(answer.get("embeddings")))
        values = [value for members in _payloads(answer.get("metadatas")) for value in members.values()]
        assert not any({"indices", "values"} <= keys for value in values for keys in _objects(value)), "a vector is left"
    if terms.scores_dropped:
        assert all(each is None for each in _leaves((answer.get("distances"), answer.get("scores"))))
    if terms.limit is not None:
        assert all(len(ids) <= terms.limit for ids in (answer["ids"] if wide else [answer["ids"]]))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _payloads(column: Any) -> Iterator[dict[str, Any]]:
    """Give the metadata of each record."""
    match column:
        case Pairs():
            yield dict(column)
        case list():
            for inner in column:
                yield from _payloads(inner)
        case _:
            pass


def _objects(value: Any) -> Iterator[set[str]]:
    """Give the keys of every object in a value."""
    match value:
        case Pairs():
            yield {key for key, _ in value}
            for _, inner in value:
                yield from _objects(inner)
        case list():
            for inner in value:
                yield from _objects(inner)
        case _:
            pass
