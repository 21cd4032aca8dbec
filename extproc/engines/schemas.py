"""The JSON Schemas of both policy inputs and of the decision, made from the types that are really used.

They lie in ``rego/schemas``, where ``opa check -s`` finds a misspelt field of a policy; a test keeps the files equal to what
is made here, and ``python -m extproc.engines.schemas DIRECTORY`` writes them. No evaluation depends on them.
"""

from __future__ import annotations

import csv
import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from extproc import administration
from extproc.decision import Decision, Input

Schema = dict[str, Any]


def input_schema() -> Schema:
    """Return the schema of the policy input of an operation."""
    schema = _whole(_schema(Input, "Vecgate policy input"))
    operation = schema["$defs"]["Operation"]["properties"]
    operation["action"] = {"enum": _words("action")}
    operation["scope"] = {"enum": _words("scope")}
    operation["engine"] = {"enum": _words("database")}
    return schema


def admin_input_schema() -> Schema:
    """Return the schema of the policy input of an administrative act."""
    return _whole(_schema(administration.Input, "Vecgate administration policy input"))


def decision_schema() -> Schema:
    """Return the schema of a decision, which is the same for both."""
    return _schema(Decision, "Vecgate decision")


def _whole(schema: Schema) -> Schema:
    """Require every member: the encoder leaves nothing out."""
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["required"] = list(definition["properties"])
    return schema


def _schema(kind: type, title: str) -> Schema:
    (reference,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    strict = {name: _strict(definition) for name, definition in definitions.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **reference, "$defs": strict}


def _strict(node: Any) -> Any:
    """Close every object that names its members, and leave out defaults and descriptions, which only make a diff longer."""
    match node:
        case {"properties": dict(properties), **rest}:
            inner = {name: _strict(value) for name, value in properties.items()}
            kept = {key: _strict(value) for key, value in rest.items() if key not in {"default", "description", "title"}}
            return {**kept, "properties": inner, "additionalProperties": False}
        case dict():
            return {key: _strict(value) for key, value in node.items() if key not in {"default", "description", "title"}}
        case list():
            return [_strict(value) for value in node]
        case _:
            return node


def _words(column: str) -> list[str]:
    """Return the words of a column of the list of all operations of all engines."""
    text = (files("extproc.protocols") / "operations.csv").read_text(encoding="utf-8")
    return sorted({row[column] for row in csv.DictReader(text.splitlines())})


def write(directory: Path) -> None:
    """Write the schemas into `directory`."""
    schemas = {"input": input_schema(), "admin_input": admin_input_schema(), "decision": decision_schema()}
    for name, schema in schemas.items():
        (directory / f"{name}.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
