"""A policy on disk: the .rego files of a directory, its data files, and the revision that names exactly these bytes.

Rules that several policies share may lie in a second directory, the library.

Data is laid out as OPA lays out a bundle: ``data.json``, ``data.yaml`` or ``data.yml`` hold the document of the folder that
they are in. Tests (``*_test.rego``) and whatever starts with a dot are left out. Nothing here knows what evaluates a policy.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn

import yaml

from extproc.errors import ConfigError

_DATA_FILES: Final = frozenset({"data.json", "data.yaml", "data.yml"})
_MANIFEST: Final = ".manifest"
_LIBRARY: Final = "library"
"""The folder in which a library's rules stand among the others, in names and in errors."""
_DIGEST_SHOWN: Final = 16  # 64 bits name a revision; the log keeps the whole of what was decided anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a directory holds: `modules` by path relative to it, `data` merged, and the `revision`."""

    modules: dict[str, str]
    data: dict[str, Any]
    revision: str


def read_bundle(directory: Path, library: Path | None = None) -> Bundle:
    """Read the policy in `directory`, together with the rules in `library`, where there is one.

    A library holds rules alone: what they look up is the policy's own data. Raises `ConfigError`, which names the file and what
    to do.
    """
    found = _files(directory, "policy.bundle")
    if library is not None:
        found |= _library(library, found)
    modules: dict[str, str] = {}
    data: dict[str, Any] = {}
    digest = hashlib.sha256()
    manifest: dict[str, Any] = {}
    for name, path in sorted(found.items()):
        content = _read(path)
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
        if path.suffix == ".rego":
            modules[name] = _text(content, path)
        elif path.name == _MANIFEST:
            manifest = _document(content, path)
        else:
            document = _document(content, path)
            for folder in reversed(PurePosixPath(name).parent.parts):
                document = {folder: document}
            _merge(data, document, path)
    if not modules:
        raise ConfigError(f"{directory}: holds no policy; put .rego files there")
    content_id = f"sha256:{digest.hexdigest()[:_DIGEST_SHOWN]}"
    named = manifest.get("revision")
    # The author's name for a revision says nothing of what was really loaded, so the content is always part of it.
    return Bundle(modules=modules, data=data, revision=f"{named}@{content_id}" if named else content_id)


def _files(directory: Path, key: str) -> dict[str, Path]:
    """Return the policy's files by relative name; `key` is what names the directory."""
    if not directory.is_dir():
        raise ConfigError(f"{directory}: is no directory; {key} names the one with the .rego files")
    found = {}
    for path in directory.rglob("*"):
        name = path.relative_to(directory)
        hidden = any(part.startswith(".") for part in name.parts)
        wanted = (path.suffix == ".rego" and not path.name.endswith("_test.rego")) or path.name in _DATA_FILES
        if path.is_file() and (name.as_posix() == _MANIFEST or (wanted and not hidden)):
            found[name.as_posix()] = path
    return found


def _library(directory: Path, found: dict[str, Path]) -> dict[str, Path]:
    """Return the rules of a library by names that are not among those `found`."""
    rules = {f"{_LIBRARY}/{name}": path for name, path in _files(directory, "policy.library").items()}
    for name, path in rules.items():
        if path.suffix != ".rego":
            raise ConfigError(f"{path}: a library is rules alone; put data into the directory that policy.bundle names")
        if name in found:
            raise ConfigError(f"{found[name]}: the policy has the library already; leave policy.library out")
    if not rules:
        raise ConfigError(f"{directory}: holds no rules; policy.library names a directory with .rego files")
    return rules


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read; check its permissions") from error


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error


def _document(content: bytes, path: Path) -> dict[str, Any]:
    text = _text(content, path)
    try:
        if path.suffix in {".yaml", ".yml"}:
            document = yaml.safe_load(text)
            json.dumps(document, allow_nan=False)
        else:
            document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, TypeError, yaml.YAMLError) as error:
        kind = "YAML" if path.suffix in {".yaml", ".yml"} else "JSON"
        raise ConfigError(f"{path}: is not a {kind} document of plain values; correct it") from error
    if not isinstance(document, dict) or not _keys_are_text(document):
        raise ConfigError(f"{path}: must hold an object whose keys are strings; quote the others")
    return document


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a number"
    raise ValueError(message)


def _keys_are_text(value: object) -> bool:
    """Whether every key at any depth is a string; YAML also has numbers, and the word ``on``, which it reads as true."""
    match value:
        case dict():
            return all(isinstance(key, str) and _keys_are_text(inner) for key, inner in value.items())
        case list():
            return all(map(_keys_are_text, value))
        case _:
            return True


def _merge(into: dict[str, Any], document: dict[str, Any], path: Path) -> None:
    for key, value in document.items():
        if key not in into:
            into[key] = value
        elif isinstance(into[key], dict) and isinstance(value, dict):
            _merge(into[key], value, path)
        else:
            raise ConfigError(f"{path}: sets {key!r}, which another data file sets too; keep one of them")
