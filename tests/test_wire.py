"""Our small `.proto` files held, message by message, against Envoy's own definitions."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.data.accesslog import v3 as accesslog_data
from envoy_data_plane.envoy.extensions.filters.http.ext_proc import v3 as filter_proto
from envoy_data_plane.envoy.service.accesslog import v3 as accesslog
from envoy_data_plane.envoy.service.ext_proc import v3 as ext_proc
from envoy_data_plane.envoy.type import v3 as envoy_type
from google.protobuf.descriptor import Descriptor
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from extproc import codec
from extproc.events import Body, Continue, Head, Immediate, Replace, Side
from extproc.wire import access_log_pb2, ext_proc_pb2

PAIRS: list[tuple[Descriptor, Any]] = [
    *(
        (ext_proc_pb2.DESCRIPTOR.message_types_by_name[name], getattr(ext_proc, name))
        for name in (
            "HttpHeaders",
            "HttpBody",
            "HttpTrailers",
            "ProtocolConfiguration",
            "ProcessingRequest",
            "HeaderMutation",
            "BodyMutation",
            "CommonResponse",
            "HeadersResponse",
            "BodyResponse",
            "TrailersResponse",
            "GrpcStatus",
            "ImmediateResponse",
            "ProcessingResponse",
        )
    ),
    *(
        (ext_proc_pb2.DESCRIPTOR.message_types_by_name[name], getattr(core, name))
        for name in ("HeaderValue", "HeaderMap", "Metadata", "HeaderValueOption")
    ),
    (ext_proc_pb2.DESCRIPTOR.message_types_by_name["HttpStatus"], envoy_type.HttpStatus),
    *(
        (access_log_pb2.DESCRIPTOR.message_types_by_name[name], getattr(accesslog_data, name))
        for name in ("AccessLogCommon", "HttpRequestProperties", "HttpResponseProperties", "HttpAccessLogEntry")
    ),
    *((access_log_pb2.DESCRIPTOR.message_types_by_name[name], getattr(core, name)) for name in ("Address", "SocketAddress")),
    (access_log_pb2.DESCRIPTOR.message_types_by_name["StreamAccessLogsMessage"], accesslog.StreamAccessLogsMessage),
    (
        access_log_pb2.DESCRIPTOR.message_types_by_name["HttpAccessLogEntries"],
        accesslog.StreamAccessLogsMessageHttpAccessLogEntries,
    ),
    (access_log_pb2.DESCRIPTOR.message_types_by_name["Identifier"], accesslog.StreamAccessLogsMessageIdentifier),
]
ENUMS = [
    (ext_proc_pb2.BodySendMode, "ProcessingModeBodySendMode"),
    (ext_proc_pb2.HeaderAppendAction, "HeaderValueOptionHeaderAppendAction"),
    (ext_proc_pb2.ResponseStatus, "CommonResponseResponseStatus"),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[ours.name for ours, _ in PAIRS])
def test_every_field_has_envoys_name_and_number(ours: Descriptor, theirs: Any) -> None:
    """A field of ours is a field of Envoy's message, with the same name, number and repetition."""
    known = {field.name: field.metadata["betterproto"] for field in dataclasses.fields(theirs)}

    assert {field.name: field.number for field in ours.fields} == {
        field.name: known[field.name].number for field in ours.fields
    }
    for field in ours.fields:
        if not (field.message_type and field.message_type.GetOptions().map_entry):
            assert field.is_repeated == bool(known[field.name].repeated)


def test_enums_have_envoys_numbers() -> None:
    """The words of our enums stand for the same numbers as Envoy's."""
    theirs = filter_proto.ProcessingModeBodySendMode

    assert {name: theirs[name].value for name, _ in ext_proc_pb2.BodySendMode.items()} == dict(
        ext_proc_pb2.BodySendMode.items()
    )
    actions = core.HeaderValueOptionHeaderAppendAction
    assert {name: actions[name].value for name, _ in ext_proc_pb2.HeaderAppendAction.items()} == dict(
        ext_proc_pb2.HeaderAppendAction.items()
    )
    statuses = ext_proc.CommonResponseResponseStatus
    assert {name: statuses[name].value for name, _ in ext_proc_pb2.ResponseStatus.items()} == dict(
        ext_proc_pb2.ResponseStatus.items()
    )


names = st.from_regex(r"[a-z:][a-z0-9-]{0,12}", fullmatch=True)
fields = st.lists(st.tuples(names, st.binary(max_size=20)), max_size=5)


