"""A policy, read from its files: Rego modules, one document of data, and the revision that names what it decides by.

Data is laid out as OPA lays out a bundle: ``data.json``, ``data.yaml`` or ``data.yml`` hold the document of the folder that
they are in; ``.manifest`` holds what the author calls the revision. Pure: where the files come from is `source`'s business,
and nothing here knows what evaluates a policy.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from extproc.errors import ConfigError

Files = Mapping[str, bytes]
"""Contents by relative name, with slashes."""

DATA_FILES: Final = frozenset({"data.json", "data.yaml", "data.yml"})
MANIFEST: Final = ".manifest"
_UNDERSTOOD: Final = frozenset({"revision", "roots", "rego_version", "metadata"})
"""Members of a manifest; any other changes what OPA makes of the files."""
_REVISION: Final = re.compile(r"[!-~]{1,128}")
_DIGEST_SHOWN: Final = 16  # 64 bits name a revision; the log keeps the whole of what was decided anyway
_PACKAGE: Final = re.compile(r"^\s*package\s+([A-Za-z_]\w*)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What the files say: `modules` by relative name, `data` merged, and the `revision`."""

    modules: dict[str, str]
    data: dict[str, Any]
    revision: str


def plain_revision(text: object) -> bool:
    """Whether `text` may name a revision: it stands in logs, spans and leaves."""
    return isinstance(text, str) and bool(_REVISION.fullmatch(text))


def read_bundle(files: Files, place: Path) -> Bundle:
    """Return the policy that `files` are; `place` is where they were found. Raises `ConfigError`, which says what to do."""
    modules: dict[str, str] = {}
    data: dict[str, Any] = {}
    for name, content in sorted(files.items()):
        path = place / name
        if name.endswith(".rego"):
            modules[name] = _text(content, path)
        elif path.name in DATA_FILES:
            document = _document(content, path)
            for folder in reversed(PurePosixPath(name).parent.parts):
                document = {folder: document}
            _merge(data, document, path)
    if not modules:
        raise ConfigError(f"{place}: holds no policy; put .rego files there")
    manifest = read_manifest(files, place)
    content_id = f"sha256:{_digest(modules, data)[:_DIGEST_SHOWN]}"
    named = manifest.get("revision") or content_id
    if not plain_revision(named):
        raise ConfigError(f"{place / MANIFEST}: its revision must be 1 to 128 visible ASCII characters")
    # The author's name for a revision says nothing of what was really loaded, so the content is always part of it.
    revision = named if named.rpartition("@")[2] == content_id else f"{named}@{content_id}"
    return Bundle(modules=modules, data=data, revision=revision)


def read_manifest(files: Files, place: Path) -> dict[str, Any]:
    """Return what the manifest says; nothing where there is none. Raises `ConfigError` for what only OPA understands."""
    if MANIFEST not in files:
        return {}
    manifest = _document(files[MANIFEST], place / MANIFEST)
    if foreign := manifest.keys() - _UNDERSTOOD:
        raise ConfigError(f"{place / MANIFEST}: {min(foreign)!r} changes what the files mean to OPA and is not understood here")
    if manifest.get("rego_version", 1) != 1:
        raise ConfigError(f"{place / MANIFEST}: `rego_version` must be 1; write the policy in today's Rego")
    return manifest


def roots(bundle: Bundle) -> list[str]:
    """Return the first names of all packages and data: what a bundle of OPA's owns."""
    packages = {found[1] for text in bundle.modules.values() if (found := _PACKAGE.search(text))}
    return sorted(packages | bundle.data.keys())


def _digest(modules: Mapping[str, str], data: dict[str, Any]) -> str:
    """Return a digest of what is decided by: the same for a directory and for the bundle file that is built from it."""
    digest = hashlib.sha256()
    documents = {name: text.encode() for name, text in modules.items()}
    for name, content in [*sorted(documents.items()), ("", json.dumps(data, sort_keys=True).encode())]:
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error


def _document(content: bytes, path: Path) -> dict[str, Any]:
    text = _text(content, path)
    try:
        document = yaml.safe_load(text) if path.suffix in {".yaml", ".yml"} else json.loads(text)
        json.dumps(document, allow_nan=False)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        kind = "YAML" if path.suffix in {".yaml", ".yml"} else "JSON"
        raise ConfigError(f"{path}: is not a {kind} document of plain values; correct it") from error
    if not isinstance(document, dict) or not _keys_are_text(document):
        raise ConfigError(f"{path}: must hold an object whose keys are strings; quote the others")
    return document


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
