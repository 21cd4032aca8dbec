"""Rego in a process of its own: every way in which it may fail is a denial, and none stalls the others."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from extproc.decision import Decision, Input, LimitObligation, StampObligation
from extproc.engines.build import build
from extproc.engines.cache import DecisionCache
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.engine import decide_together
from extproc.engines.signature import SigningKey
from extproc.errors import AuditError, ConfigError, EngineError
from extproc.secret import SecretFile

Asked = Callable[..., Input]

SLOW = """
decision := {"allow": true} if input.operation.collection != "slow"

decision := {"allow": true} if {
	input.operation.collection == "slow"
	xs := [x | some x in data.xs]
	count([1 | some a in xs; some b in xs; some c in xs; a == b; b == c]) > 0
}
"""


def policy(folder: Path, rules: str) -> Path:
    """Write a policy with `rules`."""
    (folder / "p.rego").write_text(f"package p\n\nimport rego.v1\n\n{rules}", encoding="utf-8")
    (folder / "data.json").write_text(json.dumps({"xs": list(range(2000))}), encoding="utf-8")
    return folder


@asynccontextmanager
async def engine(folder: Path, rules: str, deadline: float = 60.0) -> AsyncIterator[EmbeddedEngine]:
    """Run an engine on `rules`."""
    loaded = EmbeddedEngine.load(policy(folder, rules), "p/decision", deadline)
    try:
        yield loaded
    finally:
        await loaded.close()


def process_id(loaded: EmbeddedEngine) -> int:
    """Return the id of the engine's process."""
    running = loaded._policy.process._running
    assert running is not None
    return running.pid


def process_file(loaded: EmbeddedEngine, name: str) -> bytes:
    """Return a file of /proc about the engine's process."""
    return Path(f"/proc/{process_id(loaded)}/{name}").read_bytes()


async def test_a_decision_comes_back(tmp_path: Path, asked: Asked) -> None:
    """The policy sees the input, and its decision comes back whole."""
    rules = 'decision := {"allow": true, "obligations": [{"type": "limit", "max": count(input.principal.roles)}]}\n'
    async with engine(tmp_path, rules) as loaded:
        decided = await loaded.decide(asked(roles=("a", "b")))

        assert Decision(allow=True, obligations=(LimitObligation(max=2),)) == decided.decision
        assert decided.revision == loaded.revision


async def test_numbers_and_strings_are_exact(tmp_path: Path, asked: Asked) -> None:
    """Nanoseconds since 1970 and odd strings reach the policy, and come back, as they are."""
    rules = """
decision := {"allow": true, "obligations": [{"type": "stamp", "fields": {
	"time": input.context.time_ns,
	"later": input.context.time_ns + 1,
	"agent": input.context.user_agent,
}}]}
"""
    agent = 'a"b\\c\n\té😀\x00'
    async with engine(tmp_path, rules) as loaded:
        decided = await loaded.decide(asked(user_agent=agent, time_ns=1_800_000_000_123_456_789))

    fields = decided.decision.obligations[0].fields  # type: ignore[union-attr]
    assert fields == {"time": 1_800_000_000_123_456_789, "later": 1_800_000_000_123_456_790, "agent": agent}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ("decision := {} if false\n", "policy_undefined"),
        ("decision := true\n", "decision_invalid"),
        ('decision := {"allow": "yes"}\n', "decision_invalid"),
        ('decision := {"allow": true, "obligations": [{"type": "encrypt"}]}\n', "decision_invalid"),
        ('decision := {"allow": input.operation.limit > 3}\n', "policy_error"),
        (
            'decision := {"allow": not_late}\ndefault not_late := true\nnot_late := false if input.operation.limit > 3\n',
            "policy_error",
        ),
        ('decision := {"allow": true} if not startswith(input.principal.roles, "x")\n', "policy_error"),
        (
            'decision := {"allow": true}\ndecision := {"allow": false} if input.operation.action == "search"\n',
            "policy_ambiguous",
        ),
        ('decision := {"allow": x} if some x in [true, false]\n', "policy_ambiguous"),
    ],
)
async def test_anything_but_one_decision_is_an_error(tmp_path: Path, asked: Asked, rules: str, code: str) -> None:
    """Undefined, failing, ambiguous and malformed decisions are errors with codes of their own."""
    async with engine(tmp_path, rules) as loaded:
        with pytest.raises(EngineError) as failed:
            await loaded.decide(asked(limit=None))

    assert code == failed.value.code


