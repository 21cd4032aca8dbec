"""One target under libFuzzer, in a process of its own: ``python -m fuzz.engine TARGET [libFuzzer's arguments]``.

Only `extproc` is instrumented: what counts as new is a way through this program, and nothing else is slowed down. The runner
starts this; it knows no target.
"""

from __future__ import annotations

import importlib
import shlex
import sys

import atheris

_GENERATED = ["extproc.wire.ext_proc_pb2", "extproc.wire.access_log_pb2"]


def main(name: str, arguments: list[str]) -> None:
    """Fuzz, merge or replay as libFuzzer's `arguments` say; libFuzzer ends the process itself."""
    with atheris.instrument_imports(include=["extproc"], exclude=_GENERATED):
        target = importlib.import_module(f"fuzz.targets.{name}")
    # A merge starts processes of its own with these words, through a shell.
    program = f"{shlex.quote(sys.executable)} -m fuzz.engine {shlex.quote(name)}"
    mutate = getattr(target, "mutate", None)
    # A change to a tree may come out longer than libFuzzer takes; it is cut, and what is cut short is input too.
    custom = {"custom_mutator": lambda data, most, seed: mutate(data, most, seed, atheris.Mutate)[:most]} if mutate else {}
    atheris.Setup([program, *arguments], target.check, **custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
