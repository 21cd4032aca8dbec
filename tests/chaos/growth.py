"""Memory over requests: a straight line through the second half of what was measured. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a process had (KiB) after so many requests."""

    requests: int
    kib: int


def second_half(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples from the middle of the requests on: what fills caches has mostly been asked before."""
    middle = (samples[0].requests + samples[-1].requests) / 2
    return [sample for sample in samples if sample.requests >= middle]


def slope(samples: Sequence[Sample]) -> float:
    """Return the growth in KiB a request by least squares."""
    count = len(samples)
    mean_x = sum(sample.requests for sample in samples) / count
    mean_y = sum(sample.kib for sample in samples) / count
    square = sum((sample.requests - mean_x) ** 2 for sample in samples)
    return sum((sample.requests - mean_x) * (sample.kib - mean_y) for sample in samples) / square if square else 0.0
