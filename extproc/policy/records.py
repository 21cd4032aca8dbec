"""What is on record, for the author's tools: the policy inputs of each entry, and what was decided on them.

Entries are recalled with a bar that shows how far that is; decisions count as this gateway takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from extproc.audit import history
from extproc.audit.entry import Private
from extproc.audit.history import Recalled
from extproc.audit.leaf import Leaf, rfc3339
from extproc.config.types import Config
from extproc.configured import default_level, looked_up, mask_key, sealing_key
from extproc.decision import Decision, Input, decode
from extproc.detectors import catalogue
from extproc.errors import AuditError, ConfigError, EngineError
from extproc.obligations.fulfilment import Means
from extproc.policy.effect import Judge, effect

NO_ROLE: Final = "(no role)"
_INPUT: Final = msgspec.json.Decoder(Input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One operation: its policy input, as it was recorded too, and the decision, or why there was none."""

    input: Input
    decision: Decision | EngineError

    @property
    def roles(self) -> str:
        """The caller's roles, for a table."""
        return ", ".join(self.input.principal.roles) or NO_ROLE


def asked(reasons: Sequence[str], private: Private) -> Iterator[Asked]:
    """Give the operations of an entry that was made for `reasons`; none where it tells only how an exchange ended.

    Raises `AuditError` for what is no input.
    """
    failure = EngineError("there was no decision", code=(*reasons, EngineError.default_code)[0])
    for document, decided in zip_longest(private.inputs, private.decisions[: len(private.inputs)]):
        try:
            found = _INPUT.decode(document)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AuditError("an entry holds a policy input of another version", code="entry_unreadable") from error
        yield Asked(input=found, decision=failure if decided is None else _decision(bytes(decided)))


def _decision(document: bytes) -> Decision | EngineError:
    try:
        return decode(document)
    except EngineError as error:
        return error


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
    means = Means(level=default_level(config), key=mask_key(config, looked_up(config))(), catalogue=catalogue(config.detection))
    return lambda operation, decision: effect(operation, decision, means)
