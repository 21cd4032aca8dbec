"""An Engine on an OPA server: its Data API over few connections, with a deadline, and not at all while OPA is silent.

The library `opa-python-client` is not used: it reaches no Unix socket and verifies against the system's authorities alone,
follows redirects with the input in hand, reads answers without bound, and drops what OPA says of an error. This is the HTTP
client that it is made of. OPA names the revision with each answer, read in the same transaction that the policy is evaluated
in; an answer without one is not used.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Final

import aiohttp

from extproc.decision import MOST_BYTES, decode
from extproc.engines.engine import Decided, Question, Told, encode
from extproc.engines.opa_answer import Answer, read_answer, unreadable
from extproc.engines.watch import LOOK_EVERY
from extproc.errors import AuditError, ConfigError, EngineError

_log = logging.getLogger(__name__)

_CONNECTIONS: Final = 32
_MOST_SILENT: Final = 3
"""Questions in a row without an answer, after which no more are asked until a look finds OPA answering."""
_MOST_KNOWN: Final = 64
"""Revisions that are remembered as told; OPAs behind one address may have several at a time."""
_MOST_ANSWER: Final = MOST_BYTES + (16 << 10)
"""Bytes of an answer: a decision, and what OPA says around it."""
_QUERY: Final = "provenance=true&strict-builtin-errors=true"  # a builtin that fails is an error, as it is in process
_NOTHING: Final = b'{"input":null}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where OPA is: its URL without a path, or a Unix socket in its place; how it is verified, and what we show it."""

    url: str = "http://opa"
    socket: Path | None = None
    tls: SSLContext | None = None
    name: str | None = None
    """The name that its certificate must have, where that is not the URL's host."""
    token: Callable[[], str | None] = lambda: None
    """The bearer token of now; may raise `ConfigError`."""


class OpaEngine:
    """The policy of one OPA server; an `engine.Engine`. `deadline` is in seconds, for one question."""

    def __init__(self, server: Server, entrypoint: str, deadline: float) -> None:
        self._server = server
        self._url = f"{server.url}/v1/data/{entrypoint}?{_QUERY}"
        self._deadline = deadline
        self._open: aiohttp.ClientSession | None = None
        self._closed = False
        self._silent = 0
        self._look_now = asyncio.Event()
        self._revision = ""
        self._news: dict[str, None] = {}  # seen and not told yet, in order
        self._known: OrderedDict[str, None] = OrderedDict()  # the last ones that were told, in order
        self._told: Told | None = None
        self._telling = asyncio.Lock()
        self._answers = 0
        self._learned = 0

    @property
    def revision(self) -> str:
        """The newest revision that OPA named."""
        return self._revision

    async def decide(self, asked: Question) -> Decided:
        """Return the decision of one operation, or one act. Raises `EngineError` for anything but one decision, in time.

        Of a policy that is new it returns none before that is on record; `AuditError` where it cannot be.
        """
        if self._closed:
            raise EngineError("the policy engine is closed")
        document = encode(asked)
        if self._silent >= _MOST_SILENT:
            raise EngineError("the OPA server does not answer, and is asked again once it does")
        answer = await self._ask(b'{"input":' + document + b"}")
        if self._news:
            await self._tell()
        if answer.value is None:
            raise EngineError("the policy gives no decision", code="policy_undefined")
        return Decided(decision=decode(answer.value), revision=answer.revision)

    async def look(self) -> None:
        """Ask without an input, only to learn whether OPA answers, and under which revision. Raises `EngineError`."""
        try:
            await self._ask(_NOTHING)
        except EngineError as error:
            if error.code not in {"policy_error", "policy_ambiguous"}:  # then it is the policy's answer to nothing
                raise

    async def follow(self, told: Told, *, every: float = LOOK_EVERY) -> None:
        """Look again and again, until cancelled: what is cached of an old policy ends, and a silent OPA is found again."""
        self._told = told
        self._note(self._revision)  # whoever follows knows what is in force now
        failure = ""
        while True:
            self._look_now.clear()
            try:
                await self.look()
                said = ""
            except EngineError as error:
                said = str(error)
            if said != failure:
                _log.error("OPA: %s", said or "answers again")
                failure = said
            try:
                await self._tell()
            except AuditError as error:
                _log.error("a new policy is not on record: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), every)

    async def _tell(self) -> None:
        """Tell every revision that is new, once whoever follows wants to know. Raises `AuditError`."""
        if self._told is None:
            return
        async with self._telling:
            for revision in tuple(self._news):
                await self._told(revision)
                self._note(revision)

    def _note(self, revision: str) -> None:
        self._news.pop(revision, None)
        self._known[revision] = None
        self._known.move_to_end(revision)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """Ask no more, and close the connections."""
        self._closed = True
        if self._open is not None:
            await self._open.close()

    async def _ask(self, document: bytes) -> Answer:
        """Return what OPA answers. Raises `EngineError`."""
        began = self._answers
        answer = read_answer(*await self._post(document))
        revision = answer.revision
        self._answers += 1
        # Answers overtake each other: one that was under way when the revision was learned may be of an older policy.
        learned = revision != self._revision and began >= self._learned
        if learned:
            self._revision, self._learned = revision, self._answers
        # What is learned must be what is told last, and may be already, through an answer that was under way itself.
        if revision not in self._known or (learned and revision != next(reversed(self._news or self._known))):
            self._news[revision] = None
        return answer

    async def _post(self, document: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        try:
            if (token := self._server.token()) is not None:
                headers["authorization"] = f"Bearer {token}"
            async with (
                asyncio.timeout(self._deadline),
                self._session().post(
                    self._url, data=document, headers=headers, allow_redirects=False, server_hostname=self._server.name
                ) as response,
            ):
                content = await _bounded(response.content)
        except ConfigError as error:
            raise EngineError("the token for the OPA server is missing, or is none") from error
        except TimeoutError as error:
            self._unanswered()
            raise EngineError("the OPA server did not decide in time", code="policy_late") from error
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as error:
            raise unreadable() from error
        except (aiohttp.ClientError, OSError) as error:
            self._unanswered()
            raise EngineError("the OPA server cannot be reached") from error
        self._silent = 0
        return response.status, content

    def _unanswered(self) -> None:
        self._silent += 1
        if self._silent == _MOST_SILENT:
            self._look_now.set()

    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            server = self._server
            connector: aiohttp.BaseConnector = (
                aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=True if server.tls is None else server.tls)
                if server.socket is None
                else aiohttp.UnixConnector(str(server.socket), limit=_CONNECTIONS)
            )
            self._open = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # ours is around it, the wait for a connection included
                auto_decompress=False,
            )
        return self._open


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for chunk in stream.iter_any():
        content += chunk
        if len(content) > _MOST_ANSWER:
            raise EngineError("the OPA server's answer is too long", code="decision_invalid")
    return bytes(content)
