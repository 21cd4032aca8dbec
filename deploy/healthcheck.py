"""Tell whether a `vecgate up` is healthy: Envoy is live, and some worker passes Envoy's own health checks. Exit 0 or 1.

Asked over Envoy's private admin socket, so it needs no token and no open port, and leaves nothing in the log.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx

from extproc.config import admin_path, load
from extproc.errors import ConfigError

_TIMEOUT_SECONDS = 3.0
_HEALTHY = re.compile(r"^cluster\.workers\.membership_healthy: [1-9]", re.MULTILINE)


def healthy(config: Path) -> bool:
    """Return whether the gateway of the configuration at `config` can serve."""
    try:
        transport = httpx.HTTPTransport(uds=str(admin_path(load(config))))
        with httpx.Client(transport=transport, base_url="http://admin", timeout=_TIMEOUT_SECONDS) as admin:
            live = admin.get("/ready")
            workers = admin.get("/stats", params={"filter": "cluster.workers.membership_healthy"})
    except (ConfigError, httpx.HTTPError) as error:
        sys.stderr.write(f"unhealthy: {type(error).__name__}\n")
        return False
    return live.is_success and _HEALTHY.search(workers.text) is not None


if __name__ == "__main__":
    sys.exit(0 if healthy(Path(sys.argv[1])) else 1)
