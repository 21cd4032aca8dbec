"""Signed bundle files, and the key that signs them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from extproc.engines.source import Source
from extproc.errors import ConfigError
from extproc.policy.bundling import create_key, public_key, write_bundle
from extproc.secret import SecretFile
from support.gateway import STARTER

RULE = "vecgate/authz/decision"


@pytest.fixture
def folder(opa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with a key, where OPA can be found."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    create_key(tmp_path / "policy.key")
    (tmp_path / "policy.pub").write_text(public_key(tmp_path / "policy.key"))
    return tmp_path


def test_what_is_written_is_verified_with_the_public_key(folder: Path) -> None:
    """The bundle file is the directory's policy, under the revision that is told."""
    revision = write_bundle(Source(path=STARTER), folder / "policy.key", folder / "p.tar.gz", entrypoint=RULE, name="v1")
    source = Source(path=folder / "p.tar.gz", key=SecretFile(path=folder / "policy.pub"))

    assert source.bundle().revision == revision
    assert source.bundle().modules == Source(path=STARTER).bundle().modules
    assert revision == f"v1@{Source(path=STARTER).bundle().revision}"


def test_a_key_is_private_and_never_overwritten(folder: Path) -> None:
    """Only this user may read it, and making one again is refused."""
    before = (folder / "policy.key").read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        create_key(folder / "policy.key")

    assert stat.S_IMODE((folder / "policy.key").stat().st_mode) == 0o600
    assert (folder / "policy.key").read_bytes() == before
    assert "PRIVATE" not in public_key(folder / "policy.key")


@pytest.mark.parametrize("content", [None, b"", b"hello", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_key_that_is_none(folder: Path, content: bytes | None) -> None:
    """One line that says how to make one."""
    (folder / "policy.key").unlink()
    if content is not None:
        (folder / "policy.key").write_bytes(content)
    with pytest.raises(ConfigError, match="make a key with --create-key"):
        write_bundle(Source(path=STARTER), folder / "policy.key", folder / "p.tar.gz", entrypoint=RULE)


def test_a_policy_that_opa_does_not_load_is_not_written(folder: Path) -> None:
    """What was there before stays, and nothing half-written lies beside it."""
    (folder / "bad").mkdir()
    (folder / "bad" / "p.rego").write_text("package vecgate.authz\n\ndecision := x\n")
    write_bundle(Source(path=STARTER), folder / "policy.key", folder / "p.tar.gz", entrypoint=RULE)
    before = (folder / "p.tar.gz").read_bytes()
    with pytest.raises(ConfigError, match=r"OPA refuses the policy: .*p\.rego:3"):
        write_bundle(Source(path=folder / "bad"), folder / "policy.key", folder / "p.tar.gz", entrypoint=RULE)

    assert (folder / "p.tar.gz").read_bytes() == before
    assert [path.name for path in folder.glob("p.tar.gz*")] == ["p.tar.gz"]


def test_where_nothing_can_be_read_or_written(folder: Path) -> None:
    """A directory that is none, and a place that is none, are named."""
    with pytest.raises(ConfigError, match="none: is no directory"):
        write_bundle(Source(path=folder / "none"), folder / "policy.key", folder / "p.tar.gz", entrypoint=RULE)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_bundle(Source(path=STARTER), folder / "policy.key", folder / "none" / "p.tar.gz", entrypoint=RULE)
