"""Masks in front of the real Chroma: its clients read every masked answer, and no mask is written back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chromadb.errors import ChromaError

from extproc.audit.reader import read_leaves
from support.gateway import Gateway, chroma_client, running
from support.obliged import AS_TOLD, Obligation, client, http, mask, reason

pytestmark = pytest.mark.envoy

TEXT = "Zoë (zoe@example.net, +1 303 555 0158) paid with 4242 4295 7319 7820, twice."
PERSONAL = ("zoe@example.net", "+1 303 555 0158", "4242 4295 7319 7820")
ENTITIES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD"]
OPERATORS: list[Any] = ["redact", "null", "drop", "hash", "token", {"partial": {"keep_last": 4}}]
METADATA = {"email": "zoe@example.net", "card": 4242429573197820, "paid": True, "rate": 0.25, "note": TEXT, "n": 1}


def detect(*fields: str, how: Any = "redact") -> Obligation:
    """Return the obligation to hide what is found in fields."""
    return {"type": "detect", "entities": ENTITIES, "fields": list(fields), "with": how}


@pytest.fixture(scope="module")
def gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway before the real Chroma; the caller's token says what is masked."""
    direct = chroma_client(chroma)
    collection = direct.create_collection("masking", embedding_function=None)
    collection.add(
        ids=["a", "b"],
        embeddings=[[1.0, 2.0], [3.0, 4.0]],
        documents=[TEXT, "nothing to be found"],
        metadatas=[METADATA, {"n": 2}],
    )
    with running(tmp_path_factory.mktemp("masking"), f"http://127.0.0.1:{chroma}", policy=AS_TOLD) as found:
        yield found


@pytest.mark.parametrize("how", OPERATORS, ids=str)
def test_the_client_reads_answers_under_every_operator(gateway: Gateway, how: Any) -> None:
    """Get and query, of texts and numbers, named fields and found values: no value is left, and the rest is as it was."""
    collection = client(gateway, mask("email", "card", how=how), detect("document", "note", how=how)).get_collection(
        "masking", embedding_function=None
    )
    got = collection.get(ids=["a", "b"], include=["documents", "metadatas", "embeddings"])
    asked = collection.query(query_embeddings=[[1.0, 2.0]], n_results=2)
    shown = json.dumps([got["documents"], got["metadatas"], asked["documents"], asked["metadatas"]], ensure_ascii=False)

    assert [value for value in (*PERSONAL, "4242429573197820") if value in shown] == []
    assert got["ids"] == ["a", "b"]
    assert (got["documents"] or [])[1] == "nothing to be found"
    assert {name: (got["metadatas"] or [{}])[0][name] for name in ("paid", "rate", "n")} == {"paid": True, "rate": 0.25, "n": 1}
    assert asked["ids"] == [["a", "b"]]


def test_a_text_keeps_all_but_what_is_found(gateway: Gateway) -> None:
    """Each value is replaced by what it is."""
    collection = client(gateway, detect("document")).get_collection("masking", embedding_function=None)

    assert collection.get(ids=["a"])["documents"] == ["Zoë ([EMAIL_ADDRESS], [PHONE_NUMBER]) paid with [CREDIT_CARD], twice."]


def test_without_an_obligation_the_answer_is_the_databases(gateway: Gateway, chroma: int) -> None:
    """What the client reads is what it reads without a gateway."""
    whole: Any = ["documents", "metadatas", "embeddings"]
    direct = chroma_client(chroma).get_collection("masking", embedding_function=None).get(include=whole)
    through = client(gateway).get_collection("masking", embedding_function=None).get(include=whole)

    assert (through["documents"], through["metadatas"]) == (direct["documents"], direct["metadatas"])
    assert [list(each) for each in through["embeddings"]] == [list(each) for each in direct["embeddings"]]


