"""How the author's tools look on a terminal: tables and lists. Knows rich, and nothing of how anything was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from extproc.decision import Decision
from extproc.errors import EngineError
from extproc.operation import Operation, Principal
from extproc.policy.explanation import Advice, Explained, Explanation
from extproc.policy.observed import Report
from extproc.policy.replay import Replay
from extproc.policy.tally import Row
from extproc.policy.tracing import Given
from extproc.policy.words import of_obligation, of_terms
from extproc.protocols.adapter import Outgoing

_SHOWN_NUMBERS: Final = 4
_SHOWN_CHARACTERS: Final = 100
_MINUTE: Final = 16  # characters of a time down to its minutes
_SENSES: Final = {"gain": ("Gains", "bold red"), "loss": ("Losses", "bold yellow"), "other": ("Other changes", "bold")}
"""Who gains is what a reviewer must see first."""


# --- counts -------------------------------------------------------------------------------------------------------------


def observed(report: Report) -> RenderableType:
    """Draw what would have been refused, and what would have been changed."""
    head = _text(
        f"{report.requests} requests went through while the policy was only observed; "
        f"{report.values} values of their answers would have been masked{_gone(report.erased, report.unreadable)}"
    )
    parts: list[RenderableType] = [head]
    if len(report.refused):
        parts.append(_table("Would have been refused", "bold red", "reason", report.refused))
    if len(report.changed):
        parts.append(_table("Would have been narrowed or masked", "bold yellow", "how", report.changed))
    return Group(*parts)


def replayed(replay: Replay, revision: str) -> RenderableType:
    """Draw who gains and who loses by a candidate of this revision."""
    head = _text(
        f"{replay.operations} operations in {replay.entries} entries; {replay.evaluated} differ and were put to {revision}; "
        f"{replay.unchanged} come to the same{_gone(replay.erased, replay.unreadable)}"
    )
    parts: list[RenderableType] = [head]
    for sense, (title, style) in _SENSES.items():
        rows = [row for row in replay.moved if row.key.change.sense == sense]
        if rows:
            parts.append(_table(title, style, "what", rows))
    return Group(*parts)


def _gone(erased: int, unreadable: int) -> str:
    said = [f"{count} entries are {word}" for count, word in ((erased, "erased"), (unreadable, "unreadable")) if count]
    return f". Nothing is known of some: {', '.join(said)}" if said else ""


def _table(title: str, style: str, what: str, rows: Iterable[Row[Any]]) -> RenderableType:
    table = Table(title=_text(title, style=style), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in (what, "database", "collection", "action", "roles"):
        table.add_column(name, overflow="fold")
    for name in ("callers", "times"):
        table.add_column(name, justify="right")
    for name in ("first", "last"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        key = row.key
        told = key.what if hasattr(key, "what") else key.change.what
        place = (key.database, key.collection or "-", key.action, key.roles)
        counts = (str(len(row.callers)), str(row.times), _time(row.first), _time(row.last))
        table.add_row(*map(_text, (told, *place, *counts)))
    return table


def _time(text: str) -> str:
    return text[:_MINUTE].replace("T", " ")


# --- one request --------------------------------------------------------------------------------------------------------


def explained(explanation: Explanation) -> RenderableType:
    """Draw an explanation, from what was asked to what leaves."""
    parts: list[RenderableType] = []
    if explanation.exchange:
        parts.append(_text(f"exchange {explanation.exchange}, {_time(explanation.time)}"))
    if explanation.operations:
        parts.append(_principal(explanation.operations[0].input.principal))
    for one in explanation.operations:
        parts += _operation(one)
    parts += _end(explanation)
    parts += [_text(f"Note: {note}", style="bold yellow") for note in explanation.notes]
    return Group(*parts)


def advised(advice: Advice) -> RenderableType:
    """Draw what a caller may know of a refusal."""
    rows = [("exchange", advice.exchange), ("reason", advice.reason), ("it means", advice.title), ("to do", advice.remedy)]
    return _grid((_text(name, style="dim"), _text(value)) for name, value in rows if value)


def _principal(who: Principal) -> RenderableType:
    roles, groups = (", ".join(names) or "none" for names in (who.roles, who.groups))
    return _grid([(_text("principal", style="dim"), _text(f"{who.id} ({who.kind}), roles: {roles}, groups: {groups}"))])


def _operation(one: Explained) -> Iterator[RenderableType]:
    yield _grid([(_text("operation", style="dim"), _text(_asked(one.input.operation)))])
    decision = one.decision
    match decision:
        case EngineError(code=code):
            yield _text(f"no decision: {code}", style="bold red")
        case Decision(allow=False, reasons=reasons):
            yield _text("denied by the policy", style="bold red")
            for reason in reasons:
                yield _made([(reason, maker) for maker in one.traced.makers(reason)], explained=True)
        case Decision(obligations=obligations):
            yield _text("allowed by the policy" + (", with obligations" if obligations else ""), style="bold green")
            made = [(of_obligation(each), maker) for each in obligations for maker in one.traced.makers(each)]
            yield _made(made, explained=False)
            yield _text("rules that held", style="bold")
            yield _made([(_value(each), each) for each in one.traced.given if each.title and _plain(each)], explained=False)
            if one.effect.refusal:
                yield _text(f"cannot be fulfilled: {one.effect.refusal}", style="bold red")
            else:
                yield _text("what the gateway makes of it", style="bold")
                yield _grid((_text(""), _text(line)) for line in of_terms(one.effect.terms))


def _asked(operation: Operation) -> str:
    place = " in ".join(filter(None, (operation.collection, operation.namespace, operation.database)))
    told = {
        "records by": operation.selector if operation.selector != "none" else "",
        "tests": ", ".join(operation.tests),
        "limit": "" if operation.limit is None else str(operation.limit),
        "of a batch of": str(operation.batch.count) if operation.batch.count > 1 else "",
    }
    return ", ".join((f"{operation.action} on {place}", *(f"{name} {value}" for name, value in told.items() if value)))


def _made(made: Iterable[tuple[str, Given]], *, explained: bool) -> RenderableType:
    """Draw what rules gave, each with its place and its title, and with what it means and what to do about it."""
    table = Table.grid(padding=(0, 2))
    for what, maker in made:
        names = ", ".join(f"{name} {value}" for name, value in maker.names.items())
        title = f"{maker.title} ({names})" if names and maker.title else maker.title or names
        table.add_row(_text("  " + what), _text(maker.place, style="cyan"), _text(title))
        for line in (maker.description, maker.remedy) if explained else ():
            if line:
                table.add_row(_text(""), _text(""), _text(line, style="dim"))
    return table


def _plain(given: Given) -> bool:
    """Whether a rule gave something that says why: that it holds, or an element that is a name."""
    return given.value is True or (given.element and isinstance(given.value, str))


def _value(given: Given) -> str:
    return given.rule if given.value is True else f"{given.rule}: {given.value}"


def _end(explanation: Explanation) -> Iterator[RenderableType]:
    if explanation.outgoing is not None:
        yield _text("forwarded", style="bold green")
        yield _outgoing(explanation.outgoing)
    elif explanation.reason:
        yield _text(f"refused: {explanation.reason}", style="bold red")
    if explanation.answer:
        yield _grid(
            [(_text("the client gets", style="dim"), _text(f"HTTP {explanation.status} {explanation.answer.decode()}"))]
        )


def _outgoing(outgoing: Outgoing) -> RenderableType:
    lines = [_text(f"  {outgoing.method} {outgoing.target}")]
    if outgoing.body:
        lines.append(_text(f"  {json.dumps(_short(json.loads(outgoing.body)), ensure_ascii=False)}"))
    return Group(*lines)


def _short(value: Any) -> Any:
    """Return a JSON value with long texts cut, and with lists of many numbers counted."""
    match value:
        case dict():
            return {name: _short(inner) for name, inner in value.items()}
        case list() if len(value) > _SHOWN_NUMBERS and all(isinstance(each, int | float) for each in value):
            return f"({len(value)} numbers)"
        case list():
            return [_short(each) for each in value]
        case str() if len(value) > _SHOWN_CHARACTERS:
            return value[:_SHOWN_CHARACTERS] + "…"
        case _:
            return value


def _grid(rows: Iterable[tuple[Text, Text]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*row)
    return table


def _text(text: str, style: str = "") -> Text:
    """Return a text whose characters a terminal shows and does not obey: names and roles are others' choice."""
    return Text("".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text), style=style)
