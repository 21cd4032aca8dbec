"""The fenced blocks of the documentation, for tests that hold them against the program."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block; `line` is that of its fence."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(language: str | None = None, document: Path | None = None) -> list[Block]:
    """Return the blocks of a language, or of any, in one document or in all."""
    found = []
    for path in DOCUMENTS if document is None else (document,):
        text = path.read_text("utf-8")
        for fence in _FENCE.finditer(text):
            if language in {None, fence["language"]}:
                line = text.count("\n", 0, fence.start()) + 1
                found.append(Block(document=path, line=line, language=fence["language"], text=fence["text"]))
    return found


def commands(document: Path) -> list[str]:
    """Return the lines of the document's shell blocks, without comments and empty ones."""
    lines = [line.strip() for block in blocks("sh", document) for line in block.text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def tables(document: Path) -> list[list[list[str]]]:
    """Return each table as rows of cells, without its head."""
    found: list[list[list[str]]] = []
    inside = False
    for line in document.read_text("utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
        elif re.fullmatch(r"[|\- ]+", line):
            inside = True
            found.append([])
        elif inside:
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return found
