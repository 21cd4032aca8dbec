"""Where a policy comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.engines.archive import pack
from extproc.engines.build import build
from extproc.engines.signature import SIGNATURES, SigningKey
from extproc.engines.source import Source
from extproc.errors import ConfigError
from extproc.secret import SecretFile

KEY = SigningKey.create()
POLICY = {"authz/a.rego": b"package a\n"}


def folder(root: Path, files: dict[str, bytes]) -> Path:
    """Write `files` below `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.fixture
def key(tmp_path: Path) -> SecretFile:
    """Return where the public key lies."""
    (tmp_path / "policy.pub").write_text(KEY.public().pem)
    return SecretFile(path=tmp_path / "policy.pub")


def test_policies_are_read_and_tests_are_not(tmp_path: Path) -> None:
    """Every .rego and data file and the manifest counts, but not tests and what is hidden."""
    kept = {**POLICY, ".manifest": b"{}", "x/data.json": b"{}", "data.yaml": b"{}", "y/data.yml": b"{}"}
    left = {"authz/a_test.rego": b"package t\n", ".git/b.rego": b"package b\n", "..data/c.rego": b"package c\n"}
    more = {"README.md": b"x", "schemas/input.json": b"{}", "x/.manifest": b"{}"}

    assert Source(path=folder(tmp_path, {**kept, **left, **more})).files() == kept


def test_a_directory_and_its_bundle_file_are_one_policy(tmp_path: Path, key: SecretFile) -> None:
    """Built into a signed bundle file, a directory is the same modules, the same data, and the same revision."""
    files = {**POLICY, "data.yaml": b"a: {b: [1, 1.5, x]}\n", "c/data.json": b'{"d": null}', ".manifest": b'{"revision": "v7"}'}
    directory = Source(path=folder(tmp_path / "policy", files))
    (tmp_path / "policy.tar.gz").write_bytes(build(directory.files(), directory.path, KEY).archive)
    file = Source(path=tmp_path / "policy.tar.gz", key=key)

    assert directory.bundle() == file.bundle()
    assert file.bundle().revision.startswith("v7@sha256:")
    assert SIGNATURES not in file.files()


def other_key(path: Path) -> None:
    """Sign the policy with another key."""
    path.write_bytes(build(POLICY, path, SigningKey.create()).archive)


def unsigned(path: Path) -> None:
    """Take the signature away."""
    path.write_bytes(pack(POLICY))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(b"x"), "policy.tar.gz: is not a gzipped tar file; build it with `vecgate policy build`"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "policy.tar.gz: is not a gzipped tar file"),
        (unsigned, "policy.tar.gz: is not signed; build it"),
        (other_key, "policy.tar.gz: is not signed with this key"),
        (lambda path: path.unlink(), "policy.tar.gz: is no directory and no file; policy.bundle names"),
        (
            lambda path: path.with_name("policy.pub").unlink(),
            "policy.pub: is absent, unreadable or empty; policy.verification_key",
        ),
        (lambda path: path.with_name("policy.pub").write_text("x"), "policy.verification_key: is no public key in PEM form"),
    ],
)
def test_a_bundle_file_that_is_not_what_was_signed(
    tmp_path: Path, key: SecretFile, harm: Callable[[Path], object], said: str
) -> None:
    """Nothing of it is used, and the error is one line that says what to do."""
    path = tmp_path / "policy.tar.gz"
    path.write_bytes(build(POLICY, path, KEY).archive)
    source = Source(path=path, key=key)
    assert source.bundle().modules == {"authz/a.rego": "package a\n"}
    harm(path)
    with pytest.raises(ConfigError) as refused:
        source.bundle()

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_attack_a_bundle_file_without_a_key(tmp_path: Path) -> None:
    """A bundle file is not believed because it is there."""
    path = tmp_path / "policy.tar.gz"
    path.write_bytes(build(POLICY, path, KEY).archive)
    with pytest.raises(ConfigError, match=r"name the key that verifies it in policy\.verification_key"):
        Source(path=path).files()


def test_a_key_for_a_directory_is_refused(tmp_path: Path, key: SecretFile) -> None:
    """It would verify nothing, and that is said."""
    with pytest.raises(ConfigError, match="verifies a bundle file, and this is a directory"):
        Source(path=folder(tmp_path / "policy", POLICY), key=key).files()


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    """A missing directory is named, with the key that names it."""
    with pytest.raises(ConfigError, match=r"policy\.bundle"):
        Source(path=tmp_path / "none").files()


@pytest.mark.parametrize(
    ("act", "differs"),
    [
        (lambda root: root, False),
        (lambda root: (root / "README.md").write_text("x"), False),
        (lambda root: (root / "authz" / "a_test.rego").write_text("x"), False),
        (lambda root: (root / "authz" / "a.rego").write_bytes(b"package bb\n"), True),
        (lambda root: (root / "authz" / "b.rego").write_bytes(b""), True),
        (lambda root: (root / "data.json").write_bytes(b"{}"), True),
        (lambda root: (root / "authz" / "a.rego").unlink(), True),
        (lambda root: (root / "authz" / "a.rego").rename(root / "a.rego"), True),
    ],
)
def test_the_fingerprint_differs_with_the_files(tmp_path: Path, act: Callable[[Path], object], differs: bool) -> None:
    """What is read is looked at, and nothing else."""
    source = Source(path=folder(tmp_path, POLICY))
    before = source.fingerprint()
    act(tmp_path)

    assert differs == (source.fingerprint() != before)


def test_a_source_that_is_gone_has_a_fingerprint_of_its_own(tmp_path: Path) -> None:
    """Looking never fails."""
    assert Source(path=tmp_path / "none").fingerprint() is None


def test_a_library_is_read_together_with_the_policy(tmp_path: Path) -> None:
    """Its rules stand in a folder of their own, its tests are left out, and the revision is of both."""
    own = folder(tmp_path / "own", {**POLICY, "data.yaml": b"a: 1\n"})
    library = folder(tmp_path / "shared", {"authz/a.rego": b"package b\n", "authz/a_test.rego": b"package t\n"})
    source = Source(path=own, library=library)
    found, before = source.bundle(), source.fingerprint()
    folder(library, {"authz/a.rego": b"package c # other\n"})

    assert found.modules == {**{name: text.decode() for name, text in POLICY.items()}, "library/authz/a.rego": "package b\n"}
    assert found.data == {"a": 1}
    assert len({found.revision, Source(path=own).bundle().revision, source.bundle().revision}) == 3
    assert before != source.fingerprint()


@pytest.mark.parametrize(
    ("own", "shared", "message"),
    [
        (POLICY, {"a.rego": b"package b\n", "data.yaml": b"a: 1\n"}, "a library is rules alone"),
        (POLICY, {"a.rego": b"package b\n", ".manifest": b"{}"}, "a library is rules alone"),
        ({"library/a.rego": b"package b\n"}, {"a.rego": b"package b\n"}, "has the library already"),
        (POLICY, {"a_test.rego": b"package b\n"}, "holds no rules"),
    ],
)
def test_a_library_that_is_none_is_refused(
    tmp_path: Path, own: dict[str, bytes], shared: dict[str, bytes], message: str
) -> None:
    """Data of a library would decide unseen, and rules that are there twice are a mistake."""
    with pytest.raises(ConfigError, match=message):
        Source(path=folder(tmp_path / "own", own), library=folder(tmp_path / "shared", shared)).files()


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    """With the key that names it: without its rules a policy would deny less."""
    with pytest.raises(ConfigError, match=r"none: is no directory; policy\.library"):
        Source(path=folder(tmp_path / "own", POLICY), library=tmp_path / "none").files()
