"""A policy, read from its files."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.engines.bundle import plain_revision, read_bundle, roots
from extproc.errors import ConfigError

PLACE = Path("policies")
POLICY = {"authz/a.rego": "package a\n"}


def read(files: dict[str, str]) -> Any:
    """Return what files of these texts are."""
    return read_bundle({name: text.encode() for name, text in files.items()}, PLACE)


def test_data_lies_where_its_folder_is() -> None:
    """Data files are merged, each at the path of its folder, in JSON and YAML alike; other JSON is no data."""
    files = {
        **POLICY,
        "data.yaml": "a: {x: 1}\nd: 'é'\n",
        "a/data.json": '{"y": [1.5, null]}',
        "a/b/data.yml": "z: true\n",
        "schemas/input.json": '{"no": 1}',
    }
    bundle = read(files)

    assert bundle.data == {"a": {"x": 1, "y": [1.5, None], "b": {"z": True}}, "d": "é"}
    assert bundle.modules == POLICY


@pytest.mark.parametrize(
    "change",
    [
        {"authz/a.rego": "package a\n\n"},
        {"authz/b.rego": "package b\n"},
        {"data.json": '{"b": 1}'},
        {"data.yaml": "a: 2\n"},
        {"data.yaml": "a: 1.0\n"},
        {"data.yaml": "a: '1'\n"},
        {"x/data.yaml": "{}\n"},
    ],
)
def test_the_revision_is_of_what_decides(change: dict[str, str]) -> None:
    """Whatever may change what is decided changes the revision."""
    before = read({**POLICY, "data.yaml": "a: 1\n"}).revision
    after = read({**POLICY, "data.yaml": "a: 1\n", **change}).revision

    assert before != after
    assert len("sha256:0123456789abcdef") == len(before)


@pytest.mark.parametrize(
    "same",
    [
        {"data.yaml": "# a comment\na: {b: 1, c: [x]}\n"},
        {"data.json": '{"a": {"c": ["x"], "b": 1}}'},
        {"a/data.json": '{"c": ["x"], "b": 1}'},
        {"data.yaml": "a: {b: 1, c: [x]}", "README.md": "x", ".manifest": '{"roots": ["a"]}'},
    ],
)
def test_the_revision_is_not_of_how_it_is_laid_out(same: dict[str, str]) -> None:
    """The same rules and data have one revision, in whatever files the data stand."""
    assert read({**POLICY, "data.yaml": "a: {b: 1, c: [x]}\n"}).revision == read({**POLICY, **same}).revision


def test_attack_bytes_moved_between_files() -> None:
    """Two bundles whose names and bytes only join to the same text have two revisions."""
    one = read({"a.rego": "package a\n", "b.rego": "package b\n"}).revision
    other = read({"a.rego": "package a\nb.regopackage b\n"}).revision

    assert one != other


def test_the_manifest_names_the_revision_and_the_content_binds_it() -> None:
    """The author's name is shown and bound to the content; what is bound already stays as it is."""
    plain = read(POLICY).revision
    named = read({**POLICY, ".manifest": '{"revision": "v7"}'}).revision
    again = read({**POLICY, ".manifest": json.dumps({"revision": named})}).revision
    stolen = read({"b.rego": "package b\n", ".manifest": json.dumps({"revision": named})}).revision

    assert [named, again] == [f"v7@{plain}"] * 2
    assert stolen.startswith(f"{named}@sha256:")


@pytest.mark.parametrize("name", ["", "v7", "2026-11-24/main@abc", "~" * 128])
def test_a_plain_revision(name: str) -> None:
    """Visible ASCII of some length names a revision; nothing names none."""
    assert plain_revision(name) == bool(name)


@pytest.mark.parametrize("name", ["two words", "tab\t", "é", "~" * 129, "line\n", 7, None])
def test_what_names_no_revision(name: object) -> None:
    """It would stand in logs, spans and leaves."""
    assert not plain_revision(name)
    if name is not None:
        with pytest.raises(ConfigError, match="its revision must be"):
            read({**POLICY, ".manifest": json.dumps({"revision": name})})


def test_the_roots_are_the_first_names() -> None:
    """A bundle owns what its packages and data begin with."""
    files = {
        "a.rego": "# package no\n# METADATA\npackage vecgate.authz\n",
        "b.rego": '  package "x"\n\nx := `\npackage y\n`\n',
        "data.yaml": "vecgate: {}\nlists: {}\n",
    }

    assert roots(read(files)) == ["lists", "vecgate", "y"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data.json": "{}"}, "holds no policy"),
        ({**POLICY, "data.json": "{"}, "data.json: is not a JSON document"),
        ({**POLICY, "data.json": '{"a": NaN}'}, "data.json: is not a JSON document"),
        ({**POLICY, "data.json": '{"a": 1e999}'}, "data.json: is not a JSON document"),
        ({**POLICY, "data.json": "[" * 100_000}, "data.json: is not a JSON document"),
        ({**POLICY, "data.json": "[]"}, "data.json: must hold an object"),
        ({**POLICY, "data.yaml": "a: [\n"}, "data.yaml: is not a YAML document"),
        ({**POLICY, "data.yaml": "a: 2024-01-01\n"}, "data.yaml: is not a YAML document of plain values"),
        ({**POLICY, "data.yaml": "a: .nan\n"}, "data.yaml: is not a YAML document of plain values"),
        ({**POLICY, "data.yaml": "a: {1: b}\n"}, "keys are strings"),
        ({**POLICY, "data.yaml": "on: b\n"}, "keys are strings"),
        ({**POLICY, "data.yaml": "a: {b: 1}\n", "a/data.json": '{"b": 2}'}, "sets 'b', which another data file sets too"),
        ({**POLICY, ".manifest": '{"wasm": []}'}, "'wasm' changes what the files mean to OPA"),
        ({**POLICY, ".manifest": '{"file_rego_versions": {}}'}, "'file_rego_versions' changes what the files mean to OPA"),
        ({**POLICY, ".manifest": '{"rego_version": 0}'}, "`rego_version` must be 1"),
    ],
)
def test_what_cannot_be_read_is_named(files: dict[str, str], message: str) -> None:
    """The error is one line that names the file and says what to do."""
    with pytest.raises(ConfigError) as refused:
        read(files)

    assert message in str(refused.value)
    assert str(PLACE) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_policy_that_is_no_text() -> None:
    """A file in another encoding is refused, not guessed at."""
    with pytest.raises(ConfigError, match=r"a\.rego: is not UTF-8"):
        read_bundle({"a.rego": b"package \xff\n"}, PLACE)


@given(name=st.sampled_from(["a.rego", "data.json", "data.yaml", ".manifest"]), content=st.binary(max_size=60))
def test_no_bytes_break_the_reader(name: str, content: bytes) -> None:
    """Whatever a file holds, it is read or refused."""
    with suppress(ConfigError):
        assert plain_revision(read_bundle({"b.rego": b"package b\n", name: content}, PLACE).revision)
