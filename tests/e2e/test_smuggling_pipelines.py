"""Several requests on one connection: each is decided by itself, with its own credential, whatever came before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.rawhttp import Reply, connected, request
from support.smuggling import JSON, Bench, Scene, bench

pytestmark = pytest.mark.envoy

ONE = b'{"limit":1}'


@pytest.fixture(scope="module")
def stage(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway in front of the real Chroma."""
    with bench(tmp_path_factory.mktemp("smuggling"), chroma) as found:
        yield found


def version(token: str | None, *, last: bool = False) -> bytes:
    """Return a request for the version."""
    return _request("GET", "/api/v2/version", token, last=last)


def deletion(scene: Scene, token: str | None, *, last: bool = False) -> bytes:
    """Return a request that deletes the collection."""
    return _request("DELETE", scene.fill("{collections}/{name}"), token, last=last)


def _request(method: str, target: str, token: str | None, body: bytes | None = None, *, last: bool = False) -> bytes:
    fields = [("host", "kb")] + ([("x-chroma-token", token)] if token else []) + ([JSON] if body else [])
    return request(method, target, fields + ([("connection", "close")] if last else []), body)


def replies(port: int, raw: bytes, most: int = 5) -> list[Reply]:
    """Return every reply to what is sent in one go."""
    with connected(port) as connection:
        connection.send(raw)
        found: list[Reply] = []
        while len(found) < most and (reply := connection.reply()):
            found.append(reply)
        return found


def statuses(port: int, raw: bytes) -> list[int]:
    """Return the status of every reply to what is sent in one go."""
    return [reply.status for reply in replies(port, raw)]


def test_each_of_three_requests_in_one_packet_needs_a_credential_of_its_own(stage: Bench) -> None:
    """Chroma answers all three; here the one without a token is refused between its neighbours."""
    scene = stage.scene()
    token, since = scene["token"], len(stage.tap.seen)
    raw = version(token) + version(None) + version(token, last=True)

    assert statuses(stage.port, raw) == [200, 200, 200]
    assert statuses(stage.gateway.port, raw) == [200, 401, 200]

    assert [(seen.method, seen.target) for seen in stage.forwarded(since)] == [("GET", "/api/v2/version")] * 2
    assert [leaf.reasons for leaf in stage.entries(5)] == [(), (), ("token_missing",), (), ()]


@pytest.mark.parametrize("token", [None, "a.b.c"], ids=["no token", "a token that does not hold"])
def test_a_deletion_behind_an_allowed_request_is_decided_by_itself(stage: Bench, token: str | None) -> None:
    """The verified caller of the first request is nobody in the second."""
    scene, since = stage.scene(), len(stage.tap.seen)

    assert statuses(stage.gateway.port, version(scene["token"]) + deletion(scene, token, last=True)) == [200, 401]

    assert [seen.method for seen in stage.forwarded(since)] == ["GET"]
    assert [leaf.kind for leaf in stage.entries(3)] == ["intent", "outcome", "login_rejected"]
    assert scene.state() == scene.kept
    assert statuses(stage.port, version(None) + deletion(scene, None, last=True)) == [200, 200]
    assert scene.state() != scene.kept


def test_nothing_is_read_behind_the_last_request(stage: Bench) -> None:
    """What comes after a request that ends the connection is not looked at, as with Chroma."""
    scene = stage.scene()
    since = len(stage.tap.seen)
    raw = version(scene["token"], last=True) + deletion(scene, scene["token"])

    assert statuses(stage.port, raw) == [200]
    assert statuses(stage.gateway.port, raw) == [200]

    assert [seen.method for seen in stage.forwarded(since)] == ["GET"]
    assert len(stage.entries(2)) == 2
    assert scene.state() == scene.kept


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_as_the_body_of_another_is_no_request(stage: Bench, method: str) -> None:
    """A deletion in the body of a GET stays a body, which a GET may not have; what follows is answered by itself."""
    scene, since = stage.scene(), len(stage.tap.seen)
    inner = deletion(scene, scene["token"])
    raw = _request(method, "/api/v2/version", scene["token"], inner) + version(scene["token"], last=True)

    with connected(stage.gateway.port) as connection:
        connection.send(raw)
        first = connection.reply(bodiless=method == "HEAD")
        second = connection.reply()

    assert (first and first.status, second) == (
        400,
        None,
    )  # Envoy closes behind a 400, so nothing that follows is taken for more
    assert stage.forwarded(since) == []
    assert [leaf.reasons for leaf in stage.entries(1)] == [("body_unexpected",)]
    assert scene.state() == scene.kept


def test_what_is_left_of_a_body_is_no_request(stage: Bench) -> None:
    """A length that is too short leaves bytes that Envoy cannot read as a request; they are on record, not forwarded."""
    scene, since = stage.scene(), len(stage.tap.seen)
    short = _request("POST", scene.fill("{records}/get"), scene["token"], b"{}") + ONE + b"\r\n\r\n"

    assert statuses(stage.port, short) == [200, 400]
    assert statuses(stage.gateway.port, short) == [200]

    assert [seen.body for seen in stage.forwarded(since)] == [b"{}"]
    assert [leaf.reasons for leaf in stage.entries(3)] == [(), (), ("protocol_refused",)]


def test_a_caller_is_asked_to_go_on_before_it_is_known_and_refused_all_the_same(stage: Bench) -> None:
    """Envoy itself says 100 to an expectation; the answer that counts comes from the decision."""
    scene, since = stage.scene(), len(stage.tap.seen)
    fields = [("host", "kb"), JSON, ("expect", "100-continue"), ("connection", "close")]
    target = scene.fill("{records}/get")

    (refused,) = replies(stage.gateway.port, request("POST", target, fields, ONE))
    (allowed,) = replies(stage.gateway.port, request("POST", target, [*fields, ("x-chroma-token", scene["token"])], ONE))

    assert (refused.status, allowed.status) == (401, 200)
    assert len(stage.forwarded(since)) == 1
    assert [leaf.kind for leaf in stage.entries(3)] == ["login_rejected", "intent", "outcome"]


def test_a_refusal_in_the_terms_of_grpc_is_a_refusal(stage: Bench) -> None:
    """Envoy answers whoever claims to speak gRPC in its terms: an HTTP 200, under a status that is none of success."""
    scene, since = stage.scene(), len(stage.tap.seen)
    fields = [("host", "kb"), ("content-type", "application/grpc"), ("x-chroma-token", scene["token"]), ("connection", "close")]

    (reply,) = replies(stage.gateway.port, request("POST", scene.fill("{records}/get"), fields, ONE))

    (leaf,) = stage.entries(1)
    assert (reply.headers["grpc-status"] != "0", reply.body) == (True, b"")
    assert (leaf.decision, leaf.status, leaf.reasons) == ("deny", 415, ("content_unsupported",))
    assert stage.forwarded(since) == []
