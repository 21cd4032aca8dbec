"""The one form that a request to Qdrant has here, from whichever interface it came.

The body is a tree in the words of the REST interface: objects, lists and plain values, with leaves that are not looked into
(`qdrant_queries.Probe`, `Records`, raw JSON). A wire (`qdrant_rest`, `qdrant_grpc`) makes a `Form` of bytes and bytes of it;
what it means and how it is narrowed is said once, of this form. Nothing in it is changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

import msgspec

from extproc.operation import Condition, Value
from extproc.protocols.ownership import Written

Kind = Literal[
    "service", "page", "expose", "aliases", "list", "describe", "measure", "create", "alter", "drop", "index", "partition",
    "repartition", "whole", "rename",
    "get", "scroll", "count", "facet", "matrix", "query", "queries", "groups",
    "upsert", "update_vectors", "delete", "delete_vectors", "set_payload", "overwrite_payload", "delete_payload",
    "clear_payload", "batch",
]  # fmt: skip
"""What a request asks for.

``expose`` shows what cannot be masked (other callers' requests), ``whole`` copies, moves or removes all of a collection or of
the server, ``measure`` tells how much is in a collection, ``repartition`` removes a part of one with all records in it.
"""

WRITES = frozenset(
    {
        "upsert",
        "update_vectors",
        "delete",
        "delete_vectors",
        "set_payload",
        "overwrite_payload",
        "delete_payload",
        "clear_payload",
    }
)
"""Kinds that change records; a ``batch`` holds several."""


class Records(Protocol):
    """Points that are written, unparsed but for their ids and payloads."""

    @property
    def ids(self) -> list[int | str]:
        """Return their ids; none where they are chosen otherwise."""

    def __len__(self) -> int:
        """Return how many there are."""

    def written(self, fields: set[str]) -> Iterator[Written]:
        """Give, for each point, what is written to those of `fields` that its payload has."""

    def payloads(self) -> Iterator[Mapping[str, msgspec.Raw]]:
        """Give the payloads that are written, as raw JSON."""

    def stamped(self, stamp: Mapping[str, Value]) -> Records:
        """Return the same points, each with the `stamp` in its payload."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A request, understood.

    `collection` is the name it was sent to, and once aliases are resolved the collection's own. `names` are the other names
    that a path or message carries (a snapshot's, a shard's). `size` is the body's as it came, in bytes. `origin` and `query`
    are the wire's, which nobody else reads. `recast` is the kind that the client asked for where the database is asked for
    another. `beside` is what the records beside groups must meet, which the answer is held to.
    """

    kind: Kind
    action: str
    scope: str
    size: int
    collection: str | None = None
    names: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    origin: Any = None
    query: tuple[tuple[str, str], ...] = ()
    recast: Kind | None = None
    beside: Condition | None = None
