"""The story of one exchange without servers: what is asked of whom, in which order, and that every failure is a denial."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from extproc.decision import Decision, Level, decode
from extproc.errors import Denied, EngineError, Error, SecretMissing, UpstreamError
from extproc.events import Continue, Immediate, Opening, Replace, Reply, Request
from support.exchange import Bench, FixedEngine, bench, delivered, request, response
from support.shelf import COLLECTIONS, MODEL, RECORDS, UUID, get_answer

ALLOW = Decision(allow=True)


def decided(document: dict[str, Any]) -> FixedEngine:
    """Return an engine that always decides so."""
    return FixedEngine(decode(json.dumps(document).encode()))


def masking(*fields: str) -> FixedEngine:
    """Return an engine that allows under a mask."""
    return decided({"allow": True, "obligations": [{"type": "mask", "fields": list(fields), "with": "redact"}]})


def tenant(*, stamp: bool = True) -> FixedEngine:
    """Return an engine that allows a tenant its own records, and stamps what it writes."""
    where = {"type": "field", "operator": "eq", "field": "tenant", "value": "t1"}
    obligations: list[dict[str, Any]] = [{"type": "filter", "where": where}]
    return decided({"allow": True, "obligations": obligations + [{"type": "stamp", "fields": {"tenant": "t1"}}] * stamp})


def reason(reply: Reply) -> tuple[int, str]:
    """Return status and reason of a denial."""
    assert isinstance(reply, Immediate), reply
    assert json.loads(reply.body)["message"].startswith(f"denied by Vecgate: {reply.details} ")
    return reply.status, reply.details


async def ask(at: Bench, found: Request | None = None) -> Reply:
    """Return the reply to one request."""
    return await at.exchange().handle(found or request(f"{RECORDS}/get", {}))


async def test_an_allowed_request_leaves_as_canonical_bytes_after_its_intent() -> None:
    """What is forwarded is the adapter's own bytes with the gateway's credential, and the intent is written first."""
    at = bench(FixedEngine(ALLOW))

    reply = await ask(at, request(f"{RECORDS}/get", b'{ "ids" : [ "a" ] , "limit":5 }'))

    assert isinstance(reply, Replace)
    assert reply.body == b'{"ids":["a"],"limit":5}'
    assert ("x-chroma-token", b"own-key") in reply.set_fields
    assert [entry.kind for entry in at.log.entries] == ["intent"]
    assert at.log.entries[0].recording is not None
    assert at.log.entries[0].recording.body == reply.body
    assert at.log.entries[0].private.source == "10.1.2.3"


async def test_the_policy_sees_names_and_never_bodies() -> None:
    """The engine is asked about the collection's name, tenant and database, not its UUID."""
    engine = FixedEngine(ALLOW)

    await ask(bench(engine), request(f"{RECORDS}/get", {"where": {"n": 1}}))

    operation = engine.seen[0].operation
    assert (operation.collection, operation.namespace) == ("tickets", "default_tenant/default_database")
    assert (operation.action, operation.selector, operation.tests) == ("scroll", "filter", ("n",))


async def test_an_answer_without_obligations_keeps_its_bytes() -> None:
    """Where nothing is asked of the answer it is not even written anew."""
    at = bench(FixedEngine(ALLOW))
    exchange = at.exchange()
    await exchange.handle(request(f"{RECORDS}/get", {}))

    assert await exchange.handle(response(get_answer())) == Continue()
    assert [entry.kind for entry in at.log.entries] == ["intent", "outcome"]
    assert at.log.entries[1].facts[0].rows == 1


async def test_a_masked_answer_is_released_after_its_outcome_with_its_own_length() -> None:
    """The client gets masked bytes of the right length, and the outcome says which fields and how many values."""
    at = bench(masking("email", "document"))
    exchange = at.exchange()
    await exchange.handle(request(f"{RECORDS}/get", {}))
    came = response(get_answer())

    reply = await exchange.handle(came)

    assert isinstance(reply, Replace)
    body = json.loads(delivered(reply, came))
    assert (body["documents"], body["metadatas"]) == (["[REDACTED]"], [{"email": "[REDACTED]", "n": 1}])
    assert ("content-length", str(len(reply.body or b"")).encode()) in reply.set_fields
    fact = at.log.entries[1].facts[0]
    assert (fact.masked_fields, fact.masked_values) == (("document", "email"), 2)


