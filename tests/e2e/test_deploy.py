"""The image's health check, asked about a real gateway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from support.docs import ROOT
from support.gateway import ALLOW_ALL, Gateway, configuration, running
from support.issuer import TestIssuer

pytestmark = pytest.mark.envoy
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"


def asked(config: Path) -> tuple[int, str]:
    """Return the health check's exit status, and what it said."""
    done = subprocess.run([sys.executable, "-P", HEALTHCHECK, config], capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stderr


def test_a_gateway_that_serves_is_healthy(open_gateway: Gateway) -> None:
    """Envoy is live and has a healthy worker."""
    assert asked(open_gateway.config) == (0, "")


def test_a_gateway_that_does_not_run_is_unhealthy(tmp_path: Path) -> None:
    """Nobody answers on the admin socket."""
    config = tmp_path / "vecgate.yaml"
    config.write_text(yaml.safe_dump(configuration(tmp_path, TestIssuer(), 1, "http://127.0.0.1:1", ALLOW_ALL)))

    assert asked(config) == (1, "unhealthy: ConnectError\n")


def test_a_gateway_without_a_worker_is_unhealthy(chroma: int, tmp_path: Path) -> None:
    """Envoy alone can refuse, but not serve."""
    with running(tmp_path, f"http://127.0.0.1:{chroma}") as gateway:
        assert asked(gateway.config) == (0, "")
        (worker,) = gateway.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            for _ in range(200):
                found = asked(gateway.config)
                if found[0]:
                    break
                time.sleep(0.2)
        finally:
            os.kill(worker, signal.SIGCONT)

    assert found == (1, "")
