"""gRPC through a real Envoy: frames, trailers, deadlines, sizes; refusals that clients raise and do not try again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from qdrant_client import grpc as messages
from qdrant_client import models
from qdrant_client.grpc import qdrant_pb2

from extproc.audit.reader import read_leaves
from extproc.wire import ext_proc_pb2 as wire
from support import rawgrpc
from support.envoy import envoy, service, write_config
from support.gateway import RAW_KEY
from support.ports import free_port
from support.qdrant import qdrant_server
from support.qdrant_gateway import Doors, guarded
from support.rawgrpc import frame

pytestmark = pytest.mark.envoy

LIST = "/qdrant.Collections/List"
GET = "/qdrant.Collections/Get"
QUERY = "/qdrant.Points/Query"
EMPTY = frame(b"")
NOWHERE = messages.GetCollectionInfoRequest(collection_name="nowhere").SerializeToString()


def call(doors: Doors, path: str, body: bytes = EMPTY, *changes: tuple[str, str | None], **how: Any) -> rawgrpc.Said:
    """Make a call as an admin."""
    return rawgrpc.call(doors.grpc, path, body, doors.gateway.issuer.token("admin"), *changes, **how)


def last_reasons(doors: Doors) -> tuple[str, ...]:
    """Return the reasons of the last entry."""
    return list(read_leaves(doors.gateway.audit))[-1].reasons


# --- what Envoy does ----------------------------------------------------------------------------------------------------


def kinds(told: list[Any]) -> list[tuple[str | None, bool | None]]:
    """Return the kinds of messages, and of those that say so whether they end their side."""
    found = []
    for message in told:
        kind = message.WhichOneof("request")
        found.append((kind, getattr(getattr(message, kind), "end_of_stream", None)))
    return found


async def told(directory: Path, path: str, body: bytes, reply: Any = None) -> tuple[list[Any], grpc.StatusCode, str]:
    """Return what Envoy tells of one call, and how it ends for the client; `reply` may answer some messages otherwise."""
    seen: list[Any] = []

    async def process(asked: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
        async for message in asked:
            seen.append(message)
            answer = wire.ProcessingResponse()
            getattr(answer, message.WhichOneof("request")).SetInParent()
            yield (reply and reply(message)) or answer

    with qdrant_server() as database:
        door = free_port()
        entry = {
            "name": "kb",
            "engine": "qdrant",
            "listen": f"127.0.0.1:{free_port()}",
            "upstream": f"http://127.0.0.1:{database.rest}",
            "grpc": {"listen": f"127.0.0.1:{door}", "upstream": f"http://127.0.0.1:{database.grpc}"},
        }
        config, _, _ = write_config(directory, "", databases=[entry])
        codec = {
            "request_deserializer": wire.ProcessingRequest.FromString,
            "response_serializer": wire.ProcessingResponse.SerializeToString,
        }
        async with (
            service(config, process, **codec),
            envoy(config, door),
            grpc.aio.insecure_channel(f"127.0.0.1:{door}") as channel,
        ):
            try:
                await channel.unary_unary(path)(body, timeout=20)
            except grpc.aio.AioRpcError as error:
                return seen, error.code(), error.details() or ""
    return seen, grpc.StatusCode.OK, ""


async def test_pinned_a_call_is_a_body_that_does_not_end_its_answer_and_trailers(tmp_path: Path) -> None:
    """The answer's body comes whole and not as the end; its status comes behind it."""
    seen, code, _ = await told(tmp_path, LIST, b"")

    assert code is grpc.StatusCode.OK
    assert kinds(seen) == [
        ("request_headers", False),
        ("request_body", True),
        ("response_headers", False),
        ("response_body", False),
        ("response_trailers", None),
    ]


async def test_pinned_an_error_is_a_head_with_the_status(tmp_path: Path) -> None:
    """A call that fails has no body and no trailers, but a head that says all."""
    seen, code, _ = await told(tmp_path, GET, NOWHERE)

    assert code is grpc.StatusCode.NOT_FOUND
    assert kinds(seen)[2:] == [("response_headers", True)]


@pytest.mark.parametrize("at", ["request_headers", "request_body", "response_headers", "response_body", "response_trailers"])
async def test_pinned_an_answer_of_our_own_takes_the_place_of_the_databases_at_every_step(tmp_path: Path, at: str) -> None:
    """Even at the trailers nothing has left yet: the client gets the refusal and nothing else."""

    def deny(message: Any) -> Any:
        if message.WhichOneof("request") != at:
            return None
        immediate = wire.ImmediateResponse(
            status=wire.HttpStatus(code=403), body="no: 100 % ü".encode(), grpc_status=wire.GrpcStatus(status=7)
        )
        return wire.ProcessingResponse(immediate_response=immediate)

    _, code, details = await told(tmp_path, LIST, b"", deny)

    assert (code, details) == (grpc.StatusCode.PERMISSION_DENIED, "no: 100 % ü")


