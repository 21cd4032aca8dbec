"""What is on record where a configuration says, recalled with a bar that shows how far it is; and how its decisions count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from extproc.audit import history
from extproc.audit.history import Recalled
from extproc.audit.leaf import Leaf, rfc3339
from extproc.config.types import Config
from extproc.configured import default_level, mask_key, sealing_key
from extproc.errors import ConfigError
from extproc.policy.effect import Judge, effect


@contextmanager
def recalled(config: Config, since_ns: int, wanted: Callable[[Leaf], bool]) -> Iterator[Iterator[Recalled]]:
    """Give the entries that are `wanted`, from Unix nanoseconds on. Raises `ConfigError`, `AuditError`."""
    directory = config.audit.directory
    if not directory.is_dir():
        raise ConfigError(f"{directory}: there is nothing on record; audit.directory names where it lies")
    console = Console(stderr=True)
    columns = (TextColumn("Reading what is on record"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=history.size(directory))
        yield history.recall(
            directory,
            sealing_key(config),
            since=rfc3339(since_ns) if since_ns else "",
            wanted=wanted,
            advance=lambda count: progress.advance(task, count),
        )


def judge_of(config: Config) -> Judge:
    """Return what says to what a decision comes at this gateway."""
    level, key = default_level(config), mask_key(config)()
    return lambda operation, decision: effect(operation, decision, level, key)
