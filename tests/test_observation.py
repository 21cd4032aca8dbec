"""A policy that is only observed: everything is decided, told, and not done; whatever is not the policy's is done as ever."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from extproc.decision import Decision, Level, decode
from extproc.errors import AuditError, Denied, EngineError, SecretMissing, UpstreamError
from extproc.events import Continue, Immediate, Opening, Replace, Reply, Request
from extproc.observation import Observation
from support.exchange import Bench, FixedEngine, bench, request, response
from support.obliged import compared, mask, only, stamp
from support.shelf import COLLECTIONS, RECORDS, get_answer, query_answer

ALLOW = FixedEngine(Decision(allow=True))
GET = request(f"{RECORDS}/get", {"where": {"n": 1}})
EVERYTHING = request(f"{RECORDS}/get", {"include": ["documents", "metadatas", "embeddings"], "limit": 500})
UPSERT = request(f"{RECORDS}/upsert", {"ids": ["a", "b"], "embeddings": [[1], [2]], "metadatas": [None, {"tenant": "t9"}]})

MASK = request(f"{RECORDS}/upsert", {"ids": ["a"], "embeddings": [[1]], "documents": ["[REDACTED]"], "metadatas": [None]})


def under(*obligations: dict[str, Any]) -> FixedEngine:
    """Return an engine that allows everything under these obligations."""
    return FixedEngine(decode(json.dumps({"allow": True, "obligations": obligations}).encode()))


def denying(*reasons: str) -> FixedEngine:
    """Return an engine that denies everything."""
    return FixedEngine(Decision(allow=False, reasons=reasons))


def observed(at: Bench) -> Bench:
    """Return the bench with its policy only observed."""
    return at.changed(observation=Observation("kb"))


async def forwarded(found: Request) -> Reply:
    """Return how a request leaves where the policy allows everything and asks nothing."""
    return await bench(ALLOW).exchange().handle(found)


DENIALS: dict[str, tuple[FixedEngine, Request]] = {
    "the policy says no": (denying("action_not_granted", "place_not_granted"), GET),
    "the policy gives no reason": (denying(), GET),
    "the policy is late": (FixedEngine(EngineError("late", code="policy_late")), GET),
    "the engine is down": (FixedEngine(EngineError("down")), GET),
    "the input is too large": (FixedEngine(EngineError("large", code="policy_input_too_large")), GET),
    "an approval": (under({"type": "approval", "approvers": ["role:dba"]}), GET),
    "a budget": (under({"type": "budget", "key": "k", "records": 1, "window": "1h"}), GET),
    "a masked field in the filter": (under(mask("n")), GET),
    "an entity that nothing recognises": (
        under({"type": "detect", "entities": ["STAR_SIGN"], "fields": ["document"], "with": "redact"}),
        GET,
    ),
    "a pattern that is none": (under(mask("e*")), GET),
    "a filter that Chroma cannot have": (under(only(compared("lt", "t", "x"))), GET),
    "stamps that disagree": (under(stamp(tenant="t1"), stamp(tenant="t2")), UPSERT),
    "a write outside the filter": (under(only(compared("eq", "tenant", "t1"))), UPSERT),
    "a write over a foreign record": (under(only(compared("eq", "tenant", "t1")), stamp(tenant="t1")), UPSERT),
    "a filter on what is dropped whole": (
        under(only(compared("eq", "tenant", "t1"))),
        request(f"{COLLECTIONS}/tickets", method="DELETE"),
    ),
}


@pytest.mark.parametrize("name", list(DENIALS))
async def test_what_would_be_denied_is_let_through_and_on_record_with_the_reason_of_the_denial(name: str) -> None:
    """The request leaves as under a policy that asks nothing; its entries say what enforcement would have told the caller."""
    engine, found = DENIALS[name]
    strict, loose = bench(engine), observed(bench(engine))
    for at in (strict, loose):
        at.collections.records = (["a"], ["a", "b"])
    exchange = loose.exchange()

    refusal = await strict.exchange().handle(found)
    reply = await exchange.handle(found)
    answer = await exchange.handle(response({} if found is UPSERT else get_answer()))

    assert isinstance(refusal, Immediate)
    assert (reply, answer) == (await forwarded(found), Continue())
    assert [(each.kind, each.decision, each.end) for each in loose.log.entries] == [
        ("intent", "deny", None),
        ("outcome", "deny", "delivered"),
    ]
    for each in loose.log.entries:
        assert each.reasons == (refusal.details,)
        assert each.detail == {"enforcement": "observe"}
        assert {fact.decision for fact in each.facts} == {"deny"}
        assert refusal.details in each.facts[0].reasons


CHANGES = {
    "masks": mask("email", "document"),
    "withheld vectors": {"type": "vectors", "return": False},
    "dropped scores": {"type": "scores", "mode": "drop"},
    "a limit": {"type": "limit", "max": 0},
    "a row filter": only(compared("eq", "tenant", "t1")),
    "a stamp": stamp(tenant="t1"),
}


async def test_a_mask_that_is_written_back_is_told_and_let_through() -> None:
    """The request leaves as it came, and its entries say what enforcement would have told the caller."""
    at = observed(bench(under()))
    exchange = at.exchange()

    reply = await exchange.handle(MASK)
    await exchange.handle(response({}))

    assert isinstance(reply, Replace)
    assert json.loads(reply.body or b"") == json.loads(MASK.body)
    assert [(each.decision, each.reasons) for each in at.log.entries] == [("deny", ("masked_value_written",))] * 2


@given(st.sets(st.sampled_from(sorted(CHANGES))), st.sampled_from([EVERYTHING, UPSERT]))
def test_nothing_is_narrowed_stamped_or_masked(names: set[str], found: Request) -> None:
    """Whatever is asked of a request and its answer, both pass as they are; the obligations are on record."""
    engine = under(*(CHANGES[name] for name in sorted(names)))
    at = observed(bench(engine))
    at.collections.records = (["a", "b"], ["a", "b"])

    async def exchanged() -> tuple[Reply, Reply, Reply]:
        exchange = at.exchange()
        reply = await exchange.handle(found)
        answer = await exchange.handle(response({} if found is UPSERT else get_answer()))
        return reply, answer, await forwarded(found)

    reply, answer, expected = asyncio.run(exchanged())

    assert (reply, answer) == (expected, Continue())
    kinds = {str(CHANGES[name]["type"]) for name in names}
    assert [set(each.facts[0].obligations) for each in at.log.entries] == [kinds, kinds]
    assert isinstance(reply, Replace)
    assert at.log.entries[0].recording is not None
    assert at.log.entries[0].recording.body == reply.body


async def test_what_would_be_masked_is_counted() -> None:
    """The outcome has the fields and the number of values that a mask would have hidden, and how many records there were."""
    at = observed(bench(under(mask("email", "document"), {"type": "limit", "max": 0})))
    exchange = at.exchange()
    await exchange.handle(EVERYTHING)

    reply = await exchange.handle(response(get_answer()))

    fact = at.log.entries[-1].facts[0]
    assert reply == Continue()
    assert (fact.decision, fact.reasons) == ("allow", ())
    assert (fact.rows, fact.masked_fields, fact.masked_values) == (1, ("document", "email"), 2)


async def test_a_mask_that_would_fail_is_told_and_the_answer_delivered() -> None:
    """A value that no mask could be put on would have been a 502; it is on record as that."""
    at = observed(bench(under({"type": "scores", "mode": "round", "digits": 2})))
    exchange = at.exchange()
    await exchange.handle(request(f"{RECORDS}/query", {"query_embeddings": [[1, 2]]}))

    reply = await exchange.handle(response(query_answer() | {"distances": [["near"]]}))

    assert reply == Continue()
    assert [(each.end, each.decision, each.reasons) for each in at.log.entries[1:]] == [
        ("delivered", "allow", ("mask_failed",))
    ]


async def test_a_recording_level_is_kept_to() -> None:
    """How much is recorded is no obligation on the caller, so a policy that wants less kept has less kept."""
    at = observed(bench(under({"type": "record", "level": "metadata"})))

    await at.exchange().handle(GET)

    assert at.log.entries[0].recording is None


async def test_nothing_is_waited_for_that_is_not_stopped() -> None:
    """No record is reserved, so nobody is refused because others write."""
    at = observed(bench(under(stamp(tenant="t1"))))
    at.places.broken = Denied("busy", code="record_busy")

    reply = await at.exchange().handle(UPSERT)

    assert reply == await forwarded(UPSERT)
    assert at.places.taken == []


# --- what is not the policy's ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (request(f"{RECORDS}/get", {}, roles=()), 401, "token_missing"),
        (request(f"{RECORDS}/get", {"unknown": 1}), 403, "member_unknown"),
        (request(f"{RECORDS}/get", b'{"limit": 1, "limit": 2}'), 400, "key_duplicate"),
        (request("/api/v2/nothing-of-the-kind", method="GET"), 403, "operation_unknown"),
    ],
)
async def test_strangers_and_what_cannot_be_read_are_refused(found: Request, status: int, code: str) -> None:
    """Observing opens the door to nobody and to nothing that is not understood."""
    at = observed(bench(ALLOW))

    reply = await at.exchange().handle(found)

    assert isinstance(reply, Immediate)
    assert (reply.status, reply.details) == (status, code)
    assert [(each.end, each.reasons, each.detail) for each in at.log.entries] == [
        ("denied", (code,), {"enforcement": "observe"})
    ]


async def test_a_stranger_is_refused_before_a_body_is_read() -> None:
    """The head alone is enough, and a known caller's head leaves for nowhere, as ever."""
    at = observed(bench(ALLOW))

    refused = await at.exchange().handle(Opening(head=request(f"{RECORDS}/get", {}, roles=()).head))
    opened = await at.exchange().handle(Opening(head=GET.head))

    assert isinstance(refused, Immediate)
    assert isinstance(opened, Replace)
    assert opened.set_fields == ((":path", b"/vecgate-undecided"),)