async def test_a_caller_is_refused_before_the_body_is_read() -> None:
    """The head alone is enough to refuse nobody, and to let a known caller go on."""
    at = bench(FixedEngine(ALLOW))
    stranger = request(f"{RECORDS}/get", {}, roles=()).head
    known = request(f"{RECORDS}/get", {}).head

    assert reason(await at.exchange().handle(Opening(head=stranger))) == (401, "token_missing")
    opened = await at.exchange().handle(Opening(head=known))
    assert isinstance(opened, Replace)
    assert opened.set_fields == ((":path", b"/vecgate-undecided"),)
    assert "x-chroma-token" in opened.remove_fields


async def test_a_health_probe_is_answered_here_without_a_trace_of_the_database() -> None:
    """Nobody is asked and nothing is recorded for the heartbeat."""
    at = bench(FixedEngine(RuntimeError("never asked")))

    reply = await ask(at, request("/api/v2/heartbeat", method="GET", roles=()))

    assert isinstance(reply, Immediate)
    assert reply.status == 200
    assert at.log.entries == []


DENIALS: dict[str, tuple[Any, int, str]] = {
    "policy says no": (decided({"allow": False, "reasons": ["role_missing"]}), 403, "role_missing"),
    "policy gives no reason": (decided({"allow": False}), 403, "policy_denied"),
    "engine unavailable": (FixedEngine(EngineError("down")), 403, "policy_unavailable"),
    "engine has a defect": (FixedEngine(ZeroDivisionError("secret text")), 500, "internal_error"),
    "approval": (
        decided({"allow": True, "obligations": [{"type": "approval", "approvers": ["role:dba"]}]}),
        403,
        "approval_unavailable",
    ),
    "budget": (
        decided({"allow": True, "obligations": [{"type": "budget", "key": "k", "records": 1, "window": "1h"}]}),
        403,
        "budget_unavailable",
    ),
    "row filter that cannot be said": (
        decided(
            {
                "allow": True,
                "obligations": [{"type": "filter", "where": {"type": "field", "operator": "lt", "field": "t", "value": "x"}}],
            }
        ),
        403,
        "obligation_unsupported",
    ),
    "detection": (
        decided(
            {
                "allow": True,
                "obligations": [{"type": "detect", "entities": ["PERSON"], "fields": ["document"], "with": "redact"}],
            }
        ),
        403,
        "entity_unavailable",
    ),
    "full recording": (
        decided({"allow": True, "obligations": [{"type": "record", "level": "full"}]}),
        403,
        "recording_unavailable",
    ),
}


@pytest.mark.parametrize("name", list(DENIALS))
async def test_what_cannot_be_allowed_is_denied_natively_and_on_record(name: str) -> None:
    """Each denial has its own reason, leaves one entry, and lets nothing through; a defect shows nothing of itself."""
    engine, status, code = DENIALS[name]
    at = bench(engine)

    reply = await ask(at)

    assert reason(reply) == (status, code)
    assert [(entry.kind, entry.decision, entry.reasons) for entry in at.log.entries] == [("outcome", "deny", (code,))]
    assert isinstance(reply, Immediate)
    assert b"secret text" not in reply.body


async def test_a_defect_is_logged_by_its_kind_and_place_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """An operator finds the line that failed; the exception's text, which may hold a value, is nowhere."""
    await ask(bench(FixedEngine(ZeroDivisionError("secret text"))))

    assert "ZeroDivisionError at " in caplog.text
    assert "secret text" not in caplog.text


async def test_a_predicate_on_a_masked_field_is_refused_while_one_on_an_open_field_is_not() -> None:
    """A filter on what is masked would read it out by bisection."""
    at = bench(masking("email"))

    refused = await ask(at, request(f"{RECORDS}/get", {"where": {"$or": [{"n": 1}, {"email": {"$gt": "m"}}]}}))
    allowed = await ask(at, request(f"{RECORDS}/get", {"where": {"n": 1}}))

    assert reason(refused) == (403, "masked_field_predicate")
    assert isinstance(allowed, Replace)


