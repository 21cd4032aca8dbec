"""Points as they are written over REST: their ids and payloads are read, their vectors stay raw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from extproc.errors import Malformed, Unrecognised
from extproc.operation import Value
from extproc.protocols import qdrant_payload, strict_json
from extproc.protocols.ownership import Written
from extproc.protocols.qdrant_members import Member, members, nullable, point_ids
from extproc.protocols.qdrant_payload import Payload

_NULL: Final = msgspec.Raw(b"null")

_Row = dict[str, msgspec.Raw]


class Points:
    """Points as they are sent, one object each (`qdrant_form.Records`)."""

    __slots__ = ("_payloads", "_rows", "ids")

    def __init__(self, ids: list[int | str], rows: list[_Row], payloads: list[Payload | None]) -> None:
        self.ids: Final = ids
        self._rows = rows
        self._payloads = payloads

    def __len__(self) -> int:
        return len(self._rows)

    def written(self, fields: set[str]) -> Iterator[Written]:
        """Give what is written to each point's `fields`."""
        return (qdrant_payload.written(payload, fields) for payload in self._payloads)

    def payloads(self) -> Iterator[Payload]:
        """Give the payloads that are written."""
        return (payload for payload in self._payloads if payload)

    def stamped(self, stamp: Mapping[str, Value]) -> Points:
        """Return the points with the stamp in them."""
        return Points(self.ids, self._rows, [qdrant_payload.stamped(payload, stamp) for payload in self._payloads])

    def encoded(self) -> Any:
        """Return what is written in their place."""
        rows = zip(self.ids, self._rows, self._payloads, strict=True)
        return [{**row, "id": point, **({} if payload is None else {"payload": payload})} for point, row, payload in rows]


class Columns:
    """Points as they are sent column by column (`qdrant_form.Records`)."""

    __slots__ = ("_payloads", "_vectors", "ids")

    def __init__(self, ids: list[int | str], vectors: msgspec.Raw, payloads: list[Payload | None] | None) -> None:
        self.ids: Final = ids
        self._vectors = vectors
        self._payloads = payloads

    def __len__(self) -> int:
        return len(self.ids)

    def written(self, fields: set[str]) -> Iterator[Written]:
        """Give what is written to each point's `fields`."""
        return (qdrant_payload.written(payload, fields) for payload in self._each())

    def payloads(self) -> Iterator[Payload]:
        """Give the payloads that are written."""
        return (payload for payload in self._each() if payload)

    def stamped(self, stamp: Mapping[str, Value]) -> Columns:
        """Return the points with the stamp in them."""
        return Columns(self.ids, self._vectors, [qdrant_payload.stamped(payload, stamp) for payload in self._each()])

    def encoded(self) -> Any:
        """Return what is written in their place."""
        column = {} if self._payloads is None else {"payloads": self._payloads}
        return {"ids": self.ids, "vectors": self._vectors, **column}

    def _each(self) -> list[Payload | None]:
        return [None] * len(self.ids) if self._payloads is None else self._payloads


class Change:
    """The payload that a change puts into every record that it selects, as `qdrant_form.Records` of one."""

    __slots__ = ("_payload", "ids")

    def __init__(self, payload: Payload) -> None:
        self.ids: Final[list[int | str]] = []
        self._payload = payload

    def __len__(self) -> int:
        return 1

    def written(self, fields: set[str]) -> Iterator[Written]:
        """Give what is written to the `fields`."""
        yield qdrant_payload.written(self._payload, fields)

    def payloads(self) -> Iterator[Payload]:
        """Give the payload."""
        yield self._payload

    def stamped(self, stamp: Mapping[str, Value]) -> Change:
        """Return the payload with the stamp in it."""
        return Change(qdrant_payload.stamped(self._payload, stamp))

    def encoded(self) -> Any:
        """Return what is written in its place."""
        return self._payload


def points(*, payloads: bool) -> Member:
    """Return the reader of points, with or without `payloads`."""
    known = frozenset({"id", "vector", "payload"} if payloads else {"id", "vector"})

    def read(raw: msgspec.Raw, name: str) -> Points:
        rows = []
        for row in strict_json.objects(raw, name):
            if row is None or "id" not in row or "vector" not in row:
                raise Malformed(f"'{name}' holds something that is no point")
            if not row.keys() <= known:
                raise Unrecognised("a member of a point is not known here", code="member_unknown")
            rows.append(row)
        ids = point_ids(_joined([row["id"] for row in rows]), name)
        sent = strict_json.objects(_joined([row.pop("payload", _NULL) for row in rows]), "payload")
        return Points(ids, rows, sent)

    return read


def columns(raw: msgspec.Raw, name: str) -> Columns:
    """Read points that are sent column by column."""
    known: Mapping[str, Member] = {
        "ids": point_ids,
        "vectors": lambda vectors, _: vectors,
        "payloads": nullable(strict_json.objects),
    }
    found = members(raw, name, known, frozenset({"ids", "vectors"}))
    payloads = found.get("payloads")
    if payloads is not None and len(payloads) != len(found["ids"]):
        raise Malformed("'payloads' and 'ids' are not of one length")
    return Columns(found["ids"], found["vectors"], payloads)


def payload(raw: msgspec.Raw, name: str) -> Change:
    """Read one payload; its values stay as they were sent."""
    return Change(strict_json.entries(raw, name))


def _joined(parts: list[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(b"[%b]" % b",".join(map(bytes, parts)))
