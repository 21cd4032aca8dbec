"""Files and directories for this user alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.errors import ConfigError
from extproc.private import open_to_others, private_directory, write_private


def test_a_directory_is_made_private(tmp_path: Path) -> None:
    """What is absent is made with mode 0700, and found good afterwards."""
    private_directory(tmp_path / "a" / "b")
    private_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770])
def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """One bit for anybody else is too much."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 700"):
        private_directory(tmp_path / "a")


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """The error says what cannot be made."""
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        private_directory(tmp_path / "a")


def test_a_private_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """A key is never overwritten; a bootstrap is, whole or not at all."""
    path = tmp_path / "file"
    write_private(path, b"one", replace=False)
    with pytest.raises(ConfigError, match="not overwritten"):
        write_private(path, b"two", replace=False)
    assert path.read_bytes() == b"one"
    write_private(path, b"three", replace=True)
    assert (path.read_bytes(), open_to_others(path)) == (b"three", False)


def test_attack_by_symlink_a_private_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    """A link that waits in the place of the file leads nowhere."""
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ConfigError):
        write_private(tmp_path / "link", b"secret", replace=False)
    assert not target.exists()


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Nothing is made on the way to a file."""
    with pytest.raises(ConfigError, match="cannot be written"):
        write_private(tmp_path / "nowhere" / "file", b"", replace=True)
