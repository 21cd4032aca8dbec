"""The words that a policy's rules compare with, so that one that does not exist is found before it silently never matches.

A rule on the action ``serch`` is no error to Rego: it is a rule that never holds. This module reads the tokens of .rego files
and the data files beside them, and gives every literal that stands for an action or an act, a database, an engine, an
operator or an entity, or for a caller in the lists of the library's data. It follows constants of the same file and plain
aliases; what is computed it cannot see. It judges nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from extproc.engines.bundle import DATA_FILES, Files
from extproc.errors import ConfigError

Kind = Literal[
    "action", "act", "database", "engine", "scope", "selector", "probe", "kind", "operator", "condition", "entity", "caller"
]

_TOKEN: Final = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
      | (?P<text>`[^`]*`|"(?:[^"\\\n]|\\.)*")
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>:=|==|!=|.)""",
    re.VERBOSE | re.DOTALL,
)
_REFERENCES: Final[dict[str, Kind]] = {
    "input.act": "act",
    "input.operation.action": "action",
    "input.operation.database": "database",
    "input.operation.engine": "engine",
    "input.operation.probe": "probe",
    "input.operation.scope": "scope",
    "input.operation.selector": "selector",
    "input.principal.kind": "kind",
}
_MEMBERS: Final[dict[str, Kind]] = {"with": "operator", "operator": "condition", "entities": "entity"}
_DATA_KEYS: Final[dict[str, Kind]] = {
    "act": "act",
    "acts": "act",
    "action": "action",
    "actions": "action",
    "database": "database",
    "databases": "database",
    "engine": "engine",
    "engines": "engine",
    "entities": "entity",
    "with": "operator",
}
_SELECTORS: Final = "selectors"
"""In a permission, the selectors that each of some actions asks for."""
_CALLERS: Final = frozenset({"exempt", "for", "seen_by"})
"""Lists in the library's data that say who."""
_PREFIX: Final = re.compile(r"^(role:|group:).+", re.DOTALL)
_LIBRARY_DATA: Final = "vecgate"
_KEYWORDS: Final = frozenset(
    ["as", "contains", "default", "else", "every", "if", "import", "in", "not", "package", "some", "with"]
)
"""Words after which a bracket begins an array, not an index."""
_CLOSING: Final = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A literal of a policy, what it stands for, and where it is (``file:line``, or the file)."""

    kind: Kind
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["text", "name", "sign"]
    text: str
    line: int


def policy_words(files: Files, place: Callable[[str], Path]) -> list[Word]:
    """Return the words of a policy's .rego files, tests left out, and of its data files; `place` says where one lies."""
    words: list[Word] = []
    for name, content in sorted(files.items()):
        path = place(name)
        if path.suffix == ".rego" and not path.name.endswith("_test.rego"):
            words += _Rules(_tokens(_text(content, path)), path).words()
        elif path.name in DATA_FILES:
            document = _document(content, path)
            words += _data_words(document, str(path))
            if isinstance(document, dict):
                words += _caller_words(document.get(_LIBRARY_DATA), str(path))
    return words


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error


def _tokens(source: str) -> list[_Token]:
    """Return the tokens; a path such as ``input.operation["action"]`` is one name."""
    found: list[_Token] = []
    line = 1
    for match in _TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match[0]
        if kind == "text":
            found.append(_Token("text", _unquoted(text), line))
        elif kind != "skip":
            found.append(_Token("name" if kind == "name" else "sign", text, line))
        line += text.count("\n")
    return list(_joined(found))


def _joined(tokens: list[_Token]) -> Iterator[_Token]:
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.kind == "name" and token.text not in _KEYWORDS:
            text = token.text
            while True:
                shape = [(each.kind, each.text) for each in tokens[index : index + 3]]
                match shape:
                    case [("sign", "."), ("name", part), *_]:
                        text, index = f"{text}.{part}", index + 2
                    case [("sign", "["), ("text", part), ("sign", "]")]:
                        text, index = f"{text}.{part}", index + 3
                    case _:
                        break
            token = _Token("name", text, token.line)
        yield token


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


