"""A policy on an OPA server: every way in which it may fail is a denial with its own reason, and none stalls the others."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from extproc.decision import Decision, Input, LimitObligation, StampObligation
from extproc.engines.archive import pack
from extproc.engines.cache import DecisionCache
from extproc.engines.engine import Decided, decide_together
from extproc.engines.opa import OpaEngine, Server
from extproc.engines.signature import SigningKey
from extproc.errors import AuditError, EngineError
from support.opa import Opa, actor, archive, http, opa_server

Asked = Callable[..., Input]

ALLOW = 'decision := {"allow": true}\n'
GOOD = {"result": {"allow": True}, "provenance": {"bundles": {"p": {"revision": "r1"}}}}
ROUND = """
decision := {
	"allow": true,
	"obligations": [{"type": "stamp", "fields": {"rules": %d, "data": data.round}}],
	"cache": {"ttl": "30s"},
}
"""


@asynccontextmanager
async def engine(server: Server, deadline: float = 60.0) -> AsyncIterator[OpaEngine]:
    """Ask `server`."""
    asking = OpaEngine(server, "p/decision", deadline)
    try:
        yield asking
    finally:
        await asking.close()


@dataclass(slots=True)
class Followed:
    """What a followed engine told; refuses to hear it while `broken`."""

    revisions: list[str] = field(default_factory=list)
    broken: bool = False

    async def __call__(self, revision: str) -> None:
        """Hear a revision."""
        if self.broken:
            raise AuditError("the disk is full")
        self.revisions.append(revision)


@asynccontextmanager
async def followed(asking: OpaEngine, told: Followed | None = None) -> AsyncIterator[Followed]:
    """Follow the policy of an engine until the block ends."""
    told = told or Followed()
    following = asyncio.create_task(asking.follow(told, every=0.02))
    try:
        yield told
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.fixture
def running(opa: str, tmp_path: Path) -> Iterator[Callable[..., Opa]]:
    """Return a maker of a real OPA, which ends with the test."""
    with suppress(StopIteration):
        made: list[Any] = []

        def make(rules: str = ALLOW, data: dict[str, Any] | None = None) -> Opa:
            made.append(opa_server(opa, tmp_path, rules, data))
            started: Opa = made[-1].__enter__()
            return started

        yield make
        for each in made:
            each.__exit__(None, None, None)


def stamped(decision: Decision) -> dict[str, Any]:
    """Return the fields that a decision stamps."""
    (obligation,) = decision.obligations
    assert isinstance(obligation, StampObligation)
    return dict(obligation.fields)


async def code(asking: OpaEngine, asked: Input) -> str:
    """Return the reason of a denial; `decided` where there is none."""
    try:
        await asking.decide(asked)
    except EngineError as error:
        return error.code
    return "decided"


async def test_a_decision_comes_back_with_its_revision(running: Callable[..., Opa], asked: Asked) -> None:
    """The policy sees the input, and its decision comes back whole, under the revision of the bundle."""
    opa = running('decision := {"allow": true, "obligations": [{"type": "limit", "max": count(input.principal.roles)}]}\n')
    async with engine(opa.server) as asking:
        decided = await asking.decide(asked(roles=("a", "b")))

    assert Decision(allow=True, obligations=(LimitObligation(max=2),)) == decided.decision
    assert decided.revision == asking.revision
    assert decided.revision.startswith("sha256:")


async def test_numbers_and_strings_are_exact(running: Callable[..., Opa], asked: Asked) -> None:
    """Nanoseconds since 1970 and odd strings reach the policy, and come back, as they are."""
    opa = running("""