async def test_nothing_leaves_without_its_entry() -> None:
    """Where the log cannot be written, neither a request nor an answer passes, whatever was decided."""
    for engine in (ALLOW, denying("no")):
        at = observed(bench(engine))
        exchange = at.exchange()
        await exchange.handle(GET)
        at.log.broken = True

        for reply in (await exchange.handle(response(get_answer())), await at.exchange().handle(GET)):
            assert isinstance(reply, Immediate)
            assert (reply.status, reply.details) == (500, "audit_unavailable")


async def test_a_policy_that_is_not_on_record_decides_nothing() -> None:
    """An engine whose new policy could not be recorded is a want of evidence, not a decision."""
    at = observed(bench(FixedEngine(AuditError("the disk is full"))))

    reply = await at.exchange().handle(GET)

    assert isinstance(reply, Immediate)
    assert reply.details == "audit_unavailable"


async def test_the_gateways_own_credential_goes_on_and_the_clients_token_off() -> None:
    """A request that would have been denied shows the database nothing of its caller."""
    at = observed(bench(denying("no")))
    gone = at.changed(credential=lambda: (_ for _ in ()).throw(SecretMissing("kb.key")))

    reply = await at.exchange().handle(request(f"{RECORDS}/get", b'{ "limit" : 5 }'))
    refused = await gone.exchange().handle(GET)

    assert isinstance(reply, Replace)
    assert (reply.body, ("x-chroma-token", b"own-key") in reply.set_fields) == (b'{"limit":5}', True)
    assert isinstance(refused, Immediate)
    assert refused.details == "credential_unavailable"


