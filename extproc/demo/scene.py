"""One step of the story as it is shown: what was done and seen, and whether it held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import RenderableType

from extproc.demo.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that a real answer was held against; `found` says what was there instead, where it did not hold."""

    what: str
    held: bool
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a step came to. `shown` is drawn above the checks."""

    shown: tuple[RenderableType, ...]
    checks: tuple[Check, ...]

    @property
    def held(self) -> bool:
        """Whether every check held, and there was one."""
        return bool(self.checks) and all(check.held for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of the story."""

    title: str
    play: Callable[[Stage], Scene]


def equal(what: str, expected: object, actual: object) -> Check:
    """Return a check that two small things are the same."""
    return Check(what=what, held=expected == actual, found=f"expected {expected}, got {actual}")
