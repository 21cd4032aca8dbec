"""What OPA says to a question: a value of its answer under a revision that it names, or a denial that quotes nothing.

The head's first three digits are the status, the body is the answer.
"""

from __future__ import annotations

import json
from typing import Final

from extproc.decision import Decision, decode
from extproc.engines.opa_answer import Answer, read_answer
from extproc.errors import EngineError
from fuzz.framing import headed
from fuzz.mutation import tree as mutate

__all__ = ["check", "mutate"]

_OK: Final = 200
_CODES: Final = {
    "policy_refused": "the OPA server does not let this gateway ask",
    "policy_unreadable": "what answers in OPA's place is not OPA",
    "policy_unversioned": "the OPA server has no policy whose bundle names a revision",
    "policy_ambiguous": "the policy gives several decisions",
    "policy_error": "the policy failed",
    "decision_invalid": "the policy's decision is not of the contract's form",
}


def check(data: bytes) -> None:
    """Read an answer, and the decision in it."""
    (first, *_), body = headed(data)
    status = int(first[:3]) if first[:3].isdigit() else _OK
    try:
        answer = read_answer(status, body)
        decision = None if answer.value is None else decode(answer.value)
    except EngineError as error:
        told = (error.code, str(error))
    else:
        _compare(status, body, answer, decision)
        return
    assert told in _CODES.items(), "a denial is not one of these"


def _compare(status: int, body: bytes, answer: Answer, decision: Decision | None) -> None:
    """Hold what was read against what the standard library reads."""
    assert status == _OK
    document = json.loads(body.decode("utf-8", "replace"))  # what is not read is not looked at either
    assert document["provenance"]["bundles"]
    assert all(bundle["revision"] in answer.revision for bundle in document["provenance"]["bundles"].values())
    if answer.value is None:
        assert "result" not in document
    if decision is not None:
        assert decision.allow is document["result"]["allow"]
        assert set(decision.reasons) == set(document["result"].get("reasons", ()))
