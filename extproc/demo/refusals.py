"""The part of the story about refusals: of what a reader may not ask, and of whoever comes without a valid token."""

from __future__ import annotations

from typing import Final

from extproc.demo import drawing
from extproc.demo.scene import Check, Scene, equal
from extproc.demo.stage import Refusal, Stage

_SPARE: Final = "draft-answers"
_SINCE: Final = 20260101
_UNAUTHENTICATED: Final = 401
_OK: Final = 200


def masked_filter_refused(stage: Stage) -> Scene:
    """Try to read a masked field out by filtering on it."""
    reader, admin = stage.collection(stage.tokens.reader), stage.collection(stage.tokens.admin)
    address = stage.tickets[0].metadata["email"]
    by_address = stage.refusal(lambda: reader.get(where={"email": {"$eq": address}}))
    by_text = stage.refusal(lambda: reader.get(where_document={"$contains": "4242"}))
    allowed = reader.get(where={"$and": [{"product": "payments"}, {"created": {"$gte": _SINCE}}]}, limit=5)
    found = admin.get(where={"email": {"$eq": address}})
    return Scene(
        shown=(
            drawing.refusal('reader: where={"email": {"$eq": …}}', by_address),
            drawing.refusal('reader: where_document={"$contains": "4242"}', by_text),
            drawing.pairs(
                ('reader: where={"product": "payments", "created": …}', f"{len(allowed['ids'])} records"),
                ('admin: where={"email": {"$eq": …}}', f"{len(found['ids'])} record"),
            ),
        ),
        checks=(
            _refused("a filter on the masked mail address is refused", by_address, "masked_field_predicate"),
            _refused("so is a search for digits in the masked text", by_text, "masked_field_predicate"),
            equal("a filter on open fields works", 5, len(allowed["ids"])),
            Check(what="the admin may filter by it", held=stage.tickets[0].id in found["ids"], found="nothing was found"),
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
