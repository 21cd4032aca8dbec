"""A bundle as one file."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.engines.archive import pack, unpack

NAMES = st.from_regex(r"[a-zé.]{1,8}(/[a-z_]{1,8}){0,3}", fullmatch=True).filter(
    lambda name: not {".", ".."} & {*name.split("/")}
)


def tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """Return an archive of members of a kind."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as out:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, link, len(content)
            out.addfile(member, io.BytesIO(content))
    return written.getvalue()


@given(files=st.dictionaries(NAMES, st.binary(max_size=200), max_size=5))
def test_what_is_packed_comes_out_again(files: dict[str, bytes]) -> None:
    """Names and bytes survive, and the same files give the same archive."""
    prefixes = {name for name in files for other in files if other.startswith(f"{name}/")}
    kept = {name: content for name, content in files.items() if name not in prefixes}

    assert unpack(pack(kept)) == kept
    assert pack(dict(reversed(kept.items()))) == pack(kept)


@pytest.mark.parametrize("name", ["/authz/a.rego", "./authz/a.rego", "authz/a.rego"])
def test_names_are_relative_however_they_are_written(name: str) -> None:
    """OPA writes a leading slash, tar a leading dot."""
    assert unpack(tar((name, b"x"))) == {"authz/a.rego": b"x"}


def bomb() -> bytes:
    """Return a small archive of very much."""
    return tar(("a.rego", bytes(65 << 20)))


def hidden() -> bytes:
    """Return an archive whose extended header, which names a member, is very much."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 65 << 20
    return gzip.compress(header.tobuf() + bytes(header.size))


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (lambda: b"", "is not a gzipped tar file"),
        (lambda: b"package a\n", "is not a gzipped tar file"),
        (lambda: gzip.compress(b"package a\n"), "is not a gzipped tar file"),
        (lambda: tar(("a.rego", b"x"))[:-20], "is not a gzipped tar file"),
        (lambda: tar(("a.rego", b"x"), ("/a.rego", b"y")), "holds a file twice"),
        (lambda: tar(("../a.rego", b"x")), "holds something other than plain files"),
        (lambda: tar(("a/../b.rego", b"x")), "holds something other than plain files"),
        (lambda: tar(("//a.rego", b"x")), "holds something other than plain files"),
        (lambda: tar(("a//b.rego", b"x")), "holds something other than plain files"),
        (lambda: tar(("a\\b.rego", b"x")), "holds something other than plain files"),
        (lambda: tar(("a.rego", b""), kind=tarfile.SYMTYPE, link="/etc/passwd"), "holds something other than plain files"),
        (lambda: tar(("a.rego", b""), kind=tarfile.LNKTYPE, link="b.rego"), "holds something other than plain files"),
        (lambda: tar(("a.rego", b""), kind=tarfile.CHRTYPE), "holds something other than plain files"),
        (lambda: tar(("a.rego", b""), kind=tarfile.FIFOTYPE), "holds something other than plain files"),
        (bomb, "holds too much"),
        (hidden, "holds too much"),
    ],
)
def test_attack_by_archive(archive: Callable[[], bytes], said: str) -> None:
    """Paths that lead out, links, devices, two files of one name, and more than memory holds are refused."""
    with pytest.raises(ValueError, match=said):
        unpack(archive())


@given(content=st.binary(max_size=400))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    """Whatever stands in an archive, it is unpacked or refused."""
    for archive in (content, gzip.compress(content.ljust(1024, b"\0"))):
        try:
            files = unpack(archive)
        except ValueError:
            continue
        assert all(isinstance(name, str) for name in files)