decision := {"allow": true, "obligations": [{"type": "stamp", "fields": {
	"time": input.context.time_ns,
	"later": input.context.time_ns + 1,
	"agent": input.context.user_agent,
}}]}
""")
    agent = 'a"b\\c\n\té😀\x00'
    async with engine(opa.server) as asking:
        decided = await asking.decide(asked(user_agent=agent, time_ns=1_800_000_000_123_456_789))

    assert stamped(decided.decision) == {"time": 1_800_000_000_123_456_789, "later": 1_800_000_000_123_456_790, "agent": agent}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (ALLOW, "decided"),
        ("decision := {} if false\n", "policy_undefined"),
        ("other := 1\n", "policy_undefined"),
        ("decision := null\n", "decision_invalid"),
        ("decision := true\n", "decision_invalid"),
        ('decision := {"allow": "yes"}\n', "decision_invalid"),
        ('decision := {"allow": true, "obligations": [{"type": "encrypt"}]}\n', "decision_invalid"),
        (
            'decision := {"allow": true, "reasons": [x | some i in numbers.range(1, 90000); x := "a"; i > 0]}\n',
            "decision_invalid",
        ),
        ('decision := {"allow": true} if not startswith(input.principal.roles[0], input.operation.ids)\n', "policy_error"),
        ('decision := {"allow": to_number(input.principal.roles[0]) > 3}\n', "policy_error"),
        (
            'decision := {"allow": true}\ndecision := {"allow": false} if input.operation.action == "search"\n',
            "policy_ambiguous",
        ),
        ('decision := {"allow": x} if some x in [true, false]\n', "policy_ambiguous"),
        ('decision := {"allow": f(1)}\nf(x) := true if x > 0\nf(x) := false if x == 1\n', "policy_ambiguous"),
    ],
)
async def test_anything_but_one_decision_is_an_error(
    running: Callable[..., Opa], asked: Asked, rules: str, expected: str
) -> None:
    """Undefined, failing, ambiguous, endless and malformed decisions are errors with codes of their own."""
    async with engine(running(rules).server) as asking:
        assert await code(asking, asked()) == expected


@pytest.mark.parametrize("claims", [{"a": "\ud800"}, {"a": object()}])
async def test_what_cannot_be_represented_is_an_error(tmp_path: Path, asked: Asked, claims: dict[str, object]) -> None:
    """An input that is no JSON is not sent."""
    async with actor(tmp_path / "o.sock", http(200, GOOD)) as plays, engine(plays.server) as asking:
        assert await code(asking, asked(claims=claims)) == "policy_input_invalid"
        assert await code(asking, asked(user_agent="x" * 70_000)) == "policy_input_too_large"

    assert plays.seen == []


# --- killed, hung, slow ---


async def test_an_opa_that_is_killed_denies_and_decides_again_when_it_is_back(
    running: Callable[..., Opa], asked: Asked
) -> None:
    """Without it nothing is decided; with it, everything is, and nothing had to be started again but OPA."""
    opa = running()
    async with engine(opa.server) as asking, followed(asking):
        before = await code(asking, asked())
        opa.kill()
        without = {await code(asking, asked()) for _ in range(8)}
        opa.start()
        await until(lambda: asking._silent == 0)
        after = await code(asking, asked())

    assert (before, without, after) == ("decided", {"policy_unavailable"}, "decided")


async def test_an_opa_that_hangs_is_late_and_then_left_alone(running: Callable[..., Opa], asked: Asked) -> None:
    """The first questions wait for their deadline, the next ones for nothing; once it answers, it is asked again."""
    opa = running()
    async with engine(opa.server) as asking:
        before = await code(asking, asked())
        opa.signal(signal.SIGSTOP)
        asking._deadline = 0.2
        hung = [await code(asking, asked()) for _ in range(5)]
        asking._deadline = 60.0
        async with followed(asking):
            opa.signal(signal.SIGCONT)
            await until(lambda: asking._silent == 0)
        after = await code(asking, asked())

    assert before == after == "decided"
    assert hung == ["policy_late"] * 3 + ["policy_unavailable"] * 2


async def test_a_slow_policy_is_late_and_does_not_stall_the_others(running: Callable[..., Opa], asked: Asked) -> None:
    """While a policy runs on, the event loop and other questions go on; its own question is a denial."""
    opa = running(
        """
decision := {"allow": true} if input.operation.collection != "slow"

