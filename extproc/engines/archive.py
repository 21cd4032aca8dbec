"""A bundle as one file: OPA's gzipped tarball, read with bounds and written so that the same files give the same bytes.

Only plain files with plain relative names are taken; whoever writes the archive chooses every byte of it. Nothing here knows
what the files mean, and nothing is ever unpacked onto a disk.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import Final

from extproc.engines.bundle import Files

_MOST_BYTES: Final = 64 << 20
"""Of the whole, unpacked."""
_PRIVATE: Final = 0o600


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive by name, without a leading slash. Raises `ValueError`, which says why not."""
    found: dict[str, bytes] = {}
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(archive)) as packed:
            plain = packed.read(_MOST_BYTES + 1)
        if len(plain) > _MOST_BYTES:
            raise _wrong("holds too much")
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            for member in tar:
                if not member.isdir():
                    name, content = _name(member), tar.extractfile(member)
                    if name in found or content is None:
                        raise _wrong("holds a file twice")
                    found[name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise _wrong("is not a gzipped tar file") from error
    return found


def pack(files: Files) -> bytes:
    """Return an archive of `files`: sorted, without times, owners or anything else of this machine."""
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", mtime=0) as plain, tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), _PRIVATE
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


def _name(member: tarfile.TarInfo) -> str:
    name = member.name.removeprefix("./").removeprefix("/")
    path = PurePosixPath(name)
    plain = member.isreg() and not member.issparse() and name.isprintable() and "\\" not in name
    if not plain or ".." in path.parts or path.is_absolute() or str(path) != name or not name:
        raise _wrong("holds something other than plain files")
    return name


def _wrong(what: str) -> ValueError:
    return ValueError(what)