async def test_nothing_leaves_while_the_log_refuses() -> None:
    """Neither a request nor a masked answer passes without its entry, and a denial is still a denial."""
    at = bench(masking("email"))
    exchange = at.exchange()
    at.log.broken = True
    assert reason(await ask(at)) == (500, "audit_unavailable")
    at.log.broken = False
    await exchange.handle(request(f"{RECORDS}/get", {}))
    at.log.broken = True

    assert reason(await exchange.handle(response(get_answer()))) == (500, "audit_unavailable")
    assert reason(await ask(at, request(f"{RECORDS}/get", {}, roles=()))) == (500, "audit_unavailable")


@pytest.mark.parametrize("part", ["credential", "mask_key"])
async def test_a_missing_secret_denies(part: str) -> None:
    """Without the gateway's credential or the key of keyed masks nothing leaves."""

    def gone() -> Any:
        raise SecretMissing("kb.key")

    at = bench(FixedEngine(ALLOW)).changed(**{part: gone})

    status, code = reason(await ask(at))

    assert (status, code) == (500, "credential_unavailable" if part == "credential" else "mask_key_missing")


async def test_a_database_that_does_not_say_whose_uuid_it_is_denies() -> None:
    """An unanswered question is a failure of the database's, told natively; an unknown UUID is Chroma's own 404."""
    silent, unknown = bench(FixedEngine(ALLOW)), bench(FixedEngine(ALLOW))
    silent.collections.answer = UpstreamError("no answer", code="question_unanswered")
    unknown.collections.answer = None

    assert reason(await ask(silent)) == (502, "question_unanswered")
    assert reason(await ask(unknown))[0] == 404


async def test_a_uuid_of_another_tenants_collection_is_not_found() -> None:
    """Chroma ignores tenant and database of the path once it has the UUID; the gateway does not."""
    at = bench(FixedEngine(ALLOW))
    at.collections.answer = MODEL | {"tenant": "somebody_else"}

    assert reason(await ask(at))[0] == 404


async def test_a_rename_makes_every_worker_forget_before_and_after() -> None:
    """Names known from before a rename are asked for again, also by a request that overtook it."""
    at = bench(FixedEngine(ALLOW))
    exchange = at.exchange()

    reply = await exchange.handle(request(RECORDS, {"new_name": "renamed"}, method="PUT"))
    before = at.collections.forgotten
    await exchange.handle(response({}))

    assert isinstance(reply, Replace)
    assert (before, at.collections.forgotten) == (1, 2)


async def test_a_rename_is_decided_on_both_names() -> None:
    """Whoever may write only one of the two names may not move a collection to the other."""
    engine = FixedEngine(ALLOW)

    await ask(bench(engine), request(RECORDS, {"new_name": "renamed"}, method="PUT"))

    assert set(engine.seen[0].operation.writes) == {"tickets", "renamed"}


UNREADABLE: dict[str, tuple[Any, int]] = {
    "not JSON": (response(b"<html>4929"), 502),
    "encoded": (response(b"\x1f\x8b", fields=(("content-type", b"application/json"), ("content-encoding", b"gzip"))), 502),
    "an unknown member": (response(get_answer(leak="x")), 502),
    "columns of different lengths": (response(get_answer(documents=["a", "b"])), 502),
    "one record too many": (response(get_answer()), 502),
}


@pytest.mark.parametrize("name", list(UNREADABLE))
async def test_an_answer_that_cannot_be_masked_is_a_502_and_nothing_of_it_is_seen(name: str) -> None:
    """Whatever is wrong with an answer, none of its bytes come out and the failure is on record."""
    came, status = UNREADABLE[name]
    limit = [{"type": "limit", "max": 0}] if "too many" in name else []
    mask = {"type": "mask", "fields": ["email"], "with": "redact"}
    at = bench(decided({"allow": True, "obligations": [mask, *limit]}))
    exchange = at.exchange()
    await exchange.handle(request(f"{RECORDS}/get", {}))

    reply = await exchange.handle(came)

    assert isinstance(reply, Immediate)
    assert reply.status == status
    assert b"4929" not in reply.body
    assert at.log.entries[-1].end == "failed"