decision := {"allow": true} if {
	input.operation.collection == "slow"
	count([1 | some a in data.xs; some b in data.xs; some c in data.xs; a == b; b == c]) > 0
}
""",
        {"xs": list(range(2000))},
    )
    async with engine(opa.server) as asking:
        slow = asyncio.create_task(code(asking, asked(collection="slow")))
        await until(lambda: asking._open is not None)
        others = [await code(asking, asked(collection=f"c{number}")) for number in range(20)]
        assert not slow.done()
        slow.cancel()
        asking._deadline = 0.3
        late = await code(asking, asked(collection="slow"))
        asking._deadline = 60.0
        after = await code(asking, asked())

    assert (late, after, set(others)) == ("policy_late", "decided", {"decided"})


async def test_attack_slow_questions_that_shut_the_others_out(running: Callable[..., Opa], asked: Asked) -> None:
    """Late answers in a row make OPA look silent; it is looked at that very moment, and found to answer."""
    opa = running()
    async with engine(opa.server) as asking, followed(asking):
        await asking.decide(asked())
        for _ in range(3):
            asking._unanswered()
        await until(lambda: asking._silent == 0)

        assert await code(asking, asked()) == "decided"


async def test_a_closed_engine_decides_nothing(running: Callable[..., Opa], asked: Asked) -> None:
    """After `close` there is no connection and no decision."""
    async with engine(running().server) as asking:
        await asking.decide(asked())
    with pytest.raises(EngineError, match="closed"):
        await asking.decide(asked())

    assert asking._open is not None
    assert asking._open.closed


# --- nonsense ---

NONSENSE = {
    "nothing": (b"", "policy_unavailable"),
    "no http": (b"hello\r\n\r\n", "policy_unreadable"),
    "another protocol": (b"\x15\x03\x01\x00\x02\x02\x28", "policy_unreadable"),
    "a cut body": (http(200, GOOD)[:-9], "policy_unreadable"),
    "no json": (http(200, b"<html>"), "policy_unreadable"),
    "not utf-8": (http(200, b'{"provenance": {"bundles": {"\xff": {}}}}'), "policy_unreadable"),
    "not utf-8 within": (
        http(200, b'{"result": {"allow": true, "reasons": ["\xff"]}, "provenance": {"bundles": {"p": {"revision": "1"}}}}'),
        "decision_invalid",
    ),
    "compressed": (http(200, b"\x1f\x8b\x08\x00", content_encoding="gzip"), "policy_unreadable"),
    "a list": (http(200, []), "policy_unreadable"),
    "deep": (http(200, b'{"provenance": ' + b"[" * 100_000), "policy_unreadable"),
    "another status": (http(204, b""), "policy_unreadable"),
    "not found": (http(404, {"code": "undefined_document"}), "policy_unreadable"),
    "a redirect": (http(307, GOOD, location="http://127.0.0.1:1/"), "policy_unreadable"),
    "who are you": (http(401, {"code": "unauthorized"}), "policy_refused"),
    "not you": (http(403, {"code": "unauthorized"}), "policy_refused"),
    "an error page": (http(500, b"<html>"), "policy_unreadable"),
    "an error of its own": (http(500, {"code": "internal_error", "message": "secret"}), "policy_error"),
    "no provenance": (http(200, {"result": {"allow": True}}), "policy_unversioned"),
    "no bundle": (http(200, GOOD | {"provenance": {"bundles": {}}}), "policy_unversioned"),
    "no revision": (http(200, GOOD | {"provenance": {"bundles": {"p": {}}}}), "policy_unversioned"),
    "half a revision": (
        http(200, GOOD | {"provenance": {"bundles": {"p": {"revision": "1"}, "q": {"revision": ""}}}}),
        "policy_unversioned",
    ),
    "an odd revision": (http(200, GOOD | {"provenance": {"bundles": {"p": {"revision": "a b\n"}}}}), "policy_unversioned"),
    "no result": (http(200, {"provenance": GOOD["provenance"]}), "policy_undefined"),
    "two results": (http(200, GOOD | {"result": [{"allow": True}, {"allow": True}]}), "decision_invalid"),
    "too much": (http(200, b" " * (1 << 20)), "decision_invalid"),
    "an answer": (http(200, GOOD), "decided"),
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_is_no_decision(tmp_path: Path, asked: Asked, name: str) -> None:
    """Whatever answers in OPA's place, and however, is a denial with a reason; nothing of its text is told."""
    answer, expected = NONSENSE[name]
    async with actor(tmp_path / "o.sock", answer) as plays, engine(plays.server) as asking:
        assert await code(asking, asked()) == expected
        with suppress(EngineError):
            assert (await asking.decide(asked())).revision == "r1"

    assert len(plays.seen) == 2


