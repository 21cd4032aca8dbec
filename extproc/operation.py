"""What every database means: one Operation asked for, one Answer given.

`Principal`, `Operation` and `Context` are the policy input (design contract, section 4): their members, encoded as JSON,
are what Rego sees and what a recorded decision is replayed from. The types are engine-neutral; what only one database
knows stays in its adapter. Pure values: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, Literal

import msgspec

Value = str | int | float | bool | None
"""A value that a condition compares with."""


# --- conditions (UCAST) -------------------------------------------------------------------------------------------------


class FieldCondition(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="field", forbid_unknown_fields=True):
    """One field compared with a value; `value` is a list for ``in`` and ``nin``."""

    operator: Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "nin"]
    field: str
    value: Value | tuple[Value, ...]


class CompoundCondition(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="compound", forbid_unknown_fields=True
):
    """Conditions joined; ``not`` holds exactly one."""

    operator: Literal["and", "or", "not"]
    value: tuple[Condition, ...]


class OpaqueCondition(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="opaque", forbid_unknown_fields=True):
    """What UCAST cannot say (contains, regex, geo): the operator's name and the field, never left out."""

    operator: str
    field: str


Condition = FieldCondition | CompoundCondition | OpaqueCondition


def tested_fields(condition: Condition | None) -> set[str]:
    """Return every field that `condition` looks at."""
    match condition:
        case None:
            return set()
        case CompoundCondition(value=parts):
            return {field for part in parts for field in tested_fields(part)}
        case FieldCondition(field=field) | OpaqueCondition(field=field):
            return {field}


# --- the policy input ---------------------------------------------------------------------------------------------------


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The authenticated caller. `id` is ``<issuer>#<subject>``, `person` tells two people apart, `claims` are the token's."""

    id: str
    issuer: str
    subject: str
    person: str | None
    kind: Literal["human", "workload"]
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    claims: dict[str, Any]
    actor: str | None = None


class Returns(msgspec.Struct, frozen=True, kw_only=True):
    """What kinds of data the answer would hold as the client asked for it."""

    payload: bool = False
    vectors: bool = False
    scores: bool = False


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Which of how many operations in one request this is."""

    index: int = 0
    count: int = 1


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a request asks of a database, in words that are the same for every engine.

    `action` and `scope` are a row's of operations.csv. `reads` and `writes` name every collection touched. `selector` says
    how records are chosen, `ids` how many are named, `records` how many are written. `filter` is the client's own, `tests`
    every field used in filter, order, group or facet. `fields` is ``"*"`` or what the answer would hold. `size` is the body's
    bytes, rounded up to a power of two so that equal requests share a cached decision.
    """

    database: str
    engine: str
    action: str
    scope: str
    collection: str | None = None
    namespace: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    selector: Literal["none", "ids", "filter", "all"] = "none"
    ids: int = 0
    records: int = 0
    limit: int | None = None
    offset: int | None = None
    filter: Condition | None = None
    tests: tuple[str, ...] = ()
    fields: Literal["*"] | tuple[str, ...] = ()
    returns: Returns = Returns()
    probe: Literal["vector", "id", "text", "none"] = "none"
    size: int = 0
    batch: Batch = Batch()


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances. `source` is the client's IP address without port; `exchange` the id that the caller is shown."""

    time_ns: int
    source: str
    user_agent: str
    approval: dict[str, Any] | None
    exchange: str


def rounded_size(length: int) -> int:
    """Return `length` bytes rounded up to a power of two; zero stays zero."""
    return 1 << (length - 1).bit_length() if length > 0 else 0


# --- the answer ---------------------------------------------------------------------------------------------------------


Payload = MutableMapping[str, msgspec.Raw]
"""The metadata or payload of one record; a dict, or a view of what the wire has, where only what is looked at is converted."""


class Result(msgspec.Struct, kw_only=True):
    """The records that answer one operation, column by column; None where the answer has no such column.

    `payloads` are the metadata of each record with its values still raw JSON; `texts` the extra text columns by field name
    (``document``, ``uri``), raw JSON each (a string or null). Obligations change these in place; `vectors` and `scores` are
    opaque and are dropped whole, or, scores alone, rounded. `ids` are the records' ids, raw. `embedded` is false where it is
    known that no payload holds a vector of its own.
    """

    ids: list[msgspec.Raw] | None = None
    payloads: Sequence[Payload | None] | None = None
    texts: dict[str, list[msgspec.Raw]] = {}
    vectors: msgspec.Raw | None = None
    scores: msgspec.Raw | None = None
    embedded: bool = True

    def __len__(self) -> int:
        return len(self.ids) if self.ids is not None else 0


class Answer(msgspec.Struct, kw_only=True):
    """A response that holds records: one Result for each query of each operation, in the order of the wire.

    `owners` says for each Result which operation it answers, so that each is masked by its own terms. `form` is the adapter's
    and nobody else reads it. `recast` says that the database was asked for something else than the client asked for, so the
    answer is written anew in any case.
    """

    results: list[Result]
    owners: list[int]
    form: object
    recast: bool = False