@given(fields=fields, ends=st.booleans(), attribute=st.text(max_size=20), claims=st.dictionaries(names, st.integers(0, 2**40)))
def test_a_head_that_envoy_encodes_is_read_as_it_was(
    fields: list[tuple[str, bytes]], ends: bool, attribute: str, claims: dict[str, int]
) -> None:
    """A request head built from Envoy's definitions decodes to the same fields, attributes and verified claims."""
    attributes, payload = Struct(), Struct()
    attributes.update({"source.address": attribute})
    payload.update({"payload_0": claims})
    message = ext_proc.ProcessingRequest(
        request_headers=ext_proc.HttpHeaders(
            headers=core.HeaderMap(headers=[core.HeaderValue(key=name, raw_value=value) for name, value in fields]),
            end_of_stream=ends,
        ),
        protocol_config=ext_proc.ProtocolConfiguration(request_body_mode=2, response_body_mode=2),
    )
    encoded = bytes(message)
    ours = ext_proc_pb2.ProcessingRequest.FromString(encoded)
    ours.attributes["envoy.filters.http.ext_proc"] = attributes.SerializeToString()
    ours.metadata_context.filter_metadata["jwt"] = payload.SerializeToString()
    theirs = ext_proc.ProcessingRequest.parse(ours.SerializeToString())

    event = codec.decode(ours)

    assert event == Head(
        side=Side.REQUEST,
        fields=tuple(fields),
        end_of_stream=ends,
        attributes={"source.address": attribute},
        metadata={"jwt": {"payload_0": claims}},
    )
    assert set(theirs.attributes) == {"envoy.filters.http.ext_proc"}
    assert set(theirs.metadata_context.filter_metadata) == {"jwt"}


@given(fields=fields, removed=st.lists(names, max_size=3), body=st.none() | st.binary(max_size=50), side=st.sampled_from(Side))
def test_a_replacement_means_to_envoy_what_it_means_to_us(
    fields: list[tuple[str, bytes]], removed: list[str], body: bytes | None, side: Side
) -> None:
    """A reply parsed with Envoy's definitions overwrites, removes and carries just that, in its own phase."""
    reply = Replace(set_fields=tuple(fields), remove_fields=tuple(removed), body=body)

    theirs = ext_proc.ProcessingResponse.parse(codec.encode(Body(side=side, data=b""), reply).SerializeToString())

    phase = theirs.request_body if side is Side.REQUEST else theirs.response_body
    assert phase is not None
    assert phase.response is not None
    mutation = phase.response.header_mutation
    options = mutation.set_headers if mutation else []
    assert [
        (option.header.key, option.header.raw_value, option.append_action.value) for option in options if option.header
    ] == [(name, value, 2) for name, value in fields]
    assert (mutation.remove_headers if mutation else []) == removed
    assert (phase.response.body_mutation.body if phase.response.body_mutation else None) == body


@pytest.mark.parametrize(
    ("event", "body", "expected"),
    [
        (Head(side=Side.REQUEST, fields=(), end_of_stream=True), b"{}", "CONTINUE_AND_REPLACE"),
        (Head(side=Side.REQUEST, fields=(), end_of_stream=True), None, "CONTINUE"),
        (Body(side=Side.REQUEST, data=b""), b"{}", "CONTINUE"),
        (Body(side=Side.RESPONSE, data=b"{}"), b"{}", "CONTINUE"),
    ],
)
def test_a_body_for_a_message_without_one_is_said_to_replace(event: Head | Body, body: bytes | None, expected: str) -> None:
    """Envoy takes a body in the answer to a head only where it is told so; elsewhere that word would skip what follows."""
    answer = codec.encode(event, Replace(body=body))

    part = getattr(answer, answer.WhichOneof("response") or "")
    assert ext_proc_pb2.ResponseStatus.Name(part.response.status) == expected


@given(status=st.sampled_from([200, 401, 403, 404, 413, 502]), fields=fields, body=st.binary(max_size=50))
def test_an_immediate_answer_means_to_envoy_what_it_means_to_us(
    status: int, fields: list[tuple[str, bytes]], body: bytes
) -> None:
    """An immediate reply parsed with Envoy's definitions has that status, those fields, that body and those details."""
    reply = Immediate(status=status, fields=tuple(fields), body=body, details="token_missing")

    theirs = ext_proc.ProcessingResponse.parse(
        codec.encode(Head(side=Side.REQUEST, fields=(), end_of_stream=True), reply).SerializeToString()
    ).immediate_response

    assert theirs is not None
    assert theirs.status is not None
    assert (theirs.status.code.value, theirs.body, theirs.details) == (status, body, "token_missing")
    assert [
        (option.header.key, option.header.raw_value) for option in (theirs.headers.set_headers if theirs.headers else [])
    ] == fields


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        (Head(side=Side.REQUEST, fields=(), end_of_stream=False), "request_headers"),
        (Head(side=Side.RESPONSE, fields=(), end_of_stream=False), "response_headers"),
        (Body(side=Side.REQUEST, data=b""), "request_body"),
        (Body(side=Side.RESPONSE, data=b""), "response_body"),
    ],
)
def test_a_continue_answers_the_phase_that_asked(event: Head | Body, phase: str) -> None:
    """Each phase is answered in kind, since Envoy takes an answer to another phase as an error."""
    assert codec.encode(event, Continue()).WhichOneof("response") == phase
