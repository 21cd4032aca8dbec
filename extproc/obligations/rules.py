"""What happens to the field at a path: hidden whole, searched, opened because of what lies below it, or left alone.

Several masks and detections may name one field; the strongest operator holds. Pure; it knows no record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

from extproc.decision import DetectObligation, Operator, stronger
from extproc.detection.catalogue import Catalogue
from extproc.obligations.fields import parse
from extproc.obligations.operators import Veil
from extproc.obligations.sieve import Sieve

_MOST_PLANS: Final = 1024
"""How many paths are remembered; records choose them, so there must be an end."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one field, and the pattern of the policy that says so.

    `veil`, which is that of `operator`, hides the whole value, `sieve` what is found in it. With both, the value is hidden
    whole, and by what is strongest of the operator and those of what is found.
    """

    pattern: str
    veil: Veil | None
    operator: Operator | None
    sieve: Sieve | None


class Rules:
    """All masks and detections of one operation. `veils` has every operator that they name."""

    def __init__(
        self,
        masks: tuple[tuple[str, Operator], ...],
        detects: tuple[DetectObligation, ...],
        veils: Mapping[Operator, Veil],
        catalogue: Catalogue,
    ) -> None:
        self._masks = tuple((parse(text), operator) for text, operator in masks)
        self._detects = tuple((parse(text), each) for each in detects for text in each.fields)
        self._patterns = tuple(pattern for pattern, _ in (*self._masks, *self._detects))
        self._catalogue = catalogue
        self._planned: dict[str, Rule | bool] = {}
        self.veils = veils

    @property
    def any(self) -> bool:
        """Whether there is a mask or a detection at all."""
        return bool(self._patterns)

    @property
    def search(self) -> bool:
        """Whether there is a detection."""
        return bool(self._detects)

    def plan(self, path: str) -> Rule | bool:
        """Return the rule of the field at `path`; else whether something below it may have to be hidden."""
        plan = self._planned.get(path)
        if plan is None:
            plan = self._rule(path) or any(pattern.reaches(path) for pattern in self._patterns)
            if len(self._planned) < _MOST_PLANS:
                self._planned[path] = plan
        return plan

    def _rule(self, path: str) -> Rule | None:
        masks = [(pattern.text, operator) for pattern, operator in self._masks if pattern.matches(path)]
        detects = [(pattern.text, each) for pattern, each in self._detects if pattern.matches(path)]
        operator: Operator | None = _strongest([operator for _, operator in masks])
        sought: dict[str, Operator] = {}
        for _, each in detects:
            for entity in each.entities:
                sought[entity] = stronger(each.operator, sought.get(entity, each.operator))
        # What is hidden whole need only be searched for what would be hidden better.
        better = {entity: each for entity, each in sought.items() if operator is None or stronger(each, operator) != operator}
        sieve = Sieve(self._catalogue.detector(better), better, self.veils) if better else None
        if operator is not None:
            pattern = next(text for text, each in masks if each == operator)
            return Rule(pattern, self.veils[operator], operator, sieve)
        return Rule(detects[0][0], None, None, sieve) if sieve else None


def _strongest(operators: list[Operator]) -> Operator | None:
    if not operators:
        return None
    strongest: Operator = reduce(stronger, operators)
    return strongest
