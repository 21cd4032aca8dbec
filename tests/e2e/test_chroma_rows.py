"""Each of Chroma's operations once, on a real Envoy and a real Chroma: what is decided on is what the row says.

The Chroma here is one that may be reset, and nobody else's. Every row finds a tenant, a database and a collection of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chromadb
import httpx
import pytest
import yaml
from chromadb.api import AdminAPI
from chromadb.config import Settings
from chromadb.errors import ChromaAuthError, ChromaError

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from extproc.protocols import routes
from support.chroma_rows import ROWS, request
from support.gateway import STARTER, Gateway, chroma_client, running
from support.ports import free_port
from support.tap import Tap, tapped

pytestmark = pytest.mark.envoy
KEYS = [(row.method, row.template) for row in routes.rows("chroma")]
START_SECONDS = 60


@pytest.fixture(scope="module")
def wipeable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a real Chroma server whose owner allows `reset`."""
    directory, port = tmp_path_factory.mktemp("wipeable"), free_port()
    config = directory / "chroma.yaml"
    place = {"listen_address": "127.0.0.1", "port": port, "persist_path": str(directory / "chroma")}
    config.write_text(yaml.safe_dump(place | {"allow_reset": True}))
    with (directory / "chroma.log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("chroma"), "run", config], stdout=log, stderr=subprocess.STDOUT, cwd=directory
        )
        try:
            _await(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if direct(port, "GET", "/api/v2/heartbeat").status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail("Chroma does not answer")


@pytest.fixture(scope="module")
def tap(wipeable: int) -> Iterator[Tap]:
    """Write down what reaches the database."""
    with tapped(wipeable) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(tap: Tap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under an allow-all policy."""
    with running(tmp_path_factory.mktemp("rows"), f"http://127.0.0.1:{tap.port}") as found:
        yield found


@pytest.fixture(scope="module")
def starter(wipeable: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway of two workers under the starter policy."""
    directory = tmp_path_factory.mktemp("rows-starter")
    with running(directory, f"http://127.0.0.1:{wipeable}", policy=STARTER, workers=2) as found:
        yield found


def direct(port: int, method: str, path: str, body: Any = None) -> httpx.Response:
    """Ask the database itself."""
    return httpx.request(method, f"http://127.0.0.1:{port}{path}", json=body, trust_env=False, timeout=30)


@dataclass(slots=True)
class Places:
    """Makes places of its own for each row."""

    port: int
    made: int = 0

    def make(self) -> dict[str, str]:
        """Make a tenant, a database in it, and in that a collection of one record."""
        self.made += 1
        tenant, database, name = f"tenant-{self.made}", f"database-{self.made}", "notes"
        base = f"/api/v2/tenants/{tenant}/databases"
        for path, body in (("/api/v2/tenants", {"name": tenant}), (base, {"name": database})):
            assert direct(self.port, "POST", path, body).status_code == 200
        found = direct(self.port, "POST", f"{base}/{database}/collections", {"name": name}).json()["id"]
        records = {"ids": ["first"], "embeddings": [[1, 2, 3]], "documents": ["text"]}
        assert direct(self.port, "POST", f"{base}/{database}/collections/{found}/add", records).status_code == 201
        return {"tenant": tenant, "database": database, "name": name, "id": found}


@pytest.fixture(scope="module")
def places(wipeable: int) -> Places:
    """Return a maker of places."""
    return Places(wipeable)


def leaves_after(gateway: Gateway, before: int) -> list[Leaf]:
    """Return the leaves beyond the first `before`."""
    return list(read_leaves(gateway.audit))[before:]


@pytest.mark.parametrize("row", KEYS, ids=lambda row: f"{row[0]} {row[1]}")
def test_each_row_is_decided_on_as_what_it_is(gateway: Gateway, tap: Tap, places: Places, row: tuple[str, str]) -> None:
    """What is let through stands in evidence under its action and is answered by the database, which sees nothing else."""
    method, path, body = request(row, **places.make())
    verdict = ROWS[row]
    reached, recorded = len(tap.seen), len(list(read_leaves(gateway.audit)))

    with gateway.http("anyone") as client:
        response = client.request(method, path, json=body)
    leaves, seen = leaves_after(gateway, recorded), tap.seen[reached:]

    if verdict.action is None:
        assert (response.status_code, "operation_unsupported" in response.text) == (403, True)
        assert [(leaf.kind, leaf.decision, leaf.reasons) for leaf in leaves] == [
            ("outcome", "deny", ("operation_unsupported",))
        ]
        assert seen == []
    elif verdict.action == "health":
        assert (response.status_code, leaves, seen) == (200, [], [])
    else:
        assert response.status_code == verdict.status
        assert [leaf.kind for leaf in leaves] == ["intent", "outcome"]
        assert {fact.action for leaf in leaves for fact in leaf.facts} == {verdict.action}
        assert (leaves[1].end, leaves[1].status) == ("delivered" if verdict.status < 400 else "failed", verdict.status)
        assert (seen[-1].method, seen[-1].target, json.loads(seen[-1].body or b"null")) == (method, path, body)


# --- the official client ------------------------------------------------------------------------------------------------


def admin_client(port: int, token: str | None = None) -> AdminAPI:
    """Return an unchanged administrative client on a loopback port."""
    auth: dict[str, Any] = (
        {
            "chroma_client_auth_provider": "chromadb.auth.token_authn.TokenAuthClientProvider",
            "chroma_client_auth_credentials": token,
            "chroma_auth_token_transport_header": "X-Chroma-Token",
        }
        if token
        else {}
    )
    settings = Settings(
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host="127.0.0.1",
        chroma_server_http_port=port,
        anonymized_telemetry=False,
        **auth,
    )
    return chromadb.AdminClient(settings)


def outcome(act: Any) -> Any:
    """Return what a call gives, or the name of the error that the client raises."""
    try:
        return act()
    except (ChromaError, ValueError) as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 - the client raises this very class for names that it does not know
        return type(error).__name__


def administration(port: int, tenant: str, token: str | None = None) -> list[Any]:
    """Do everything administrative that the client can do; return each result."""
    admin, client = admin_client(port, token), chroma_client(port, token)
    seen: list[Any] = []
    note = seen.append
    note(outcome(lambda: admin.create_tenant(tenant)))
    note(outcome(lambda: admin.create_tenant(tenant)))
    note(admin.get_tenant(tenant)["name"])
    note(outcome(lambda: admin.create_database("main", tenant=tenant)))
    note(outcome(lambda: admin.create_database("main", tenant=tenant)))
    note(admin.get_database("main", tenant=tenant)["name"])
    note([each["name"] for each in admin.list_databases(tenant=tenant)])
    note([each["name"] for each in admin.list_databases(tenant=tenant, limit=1, offset=1)])
    note(outcome(lambda: admin.delete_database("main", tenant=tenant)))
    note(outcome(lambda: admin.delete_database("main", tenant=tenant)))
    note(outcome(lambda: admin.get_database("main", tenant=tenant)))
    collection = client.create_collection("administered", embedding_function=None)
    note(outcome(lambda: collection.fork("copied")))
    note(outcome(collection.fork_count))
    note(outcome(lambda: client._server.attach_function("record_counter", "counter", collection.id, "counts")))
    note(outcome(lambda: client._server.get_attached_function("counter", collection.id)))
    note(outcome(lambda: client._server.detach_function("counter", collection.id)))
    note(client.reset())
    note(outcome(collection.count))
    note([each.name for each in client.list_collections()])
    return seen


def test_the_unchanged_client_administers_as_it_does_directly(gateway: Gateway, wipeable: int) -> None:
    """Tenants, databases, forks, functions and `reset`: each call gives through the gateway what it gives without it."""
    alone = administration(wipeable, "tenant-of-mine")
    guarded = administration(gateway.port, "tenant-of-mine-too", gateway.issuer.token("anyone"))

    assert [str(each).replace("-too", "") for each in guarded] == [str(each) for each in alone]
    assert "ChromaAuthError" not in guarded


def test_under_the_starter_policy_only_an_admin_administers(starter: Gateway, wipeable: int) -> None:
    """A writer is denied each administrative act, and what it would have undone is still there."""
    chroma_client(wipeable).get_or_create_collection("kept", embedding_function=None)
    token = starter.issuer.token("writer")
    admin, client = admin_client(starter.port, token), chroma_client(starter.port, token)

    denied = [
        outcome(lambda: admin.create_tenant("theirs")),
        outcome(lambda: admin.create_database("theirs")),
        outcome(lambda: admin.delete_database("default_database")),
        outcome(client.reset),
        outcome(lambda: client.get_collection("kept", embedding_function=None).fork("copied")),
    ]

    assert denied == ["ChromaAuthError"] * 5
    assert chroma_client(wipeable).get_collection("kept", embedding_function=None).count() == 0


@pytest.mark.parametrize("wipe", ["database", "everything"])
def test_what_is_wiped_is_known_to_be_gone(starter: Gateway, wipeable: int, wipe: str) -> None:
    """After a database is deleted, or all is reset, no worker goes by what it knew of the collections."""
    reader, administrator = starter.chroma("reader"), starter.chroma("admin")
    admin = admin_client(starter.port, starter.issuer.token("admin"))
    chroma_client(wipeable).get_or_create_collection("wiped", embedding_function=None)

    def reached() -> set[Any]:
        return {outcome(lambda: reader.get_or_create_collection("wiped", embedding_function=None).name) for _ in range(8)}

    assert reached() == {"wiped"}
    if wipe == "database":
        admin.delete_database("default_database")
        admin.create_database("default_database")
    else:
        assert administrator.reset()

    assert reached() == {ChromaAuthError.__name__}