@pytest.mark.parametrize("claims", [{"a": chr(0xF0022)}, {"a": "\ud800"}, {"a": object()}])
async def test_what_cannot_be_represented_is_an_error(tmp_path: Path, asked: Asked, claims: dict[str, object]) -> None:
    """An input that the policy would see otherwise than it is, is not decided."""
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded:
        with pytest.raises(EngineError) as failed:
            await loaded.decide(asked(claims=claims))

    assert failed.value.code == "policy_input_invalid"


async def test_a_late_policy_is_denied_and_the_next_is_decided(tmp_path: Path, asked: Asked) -> None:
    """A policy that does not end is late; its process is replaced, and other questions are decided again."""
    async with engine(tmp_path, SLOW) as loaded:
        assert (await loaded.decide(asked())).decision.allow
        first = process_id(loaded)
        loaded._deadline = 0.2
        with pytest.raises(EngineError) as failed:
            await loaded.decide(asked(collection="slow"))
        loaded._deadline = 60.0
        assert (await loaded.decide(asked())).decision.allow

    assert failed.value.code == "policy_late"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_a_late_policy_does_not_stall_the_event_loop(tmp_path: Path, asked: Asked) -> None:
    """While a policy runs on, everything else goes on; whoever waits behind it is late too."""
    async with engine(tmp_path, SLOW, deadline=1.0) as loaded:
        waiting = [asyncio.create_task(loaded.decide(asked(collection="slow"))) for _ in range(3)]
        ticks = 0
        while not all(task.done() for task in waiting):
            await asyncio.sleep(0.01)
            ticks += 1
        results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [getattr(result, "code", None) for result in results] == ["policy_late"] * 3
    assert ticks > 5


async def test_a_process_that_dies_is_an_error_and_is_replaced(tmp_path: Path, asked: Asked) -> None:
    """A crash of the library denies one request, not the service."""
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded:
        os.kill(process_id(loaded), signal.SIGKILL)
        with pytest.raises(EngineError) as failed:
            await loaded.decide(asked())
        assert (await loaded.decide(asked())).decision.allow

    assert failed.value.code == "policy_unavailable"


async def test_a_changed_directory_does_not_change_a_loaded_policy(tmp_path: Path, asked: Asked) -> None:
    """A process that is replaced runs the policy of the revision it says, whatever has become of the files."""
    async with engine(tmp_path, 'decision := {"allow": false}\n') as loaded:
        policy(tmp_path, 'decision := {"allow": true}\n')
        os.kill(process_id(loaded), signal.SIGKILL)
        with pytest.raises(EngineError):
            await loaded.decide(asked())

        assert not (await loaded.decide(asked())).decision.allow


async def test_attack_a_policy_that_takes_all_memory(tmp_path: Path, asked: Asked) -> None:
    """A policy that takes more and more memory is ended long before the machine has none left; others are decided again."""
    rules = """
decision := {"allow": true} if input.operation.collection != "huge"

decision := {"allow": true} if {
	input.operation.collection == "huge"
	count([[a, b, "a string of some length", data.xs] | some a in data.xs; some b in data.xs]) > 0
}
"""
    async with engine(tmp_path, rules, deadline=120.0) as loaded:
        with pytest.raises(EngineError) as failed:
            await loaded.decide(asked(collection="huge"))
        assert (await loaded.decide(asked())).decision.allow

    assert failed.value.code == "policy_unavailable"


