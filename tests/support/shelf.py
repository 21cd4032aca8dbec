"""A shelf of Chroma-shaped answers for the recording upstream: one collection of one ticket."""

from __future__ import annotations

import json
from typing import Any

from support.database import Recorder

UUID = "0b9c4b1e-52a4-4d58-9f10-5d3a52f0c001"
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
COLLECTIONS = f"{DATABASE}/collections"
RECORDS = f"{COLLECTIONS}/{UUID}"
EMAIL = "grace.hopper@navy.test"
TEXT = "my card 4929123456789015 was charged twice"
MODEL: dict[str, Any] = {
    "id": UUID,
    "name": "tickets",
    "tenant": "default_tenant",
    "database": "default_database",
    "metadata": None,
    "dimension": 3,
    "log_position": 0,
    "version": 0,
    "configuration_json": {},
}
JSON = {"content-type": "application/json"}


def get_answer(**changes: Any) -> dict[str, Any]:
    """Return an answer to `get` that holds one record."""
    return {
        "ids": ["t1"],
        "embeddings": [[0.25, 0.5, 0.75]],
        "documents": [TEXT],
        "uris": None,
        "metadatas": [{"email": EMAIL, "n": 1}],
        "include": ["documents", "metadatas", "embeddings"],
    } | changes


def query_answer() -> dict[str, Any]:
    """Return an answer to `query` that holds one record."""
    one = {name: value if value is None else [value] for name, value in get_answer(include=None).items()}
    return one | {"distances": [[0.125]], "include": ["documents", "metadatas", "embeddings", "distances"]}


def search_answer() -> dict[str, Any]:
    """Return an answer to `search` that holds one record."""
    return {
        "ids": [["t1"]],
        "documents": [[TEXT]],
        "embeddings": [[[0.25, 0.5, 0.75]]],
        "metadatas": [[{"email": EMAIL, "n": 1}]],
        "scores": [[0.125]],
        "select": [["Document", "Embedding", "Metadata", "Score"]],
    }


def fill(book: Recorder) -> None:
    """Put the collection and its answers on the shelf."""
    for target in (f"{COLLECTIONS}/by-id/{UUID}", f"{COLLECTIONS}/tickets"):
        book.answers[target] = (200, JSON, json.dumps(MODEL).encode())
    for action, answer in (("get", get_answer()), ("query", query_answer()), ("search", search_answer())):
        book.answers[f"{RECORDS}/{action}"] = (200, JSON, json.dumps(answer).encode())
    book.answers[f"{RECORDS}/count"] = (200, JSON, b"1")
    for action in ("add", "upsert", "update"):
        book.answers[f"{RECORDS}/{action}"] = (200, JSON, b"{}")
