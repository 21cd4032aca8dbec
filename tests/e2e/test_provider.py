"""From a login at a real OpenID provider to a masked search by the unchanged client; and its keys change meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from extproc.audit.reader import read_leaves
from support.gateway import STARTER, Gateway, running
from support.provider import Provider, provider
from support.searches import MASKED, fill, search, searching

pytestmark = pytest.mark.envoy
CACHE = 1.0


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
    fill(gateway, openid.program())

    assert search(gateway, openid.login("ada")) == MASKED


def test_the_providers_keys_change_under_load_and_no_search_fails(gateway: Gateway, openid: Provider) -> None:
    """A key that was published one cache time before it signs is known by then; the withdrawn one is missed by nobody.

    Who searches meanwhile has logged in, is the unchanged client, and sees masks before, between and after.
    """
    fill(gateway, openid.program())
    tokens = [openid.login("ada")]
    with searching(gateway, tokens) as found:
        for turn in range(3):
            new, old = f"k{turn + 1}", f"k{turn}"
            openid.say(f"publish {new}")
            time.sleep(2 * CACHE)
            openid.say(f"sign {new}")
            tokens.append(openid.login("ada"))
            openid.say(f"withdraw {old}")
            time.sleep(2 * CACHE)

    assert len({token.split(".")[0] for token in tokens}) == len(tokens), "each is signed with a key of its own"
    assert len(found) >= len(tokens)
    assert [each for each in found if each != MASKED] == []
    assert not [leaf for leaf in read_leaves(gateway.audit) if leaf.kind == "login_rejected"]