async def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    """A stream that begins at the response passes nothing of a database's."""
    at = bench(FixedEngine(ALLOW))

    assert reason(await at.exchange().handle(response(get_answer()))) == (502, "answer_unasked")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [(413, "request_too_large", 413), (404, "gateway_refused", 403), (400, "gateway_refused", 403)],
)
async def test_an_answer_of_envoys_own_before_any_request_becomes_native(status: int, code: str, told: int) -> None:
    """What Envoy refuses by itself is told in the engine's own form, and is on record."""
    at = bench(FixedEngine(ALLOW))
    local = response(b"upstream says no", status)
    local = replace(local, head=replace(local.head, attributes={"response.code_details": "path_normalization_failed"}))

    assert reason(await at.exchange().handle(local)) == (told, code)
    assert at.log.entries[-1].reasons == (code,)


@pytest.mark.parametrize(("status", "code"), [(503, "database_unreachable"), (504, "database_late")])
async def test_an_answer_of_envoys_own_after_a_request_says_what_became_of_the_database(status: int, code: str) -> None:
    """A database that is down or late gives a native 502 that clients do not retry."""
    at = bench(FixedEngine(ALLOW))
    exchange = at.exchange()
    await exchange.handle(request(f"{COLLECTIONS}", method="GET"))
    local = response(b"no healthy upstream", status)
    local = replace(local, head=replace(local.head, attributes={"response.code_details": "response_timeout"}))

    assert reason(await exchange.handle(local)) == (502, code)
    assert (at.log.entries[-1].end, at.log.entries[-1].decision) == ("failed", "allow")


async def test_an_exchange_that_envoy_lets_go_of_is_on_record_as_aborted_once() -> None:
    """An intent without an answer gets an outcome that says so; one that was answered gets no second one."""
    at = bench(FixedEngine(ALLOW))
    left, answered = at.exchange(), at.exchange()
    await left.handle(request(f"{RECORDS}/get", {}))
    await left.ended()
    await left.ended()
    await answered.handle(request(f"{RECORDS}/get", {}))
    await answered.handle(response(get_answer()))
    await answered.ended()

    assert [(entry.kind, entry.end) for entry in at.log.entries] == [
        ("intent", None),
        ("outcome", "aborted"),
        ("intent", None),
        ("outcome", "delivered"),
    ]


@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST])
async def test_the_configured_level_says_whether_the_request_is_kept(level: Level) -> None:
    """At level metadata neither body is kept."""
    at = bench(FixedEngine(ALLOW), level=level)

    await ask(at)

    assert (at.log.entries[0].recording is not None) == (level is Level.REQUEST)


@pytest.mark.parametrize("status", [302, 304, 101])
async def test_an_answer_that_is_neither_success_nor_error_is_refused(status: int) -> None:
    """A redirect of the database's would lead the client away, past the gateway."""
    at = bench(FixedEngine(ALLOW))
    exchange = at.exchange()
    await exchange.handle(request(COLLECTIONS, method="GET"))

    assert reason(await exchange.handle(response(b"<a>", status))) == (502, "answer_unrecognised")


async def test_an_exchange_that_ends_before_a_decision_is_no_allowed_one() -> None:
    """A client that leaves in the middle of its body was never decided, and the record does not say that it was."""
    at = bench(FixedEngine(ALLOW))
    exchange = at.exchange()
    await exchange.handle(Opening(head=request(f"{RECORDS}/get", {}).head))
    await exchange.ended()

    assert [(entry.kind, entry.end, entry.decision) for entry in at.log.entries] == [("outcome", "aborted", None)]


async def test_a_rename_whose_client_leaves_is_forgotten_all_the_same() -> None:
    """The database may have renamed although nobody waited for its answer."""
    at = bench(FixedEngine(ALLOW))
    exchange = at.exchange()
    await exchange.handle(request(RECORDS, {"new_name": "renamed"}, method="PUT"))
    before = at.collections.forgotten
    await exchange.ended()

    assert at.collections.forgotten == before + 1


async def test_a_missing_secret_behind_a_question_names_no_file() -> None:
    """Where the gateway's secrets lie is nothing that a caller learns."""
    at = bench(FixedEngine(ALLOW))
    at.collections.answer = SecretMissing("/etc/vecgate/secrets/kb.key")

    reply = await ask(at)

    assert reason(reply) == (500, "credential_unavailable")
    assert isinstance(reply, Immediate)
    assert b"kb.key" not in reply.body