# --- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "changes", "status", "reason"),
    [
        (LIST, EMPTY, [("api-key", None)], 16, "token_missing"),
        (LIST, EMPTY, [("api-key", "a.b.c")], 16, "token_malformed"),
        (LIST, EMPTY, [("authorization", "Bearer a.b.c")], 16, "token_ambiguous"),
        ("/qdrant.Nothing/List", EMPTY, [], 7, "operation_unknown"),
        ("/qdrant.Collections/list", EMPTY, [], 7, "operation_unknown"),
        (f"{LIST}/", EMPTY, [], 7, "operation_unknown"),
        (f"/{LIST}", EMPTY, [], 7, "operation_unknown"),
        (f"{LIST}?x=1", EMPTY, [], 7, "operation_unknown"),
        ("/qdrant.PointsInternal/Get", EMPTY, [], 7, "operation_unsupported"),
        ("/qdrant.StorageRead/ReadWhole", EMPTY, [], 7, "operation_unsupported"),
        ("/qdrant.Raft/Send", EMPTY, [], 7, "operation_unsupported"),
        (LIST, EMPTY, [("content-type", "application/json")], None, "content_unsupported"),
        (LIST, EMPTY, [("content-type", "application/grpc-web")], None, "content_unsupported"),
        (LIST, EMPTY, [("content-type", "application/grpc+json")], 12, "content_unsupported"),
        (LIST, EMPTY, [("grpc-encoding", "gzip")], 12, "content_unsupported"),
        (LIST, EMPTY, [("content-encoding", "gzip")], 12, "content_unsupported"),
        (LIST, EMPTY, [(":method", "GET")], 12, "content_unsupported"),
        (LIST, EMPTY, [("grpc-timeout", "soon")], 3, "request_malformed"),
        (LIST, b"", [], 3, "frame_malformed"),
        (LIST, EMPTY[:4], [], 3, "frame_malformed"),
        (LIST, b"\0\0\0\0\5abc", [], 3, "frame_malformed"),
        (LIST, EMPTY * 2, [], 3, "frame_repeated"),
        (LIST, frame(b"", compressed=True), [], 12, "frame_compressed"),
        (LIST, b"\2\0\0\0\0", [], 12, "frame_compressed"),
        (LIST, frame(b"\xff"), [], 3, "request_malformed"),
        (LIST, frame(b"\x08\x01"), [], 7, "member_unknown"),
        (GET, EMPTY, [], 3, "request_malformed"),
        (GET, frame(b"\x0a\x02\xff\xfe"), [], 3, "request_malformed"),
    ],
)
def test_what_is_refused_is_refused_with_a_status_and_a_reason(  # noqa: PLR0917 - each is a column of the table
    qdrant_doors: Doors, path: str, body: bytes, changes: list[tuple[str, str | None]], status: int | None, reason: str
) -> None:
    """Each refusal names its reason, is on record, and reaches no database; what is no gRPC gets HTTP's status."""
    before = len(qdrant_doors.database.seen)

    said = call(qdrant_doors, path, body, *changes)

    assert said.status == status
    assert reason in (said.message if status is not None else said.body.decode())
    assert last_reasons(qdrant_doors) == (reason,)
    assert len(qdrant_doors.database.seen) == before


@pytest.mark.parametrize(
    "path",
    [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/qdrant.StorageRead/ReadBytesStream",
    ],
)
def test_a_stream_that_its_client_keeps_open_is_refused_at_once(qdrant_doors: Doors, path: str) -> None:
    """Reflection waits for answers before it goes on; it is told no at its head, and not held until it times out."""
    said = call(qdrant_doors, path, frame(b"\x3a\x00"), open_end=True)

    assert (said.status, last_reasons(qdrant_doors)) == (7, ("operation_unsupported",))


def test_a_call_whose_token_is_missing_is_refused_before_its_body_has_come(qdrant_doors: Doors) -> None:
    """Nobody's body is waited for."""
    said = call(qdrant_doors, LIST, b"\0", ("api-key", None), open_end=True)

    assert said.status == 16


def test_a_message_over_the_limit_is_refused_natively(qdrant_doors: Doors) -> None:
    """Envoy stops a body that is far over `limits.body`, this service one that is a little over; both in gRPC's own words."""
    token = (("api-key", qdrant_doors.gateway.issuer.token("admin")),)
    with grpc.insecure_channel(f"127.0.0.1:{qdrant_doors.grpc}") as channel:
        for size in ((1 << 20) + 10, 3 << 20):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(LIST)(bytes(size), metadata=token, timeout=20)

            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "request_too_large" in caught.value.details()
            assert last_reasons(qdrant_doors) == ("request_too_large",)


@pytest.mark.parametrize(("roles", "code"), [((), "UNAUTHENTICATED"), (("reader",), "PERMISSION_DENIED")])
def test_the_official_client_raises_and_does_not_try_again(starter_doors: Doors, roles: tuple[str, ...], code: str) -> None:
    """One call, one refusal: the database sees nothing, and the log one attempt."""
    before = len(list(read_leaves(starter_doors.gateway.audit)))

    with pytest.raises(grpc.RpcError) as caught:
        starter_doors.client("grpc", *roles).delete_collection("kb")

    assert caught.value.code().name == code
    assert len(list(read_leaves(starter_doors.gateway.audit))) == before + 1


