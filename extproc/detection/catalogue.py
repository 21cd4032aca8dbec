"""What can be recognised by itself, by the type of the value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from extproc.detection import addresses, keys, national, networks, payments, phones
from extproc.detection.recogniser import Recogniser

BUILT_IN: Final[tuple[Recogniser, ...]] = (
    *addresses.RECOGNISERS,
    *phones.RECOGNISERS,
    *payments.RECOGNISERS,
    *national.RECOGNISERS,
    *networks.RECOGNISERS,
    *keys.RECOGNISERS,
)
"""Recognisers that are always there."""


def entities(recognisers: Iterable[Recogniser] = BUILT_IN) -> frozenset[str]:
    """Return the types that `recognisers` know."""
    return frozenset(each.entity for each in recognisers)


def of(wanted: Iterable[str], recognisers: Sequence[Recogniser] = BUILT_IN) -> list[Recogniser]:
    """Return those of `recognisers` that know one of the `wanted` types."""
    chosen = frozenset(wanted)
    return [each for each in recognisers if each.entity in chosen]
