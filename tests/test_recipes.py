"""The recipes of the documentation: each configuration holds against `vecgate check`."""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509

from extproc import discovery
from extproc.check import check
from extproc.config import load
from extproc.safe import Distant, KeeperAway
from support.certificates import Authority
from support.docs import ROOT, Block, blocks
from support.gateway import merge

DOCUMENT = ROOT / "docs" / "identity.md"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def files(node: Any) -> Iterator[str]:
    """Give each file that a configuration names."""
    match node:
        case {"file": str(path)}:
            yield path
        case dict():
            for each in node.values():
                yield from files(each)
        case list():
            for each in node:
                yield from files(each)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a directory with a policy."""
    shutil.copytree(ROOT / "rego", tmp_path / "rego")
    return tmp_path


def laid_out(block: Block, project: Path) -> Path:
    """Write a recipe over the smallest configuration, and every file that it names; return its path."""
    smallest = yaml.safe_load(blocks("yaml", ROOT / "docs" / "configuration.md")[0].text)
    document = merge(smallest, yaml.safe_load(block.text.replace(SERVICE_ACCOUNT, "pod")))
    if way := document.get("secrets", {}).get("vault", {}).get("kubernetes"):
        way["token"] = {"file": "pod/token"}  # where it is by default is no place of this machine's
    authority = Authority(project / "authority.pem")
    authority.issue(project, "gateway", names=[x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for name in files(document):
        path = project / name
        path.parent.mkdir(exist_ok=True)
        made = {"gateway.pem": "gateway.pem", "gateway.key": "gateway.key"}.get(path.name, "authority.pem")
        shutil.copy(project / made, path)
        path.chmod(0o600)
    file = project / "vecgate.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.mark.parametrize("block", blocks("yaml", DOCUMENT), ids=str)
def test_every_recipe_holds(block: Block, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration, secrets, policy and Envoy's own validation; what lies elsewhere is not there, and only warned of."""
    file = laid_out(block, project)

    def nobody(*_: object) -> bytes:
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(discovery, "_fetch", nobody)
    monkeypatch.setattr("extproc.safe._open", lambda *_: Away())
    warnings = check(file)

    discovered = "well-known" in block.text
    assert any("discovery document is not to be had" in warning for warning in warnings) == discovered


class Away:
    """A keeper that does not answer."""

    def fetch(self, reference: Distant) -> bytes:
        """Do not answer."""
        raise KeeperAway(f"{reference}: away")


@pytest.mark.parametrize("block", [each for each in blocks("yaml", DOCUMENT) if "well-known" in each.text], ids=str)
def test_what_a_recipe_discovers_is_taken(block: Block, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuer of a recipe is written as its discovery document writes it."""
    config = load(laid_out(block, project))
    issuer = config.identity.issuers[0].issuer
    document = f'{{"issuer": "{issuer}", "jwks_uri": "https://keys.example/jwks"}}'.encode()
    monkeypatch.setattr(discovery, "_fetch", lambda *_: document)

    assert str(discovery.resolve(config).identity.issuers[0].jwks.uri) == "https://keys.example/jwks"