async def test_attack_secrets_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that evaluates policies has none of the secrets that the service was given in its environment."""
    monkeypatch.setenv("KB_KEY", "s3cret")
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded:
        environment = process_file(loaded, "environ")

    assert b"PYTHONPATH=" in environment
    assert b"s3cret" not in environment


async def test_a_closed_engine_decides_nothing(tmp_path: Path, asked: Asked) -> None:
    """After `close` there is no process, no thread and no decision."""
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded:
        await loaded.decide(asked())
        pid = process_id(loaded)

    with pytest.raises(EngineError):
        await loaded.decide(asked())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert all(thread.name != "vecgate-policy" or not thread.is_alive() for thread in [loaded._thread] if thread)
    assert threading.current_thread().is_alive()


def test_an_engine_that_is_dropped_ends_its_process(tmp_path: Path) -> None:
    """Whoever loads a policy only to see whether it loads leaves no process behind."""
    loaded = EmbeddedEngine.load(policy(tmp_path, 'decision := {"allow": true}\n'), "p/decision", 1.0)
    pid = process_id(loaded)
    del loaded

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("decision := {\n", "p.rego:"),
        ("other := 1\n", "has no rule data.p.decision"),
        ('decision := {"allow": http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200}\n', "http.send"),
        ('decision := {"allow": not denid}\n', "p.rego:5:"),
    ],
)
def test_a_policy_that_does_not_load(tmp_path: Path, rules: str, message: str) -> None:
    """The error is one line with the place."""
    with pytest.raises(ConfigError) as refused:
        EmbeddedEngine.load(policy(tmp_path, rules), "p/decision", 1.0)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_restart_that_fails_is_a_denial_and_the_next_one_is_tried(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is out of processes for a moment costs the decisions of that moment, and no more."""
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded:
        os.kill(process_id(loaded), signal.SIGKILL)
        with pytest.raises(EngineError):
            await loaded.decide(asked())

        def full(*_: object, **__: object) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        with monkeypatch.context() as patched:
            patched.setattr("extproc.companion.subprocess.Popen", full)
            with pytest.raises(EngineError) as caught:
                await loaded.decide(asked())
        assert caught.value.code == "policy_unavailable"

        assert Decision(allow=True) == (await loaded.decide(asked())).decision


async def test_an_input_made_to_cost_is_refused_before_it_waits_in_line(tmp_path: Path, asked: Asked) -> None:
    """A huge input would keep the one process busy for everybody, so it is not even asked."""
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded:
        with pytest.raises(EngineError) as caught:
            await loaded.decide(asked(user_agent="x" * 70_000))

        assert caught.value.code == "policy_input_too_large"


# --- policies that change ---

ROUND = """
decision := {
	"allow": true,
	"obligations": [{"type": "stamp", "fields": {"rules": %d, "data": data.round}}],
	"cache": {"ttl": "30s"},
}
"""


def round_of(folder: Path, number: int) -> None:
    """Replace the policy as a whole: both files in a new directory, to which the link then leads."""
    new = folder / f"round-{number}"
    new.mkdir()
    (new / "p.rego").write_text(f"package p\n{ROUND % number}", encoding="utf-8")
    (new / "data.json").write_text(json.dumps({"round": number}), encoding="utf-8")
    (folder / "next").symlink_to(new)
    (folder / "next").rename(folder / "policy")


def stamped(decision: Decision) -> dict[str, object]:
    """Return the fields that a decision stamps."""
    (obligation,) = decision.obligations
    assert isinstance(obligation, StampObligation)
    return dict(obligation.fields)


@dataclass(slots=True)
class Told:
    """What a followed engine told; refuses to hear it while `broken`."""

    revisions: list[str] = field(default_factory=list)
    broken: bool = False

    async def __call__(self, revision: str) -> None:
        """Hear a revision."""
        if self.broken:
            raise AuditError("the disk is full")
        self.revisions.append(revision)


@asynccontextmanager
async def followed(loaded: EmbeddedEngine, told: Told | None = None) -> AsyncIterator[Told]:
    """Follow an engine's policy until the block ends."""
    told = told or Told()
    following = asyncio.create_task(loaded.follow(told, every=0.02))
    try:
        yield told
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another thread or process does."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_changed_policy_takes_effect_and_its_process_takes_the_place_of_the_old(tmp_path: Path, asked: Asked) -> None:
    """The new revision is told before it decides, and nothing is left of the old process."""
    async with engine(tmp_path, 'decision := {"allow": false}\n') as loaded, followed(loaded) as told:
        first, old = await loaded.decide(asked()), process_id(loaded)
        policy(tmp_path, 'decision := {"allow": true}\n')
        await until(lambda: loaded.revision != first.revision)
        second, new = await loaded.decide(asked()), process_id(loaded)

    assert [first.decision.allow, second.decision.allow] == [False, True]
    assert told.revisions == [second.revision]
    assert old != new
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)


async def test_a_policy_that_was_never_asked_is_followed_too(tmp_path: Path, asked: Asked) -> None:
    """The first question may come after the first change."""
    async with engine(tmp_path, 'decision := {"allow": false}\n') as loaded, followed(loaded):
        before = loaded.revision
        policy(tmp_path, 'decision := {"allow": true}\n')
        await until(lambda: loaded.revision != before)

        assert (await loaded.decide(asked())).decision.allow


