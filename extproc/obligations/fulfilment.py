"""What the gateway makes of decisions, before it touches a request: terms and masks, or a refusal of what cannot be fulfilled.

The one place where this is worked out, for whoever acts on a decision and for whoever only asks what would become of it. What
an obligation means to a request's bytes is the adapter's business (`Adapter.narrow`). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from extproc.decision import Decision, Level, Terms, combine
from extproc.obligations.masking import Mask, compile_mask
from extproc.obligations.operators import MaskKey
from extproc.obligations.predicates import refuse_masked_predicates
from extproc.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """The terms of each operation and the masks that they make; `level` is how much of the exchange is recorded."""

    terms: tuple[Terms, ...]
    masks: tuple[Mask, ...]
    level: Level
    key: MaskKey | None

    @property
    def unlimited(self) -> tuple[Mask, ...]:
        """The masks for answers to a request that was not narrowed."""
        return tuple([compile_mask(msgspec.structs.replace(terms, limit=None), self.key) for terms in self.terms])


def fulfil(
    operations: Sequence[Operation], decisions: Sequence[Decision], default_level: Level, key: MaskKey | None
) -> Fulfilment:
    """Turn the decisions of allowed `operations` into terms and masks. Raises `Denied`: what is asked cannot be done here."""
    terms = tuple([combine(decision, default_level) for decision in decisions])
    masks = tuple([compile_mask(each, key) for each in terms])
    for operation, each in zip(operations, terms, strict=True):
        refuse_masked_predicates(operation, each)
    level = max([each.level for each in terms], default=default_level)
    return Fulfilment(terms=terms, masks=masks, level=level, key=key)
