"""The collections that a request to Qdrant names, and their own names: wherever a name goes, an alias may stand.

The database is asked for its aliases, and what is decided on and forwarded is the collection's own name, so an alias that is
turned meanwhile turns nothing here. Where Qdrant takes no alias for the collection itself (to create or delete one), a name
that is an alias names nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from extproc.errors import Malformed, NotFound, UpstreamError
from extproc.protocols.adapter import Question
from extproc.protocols.qdrant_form import Form
from extproc.protocols.routes import is_segment

ALIASES: Final = Question(topic="aliases", method="GET", target="/aliases")

_LONGEST: Final = 255
_UNNAMEABLE: Final = frozenset('<>:"|?*')
"""What Qdrant takes in no name, beside what no path can hold."""

_LITERAL: Final = frozenset({"create", "drop"})


def check(name: str) -> str:
    """Return the name of a collection or an alias. Raises `Malformed` for what can be none, or none that a path holds."""
    if not 1 <= len(name) <= _LONGEST or not is_segment(name) or not _UNNAMEABLE.isdisjoint(name):
        raise Malformed(f"a collection's name is 1 to {_LONGEST} characters, none of them / \\ % ; or one of < > : \" | ? *")
    return name


def questions(form: Form) -> tuple[Question, ...]:
    """Return the question for the aliases where `form` names a collection."""
    return (ALIASES,) if form.collection is not None or form.kind == "aliases" else ()


def aliases(answer: object) -> dict[str, str]:
    """Return which alias is which collection's. Raises `UpstreamError`."""
    match answer:
        case {"result": {"aliases": list(found)}}:
            return dict(map(_alias, found))
        case _:
            raise _unread()


def _alias(found: object) -> tuple[str, str]:
    match found:
        case {"alias_name": str(alias), "collection_name": str(name)}:
            return alias, name
        case _:
            raise _unread()


def _unread() -> UpstreamError:
    return UpstreamError("the database does not say which aliases there are", code="answer_unrecognised")


def resolved(form: Form, known: Mapping[str, str]) -> Form:
    """Return `form` with every collection under its own name. Raises `NotFound`."""
    collection = form.collection
    if form.kind in _LITERAL and collection in known:
        raise NotFound("there is no collection of this name; it is an alias")
    if collection is not None:
        collection = known.get(collection, collection)
    body = form.body
    match form.kind:
        case "query" | "groups":
            body = _query(body, known)
        case "queries" if body is not None:
            searches = [_query(each, known) for each in body["searches"]]
            if any(new is not old for new, old in zip(searches, body["searches"], strict=True)):
                body = {**body, "searches": searches}
        case "aliases" if body is not None:
            _refuse_alias_of_alias(body["actions"], known)
        case _:
            pass
    return msgspec.structs.replace(form, collection=collection, body=body)


def _query(query: Any, known: Mapping[str, str]) -> Any:
    """Return a query with its look-ups under the collections' own names; itself where nothing had to change."""
    changed: dict[str, Any] = {}
    for member in ("lookup_from", "with_lookup"):
        place = query.get(member)
        if place is not None and check(place["collection"]) in known:
            changed[member] = {**place, "collection": known[place["collection"]]}
    inner = query.get("prefetch")
    if inner:
        named = [_query(each, known) for each in inner]
        if any(new is not old for new, old in zip(named, inner, strict=True)):
            changed["prefetch"] = named
    return {**query, **changed} if changed else query


def changes(body: Mapping[str, Any], known: Mapping[str, str]) -> Iterator[tuple[str | None, tuple[str, ...], tuple[str, ...]]]:
    """Give, for each change of an alias, the collection that it is about, and the names that it reads and writes.

    Raises `Malformed`.
    """
    actions = body["actions"]
    for action in actions if isinstance(actions, list) else [None]:
        match action:
            case {"create_alias": {"collection_name": str(name), "alias_name": str(alias)}}:
                # The alias may have been another collection's, which then loses it.
                yield check(name), (name,), _each_once(check(alias), known.get(alias))
            case {"delete_alias": {"alias_name": str(alias)}}:
                yield known.get(check(alias)), (), _each_once(alias, known.get(alias))
            case {"rename_alias": {"old_alias_name": str(old), "new_alias_name": str(new)}}:
                yield known.get(check(old)), (), _each_once(old, check(new), known.get(old), known.get(new))
            case _:
                raise Malformed("a change of aliases creates, deletes or renames one")


def _each_once(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _refuse_alias_of_alias(actions: Any, known: Mapping[str, str]) -> None:
    for action in actions if isinstance(actions, list) else []:
        match action:
            case {"create_alias": {"collection_name": str(name)}} if name in known:
                raise NotFound("there is no collection of this name; it is an alias")
            case _:
                pass
