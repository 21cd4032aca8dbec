"""What stands in the hints of configured keys beside their form: how material is kept, and the span of a number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from extproc.secret import SecretReference, SecretSource


class Kept(Enum):
    """Whether material is public (a bare path is a file), hidden (a literal is refused), or hidden and may be elsewhere."""

    PUBLIC = "public"
    HIDDEN = "hidden"
    DISTANT = "distant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The least and the most that a number may be, in the unit of its type."""

    least: float
    most: float


HiddenValue = Annotated[SecretSource, Kept.HIDDEN]
DistantValue = Annotated[SecretReference, Kept.DISTANT]
Certificate = Annotated[SecretSource, Kept.PUBLIC]
