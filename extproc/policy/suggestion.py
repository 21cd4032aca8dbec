"""Grants drafted from what was seen: the library's data in which every role may do what its holders did, and no more.

An operation is given to as few as possible: of the roles whose holders did it, to the one that the fewest others hold. A draft
is to be read by somebody: what was done is not always what should be allowed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import yaml

from extproc.decision import Input

_PLAIN: Final = re.compile(r"[^A-Za-z0-9]+")
_BYTES: Final = 120  # the width of a line


class Act(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What somebody did, in the words in which it can be granted: `collections` are all that it touches at once."""

    database: str
    namespace: str
    collections: tuple[str, ...]
    action: str
    selector: str


@dataclass(slots=True)
class Seen:
    """What was done, and by whom."""

    operations: int = 0
    patterns: int = 0
    """Operations on what is called like a pattern: to grant it would grant everything that is called so."""
    _acts: dict[Act, dict[str, frozenset[str]]] = field(default_factory=dict)
    _holders: dict[str, set[str]] = field(default_factory=dict)

    def add(self, asked: Input) -> None:
        """Note one operation that was let through."""
        self.operations += 1
        operation, who = asked.operation, asked.principal
        if any(name.endswith("*") for name in (operation.namespace or "", *operation.reads, *operation.writes)):
            self.patterns += 1
            return
        act = Act(
            database=operation.database,
            namespace=operation.namespace or "",
            collections=tuple(sorted({*operation.reads, *operation.writes})),
            action=operation.action,
            selector=operation.selector if operation.scope == "records" else "",
        )
        roles = frozenset(who.roles)
        doers = self._acts.setdefault(act, {})
        doers[who.id] = doers.get(who.id, frozenset()) | roles
        for role in roles:
            self._holders.setdefault(role, set()).add(who.id)

    def grants(self) -> dict[str, set[Act]]:
        """Return what each role is to be given."""
        given: dict[str, set[Act]] = {}
        for act, doers in self._acts.items():
            for role in self._cover(doers):
                given.setdefault(role, set()).add(act)
        return given

    def without_role(self) -> tuple[set[str], set[str]]:
        """Return who did something without any role, and which actions these were."""
        found = [(who, act.action) for act, doers in self._acts.items() for who, roles in doers.items() if not roles]
        return {who for who, _ in found}, {action for _, action in found}

    def _cover(self, doers: Mapping[str, frozenset[str]]) -> Iterator[str]:
        """Give roles that together are held by all `doers` who have one, with few others among their holders."""
        left = {who for who, roles in doers.items() if roles}
        while left:
            held = Counter(role for who in left for role in doers[who])
            role = min(held, key=lambda each: (len(self._holders[each] - doers.keys()), -held[each], each))
            yield role
            left = {who for who in left if role not in doers[who]}


def draft(seen: Seen) -> str:
    """Return the draft as YAML, ready to be laid into ``data.yaml``."""
    permissions: dict[str, Any] = {}
    roles: dict[str, Any] = {}
    for role, acts in sorted(seen.grants().items()):
        names = []
        for permission in _permissions(acts):
            names.append(_name(role, permission, permissions))
            permissions[names[-1]] = permission
        roles[role] = {"permissions": names}
    document = yaml.safe_dump(
        {"vecgate": {"permissions": permissions, "roles": roles}}, sort_keys=False, default_flow_style=None, width=_BYTES
    )
    return "".join(f"# {line}\n" for line in _notes(seen)) + document


def _notes(seen: Seen) -> Iterator[str]:
    yield f"Drafted from {seen.operations} operations that were let through. What was done is not always what should be"
    yield "allowed: read it, take out what nobody needs, and put the rest of the data beside it."
    people, actions = seen.without_role()
    if people:
        yield f"{len(people)} callers without any role are given nothing; they did {', '.join(sorted(actions))}."
    if seen.patterns:
        yield f"{seen.patterns} operations on names that end in a star are left out: as a grant, a star stands for any rest."


def _permissions(acts: set[Act]) -> Iterator[dict[str, Any]]:
    """Give permissions that hold for `acts` and for nothing else that touches one collection."""
    places: dict[tuple[str, str, tuple[str, ...]], set[Act]] = {}
    for act in acts:
        places.setdefault((act.database, act.namespace, act.collections), set()).add(act)
    merged: dict[tuple[Any, ...], list[str]] = {}
    for (database, namespace, collections), there in sorted(places.items()):
        what = (tuple(sorted({act.action for act in there})), tuple(sorted(_selectors(there).items())))
        # Collections in which the same is done share a permission; such as are touched together keep to themselves, or one
        # could be copied into any other.
        alone = collections if len(collections) != 1 else None
        merged.setdefault((database, namespace, alone, what), []).extend(collections)
    for (database, namespace, _, (actions, selectors)), names in merged.items():
        permission: dict[str, Any] = {"actions": list(actions), "databases": [database]}
        if namespace:
            permission["namespaces"] = [namespace]
        if names:
            permission["collections"] = names
        if selectors:
            permission["selectors"] = {action: list(each) for action, each in selectors}
        yield permission


def _selectors(acts: set[Act]) -> dict[str, tuple[str, ...]]:
    """Return how the records of each action on records were chosen."""
    found: dict[str, set[str]] = {}
    for act in acts:
        if act.selector:
            found.setdefault(act.action, set()).add(act.selector)
    return {action: tuple(sorted(selectors)) for action, selectors in found.items()}


def _name(role: str, permission: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    """Return a name for a permission that says whose it is and where it holds."""
    where = next(permission[place] for place in ("collections", "namespaces", "databases") if place in permission)
    words = (role, where[0])
    name = "_".join(filter(None, (_PLAIN.sub("_", word).strip("_").lower() for word in words))) or "grants"
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
