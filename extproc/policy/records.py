"""What was asked and decided, as it is on record: the policy inputs of one entry, and the decision on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import msgspec

from extproc.audit.entry import Private
from extproc.decision import Decision, Input, decode
from extproc.errors import AuditError, EngineError

NO_ROLE: Final = "(no role)"
_INPUT: Final = msgspec.json.Decoder(Input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One operation: its policy input, as it was recorded too, and the decision, or why there was none."""

    input: Input
    decision: Decision | EngineError

    @property
    def roles(self) -> str:
        """The caller's roles, for a table."""
        return ", ".join(self.input.principal.roles) or NO_ROLE


def asked(reasons: Sequence[str], private: Private) -> Iterator[Asked]:
    """Give the operations of an entry that was made for `reasons`; none where it tells only how an exchange ended.

    Raises `AuditError` for what is no input.
    """
    failure = EngineError("there was no decision", code=(*reasons, EngineError.default_code)[0])
    for document, decided in zip_longest(private.inputs, private.decisions[: len(private.inputs)]):
        try:
            found = _INPUT.decode(document)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AuditError("an entry holds a policy input of another version", code="entry_unreadable") from error
        yield Asked(input=found, decision=failure if decided is None else _decision(bytes(decided)))


def _decision(document: bytes) -> Decision | EngineError:
    try:
        return decode(document)
    except EngineError as error:
        return error
