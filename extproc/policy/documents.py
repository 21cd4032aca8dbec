"""What the author's tools found, as JSON documents for other programs. Times are as leaves have them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import msgspec

from extproc.decision import Decision
from extproc.errors import EngineError
from extproc.policy.explanation import Explained, Explanation
from extproc.policy.observed import Place, Report
from extproc.policy.replay import Moved, Replay
from extproc.policy.tally import Row
from extproc.policy.tracing import Given

Json = dict[str, Any]


def observed(report: Report) -> Json:
    """Return a report on what is only observed."""
    counts = {name: getattr(report, name) for name in ("requests", "values", "erased", "unreadable")}
    return counts | {"refused": list(map(_row, report.refused)), "changed": list(map(_row, report.changed))}


def replayed(replay: Replay, revision: str) -> Json:
    """Return what came of a candidate of this revision."""
    names = ("entries", "operations", "evaluated", "unchanged", "erased", "unreadable")
    counts = {name: getattr(replay, name) for name in names}
    senses = {"gains": "gain", "losses": "loss", "others": "other"}
    rows = {name: [_row(row) for row in replay.moved if row.key.change.sense == sense] for name, sense in senses.items()}
    return {"candidate": revision} | counts | rows


def _row(row: Row[Place] | Row[Moved]) -> Json:
    key: Json = msgspec.to_builtins(row.key)
    key = {"what": key.pop("change")["what"]} | key if "change" in key else key
    return key | {"times": row.times, "callers": sorted(row.callers), "first": row.first, "last": row.last}


def explained(explanation: Explanation) -> Json:
    """Return an explanation."""
    outgoing, answer = explanation.outgoing, explanation.answer
    return {
        "exchange": explanation.exchange or None,
        "time": explanation.time or None,
        "revision": explanation.revision,
        "refused": explanation.reason or None,
        "observed": explanation.observed,
        "undecided": explanation.undecided,
        "status": explanation.status,
        "answer": _body(answer) if answer else None,
        "forwarded": outgoing
        and {"method": outgoing.method, "target": outgoing.target, "body": outgoing.body and _body(outgoing.body)},
        "operations": list(map(_operation, explanation.operations)),
        "notes": explanation.notes,
    }


def _operation(one: Explained) -> Json:
    decision, traced = one.decision, one.traced
    failed = isinstance(decision, EngineError)
    made = Decision(allow=False) if isinstance(decision, EngineError) else decision
    return {
        "input": msgspec.to_builtins(one.input),
        "decision": {"failure": decision.code} if isinstance(decision, EngineError) else msgspec.to_builtins(decision),
        "refused": one.effect.refusal or None,
        "terms": None if failed or one.effect.refusal else msgspec.to_builtins(one.effect.terms),
        "reasons": [{"reason": each, "rules": _rules(traced.makers(each))} for each in made.reasons],
        "obligations": [
            {"obligation": msgspec.to_builtins(each), "rules": _rules(traced.makers(each))} for each in made.obligations
        ],
        "rules": _rules(traced.given),
    }


def _rules(rules: Iterable[Given]) -> list[Json]:
    return [{name: value for name, value in asdict(each).items() if value not in ("", {})} for each in rules]


def _body(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("latin-1")
