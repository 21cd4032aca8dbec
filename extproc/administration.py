"""What somebody may ask of the gateway itself, in the words of the administration policy.

`Input` is the input of ``data.vecgate.admin.decision`` (design contract, section 4); its answer is a `decision.Decision`. Pure
values: who asks, and how an act is done once it is allowed, is not known here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from extproc.operation import Context, Principal

Act = Literal[
    "approval_decide",
    "approval_read",
    "erase",
    "evidence_export",
    "explain",
    "lock_change",
    "mask_reveal",
    "policy_read",
    "session_read",
    "token_issue",
]
"""The closed list of acts."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What an act is on; None or empty where it does not apply.

    `id` names the approval, the session or the lock. `person` is whom it concerns: who asked for the approval, whose session it
    is, who is locked or erased, for whom a token is issued, in whose name a decision is explained. `roles` are those that an
    issued token would carry. `database` and `collection` say where a revealed value stands, or what an approval or an
    explanation is about; `fields` are the fields whose values are revealed.
    """

    id: str | None = None
    person: str | None = None
    roles: tuple[str, ...] = ()
    database: str | None = None
    collection: str | None = None
    fields: tuple[str, ...] = ()


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """The policy input of one act."""

    principal: Principal
    act: Act
    target: Target
    context: Context