async def test_the_revisions_of_several_bundles_are_one(tmp_path: Path, asked: Asked) -> None:
    """Policy and data from two bundles are named by both, in one order."""
    provenance = {"bundles": {"q": {"revision": "2"}, "p": {"revision": "1"}}}
    async with (
        actor(tmp_path / "o.sock", http(200, GOOD | {"provenance": provenance})) as plays,
        engine(plays.server) as asking,
    ):
        assert (await asking.decide(asked())).revision == "p=1,q=2"


@asynccontextmanager
async def held(socket: Path, *names: str) -> AsyncIterator[dict[str, asyncio.Event]]:
    """Play an OPA that answers questions on the collection ``X-…`` under revision ``X`` once the event of that name is set."""
    answers = {name: asyncio.Event() for name in names}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        name = next(name for name in names if f'"collection":"{name}"'.encode() in body)
        await answers[name].wait()
        writer.write(http(200, GOOD | {"provenance": {"bundles": {"p": {"revision": name.partition("-")[0]}}}}))
        writer.close()

    async with await asyncio.start_unix_server(serve, str(socket)):
        yield answers


async def test_answers_that_overtake_each_other(tmp_path: Path, asked: Asked) -> None:
    """An answer that was under way when a revision was learned does not bring an older one back, but is what it says it is."""
    async with held(tmp_path / "o.sock", "old", "new") as answers, engine(Server(socket=tmp_path / "o.sock")) as asking:
        old = asyncio.create_task(asking.decide(asked(collection="old")))
        new = asyncio.create_task(asking.decide(asked(collection="new")))
        answers["new"].set()
        learned = (await new).revision
        answers["old"].set()
        overtaken = (await old).revision
        in_force = asking.revision
        # One that was asked afterwards is news.
        again = (await asking.decide(asked(collection="old"))).revision

    assert (learned, overtaken, in_force) == ("new", "old", "new")
    assert (again, asking.revision) == ("old", "old")


async def test_a_revision_that_was_under_way_when_another_was_learned_is_told_once(tmp_path: Path, asked: Asked) -> None:
    """It is told before it decides, though it may be an older one; that it is in force, which shows later, is no more news."""
    names = ("r0-first", "r1-under-way", "r1-after", "r0-back")
    async with held(tmp_path / "o.sock", *names) as answers, engine(Server(socket=tmp_path / "o.sock")) as asking:
        asking._told = told = Followed()
        first, under_way = (asyncio.create_task(asking.decide(asked(collection=name))) for name in names[:2])
        seen = []
        for name, question in zip(names, (first, under_way, None, None), strict=True):
            answers[name].set()
            decided = await (question or asking.decide(asked(collection=name)))
            seen.append((decided.revision, asking.revision, list(told.revisions)))

    assert seen == [
        ("r0", "r0", ["r0"]),
        ("r1", "r0", ["r0", "r1"]),
        ("r1", "r1", ["r0", "r1"]),
        ("r0", "r0", ["r0", "r1", "r0"]),
    ]


