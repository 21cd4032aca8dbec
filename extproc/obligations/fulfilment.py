"""What the gateway makes of decisions, before it touches a request: terms and masks, or a refusal of what cannot be fulfilled.

The one place where this is worked out, for whoever acts on a decision and for whoever only asks what would become of it. What
an obligation means to a request's bytes is the adapter's business (`Adapter.narrow`). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from extproc.decision import Decision, Level, Terms, combine
from extproc.detection.catalogue import Catalogue
from extproc.obligations.masking import Mask, compile_mask
from extproc.obligations.operators import MaskKey
from extproc.obligations.predicates import refuse_masked_predicates
from extproc.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a gateway has to fulfil obligations with.

    `level` is recorded where the policy names none; keyed masks are made with `key`; texts are searched for what is in the
    `catalogue`.
    """

    level: Level
    key: MaskKey | None
    catalogue: Catalogue

    def mask(self, operation: Operation, terms: Terms) -> Mask:
        """Return what does to an answer as `terms` ask. Raises `Unfulfillable`."""
        return compile_mask(terms, self.key, self.catalogue, database=operation.database, collection=operation.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """The terms of each operation and the masks that they make; `level` is how much of the exchange is recorded."""

    terms: tuple[Terms, ...]
    masks: tuple[Mask, ...]
    level: Level
    operations: tuple[Operation, ...]
    means: Means

    @property
    def unlimited(self) -> tuple[Mask, ...]:
        """The masks for answers to a request that was not narrowed."""
        pairs = zip(self.operations, self.terms, strict=True)
        return tuple([self.means.mask(operation, msgspec.structs.replace(terms, limit=None)) for operation, terms in pairs])


def fulfil(operations: Sequence[Operation], decisions: Sequence[Decision], means: Means) -> Fulfilment:
    """Turn the decisions of allowed `operations` into terms and masks. Raises `Denied`: what is asked cannot be done here."""
    terms = tuple([combine(decision, means.level) for decision in decisions])
    masks = tuple([means.mask(operation, each) for operation, each in zip(operations, terms, strict=True)])
    for operation, each in zip(operations, terms, strict=True):
        refuse_masked_predicates(operation, each)
    level = max([each.level for each in terms], default=means.level)
    return Fulfilment(terms=terms, masks=masks, level=level, operations=tuple(operations), means=means)
