"""What `vecgate.yaml` may say of evidence: where it lies, who signs, and where it is mirrored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from extproc.config.forms import AnyUrl, BaseUrl, Duration, HostName, Origin, Text, VaultPath
from extproc.config.notes import DistantValue, HiddenValue, Range
from extproc.secret import SecretFile

AUDIT_KEY: Final = SecretFile(path=Path("var/keys/audit.key"))
SEALING_KEY: Final = SecretFile(path=Path("var/keys/sealing.key"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Who signs checkpoints as well, after having seen that the log only grew (c2sp.org/tlog-witness)."""

    key: Annotated[Text, "its verifier key: NAME+ID+KEY"]
    url: Annotated[AnyUrl, "where it takes checkpoints, without add-checkpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A bucket of S3-compatible storage that gets a copy of the log, all but the keys."""

    bucket: Annotated[Text, "its name"]
    prefix: Annotated[VaultPath | None, "what the names of all objects begin with"] = None
    replica: Annotated[HostName | None, "how they go on, for this gateway alone; the machine's name by default"] = None
    endpoint: Annotated[BaseUrl | None, "another store than AWS, or another address of it"] = None
    region: Annotated[Text | None, "of the bucket; AWS's own configuration by default"] = None
    access_key: Annotated[DistantValue | None, "id of the key to the store; AWS's own chain by default"] = None
    secret_key: Annotated[DistantValue | None, "the key to the store"] = None
    object_lock: Annotated[
        Duration | None, Range(least=86400, most=36525 * 86400), "how long nobody can change or delete what was written"
    ] = None
    every: Annotated[Duration, Range(least=1, most=3600), "how often it is brought up to the log"] = 10.0

    def complaints(self) -> Iterator[tuple[str, str]]:
        """Give what is wrong between its keys: the key, and what to do."""
        if self.endpoint and not self.endpoint.tls and not self.endpoint.loopback:
            yield "audit.mirror.endpoint", "must be https:// off loopback, for evidence crosses to it"
        if (self.access_key is None) != (self.secret_key is None):
            yield "audit.mirror", "`access_key` and `secret_key` go together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Where evidence goes and how much of it is kept."""

    directory: Annotated[Path, "logs, segments and recordings"] = Path("var/audit")
    origin: Annotated[Origin, "name of the log; a worker's is <origin>/<worker>"] = "vecgate.example/prod"
    recording: Annotated[Literal["metadata", "request", "full"], "the default; policy changes it per operation"] = "request"
    identifiers: Annotated[Literal["clear", "pseudonym"], "user ids in spans: as they are, or keyed hashes"] = "clear"
    signing_key: Annotated[HiddenValue, "signs checkpoints; created, 0600, when absent"] = AUDIT_KEY
    retiring_keys: Annotated[tuple[HiddenValue, ...], "former signing keys, which still sign beside the current one"] = ()
    heartbeat: Annotated[Duration, Range(least=1, most=86400), "after so long without entries there is one that says so"] = (
        600.0
    )
    retention: Annotated[Duration | None, Range(least=86400, most=36525 * 86400), "how long private parts are kept"] = None
    witnesses: Annotated[tuple[Witness, ...], "who signs checkpoints as well"] = ()
    mirror: Annotated[Mirror | None, "S3-compatible storage that gets a copy, all but the keys"] = None
    sealing_key: Annotated[HiddenValue, "wraps the keys of entries and recordings; created, 0600, when absent"] = SEALING_KEY
    otlp: Annotated[BaseUrl | None, "OpenTelemetry collector, OTLP over gRPC"] = None
