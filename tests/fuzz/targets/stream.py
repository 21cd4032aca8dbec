"""What Envoy may send on one stream, in any order and form: whole messages in their order come out, or one of our errors."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from extproc import codec
from extproc.errors import Error
from extproc.events import Closing, Continue, Immediate, Opening, Replace, Request, Response
from extproc.stream import Stream
from extproc.wire import ext_proc_pb2 as wire
from fuzz.framing import split
from fuzz.mutation import frames as mutate

_MOST_BODY = 64
_FIELDS = (("x-one", b"\xff"), ("x-two", b""))
_REPLIES = (
    Continue(),
    Replace(set_fields=_FIELDS, remove_fields=("x-three",), body=b""),
    Replace(),
    Immediate(status=403, fields=_FIELDS, body=b"{}", details="policy_denied"),
)
_ORDER = (Opening, Request, Response, Closing)

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Play a sequence of messages, each behind its length."""
    stream = Stream(max_body=_MOST_BODY)
    seen: list[int] = []
    for encoded in split(data):
        try:
            message = wire.ProcessingRequest.FromString(encoded)
        except DecodeError:  # gRPC's to refuse
            return
        try:
            event = codec.decode(message)
            for reply in _REPLIES:
                answer = codec.encode(event, reply)
                assert wire.ProcessingResponse.FromString(answer.SerializeToString()) == answer
            codec.require_buffering(message)
        except Error:
            continue
        try:
            whole = stream.receive(event)
        except Error:
            return
        if whole is not None:
            seen.append(_ORDER.index(type(whole)))
            assert isinstance(whole, Opening | Closing) or len(whole.body) <= _MOST_BODY
        assert seen == sorted(set(seen)), "something comes twice, or too late"
