"""Policies made into signed bundle files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from extproc.engines.archive import unpack
from extproc.engines.build import build
from extproc.engines.opa_program import require_loads
from extproc.engines.signature import SigningKey, verify
from extproc.engines.source import Source
from extproc.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
KEY = SigningKey.create()
POLICY = {"authz/a.rego": b"package vecgate.authz\n", "data.yaml": b"vecgate: {a: 1}\nmore: [x]\n"}


def manifest(files: dict[str, bytes], name: str | None = None) -> dict[str, object]:
    """Return the manifest of what is built."""
    found: dict[str, object] = json.loads(unpack(build(files, Path(), KEY, name).archive)[".manifest"])
    return found


def test_a_bundle_has_revision_roots_data_and_a_signature() -> None:
    """What is written is what OPA expects, and the revision is told."""
    built = build(POLICY, Path(), KEY)
    files = unpack(built.archive)
    verify(files, KEY.public())

    assert set(files) == {"authz/a.rego", "data.json", ".manifest", ".signatures.json"}
    assert json.loads(files["data.json"]) == {"vecgate": {"a": 1}, "more": ["x"]}
    assert json.loads(files[".manifest"]) == {"revision": built.revision, "roots": ["more", "vecgate"], "rego_version": 1}


def test_the_author_names_the_revision() -> None:
    """A name given now goes before the manifest's, and either is bound to the content."""
    plain = build(POLICY, Path(), KEY).revision
    named = {**POLICY, ".manifest": b'{"revision": "v7", "metadata": {"by": "ana"}}'}

    assert manifest(named)["revision"] == f"v7@{plain}"
    assert manifest(named, "v8")["revision"] == f"v8@{plain}"
    assert manifest(named)["metadata"] == {"by": "ana"}


def test_the_author_names_the_roots() -> None:
    """A policy that shares its OPA with other bundles says what is its own."""
    assert manifest({**POLICY, ".manifest": b'{"roots": ["vecgate/authz", "more"]}'})["roots"] == ["vecgate/authz", "more"]


def test_the_same_policy_gives_the_same_files() -> None:
    """But for the signature, which is another one each time, nothing depends on when or where it is built."""
    one, other = (unpack(build(files, Path(), KEY).archive) for files in (POLICY, dict(reversed(POLICY.items()))))
    del one[".signatures.json"], other[".signatures.json"]

    assert one == other


def test_opa_loads_the_starter_policy(opa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPA itself verifies and compiles what is built, and finds the entry point."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    source = Source(path=ROOT / "rego")
    archive = build(source.files(), source.path, KEY).archive
    require_loads(archive, KEY.public(), "vecgate/authz/decision")

    with pytest.raises(ConfigError, match="does not refer to a rule"):
        require_loads(archive, KEY.public(), "vecgate/authz/decison")
    with pytest.raises(ConfigError, match="failed to verify JWT signature"):
        require_loads(archive, SigningKey.create().public(), "vecgate/authz/decision")


@pytest.mark.parametrize(
    "text",
    [
        "package a\n\nx if {\n",
        "package a\n\nx := no.such.builtin(1)\n",
        "package a\n\nx if y\n",
        "package a\n\nx := data.b.c(1)\n",
    ],
)
def test_a_policy_that_opa_does_not_load(opa: str, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """OPA's own words in one line, with the place, and without a path of this machine's."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    with pytest.raises(ConfigError) as refused:
        require_loads(build({"a.rego": text.encode()}, Path(), KEY).archive, KEY.public(), "a/x")

    assert str(refused.value).startswith("OPA refuses the policy: error: ")
    assert "a.rego:" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert tempfile.gettempdir() not in str(refused.value)


def test_without_an_opa_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line that names both ways."""
    monkeypatch.delenv("VECGATE_OPA", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"put `opa` .* on the path, or name the binary in VECGATE_OPA"):
        require_loads(b"", KEY.public(), "a/x")


def test_a_program_that_is_no_opa_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What does not start is named."""
    (tmp_path / "opa").write_text("no program")
    (tmp_path / "opa").chmod(0o700)
    monkeypatch.setenv("VECGATE_OPA", str(tmp_path / "opa"))
    with pytest.raises(ConfigError, match="did not start or did not end"):
        require_loads(b"", KEY.public(), "a/x")
