"""An Engine of our own: Rego in a process beside this one, asked by a thread, so that no policy stalls the event loop.

Questions are asked one after the other. One that is late is a denial, and the process that was late is killed; those that
wait behind it meanwhile are late likewise. The thread is a daemon, so it does not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import msgspec

from extproc.decision import Decision, Input, decode
from extproc.engines.bundle import read_bundle
from extproc.engines.process import Process
from extproc.errors import EngineError

_LONGEST_INPUT: Final = 64 << 10
"""Bytes of a policy input: one with a long filter takes so much memory and time that others would wait for it."""

_PATIENCE: Final = 5
"""How many deadlines a question waits for its turn and its answer together."""


@dataclass(frozen=True, slots=True)
class _Job:
    document: bytes
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[bytes]


class EmbeddedEngine:
    """The policy of one directory; a `decision.Engine`. `deadline` is in seconds, for one evaluation."""

    def __init__(self, process: Process, *, revision: str, deadline: float) -> None:
        self._process = process
        self._revision = revision
        self._deadline = deadline
        self._encode = msgspec.json.Encoder().encode
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread: threading.Thread | None = None

    @classmethod
    def load(cls, directory: Path, entrypoint: str, deadline: float, library: Path | None = None) -> EmbeddedEngine:
        """Read and compile the policy in `directory`, with the rules in `library` where there is one.

        `entrypoint` is a path such as ``vecgate/authz/decision``.

        Raises `ConfigError` with one line that says where and what to do.
        """
        bundle = read_bundle(directory, library)
        process = Process(bundle, entrypoint)
        process.start()
        return cls(process, revision=bundle.revision, deadline=deadline)

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
        if len(document) > _LONGEST_INPUT:
            raise EngineError("the request is too large for the policy to look at", code="policy_input_too_large")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="vecgate-policy", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        job = _Job(document, loop, loop.create_future())
        self._jobs.put(job)
        try:
            async with asyncio.timeout(self._deadline * _PATIENCE):
                answer = await job.result
        except TimeoutError as error:
            raise EngineError("the policy did not decide in time", code="policy_late") from error
        finally:
            del job  # else its error and this frame would hold each other, and with them the request
        return decode(answer)

    async def close(self) -> None:
        """Take no more questions, and end the process after those that wait."""
        self._closed = True
        if self._thread is None:
            self._process.stop()
            return
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.result.cancelled():
                continue  # nobody waits for it any more
            try:
                answer: bytes | EngineError = self._process.evaluate(job.document, self._deadline)
            except EngineError as error:
                answer = error
            except Exception:  # noqa: BLE001 - this thread must outlive whatever happens, or nothing is decided any more
                answer = EngineError("the policy engine has failed")
            try:
                job.loop.call_soon_threadsafe(_settle, job.result, answer)
            except RuntimeError:
                continue  # the event loop has ended, and its waiters with it
        self._process.stop()


def _settle(result: asyncio.Future[bytes], answer: bytes | EngineError) -> None:
    if result.done():
        return
    if isinstance(answer, EngineError):
        result.set_exception(answer)
    else:
        result.set_result(answer)
