"""Between Envoy's messages and our events: protobuf in, `Event` out; `Reply` in, protobuf out.

The only module beside `accesslog` that knows `extproc.wire`. It judges nothing: what is lawful is `stream`'s to say, what is
allowed the pipeline's. Message definitions: envoy.service.ext_proc.v3, Envoy 1.40.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

from extproc.errors import StreamError
from extproc.events import Body, Continue, Event, Fields, Head, Immediate, Replace, Reply, Side, Trailers
from extproc.wire import ext_proc_pb2 as wire

_ATTRIBUTES: Final = "envoy.filters.http.ext_proc"
_OVERWRITE: Final = wire.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD

_MOST_TOKENS: Final = 512
"""How many callers' claims are remembered; a few KB each."""

_EXPECTED_MODE: Final = wire.BodySendMode.BUFFERED


def decode(message: wire.ProcessingRequest) -> Event:
    """Return the event that `message` stands for. Raises `StreamError` for a kind that is not ours."""
    match message.WhichOneof("request"):
        case "request_headers":
            return _head(message, message.request_headers, Side.REQUEST)
        case "request_body":
            return Body(side=Side.REQUEST, data=message.request_body.body)
        case "response_headers":
            return _head(message, message.response_headers, Side.RESPONSE)
        case "response_body":
            return Body(side=Side.RESPONSE, data=message.response_body.body)
        case "request_trailers":
            return Trailers(side=Side.REQUEST)
        case "response_trailers":
            return Trailers(side=Side.RESPONSE)
        case _:
            raise StreamError("a message of no known kind")


def require_buffering(first: wire.ProcessingRequest) -> None:
    """Raise `StreamError` where the first message does not promise both bodies, whole: they might come in pieces, or never."""
    config = first.protocol_config
    if config.request_body_mode != _EXPECTED_MODE or config.response_body_mode != _EXPECTED_MODE:
        raise StreamError("Envoy does not buffer both bodies: this is not the configuration that `vecgate envoy` prints")


def _head(message: wire.ProcessingRequest, http: wire.HttpHeaders, side: Side) -> Head:
    # Envoy sends values as `raw_value`; `value` is its older form and one of the two is empty.
    fields = tuple((header.key, header.raw_value or header.value.encode()) for header in http.headers.headers)
    attributes = message.attributes.get(_ATTRIBUTES)
    filters = message.metadata_context.filter_metadata if side is Side.REQUEST else {}
    return Head(
        side=side,
        fields=fields,
        end_of_stream=http.end_of_stream,
        attributes=_texts(attributes) if attributes else {},
        metadata={name: _claims(value) for name, value in filters.items()},
    )


@functools.lru_cache(maxsize=_MOST_TOKENS)
def _claims(encoded: bytes) -> Mapping[str, Any]:
    """Return a namespace's metadata as plain values; the same token gives the same bytes, request after request."""
    return MappingProxyType(_plain(Struct.FromString(encoded)))


def _texts(encoded: bytes) -> dict[str, str]:
    """Return the attributes that are text; the few numbers among them as text too."""
    found: dict[str, str] = {}
    for name, value in Struct.FromString(encoded).fields.items():
        match value.WhichOneof("kind"):
            case "string_value":
                found[name] = value.string_value
            case "number_value":
                found[name] = f"{value.number_value:g}"
            case _:
                pass
    return found


def _plain(struct: Struct) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in struct.fields.items()}


def _plain_value(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            # Every number of a Struct is a double; whole ones go back to being integers, as they were in the token.
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _plain(value.struct_value)
        case "list_value":
            return [_plain_value(item) for item in value.list_value.values]
        case _:
            return None


def encode(event: Event, reply: Reply) -> wire.ProcessingResponse:
    """Return the message that answers `event` with `reply`."""
    answer = wire.ProcessingResponse()
    match reply:
        case Immediate():
            _immediate(answer.immediate_response, reply)
        case Continue() | Replace():
            common = _common(answer, event)
            if isinstance(reply, Replace):
                _set_fields(common.header_mutation, reply.set_fields)
                common.header_mutation.remove_headers.extend(reply.remove_fields)
                if reply.body is not None:
                    common.body_mutation.body = reply.body
    return answer


def _common(answer: wire.ProcessingResponse, event: Event) -> wire.CommonResponse:
    """Open the part of `answer` that belongs to the phase of `event`; Envoy takes an answer to another phase as an error."""
    phase: wire.HeadersResponse | wire.BodyResponse
    match event:
        case Head(side=Side.REQUEST):
            phase = answer.request_headers
        case Head():
            phase = answer.response_headers
        case Body(side=Side.REQUEST):
            phase = answer.request_body
        case Body():
            phase = answer.response_body
        case Trailers():
            raise StreamError("trailers are not asked for, so they have no answer")
    phase.SetInParent()
    return phase.response


def _immediate(part: wire.ImmediateResponse, reply: Immediate) -> None:
    part.status.code = reply.status
    part.body = reply.body
    part.details = reply.details
    _set_fields(part.headers, reply.fields)


def _set_fields(mutation: wire.HeaderMutation, fields: Fields) -> None:
    for name, value in fields:
        option = mutation.set_headers.add()
        option.header.key = name
        option.header.raw_value = value
        option.append_action = _OVERWRITE
