"""What Envoy may tell us about one exchange, and what we may reply.

An exchange is one HTTP request and its response, which is one ext_proc stream. `Head` and `Body` are the events as they
come; a `Request` and a `Response` are whole messages; `Continue`, `Replace` and `Immediate` are the replies. Nothing here
knows protobuf, JSON or any database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import msgspec

Fields = tuple[tuple[str, bytes], ...]
"""Header fields in the order of the wire; names in lower case, values as they came."""

Transport = Literal["rest", "grpc"]
"""Which of a database's interfaces an exchange goes through."""


class Side(StrEnum):
    """Which half of the exchange a message belongs to."""

    REQUEST = "request"
    RESPONSE = "response"


class Head(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The header section of one side.

    `attributes` are Envoy's (``source.address``, ``upstream.address``, ...); `metadata` is the filter metadata that Envoy
    vouches for, by namespace: verified token payloads and the reasons of failed ones.
    """

    side: Side
    fields: Fields
    end_of_stream: bool
    attributes: Mapping[str, str] = {}
    metadata: Mapping[str, Mapping[str, Any]] = {}

    @cached_property
    def by_name(self) -> Mapping[str, list[bytes]]:
        """The values of each field, in order: a head is asked for some twenty of them."""
        found = {name: [value] for name, value in self.fields}
        if len(found) == len(self.fields):
            return found
        found = {name: [] for name in found}
        for name, value in self.fields:
            found[name].append(value)
        return found

    def values(self, name: str) -> Sequence[bytes]:
        """Return every value of the field `name` (lower case), in order."""
        return self.by_name.get(name, ())


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The whole body of one side: bodies are buffered, so one event holds all of it."""

    side: Side
    data: bytes


class Trailers(msgspec.Struct, frozen=True, kw_only=True):
    """The trailer section of one side. Only an answer may have one: over gRPC it says how the call went."""

    side: Side
    fields: Fields = ()


Event = Head | Body | Trailers


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose head is here and whose body is still to come: the place to refuse a caller before reading it."""

    head: Head


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request of a client. `target` is the raw path and query as the client sent them."""

    method: str
    target: str
    head: Head
    body: bytes


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A whole response, from the database or made by Envoy itself (a local reply); `head.attributes` tell which.

    `trailers` are known only where no body comes before them.
    """

    status: int
    head: Head
    body: bytes
    trailers: Fields = ()


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The trailers of a response whose body was handed on before them."""

    fields: Fields


Whole = Opening | Request | Response | Closing
"""What `stream` hands to the pipeline."""


class Continue(msgspec.Struct, frozen=True):
    """Let the message go on as it is."""


class Replace(msgspec.Struct, frozen=True, kw_only=True):
    """Let the message go on with these changes. `body` None leaves the body alone."""

    set_fields: Fields = ()
    remove_fields: tuple[str, ...] = ()
    body: bytes | None = None


class Immediate(msgspec.Struct, frozen=True, kw_only=True):
    """Answer the client from here; the request or response of the database goes no further.

    `details` appears in Envoy's access log as the response code details; it is the reason code. With a `grpc_status` the client
    gets that status, and `body`, which is plain text then, as its message.
    """

    status: int
    fields: Fields
    body: bytes
    details: str
    grpc_status: int | None = None


Reply = Continue | Replace | Immediate
