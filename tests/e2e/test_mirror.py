"""The logs of a real gateway, mirrored to object storage while it serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.audit.audition import Auditor
from extproc.audit.reader import read_lines
from support.database import Recorder
from support.gateway import Gateway, running
from support.objectstore import ACCESS_KEY, REGION, SECRET_KEY, ObjectStore, object_store
from support.shelf import JSON, RECORDS

pytestmark = pytest.mark.envoy


def search(gateway: Gateway) -> int:
    """Ask for something; return the status."""
    with gateway.http("reader") as client:
        status: int = client.post(f"{RECORDS}/get", content=b"{}", headers=JSON).status_code
        return status


def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds."""
    for _ in range(1200):
        if holds():
            return True
        time.sleep(0.05)
    return False


def verified(store: ObjectStore, copy: Path) -> tuple[list[str], dict[str, int]]:
    """Copy the mirror and verify it; return what does not hold, and how many entries each log has."""
    found = Auditor(directory=store.download("evidence", copy, "all/one/"), mirrored=True).audit()
    return [str(each) for each in found.findings.values()], {name: each.size for name, each in found.verified.items()}


def test_a_gateway_mirrors_its_logs_and_nothing_waits_for_the_store(book: Recorder, tmp_path: Path) -> None:
    """Requests are answered with the store there, away and back; after the stop the mirror has every entry, and no key."""
    with object_store() as store:
        store.bucket("evidence")
        for name, secret in (("access", ACCESS_KEY), ("secret", SECRET_KEY)):
            (tmp_path / f"{name}.key").write_text(secret)
        mirror = {
            "bucket": "evidence",
            "prefix": "all",
            "replica": "one",
            "endpoint": store.url,
            "region": REGION,
            "access_key": {"file": "access.key"},
            "secret_key": {"file": "secret.key"},
            "every": "1s",
        }
        with running(tmp_path, f"http://127.0.0.1:{book.port}", audit={"mirror": mirror}, workers=2) as gateway:
            statuses = [search(gateway)]
            assert until(lambda: "all/one/log/worker-1/checkpoint" in store.objects("evidence"))
            assert until(lambda: "all/one/log/worker-0/checkpoint" in store.objects("evidence"))
            store.go()
            statuses += [search(gateway) for _ in range(5)]
            assert until(lambda: any("the mirror of worker-" in line for line in gateway.errors))
            statuses += [search(gateway) for _ in range(5)]
            store.come()
            assert until(lambda: any("the mirror has caught up" in line for line in gateway.errors))
        found, sizes = verified(store, tmp_path / "copy")
        held = {name: sum(1 for _ in read_lines(gateway.audit, name)) for name in ("worker-0", "worker-1")}
        names = list(store.objects("evidence"))

    assert statuses == [200] * 11
    assert (found, sizes) == ([], held)
    assert [name for name in names if not name.startswith("all/one/log/") or "keys" in name] == []
    assert SECRET_KEY not in "".join(gateway.errors)
    assert [each for each in gateway.errors if "Traceback" in each] == []
