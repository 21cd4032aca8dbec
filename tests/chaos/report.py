"""Results in the documentation: what stands between two markers is what was measured last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

ROBUSTNESS: Final = Path(__file__).resolve().parents[2] / "docs" / "robustness.md"


def write(document: Path, name: str, text: str) -> None:
    """Put `text` between the markers `name` of a document. Raises `ValueError` where it has none."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = document.read_text("utf-8").partition(opening)
    _, ended, after = rest.partition(closing)
    if not (found and ended):
        message = f"{document.name} has no markers {opening} and {closing}"
        raise ValueError(message)
    document.write_text(f"{before}{opening}\n\n{text.strip()}\n\n{closing}{after}", "utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [list(head), ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
