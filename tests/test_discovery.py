"""Discovery documents: what is taken from them, and which are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config import load
from extproc.config.forms import Url
from extproc.config.types import Config, Issuer, Jwks
from extproc.discovery import Unanswered, _keys, resolve
from extproc.errors import ConfigError
from support.issuer import ISSUER, TestIssuer
from support.keyserver import DISCOVERY, KeyServer, key_server
from support.ports import free_port

CONFIG = """\
version: 1
databases: [{{name: kb, engine: chroma, listen: "127.0.0.1:8100", upstream: "http://127.0.0.1:8000"}}]
identity: {{issuers: [{{issuer: "{issuer}", jwks: {{uri: "{uri}"}}}}]}}
policy: {{bundle: rego}}
"""


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    """Serve an issuer's discovery document."""
    with key_server(TestIssuer()) as found:
        yield found


def configured(directory: Path, uri: str) -> Config:
    """Return a configuration whose issuer's keys are at `uri`."""
    path = directory / "vecgate.yaml"
    path.write_text(CONFIG.format(issuer=ISSUER, uri=uri))
    return load(path)


def test_the_document_says_where_the_keys_are(tmp_path: Path, keys: KeyServer) -> None:
    """The address of the document becomes that of the keys; everything else stays."""
    config = configured(tmp_path, keys.url + DISCOVERY)

    assert f"{keys.url}/keys" == str(resolve(config).identity.issuers[0].jwks.uri)


def test_an_address_of_keys_is_left_alone(tmp_path: Path) -> None:
    """Where the configuration names the keys themselves, nobody is asked."""
    config = configured(tmp_path, "https://idp.test/keys")

    assert config == resolve(config)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"issuer": "https://evil.test", "jwks_uri": "https://evil.test/keys"}, "of another issuer"),
        ({"issuer": ISSUER + "/", "jwks_uri": "https://idp.test/keys"}, "of another issuer"),
        ({"issuer": ISSUER, "jwks_uri": "http://idp.test/keys"}, "no https:// address"),
        ({"issuer": ISSUER, "jwks_uri": "https://idp.test" + DISCOVERY}, "no https:// address"),
        ({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}, "no discovery document"),
        ({"issuer": ISSUER}, "no discovery document"),
    ],
)
def test_a_document_that_would_let_others_vouch_is_refused(tmp_path: Path, document: dict[str, str], said: str) -> None:
    """Another issuer's document, and keys that anybody on the way could change, are errors."""
    with key_server(TestIssuer()) as keys:
        keys.document = document
        with pytest.raises(ConfigError, match=re.escape(said)) as caught:
            resolve(configured(tmp_path, keys.url + DISCOVERY))

    assert "evil" not in str(caught.value)
    assert json.dumps(document) not in str(caught.value)


@pytest.mark.parametrize("path", [DISCOVERY, "/missing" + DISCOVERY])
def test_a_document_that_is_not_to_be_had_is_said_to_be(tmp_path: Path, path: str, keys: KeyServer) -> None:
    """Nobody there, or nothing there: the error names the address."""
    server = f"http://127.0.0.1:{free_port()}" if path == DISCOVERY else keys.url

    with pytest.raises(Unanswered, match=re.escape(server + path)):
        resolve(configured(tmp_path, server + path))


@given(st.binary() | st.dictionaries(st.text(), st.text() | st.integers()).map(lambda found: json.dumps(found).encode()))
def test_no_document_is_more_than_refused(body: bytes) -> None:
    """Whatever is served in a discovery document's place is one error that repeats none of it."""
    where = Url(scheme="https", host="idp.test", port=443, path=DISCOVERY)
    with pytest.raises(ConfigError) as caught:
        _keys(Issuer(issuer=ISSUER, jwks=Jwks(uri=where)), body)

    assert str(caught.value) == f"{where}: is no discovery document with `issuer` and `jwks_uri`"
