"""The server that gives a managed OPA its bundle."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from extproc.up.bundles import BundleServer

TYPE = "application/vnd.openpolicyagent.bundles"


@pytest.fixture
def bundles() -> Iterator[BundleServer]:
    """Serve `one`."""
    server = BundleServer(b"one")
    yield server
    server.close()


def ask(bundles: BundleServer, *, token: str | None = None, **fields: str) -> httpx.Response:
    """Ask for the bundle; header names are given with underscores."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    headers["authorization"] = f"Bearer {bundles.token if token is None else token}"
    return httpx.get(f"{bundles.url}/policy", headers=headers, trust_env=False, timeout=60)


def test_the_bundle_of_now_is_served_with_a_tag(bundles: BundleServer) -> None:
    """Another bundle has another tag, and what is known is not sent again."""
    first = ask(bundles)
    known = ask(bundles, if_none_match=first.headers["etag"])
    bundles.publish(b"two")
    second = ask(bundles, if_none_match=first.headers["etag"])

    assert [(each.status_code, each.content) for each in (first, known, second)] == [(200, b"one"), (304, b""), (200, b"two")]
    assert known.headers["etag"] == first.headers["etag"] != second.headers["etag"]
    assert {each.headers["content-type"] for each in (first, known, second)} == {TYPE}


def test_whoever_waits_is_told_at_once(bundles: BundleServer) -> None:
    """A long poll ends when there is another bundle, long before its time is over."""
    tag = ask(bundles).headers["etag"]
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(bundles, if_none_match=tag, prefer="modes=snapshot;wait=600")))
    waiting.start()
    bundles.publish(b"one")  # no other
    assert answers == []
    bundles.publish(b"two")
    waiting.join(60)

    assert [answer.content for answer in answers] == [b"two"]


def test_who_waits_in_vain_keeps_what_it_has(bundles: BundleServer) -> None:
    """When the time is over, nothing has changed."""
    tag = ask(bundles).headers["etag"]

    assert ask(bundles, if_none_match=tag, prefer="wait=0").status_code == 304


@pytest.mark.parametrize("token", ["x", "wrong", "é"])
def test_attack_by_another_user_of_this_machine(bundles: BundleServer, token: str) -> None:
    """Without the token there is no bundle: a policy's data may be nobody else's business."""
    answer = httpx.get(f"{bundles.url}/policy", headers=[(b"authorization", f"Bearer {token}".encode())], trust_env=False)

    assert (answer.status_code, answer.content) == (401, b"")


def test_closing_lets_go_of_who_waits() -> None:
    """A server that ends keeps nobody waiting."""
    bundles = BundleServer(b"one")
    tag = ask(bundles).headers["etag"]
    answers: list[int] = []

    def wait() -> None:
        answers.append(ask(bundles, if_none_match=tag, prefer="wait=600").status_code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not bundles._changed._waiters:  # type: ignore[attr-defined]  # until it waits
        time.sleep(0.01)
    bundles.close()
    waiting.join(60)

    assert answers == [304]