# --- answers ------------------------------------------------------------------------------------------------------------


def test_the_databases_error_keeps_its_status_and_loses_its_words(qdrant_doors: Doors) -> None:
    """A message may quote what was asked for, so only what the status means is told."""
    said = call(qdrant_doors, GET, frame(messages.GetCollectionInfoRequest(collection_name="078-05-1120").SerializeToString()))

    assert (said.status, said.message) == (5, "Not found: the database knows no such thing")
    assert list(read_leaves(qdrant_doors.gateway.audit))[-1].end == "failed"


def test_a_success_ends_in_the_status_and_nothing_else(qdrant_doors: Doors) -> None:
    """Of the trailers the status crosses, and the message, which is empty."""
    said = call(qdrant_doors, LIST)

    assert (said.http, said.status, said.message) == (200, 0, "")
    assert messages.ListCollectionsResponse.FromString(said.body[5:]) is not None


def test_what_reaches_the_database_is_the_gateways_own(qdrant_doors: Doors) -> None:
    """Of the client's header fields none crosses that is not needed; the deadline does, and the credential is the gateway's."""
    extra = [("grpc-timeout", "9S"), ("x-qdrant-route-affinity", "a"), ("custom-bin", "AAA"), ("grpc-accept-encoding", "gzip")]
    call(qdrant_doors, LIST, EMPTY, *extra)

    received = dict(qdrant_doors.database.last(LIST).headers)
    assert received["api-key"] == RAW_KEY
    assert {"x-qdrant-route-affinity", "custom-bin", "authorization"}.isdisjoint(received)


def test_a_message_that_is_spelt_otherwise_is_written_anew(qdrant_doors: Doors) -> None:
    """A member that comes twice means its last value; the database gets that one, once."""
    name = b"\x0a\x01a\x0a\x07nowhere"
    call(qdrant_doors, "/qdrant.Collections/CollectionExists", frame(name))

    assert qdrant_doors.database.last("/qdrant.Collections/CollectionExists").body == b"\x0a\x07nowhere"


def test_large_messages_cross_in_both_directions(qdrant_doors: Doors) -> None:
    """Over HTTP/2 as over HTTP/1.1 a body may be as large as `limits.body`: a stream's window holds it."""
    client = qdrant_doors.client("grpc", "admin")
    client.create_collection("large", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    points = [models.PointStruct(id=each, vector=[1.0, 2.0], payload={"text": "x" * 300_000}) for each in range(3)]
    client.upsert("large", points)
    found, _ = client.scroll("large")
    client.delete_collection("large")

    assert [len((each.payload or {})["text"]) for each in found] == [300_000] * 3


def test_a_deadline_that_passes_is_the_clients_own_error(qdrant_doors: Doors) -> None:
    """A call that comes too late ends with gRPC's word for it, at the client or at Envoy."""
    with qdrant_doors.database.lock, pytest.raises(grpc.RpcError) as caught:
        qdrant_doors.client("grpc", "admin").count("kb", timeout=1)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


# --- health -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [EMPTY, b"", b"anything", EMPTY * 3], ids=["lawful", "none", "nonsense", "several"])
@pytest.mark.parametrize("path", ["/qdrant.Qdrant/HealthCheck", "/grpc.health.v1.Health/Check"])
def test_health_needs_no_token_and_is_one_and_the_same_question(qdrant_doors: Doors, path: str, body: bytes) -> None:
    """Whatever a prober sends, the database gets an empty message without any credential, and its answer goes back."""
    said = rawgrpc.call(qdrant_doors.grpc, path, body, None, ("x-secret", "s"))
    received = qdrant_doors.database.last(path)

    assert (said.status, len(said.body) > 5) == (0, True)
    assert received.body == b""
    assert {"api-key", "x-secret"}.isdisjoint(dict(received.headers))


def test_health_says_that_the_database_is_gone(tmp_path: Path) -> None:
    """A prober learns that nothing lies behind the gateway, in the status that probers know."""
    with guarded(tmp_path) as doors:
        doors.database.stop()
        said = rawgrpc.call(doors.grpc, "/grpc.health.v1.Health/Check", EMPTY, None)
        denied = call(doors, LIST)

    assert (said.status, denied.status) == (14, 14)
    assert "database_unreachable" in denied.message


def test_the_official_client_reads_the_version(qdrant_doors: Doors) -> None:
    """`info` is a health check over gRPC and the root path over REST; both give the database's version."""
    expected = qdrant_doors.direct("grpc").info().version

    assert qdrant_doors.client("grpc", "admin").info().version == expected
    assert qdrant_doors.client("rest", "admin").info().version == expected
    assert qdrant_pb2.HealthCheckReply(version=expected).version == expected
