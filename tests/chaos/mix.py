"""Mixed requests for a long run, and the answers of a made-up database to them.

More collections, principals, filters and user agents than any cache holds, beside a few that come again and again. It knows no
gateway: `KINDS` says which status each kind of request must get under the starter policy.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any, Final

from chaos import http1, store
from support.issuer import TestIssuer
from support.shelf import COLLECTIONS, MODEL, get_answer

KINDS: Final = {
    "get": (30, 200),
    "query": (20, 200),
    "add": (10, 201),
    "count": (5, 200),
    "describe": (5, 200),
    "list": (2, 200),
    "denied": (10, 403),
    "absent": (3, 404),
    "unknown": (5, 403),
    "bad token": (5, 401),
    "malformed": (5, 400),
}
"""Each kind of request with its share and the status that it must get."""

_COLLECTIONS: Final = 20_000
_PRINCIPALS: Final = 6_000
_FAMILIAR: Final = 20
"""How many collections and principals come again and again, in every second request."""
_USER_AGENTS: Final = 50
_ANSWERS: Final = 400
_HOURS_OF_TOKEN: Final = 6
_NOT_FOUND: Final = (404, b'{"error": "NotFoundError", "message": "nothing here"}')


class Mix:
    """Ready-made requests of all kinds; `chance` makes a run repeatable."""

    def __init__(self, issuer: TestIssuer, chance: random.Random) -> None:
        self._chance = chance
        end = int(time.time()) + _HOURS_OF_TOKEN * 3600
        self._readers = [issuer.token("reader", sub=f"reader-{n}", exp=end) for n in range(_PRINCIPALS)]
        self._writers = [issuer.token("writer", sub=f"writer-{n}", exp=end) for n in range(_PRINCIPALS // 10)]
        self._bad = ["", "a.b.c", issuer.forged("reader"), issuer.unsigned("admin"), issuer.token("reader", exp=end - 10**6)]

    def next(self) -> tuple[str, bytes]:
        """Return the kind of a request and its bytes."""
        kind = self._chance.choices(list(KINDS), [share for share, _ in KINDS.values()])[0]
        number = self._chance.randrange(10**9)
        body = self._body(kind, number)
        fields = {"user-agent": f"soak/{self._chance.randrange(_USER_AGENTS)}", "content-type": "application/json"}
        if token := self._token(kind, number):
            fields["x-chroma-token"] = token
        target = self._target(kind, number)
        if body is None:
            return kind, http1.request("GET", target, fields)
        return kind, http1.request("POST", target, fields, json.dumps(body).encode())

    def _target(self, kind: str, number: int) -> str:
        records = f"{COLLECTIONS}/{collection_id(self._pick(_COLLECTIONS))}"
        targets = {
            "add": f"{records}/add",
            "denied": f"{records}/add",
            "query": f"{records}/query",
            "count": f"{records}/count",
            "bad token": f"{records}/count",
            "describe": f"{COLLECTIONS}/name-{number}",
            "list": f"{COLLECTIONS}?limit={1 + number % 100}",
            "absent": f"{COLLECTIONS}/{collection_id(_COLLECTIONS + number)}/get",
            "unknown": f"/api/v2/nowhere/{number}",
        }
        return targets.get(kind, f"{records}/get")

    def _token(self, kind: str, number: int) -> str:
        match kind:
            case "add":
                return self._writers[self._pick(len(self._writers))]
            case "bad token":
                bad = self._bad[number % len(self._bad)]
                return f"{bad}{number}" if number % 3 == 0 else bad
            case _:
                return self._readers[self._pick(len(self._readers))]

    def _body(self, kind: str, number: int) -> dict[str, Any] | None:
        added = {"ids": [f"id-{number}"], "embeddings": [[1.0, 0.5, 0.25]], "metadatas": [{"n": number}]}
        bodies: dict[str, dict[str, Any]] = {
            "get": {"where": self._filter(number), "limit": 20},
            "query": {"query_embeddings": [[0.5, 0.25, number / 10**9]], "n_results": 10, "where": self._filter(number)},
            "add": added,
            "denied": added,
            "absent": {},
            "malformed": {"ids": number},
        }
        return bodies.get(kind)

    def _pick(self, most: int) -> int:
        """Return a number below `most`, every second time one of the familiar few."""
        return self._chance.randrange(_FAMILIAR if self._chance.random() < 0.5 else most)

    def _filter(self, number: int) -> dict[str, Any]:
        if self._chance.random() < 0.5:
            return {"tenant": {"$eq": "t1"}}
        return {"$and": [{f"field-{number % 997}": {"$gte": number}}, {"tenant": {"$in": ["t1", f"t{number % 7919}"]}}]}


class Shelf:
    """The database: every collection up to the last one is there, and records differ in the names of their fields."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        answers = [self._got() for _ in range(_ANSWERS)]
        self._answers = {
            "get": [(200, json.dumps(got).encode()) for got in answers],
            "query": [(200, json.dumps(_found(got)).encode()) for got in answers],
            "add": [(201, b"{}")],
            "count": [(200, b"7")],
            "collections": [(200, json.dumps([MODEL | {"id": collection_id(number)} for number in range(3)]).encode())],
        }

    def _got(self) -> dict[str, Any]:
        rows = [self._chance.randrange(10**6) for _ in range(self._chance.randint(1, 20))]
        return get_answer(
            ids=[f"t{row}" for row in rows],
            embeddings=None,
            documents=[f"a text of some length, {row}" * 4 for row in rows],
            metadatas=[{"email": f"{row}@soak.test", "n": row, f"own-{row % 3001}": {"deep": row}} for row in rows],
            include=["documents", "metadatas"],
        )

    async def answer(self, asked: store.Asked) -> tuple[int, bytes]:
        """Answer a client's request or the gateway's own question."""
        path = asked.target.partition("?")[0]
        folder, _, name = path.rpartition("/")
        if folder in {COLLECTIONS, f"{COLLECTIONS}/by-id"}:
            return _model(name)
        return self._chance.choice(self._answers.get(name, [_NOT_FOUND]))


def collection_id(number: int) -> str:
    """Return the id of a collection."""
    return f"{number:08x}-52a4-4d58-9f10-5d3a52f0c001"


def _found(got: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a query that holds the records of an answer to `get`."""
    columns = {name: value if value is None else [value] for name, value in got.items() if name != "include"}
    return columns | {"distances": [[0.125] * len(got["ids"])], "include": [*got["include"], "distances"]}


def _model(name: str) -> tuple[int, bytes]:
    if name.startswith("name-"):
        return 200, json.dumps(MODEL | {"name": name}).encode()
    if int(name.partition("-")[0], 16) >= _COLLECTIONS:
        return _NOT_FOUND
    return 200, json.dumps(MODEL | {"id": name, "name": f"c-{name}"}).encode()
