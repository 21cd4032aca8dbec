"""Answers of Qdrant in which every member that may hold a vector holds one, made from the published forms of both interfaces.

Over REST these are the models of the official client, which are generated from Qdrant's OpenAPI document; over gRPC its
compiled descriptors. Whatever may be of several kinds is made of each. A number that stands nowhere else marks a vector.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import itertools
import pkgutil
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import pydantic
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from qdrant_client.http import api

MARK = 7777.25
"""A number in a list, which may be a vector."""
ALONE = 1.5
"""A number by itself, a score or a time."""
TEXT = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
SPARSE = {"indices": [1], "values": [MARK]}
"""What stands for any JSON at all: among a payload's values sparse vectors are known by their form."""

_DEEPEST = 12


class _Recorder:
    """Stands in for the client's connection and returns what it is told to send."""

    def request(self, **told: Any) -> dict[str, Any]:
        return told


def documented() -> dict[tuple[str, str], Any]:
    """Return what each documented operation answers, by its method and path."""
    found: dict[tuple[str, str], Any] = {}
    for module in pkgutil.iter_modules(api.__path__):
        for name, kind in vars(importlib.import_module(f"{api.__name__}.{module.name}")).items():
            if name.startswith("_") and name.endswith("Api"):
                found |= dict(_operations(kind(_Recorder())))
    return found


def requests() -> dict[tuple[str, str], Any]:
    """Return what each documented operation takes as its body, where it takes one."""
    found: dict[tuple[str, str], Any] = {}
    for module in pkgutil.iter_modules(api.__path__):
        for name, kind in vars(importlib.import_module(f"{api.__name__}.{module.name}")).items():
            if name.startswith("_") and name.endswith("Api"):
                for _, function in inspect.getmembers(kind(_Recorder()), inspect.ismethod):
                    found |= dict(_bodies(function)) if function.__name__.startswith("_build_for_") else {}
    return found


def _bodies(function: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    asked = inspect.signature(function).parameters.values()
    told = function(**{each.name: TEXT for each in asked if each.default is each.empty})
    for each in asked:
        kinds = [each.annotation, *get_args(each.annotation)]
        if any(isinstance(kind, type) and issubclass(kind, pydantic.BaseModel) for kind in kinds):
            yield (told["method"], told["url"]), each.annotation


def _operations(of: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    for name, function in inspect.getmembers(of, inspect.ismethod):
        if name.startswith("_build_for_"):
            required = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
            told = function(**{each.name: TEXT for each in required})
            yield (told["method"], told["url"]), told["type_"]


# --- REST ---------------------------------------------------------------------------------------------------------------


def answers(annotation: Any, depth: int = 0, deepest: int = _DEEPEST) -> list[Any]:
    """Return values of a type, as JSON has them, that have every kind of every member at least once."""
    if depth > deepest:
        return [None]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in {types.UnionType, Union}:
        return [value for each in inner for value in answers(each, depth, deepest)]
    if origin is list:
        return [[MARK if value == ALONE else value] for value in answers(inner[0], depth + 1, deepest)]
    if origin is dict:
        return [{TEXT: value} for value in answers(inner[1], depth + 1, deepest)]
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        members = [answers(field.annotation, depth + 1, deepest) for field in annotation.model_fields.values()]
        names = [field.alias or name for name, field in annotation.model_fields.items()]
        return [dict(zip(names, row, strict=True)) for row in _rows(members)]
    return [inner[0] if origin is Literal else _plain(annotation)]


def _rows(members: list[list[Any]]) -> Iterator[tuple[Any, ...]]:
    """Give one value of each member at a time, until each had all of its own; those with fewer begin again."""
    most = max(map(len, members), default=1)
    return itertools.islice(zip(*map(itertools.cycle, members), strict=True), most) if members else iter([()])


def _plain(kind: Any) -> Any:
    if kind is type(None):
        return None
    if isinstance(kind, type) and issubclass(kind, str):
        return next(iter(kind)).value if issubclass(kind, enum.Enum) else TEXT
    if isinstance(kind, type) and issubclass(kind, bool):
        return True
    if isinstance(kind, type) and issubclass(kind, (int, float)):
        return ALONE if issubclass(kind, float) else 1
    return SPARSE if kind in {Any, object} else TEXT


# --- gRPC ---------------------------------------------------------------------------------------------------------------


def messages(kind: Any, depth: int = 0, deepest: int = _DEEPEST) -> list[Any]:
    """Return messages of a kind that have every member, and every choice between some, at least once."""
    found = []
    descriptor = kind.DESCRIPTOR
    free = [each for each in descriptor.fields if each.containing_oneof is None or _optional(each)]
    choices = [list(one.fields) for one in descriptor.oneofs if not _optional(one.fields[0])]
    options = [[(each, value) for value in _values(each, depth, deepest)] for each in free]
    options += [[(each, value) for each in one for value in _values(each, depth, deepest)] for one in choices]
    options = [each for each in options if each]
    for row in _rows(options):
        message = kind()
        for field, value in row:
            _put(message, field, value)
        found.append(message)
    return found


def _optional(field: Any) -> bool:
    """Whether a member is by itself in a choice that only says whether it is there."""
    one = field.containing_oneof
    return one is not None and len(one.fields) == 1 and one.name == f"_{field.name}"


def _values(field: Any, depth: int, deepest: int) -> list[Any]:
    if field.message_type is None:
        return [_number(field)]
    if depth > deepest:
        return []
    if field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return [{"key": value} for value in _values(inner, depth + 1, deepest)]
    return messages(GetMessageClass(field.message_type), depth + 1, deepest)


def _put(message: Any, field: Any, value: Any) -> None:
    at: Any = getattr(message, field.name) if field.message_type is not None or field.is_repeated else None
    if field.message_type is None:
        if field.is_repeated:
            at.append(value)
        else:
            setattr(message, field.name, value)
    elif field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        if inner.message_type is None:
            at[_number(field.message_type.fields_by_name["key"])] = value["key"]
        else:
            at[_number(field.message_type.fields_by_name["key"])].CopyFrom(value["key"])
    elif field.is_repeated:
        at.append(value)
    else:
        at.CopyFrom(value)


def _number(field: Any) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return MARK if field.is_repeated else ALONE
        case FieldDescriptor.CPPTYPE_STRING:
            return b"x" if field.type == FieldDescriptor.TYPE_BYTES else TEXT
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_ENUM:
            return field.enum_type.values[-1].number
        case _:
            return 1
