"""What several commands share: their options, how an `Error` ends one, and how what was found is shown.

What only one command needs is imported by that command: a worker need not load what draws tables.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from extproc.errors import Error

if TYPE_CHECKING:
    from rich.console import RenderableType

# ruff: noqa: PLC0415 - see above

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Since = Annotated[str, typer.Option("--since", help="A time such as 2026-11-24T08:00Z, or how long ago, such as 24h.")]
TokenFile = Annotated[Path, typer.Option("--token-file", help="A file with your token.")]
ControlUrl = Annotated[str | None, typer.Option("--url", help="The control API; the configuration's otherwise.")]
ControlAuthority = Annotated[Path | None, typer.Option("--ca", help="Authority of its certificate, PEM.")]
DEFAULT: Final = Path("vecgate.yaml")
_SECOND_NS: Final = 1_000_000_000
_LEAST_WIDTH: Final = 160


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an `Error` into one line on standard error and exit status 1."""
    try:
        yield
    except Error as error:
        print(f"vecgate: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def moment(text: str, option: str = "--since") -> int:
    """Return the Unix nanoseconds of a time, UTC where it does not say, or of so long ago (``24h``); of nothing, zero."""
    from extproc.decision import duration

    if not text:
        return 0
    try:
        return time.time_ns() - int(duration(text) * _SECOND_NS)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("is neither a time, such as 2026-11-24T08:00Z, nor a duration", param_hint=option) from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()) * _SECOND_NS


def show(drawn: RenderableType, document: Any | None = None) -> None:
    """Print a `document` as JSON, or else what was drawn; where that is no terminal, wide enough for tables."""
    from rich.console import Console

    if document is not None:
        print(json.dumps(document, indent=2))
        return
    console = Console()
    if console.is_terminal:
        console.print(drawn)
        return
    console = Console(width=max(console.width, _LEAST_WIDTH))
    with console.capture() as lines:
        console.print(drawn)
    print("\n".join(line.rstrip() for line in lines.get().splitlines()))
