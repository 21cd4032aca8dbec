"""The last part of the story: one more search inside a trace of the caller's own, then all that was written down meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final

from extproc.audit.leaf import Leaf
from extproc.demo import drawing
from extproc.demo.answers import question
from extproc.demo.collector import Seen
from extproc.demo.scene import Check, Scene
from extproc.demo.stage import PERSONAL, Stage, leaks

_SHOWN: Final = 14


def trace_and_entries(stage: Stage) -> Scene:
    """Search as a reader inside a trace, then compare traces and log with what was done and refused."""
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    stage.post(
        f"/collections/{stage.behind().id}/query",
        question(),
        {"x-chroma-token": stage.tokens.reader, "traceparent": f"00-{trace}-{caller}-01"},
    )
    leaves = stage.evidence.leaves()
    searched = _searched(leaves)
    # Envoy sends its spans every few seconds.
    spans = stage.evidence.spans(lambda so_far: _leads_to(caller, trace, so_far))
    opened = stage.evidence.opened(searched[-1].index) if searched else None
    who = opened.private.principal.id if opened and opened.private.principal else ""
    return Scene(
        shown=(
            drawing.trace([span for span in spans if span.trace == trace], caller),
            drawing.entries(leaves[-_SHOWN:]),
            drawing.pairs(("the last search's entry, opened with the sealing key", who or "(could not be opened)")),
        ),
        checks=(
            *_log_checks(stage, leaves),
            Check(
                what="the search's entry names the masked fields, and opened with the key it says who searched",
                held=bool(searched) and bool(set(searched[-1].facts[0].masked_fields) & set(PERSONAL)) and bool(who),
                found="no such entry",
            ),
            Check(
                what="the operation's span hangs in the caller's own trace, below Envoy's",
                held=_leads_to(caller, trace, spans),
                found=f"{sum(span.trace == trace for span in spans)} spans of the trace, none leads from operation to caller",
            ),
            _refusals_traced(stage, spans),
            *_secrecy_checks(stage, spans),
        ),
    )


def _searched(leaves: list[Leaf]) -> list[Leaf]:
    """Return the entries of answered searches."""
    return [
        leaf
        for leaf in leaves
        if leaf.kind == "outcome" and leaf.end == "delivered" and leaf.facts and leaf.facts[0].action == "search"
    ]


def _log_checks(stage: Stage, leaves: list[Leaf]) -> Iterator[Check]:
    reasons = {leaf.exchange: {*leaf.reasons, *(one for fact in leaf.facts for one in fact.reasons)} for leaf in leaves}
    unwritten = [each.reason for each in stage.refusals if each.reason not in reasons.get(each.exchange, set())]
    yield Check(
        what=f"each of the {len(stage.refusals)} refusals is in the log under its exchange id, with its reason",
        held=bool(stage.refusals) and not unwritten,
        found=f"missing: {', '.join(unwritten)}",
    )
    intents = {leaf.exchange for leaf in leaves if leaf.kind == "intent"}
    outcomes = {leaf.exchange for leaf in leaves if leaf.kind == "outcome"}
    yield Check(
        what=f"each of the {len(intents)} requests that went on to the database has an intent and an outcome",
        held=bool(intents) and intents <= outcomes,
        found=f"{len(intents - outcomes)} without an outcome",
    )
    indexes = [leaf.index for leaf in leaves]
    yield Check(what="the log has no gap", held=indexes == list(range(len(leaves))), found="an index is missing")


def _leads_to(caller: str, trace: str, spans: tuple[Seen, ...]) -> bool:
    """Return whether the parents of the operation's span lead up to the caller's, by way of at least one other."""
    parents = {span.id: span.parent for span in spans if span.trace == trace}
    place = next((span.parent for span in spans if span.trace == trace and "db.operation.name" in span.attributes), "")
    steps = 0
    while place in parents and steps < len(parents):
        place, steps = parents[place], steps + 1
    return place == caller and steps > 0


def _refusals_traced(stage: Stage, spans: tuple[Seen, ...]) -> Check:
    told = {(span.attributes.get("vecgate.exchange.id"), span.attributes.get("error.type")) for span in spans}
    untold = [each.reason for each in stage.refusals if (each.exchange, each.reason) not in told]
    return Check(
        what="each refusal has a span that says why",
        held=bool(stage.refusals) and not untold,
        found=f"missing: {', '.join(untold)}",
    )


def _secrecy_checks(stage: Stage, spans: tuple[Seen, ...]) -> Iterator[Check]:
    told = "\n".join(f"{span.name} {span.attributes}" for span in spans)
    files = [path.read_bytes().decode("latin-1") for path in sorted(stage.evidence.directory.rglob("*")) if path.is_file()]
    tokens = stage.tokens
    ours = (tokens.reader, tokens.writer, tokens.admin, tokens.forged, tokens.expired, tokens.database_key)
    leaked = [name for text in (told, *files) for name in leaks(text, stage.tickets)]
    leaked += ["a token or key" for text in (told, *files) if any(secret in text for secret in ours)]
    yield Check(
        what="no personal value, token or key is in any span or in any file of the log",
        held=bool(spans) and bool(files) and not leaked,
        found=", ".join(sorted(set(leaked))[:6]) or "there is nothing to look at",
    )
