"""The part of the story about refusals: of what a reader may not ask, and of whoever comes without a valid token."""

from __future__ import annotations

import functools
from typing import Any, Final

from extproc.demo import drawing
from extproc.demo.scene import Check, Scene, equal
from extproc.demo.stage import PERSONAL, Refusal, Stage

_SPARE: Final = "draft-answers"
_SINCE: Final = 20260101
_FEW: Final = 5
_UNAUTHENTICATED: Final = 401
_OK: Final = 200


def masked_filter_refused(stage: Stage) -> Scene:
    """Try to read masked fields out by filtering on them."""
    reader, admin = stage.collection(stage.tokens.reader), stage.collection(stage.tokens.admin)
    known = {name: next(each for each in stage.tickets if name in each.metadata) for name in PERSONAL}
    tries: dict[str, dict[str, Any]] = {
        f'where={{"{name}": {{"$eq": …}}}}': {"where": {name: {"$eq": ticket.metadata[name]}}} for name, ticket in known.items()
    }
    tries['where_document={"$contains": "4242"}'] = {"where_document": {"$contains": "4242"}}
    refused = {what: stage.refusal(functools.partial(reader.get, **asked)) for what, asked in tries.items()}
    allowed = reader.get(where={"$and": [{"product": "payments"}, {"created": {"$gte": _SINCE}}]}, limit=_FEW)
    email = known["email"]
    found = admin.get(where={"email": email.metadata["email"]})["ids"]
    return Scene(
        shown=(
            *(drawing.refusal(f"reader: {what}", refusal) for what, refusal in list(refused.items())[-2:]),
            drawing.pairs(
                ('reader: where={"product": "payments", "created": …}', f"{len(allowed['ids'])} records"),
                ('admin: where={"email": …}', ", ".join(found)),
            ),
        ),
        checks=(
            *(_refused(f"the reader's {what} is refused", each, "masked_field_predicate") for what, each in refused.items()),
            equal("a filter on open fields works", _FEW, len(allowed["ids"])),
            Check(what="the admin may filter by an address", held=email.id in found, found="nothing was found"),
        ),
    )


def delete_refused(stage: Stage) -> Scene:
    """Try to delete as a reader."""
    reader, last = stage.client(stage.tokens.reader), stage.tickets[-1]
    # Not the tickets: where this is not refused, the rest of the story still needs them.
    stage.client(stage.tokens.admin).create_collection(_SPARE, embedding_function=None)
    one = stage.refusal(lambda: stage.collection(stage.tokens.reader).delete(ids=[last.id]))
    whole = stage.refusal(lambda: reader.delete_collection(_SPARE))
    return Scene(
        shown=(
            drawing.refusal(f'reader: delete(ids=["{last.id}"])', one),
            drawing.refusal(f'reader: delete_collection("{_SPARE}")', whole),
        ),
        checks=(
            _refused("deleting a record is refused", one),
            _refused("deleting the collection is refused", whole),
            equal("every ticket is still in the database", len(stage.tickets), stage.behind().count()),
        ),
    )


def strangers_refused(stage: Stage) -> Scene:
    """Come with what is no valid token, and with the database's own key."""
    tokens = stage.tokens
    path = f"/collections/{stage.behind().id}/count"
    tries: tuple[tuple[str, dict[str, str], str], ...] = (
        ("no token", {}, "token_missing"),
        ("a reader's token with 'admin' written into it", {"x-chroma-token": tokens.forged}, "token_forged"),
        ("a token that ran out an hour ago", {"x-chroma-token": tokens.expired}, "token_expired"),
        ("the database's own API key", {"x-chroma-token": tokens.database_key}, "token_malformed"),
        ("the same key as a bearer token", {"authorization": f"Bearer {tokens.database_key}"}, "token_malformed"),
    )
    shown, checks, statuses = [], [], set()
    for what, headers, reason in tries:
        answer = stage.get(path, headers)
        refusal = stage.noted(answer.text) if not answer.is_success else None
        shown.append(drawing.refusal(f"with {what}", refusal, status=answer.status_code))
        checks.append(_refused(f"with {what} nobody gets in", refusal, reason))
        statuses.add(answer.status_code)
    checks.append(equal("each of them is a 401, which clients do not try again", {_UNAUTHENTICATED}, statuses))
    client = stage.refusal(lambda: stage.client(tokens.expired))
    valid = stage.get(path, {"x-chroma-token": tokens.reader})
    checks.append(Check(what="the official client cannot even connect with an expired token", held=client is not None))
    checks.append(equal("with the reader's own token the same request is answered", _OK, valid.status_code))
    return Scene(shown=tuple(shown), checks=tuple(checks))


def _refused(what: str, refusal: Refusal | None, reason: str | None = None) -> Check:
    """Return a check that the gateway itself refused, for `reason` where one is given."""
    if refusal is None:
        return Check(what=what, held=False, found="it was done")
    held = bool(refusal.reason) and reason in {None, refusal.reason}
    return Check(what=what, held=held, found=refusal.message)
