"""What becomes of each of Chroma's operations: the action that a policy decides on, or a refusal for everybody.

Beside the verdict stands a request of the kind, and the status with which a local Chroma 1.5.9 answers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DATABASE = "/api/v2/tenants/{tenant}/databases/{database}"
COLLECTIONS = f"{DATABASE}/collections"
COLLECTION = f"{COLLECTIONS}/{{collection_id}}"

BY_NAME = {("GET", COLLECTION), ("DELETE", COLLECTION)}
"""Where `collection_id` is the collection's name."""


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict, None for a refusal, and a request to try it with."""

    action: str | None
    body: Any = None
    status: int = 200


REFUSED = Row(None)
_RECORDS = {"ids": ["a"], "embeddings": [[1, 2, 3]]}

ROWS: dict[tuple[str, str], Row] = {
    ("GET", "/api/v2"): Row("health"),
    ("GET", "/api/v2/heartbeat"): Row("health"),
    ("GET", "/api/v2/healthcheck"): Row("health"),
    ("GET", "/api/v2/version"): Row("meta"),
    ("GET", "/api/v2/pre-flight-checks"): Row("meta"),
    ("GET", "/openapi.json"): Row("meta"),
    ("GET", "/docs/{*}"): Row("meta"),
    ("GET", "/api/v2/auth/identity"): Row("user_read"),
    ("POST", "/api/v2/reset"): Row("cluster_admin"),
    ("POST", "/api/v2/tenants"): Row("database_change", {"name": "another-tenant"}),
    ("GET", "/api/v2/tenants/{tenant_name}"): Row("database_read"),
    ("PATCH", "/api/v2/tenants/{tenant_name}"): Row("database_change", {"resource_name": "acme"}),
    ("GET", "/api/v2/tenants/{tenant}/databases"): Row("database_read"),
    ("POST", "/api/v2/tenants/{tenant}/databases"): Row("database_change", {"name": "another-database"}),
    ("GET", DATABASE): Row("database_read"),
    ("DELETE", DATABASE): Row("database_change"),
    ("GET", f"{DATABASE}/collections_count"): Row("count"),
    ("GET", COLLECTIONS): Row("list_collections"),
    ("POST", COLLECTIONS): Row("create_collection", {"name": "another-collection"}),
    ("GET", f"{COLLECTIONS}/by-id/{{collection_id}}"): Row("describe_collection"),
    ("GET", COLLECTION): Row("describe_collection"),
    ("PUT", COLLECTION): Row("alter_collection", {"new_name": "renamed"}),
    ("DELETE", COLLECTION): Row("delete_collection"),
    ("GET", f"{COLLECTION}/indexing_status"): Row("describe_collection", status=500),
    ("POST", f"{COLLECTION}/fork"): Row("copy_collection", {"new_name": "forked"}, 501),
    ("GET", f"{COLLECTION}/fork_count"): Row("describe_collection", status=501),
    ("POST", f"{COLLECTION}/functions/attach"): Row(
        "pipeline_change",
        {"name": "counter", "function_id": "record_counter", "output_collection": "counts", "params": {}},
        501,
    ),
    ("GET", f"{COLLECTION}/functions/{{function_name}}"): Row("pipeline_read", status=404),
    ("POST", f"{COLLECTION}/attached_functions/{{name}}/detach"): Row("pipeline_change", {"delete_output": False}, 501),
    ("GET", f"{COLLECTION}/count"): Row("count"),
    ("POST", f"{COLLECTION}/add"): Row("upsert", _RECORDS, 201),
    ("POST", f"{COLLECTION}/upsert"): Row("upsert", _RECORDS),
    ("POST", f"{COLLECTION}/update"): Row("update_payload", {"ids": ["a"], "documents": ["text"]}),
    ("POST", f"{COLLECTION}/delete"): Row("delete_records", {"ids": ["a"]}),
    ("POST", f"{COLLECTION}/get"): Row("scroll", {}),
    ("POST", f"{COLLECTION}/query"): Row("search", {"query_embeddings": [[1, 2, 3]]}),
    ("POST", f"{COLLECTION}/search"): Row("search", {"searches": [{"limit": {"offset": 0}}]}, 501),
    ("GET", "/api/v2/collections/{crn}"): REFUSED,
    ("POST", f"{COLLECTION}/conditional/get"): Row(None, {}),
    ("POST", f"{COLLECTION}/conditional/commit"): Row(None, {}),
    ("POST", f"{COLLECTION}/attached_functions/{{name}}/add_input"): Row(None, {}),
    ("*", "/api/v1/{*any}"): REFUSED,
}


def request(row: tuple[str, str], **values: str) -> tuple[str, str, Any]:
    """Return method, path and body of a row's request; `values` are tenant, database, and the collection's name and id."""
    method, template = row
    named = {
        "tenant_name": values["tenant"],
        "collection_id": values["name"] if row in BY_NAME else values["id"],
        "function_name": "counter",
        "name": "counter",
        "crn": f"{values['tenant']}:{values['database']}:{values['name']}",
        "*": "index.html",
        "*any": "heartbeat",
    }
    filled = {**values, **named}
    parts = [filled[part[1:-1]] if part.startswith("{") else part for part in template.split("/")]
    return "GET" if method == "*" else method, "/".join(parts), ROWS[row].body
