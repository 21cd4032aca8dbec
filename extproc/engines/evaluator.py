"""The process in which Rego runs: ``python -m extproc.engines.evaluator FD``, started by `process` and by nobody else.

It is a process of its own because the Rego library cannot be stopped, can take any amount of memory, and corrupts its heap
where another C++ extension (gRPC's, NumPy's) was loaded before it. Here it is alone, its memory is bounded, and whoever
waits too long for it kills it. It reads one policy, then inputs, and ends with the stream.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from extproc.engines.bundle import Bundle
from extproc.engines.frames import Kind, receive, send
from extproc.engines.program import Program
from extproc.errors import ConfigError, EngineError

_MOST_MEMORY: Final = 1 << 29
"""Bytes in use, 512 MiB; the library and a policy of some hundred rules take a tenth of it."""

_LOOK_EVERY: Final = 0.05
"""Seconds between two looks at the memory in use; what can be taken in the meantime is far less than a machine has."""


def main() -> None:
    """Serve the socket whose file descriptor is the only argument."""
    threading.Thread(target=_bound_memory, name="vecgate-memory", daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold inputs
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


def _bound_memory() -> None:
    """End the process when it uses too much. RLIMIT_AS will not do: the library reserves 256 GiB of addresses at its start."""
    page = os.sysconf("SC_PAGE_SIZE")
    statm = Path("/proc/self/statm")  # proc_pid_statm(5): the second number is the resident set, in pages
    while int(statm.read_text(encoding="ascii").split()[1]) * page < _MOST_MEMORY:
        time.sleep(_LOOK_EVERY)
    os._exit(1)


def serve(connection: socket.socket) -> None:
    """Compile the policy that comes first, then answer each input, until the other side goes."""
    opening = receive(connection)
    if opening is None:
        return
    bundle, entrypoint = msgspec.json.decode(opening[1], type=tuple[Bundle, str])
    try:
        program = Program.compile(bundle, (entrypoint,))
    except ConfigError as error:
        send(connection, Kind.REFUSED, str(error).encode())
        return
    send(connection, Kind.VALUE, b"")
    while (asked := receive(connection)) is not None:
        try:
            send(connection, Kind.VALUE, program.evaluate(asked[1], entrypoint))
        except EngineError as error:
            send(connection, Kind.FAILED, f"{error.code}\n{error}".encode())


if __name__ == "__main__":
    main()
