"""Questions to the database, asked with the gateway's own credential.

The one module that talks to a database by itself. Bounded in time, connections and size; answers are kept for a few seconds,
and a request that makes an answer untrue makes every worker forget what it knows: the workers share one small file whose
content changes then. It does not know what a question means.
"""

from __future__ import annotations

import mmap
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from extproc.errors import CredentialRefused, UpstreamError
from extproc.protocols.adapter import Facts, Question

_KEPT_SECONDS: Final = 5.0
_MOST_KEPT: Final = 10_000
_MOST_BYTES: Final = 4 << 20
_CONNECTIONS: Final = 16
_TIMEOUT_SECONDS: Final = 5.0
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404


class Generation:
    """A few shared bytes that change whenever some worker has made known answers untrue."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(file, 8)
            self._shared = mmap.mmap(file, 8)
        finally:
            os.close(file)

    def now(self) -> bytes:
        """Return the current bytes."""
        return self._shared[:8]

    def advance(self) -> None:
        """Change the bytes, for every worker; random ones, so that two at once need no lock."""
        self._shared[:8] = secrets.token_bytes(8)


class Upstream:
    """One database's asker.

    `credential` gives the current (header, value), or None where there is none; `clock` seconds; `sni` is the name to verify.
    """

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        credential: Callable[[], tuple[str, bytes] | None],
        generation: Generation,
        clock: Callable[[], float],
        sni: str | None = None,
    ) -> None:
        self._client = client
        self._credential = credential
        self._generation = generation
        self._clock = clock
        # The name that is asked for and verified, where it is not the host's.
        self._extensions = {"sni_hostname": sni} if sni else {}
        self._seen = generation.now()
        self._kept: OrderedDict[Question, tuple[float, Any]] = OrderedDict()

    @staticmethod
    def client(base_url: str, verify: Any = True) -> httpx.AsyncClient:
        """Return an HTTP client with this module's bounds; `verify` as httpx takes it."""
        return httpx.AsyncClient(
            base_url=base_url,
            verify=verify,
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )

    async def ask(self, questions: tuple[Question, ...]) -> Facts:
        """Return the answer to each question. Raises `UpstreamError` when the database does not say, `SecretMissing`."""
        return {question: await self._ask(question) for question in questions}

    async def _ask(self, question: Question) -> Any:
        generation = self._generation.now()
        if generation != self._seen:
            self._kept.clear()
            self._seen = generation
        kept = self._kept.get(question)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        answer = await self._fetch(question)
        # An answer that was overtaken by a change, or that says "no such thing", is used once and not kept.
        if question.kept and answer is not None and generation == self._generation.now():
            self._kept[question] = (self._clock() + _KEPT_SECONDS, answer)
            self._kept.move_to_end(question)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return answer

    async def _fetch(self, question: Question) -> Any:
        credential = self._credential()
        headers = {} if credential is None else {credential[0]: credential[1].decode("latin-1")}
        if question.body is not None:
            headers["content-type"] = "application/json"
        try:
            async with self._client.stream(
                question.method, question.target, content=question.body, headers=headers, extensions=self._extensions
            ) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise _unanswered(question)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unanswered(question) from error
        if response.status_code == _UNAUTHORIZED:
            raise CredentialRefused("the database does not take the gateway's own credential")
        if response.status_code == _NOT_FOUND:
            return None
        if response.status_code != _OK:
            raise _unanswered(question)
        try:
            return msgspec.json.decode(bytes(body))
        except msgspec.DecodeError as error:
            raise _unanswered(question) from error

    def forget(self) -> None:
        """Make every worker ask again."""
        self._generation.advance()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _unanswered(question: Question) -> UpstreamError:
    return UpstreamError(f"the database did not answer the gateway's question ({question.topic})", code="question_unanswered")
