"""Policies on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.engines.bundle import read_bundle
from extproc.errors import ConfigError


def folder(root: Path, files: dict[str, str]) -> Path:
    """Write `files` below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


POLICY = {"authz/a.rego": "package a\n"}


def test_policies_are_read_and_tests_are_not(tmp_path: Path) -> None:
    """Every .rego file counts but tests and what is hidden."""
    files = {**POLICY, "authz/a_test.rego": "package t\n", ".git/b.rego": "package b\n", "..data/c.rego": "package c\n"}

    assert read_bundle(folder(tmp_path, files)).modules == POLICY


def test_data_lies_where_its_folder_is(tmp_path: Path) -> None:
    """Data files are merged, each at the path of its folder, in JSON and YAML alike; other JSON is no data."""
    files = {
        **POLICY,
        "data.yaml": "a: {x: 1}\nd: 'é'\n",
        "a/data.json": '{"y": [1.5, null]}',
        "a/b/data.yml": "z: true\n",
        "schemas/input.json": '{"no": 1}',
    }

    assert read_bundle(folder(tmp_path, files)).data == {"a": {"x": 1, "y": [1.5, None], "b": {"z": True}}, "d": "é"}


@pytest.mark.parametrize(
    "change",
    [
        {"authz/a.rego": "package a\n\n"},
        {"authz/b.rego": "package b\n"},
        {"data.json": "{}"},
        {"data.yaml": "a: 2\n"},
        {".manifest": '{"roots": [""]}'},
    ],
)
def test_the_revision_is_of_the_bytes(tmp_path: Path, change: dict[str, str]) -> None:
    """Whatever changes what is decided changes the revision; what is not read does not."""
    before = read_bundle(folder(tmp_path, {**POLICY, "data.yaml": "a: 1\n"})).revision
    same = read_bundle(folder(tmp_path, {"authz/a_test.rego": "package t\n", "README.md": "x"})).revision
    after = read_bundle(folder(tmp_path, change)).revision

    assert before == same
    assert before != after
    assert len("sha256:0123456789abcdef") == len(before)


def test_attack_bytes_moved_between_files(tmp_path: Path) -> None:
    """Two bundles whose names and bytes only join to the same text have two revisions."""
    one = read_bundle(folder(tmp_path / "1", {"a.rego": "package a\n", "b.rego": "package b\n"})).revision
    other = read_bundle(folder(tmp_path / "2", {"a.rego": "package a\nb.regopackage b\n"})).revision

    assert one != other


def test_the_manifest_names_the_revision(tmp_path: Path) -> None:
    """The author's name for a revision is shown, and bound to the content."""
    plain = read_bundle(folder(tmp_path / "1", POLICY)).revision
    named = read_bundle(folder(tmp_path / "2", {**POLICY, ".manifest": '{"revision": "v7"}'})).revision

    assert named.startswith("v7@sha256:")
    assert plain not in named


def test_a_library_is_read_together_with_the_policy(tmp_path: Path) -> None:
    """Its rules stand in a folder of their own, its tests are left out, and the revision is of both."""
    bundle = folder(tmp_path / "own", {**POLICY, "data.yaml": "a: 1\n"})
    library = folder(tmp_path / "shared", {"authz/a.rego": "package b\n", "authz/a_test.rego": "package t\n"})
    found = read_bundle(bundle, library)
    folder(library, {"authz/a.rego": "package c\n"})

    assert found.modules == {**POLICY, "library/authz/a.rego": "package b\n"}
    assert found.data == {"a": 1}
    assert len({found.revision, read_bundle(bundle).revision, read_bundle(bundle, library).revision}) == 3


@pytest.mark.parametrize(
    ("own", "shared", "message"),
    [
        (POLICY, {"a.rego": "package b\n", "data.yaml": "a: 1\n"}, "a library is rules alone"),
        (POLICY, {"a.rego": "package b\n", ".manifest": "{}"}, "a library is rules alone"),
        ({"library/a.rego": "package b\n"}, {"a.rego": "package b\n"}, "has the library already"),
        (POLICY, {"a_test.rego": "package b\n"}, "holds no rules"),
    ],
)
def test_a_library_that_is_none_is_refused(tmp_path: Path, own: dict[str, str], shared: dict[str, str], message: str) -> None:
    """Data of a library would decide unseen, and rules that are there twice are a mistake."""
    with pytest.raises(ConfigError, match=message):
        read_bundle(folder(tmp_path / "own", own), folder(tmp_path / "shared", shared))


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    """With the key that names it: without its rules a policy would deny less."""
    with pytest.raises(ConfigError, match=r"none: is no directory; policy\.library"):
        read_bundle(folder(tmp_path / "own", POLICY), tmp_path / "none")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data.json": "{}"}, "holds no policy"),
        ({**POLICY, "data.json": "{"}, "data.json: is not a JSON document"),
        ({**POLICY, "data.json": '{"a": NaN}'}, "data.json: is not a JSON document"),
        ({**POLICY, "data.json": "[]"}, "data.json: must hold an object"),
        ({**POLICY, "data.yaml": "a: [\n"}, "data.yaml: is not a YAML document"),
        ({**POLICY, "data.yaml": "a: 2024-01-01\n"}, "data.yaml: is not a YAML document of plain values"),
        ({**POLICY, "data.yaml": "a: .nan\n"}, "data.yaml: is not a YAML document of plain values"),
        ({**POLICY, "data.yaml": "a: {1: b}\n"}, "keys are strings"),
        ({**POLICY, "data.yaml": "a: {on: b}\n"}, "keys are strings"),
        ({**POLICY, "data.yaml": "a: {b: 1}\n", "a/data.json": '{"b": 2}'}, "sets 'b', which another data file sets too"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """The error is one line that names the file and says what to do."""
    with pytest.raises(ConfigError) as refused:
        read_bundle(folder(tmp_path, files))

    assert message in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_policy_that_is_no_text(tmp_path: Path) -> None:
    """A file in another encoding is refused, not guessed at."""
    (tmp_path / "a.rego").write_bytes(b"package \xff\n")
    with pytest.raises(ConfigError, match=r"a\.rego: is not UTF-8"):
        read_bundle(tmp_path)


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    """A missing directory is named, with the key that names it."""
    with pytest.raises(ConfigError, match=r"policy\.bundle"):
        read_bundle(tmp_path / "none")
