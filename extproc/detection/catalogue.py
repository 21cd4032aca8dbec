"""All that can be recognised: what is built in, what the configuration adds, what Presidio brings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from extproc.detection import addresses, keys, national, networks, payments, phones, presidio
from extproc.detection.detector import THRESHOLD, Detector, Finder
from extproc.detection.recogniser import Recogniser
from extproc.errors import Unfulfillable

BUILT_IN: Final[tuple[Recogniser, ...]] = (
    *addresses.RECOGNISERS,
    *phones.RECOGNISERS,
    *payments.RECOGNISERS,
    *national.RECOGNISERS,
    *networks.RECOGNISERS,
    *keys.RECOGNISERS,
)
"""Recognisers that are always there."""


class Catalogue:
    """Recognisers to choose from, by entity; `names` finds persons and places."""

    def __init__(
        self,
        custom: Iterable[Recogniser] = (),
        *,
        names: Finder | None = None,
        threshold: float = THRESHOLD,
    ) -> None:
        self._recognisers = (*BUILT_IN, *custom)
        self._names = names
        self._threshold = threshold
        self._detectors: dict[frozenset[str], Detector] = {}
        self.patterned = frozenset(each.entity for each in self._recognisers)
        """Entities that are found by patterns, which is fast."""
        self.entities = self.patterned | (presidio.ENTITIES if names is not None else frozenset())
        """Every entity that can be found."""

    def detector(self, entities: Iterable[str]) -> Detector:
        """Return what finds values of `entities`. Raises `Unfulfillable` where nothing recognises one of them."""
        wanted = frozenset(entities)
        if not wanted <= self.entities:
            raise Unfulfillable("nothing that is installed recognises an entity of the policy", code="entity_unavailable")
        if wanted not in self._detectors:
            chosen = [each for each in self._recognisers if each.entity in wanted]
            finders = [self._names] if self._names is not None and wanted & presidio.ENTITIES else []
            self._detectors[wanted] = Detector(chosen, finders=finders, entities=wanted, threshold=self._threshold)
        return self._detectors[wanted]
