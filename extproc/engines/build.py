"""A policy made into one signed bundle file, in OPA's own form: its modules, one document of data, a manifest, a signature."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from extproc.engines.archive import pack
from extproc.engines.bundle import MANIFEST, Files, read_bundle, read_manifest, roots
from extproc.engines.signature import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A bundle file's bytes, and the revision that its manifest names."""

    archive: bytes
    revision: str


def build(files: Files, place: Path, key: SigningKey, name: str | None = None) -> Built:
    """Build `files`, which were found at `place`. Raises `ConfigError`.

    `name` is what the author calls the revision; the digest of what is decided by is always part of it. The bundle owns what
    the manifest of `files` says, or else the first names of their packages and data.
    """
    manifest = read_manifest(files, place)
    if name is not None:
        manifest["revision"] = name
    bundle = read_bundle({**files, MANIFEST: json.dumps(manifest).encode()}, place)
    manifest |= {"revision": bundle.revision, "roots": manifest.get("roots") or roots(bundle), "rego_version": 1}
    written = {path: text.encode() for path, text in bundle.modules.items()}
    if bundle.data:
        written["data.json"] = json.dumps(bundle.data, sort_keys=True).encode()
    written[MANIFEST] = json.dumps(manifest, sort_keys=True).encode()
    return Built(archive=pack(key.sign(written)), revision=bundle.revision)
