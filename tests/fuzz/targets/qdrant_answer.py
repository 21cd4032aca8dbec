"""An answer of Qdrant over either interface, under terms that hide: nothing that must be hidden is left in it.

The input's head names a request (``rest query``, ``grpc scroll``). What comes out is read by the standard library or by
protobuf's own way to JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from google.protobuf import json_format

from extproc.decision import Terms
from extproc.errors import Error
from extproc.events import Request, Response
from extproc.obligations.masking import compile_mask
from extproc.protocols.framing import framed, unframed
from extproc.protocols.qdrant_methods import CALLS
from fuzz.framing import headed
from fuzz.qdrant import adapter_of, mutate, settled
from fuzz.tokens import MARK
from support import qdrant_asks as asks
from support.exchange import CATALOGUE
from support.qdrant_requests import REST, path, verdict

__all__ = ["check", "mutate"]

TERMS: Final = Terms(masks=(("email", "redact"),), vectors=False, scores_dropped=True)
POINTS: Final = "/collections/{collection_name}/points"
REQUESTS: Final = {
    "rest get": f"{POINTS}",
    "rest scroll": f"{POINTS}/scroll",
    "rest query": f"{POINTS}/query",
    "rest queries": f"{POINTS}/search/batch",
    "rest groups": f"{POINTS}/query/groups",
    "rest pairs": f"{POINTS}/search/matrix/pairs",
    "rest offsets": f"{POINTS}/search/matrix/offsets",
    "grpc get": "/qdrant.Points/Get",
    "grpc scroll": "/qdrant.Points/Scroll",
    "grpc query": "/qdrant.Points/Query",
    "grpc queries": "/qdrant.Points/SearchBatch",
    "grpc groups": "/qdrant.Points/QueryGroups",
    "grpc pairs": "/qdrant.Points/SearchMatrixPairs",
    "grpc offsets": "/qdrant.Points/SearchMatrixOffsets",
}
"""The requests whose answers hold records, by their kinds."""


@cache
def asking(kind: str) -> Request:
    """Return a lawful request of a kind."""
    template = REQUESTS[kind]
    if kind.startswith("grpc"):
        return asks.grpc(template, verdict(template).sent)
    return asks.rest("POST", path(template), REST["POST", template].sent)


def check(data: bytes) -> None:
    """Read, mask and write an answer."""
    (first, *_), body = headed(data)
    kind = first.decode("latin-1")
    if kind not in REQUESTS:
        return
    written = _masked(asking(kind), framed(body) if kind.startswith("grpc") else body)
    if written is None:
        return
    if kind.startswith("grpc"):
        message = CALLS[REQUESTS[kind]].answer.FromString(bytes(unframed(written)))
        found = json_format.MessageToDict(message, preserving_proto_field_name=True)
    else:
        found = json.loads(written.decode("utf-8", "surrogateescape"))
    for place in _objects(found.get("result")):
        assert not place.keys() & {"vector", "vectors"} or "payload" not in place, "a vector is left"
        assert place.get("score", 0) == 0, "a score is left"
        payload = place.get("payload")
        email = payload.get("email") if isinstance(payload, dict) else None
        assert MARK not in json.dumps(email), "a secret is left"


def _masked(asked: Request, body: bytes) -> bytes | None:
    adapter, reading = adapter_of(asked), settled(asked)
    head = asks.answer({}, "rest").head
    try:
        answer = adapter.read_answer(reading, Response(status=200, head=head, body=body))
        if answer is None:
            return None
        for result in answer.results:
            compile_mask(TERMS, None, CATALOGUE).apply(result)
        return adapter.write_answer(reading, answer)
    except Error as error:
        refusal = str(error)
    assert MARK not in refusal, "a refusal quotes the answer"
    return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object in an answer that is no payload."""
    match value:
        case dict():
            yield value
            for name, inner in value.items():
                if name != "payload":
                    yield from _objects(inner)
        case list():
            for inner in value:
                yield from _objects(inner)
        case _:
            pass
