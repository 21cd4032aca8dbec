"""The transcript of one exchange: everything that its entries hold, opened, and of what was erased that it was.

It takes where the entries are (`sessions.Index.places`) and the sealing key. Whoever has it reads what was sent and what came
back, so who may is decided elsewhere. It changes nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from extproc.audit import reader
from extproc.audit.entry import Fact, Private, Recording
from extproc.audit.leaf import Leaf
from extproc.operation import Principal
from extproc.secret import Secret

_TRACE_PARTS: Final = 4


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request or an answer: `body` where it is JSON, else `base64`. Of a truncated one only the beginning was kept."""

    method: str
    target: str
    status: int | None = None
    body: msgspec.Raw | None = None
    base64: str | None = None
    truncated: bool = False

    @classmethod
    def of(cls, recording: Recording) -> Body:
        """Return what a recording holds."""
        body, encoded = None, None
        try:
            msgspec.json.decode(recording.body)
            body = msgspec.Raw(recording.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            encoded = base64.b64encode(recording.body).decode() or None
        return cls(
            method=recording.method,
            target=recording.target,
            status=recording.status,
            body=body,
            base64=encoded,
            truncated=recording.truncated,
        )


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: what its leaf says, and what was sealed beside it, unless it was erased.

    `asked` are the policy's inputs and `decided` its decisions, one for each operation; `returned` the ids of the records.
    """

    log: str
    entry: int
    kind: str
    time: str
    state: Literal["kept", "erased"]
    database: str
    decision: str | None
    reasons: tuple[str, ...]
    end: str | None
    status: int | None
    revision: str
    operations: tuple[Fact, ...]
    detail: dict[str, str]
    level: str
    source: str = ""
    user_agent: str = ""
    claimed: dict[str, Any] | None = None
    asked: tuple[msgspec.Raw, ...] = ()
    decided: tuple[msgspec.Raw, ...] = ()
    returned: tuple[tuple[msgspec.Raw, ...], ...] = ()


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange. What is None is not on record, or was erased. `trace` is the caller's trace id."""

    id: str
    principal: Principal | None
    trace: str | None
    approval: Any
    request: Body | None
    answer: Body | None
    entries: tuple[Told, ...]

    @property
    def erased(self) -> bool:
        """Whether nothing of it can be read any more."""
        return all(each.state == "erased" for each in self.entries)


class _Context(msgspec.Struct):
    approval: Any = None


class _Asked(msgspec.Struct):
    context: _Context = msgspec.field(default_factory=_Context)


def read(directory: Path, exchange: str, places: Iterable[tuple[str, int]], sealing_key: Secret) -> Transcript:
    """Return the transcript of an exchange whose entries are at these workers and indexes. Raises `AuditError`."""
    kept = [reader.read_entry(directory, worker, index, sealing_key) for worker, index in places]
    entries = [_told(leaf, opened.private if opened else None) for leaf, opened in kept]
    private = [opened.private for _, opened in kept if opened]
    bodies = [opened.recording for _, opened in kept if opened and opened.recording]
    return Transcript(
        id=exchange,
        principal=next((each.principal for each in private if each.principal is not None), None),
        trace=next((found for each in private if (found := _trace(each.trace))), None),
        approval=next((found for each in private for raw in each.inputs if (found := _approval(raw)) is not None), None),
        request=next((Body.of(each) for each in bodies if each.status is None), None),
        answer=next((Body.of(each) for each in bodies if each.status is not None), None),
        entries=tuple(sorted(entries, key=lambda each: (each.time, each.entry))),
    )


def _told(leaf: Leaf, private: Private | None) -> Told:
    sealed = private or Private()
    return Told(
        log=leaf.log,
        entry=leaf.index,
        kind=leaf.kind,
        time=leaf.time,
        state="erased" if private is None else "kept",
        database=leaf.database,
        decision=leaf.decision,
        reasons=leaf.reasons,
        end=leaf.end,
        status=leaf.status,
        revision=leaf.revision,
        operations=leaf.facts,
        detail=leaf.detail,
        level=leaf.recording.level,
        source=sealed.source,
        user_agent=sealed.user_agent,
        claimed=sealed.claimed,
        asked=sealed.inputs,
        decided=sealed.decisions,
        returned=sealed.returned,
    )


def _trace(traceparent: str) -> str | None:
    """Return the trace id of a W3C traceparent."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= _TRACE_PARTS else None


def _approval(asked: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(asked, type=_Asked).context.approval
    except msgspec.MsgspecError:
        return None