@pytest.mark.parametrize(
    "bad",
    [
        "decision := {\n",
        "other := 1\n",
        'decision := {"allow": not denid}\n',
        'decision := {"allow": true} if http.send({"method": "get", "url": "http://127.0.0.1"})\n',
    ],
)
async def test_a_bad_policy_is_not_taken(tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture, bad: str) -> None:
    """The last good one goes on deciding, which is said out loud once, and the next good one is taken."""
    async with engine(tmp_path, 'decision := {"allow": true}\n') as loaded, followed(loaded) as told:
        first = await loaded.decide(asked())
        policy(tmp_path, bad)
        await until(lambda: "the old one stays in force" in caplog.text)
        kept = await loaded.decide(asked())
        policy(tmp_path, 'decision := {"allow": false}\n')
        await until(lambda: loaded.revision != first.revision)
        last = await loaded.decide(asked())

    assert kept == first
    assert told.revisions == [last.revision]
    assert caplog.text.count("the old one stays in force") == 1


async def test_a_policy_that_is_not_on_record_does_not_decide(
    tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the log cannot be written the old policy stays, and the new one comes when it can be again."""
    told = Told(broken=True)
    async with engine(tmp_path, 'decision := {"allow": false}\n') as loaded, followed(loaded, told):
        first = await loaded.decide(asked())
        policy(tmp_path, 'decision := {"allow": true}\n')
        await until(lambda: "is not on record" in caplog.text)
        kept = await loaded.decide(asked())
        told.broken = False
        await until(lambda: loaded.revision != first.revision)
        last = await loaded.decide(asked())

    assert (kept, told.revisions, last.decision.allow) == (first, [last.revision], True)


async def test_a_signed_bundle_file_is_verified_each_time(
    tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """One that somebody else signed is not taken, and neither is a directory in its place."""
    key, file = SigningKey.create(), tmp_path / "policy.tar.gz"
    (tmp_path / "key.pem").write_text(key.public().pem)

    def write(says: str, signing: SigningKey) -> None:
        rules = f'package p\n\ndecision := {{"allow": true, "reasons": ["{says}"]}}\n'
        (tmp_path / "new").write_bytes(build({"p.rego": rules.encode()}, tmp_path, signing).archive)
        (tmp_path / "new").rename(file)

    write("first", key)
    loaded = EmbeddedEngine.load(file, "p/decision", 60.0, key=SecretFile(path=tmp_path / "key.pem"))
    async with followed(loaded):
        before = loaded.revision
        write("stolen", SigningKey.create())
        await until(lambda: "is not signed with this key" in caplog.text)
        kept = await loaded.decide(asked())
        write("second", key)
        await until(lambda: loaded.revision != before)
        last = await loaded.decide(asked())
    await loaded.close()

    assert [kept.decision.reasons, last.decision.reasons] == [("first",), ("second",)]


async def test_updates_under_load(tmp_path: Path, asked: Asked) -> None:
    """Every exchange of several operations is decided by one whole revision, rules and data alike."""
    round_of(tmp_path, 0)
    loaded = EmbeddedEngine.load(tmp_path / "policy", "p/decision", 60.0)
    rounds, going = 8, True
    seen: list[tuple[tuple[Decision, ...], str]] = []

    async def load(cache: DecisionCache, number: int) -> None:
        exchange = tuple(asked(collection=f"c{number}-{index}") for index in range(3))
        while going:
            seen.append(await decide_together(cache, exchange))
            await asyncio.sleep(0)

    async with followed(loaded) as told:
        cache = DecisionCache(loaded, clock=lambda: 1_800_000_000.0)
        loads = [asyncio.create_task(load(cache, number)) for number in range(4)]
        for number in range(1, rounds + 1):
            before = loaded.revision
            round_of(tmp_path, number)
            await until(lambda before=before: loaded.revision != before)  # type: ignore[misc]
        last = await cache.decide(asked())
        going = False
        await asyncio.gather(*loads)
    await loaded.close()

    numbers = [[stamped(each) for each in decisions] for decisions, _ in seen]
    mixed = [found for found in numbers if any(fields != found[0] or fields["rules"] != fields["data"] for fields in found)]
    named = {revision: fields[0]["rules"] for fields, (_, revision) in zip(numbers, seen, strict=True)}
    assert mixed == []
    assert len(set(named.values())) == len(named)
    assert stamped(last.decision) == {"rules": rounds, "data": rounds}
    assert len(told.revisions) == rounds
