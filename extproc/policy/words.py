"""Obligations, and what they come to, in words for people who read tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from extproc.decision import (
    ApprovalObligation,
    BudgetObligation,
    DetectObligation,
    FilterObligation,
    LimitObligation,
    MaskObligation,
    Obligation,
    Operator,
    PartialOperator,
    RecordObligation,
    ScoresObligation,
    StampObligation,
    Terms,
    VectorsObligation,
    operator_name,
    stronger,
)


def of_operator(operator: Operator | None) -> str:
    """Return what an operator leaves of a field."""
    match operator:
        case None:
            return "clear"
        case PartialOperator(partial=partial):
            return f"partial, {partial.keep_last} kept"
        case _:
            return operator_name(operator)


def of_scores(terms: Terms) -> str:
    """Return what is told of scores."""
    if terms.scores_dropped:
        return "dropped"
    return "exact" if terms.scores_digits is None else f"{terms.scores_digits} digits"


def of_obligation(obligation: Obligation) -> str:  # noqa: PLR0911 - one for each of a closed list
    """Say what an obligation asks."""
    match obligation:
        case FilterObligation(where=where):
            return f"filter {_json(where)}"
        case StampObligation(fields=fields):
            return f"stamp {_json(fields)}"
        case LimitObligation(max=most):
            return f"limit {most}"
        case VectorsObligation(returned=returned):
            return f"vectors {'returned' if returned else 'withheld'}"
        case ScoresObligation(mode="drop"):
            return "scores dropped"
        case ScoresObligation(digits=digits):
            return f"scores {digits} digits"
        case MaskObligation(fields=names, operator=operator):
            return f"mask {', '.join(names)}: {of_operator(operator)}"
        case DetectObligation(entities=entities, fields=names, operator=operator):
            return f"detect {', '.join(entities)} in {', '.join(names)}: {of_operator(operator)}"
        case ApprovalObligation(approvers=approvers, count=count):
            return f"approval by {count} of {', '.join(approvers)}"
        case BudgetObligation(key=key, records=records, window=window):
            return f"budget {key}: {records} records in {window}"
        case RecordObligation(level=level):
            return f"record {level}"


def of_terms(terms: Terms) -> Iterator[str]:
    """Say what holds for an allowed operation, all obligations combined."""
    if terms.where is not None:
        yield f"only records with {_json(terms.where)}"
    if terms.stamp is not None:
        yield f"stamped with {_json(terms.stamp)}"
    if terms.limit is not None:
        yield f"at most {terms.limit} records"
    if not terms.vectors:
        yield "vectors withheld"
    if terms.scores_dropped or terms.scores_digits is not None:
        yield f"scores {of_scores(terms)}"
    yield from (f"{field}: {of_operator(operator)}" for field, operator in sorted(_strongest(terms).items()))
    yield from map(of_obligation, terms.detects)
    yield f"recorded at level {terms.level.name.lower()}"


def _strongest(terms: Terms) -> dict[str, Operator]:
    found: dict[str, Operator] = {}
    for field, operator in terms.masks:
        found[field] = stronger(found[field], operator) if field in found else operator
    return found


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
