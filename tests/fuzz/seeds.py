"""The first inputs of every target, made from what the official client and a real Chroma say to each other.

``python -m fuzz.seeds`` puts them among the kept inputs, in the place of those that it made before. To be
run again when the database or its client changes, or when a target is new.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import chromadb
import httpx
import msgspec
from chromadb import K, Knn, Search
from chromadb.errors import ChromaError
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from detectors.scores import labelled
from extproc.detection import addresses, keys, national, networks, payments, phones
from extproc.engines.source import Source
from extproc.wire import ext_proc_pb2 as wire
from fuzz.framing import joined
from fuzz.run import CORPUS, SEED
from fuzz.targets.answer import TERMS
from fuzz.tokens import MARK
from support.database import chroma_server
from support.docs import ROOT, blocks

_FAILS = 400
_EACH = 6
_RECOGNISERS = {
    "addresses": addresses.RECOGNISERS,
    "keys": keys.RECOGNISERS,
    "national": national.RECOGNISERS,
    "networks": networks.RECOGNISERS,
    "payments": payments.RECOGNISERS,
    "phones": phones.RECOGNISERS,
}
_CLAIMS: dict[str, Any] = {
    "iss": "https://idp.test/main",
    "aud": ["vecgate", "other"],
    "sub": "u-1",
    "iat": 1_799_999_990,
    "exp": 1_800_000_300,
    "nbf": 1_799_999_990,
    "email": "ada@corp.test",
    "realm_access": {"roles": ["reader", "writer"]},
    "groups": "ops dev",
    "azp": "program",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer."""

    method: str
    target: str
    body: bytes
    status: int
    answer: bytes

    @property
    def request(self) -> bytes:
        """The input of this request."""
        field = "content-type: application/json" if self.body else "accept: */*"
        return f"{self.method} {self.target}\n{field}\n\n".encode() + self.body


def main() -> None:
    """Write the seeds of every target."""
    with tempfile.TemporaryDirectory() as directory, chroma_server(Path(directory)) as port:
        exchanges = list(_recorded(port))
    bodies = [each.body for each in exchanges if each.body]
    _write("request", (each.request for each in exchanges))
    _write("owned", (each.request for each in exchanges if "/collections/" in each.target))
    _write("path", (f"{each.method} {each.target}".encode() for each in exchanges))
    _write("strictness", bodies)
    _write("where", (body for body in bodies if b'"where' in body))
    _write("search", (body for body in bodies if b'"searches"' in body))
    _write("answer", _answers(exchanges))
    _write("error_answer", (b"%d\n\n%b" % (each.status, each.answer) for each in exchanges if each.status >= _FAILS))
    _write("stream", map(_stream, exchanges))
    _write("identity", _identities())
    _write("configuration", [*(block.text.encode() for block in blocks("yaml")), (ROOT / "deploy/vecgate.yaml").read_bytes()])
    _write("evidence", _damages())
    _write("bundle", _bundles())
    _write("opa_answer", _opa_answers())
    for name, recognisers in _RECOGNISERS.items():
        _write(f"detect_{name}", _labelled({each.entity for each in recognisers}))
    _write("detect_custom", (b"[A-Z]{2}-([0-9]{4})\nblue  heron part AB-1234 B18391234 \xce\xa9-7", b"(a|b)+$\nabab", b"(\n("))
    _write("token", (b"[token:k1:AAAAAAAAAAAAAAAAAAAAAAAA]", b"ada@corp.test", MARK.encode()))
    _write("written_mask", _written_masks())


def _labelled(entities: set[str]) -> Iterator[bytes]:
    """Give the first few texts of the labelled corpus for each entity, and a few without any."""
    left = dict.fromkeys((*entities, ""), _EACH)
    for text, spans in zip(*labelled("first"), strict=True):
        name = next((type_ for type_, _, _ in spans if left.get(type_)), "")
        if left.get(name) and (spans == [] or name):
            left[name] -= 1
            yield text.encode()


def _written_masks() -> Iterator[bytes]:
    for text in (
        "[REDACTED]",
        "[EMAIL_ADDRESS]",
        f"x [hash:k1:{'0a' * 16}]",
        f"[token:k1:{'A' * 24}]",
        '[****"4]',
        "[**** ",
        "REDACTED",
    ):
        yield msgspec.json.encode({"documents": [text, None], "metadatas": [{"a": [text]}]})


def _write(target: str, inputs: Any) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob(f"{SEED}*"):
        earlier.unlink()
    for data in inputs:
        (folder / (SEED + sha1(data, usedforsecurity=False).hexdigest())).write_bytes(data)