class _Rules:
    """The tokens of one .rego file, searched for words."""

    def __init__(self, tokens: list[_Token], path: Path) -> None:
        self._tokens = tokens
        self._path = path
        self._meanings: dict[str, Kind] = dict(_REFERENCES)
        self._constants: dict[str, list[_Token]] = {}
        self._learn()

    def words(self) -> Iterator[Word]:
        """Give every word, in the order of the file."""
        for index, token in enumerate(self._tokens):
            if token.kind == "name" and (kind := self._meanings.get(token.text)):
                yield from self._compared(index, kind)
            if token.kind == "text" and (member := _MEMBERS.get(token.text)) and self._sign(index + 1) == ":":
                yield from self._given(member, self._literals(index + 2))

    def _learn(self) -> None:
        """Note what names of this file stand for: ``names := {"a", "b"}``, ``names contains "a"``, ``act := input.…``."""
        for index, token in enumerate(self._tokens):
            if token.kind != "name":
                continue
            if self._sign(index + 1) in {":=", "="}:
                self._constants.setdefault(token.text, []).extend(self._literals(index + 2, names=False))
                if (value := self._name(index + 2)) in _REFERENCES and self._sign(index + 3) not in {"==", "!="}:
                    self._meanings[token.text] = _REFERENCES[value]
            elif self._name(index + 1) == "contains":
                self._constants.setdefault(token.text, []).extend(self._literals(index + 2, names=False))

    def _compared(self, index: int, kind: Kind) -> Iterator[Word]:
        if self._sign(index + 1) in {"==", "!="} or self._name(index + 1) == "in":
            yield from self._given(kind, self._literals(index + 2))
        if self._sign(index - 1) in {"==", "!="} and index > 1:
            yield from self._given(kind, [each for each in self._tokens[index - 2 : index - 1] if each.kind == "text"])

    def _given(self, kind: Kind, tokens: list[_Token]) -> Iterator[Word]:
        for token in tokens:
            yield Word(kind=kind, text=token.text, place=f"{self._path}:{token.line}")

    def _literals(self, index: int, *, names: bool = True) -> list[_Token]:
        """Return the texts at `index`: one, those of a set or an array of nothing else, or those of a known constant."""
        if index >= len(self._tokens):
            return []
        first = self._tokens[index]
        if first.kind == "text":
            return [first]
        if first.kind == "name":
            return self._constants.get(first.text, []) if names else []
        closing = _CLOSING.get(first.text)
        found: list[_Token] = []
        for token in self._tokens[index + 1 :] if closing else []:
            if token.kind == "sign" and token.text == closing:
                return found
            if token.kind == "text":
                found.append(token)
            elif token.text != ",":
                return []
        return []

    def _sign(self, index: int) -> str:
        return self._text(index, "sign")

    def _name(self, index: int) -> str:
        return self._text(index, "name")

    def _text(self, index: int, kind: str) -> str:
        inside = 0 <= index < len(self._tokens)
        return self._tokens[index].text if inside and self._tokens[index].kind == kind else ""


def _document(content: bytes, path: Path) -> Any:
    text = _text(content, path)
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: is not a {path.suffix.removeprefix('.').upper()} document") from error


def _data_words(document: Any, place: str) -> Iterator[Word]:
    match document:
        case dict():
            for key, value in document.items():
                if kind := _DATA_KEYS.get(str(key)):
                    yield from _texts(kind, value, place)
                if key == _SELECTORS and isinstance(value, dict):
                    yield from _texts("action", list(value), place)
                    yield from (word for asked in value.values() for word in _texts("selector", asked, place))
                yield from _data_words(value, place)
        case list():
            for value in document:
                yield from _data_words(value, place)
        case _:
            pass


def _caller_words(document: Any, place: str) -> Iterator[Word]:
    match document:
        case dict():
            for key, value in document.items():
                if key in _CALLERS and isinstance(value, list):
                    # A role or a group may be called anything, so only its prefix is a word.
                    named = [_PREFIX.sub(r"\1", text) if isinstance(text, str) else text for text in value]
                    yield from _texts("caller", named, place)
                yield from _caller_words(value, place)
        case list():
            for value in document:
                yield from _caller_words(value, place)
        case _:
            pass


def _texts(kind: Kind, value: Any, place: str) -> Iterator[Word]:
    """Give a text, or those in a list; a pattern is the policy's own business."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and "*" not in text:
            yield Word(kind=kind, text=text, place=place)
