"""Embeddings and scores leave no answer that may not carry them."""

import json

import msgspec
import pytest

from extproc.decision import Terms
from extproc.detection.catalogue import Catalogue
from extproc.errors import UpstreamError
from extproc.obligations.masking import compile_mask
from extproc.operation import Result

SPARSE = b'{"indices": [1, 7], "values": [0.5, 0.25]}'

CATALOGUE = Catalogue()


def payload(**members: bytes) -> dict[str, msgspec.Raw]:
    """Return one record's metadata from raw JSON values."""
    return {name: msgspec.Raw(value) for name, value in members.items()}


def test_vectors_are_withheld() -> None:
    """Where vectors may not leave, the column is gone and the rest stays."""
    result = Result(ids=[msgspec.Raw(b'"a"')], vectors=msgspec.Raw(b"[[0.5, 0.25]]"), scores=msgspec.Raw(b"[0.5]"))
    report = compile_mask(Terms(vectors=False), None, CATALOGUE).apply(result)

    assert (report.changed, result.vectors, bytes(result.scores or b"")) == (True, None, b"[0.5]")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SPARSE, None),
        (b'{"#type": "sparse_vector", "indices": [1], "values": [1.0], "tokens": ["x"]}', None),
        (b'{"#type": "something newer"}', None),
        (b'{"\\u0069ndices": [1], "values": [1.0]}', None),
        (b'{"deep": {"er": ' + SPARSE + b', "kept": 1}}', {"deep": {"kept": 1}}),
        (b"[" + SPARSE + b', "kept"]', [None, "kept"]),
        (b'{"indices": "of a book"}', {"indices": "of a book"}),
        (b'"a text with { and \\"indices\\" in it"', 'a text with { and "indices" in it'),
    ],
)
def test_sparse_vectors_hidden_in_metadata_are_withheld(value: bytes, expected: object) -> None:
    """A sparse vector is found in metadata at any depth, however its names are spelt; other objects stay."""
    record = payload(field=value, other=b"1")
    compile_mask(Terms(vectors=False), None, CATALOGUE).apply(Result(payloads=[None, record]))
    left = {name: json.loads(bytes(raw)) for name, raw in record.items()}

    assert ({"other": 1} if expected is None else {"field": expected, "other": 1}) == left


def test_allowed_vectors_stay() -> None:
    """Terms that ask nothing change nothing."""
    record = payload(field=SPARSE)
    result = Result(payloads=[record], vectors=msgspec.Raw(b"[[1]]"))
    report = compile_mask(Terms(), None, CATALOGUE).apply(result)

    assert (report.changed, bytes(record["field"]), bytes(result.vectors or b"")) == (False, SPARSE, b"[[1]]")


def test_scores_are_dropped_or_rounded() -> None:
    """Scores go whole, or keep the allowed digits at any depth, null staying null; dropping wins."""
    scores = msgspec.Raw(b"[[0.123456, null, 1], [0.987654]]")
    dropped, rounded = Result(scores=scores), Result(scores=scores)
    compile_mask(Terms(scores_dropped=True, scores_digits=2), None, CATALOGUE).apply(dropped)
    compile_mask(Terms(scores_digits=2), None, CATALOGUE).apply(rounded)

    assert dropped.scores is None
    assert json.loads(bytes(rounded.scores or b"")) == [[0.12, None, 1], [0.99]]


@pytest.mark.parametrize("scores", [b'["0.5"]', b"[true]", b'{"a": 0.5}', b"[0.5"])
def test_scores_of_another_form_are_refused(scores: bytes) -> None:
    """Scores that cannot be rounded are not let through as they are."""
    with pytest.raises(UpstreamError) as caught:
        compile_mask(Terms(scores_digits=2), None, CATALOGUE).apply(Result(scores=msgspec.Raw(scores)))

    assert caught.value.code == "mask_failed"
