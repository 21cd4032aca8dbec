"""An Engine of our own: Rego in a process beside this one, asked by a thread, so that no policy stalls the event loop.

Questions are asked one after the other. One that is late is a denial, and the process that was late is killed; those that
wait behind it meanwhile are late likewise. A new policy is compiled in a process of its own, which takes the place of the old
one between two questions: each is decided by the one or by the other. The thread is a daemon, so it does not keep the program
from ending.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from extproc.decision import decode
from extproc.engines.engine import Decided, Question, Told, encode
from extproc.engines.process import Process
from extproc.engines.source import Source
from extproc.engines.watch import LOOK_EVERY, Watch
from extproc.errors import AuditError, ConfigError, EngineError
from extproc.secret import SecretSource

_log = logging.getLogger(__name__)

_PATIENCE: Final = 5
"""How many deadlines a question waits for its turn and its answer together."""


@dataclass(frozen=True, slots=True)
class _Policy:
    process: Process
    revision: str


@dataclass(frozen=True, slots=True)
class _Job:
    document: bytes
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[tuple[bytes, str]]


class EmbeddedEngine:
    """The policy of one source; an `engine.Engine`. `deadline` is in seconds, for one evaluation."""

    def __init__(self, source: Source, entrypoint: str, deadline: float) -> None:
        """Load the policy. Raises `ConfigError` with one line that says where and what to do."""
        self._source = source
        self._entrypoint = entrypoint
        self._deadline = deadline
        self._watch = Watch(source)
        bundle = source.bundle()
        process = Process(bundle, entrypoint)
        process.start()
        self._policy = _Policy(process, bundle.revision)
        self._jobs: SimpleQueue[_Job | _Policy | None] = SimpleQueue()
        self._closed = False
        self._thread: threading.Thread | None = None

    @classmethod
    def load(
        cls,
        path: Path,
        entrypoint: str,
        deadline: float,
        *,
        library: Path | None = None,
        key: SecretSource | None = None,
    ) -> EmbeddedEngine:
        """Load the policy at `path`: a directory, with the rules in `library` if there is one, or a file that `key` verifies.

        `entrypoint` is a path such as ``vecgate/authz/decision``. Raises `ConfigError`.
        """
        return cls(Source(path=path, library=library, key=key), entrypoint, deadline)

    @property
    def revision(self) -> str:
        """The revision of the policy that decides now."""
        return self._policy.revision

    async def decide(self, asked: Question) -> Decided:
        """Return the decision of one operation, or one act. Raises `EngineError` for anything but one decision, in time."""
        if self._closed:
            raise EngineError("the policy engine is closed")
        loop = asyncio.get_running_loop()
        job = _Job(encode(asked), loop, loop.create_future())
        self._enqueue(job)
        try:
            async with asyncio.timeout(self._deadline * _PATIENCE):
                answer, revision = await job.result
        except TimeoutError as error:
            raise EngineError("the policy did not decide in time", code="policy_late") from error
        finally:
            del job  # else its error and this frame would hold each other, and with them the request
        return Decided(decision=decode(answer), revision=revision)

    async def follow(self, told: Told, *, every: float = LOOK_EVERY) -> None:
        """Take new policies as they come, until cancelled; `told` has the revision on record before it decides anything."""
        while True:
            await asyncio.sleep(every)
            try:
                found = await asyncio.to_thread(self._watch.take, self._renewed)
            except ConfigError as error:
                _log.error("the new policy is not taken, the old one stays in force: %s", error)
                continue
            if found is None or found.revision == self.revision:
                continue
            try:
                await told(found.revision)
            except AuditError as error:
                _log.error("the new policy is not on record, the old one stays in force: %s", error)
                self._watch.forget()
                continue
            self._enqueue(found)

    async def close(self) -> None:
        """Take no more questions, and end the process after those that wait."""
        self._closed = True
        if self._thread is None:
            self._policy.process.stop()
            return
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _renewed(self) -> _Policy:
        """Compile what lies there now, unless it is what decides already."""
        bundle = self._source.bundle()
        if bundle.revision == self.revision:
            return self._policy
        process = Process(bundle, self._entrypoint)
        process.start()
        return _Policy(process, bundle.revision)

    def _enqueue(self, job: _Job | _Policy) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="vecgate-policy", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, _Policy):
                replaced, self._policy = self._policy, job
                replaced.process.stop()
                continue
            if job.result.cancelled():
                continue  # nobody waits for it any more
            policy = self._policy
            try:
                answer: bytes | EngineError = policy.process.evaluate(job.document, self._deadline)
            except EngineError as error:
                answer = error
            except Exception:  # noqa: BLE001 - this thread must outlive whatever happens, or nothing is decided any more
                answer = EngineError("the policy engine has failed")
            try:
                job.loop.call_soon_threadsafe(_settle, job.result, answer, policy.revision)
            except RuntimeError:
                continue  # the event loop has ended, and its waiters with it
        self._policy.process.stop()


def _settle(result: asyncio.Future[tuple[bytes, str]], answer: bytes | EngineError, revision: str) -> None:
    if result.done():
        return
    if isinstance(answer, EngineError):
        result.set_exception(answer)
    else:
        result.set_result((answer, revision))
