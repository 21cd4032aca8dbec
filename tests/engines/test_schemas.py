"""The schemas that policies are checked with are made from the types that are used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from extproc import administration
from extproc.administration import Target
from extproc.decision import Input
from extproc.engines.schemas import admin_input_schema, decision_schema, input_schema, write

SCHEMAS = Path(__file__).resolve().parents[2] / "rego" / "schemas"


@pytest.mark.parametrize("name", ["input.json", "admin_input.json", "decision.json"])
def test_the_files_are_what_the_types_say(tmp_path: Path, name: str) -> None:
    """`python -m extproc.engines.schemas rego/schemas` changes nothing."""
    write(tmp_path)

    assert (tmp_path / name).read_text(encoding="utf-8") == (SCHEMAS / name).read_text(encoding="utf-8")


def test_an_input_fits(asked: Callable[..., Input]) -> None:
    """A real input is valid; one with a member too many, too few or an unknown action is not."""
    validator = jsonschema.Draft202012Validator(input_schema())
    document = json.loads(msgspec.json.encode(asked()))
    validator.validate(document)
    without_roles = {name: value for name, value in document["principal"].items() if name != "roles"}
    for change in (
        {"operation": {**document["operation"], "rows": 1}},
        {"operation": {**document["operation"], "action": "serch"}},
        {"principal": without_roles},
        {"clock": 1},
    ):
        assert not validator.is_valid({**document, **change})


def test_an_act_fits(asked: Callable[..., Input]) -> None:
    """A real act is valid; one with an operation, an unknown act or without a target is not."""
    validator = jsonschema.Draft202012Validator(admin_input_schema())
    question = asked()
    act = administration.Input(
        principal=question.principal, act="erase", target=Target(person="omar@example.com"), context=question.context
    )
    document = json.loads(msgspec.json.encode(act))
    validator.validate(document)
    assert not validator.is_valid({name: value for name, value in document.items() if name != "target"})
    for change in ({"operation": None}, {"act": "erase_all"}, {"target": {**document["target"], "persons": []}}):
        assert not validator.is_valid({**document, **change})


SCHEMATA = {"input": input_schema(), "admin_input": admin_input_schema(), "decision": decision_schema()}


@pytest.mark.parametrize("schema", SCHEMATA.values(), ids=SCHEMATA)
def test_every_object_is_closed(schema: dict[str, Any]) -> None:
    """An object that names its members has no others, and every member of the input is required."""

    def objects(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                yield node
            for value in node.values():
                yield from objects(value)
        if isinstance(node, list):
            for value in node:
                yield from objects(value)

    found = list(objects(schema))
    assert len(found) > 3
    assert [each for each in found if each["additionalProperties"] is not False] == []
    jsonschema.Draft202012Validator.check_schema(schema)
