"""Progress of long work, as bars on a terminal. It knows only names and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Give what is told a name, how much of it is done, and how much there is."""
    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as shown:

        def told(name: str, done: int, whole: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=whole)
            shown.update(tasks[name], completed=done, total=whole)

        yield told
