"""An Engine in process: Rego on a thread of its own, so that a policy that is slow stalls no traffic but its own.

An evaluation cannot be stopped from outside. One that is late is a denial at its deadline, those that wait behind it
likewise, and the thread is a daemon, so it does not keep the program from ending either.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import msgspec

from extproc.decision import Decision, Input, decode
from extproc.engines.bundle import read_bundle
from extproc.engines.program import Program
from extproc.errors import EngineError


@dataclass(frozen=True, slots=True)
class _Job:
    document: bytes
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[bytes]


class EmbeddedEngine:
    """The policy of one directory; a `decision.Engine`. `deadline` is in seconds, for one evaluation and its wait."""

    def __init__(self, program: Program, *, entrypoint: str, revision: str, deadline: float) -> None:
        self._program = program
        self._entrypoint = entrypoint
        self._revision = revision
        self._deadline = deadline
        self._encode = msgspec.json.Encoder().encode
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="vecgate-policy", daemon=True)
        self._thread.start()

    @classmethod
    def load(cls, directory: Path, entrypoint: str, deadline: float) -> EmbeddedEngine:
        """Read and compile the policy in `directory`; `entrypoint` is a path such as ``vecgate/authz/decision``.

        Raises `ConfigError` with one line that says where and what to do.
        """
        bundle = read_bundle(directory)
        program = Program.compile(bundle, (entrypoint,))
        return cls(program, entrypoint=entrypoint, revision=bundle.revision, deadline=deadline)

    @property
    def revision(self) -> str:
        """The digest of the policy's files."""
        return self._revision

    async def decide(self, asked: Input) -> Decision:
        """Return the decision of one operation. Raises `EngineError` for anything but one decision, in time."""
        if self._closed:
            raise EngineError("the policy engine is closed")
        try:
            document = self._encode(asked)
        except (TypeError, ValueError) as error:  # a lone surrogate in a claim, which JSON cannot carry
            raise EngineError("the policy input holds what the engine cannot represent", code="policy_input_invalid") from error
        loop = asyncio.get_running_loop()
        job = _Job(document, loop, loop.create_future())
        self._jobs.put(job)
        try:
            async with asyncio.timeout(self._deadline):
                answer = await job.result
        except TimeoutError as error:
            raise EngineError("the policy did not decide in time", code="policy_late") from error
        return decode(answer)

    async def close(self) -> None:
        """Take no more questions; what is being evaluated ends by itself."""
        self._closed = True
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.result.cancelled():
                continue  # nobody waits for it any more
            try:
                answer: bytes | EngineError = self._program.evaluate(job.document, self._entrypoint)
            except EngineError as error:
                answer = error
            try:
                job.loop.call_soon_threadsafe(_settle, job.result, answer)
            except RuntimeError:
                continue  # the event loop has ended, and its waiters with it


def _settle(result: asyncio.Future[bytes], answer: bytes | EngineError) -> None:
    if result.done():
        return
    if isinstance(answer, EngineError):
        result.set_exception(answer)
    else:
        result.set_result(answer)
