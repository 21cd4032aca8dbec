"""Between Envoy's messages and our events: protobuf in, `Event` out; `Reply` in, protobuf out.

The only module beside `accesslog` that knows `extproc.wire`. It judges nothing: what is lawful is `stream`'s to say, what is
allowed the pipeline's. Message definitions: envoy.service.ext_proc.v3, Envoy 1.40.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value

from extproc.errors import StreamError
from extproc.events import Body, Continue, Event, Fields, Head, Immediate, Replace, Reply, Side, Trailers
from extproc.wire import ext_proc_pb2 as wire

_ATTRIBUTES: Final = "envoy.filters.http.ext_proc"
_OVERWRITE: Final = wire.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD

_MOST_TOKENS: Final = 512
"""How many callers' claims are remembered; a few KB each."""

_MOST_PEERS: Final = 1024
"""How many connections' attributes are remembered; some hundred bytes each."""

_MOST_MUTATIONS: Final = 128
"""How many changes to heads are remembered; whoever chooses the names can make each as large as a head may be."""

_NO_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType({})

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
            return Trailers(side=Side.REQUEST, fields=_fields(message.request_trailers.trailers))
        case "response_trailers":
            return Trailers(side=Side.RESPONSE, fields=_fields(message.response_trailers.trailers))
        case _:
            raise StreamError("a message of no known kind")


def require_buffering(first: wire.ProcessingRequest) -> None:
    """Raise `StreamError` where the first message does not promise both bodies, whole: they might come in pieces, or never."""
    config = first.protocol_config
    if config.request_body_mode != _EXPECTED_MODE or config.response_body_mode != _EXPECTED_MODE:
        raise StreamError("Envoy does not buffer both bodies: this is not the configuration that `vecgate envoy` prints")


def is_last(message: wire.ProcessingRequest) -> bool:
    """Return whether Envoy has nothing more to say on this stream once `message` is answered."""
    match message.WhichOneof("request"):
        case "response_headers":
            return bool(message.response_headers.end_of_stream)
        case "response_body":
            return bool(message.response_body.end_of_stream)
        case found:
            return bool(found == "response_trailers")


def _head(message: wire.ProcessingRequest, http: wire.HttpHeaders, side: Side) -> Head:
    attributes = message.attributes.get(_ATTRIBUTES)
    filters = message.metadata_context.filter_metadata if side is Side.REQUEST else {}
    return Head(
        side=side,
        fields=_fields(http.headers),
        end_of_stream=http.end_of_stream,
        attributes=_texts(attributes) if attributes else _NO_ATTRIBUTES,
        metadata={name: _claims(value) for name, value in filters.items()},
    )


def _fields(section: wire.HeaderMap) -> Fields:
    # Envoy sends values as `raw_value`; `value` is its older form and one of the two is empty.
    return tuple([(header.key, header.raw_value or header.value.encode()) for header in section.headers])


@functools.lru_cache(maxsize=_MOST_TOKENS)
def _claims(encoded: bytes) -> Mapping[str, Any]:
    """Return a namespace's metadata as plain values; the same token gives the same bytes, request after request."""
    return MappingProxyType(_plain(_struct(encoded)))


@functools.lru_cache(maxsize=_MOST_PEERS)
def _texts(encoded: bytes) -> Mapping[str, str]:
    """Return the attributes that are text; the few numbers among them as text too. A connection's are the same each time."""
    found: dict[str, str] = {}
    for name, value in _struct(encoded).fields.items():
        match value.WhichOneof("kind"):
            case "string_value":
                found[name] = value.string_value
            case "number_value":
                found[name] = f"{value.number_value:g}"
            case _:
                pass
    return MappingProxyType(found)


def _struct(encoded: bytes) -> Struct:
    try:
        return Struct.FromString(encoded)
    except DecodeError as error:
        raise StreamError("what Envoy says of the request is not a Struct") from error


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


_Phase = Callable[[wire.ProcessingResponse], wire.HeadersResponse | wire.BodyResponse]

_PHASES: Final[Mapping[tuple[type[Event], Side], _Phase]] = {
    # The part of an answer that belongs to an event; Envoy takes an answer to another phase as an error.
    (Head, Side.REQUEST): lambda answer: answer.request_headers,
    (Body, Side.REQUEST): lambda answer: answer.request_body,
    (Head, Side.RESPONSE): lambda answer: answer.response_headers,
    (Body, Side.RESPONSE): lambda answer: answer.response_body,
}


def encode(event: Event, reply: Reply) -> wire.ProcessingResponse:
    """Return the message that answers `event` with `reply`; not to be changed, for some of them are shared."""
    if isinstance(reply, Immediate):
        return wire.ProcessingResponse(immediate_response=_immediate(reply))
    kind = type(event)
    if kind is Trailers:
        return _trailers(event.side, reply)
    match reply:
        case Continue():
            return _without_body(kind, event.side, (), ())
        case Replace(body=None):
            return _without_body(kind, event.side, reply.set_fields, reply.remove_fields)
        case Replace():
            answer = wire.ProcessingResponse()
            common = _PHASES[kind, event.side](answer).response
            common.header_mutation.MergeFromString(_mutation(reply.set_fields, reply.remove_fields))
            if kind is Head:
                # A message without a body gets one.
                common.status = wire.CONTINUE_AND_REPLACE
            # In place: each message that held the body on its way here would be a copy of all of it.
            common.body_mutation.body = reply.body or b""
            return answer


def _trailers(side: Side, reply: Continue | Replace) -> wire.ProcessingResponse:
    """Return the answer that makes the changes of `reply` to the trailers of a response; a request's are never let on."""
    if side is Side.REQUEST:
        raise StreamError("a request's trailers have no answer")
    answer = wire.ProcessingResponse()
    answer.response_trailers.SetInParent()
    if isinstance(reply, Replace):
        answer.response_trailers.header_mutation.MergeFromString(_mutation(reply.set_fields, reply.remove_fields))
    return answer


@functools.lru_cache(maxsize=_MOST_MUTATIONS)
def _without_body(kind: type[Event], side: Side, set_fields: Fields, remove_fields: tuple[str, ...]) -> wire.ProcessingResponse:
    """Return the answer that makes these changes to a head; a client's requests need the same, over and over."""
    answer = wire.ProcessingResponse()
    phase = _PHASES[kind, side](answer)
    phase.response.SetInParent()
    if set_fields or remove_fields:
        phase.response.header_mutation.MergeFromString(_mutation(set_fields, remove_fields))
    return answer


@functools.lru_cache(maxsize=_MOST_MUTATIONS)
def _mutation(set_fields: Fields, remove_fields: tuple[str, ...]) -> bytes:
    """Return a change to a head in Envoy's form; to take it over costs a tenth of making it."""
    return wire.HeaderMutation(set_headers=_set_headers(set_fields), remove_headers=remove_fields).SerializeToString()


def _immediate(reply: Immediate) -> wire.ImmediateResponse:
    return wire.ImmediateResponse(
        status=wire.HttpStatus(code=reply.status),
        headers=wire.HeaderMutation(set_headers=_set_headers(reply.fields)),
        body=reply.body,
        grpc_status=None if reply.grpc_status is None else wire.GrpcStatus(status=reply.grpc_status),
        details=reply.details,
    )


def _set_headers(fields: Fields) -> list[wire.HeaderValueOption]:
    return [
        wire.HeaderValueOption(header=wire.HeaderValue(key=name, raw_value=value), append_action=_OVERWRITE)
        for name, value in fields
    ]