async def test_a_revision_that_is_back_is_told_after_one_that_could_not_be(tmp_path: Path, asked: Asked) -> None:
    """What is told last is what is in force, also where the log could not be written in between."""
    names = ("r0-first", "r1-not-on-record", "r0-back", "r0-after")
    async with held(tmp_path / "o.sock", *names) as answers, engine(Server(socket=tmp_path / "o.sock")) as asking:
        asking._told = told = Followed()
        for name in names:
            answers[name].set()
            told.broken = name in {"r1-not-on-record", "r0-back"}
            with pytest.raises(AuditError) if told.broken else nullcontext():
                await asking.decide(asked(collection=name))

    assert told.revisions == ["r0", "r1", "r0"]


# --- policies that change ---


async def test_a_bundle_that_is_not_signed_is_not_taken(running: Callable[..., Opa], asked: Asked) -> None:
    """OPA keeps the last good policy whatever it is served, and takes the next good one."""
    opa = running('decision := {"allow": true, "reasons": ["first"]}\n')
    unsigned = {
        "p.rego": b'package p\n\ndecision := {"allow": true, "reasons": ["stolen"]}\n',
        ".manifest": b'{"revision": "x"}',
    }
    bad = {
        "unsigned": pack(unsigned),
        "signed by somebody else": archive(SigningKey.create(), ALLOW),
        "no bundle": b"hello",
        "no policy": archive(opa.key, "decision := {\n"),
        "not verified by this key": pack(SigningKey.create().sign(unsigned)),
    }
    async with engine(opa.server) as asking:
        first = await asking.decide(asked())
        kept = {}
        for name, served in bad.items():
            said = opa.log().count("Bundle load failed") + opa.log().count("Bundle activation failed")
            opa.bundles.publish(served)
            await until(
                lambda said=said: opa.log().count("Bundle load failed") + opa.log().count("Bundle activation failed") > said  # type: ignore[misc]
            )
            kept[name] = await asking.decide(asked())
        opa.publish('decision := {"allow": true, "reasons": ["second"]}\n')
        async with followed(asking):
            await until(lambda: asking.revision != first.revision)
        second = await asking.decide(asked())

    assert [name for name, decided in kept.items() if decided != first] == []
    assert (first.decision.reasons, second.decision.reasons) == (("first",), ("second",))


async def test_an_opa_without_a_policy_denies(opa: str, tmp_path: Path, asked: Asked) -> None:
    """One that has only been served an unsigned bundle decides nothing, and decides as soon as it is served a signed one."""
    with opa_server(opa, tmp_path, ALLOW) as server:
        server.kill()
        server.bundles.publish(pack({"p.rego": f"package p\n\n{ALLOW}".encode(), ".manifest": b'{"revision": "x"}'}))
        server.start(ready=False)
        async with engine(server.server) as asking:
            before = await code(asking, asked())
            server.publish(ALLOW)
            async with followed(asking):
                await until(lambda: bool(asking.revision))
            after = await code(asking, asked())

    assert (before, after) == ("policy_unversioned", "decided")


async def test_a_new_revision_is_told_and_ends_what_is_cached(running: Callable[..., Opa], asked: Asked) -> None:
    """Nobody has to ask before what is remembered of the old policy is forgotten; each revision is put on record, once."""
    opa = running(ROUND % 1, {"round": 1})
    async with engine(opa.server) as asking:
        cache = DecisionCache(asking, clock=lambda: 1_800_000_000.0)
        first = await cache.decide(asked())
        async with followed(asking) as told:
            opa.publish(ROUND % 2, {"round": 2})
            await until(lambda: asking.revision != first.revision)
            second = await cache.decide(asked())

    assert told.revisions == [second.revision]
    assert [stamped(each.decision)["rules"] for each in (first, second)] == [1, 2]


