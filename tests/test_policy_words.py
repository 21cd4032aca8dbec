"""The words of a policy: literals that stand for actions, databases, engines, operators and entities."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.check.policy_words import policy_words
from extproc.errors import ConfigError


def files(directory: Path) -> dict[str, bytes]:
    """Return what lies in a directory."""
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def words(directory: Path, source: str, name: str = "rules.rego") -> list[tuple[str, str]]:
    """Return kind and text of the words of one file."""
    (directory / name).write_text(source)
    return [(word.kind, word.text) for word in policy_words(files(directory), directory.joinpath)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('input.operation.action == "search"', [("action", "search")]),
        ('"search" == input.operation.action', [("action", "search")]),
        ('input.operation.action != "get"', [("action", "get")]),
        ('input.operation["action"] == `get`', [("action", "get")]),
        ('input.operation.action in {"get", "scroll"}', [("action", "get"), ("action", "scroll")]),
        ('input.operation.action in ["get"]', [("action", "get")]),
        ('reading := {"get", "scroll"}\nok if input.operation.action in reading', [("action", "get"), ("action", "scroll")]),
        ('reading contains "get"\nok if input.operation.action in reading', [("action", "get")]),
        ('mine := "kb"\nallowed if input.operation.database == mine', [("database", "kb")]),
        ('act := input.operation.action\nact in {"get"}', [("action", "get")]),
        ('input.operation.engine == "chroma"', [("engine", "chroma")]),
        ('input.operation.scope == "records"', [("scope", "records")]),
        ('input.principal.kind == "human"', [("kind", "human")]),
        ('input.operation.selector in ["ids", "al"]', [("selector", "ids"), ("selector", "al")]),
        ('input.operation.probe == "id"', [("probe", "id")]),
        ('input.act in ["erase", "explain"]', [("act", "erase"), ("act", "explain")]),
        ('{"type": "mask", "fields": ["get"], "with": "hash"}', [("operator", "hash")]),
        ('{"type": "detect", "entities": ["URL", "PERSON"]}', [("entity", "URL"), ("entity", "PERSON")]),
        ('{"with": {"partial": {"keep_last": 4}}}', []),
        ('{"type": "field", "operator": "eq", "field": "with", "value": "x"}', [("condition", "eq")]),
        ('input.operation.collection == "search"', []),
        ('# input.operation.action == "serch"', []),
        ('"# no comment"; input.operation.action == "get"', [("action", "get")]),
        ("input.operation.action == data.actions[input.operation.collection]", []),
        ('groups := {"read": {"get"}}\ninput.operation.action in groups.read', []),
        ('input.operation.action == "a\\u0062c"', [("action", "abc")]),
        ("input.operation.action", []),
        ('input.operation.action in {"get", 3}', []),
        ('input.operation.action in {"get"', []),
    ],
)  # fmt: skip
def test_a_literal_that_is_compared_with_the_input_is_a_word(tmp_path: Path, source: str, found: list[tuple[str, str]]) -> None:
    """Comparisons, sets, constants of the file, aliases and members of obligations; nothing else."""
    assert words(tmp_path, source) == found


def test_a_word_has_its_line(tmp_path: Path) -> None:
    """Texts over several lines count too."""
    (tmp_path / "a.rego").write_text('x := `one\ntwo`\n\nallow if input.operation.action == "serch"\n')
    assert [word.place for word in policy_words(files(tmp_path), tmp_path.joinpath)] == [f"{tmp_path / 'a.rego'}:4"]


def test_tests_of_the_policy_are_not_read(tmp_path: Path) -> None:
    """A test may well ask what happens to an action that does not exist."""
    assert words(tmp_path, 'input.operation.action == "serch"', "rules_test.rego") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "data.json",
            '{"roles": {"reader": {"actions": ["get", "*"], "database": "kb"}}, "entities": ["URL"], "notes": []}',
        ),
        ("data.yaml", "roles: {reader: {actions: [get, '*'], database: kb}}\nentities: [URL]\nnotes: [x]\n"),
    ],
)
def test_data_files_are_read_at_the_keys_that_name_things(tmp_path: Path, name: str, content: str) -> None:
    """`action(s)`, `database(s)`, `engine(s)` and `entities`, at any depth; patterns are the policy's business."""
    assert sorted(words(tmp_path, content, name)) == [("action", "get"), ("database", "kb"), ("entity", "URL")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("p: {actions: [get], selectors: {get: [ids, al]}}", {("action", "get"), ("selector", "ids"), ("selector", "al")}),
        ("hides: [{type: mask, fields: [a], with: redcat}]", {("operator", "redcat")}),
        ("hides: [{type: mask, fields: [a], with: {partial: {keep_last: 2}}}]", set()),
        ("administration: [{acts: [erase], act: explain}]", {("act", "erase"), ("act", "explain")}),
        ("vecgate: {limits: [{for: [everyone, admin]}]}", {("caller", "everyone"), ("caller", "admin")}),
        ("vecgate: {tenancy: {exempt: ['role:a', 'group:b c', 'role:']}}", {("caller", "role:"), ("caller", "group:")}),
        ("vecgate: {classes: {pii: {seen_by: ['kind:robot', 3]}}}", {("caller", "kind:robot")}),
        ("vecgate: {for: 3 days}", set()),
        ("mine: {for: [admin]}", set()),
        ("selectors: [get]", set()),
    ],
)
def test_the_librarys_data_are_read(tmp_path: Path, content: str, found: set[tuple[str, str]]) -> None:
    """Selectors of actions, operators of masks, acts, and the lists that say who; of a role or a group the prefix alone."""
    assert set(words(tmp_path, content, "data.yaml")) == found


@pytest.mark.parametrize(("name", "content"), [("data.json", "{"), ("data.yaml", "a: ["), ("data.yml", "!!python/name:os")])
def test_a_data_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, content: str) -> None:
    """It would be no data to the engine either."""
    with pytest.raises(ConfigError, match=name):
        words(tmp_path, content, name)


@given(source=st.text(alphabet="input.operation.action =={}[]\":,#`\\\n'abc :=in", max_size=80))
def test_no_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, source: str) -> None:
    """Whatever a file holds, the reader gives words of it and does not fail."""
    directory = tmp_path_factory.getbasetemp() / "any"
    directory.mkdir(exist_ok=True)
    assert {kind for kind, _ in words(directory, source)} <= {"action"}
