"""Who administers the gateway where the policy has no package for it: whom the configuration names, and nobody else.

A judge of the same form as an engine, so that an act is decided and recorded alike. What holds whatever the configuration says
is what the shared library holds too: a program does not look behind a mask, and nobody erases their own traces.
"""

from __future__ import annotations

from typing import Final

from extproc.administration import Input
from extproc.decision import Decision
from extproc.engines.engine import Decided

_HUMAN: Final = frozenset({"mask_reveal", "approval_decide"})


class Admins:
    """Callers with one of the roles or groups `named` (``role:NAME``, ``group:NAME``) may do anything."""

    revision: Final = "control.admins"

    def __init__(self, named: tuple[str, ...]) -> None:
        self._named = frozenset(named)

    async def decide(self, asked: Input) -> Decided:
        """Return the decision of one act."""
        principal = asked.principal
        held = {f"role:{role}" for role in principal.roles} | {f"group:{group}" for group in principal.groups}
        reasons = () if held & self._named else ("act_not_granted",)
        if asked.act in _HUMAN and principal.kind != "human":
            reasons = (*reasons, "human_needed")
        if asked.act == "erase" and _own(asked):
            reasons = (*reasons, "own_erasure")
        return Decided(decision=Decision(allow=not reasons, reasons=reasons), revision=self.revision)


def _own(asked: Input) -> bool:
    person, target = asked.principal.person, asked.target
    return target.id == asked.principal.id or (person is not None and target.person == person)
