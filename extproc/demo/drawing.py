"""How the story looks: panels and tables for a terminal. Knows rich, and nothing of how the answers came about."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from extproc.audit.leaf import Leaf
from extproc.demo.collector import Seen
from extproc.demo.scene import Check, Scene
from extproc.demo.stage import Refusal
from extproc.demo.tickets import Ticket

_SHOWN_FIELDS: Final = ("id", "subject", "product", "created", "name", "email", "phone", "card", "api_key", "document")
_TEXT_LINES: Final = 5
_TEXT_WIDTH: Final = 150
_SHORT_ID: Final = 8
_MASK: Final = "bold red"
_CLEAR: Final = "green"


def ticket(one: Ticket) -> RenderableType:
    """Draw one ticket as it was written."""
    table = Table.grid(padding=(0, 2))
    for name, value in one.metadata.items():
        table.add_row(Text(name, style="dim"), str(value))
    return Panel(Group(_text(one.text, lines=8), Text(), table), title=f"{one.id}, one of the tickets", box=box.ROUNDED)


def questions(texts: Sequence[str]) -> RenderableType:
    """Draw what is asked."""
    return Group(*(Text.assemble(("Question: ", "dim"), (text, "bold")) for text in texts))


def side_by_side(reader: dict[str, Any], admin: dict[str, Any]) -> RenderableType:
    """Draw the first record for each question as two people got it, field by field."""
    table = Table(box=box.ROUNDED, expand=True, show_lines=False)
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("what the reader sees", ratio=1)
    table.add_column("what the admin sees", ratio=1)
    for query in range(len(admin["ids"])):
        left, right = (_record(answer, query) for answer in (reader, admin))
        table.add_section()
        for field in _SHOWN_FIELDS:
            if field in right:
                table.add_row(field, *_compared(left.get(field, "(absent)"), right[field]))
    return table


def _record(answer: dict[str, Any], query: int) -> dict[str, Any]:
    """Return the first record that answers a question, as fields; fewer where the answer has fewer."""
    columns = {name: answer[name][query] for name in ("ids", "metadatas", "documents")}
    fields = dict(columns["metadatas"][0] or {}) if columns["metadatas"] else {}
    return fields | {name: columns[column][0] for name, column in (("id", "ids"), ("document", "documents")) if columns[column]}


def _compared(left: Any, right: Any) -> tuple[RenderableType, RenderableType]:
    style = _CLEAR if left == right else _MASK
    return _text(str(left), style=style), _text(str(right), style=_CLEAR)


def _text(text: str, *, style: str = "", lines: int = _TEXT_LINES) -> Text:
    kept = [shorten(line, _TEXT_WIDTH, placeholder=" …") for line in text.splitlines() if line.strip()]
    shown = kept[:lines] + (["…"] if len(kept) > lines else [])
    return Text("\n".join(shown) or "''", style=style)


def pairs(*rows: tuple[str, str]) -> RenderableType:
    """Draw what was done and what came of it."""
    table = Table.grid(padding=(0, 2))
    for done, came in rows:
        table.add_row(Text(done), Text("→", style="dim"), Text(came, style="bold"))
    return table


def numbers(vector: Sequence[float]) -> str:
    """Return the beginning of a vector as text."""
    return "[" + ", ".join(f"{value:.4f}" for value in vector[:4]) + ", …]"


def refusal(what: str, came: Refusal | None, *, status: int | None = None) -> RenderableType:
    """Draw something that was tried and what its caller was told."""
    told = "it was done!" if came is None else came.message
    line = Text.assemble((what, "bold"), (f"   HTTP {status}" if status else "", "dim"))
    return Group(line, Text(f"  {told}", style="green" if came is None else "yellow"))


def trace(spans: Sequence[Seen], caller: str) -> RenderableType:
    """Draw the spans of one trace below the caller's own."""
    root = Tree(Text(f"the caller's span {caller[:_SHORT_ID]}", style="dim"))
    nodes = {caller: root}
    waiting = list(spans)
    while ready := [span for span in waiting if span.parent in nodes]:
        for span in ready:
            waiting.remove(span)
            nodes[span.id] = nodes[span.parent].add(_span(span))
    return Panel(root, title="the trace", box=box.ROUNDED)


def _span(span: Seen) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, value in sorted(span.attributes.items()):
        if name.startswith(("db.", "vecgate.", "user.", "error.")):
            table.add_row(Text(name, style="dim"), Text(", ".join(value) if isinstance(value, tuple) else str(value)))
    title = Text.assemble((span.service or "?", "cyan"), " ", (span.name, "bold"))
    return Group(title, table) if table.row_count else title


def entries(leaves: Sequence[Leaf]) -> RenderableType:
    """Draw entries of the log, as anybody may read them."""
    table = Table(box=box.ROUNDED, expand=True, title="the log's last entries (who and from where are salted commitments)")
    for name in ("#", "time", "kind", "action", "decision", "reasons", "rows", "masked", "principal"):
        table.add_column(name, overflow="fold")
    for leaf in leaves:
        facts = leaf.facts
        reasons = dict.fromkeys((*leaf.reasons, *(one for fact in facts for one in fact.reasons)))
        masked = sum(fact.masked_values for fact in facts)
        table.add_row(
            str(leaf.index),
            leaf.time[11:19],
            leaf.kind,
            ", ".join(dict.fromkeys(fact.action for fact in facts)),
            Text(leaf.decision or "", style="yellow" if leaf.decision == "deny" else "green"),
            ", ".join(reasons),
            ", ".join(str(fact.rows) for fact in facts if fact.rows is not None),
            str(masked) if masked else "",
            leaf.commitments.get("principal", "")[:_SHORT_ID],
        )
    return table


def scene(number: int, title: str, played: Scene) -> RenderableType:
    """Draw a step: what was seen, and each check with its mark."""
    head = Text(f" {number}. {title} ", style="bold reverse green" if played.held else "bold reverse red")
    return Group(Text(), head, Text(), *played.shown, Text(), *(_check(check) for check in played.checks))


def _check(check: Check) -> RenderableType:
    if check.held:
        return Text.assemble(("  ✔ ", "bold green"), check.what)
    return Text.assemble(("  ✘ ", "bold red"), check.what, (f"  [{check.found}]" if check.found else "", "red"))


def ending(titles: Sequence[tuple[str, bool]]) -> RenderableType:
    """Draw which steps held."""
    table = Table.grid(padding=(0, 1))
    for title, held in titles:
        table.add_row(Text("✔", style="bold green") if held else Text("✘", style="bold red"), title)
    broken = [title for title, held in titles if not held]
    verdict = f"All {len(titles)} steps held." if not broken else f"{len(broken)} of {len(titles)} steps did NOT hold."
    return Panel(Group(table, Text(), Text(verdict, style="bold red" if broken else "bold green")), box=box.HEAVY)
