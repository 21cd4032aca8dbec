"""The process in which Rego runs: ``python -m extproc.engines.evaluator FD``, started by `process` and by nobody else.

It is a process of its own because the Rego library cannot be stopped, can take any amount of memory, and corrupts its heap
where another C++ extension (gRPC's, NumPy's) was loaded before it. Here it is alone, its memory is bounded, and whoever
waits too long for it kills it. It reads one policy, then inputs, and ends with the stream.
"""

from __future__ import annotations

import resource
import socket
import sys
from typing import Final

import msgspec

from extproc.engines.bundle import Bundle
from extproc.engines.frames import Kind, receive, send
from extproc.engines.program import Program
from extproc.errors import ConfigError, EngineError

_MOST_MEMORY: Final = 1 << 30
"""Bytes of address space; the library and a policy of thousands of rules take a tenth of it."""


def main() -> None:
    """Serve the socket whose file descriptor is the only argument."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold inputs
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


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
