"""YAML nodes to typed values, strictly: every complaint is one line with file, line and key.

`Reader` walks PyYAML's node graph (which knows lines) along the types of `config_types`. It resolves no tags beyond YAML's
own scalars and never repeats a value in a message, for it may be a misplaced secret. It knows no particular key.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from extproc.config.forms import ENVIRONMENT, IN_AWS, IN_VAULT, Form, StoreUrl
from extproc.config.notes import Kept, Range
from extproc.errors import ConfigError
from extproc.secret import SecretAws, SecretEnv, SecretFile, SecretReference, SecretVault

_TAG: Final = "tag:yaml.org,2002:"
_NAMES: Final[Mapping[type, tuple[str, str]]] = {
    str: ("str", "text; put it in quotes if it looks like something else"),
    int: ("int", "a whole number"),
    float: ("float", "a number"),
    bool: ("bool", "true or false"),
}
_FORMS: Final = "{file: PATH} or {env: NAME}"
_DISTANT_FORMS: Final = "{file: PATH}, {env: NAME}, {vault: PATH#KEY} or {aws: NAME#KEY}"


def unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a hint without ``Annotated`` and without ``| None``, and all notes that stood on it, the inner ones first."""
    notes: tuple[Any, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            notes = (*more, *notes)
        elif get_origin(hint) in {Union, types.UnionType} and type(None) in get_args(hint):
            hint = Union[tuple(arm for arm in get_args(hint) if arm is not type(None))]  # noqa: UP007  # of a computed tuple
        else:
            return hint, notes


def note(notes: tuple[Any, ...], kind: type) -> Any:
    """Return the first note of a kind, or None."""
    return next((found for found in notes if isinstance(found, kind)), None)


def required(member: Field[Any]) -> bool:
    """Tell whether a key must be given."""
    return member.default is MISSING and member.default_factory is MISSING


class Reader:
    """Reads one file. After `read`, `error` gives a complaint about any key, at its line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base = path.absolute().parent
        self._lines: dict[str, int] = {}

    def read(self, kind: type) -> Any:
        """Return the file as a value of the dataclass `kind`. Raises `ConfigError`."""
        try:
            text = self._path.read_bytes().decode()
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read ({error.strerror}); name a file with -c") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self._path}: is not UTF-8") from error
        try:
            node = yaml.compose(text, yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            # PyYAML's own words may quote the text, so only the place is kept.
            at = error.problem_mark
            place = f":{at.line + 1}: column {at.column + 1}" if at else ""
            raise ConfigError(f"{self._path}{place}: is not one YAML document; look at quotes and indentation") from None
        except yaml.YAMLError:
            raise ConfigError(f"{self._path}: is not YAML text") from None
        except RecursionError:
            raise ConfigError(f"{self._path}: is nested too deep for a configuration; look at brackets") from None
        if node is None:
            raise ConfigError(f"{self._path}: is empty; `version: 1` and a database are the start")
        return self._mapping(node, kind, "")

    def error(self, where: str, message: str) -> ConfigError:
        """Return the complaint `message` about the key `where` (``databases[0].listen``), at the nearest known line."""
        place = where
        while place and place not in self._lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        line = self._lines.get(place, 1)
        shown = where if where.isprintable() else repr(where)  # a key in quotes may hold anything, and this is one line
        return ConfigError(f"{self._path}:{line}: {shown + ': ' if where else ''}{message}")

    def _mapping(self, node: yaml.Node, kind: type, where: str) -> Any:
        given = self._members(node, where)
        hints = get_type_hints(kind, include_extras=True)
        known = {member.name: member for member in fields(kind)}
        for name in given:
            if name not in known:
                raise self.error(_join(where, name), _unknown(name, list(known)))
        found: dict[str, Any] = {}
        for name, member in known.items():
            inner = _join(where, name)
            if name in given:
                found[name] = self._value(given[name], hints[name], inner)
            elif required(member):
                raise self.error(where, f"`{name}` is missing; it is required")
            else:
                found[name] = self._default(member, hints[name], inner)
        return kind(**found)

    def _members(self, node: yaml.Node, where: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode) or node.tag != _TAG + "map":
            raise self.error(where, "must be a mapping of keys to values")
        given: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(where, "a key must be a plain word")
            inner = _join(where, key.value)
            if key.value in given:
                self._lines[inner] = key.start_mark.line + 1
                raise self.error(inner, "stands here a second time; keep one of them")
            self._lines[inner] = key.start_mark.line + 1
            given[key.value] = value
        return given

    def _default(self, member: Field[Any], hint: Any, where: str) -> Any:
        kind, _ = unwrap(hint)
        if member.default_factory is not MISSING and isinstance(kind, type) and is_dataclass(kind):
            return self._mapping(yaml.MappingNode(_TAG + "map", []), kind, where)
        match member.default:
            case Path() as path:
                return self._base / path
            case SecretFile(path=path):
                return SecretFile(path=self._base / path)
            case StoreUrl() as place:
                return place.below(self._base)
            case default:
                return default

    def _value(self, node: yaml.Node, hint: Any, where: str) -> Any:
        kind, notes = unwrap(hint)
        if node.tag == _TAG + "null":
            raise self.error(where, "has no value; give it one or remove the key")
        if kept := note(notes, Kept):
            return self._source(node, kept, where)
        if form := note(notes, Form):
            value = self._form(node, form, where)
        elif get_origin(kind) is Literal:
            return self._choice(node, get_args(kind), where)
        elif get_origin(kind) is tuple:
            return self._sequence(node, get_args(kind)[0], where)
        elif is_dataclass(kind):
            return self._mapping(node, kind, where)  # type: ignore[arg-type]  # an instance is no hint
        elif kind is Path:
            return self._file(node, where)
        else:
            value = self._scalar(node, kind, where)
        if (span := note(notes, Range)) and not span.least <= value <= span.most:
            raise self.error(where, f"must be between {span.least:g} and {span.most:g}{_unit(form)}")
        return value

    def _scalar(self, node: yaml.Node, kind: type, where: str) -> Any:
        tag, words = _NAMES[kind]
        tags = {tag, "int"} if kind is float else {tag}
        if not isinstance(node, yaml.ScalarNode) or node.tag.removeprefix(_TAG) not in tags:
            raise self.error(where, f"must be {words}")
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (ValueError, IndexError, KeyError):  # PyYAML's, of a tag that does not fit what it stands on
            raise self.error(where, f"must be {words}") from None

    def _form(self, node: yaml.Node, form: Form, where: str) -> Any:
        wrong = self.error(where, f"must be {form.what}")
        if not isinstance(node, yaml.ScalarNode) or node.tag not in {_TAG + "str", _TAG + "int"}:
            raise wrong
        if not re.fullmatch(form.pattern, node.value):
            raise wrong
        try:
            value = form.parse(node.value)
        except ValueError:
            raise wrong from None
        return value.below(self._base) if isinstance(value, StoreUrl) else value

    def _choice(self, node: yaml.Node, choices: tuple[Any, ...], where: str) -> Any:
        value = self._scalar(node, type(choices[0]), where)
        if value not in choices:
            raise self.error(where, f"must be {' or '.join(str(choice) for choice in choices)}")
        return value

    def _sequence(self, node: yaml.Node, hint: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode) or node.tag != _TAG + "seq":
            raise self.error(where, "must be a list")
        found = []
        for index, item in enumerate(node.value):
            inner = f"{where}[{index}]"
            self._lines[inner] = item.start_mark.line + 1
            found.append(self._value(item, hint, inner))
        return tuple(found)

    def _file(self, node: yaml.Node, where: str) -> Path:
        text: str = self._scalar(node, str, where)
        if not text or "\0" in text:
            raise self.error(where, "must be the path of a file or directory")
        return self._base / text

    def _source(self, node: yaml.Node, kept: Kept, where: str) -> SecretReference:
        forms = _DISTANT_FORMS if kept is Kept.DISTANT else _FORMS
        if isinstance(node, yaml.ScalarNode):
            if kept is Kept.PUBLIC:
                return SecretFile(path=self._file(node, where))
            raise self.error(where, f"a secret is never written into this file; use {forms}")
        given = self._members(node, where)
        match list(given):
            case [("vault" | "aws") as name] if kept is not Kept.DISTANT:
                raise self.error(_join(where, name), f"is read before any keeper can be asked; use {_FORMS}")
            case ["vault"]:
                path, _, key = self._form(given["vault"], IN_VAULT, _join(where, "vault")).partition("#")
                return SecretVault(path=path, key=key)
            case ["aws"]:
                name, _, key = self._form(given["aws"], IN_AWS, _join(where, "aws")).partition("#")
                return SecretAws(name=name, key=key or None)
            case ["file"]:
                return SecretFile(path=self._file(given["file"], _join(where, "file")))
            case ["env"]:
                return SecretEnv(name=self._form(given["env"], ENVIRONMENT, _join(where, "env")))
            case [name]:
                raise self.error(_join(where, name), _unknown(name, ["file", "env", "vault", "aws"]))
            case _:
                raise self.error(where, f"must be {forms}")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"is an unknown key; the nearest known key is `{near[0]}`"


def _unit(form: Form | None) -> str:
    match form and form.what.split()[1]:
        case "size":
            return " bytes"
        case "duration":
            return " seconds"
        case _:
            return ""
