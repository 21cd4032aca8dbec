"""The JSON Schema of `vecgate.yaml`, made from the same types as the reader, so the two cannot differ.

It says what types say; what joins several keys (uniqueness, encryption off loopback) only `load` checks.
"""

from __future__ import annotations

from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from extproc.config.forms import DURATION, ENVIRONMENT, IN_AWS, IN_VAULT, Form, StoreUrl, Url
from extproc.config.notes import Kept, Range
from extproc.config.reader import note, required, unwrap
from extproc.config.types import Config
from extproc.secret import SecretFile

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PATH: Final = {"type": "string", "minLength": 1}
_PLAIN: Final[dict[type, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> dict[str, Any]:
    """Return the schema of the whole file (JSON Schema 2020-12)."""
    return {"$schema": _DIALECT, "title": "vecgate.yaml", **_mapping(Config)}


def _mapping(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    members = fields(kind)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [member.name for member in members if required(member)],
        "properties": {member.name: _value(hints[member.name]) | _default(member) for member in members},
    }


def _value(hint: Any) -> dict[str, Any]:
    kind, notes = unwrap(hint)
    text = note(notes, str)
    return ({"description": text} if text else {}) | _shape(kind, notes)


def _shape(kind: Any, notes: tuple[Any, ...]) -> dict[str, Any]:
    if kept := note(notes, Kept):
        return _source(kept)
    if is_dataclass(kind) and not note(notes, Form):
        return _mapping(kind)  # type: ignore[arg-type]  # an instance is no hint
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _value(get_args(kind)[0])}
    return _scalar(kind, notes)


def _scalar(kind: Any, notes: tuple[Any, ...]) -> dict[str, Any]:
    if form := note(notes, Form):
        # Digits alone are a number to YAML, and fine wherever the pattern allows them.
        number = {"type": ["string", "integer"]} if form is not DURATION else {"type": "string"}
        return {**number, "pattern": f"^({form.pattern})$"}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if kind is Path:
        return dict(_PATH)
    span = note(notes, Range)
    return {"type": _PLAIN[kind]} | ({"minimum": span.least, "maximum": span.most} if span else {})


def _source(kept: Kept) -> dict[str, Any]:
    forms: dict[str, Any] = {
        "file": _PATH,
        "env": {"type": "string", "pattern": f"^{ENVIRONMENT.pattern}$"},
    }
    if kept is Kept.DISTANT:
        forms["vault"] = {"type": "string", "pattern": f"^{IN_VAULT.pattern}$"}
        forms["aws"] = {"type": "string", "pattern": f"^{IN_AWS.pattern}$"}
    secret = {"type": "object", "additionalProperties": False, "minProperties": 1, "maxProperties": 1, "properties": forms}
    return secret if kept is not Kept.PUBLIC else {"anyOf": [_PATH, secret]}


def _default(member: Field[Any]) -> dict[str, Any]:
    match member.default:
        case str() | int() | float() as plain:
            return {"default": plain}
        case Path() as path:
            return {"default": str(path)}
        case Url() | StoreUrl() as url:
            return {"default": str(url)}
        case SecretFile(path=path):
            return {"default": {"file": str(path)}}
        case _:
            return {}
