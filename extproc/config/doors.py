"""The ways to the databases: each transport of each, with where its clients connect and what lies behind.

Whatever is made once for each listener (the listener itself, its cluster, the guard of its exchanges) is made from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from extproc.config.forms import Address, Url
from extproc.config.types import Config, Database
from extproc.events import Transport

_GRPC_SUFFIX: Final = "/grpc"
"""No database's name has a slash in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One way to a database. `authority` is that of its requests behind someone else's Envoy; `place` its key in the file."""

    database: Database
    transport: Transport
    listen: Address | None
    upstream: Url
    authority: str | None
    place: str

    @property
    def name(self) -> str:
        """The database's name, with ``/grpc`` behind it where that is the transport."""
        return self.database.name + (_GRPC_SUFFIX if self.transport == "grpc" else "")


def doors(config: Config) -> list[Door]:
    """Return every way to every database, in the order of the file."""
    return [door for index, database in enumerate(config.databases) for door in _of(database, f"databases[{index}]")]


def _of(database: Database, place: str) -> list[Door]:
    rest = Door(
        database=database,
        transport="rest",
        listen=database.listen,
        upstream=database.upstream,
        authority=database.match.authority.lower() if database.match else None,
        place=place,
    )
    grpc = database.grpc
    if grpc is None:
        return [rest]
    authority = grpc.match.authority.lower() if grpc.match else None
    place = f"{place}.grpc"
    return [
        rest,
        Door(database=database, transport="grpc", listen=grpc.listen, upstream=grpc.upstream, authority=authority, place=place),
    ]