async def test_a_policy_that_is_not_on_record_does_not_decide(
    running: Callable[..., Opa], asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the log cannot be written nothing of the new policy is released, however often it is asked."""
    opa = running(ROUND % 1, {"round": 1})
    told = Followed()
    async with engine(opa.server) as asking, followed(asking, told):
        await asking.decide(asked())
        told.broken = True
        opa.publish(ROUND % 2, {"round": 2})
        await until(lambda: "is not on record" in caplog.text)
        for _ in range(2):
            with pytest.raises(AuditError):
                await asking.decide(asked())
        told.broken = False
        second = await asking.decide(asked())

    assert stamped(second.decision)["rules"] == 2
    assert told.revisions[-1] == second.revision


async def test_a_hundred_updates_under_load(running: Callable[..., Opa], asked: Asked) -> None:
    """Every exchange of several operations is decided by one whole revision, rules and data alike, or denied."""
    opa = running(ROUND % 0, {"round": 0})
    rounds, seen, denied = 100, [], []
    going = True

    async def load(cache: DecisionCache, number: int) -> None:
        exchange = tuple(asked(collection=f"c{number}-{index}") for index in range(3))
        while going:
            try:
                seen.append(await decide_together(cache, exchange))
            except EngineError as error:
                denied.append(error.code)
            await asyncio.sleep(0)

    async with engine(opa.server) as asking, followed(asking) as told:
        cache = DecisionCache(asking, clock=lambda: 1_800_000_000.0)
        loads = [asyncio.create_task(load(cache, number)) for number in range(6)]
        for number in range(1, rounds + 1):
            opa.publish(ROUND % number, {"round": number}, f"r{number}")
            await until(lambda number=number: asking.revision.startswith(f"r{number}@"))  # type: ignore[misc]
        going = False
        await asyncio.gather(*loads)
        last = await cache.decide(asked())
        await until(lambda: not asking._news)

    numbers = [[stamped(each) for each in decisions] for decisions, _ in seen]
    mixed = [found for found in numbers if any(fields != found[0] or fields["rules"] != fields["data"] for fields in found)]
    named = {fields[0]["rules"]: revision for fields, (_, revision) in zip(numbers, seen, strict=True)}
    assert mixed == []
    assert [(number, revision) for number, revision in named.items() if number and not revision.startswith(f"r{number}@")] == []
    assert set(denied) <= {"policy_changed"}
    assert last.revision.startswith(f"r{rounds}@")
    assert len(told.revisions) == rounds + 1
    assert len(named) > rounds // 2


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [("aaa", "a"), ("aab" + "bbb", "b"), ("aba" + "bab" + "ccc", "c"), ("aba" + "bab" + "aba", "policy_changed")],
)
async def test_one_exchange_is_decided_by_one_revision(asked: Asked, revisions: str, expected: str) -> None:
    """Where the policy changes between two operations, all are decided again, three times at most."""

    class Changing:
        revision = "?"
        given = list(revisions)

        async def decide(self, _: Input) -> Decided:
            return Decided(decision=Decision(allow=True), revision=self.given.pop(0))

        async def close(self) -> None:
            """Hold nothing."""

    try:
        _, revision = await decide_together(Changing(), (asked(), asked(), asked()))
    except EngineError as error:
        revision = error.code

    assert revision == expected


async def test_what_is_sent_is_the_input_and_nothing_else(tmp_path: Path, asked: Asked) -> None:
    """One member, `input`; the token of the moment; no cookie and no compression."""
    tokens = ["one", "two"]
    answer = http(200, GOOD, set_cookie="a=b")
    async with actor(tmp_path / "o.sock", answer) as plays:
        server = Server(socket=plays.socket, token=lambda: tokens.pop(0))
        async with engine(server) as asking:
            await asking.decide(asked())
            await asking.decide(asked())
    heads, bodies = zip(*(request.split(b"\r\n\r\n", 1) for request in plays.seen), strict=True)

    assert [b"uthorization: Bearer one" in heads[0], b"uthorization: Bearer two" in heads[1]] == [True, True]
    assert heads[0].splitlines()[0] == b"POST /v1/data/p/decision?provenance=true&strict-builtin-errors=true HTTP/1.1"
    assert b"ookie" not in heads[1]
    assert [set(json.loads(body)) for body in bodies] == [{"input"}] * 2