def _recorded(port: int) -> Iterator[Exchange]:
    """Give what the client and the database on `port` say to each other."""
    seen: list[Exchange] = []

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            fields = {"content-type": "application/json"} if body else {}
            answer = httpx.request(
                self.command, f"http://127.0.0.1:{port}{self.path}", content=body, headers=fields, trust_env=False
            )
            seen.append(
                Exchange(method=self.command, target=self.path, body=body, status=answer.status_code, answer=answer.content)
            )
            self.send_response_only(answer.status_code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = _relay

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        _story(chromadb.HttpClient(host="127.0.0.1", port=server.server_address[1]))
    finally:
        server.shutdown()
        server.server_close()
    yield from seen


def _story(client: Any) -> None:
    """Do what a client does, and some of it wrongly."""
    client.get_max_batch_size()
    client.list_collections(limit=2, offset=1)
    client.count_collections()
    tickets = client.create_collection("tickets", metadata={"topic": "help"}, embedding_function=None)
    client.get_or_create_collection("tickets", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)
    secret = {"email": MARK, "profile.email": f"{MARK}@corp.test", "a.b": MARK, "n": 1, "x": 0.5, "ok": True}
    tickets.add(
        ids=["a", "b"],
        embeddings=[[1, 2], [3, 4.5]],
        documents=[f"größe {MARK}", None],
        metadatas=[secret, {"n": 2, "email": f"é{MARK}"}],
        uris=[f"s3://{MARK}", None],
    )
    everything = ["documents", "metadatas", "embeddings", "uris"]
    tickets.get(include=everything)
    tickets.get(ids=["a", "c"], limit=3, offset=0, include=["metadatas"])
    tickets.get(where={"$and": [{"n": {"$gte": 1}}, {"$or": [{"ok": True}, {"n": {"$nin": [7, 8]}}]}]})
    tickets.get(where={"n": {"$in": [1, 2]}}, where_document={"$or": [{"$contains": "gr"}, {"$not_contains": "x"}]})
    tickets.get(where={"x": {"$lt": 0.75}}, where_document={"$regex": "^g.*"}, include=[])
    tickets.query(query_embeddings=[[1, 2], [3, 4]], n_results=2, include=[*everything, "distances"])
    tickets.query(query_embeddings=[[1, 2]], ids=["a"], where={"email": {"$ne": "x"}}, n_results=1)
    tickets.update(ids=["b"], embeddings=[[5, 6]], metadatas=[{"n": 3}])
    tickets.upsert(ids=["c"], embeddings=[[7, 8]], documents=["three"])
    tickets.count()
    for search in (
        Search()
        .where(K("n") > 1)
        .rank(Knn(query=[1.0, 2.0], limit=4) * 0.5 + Knn(query=[3.0, 4.0], key="x").exp())
        .limit(3, 1),
        Search().where((K("email") == "x") | K.DOCUMENT.contains("gr")).select(K.DOCUMENT, K.SCORE, K.EMBEDDING, "n"),
    ):
        _try(lambda search=search: tickets.search([search, search]))
    _try(lambda: tickets.query(query_embeddings=[[1, 2, 3]]))
    _try(lambda: client.create_collection("tickets", embedding_function=None))
    tickets.delete(ids=["a"], where={"n": 1})
    tickets.modify(name="letters", metadata={"topic": "post"})
    client.get_collection("letters")
    client.delete_collection("letters")
    _try(lambda: client.get_collection("letters"))
    _try(tickets.count)


def _try(act: Any) -> None:
    with contextlib.suppress(ChromaError, ValueError, TypeError):
        act()


def _answers(exchanges: list[Exchange]) -> Iterator[bytes]:
    """Give each answer that holds records under two of the masks, and one to searches, which this server does not give."""
    found = [(each.target.rpartition("/")[2], each.body, each.answer) for each in exchanges if each.status < _FAILS]
    search = {
        "ids": [["a", "b"]],
        "documents": [[f"x {MARK}", None]],
        "embeddings": [[[1, 2], [3, 4]]],
        "metadatas": [[{"email": MARK, "profile": {"email": [MARK]}, "v": {"indices": [1], "values": [0.5]}}, None]],
        "scores": [[0.25, 1]],
        "select": [["#document", "#score", "#embedding", "email"]],
    }
    found.append(("search", b"", msgspec.json.encode(search)))
    for kind, body, answer in found:
        if kind in {"get", "query", "search"}:
            count = len(msgspec.json.decode(body)["query_embeddings"]) if kind == "query" else 1
            for index in (len(answer) % len(TERMS), (len(answer) + 3) % len(TERMS)):
                yield b"%b%b\n%c\n\n%b" % (kind.encode(), b" " + b"x" * (count + 2) if kind != "get" else b"", index, answer)


def _stream(exchange: Exchange) -> bytes:
    """Return one exchange as Envoy tells it."""
    first = wire.ProcessingRequest()
    fields = {":method": exchange.method, ":path": exchange.target, "content-type": "application/json"}
    for name, value in fields.items():
        first.request_headers.headers.headers.add(key=name, raw_value=value.encode())
    first.request_headers.end_of_stream = not exchange.body
    mode = wire.BodySendMode.BUFFERED
    first.protocol_config.request_body_mode = first.protocol_config.response_body_mode = mode
    claims = {"payload_main": _CLAIMS, "failure_other": {"code": 3, "message": "Jwt is expired"}}
    metadata = json_format.ParseDict(claims, Struct()).SerializeToString()
    first.metadata_context.filter_metadata["envoy.filters.http.jwt_authn"] = metadata
    attributes = json_format.ParseDict({"source.address": "127.0.0.1:5", "response.flags": 4}, Struct())
    first.attributes["envoy.filters.http.ext_proc"] = attributes.SerializeToString()
    messages = [first]
    if exchange.body:
        messages.append(wire.ProcessingRequest(request_body={"body": exchange.body[:60], "end_of_stream": True}))
    head = wire.ProcessingRequest()
    head.response_headers.headers.headers.add(key=":status", raw_value=str(exchange.status).encode())
    messages += [head, wire.ProcessingRequest(response_body={"body": exchange.answer[:60]})]
    for each in messages:
        each.protocol_config.CopyFrom(first.protocol_config)
    return joined(each.SerializeToString() for each in messages)


def _identities() -> Iterator[bytes]:
    for field in (b"x-chroma-token: a.b.c", b"authorization: Bearer e30.e30.e30", b"accept: */*"):
        for found in (
            {"payload_main": _CLAIMS},
            {"failure_main": {"code": 3, "message": "Jwt is expired"}, "failure_b": {"code": 1, "message": "Jwt is missing"}},
            {"payload_a": _CLAIMS, "payload_b": {}},
            _CLAIMS,
        ):
            yield field + b"\n\n" + msgspec.json.encode(found)


def _damages() -> Iterator[bytes]:
    for file in range(5):
        for kind in range(8):
            yield joined([bytes([file, kind]) + (137 * file).to_bytes(2) + (40).to_bytes(2) + b"\x00x\xff\n"])


def _bundles() -> Iterator[bytes]:
    """Give policies as names and contents by turns."""
    for files in (
        Source(path=ROOT / "rego").files(),
        {
            "a.rego": b"package a\n",
            "data.json": b'{"a":[1,1.0,1e3,{"\xc3\xa9":null}]}',
            ".manifest": b'{"revision":"v1","roots":["a"]}',
        },
        {"x/a.rego": b"package x.y\n", "x/data.yaml": b"a: {b: 1}\n", "x/y/data.json": b"{}"},
        {"../a.rego": b"package a\n", "b.rego": b""},
    ):
        yield joined(part for name, content in files.items() for part in (name.encode(), content))


def _opa_answers() -> Iterator[bytes]:
    """Give what OPA says, well and badly."""
    provenance = {"version": "1.22.2", "bundles": {"p": {"revision": "v1@sha256:0123456789abcdef"}}}
    decision = {"allow": True, "reasons": ["a"], "obligations": [{"type": "limit", "max": 5}], "cache": {"ttl": "30s"}}
    for status, body in (
        (200, {"result": decision, "provenance": provenance}),
        (200, {"result": None, "provenance": provenance}),
        (200, {"provenance": provenance, "warning": {"code": "api_usage_warning"}}),
        (200, {"result": decision, "provenance": {"bundles": {"p": {"revision": "1"}, "q": {"revision": ""}}}}),
        (200, {"result": {"allow": False}, "provenance": {"bundles": {"p": {"revision": "1"}, "q": {"revision": "2"}}}}),
        (500, {"code": "internal_error", "errors": [{"code": "eval_conflict_error", "message": MARK}]}),
        (500, {"code": "internal_error", "errors": [{"code": "eval_builtin_error", "message": MARK}]}),
        (401, {"code": "unauthorized"}),
        (404, {}),
    ):
        yield b"%d\n\n%b" % (status, msgspec.json.encode(body))


if __name__ == "__main__":
    main()