async def test_a_log_that_refuses_tells_callers_nothing_of_its_place() -> None:
    """The reason of a failed write is for the operator."""
    at = bench(FixedEngine(ALLOW))
    at.log.broken = True

    reply = await ask(at)

    assert isinstance(reply, Immediate)
    assert b"the disk is full" not in reply.body


async def test_an_answer_of_envoys_own_says_from_where_it_was_asked() -> None:
    """A request that Envoy refused leaves its source and Envoy's own word for it."""
    at = bench(FixedEngine(ALLOW))
    local = response(b"", 400)
    told = {"response.code_details": "path_normalization_failed", "source.address": "10.9.8.7:1"}
    local = replace(local, head=replace(local.head, attributes=told))

    await at.exchange().handle(local)

    assert at.log.entries[-1].private.source == "10.9.8.7"
    assert at.log.entries[-1].detail == {"envoy": "path_normalization_failed"}


# --- whose records ------------------------------------------------------------------------------------------------------

UPSERT = {"ids": ["a", "b"], "embeddings": [[1], [2]]}


async def test_a_count_under_a_row_filter_is_a_get_whose_ids_are_counted() -> None:
    """The database is asked for ids and the client told their number, in Chroma's own form; evidence says what was asked."""
    at = bench(tenant())
    exchange = at.exchange()

    reply = await exchange.handle(request(f"{RECORDS}/count", method="GET"))
    came = response({**get_answer(ids=["a", "b", "c"], embeddings=None, documents=None, metadatas=None), "include": []})
    answer = await exchange.handle(came)

    assert isinstance(reply, Replace)
    assert (":method", b"POST") in reply.set_fields
    assert (":path", f"{RECORDS}/get".encode()) in reply.set_fields
    assert json.loads(reply.body or b"") == {"where": {"tenant": {"$eq": "t1"}}, "include": []}
    assert delivered(answer, came) == b"3"
    assert at.log.entries[0].facts[0].action == "count"
    assert at.log.entries[0].recording is not None
    assert at.log.entries[0].recording.method == "POST"


async def test_a_write_is_stamped_and_asked_about_while_its_records_are_reserved() -> None:
    """Before it leaves, the database says which of the records are there and which the caller's own; then it may go."""
    at = bench(tenant())
    at.collections.records = (["a"], ["a"])
    exchange = at.exchange()

    reply = await exchange.handle(request(f"{RECORDS}/upsert", UPSERT, roles=("writer",)))

    assert isinstance(reply, Replace)
    assert json.loads(reply.body or b"") == {**UPSERT, "metadatas": [{"tenant": "t1"}] * 2}
    (reserved,) = at.places.taken
    assert (reserved.collection, reserved.ids, reserved.checked) == (UUID, ("a", "b"), True)
    bodies = [json.loads(asked.body or b"") for asked in at.collections.asked if asked.topic == "own_records"]
    where = {"$and": [{"tenant": {"$eq": "t1"}}, {"tenant": {"$eq": "t1"}}]}
    assert bodies == [{"ids": ["a", "b"], "include": [], "where": where}, {"ids": ["a", "b"], "include": []}]
    assert at.places.released == []

    await exchange.handle(response({}))

    assert at.places.released[:1] == [True]


async def test_a_write_over_a_foreign_record_is_refused_and_on_record() -> None:
    """One id that is there and not the caller's own stops the whole request; its records are free again at once."""
    at = bench(tenant())
    at.collections.records = (["a"], ["a", "b"])

    reply = await ask(at, request(f"{RECORDS}/upsert", UPSERT, roles=("writer",)))

    assert reason(reply) == (403, "record_foreign")
    assert [(entry.kind, entry.decision, entry.reasons) for entry in at.log.entries] == [
        ("outcome", "deny", ("record_foreign",))
    ]
    assert at.places.released == [True]


async def test_records_that_others_write_are_a_denial_after_a_while() -> None:
    """What could not be reserved is not written, and nothing is asked about it."""
    at = bench(tenant())
    at.places.broken = Denied("busy", code="record_busy")

    assert reason(await ask(at, request(f"{RECORDS}/upsert", UPSERT))) == (403, "record_busy")
    assert {asked.topic for asked in at.collections.asked} == {"collection"}


