"""What OPA says to a question, read: a value and the revision it was made under, or why there is none. Pure.

Each way of not giving a decision has a reason of its own. OPA's texts may quote the input, so they go no further.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from extproc.engines.bundle import plain_revision
from extproc.errors import EngineError

_CONFLICT: Final = "eval_conflict_error"


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON that a policy gives, None where it gives nothing; and the revision of OPA's bundle, of several all by name."""

    value: bytes | None
    revision: str


class _Bundle(msgspec.Struct, frozen=True):
    revision: str = ""


class _Provenance(msgspec.Struct, frozen=True):
    bundles: dict[str, _Bundle] = {}


class _Document(msgspec.Struct, frozen=True):
    result: msgspec.Raw = msgspec.Raw()
    provenance: _Provenance = _Provenance()


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Failure(msgspec.Struct, frozen=True):
    errors: tuple[_Error, ...] = ()


_DOCUMENT: Final = msgspec.json.Decoder(_Document)
_FAILURE: Final = msgspec.json.Decoder(_Failure)


def read_answer(status: int, content: bytes) -> Answer:
    """Return what an answer of OPA's Data API says. Raises `EngineError`."""
    try:
        match status:
            case 200:
                document = _DOCUMENT.decode(content)
            case 401 | 403:
                raise EngineError("the OPA server does not let this gateway ask", code="policy_refused")
            case 500:
                raise _failed(error.code for error in _FAILURE.decode(content).errors)
            case _:
                raise unreadable()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise unreadable() from error
    value = bytes(document.result)
    return Answer(value or None, _revision(document.provenance))


def read_evaluation(answer: Any) -> bytes:
    """Return the JSON that a policy gives in an answer of ``opa eval --format json``, decoded. Raises `EngineError`."""
    match answer:
        case {"errors": [*errors]}:
            raise _failed(error.get("code") for error in errors)
        case {"result": [{"expressions": [{"value": value}]}]}:
            return msgspec.json.encode(value)
        case _:
            raise EngineError("the policy gives no decision", code="policy_undefined")


def unreadable() -> EngineError:
    """Return what it means that something else than OPA answers."""
    return EngineError("what answers in OPA's place is not OPA", code="policy_unreadable")


def _revision(found: _Provenance) -> str:
    named = sorted((name, bundle.revision) for name, bundle in found.bundles.items())
    text = named[0][1] if len(named) == 1 else ",".join(f"{name}={revision}" for name, revision in named)
    if not plain_revision(text) or not all(revision for _, revision in named):
        raise EngineError("the OPA server has no policy whose bundle names a revision", code="policy_unversioned")
    return text


def _failed(codes: Iterable[str | None]) -> EngineError:
    if _CONFLICT in codes:
        return EngineError("the policy gives several decisions", code="policy_ambiguous")
    return EngineError("the policy failed", code="policy_error")
