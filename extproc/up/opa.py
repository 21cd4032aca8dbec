"""An OPA of our own: on a private socket, with a clean environment, and always on a bundle that it verifies itself.

A signed bundle file is handed over as it is, with the key of the configuration. A directory is built into a bundle and signed
with a key that lives as long as this process. What OPA could not load is not handed over, so an OPA that is started again finds
the last good policy.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from extproc.config import opa_path
from extproc.config.types import Config
from extproc.engines.build import build
from extproc.engines.opa_program import opa_program, require_loads
from extproc.engines.signature import SigningKey, VerificationKey
from extproc.engines.source import Source
from extproc.engines.watch import LOOK_EVERY, Watch
from extproc.errors import ConfigError
from extproc.private import write_private
from extproc.up.bundles import BundleServer
from extproc.up.child import Part

_log = logging.getLogger(__name__)

_LONG_POLL: Final = 30
"""Seconds that OPA waits for the next bundle before it asks again."""
_READY: Final = 30
"""Seconds that OPA may take to load its first bundle."""
_MOST_BYTES: Final = 64 << 20


class ManagedOpa:
    """The policy of one OPA, kept up to date. `part` is what runs, `socket` where it listens."""

    def __init__(self, config: Config) -> None:
        """Load the policy, and write OPA's configuration. Raises `ConfigError`."""
        if config.policy.bundle is None:
            raise ConfigError("policy.bundle is missing: name the directory of your Rego files, or a bundle file")
        self.socket: Final = opa_path(config)
        self._source = Source(path=config.policy.bundle, library=config.policy.library, key=config.policy.verification_key)
        self._entrypoint = config.policy.entrypoint
        self._own = SigningKey.create()
        self._watch = Watch(self._source)
        archive, key = self._bundle()
        self._key = key
        require_loads(archive, key, self._entrypoint)
        self._server = BundleServer(archive)
        document = self.socket.with_name("opa.json")
        write_private(document, json.dumps(self._configuration(), indent=2).encode(), replace=True)
        self.part: Final = Part(name="opa", command=self._command(document), environment={"PATH": os.defpath})

    async def follow(self, *, every: float = LOOK_EVERY) -> None:
        """Hand over new policies as they come, until cancelled."""
        while True:
            await asyncio.sleep(every)
            try:
                archive = await asyncio.to_thread(self._watch.take, self._renewed)
            except ConfigError as error:
                _log.error("the new policy is not taken, the old one stays in force: %s", error)
                continue
            if archive is not None:
                self._server.publish(archive)

    def close(self) -> None:
        """Hand over no more."""
        self._server.close()

    def _renewed(self) -> bytes:
        archive, _ = self._bundle()
        # The key that OPA was started with: another one takes effect with the next start.
        require_loads(archive, self._key, self._entrypoint)
        return archive

    def _bundle(self) -> tuple[bytes, VerificationKey]:
        """Return what OPA is to load, and what it is verified with."""
        if self._source.path.is_dir():
            return build(self._source.files(), self._source.path, self._own).archive, self._own.public()
        return self._source.archive(), self._source.verification_key()

    def _configuration(self) -> dict[str, Any]:
        polling = {"min_delay_seconds": 1, "max_delay_seconds": 2, "long_polling_timeout_seconds": _LONG_POLL}
        return {
            "services": {"vecgate": {"url": self._server.url, "credentials": {"bearer": {"token": self._server.token}}}},
            "keys": {"policy": {"algorithm": self._key.algorithm, "key": self._key.pem}},
            "bundles": {
                "policy": {
                    "service": "vecgate",
                    "resource": "policy",
                    "polling": polling,
                    "signing": {"keyid": "policy"},
                    "size_limit_bytes": _MOST_BYTES,
                }
            },
        }

    def _command(self, document: Path) -> tuple[str, ...]:
        listen = ("--addr", f"unix://{quote(str(self.socket))}", "--unix-socket-perm", "700")
        # It would ask GitHub for its own latest version otherwise.
        quiet = ("--skip-version-check", "--log-level", "error", "--log-format", "text")
        ready = ("--ready-timeout", str(_READY))
        return (str(opa_program()), "run", "--server", *listen, "--config-file", str(document), *ready, *quiet)