async def test_a_write_without_filter_and_stamp_asks_nothing() -> None:
    """Who may write everything is not asked about, and only keeps out of the way of those who are."""
    at = bench(FixedEngine(ALLOW))

    reply = await ask(at, request(f"{RECORDS}/upsert", UPSERT))

    assert isinstance(reply, Replace)
    assert json.loads(reply.body or b"") == UPSERT
    assert [reserved.checked for reserved in at.places.taken] == [False]
    assert {asked.topic for asked in at.collections.asked} == {"collection"}


async def test_a_read_reserves_nothing() -> None:
    """Readers wait for nobody."""
    at = bench(tenant())

    await ask(at)

    assert at.places.taken == []


@pytest.mark.parametrize("how", ["left", "late"])
async def test_records_whose_write_nobody_saw_end_stay_reserved_for_a_while(how: str) -> None:
    """A client that leaves, or a database that is late, may still have its records written."""
    at = bench(tenant())
    exchange = at.exchange()
    await exchange.handle(request(f"{RECORDS}/upsert", UPSERT))

    if how == "left":
        await exchange.ended()
    else:
        local = response(b"", 504)
        local = replace(local, head=replace(local.head, attributes={"response.code_details": "response_timeout"}))
        assert reason(await exchange.handle(local)) == (502, "database_late")

    assert at.places.released[:1] == [False]


@pytest.mark.parametrize("part", ["log", "credential", "client"])
async def test_records_of_a_write_that_never_left_are_free_at_once(part: str) -> None:
    """Whatever stops a write before it is forwarded, nobody has to wait for it."""
    at = bench(tenant())
    exchange = at.exchange()
    if part == "log":
        at.log.broken = True
    elif part == "credential":
        at.collections.answer = {**MODEL}
        exchange = at.changed(credential=lambda: (_ for _ in ()).throw(SecretMissing("kb.key"))).exchange()
    else:
        at.collections.records = (["a"], ["a", "b"])

    assert isinstance(await exchange.handle(request(f"{RECORDS}/upsert", UPSERT)), Immediate)

    assert at.places.released == [True]


LONG_FILTER = {"$or": [{"n": number} for number in range(300)]}
HOSTILE: dict[str, tuple[str, Any, str]] = {
    "a filter of too many comparisons": ("get", {"where": LONG_FILTER}, "filter_malformed"),
    "a filter longer than anyone writes": ("get", {"where": {"a": "x" * 300_000}}, "request_malformed"),
    "more query vectors than a decision can bound": (
        "query",
        {"query_embeddings": [[1]] * 1001},
        "request_malformed",
    ),
}


@pytest.mark.parametrize("name", list(HOSTILE))
async def test_a_request_made_to_cost_is_refused_before_anything_is_decided(name: str) -> None:
    """What would keep the policy or the event loop busy for everybody gets a plain refusal."""
    action, body, code = HOSTILE[name]
    engine = FixedEngine(ALLOW)

    reply = await ask(bench(engine), request(f"{RECORDS}/{action}", body))

    assert reason(reply) == (400, code)
    assert engine.seen == []


@pytest.mark.parametrize("name", ["x" * 513, "grace.hopper@navy.test", "a b c", "ab"])
async def test_a_name_that_chroma_would_not_take_reaches_no_evidence(name: str) -> None:
    """Names stand in the log for ever, so only what can be a collection's name may pass for one."""
    at = bench(FixedEngine(ALLOW))

    created = await ask(at, request(COLLECTIONS, {"name": name}))
    named = await ask(at, request(f"{COLLECTIONS}/{quote(name)}", method="GET"))

    assert {reason(created)[0], reason(named)[0]} == {400}
    assert name not in str([entry.facts for entry in at.log.entries])


async def test_a_head_only_request_is_known_and_decided_at_once() -> None:
    """A request without a body needs no second message."""
    at = bench(FixedEngine(ALLOW))

    reply = await ask(at, request(f"{RECORDS}/count", method="GET"))

    assert isinstance(reply, Replace)
    assert reply.body is None
    assert at.log.entries[0].facts[0].action == "count"


def test_the_error_kinds_have_codes_that_are_reasons() -> None:
    """Every kind of error has a plain snake_case code of its own."""
    kinds = Error.__subclasses__()
    codes = [kind.default_code for kind in kinds]

    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code == code.lower() for code in codes)
