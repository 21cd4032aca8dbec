"""What the commands have in common: their options, and how an `Error` ends one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from extproc.errors import Error

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
TokenFile = Annotated[Path, typer.Option("--token-file", help="A file with your token.")]
ControlUrl = Annotated[str | None, typer.Option("--url", help="The control API; the configuration's otherwise.")]
ControlAuthority = Annotated[Path | None, typer.Option("--ca", help="Authority of its certificate, PEM.")]
DEFAULT: Final = Path("vecgate.yaml")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an `Error` into one line on standard error and exit status 1."""
    try:
        yield
    except Error as error:
        print(f"vecgate: {error}", file=sys.stderr)  # noqa: T201 - the command line prints
        raise typer.Exit(1) from error
