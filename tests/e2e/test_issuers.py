"""Issuers whose keys are fetched, and whose tokens are for one database: discovery, rotation, and who else is kept out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml
from google.protobuf.struct_pb2 import Struct

from extproc.audit.reader import read_leaves
from extproc.bootstrap.filters import METADATA_NAMESPACE as NAMESPACE
from extproc.server import DOOR_METADATA, SERVICE
from extproc.wire import ext_proc_pb2 as wire
from support.database import Recorder
from support.envoy import envoy, write_config
from support.gateway import Gateway, running
from support.issuer import ISSUER, TestIssuer, new_key
from support.keyserver import DISCOVERY, KeyServer, key_server
from support.ports import free_port
from support.shelf import JSON, RECORDS

pytestmark = pytest.mark.envoy

WIKI = free_port()


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    """Serve an issuer's keys."""
    with key_server(TestIssuer()) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(book: Recorder, keys: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that finds its issuer's keys by discovery and keeps them for a second, before two databases."""
    upstream = f"http://127.0.0.1:{book.port}"
    jwks = {"uri": keys.url + DISCOVERY, "cache": "1s"}
    wiki = {"name": "wiki", "engine": "chroma", "listen": f"127.0.0.1:{WIKI}", "upstream": upstream, "audiences": ["wiki"]}
    with running(
        tmp_path_factory.mktemp("issuers"),
        upstream,
        issuer=keys.issuer,
        beside=[wiki],
        identity={"issuers": [{"issuer": ISSUER, "audiences": ["vecgate", "wiki"], "jwks": jwks}]},
    ) as found:
        yield found


def ask(url: str, token: str) -> httpx.Response:
    """Send a request with a token."""
    return httpx.post(f"{url}{RECORDS}/get", content=b"{}", headers=JSON | {"x-chroma-token": token}, trust_env=False)


def test_keys_are_found_by_discovery(gateway: Gateway, keys: KeyServer) -> None:
    """The configuration names the discovery document alone, and a token of its issuer is taken."""
    assert ask(gateway.url, keys.issuer.token("reader")).status_code == 200


def test_a_token_of_another_database_is_refused_and_on_record(gateway: Gateway, keys: KeyServer) -> None:
    """A token that is meant for one database opens it and no other, whoever the issuer is."""
    wiki = f"http://127.0.0.1:{WIKI}"

    refused = ask(wiki, keys.issuer.token("reader", aud="vecgate"))
    last = list(read_leaves(gateway.audit))[-1]

    assert refused.status_code == 401
    assert (last.kind, last.database, last.reasons) == ("login_rejected", "wiki", ("token_wrong_audience",))
    assert ask(wiki, keys.issuer.token("reader", aud="wiki")).status_code == 200
    assert ask(gateway.url, keys.issuer.token("reader", aud="vecgate")).status_code == 200


def test_keys_change_under_load_and_no_request_fails(gateway: Gateway, keys: KeyServer) -> None:
    """A key that was published one cache time before it signs is known by then, and nothing has to be started again."""
    statuses: list[int] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            statuses.append(ask(gateway.url, keys.issuer.token("reader")).status_code)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for turn in range(3):
            rotate(keys, f"turn-{turn}")
    finally:
        over.set()
        thread.join()

    assert set(statuses) == {200}


def rotate(keys: KeyServer, name: str) -> None:
    """Publish a new key, wait until it must be known, sign with it, and take the old one away."""
    issuer, new = keys.issuer, new_key(name)
    issuer.beside = [new]
    # One fetch may have been under way when the key was published; the one after it was not.
    await_fetches(keys, keys.asked + 2)
    issuer.key, issuer.beside = new, []


def await_fetches(keys: KeyServer, count: int) -> None:
    """Wait until the keys were fetched so often in all."""
    deadline = time.monotonic() + 60
    while keys.asked < count:
        assert time.monotonic() < deadline, "the keys are not fetched again"
        time.sleep(0.05)


def test_a_key_that_was_withdrawn_signs_nothing_any_more(gateway: Gateway, keys: KeyServer) -> None:
    """Once the cache has seen that a key is gone, its tokens are refused although they have not expired."""
    old = keys.issuer.token("reader")
    assert ask(gateway.url, old).status_code == 200

    rotate(keys, "after")
    await_fetches(keys, keys.asked + 2)

    assert ask(gateway.url, old).status_code == 401
    assert ask(gateway.url, keys.issuer.token("reader")).status_code == 200


def test_a_fresh_key_that_signs_at_once_is_refused_no_longer_than_the_cache_says(gateway: Gateway, keys: KeyServer) -> None:
    """An issuer that signs with a key in the moment it publishes it is refused until the next fetch, and then taken."""
    keys.issuer.key = new_key("sudden")

    await_fetches(keys, keys.asked + 2)

    assert ask(gateway.url, keys.issuer.token("reader")).status_code == 200


FORGER = """
import os, socket, sys
os.setgroups([])
os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_UNIX) as door:
    try:
        door.connect("extproc.sock")
    except PermissionError:
        sys.exit(13)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("user", "status"), [(65534, 13), (0, 0)])
def test_a_forger_of_filter_metadata_cannot_reach_the_socket(gateway: Gateway, user: int, status: int) -> None:
    """Whoever could speak to the service would be whoever it likes, so the socket's directory keeps other users out."""
    # It starts inside the directory, so that no directory above can be what stops it.
    command = [sys.executable, "-I", "-c", FORGER, str(user)]

    assert status == subprocess.run(command, cwd=gateway.directory / "var", check=False).returncode


FORGERIES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "of another filter": ("envoy.filters.http.lua", "payload_0", {}, "token_malformed"),
    "under another key": (NAMESPACE, "claims_0", {}, "token_malformed"),
    "of an unknown issuer": (NAMESPACE, "payload_0", {"iss": "https://evil.test"}, "token_unknown_issuer"),
    "for another database": (NAMESPACE, "payload_0", {"aud": "vecgate"}, "token_wrong_audience"),
    "expired": (NAMESPACE, "payload_0", {"iat": 1, "exp": 2}, "token_expired"),
    "never expiring": (NAMESPACE, "payload_0", {"exp": None}, "token_never_expires"),
    "living for a year": (NAMESPACE, "payload_0", {"exp": int(time.time()) + 365 * 86400}, "token_too_long_lived"),
    "of nobody": (NAMESPACE, "payload_0", {"sub": None}, "token_no_subject"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_filter_metadata_at_the_socket_is_refused_and_on_record(gateway: Gateway, book: Recorder, name: str) -> None:
    """Whoever does reach the socket still meets every check of the claims, and is not believed in any other place."""
    namespace, key, changes, code = FORGERIES[name]
    before = len(book.seen)

    reply = put(gateway, "wiki", namespace, {key: TestIssuer().claims("admin", **{"aud": "wiki"} | changes)})
    last = list(read_leaves(gateway.audit))[-1]

    assert (reply.status.code, code in reply.body.decode()) == (401, True)
    assert (last.kind, last.database, last.decision, last.reasons) == ("login_rejected", "wiki", "deny", (code,))
    assert len(book.seen) == before


def put(gateway: Gateway, door: str, namespace: str, metadata: dict[str, Any]) -> wire.ImmediateResponse:
    """Put a request's head to the socket as Envoy would, with filter metadata of one's own; return the refusal."""
    found = Struct()
    found.update(metadata)
    fields = {":method": "POST", ":path": f"{RECORDS}/get", ":authority": "kb", "x-chroma-token": "e30.e30.e30"} | JSON
    head = wire.HttpHeaders(
        headers=wire.HeaderMap(headers=[wire.HeaderValue(key=name, raw_value=value.encode()) for name, value in fields.items()])
    )
    asked = wire.ProcessingRequest(
        request_headers=head,
        metadata_context=wire.Metadata(filter_metadata={namespace: found.SerializeToString()}),
        protocol_config=wire.ProtocolConfiguration(request_body_mode=wire.BUFFERED, response_body_mode=wire.BUFFERED),
    )
    with grpc.insecure_channel(f"unix:{gateway.directory / 'var' / 'extproc.sock'}") as channel:
        process = channel.stream_stream(
            f"/{SERVICE}/Process",
            request_serializer=wire.ProcessingRequest.SerializeToString,
            response_deserializer=wire.ProcessingResponse.FromString,
        )
        reply: wire.ProcessingResponse = next(process(iter([asked]), metadata=[(DOOR_METADATA, door)], timeout=60))
    assert reply.WhichOneof("response") == "immediate_response"
    return reply.immediate_response


async def test_another_mesh_vouches_where_the_configuration_says(tmp_path: Path, book: Recorder) -> None:
    """Where somebody else's Envoy leaves verified claims is configuration; claims in any other place are nobody's."""
    config, port, _ = write_config(tmp_path, f"http://127.0.0.1:{book.port}")
    document = yaml.safe_load(config.read_text())
    document["identity"]["metadata"] = {"namespace": "mesh.identity", "key": "verified-"}
    served = tmp_path / "served.yaml"
    served.write_text(yaml.safe_dump(document))
    async with serving(served), envoy(config, port, change=vouched(TestIssuer().claims("reader") | {"sub": "ada"})) as client:
        known = await client.post(f"{RECORDS}/get", content=b"{}", headers=JSON)
    async with serving(served), envoy(config, port, change=vouched({"sub": "ada"})) as client:
        stranger = await client.post(f"{RECORDS}/get", content=b"{}", headers=JSON)

    assert (known.status_code, stranger.status_code) == (200, 401)
    assert "token_unknown_issuer" in stranger.json()["message"]


def vouched(claims: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """Return the change that makes an Envoy one of a mesh which knows its caller and leaves what it knows elsewhere."""
    kind = "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config"
    told = {"metadata_namespace": "mesh.identity", "value": {"verified-user": claims}}

    def change(document: dict[str, Any]) -> None:
        manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        told_of = {"name": "mesh", "typed_config": {"@type": kind, "metadata": [told]}}
        manager["http_filters"][0] = told_of
        manager["http_filters"][1]["typed_config"]["metadata_options"]["forwarding_namespaces"]["untyped"] = ["mesh.identity"]

    return change


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[None]:
    """Run `vecgate serve` until the block ends."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "extproc", "serve", "-c", str(config))
    try:
        while not (config.parent / "var" / "extproc.sock").is_socket():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()