def test_an_entity_that_nothing_recognises_denies(gateway: Gateway) -> None:
    """The request does not leave."""
    unknown = detect("document") | {"entities": ["EMAIL_ADDRESS", "PERSON"]}
    with pytest.raises(ChromaError, match="entity_unavailable"):
        client(gateway, unknown).get_collection("masking", embedding_function=None).get()

    assert list(read_leaves(gateway.audit))[-1].reasons == ("entity_unavailable",)


@pytest.mark.parametrize("field", ["note", "document"])
def test_a_field_that_is_searched_may_not_be_asked_about(gateway: Gateway, field: str) -> None:
    """A value that is found there could be read out letter by letter."""
    where: Any = {"where_document": {"$contains": "zoe@"}} if field == "document" else {"where": {"note": TEXT}}
    with pytest.raises(ChromaError, match="masked_field_predicate"):
        client(gateway, detect(field)).get_collection("masking", embedding_function=None).get(**where)


@pytest.mark.parametrize("how", ["redact", "hash", "token", {"partial": {"keep_last": 4}}], ids=str)
@pytest.mark.parametrize("write", ["add", "update", "upsert"])
def test_what_was_read_masked_is_not_written_back(gateway: Gateway, how: Any, write: str) -> None:
    """Whoever reads a record and writes it again does not lose what the mask hides, whatever the operator and the call."""
    collection = client(gateway, mask("email", how=how), detect("document", how=how)).get_collection(
        "masking", embedding_function=None
    )
    read = collection.get(ids=["a"])
    document, metadata = (read["documents"] or [""])[0], (read["metadatas"] or [{}])[0]
    vectors: Any = {"embeddings": [[1.0, 2.0]]}
    for content in ({"documents": [document]}, {"metadatas": [dict(metadata)]}):
        with pytest.raises(ChromaError, match="masked_value_written"):
            getattr(collection, write)(ids=["a" if write != "add" else "new"], **vectors, **content)

    assert client(gateway).get_collection("masking", embedding_function=None).get(ids=["a"])["documents"] == [TEXT]


@pytest.mark.parametrize("spelling", ["[REDACTED]", "\\u005bREDACTED\\u005d", "x [\\u0045MAIL_ADDRESS] y"])
def test_a_mask_spelt_with_escapes_is_not_written(gateway: Gateway, chroma: int, spelling: str) -> None:
    """On the wire any letter may be an escape; what is stored has none."""
    collection = chroma_client(chroma).get_collection("masking", embedding_function=None).id
    body = f'{{"ids": ["c"], "embeddings": [[1, 2]], "documents": ["{spelling}"], "metadatas": [null]}}'
    path = f"/api/v2/tenants/default_tenant/databases/default_database/collections/{collection}/upsert"
    with http(gateway) as plain:
        answer: httpx.Response = plain.post(path, content=body, headers={"content-type": "application/json"})

    assert reason(answer) == "masked_value_written"


def test_a_mask_as_a_collections_metadata_is_not_written(gateway: Gateway) -> None:
    """Descriptions are stored like records."""
    with pytest.raises(ChromaError, match="masked_value_written"):
        client(gateway).create_collection("other", metadata={"owner": "[REDACTED]"}, embedding_function=None)


def test_brackets_and_stars_are_written(gateway: Gateway) -> None:
    """What only resembles a mask is a client's own."""
    collection = client(gateway).get_collection("masking", embedding_function=None)
    collection.upsert(ids=["own"], embeddings=[[9.0, 9.0]], documents=["[1] see **** and [redacted]"])

    assert collection.get(ids=["own"])["documents"] == ["[1] see **** and [redacted]"]


def test_hashes_and_tokens_are_the_same_in_every_answer(gateway: Gateway) -> None:
    """So that a reader can tell that two records have one value, and say which key it is of."""
    for how in ("hash", "token"):
        collection = client(gateway, mask("email", how=how)).get_collection("masking", embedding_function=None)
        seen = {json.dumps(collection.get(ids=["a"])["metadatas"], sort_keys=True) for _ in range(3)}

        assert len(seen) == 1
        assert re.search(rf"\[{how}:k1:", seen.pop())
