"""The official JavaScript client, unchanged, through a real Envoy: every step gives what it gives without the gateway."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from support.gateway import RAW_KEY, ROOT
from support.qdrant_gateway import Doors

pytestmark = pytest.mark.envoy
INSTALLED = ROOT / ".cache" / "javascript"


def played(port: int, key: str, name: str) -> list[Any]:
    """Return the outcome of each step of the scenario."""
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    if not (INSTALLED / "node_modules").is_dir():
        pytest.fail("the JavaScript client is missing: run `make javascript`")
    scenario = (ROOT / "tests" / "javascript" / "scenario.mjs").read_text()
    arguments = ["node", "--input-type=module", "-", f"http://127.0.0.1:{port}", key, name]
    done = subprocess.run(arguments, input=scenario, capture_output=True, text=True, cwd=INSTALLED, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.replace(name, "NAME").splitlines()]


def test_the_javascript_scenario_is_the_same_with_and_without_the_gateway(qdrant_doors: Doors) -> None:
    """Two runs of the same steps, one past the gateway and one through it, have the same results."""
    doors = qdrant_doors
    doors.database.clear()
    expected = played(doors.database.rest, RAW_KEY, "js-direct")
    doors.database.clear()
    actual = played(doors.rest, doors.gateway.issuer.token("admin"), "js-through")

    assert [step for step, found in expected if isinstance(found, dict) and "failed" in found] == ["count"]
    assert actual == expected


def test_a_denial_is_the_clients_own_error_and_not_tried_again(starter_doors: Doors) -> None:
    """Whoever may not gets the client's error with the status, and the database is not asked."""
    starter_doors.database.clear()

    found = played(starter_doors.rest, starter_doors.gateway.issuer.token("reader"), "js-denied")

    assert found[2] == ["createCollection", {"failed": 403}]
    assert [call.target for call in starter_doors.database.seen if call.method == "PUT"] == []