async def test_a_defect_is_still_a_500() -> None:
    """What nobody foresaw is no decision of the policy's."""
    at = observed(bench(FixedEngine(ZeroDivisionError())))

    reply = await at.exchange().handle(GET)

    assert isinstance(reply, Immediate)
    assert (reply.status, reply.details) == (500, "internal_error")


@pytest.mark.parametrize("engine", [under(mask("email")), denying("no")])
async def test_an_answer_that_cannot_be_read_is_a_502(engine: FixedEngine) -> None:
    """What the database must say to be understood is no matter of the policy."""
    exchange = observed(bench(engine)).exchange()
    await exchange.handle(GET)

    reply = await exchange.handle(response(get_answer(leak="x")))

    assert isinstance(reply, Immediate)
    assert reply.status == 502


async def test_a_question_that_is_not_answered_is_no_reason_to_stop() -> None:
    """Whose the records are was asked for the policy's sake alone; whose the collection is, is asked to know what is meant."""
    at = observed(bench(under(only(compared("eq", "tenant", "t1")), stamp(tenant="t1"))))
    answered = at.collections.ask

    async def ask(questions: Any) -> Any:
        if questions[0].topic == "own_records":
            raise UpstreamError("no answer", code="question_unanswered")
        return await answered(questions)

    upstream = type("Upstream", (), {"ask": staticmethod(ask), "forget": at.collections.forget})
    reply = await at.changed(upstream=upstream).exchange().handle(UPSERT)
    at.collections.answer = None
    unknown = await at.exchange().handle(UPSERT)

    assert reply == await forwarded(UPSERT)
    assert [(each.decision, each.reasons) for each in at.log.entries] == [
        ("deny", ("question_unanswered",)),
        ("deny", ("not_found",)),
    ]
    assert isinstance(unknown, Immediate)
    assert unknown.status == 404


