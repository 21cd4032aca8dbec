"""From a login at a real OpenID provider to a masked search by the unchanged client; and its keys change meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from extproc.audit.reader import read_leaves
from support.gateway import STARTER, Gateway, running
from support.provider import Provider, provider

pytestmark = pytest.mark.envoy
CACHE = 1.0
NAME = "tickets-of-the-provider"
MASKED = [[{"subject": "Lost card", "email": "[REDACTED]"}]]


@pytest.fixture(scope="module")
def openid() -> Iterator[Provider]:
    """Run the provider."""
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(chroma: int, openid: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy, whose only issuer is the provider."""
    issuer = {"issuer": openid.url, "jwks": {"uri": openid.discovery, "cache": "1s"}, "workload": "client_id=ingest"}
    directory = tmp_path_factory.mktemp("provider")
    with running(directory, f"http://127.0.0.1:{chroma}", policy=STARTER, identity={"issuers": [issuer]}) as found:
        yield found


def test_a_person_logs_in_and_searches_and_sees_masks(gateway: Gateway, openid: Provider) -> None:
    """A program fills the collection; a person who logged in finds the record, and what is personal in it is masked."""
    fill(gateway, openid)

    assert search(gateway, openid.login("ada")) == MASKED


def fill(gateway: Gateway, openid: Provider) -> None:
    """Have a program write one record."""
    written = gateway.chroma(token=openid.program()).get_or_create_collection(NAME, embedding_function=None)
    fields = {"subject": "Lost card", "email": "ada@corp.example"}
    written.upsert(ids=["t1"], embeddings=[[1.0, 0.0]], documents=["call me"], metadatas=[fields])


def search(gateway: Gateway, token: str) -> object:
    """Search with the unchanged client, whose API key is `token`; return what was found."""
    read = gateway.chroma(token=token).get_collection(NAME, embedding_function=None)
    return read.query(query_embeddings=[[1.0, 0.0]], n_results=1, include=["metadatas"])["metadatas"]


def test_the_providers_keys_change_under_load_and_no_search_fails(gateway: Gateway, openid: Provider) -> None:
    """A key that was published one cache time before it signs is known by then; the withdrawn one is missed by nobody.

    Who searches meanwhile has logged in, is the unchanged client, and sees masks before, between and after.
    """
    fill(gateway, openid)
    tokens = [openid.login("ada")]
    found: list[object] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                found.append(search(gateway, tokens[-1]))
            except Exception as error:  # noqa: BLE001  # told below
                found.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for turn in range(3):
            new, old = f"k{turn + 1}", f"k{turn}"
            openid.say(f"publish {new}")
            time.sleep(2 * CACHE)
            openid.say(f"sign {new}")
            tokens.append(openid.login("ada"))
            openid.say(f"withdraw {old}")
            time.sleep(2 * CACHE)
    finally:
        over.set()
        thread.join()

    assert len({token.split(".")[0] for token in tokens}) == len(tokens), "each is signed with a key of its own"
    assert len(found) >= len(tokens)
    assert [each for each in found if each != MASKED] == []
    assert not [leaf for leaf in read_leaves(gateway.audit) if leaf.kind == "login_rejected"]
