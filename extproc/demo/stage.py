"""What the story is played on: the gateway's address, tokens to come with, the truth to compare with, and the evidence.

The steps of `story` see the gateway only as its users do, through the official client or plain HTTP.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import chromadb
import httpx
from chromadb.config import Settings

from extproc.audit.leaf import Leaf
from extproc.audit.reader import Opened, open_private, read_leaves, workers
from extproc.demo.collector import Collector, Seen
from extproc.demo.tickets import Ticket
from extproc.secret import Secret

COLLECTION: Final = "support-tickets"
PERSONAL: Final = ("name", "email", "phone", "card", "api_key")
FOUND: Final = {"email": "[EMAIL_ADDRESS]", "phone": "[PHONE_NUMBER]", "card": "[CREDIT_CARD]", "api_key": "[API_KEY]"}
"""Personal fields whose values are also found inside texts, and what stands there in their place."""
"""The metadata fields that hold personal or secret values."""

_REFUSAL: Final = re.compile(r"denied by Vecgate: ([a-z0-9_]+) \(exchange ([^)\s]+)\)")
_HTTP_TIMEOUT: Final = 20.0
_SPANS_TIMEOUT: Final = 15.0
_POLL: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What callers come with; `forged` and `expired` must not get anybody in, and neither must the database's own key."""

    reader: str
    writer: str
    admin: str
    forged: str
    expired: str
    database_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How something was refused: the gateway's reason and exchange id, or neither where somebody else refused it."""

    reason: str
    exchange: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was written down: the audit log's directory, the key that opens its private half, and the collector."""

    directory: Path
    sealing_key: Callable[[], Secret]
    collector: Collector

    def leaves(self) -> list[Leaf]:
        """Return the log's public half."""
        return list(read_leaves(self.directory))

    def opened(self, index: int) -> Opened:
        """Return the private half of one entry; there is one worker."""
        return open_private(self.directory, workers(self.directory)[0], index, self.sealing_key())

    def spans(self, complete: Callable[[tuple[Seen, ...]], bool]) -> tuple[Seen, ...]:
        """Return all spans, once they are `complete` or have had time enough to be."""
        end = time.monotonic() + _SPANS_TIMEOUT
        while not complete(spans := self.collector.spans()) and time.monotonic() < end:
            time.sleep(_POLL)
        return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that a step may use. `refusals` fills up as the story goes on."""

    host: str
    port: int
    database_url: str
    tokens: Tokens
    tickets: tuple[Ticket, ...]
    evidence: Evidence
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://{self.host}:{self.port}"

    def client(self, token: str) -> Any:
        """Return the unchanged official client, with a token where its API key used to go."""
        settings = Settings(
            anonymized_telemetry=False,
            chroma_client_auth_provider="chromadb.auth.token_authn.TokenAuthClientProvider",
            chroma_client_auth_credentials=token,
            chroma_auth_token_transport_header="X-Chroma-Token",  # noqa: S106  # a header's name
        )
        return chromadb.HttpClient(host=self.host, port=self.port, settings=settings)

    def collection(self, token: str) -> Any:
        """Return the tickets' collection as the holder of `token` sees it."""
        return self.client(token).get_collection(COLLECTION, embedding_function=None)

    def behind(self) -> Any:
        """Return the collection past the gateway, straight from the database: the truth."""
        url = httpx.URL(self.database_url)
        settings = Settings(anonymized_telemetry=False)
        client = chromadb.HttpClient(host=url.host, port=url.port or 80, settings=settings)
        return client.get_collection(COLLECTION, embedding_function=None)

    def post(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        """Send one plain HTTP request to the gateway; `path` is below the tenant and database that clients use by default."""
        url = f"{self.url}/api/v2/tenants/default_tenant/databases/default_database{path}"
        return httpx.post(url, json=body, headers=headers, timeout=_HTTP_TIMEOUT, trust_env=False)

    def get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        """Likewise, without a body."""
        url = f"{self.url}/api/v2/tenants/default_tenant/databases/default_database{path}"
        return httpx.get(url, headers=headers, timeout=_HTTP_TIMEOUT, trust_env=False)

    def refusal(self, action: Callable[[], object]) -> Refusal | None:
        """Do `action` and return how it was refused; None where it was not."""
        try:
            action()
        except Exception as error:  # noqa: BLE001  # clients have many; what matters is what they were told
            return self.noted(f"{type(error).__name__}: {error}")
        return None

    def noted(self, message: str) -> Refusal:
        """Return what `message`, an error as a client shows it, says of the refusal."""
        found = _REFUSAL.search(message)
        refusal = Refusal(reason=found[1] if found else "", exchange=found[2] if found else "", message=message)
        if found:
            self.refusals.append(refusal)
        return refusal


def leaks(text: str, tickets: Iterable[Ticket], fields: Iterable[str] = PERSONAL) -> list[str]:
    """Return which values of `tickets` in personal `fields` stand in `text`, as ``field of ticket``; never the values."""
    return [
        f"{name} of {ticket.id}"
        for ticket in tickets
        for name in fields
        if any(value in text for value in written(name, str(ticket.metadata.get(name, ""))))
    ]


def written(field: str, value: str) -> list[str]:
    """Return the ways in which a value is written in tickets: a card's digits also in groups of four."""
    grouped = " ".join(value[start : start + 4] for start in range(0, len(value), 4))
    return [*([value] if value else []), *([grouped] if value and field == "card" else [])]