async def test_names_are_forgotten_as_ever() -> None:
    """A rename that would have been denied, and was done, makes every worker ask again."""
    at = observed(bench(denying("no")))
    exchange = at.exchange()

    await exchange.handle(request(RECORDS, {"new_name": "renamed"}, method="PUT"))
    await exchange.handle(response({}))

    assert at.collections.forgotten == 2


@pytest.mark.parametrize("status", [404, 503])
async def test_a_failure_of_the_database_is_its_own(status: int) -> None:
    """What would have been denied and then failed is on record as both."""
    at = observed(bench(denying("no")))
    exchange = at.exchange()
    await exchange.handle(GET)
    came = response({"error": "NotFoundError", "message": "x"}, status)
    if status == 503:
        came = replace_details(came)

    reply = await exchange.handle(came)

    assert isinstance(reply, Immediate)
    entry = at.log.entries[-1]
    assert (entry.end, entry.decision, "no" in entry.facts[0].reasons) == ("failed", "deny", True)


def replace_details(came: Any) -> Any:
    """Return an answer as Envoy itself makes it."""
    head = replace(came.head, attributes={"response.code_details": "no_healthy_upstream"})
    return replace(came, head=head)


def test_the_level_of_a_request_that_would_be_denied_is_the_configured_one() -> None:
    """No term of the policy's holds for it."""
    for level in (Level.METADATA, Level.REQUEST):
        at = observed(bench(denying("no"), level=level))
        asyncio.run(at.exchange().handle(GET))

        assert (at.log.entries[0].recording is not None) == (level is Level.REQUEST)


async def test_it_is_said_again_and_again_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the database at the start and at every turn, with what was let through since."""
    observation = Observation("kb")
    following = asyncio.create_task(observation.follow(every=0))
    for _ in range(9):
        await asyncio.sleep(0)
    following.cancel()
    observation.waive()
    observation.waive()
    observation.remind()
    observation.remind()
    said = [record.getMessage() for record in caplog.records]

    assert len(said) > 4
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert all("the policy of database kb is observed, NOT ENFORCED" in each for each in said)
    assert [each.rpartition("; ")[2].split()[0] for each in said] == ["0"] * (len(said) - 2) + ["2", "0"]
