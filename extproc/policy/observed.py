"""What enforcement would have done to the databases whose policies are only observed: a report from what is on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from extproc.audit.entry import ENFORCEMENT, Private
from extproc.audit.history import Recalled
from extproc.audit.leaf import Leaf
from extproc.errors import AuditError
from extproc.policy.effect import Judge, narrowed
from extproc.policy.records import NO_ROLE, asked
from extproc.policy.tally import Tally

_UNKNOWN: Final = "(erased)"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, by whom (their roles), and what would have become of it."""

    database: str
    collection: str
    action: str
    roles: str
    what: str


@dataclass(slots=True, kw_only=True)
class Report:
    """What would have been `refused`, for which reason, and what would have been `changed`, and how.

    `requests` went through, `values` of their answers would have been masked; of `erased` and `unreadable` entries no more is
    known than their leaves say.
    """

    requests: int = 0
    values: int = 0
    erased: int = 0
    unreadable: int = 0
    refused: Tally[Place] = field(default_factory=Tally)
    changed: Tally[Place] = field(default_factory=Tally)


def wanted(leaf: Leaf) -> bool:
    """Whether an entry is of something that was let through because it was only observed."""
    return leaf.detail.get(ENFORCEMENT) == "observe" and leaf.kind in {"intent", "outcome"} and leaf.end != "denied"


def report(recalled: Iterable[Recalled], judge: Judge) -> Report:
    """Report on entries that are `wanted`."""
    found = Report()
    for each in recalled:
        found.erased += each.missing == "entry_erased"
        found.unreadable += each.missing not in {"", "entry_erased"}
        if each.leaf is None:
            continue
        if each.leaf.kind == "intent":
            found.requests += 1
            _refused(found.refused, each.leaf, each.private)
            try:
                _narrowed(found.changed, each.leaf, each.private, judge)
            except AuditError:
                found.unreadable += 1
        else:
            found.values += sum(fact.masked_values for fact in each.leaf.facts)
            _answered(found, each.leaf, each.private)
    return found


def _refused(refused: Tally[Place], leaf: Leaf, private: Private | None) -> None:
    """Count a request that would not have left, once for all that it asks of one collection."""
    for collection, action in {(fact.collection, fact.action) for fact in leaf.facts if fact.decision == "deny"}:
        refused.row(_place(leaf, private, (collection, action), leaf.reasons[0])).add(_caller(private), leaf.time)


def _narrowed(changed: Tally[Place], leaf: Leaf, private: Private | None, judge: Judge) -> None:
    if private is None or leaf.decision != "allow":
        return
    for each in asked(leaf.reasons, private):
        operation = each.input.operation
        for what in narrowed(operation, judge(operation, each.decision).terms):
            changed.row(_place(leaf, private, (operation.collection, operation.action), what)).add(_caller(private), leaf.time)


def _answered(found: Report, leaf: Leaf, private: Private | None) -> None:
    for fact in leaf.facts:
        did = (fact.collection, fact.action)
        for name in fact.masked_fields:
            found.changed.row(_place(leaf, private, did, f"{name} masked")).add(_caller(private), leaf.time)
        if leaf.reasons and leaf.decision == "allow" and leaf.end == "delivered":  # as it would not have been
            found.refused.row(_place(leaf, private, did, leaf.reasons[0])).add(_caller(private), leaf.time)


def _place(leaf: Leaf, private: Private | None, did: tuple[str | None, str], what: str) -> Place:
    who = private.principal if private else None
    roles = _UNKNOWN if who is None else ", ".join(who.roles) or NO_ROLE
    return Place(database=leaf.database, collection=did[0] or "", action=did[1], roles=roles, what=what)


def _caller(private: Private | None) -> str:
    return private.principal.id if private and private.principal else ""
