"""What guards one database: the parts that each of its exchanges goes through. It does nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from extproc.audit.witness import Witness
from extproc.decision import Level
from extproc.detection.catalogue import Catalogue
from extproc.engines.engine import Engine
from extproc.forwarding import Credential
from extproc.identity import Identifier
from extproc.locks import Locks
from extproc.obligations.operators import MaskKey
from extproc.observation import Observation
from extproc.protocols import Mint
from extproc.protocols.adapter import Adapter
from extproc.reservations import Reservations
from extproc.upstream import Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The parts that guard one database.

    `clock` gives Unix nanoseconds, `credential` the gateway's own header, `mask_key` what keyed masks use; both may raise
    `SecretMissing`. `renew` has secrets looked up soon, because one of them did not do. `mint` makes of the credential one for
    a single request. With an `observation` what the policy decides is told there and in evidence, and not acted on.
    """

    database: str
    adapter: Adapter
    identifier: Identifier
    engine: Engine
    upstream: Upstream
    reservations: Reservations
    locks: Locks
    credential: Callable[[], Credential | None]
    mint: Mint | None = None
    witness: Witness
    mask_key: Callable[[], MaskKey | None]
    renew: Callable[[], None]
    catalogue: Catalogue
    default_level: Level
    clock: Callable[[], int]
    observation: Observation | None = None
