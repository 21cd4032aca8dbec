"""Row filters and stamps before a real Chroma: each way round them that was thought of, by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chromadb.api.models.Collection import Collection

from extproc.audit.reader import read_leaves
from support import rawhttp
from support.database import Recorder
from support.gateway import Gateway, chroma_client, running
from support.h2c import exchange
from support.obliged import AS_TOLD, Obligation, client, compared, http, joined, mask, only, reason, stamp, tenant, token
from support.shelf import RECORDS
from support.tap import Tap, tapped

pytestmark = pytest.mark.envoy

ROWS: dict[str, tuple[str, dict[str, Any] | None, str | None]] = {
    "a1": ("t1", {"n": 1, "mail": "ada@corp.test"}, "alpha one"),
    "a2": ("t1", {"n": 2, "mail": "bob@corp.test"}, "alpha two"),
    "a3": ("t1", {"n": 3, "tags": ["x", "y"]}, None),
    "b1": ("t2", {"n": 1, "mail": "eve@else.test"}, "alpha foreign"),
    "b2": ("t2", {"n": 4}, "beta foreign"),
    "free": ("", None, "belongs to nobody"),
}
OWN = ["a1", "a2", "a3"]
TOTAL = len(ROWS)


def metadata(name: str) -> dict[str, Any] | None:
    """Return the metadata with which a record is stored."""
    owner, fields, _ = ROWS[name]
    return {**(fields or {}), "tenant": owner} if owner else fields


@pytest.fixture(scope="module")
def tap(chroma: int) -> Iterator[Tap]:
    """Run a tap before the real Chroma."""
    with tapped(chroma) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(tap: Tap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway of two workers before the tap; the caller's token says what it is obliged to."""
    with running(tmp_path_factory.mktemp("rows"), f"http://127.0.0.1:{tap.port}", policy=AS_TOLD, workers=2) as found:
        yield found


@pytest.fixture
def behind(chroma: int, request: pytest.FixtureRequest) -> Collection:
    """Return a collection of two tenants' records as one sees it past the gateway; each test has its own."""
    name = f"rows-{abs(hash(request.node.nodeid))}"
    made = chroma_client(chroma).create_collection(name, embedding_function=None)
    made.add(
        ids=list(ROWS),
        embeddings=[[float(index), 0.0] for index in range(TOTAL)],
        metadatas=[metadata(each) for each in ROWS],
        documents=[text for _, _, text in ROWS.values()],
    )
    return made


def path(collection: Collection) -> str:
    """Return the path of a collection's records."""
    return f"/api/v2/tenants/default_tenant/databases/default_database/collections/{collection.id}"


def asked(gateway: Gateway, collection: Collection, operation: str, body: Any, *obligations: Obligation) -> httpx.Response:
    """Return the answer to one request of a caller; without a body it is a GET."""
    with http(gateway, *obligations) as caller:
        target = f"{path(collection)}/{operation}"
        return caller.get(target) if body is None else caller.post(target, json=body)


def stored(collection: Collection) -> dict[str, Any]:
    """Return all that is stored: metadata, text and vector of each record."""
    found = collection._client._get(collection_id=collection.id, include=["metadatas", "documents", "embeddings"])
    columns = [found[name] or [] for name in ("ids", "metadatas", "documents", "embeddings")]
    return {name: rest for name, *rest in zip(*columns, strict=True)}


def ids(answer: httpx.Response) -> Any:
    """Return the ids of an answer, each query's sorted."""
    found = answer.json()["ids"]
    return sorted(found) if all(isinstance(each, str) for each in found) else [sorted(each) for each in found]


# --- the unchanged client -----------------------------------------------------------------------------------------------


def test_a_tenant_works_as_if_alone(gateway: Gateway, behind: Collection) -> None:
    """The unchanged client reads, counts, pages, searches, writes and deletes, and finds its own records only."""
    own = client(gateway, *tenant("t1")).get_collection(behind.name, embedding_function=None)

    assert own.count() == 3
    assert own.get()["ids"] == OWN
    assert own.peek(2)["ids"] == OWN[:2]
    assert [own.get(limit=2, offset=page)["ids"] for page in (0, 2, 4)] == [["a1", "a2"], ["a3"], []]
    assert own.query(query_embeddings=[[3.0, 0.0], [0.0, 0.0]], n_results=9)["ids"] == [["a3", "a2", "a1"], OWN]
    own.add(ids=["a4"], embeddings=[[9.0, 9.0]])
    own.upsert(ids=["a4", "a5"], embeddings=[[9.0, 9.0]] * 2, metadatas=[{"tenant": "t2"}, {"n": 5}])
    own.update(ids=["a1"], metadatas=[{"n": 10}])
    own.delete(where={"n": 5})
    assert own.get(include=["metadatas"])["metadatas"] == [
        {"tenant": "t1", "n": 10, "mail": "ada@corp.test"},
        {"tenant": "t1", "n": 2, "mail": "bob@corp.test"},
        {"tenant": "t1", "n": 3, "tags": ["x", "y"]},
        {"tenant": "t1"},
    ]


def test_a_count_reads_as_chromas_own(gateway: Gateway, behind: Collection) -> None:
    """A number, nothing else, with Chroma's own fields; and it is never more than the caller's own."""
    with http(gateway) as all_of_it, http(gateway, *tenant("t1")) as own:
        whole, counted = (caller.get(f"{path(behind)}/count") for caller in (all_of_it, own))

    assert (whole.content, counted.content) == (str(TOTAL).encode(), b"3")
    dropped = {"date", "cache-control"}
    assert {name: value for name, value in whole.headers.items() if name not in dropped} == {
        name: value for name, value in counted.headers.items() if name not in dropped
    }


# --- reading --------------------------------------------------------------------------------------------------------------

WIDENINGS: dict[str, Any] = {
    "a disjunction": {"$or": [{"tenant": "t2"}, {"tenant": "t1"}]},
    "the other tenant": {"tenant": "t2"},
    "everybody else": {"tenant": {"$ne": "t1"}},
    "all tenants": {"tenant": {"$in": ["t1", "t2"]}},
    "whatever lacks the field": {"tenant": {"$nin": ["t2"]}},
    "a tautology": {"$or": [{"n": {"$gte": 0}}, {"n": {"$ne": 7}}]},
    "a nested disjunction": {"$and": [{"$or": [{"$and": [{"tenant": "t2"}]}, {"n": {"$gt": 0}}]}]},
}


@pytest.mark.parametrize("name", WIDENINGS)
def test_a_clients_filter_does_not_widen(name: str, gateway: Gateway, behind: Collection) -> None:
    """Whatever stands in the client's filter, what comes back is its own."""
    clause = WIDENINGS[name]
    got = asked(gateway, behind, "get", {"where": clause}, *tenant("t1"))
    found = asked(gateway, behind, "query", {"query_embeddings": [[0, 0]], "where": clause, "n_results": 99}, *tenant("t1"))

    assert set(ids(got)) | set(ids(found)[0]) <= set(OWN)


@pytest.mark.parametrize("clause", [{}, {"$and": []}, {"$or": []}, {"chroma:document": {"$ne": ""}}, [], "", {"$and": [{}]}])
def test_a_clients_filter_that_breaks_out_is_refused(clause: Any, gateway: Gateway, behind: Collection) -> None:
    """A filter of no known form is not joined to anything."""
    for operation, base in (("get", {}), ("query", {"query_embeddings": [[0, 0]]}), ("delete", {})):
        answer = asked(gateway, behind, operation, {**base, "where": clause}, *tenant("t1"))
        assert answer.status_code in {400, 403}
    assert len(stored(behind)) == TOTAL


def test_a_foreign_id_reads_as_one_that_is_not_there(gateway: Gateway, behind: Collection) -> None:
    """By id a foreign record gives what an id gives that nobody has: to get, query and delete."""
    requests: list[tuple[str, dict[str, Any]]] = [
        ("get", {"include": ["metadatas", "documents", "embeddings"]}),
        ("query", {"query_embeddings": [[3, 0]], "n_results": 2}),
        ("delete", {}),
    ]
    for operation, body in requests:
        for beside in ([], ["a1"]):
            foreign, nobodys = (
                asked(gateway, behind, operation, {**body, "ids": [each, *beside]}, *tenant("t1")) for each in ("b1", "zz")
            )
            assert (foreign.status_code, foreign.json()) == (nobodys.status_code, nobodys.json())
            assert len(foreign.content) == len(nobodys.content)
            if operation == "delete":
                break
    assert stored(behind).keys() == ROWS.keys()


@pytest.mark.parametrize("form", ["plain", "chunked", "http2", "level"])
def test_a_count_is_filtered_however_it_is_asked(form: str, gateway: Gateway, behind: Collection) -> None:
    """With an empty chunked body, over HTTP/2, with a level: the number is that of the caller's own records."""
    bearer, target = token(gateway, *tenant("t1")), f"{path(behind)}/count"
    match form:
        case "chunked":
            with rawhttp.connected(gateway.port) as wire:
                fields = (
                    ("host", "kb"),
                    ("x-chroma-token", bearer),
                    ("transfer-encoding", "chunked"),
                    ("content-type", "text/x"),
                )
                wire.send(rawhttp.request("GET", target, fields) + rawhttp.chunked())
                reply = wire.reply()
                assert reply is not None
                status, body = reply.status, reply.body
        case "http2":
            head = [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "kb"),
                (":path", target),
                ("x-chroma-token", bearer),
            ]
            told, body = exchange(gateway.port, head, None, None)
            status = told or 0
        case _:
            answer = asked(gateway, behind, "count" + "?read_level=index_and_wal" * (form == "level"), None, *tenant("t1"))
            status, body = answer.status_code, answer.content

    assert (status, body) == (200, b"3")


def test_the_size_of_an_answer_without_a_body_tells_no_total(gateway: Gateway, behind: Collection) -> None:
    """HEAD of a count would say in how many digits all records are counted."""
    with http(gateway, *tenant("t1")) as own, http(gateway) as all_of_it:
        assert own.head(f"{path(behind)}/count").status_code == 403
        assert all_of_it.head(f"{path(behind)}/count").headers["content-length"] == "1"


def test_what_tells_of_all_records_without_naming_any_is_denied(gateway: Gateway, behind: Collection) -> None:
    """A count of another level of the index, which no filtered read has, is not answered for a part of the records."""
    assert reason(asked(gateway, behind, "count?read_level=index_only", None, *tenant("t1"))) == "obligation_unsupported"
    assert asked(gateway, behind, "count?read_level=index_only", None).content == str(TOTAL).encode()


def test_pages_go_through_the_callers_own(gateway: Gateway, behind: Collection) -> None:
    """Limit and offset count among the caller's own records, not among all."""
    pages = [
        asked(gateway, behind, "get", {"limit": 1, "offset": offset, "include": []}, *tenant("t2")).json()["ids"]
        for offset in range(4)
    ]

    assert pages == [["b1"], ["b2"], [], []]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compared("eq", "tenant", "t1"), OWN),
        (compared("ne", "tenant", "t1"), ["b1", "b2", "free"]),
        (joined("not", compared("in", "tenant", ["t1", "t2"])), ["free"]),
        (compared("in", "tenant", []), []),
        (compared("nin", "tenant", []), sorted(ROWS)),
        (joined("and", compared("eq", "tenant", "t1"), compared("lt", "n", 2.5)), ["a1", "a2"]),
        (joined("or", compared("eq", "n", 4), compared("eq", "mail", "ada@corp.test")), ["a1", "b2"]),
        (compared("ne", "tags", "x"), sorted(ROWS)),
        (compared("eq", "n", "1"), []),
        (compared("eq", "n", True), []),
    ],
)
def test_a_policys_condition_means_what_it_says(
    condition: Obligation, expected: list[str], gateway: Gateway, behind: Collection
) -> None:
    """Get, query and count agree on whose records they are."""
    got = asked(gateway, behind, "get", {}, only(condition))
    found = asked(gateway, behind, "query", {"query_embeddings": [[0, 0]], "n_results": 99}, only(condition))
    counted = asked(gateway, behind, "count", None, only(condition))

    assert (ids(got), ids(found), counted.json()) == (expected, [expected], len(expected))


@pytest.mark.parametrize(
    "condition",
    [
        compared("eq", "tenant", None),
        compared("lt", "tenant", "t2"),
        joined("not", compared("lt", "n", 2)),
        compared("eq", "document", "x"),
        {"type": "opaque", "operator": "contains", "field": "tenant"},
        joined("or", compared("eq", "tenant", "t1"), {"type": "opaque", "operator": "geo", "field": "place"}),
    ],
)
def test_a_condition_that_chroma_cannot_be_asked_for_denies(
    condition: Obligation, gateway: Gateway, behind: Collection, tap: Tap
) -> None:
    """It is never left out: nothing is read, counted, written or deleted under it, and Chroma is not even asked."""
    write = {"ids": ["x"], "embeddings": [[0, 0]]}
    requests: list[tuple[str, Any]] = [
        *(("get", {}), ("query", {"query_embeddings": [[0, 0]]}), ("count", None), ("delete", {"ids": ["a1"]})),
        *(("search", {"searches": [{}]}), ("add", write), ("upsert", write), ("update", write)),
    ]
    before = len(tap.seen)

    assert {reason(asked(gateway, behind, *each, only(condition))) for each in requests} == {"obligation_unsupported"}
    assert not [seen for seen in tap.seen[before:] if not seen.target.endswith(f"/by-id/{behind.id}")]


def test_every_search_carries_the_filter(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The local Chroma has no `/search`, so what would reach one that has is looked at."""
    searches = [
        {},
        {"filter": {"n": 1}},
        {"rank": {"$knn": {"query": [1, 0]}}, "filter": {"$or": [{"n": 1}, {"tenant": "t2"}]}},
    ]
    clause = {"tenant": {"$eq": "t1"}}
    with running(tmp_path_factory.mktemp("search"), f"http://127.0.0.1:{book.port}", policy=AS_TOLD) as gateway:
        with http(gateway, *tenant("t1")) as caller:
            caller.post(f"{RECORDS}/search", json={"searches": searches})
        sent = json.loads(book.last().body)["searches"]

    assert [search["filter"] for search in sent] == [
        clause,
        {"$and": [clause, {"n": 1}]},
        {"$and": [clause, {"$or": [{"n": 1}, {"tenant": "t2"}]}]},
    ]


# --- writing --------------------------------------------------------------------------------------------------------------

VECTORS = {"embeddings": [[5, 5]]}
THEFTS: dict[str, tuple[str, dict[str, Any]]] = {
    "an upsert over it": ("upsert", {**VECTORS, "documents": ["mine now"]}),
    "an upsert of metadata, to read the text": ("upsert", {**VECTORS, "metadatas": [{"n": 9}]}),
    "an upsert with the owner's own stamp": ("upsert", {**VECTORS, "metadatas": [{"tenant": "t2"}]}),
    "an add over it": ("add", VECTORS),
    "an update of its owner": ("update", {"metadatas": [{"tenant": "t1"}]}),
    "an update that takes its owner away": ("update", {"metadatas": [{"tenant": None}]}),
    "an update of its text alone": ("update", {"documents": ["mine now"]}),
    "an update of its vector alone": ("update", VECTORS),
    "an update of nothing": ("update", {}),
}


@pytest.mark.parametrize("obligations", [tenant("t1"), tenant("t1")[1:]], ids=["filter and stamp", "stamp"])
@pytest.mark.parametrize("target", ["b1", "free"])
@pytest.mark.parametrize("name", THEFTS)
def test_a_foreign_record_cannot_be_taken(
    *, name: str, target: str, obligations: tuple[Obligation, ...], gateway: Gateway, behind: Collection
) -> None:
    """Neither another tenant's record nor one that is nobody's is changed, alone or hidden among one's own."""
    operation, body = THEFTS[name]
    before = stored(behind)
    hidden = {key: value * 3 for key, value in body.items()}

    alone = asked(gateway, behind, operation, {"ids": [target], **body}, *obligations)
    among = asked(gateway, behind, operation, {"ids": ["a1", target, "new"], **hidden}, *obligations)

    assert (reason(alone), reason(among)) == ("record_foreign", "record_foreign")
    assert stored(behind) == before


@pytest.mark.parametrize(
    "sent",
    [
        {"tenant": "t2"},
        {"tenant": ["t2"]},
        {"tenant": []},
        {"tenant": True},
        {"Tenant": "t2", "tenant ": "t2", "tenant\0": "t2"},
        {},
        None,
    ],
)
@pytest.mark.parametrize("operation", ["add", "upsert", "update"])
def test_whatever_is_sent_the_stamp_is_what_is_stored(sent: Any, operation: str, gateway: Gateway, behind: Collection) -> None:
    """Another owner, a list of owners, names that look alike, nothing: what is stored is the caller's, and stays findable."""
    target = "a1" if operation == "update" else "new"
    body = {"ids": [target], "metadatas": [sent], **(VECTORS if operation != "update" else {})}

    answer = asked(gateway, behind, operation, body, *tenant("t1"))

    assert answer.is_success, answer.text
    assert stored(behind)[target][0]["tenant"] == "t1"
    assert target in ids(asked(gateway, behind, "get", {}, *tenant("t1")))
    assert target not in ids(asked(gateway, behind, "get", {}, *tenant("t2")))


def test_a_field_that_is_removed_is_removed_but_for_the_stamp(gateway: Gateway, behind: Collection) -> None:
    """A null in an update takes a field away; the stamped one it does not."""
    answer = asked(gateway, behind, "update", {"ids": ["a1"], "metadatas": [{"tenant": None, "mail": None}]}, *tenant("t1"))

    assert answer.is_success
    assert stored(behind)["a1"][0] == {"tenant": "t1", "n": 1}


def test_one_id_twice_in_a_request_is_one_record(gateway: Gateway, behind: Collection) -> None:
    """A foreign id is found however often it is named, and an own one is stamped each time."""
    twice = {"ids": ["b1", "b1"], "embeddings": [[5, 5]] * 2}

    assert reason(asked(gateway, behind, "upsert", twice, *tenant("t1"))) == "record_foreign"
    assert asked(gateway, behind, "upsert", {**twice, "ids": ["new", "new"]}, *tenant("t1")).is_success
    assert stored(behind)["new"][0] == {"tenant": "t1"}


@pytest.mark.parametrize(
    ("operation", "target", "sent", "expected"),
    [
        ("add", "new", {"tenant": "t1"}, ""),
        ("add", "new", {"tenant": "t2"}, "record_outside_filter"),
        ("add", "new", None, "record_outside_filter"),
        ("upsert", "a1", {"tenant": "t1", "n": 7}, ""),
        ("upsert", "a1", {"n": 7}, "record_outside_filter"),
        ("upsert", "b1", {"tenant": "t1"}, "record_foreign"),
        ("update", "a1", {"n": 7}, ""),
        ("update", "a1", {"tenant": "t2"}, "record_outside_filter"),
        ("update", "a1", {"tenant": None}, "record_outside_filter"),
        ("update", "b1", {"n": 7}, "record_foreign"),
        ("update", "nobody", {"n": 7}, ""),
    ],
)
def test_without_a_stamp_nothing_leaves_the_filter(
    *, operation: str, target: str, sent: Any, expected: str, gateway: Gateway, behind: Collection
) -> None:
    """A filter alone lets nobody plant a record with another tenant, give one away, or take one."""
    before = stored(behind)
    body = {"ids": [target], "metadatas": [sent], **VECTORS}

    assert reason(asked(gateway, behind, operation, body, tenant("t1")[0])) == expected
    assert not expected or stored(behind) == before


def test_a_deletion_takes_the_callers_own(gateway: Gateway, behind: Collection) -> None:
    """By id, by filter, with a limit, of everything: what goes is the caller's own, and the number says no more."""
    deleted = [
        asked(gateway, behind, "delete", body, *tenant("t1")).json()["deleted"]
        for body in ({"ids": ["b1", "a1"]}, {"where": {"n": {"$lte": 4}}, "limit": 1}, {"where": {"tenant": "t2"}}, {})
    ]

    assert deleted == [1, 1, 0, 1]
    assert sorted(stored(behind)) == ["b1", "b2", "free"]


def test_an_id_that_its_owner_gives_up_is_free(gateway: Gateway, behind: Collection) -> None:
    """Deleted by one tenant and taken by another, a record is the other's, and no longer the first's."""
    assert asked(gateway, behind, "delete", {"ids": ["a1"]}, *tenant("t1")).json() == {"deleted": 1}
    assert asked(gateway, behind, "add", {"ids": ["a1"], **VECTORS}, *tenant("t2")).is_success

    assert reason(asked(gateway, behind, "update", {"ids": ["a1"]}, *tenant("t1"))) == "record_foreign"
    assert asked(gateway, behind, "delete", {"ids": ["a1"]}, *tenant("t1")).json() == {"deleted": 0}
    assert stored(behind)["a1"] == [{"tenant": "t2"}, None, [5.0, 5.0]]


def test_chroma_gives_a_later_record_the_vector_of_an_update_that_it_ignored(chroma: int) -> None:
    """The flaw for which an update must not name what is not there: whoever adds that record later has another's vector."""
    past = chroma_client(chroma).create_collection("planted", embedding_function=None)
    past.add(ids=["other"], embeddings=[[0.0, 0.0]])
    past.update(ids=["to come"], embeddings=[[9.0, 9.0]])
    past.add(ids=["to come"], embeddings=[[1.0, 1.0]])
    seen = []
    for turn in range(2):
        seen.append(stored(past)["to come"][2])
        past.update(ids=["other"], embeddings=[[float(turn), 0.0]])

    assert [*seen, stored(past)["to come"][2]] == [[1.0, 1.0], [9.0, 9.0], [9.0, 9.0]]


def test_a_vector_is_not_planted_for_a_record_to_come(gateway: Gateway, behind: Collection, tap: Tap) -> None:
    """Of an update nothing reaches Chroma that names a record which is not there; the rest of it does, and is answered."""
    columns = {"embeddings": [[9, 9], [8, 8], [7, 7]], "documents": ["x", None, "z"]}

    some = asked(gateway, behind, "update", {"ids": ["to come", "a1", "b9"], **columns}, *tenant("t1"))
    none = asked(gateway, behind, "update", {"ids": ["to come"], "embeddings": [[9, 9]]}, *tenant("t1"))

    assert (some.json(), none.json()) == ({}, {})
    sent = [json.loads(seen.body) for seen in tap.seen if seen.target == f"{path(behind)}/update"]
    assert sent == [
        {"ids": ["a1"], "embeddings": [[8, 8]], "documents": [None], "metadatas": [{"tenant": "t1"}]},
        {"ids": [], "embeddings": [], "metadatas": []},
    ]
    assert stored(behind)["a1"][2] == [8.0, 8.0]


def test_an_add_over_ones_own_record_does_nothing_as_in_chroma(gateway: Gateway, behind: Collection) -> None:
    """Chroma ignores an add of what is there, and says so to nobody."""
    before = stored(behind)

    answer = asked(gateway, behind, "add", {"ids": ["a1"], **VECTORS}, *tenant("t1"))

    assert (answer.status_code, answer.json()) == (201, {})
    assert stored(behind) == before


# --- with masks -----------------------------------------------------------------------------------------------------------


def test_a_filter_on_a_masked_field_is_the_policys_own(gateway: Gateway, behind: Collection) -> None:
    """The policy may filter and stamp by what it masks; the client may not, whatever it asks for."""
    masked = (*tenant("t1"), mask("tenant", "mail"))

    got = asked(gateway, behind, "get", {"include": ["metadatas"]}, *masked)
    refused = [
        reason(asked(gateway, behind, operation, {**base, "where": {"tenant": "t1"}}, *masked))
        for operation, base in (("get", {}), ("query", {"query_embeddings": [[0, 0]]}), ("delete", {}))
    ]

    assert [fields["tenant"] for fields in got.json()["metadatas"]] == ["[REDACTED]"] * 3
    assert asked(gateway, behind, "count", None, *masked).json() == 3
    assert asked(gateway, behind, "get", {"where": {"n": 2}}, *masked).json()["ids"] == ["a2"]
    assert refused == ["masked_field_predicate"] * 3


def test_a_limit_holds_beside_a_row_filter(gateway: Gateway, behind: Collection) -> None:
    """Limit, vectors, scores and filter are fulfilled together; a count has no limit."""
    obliged = (only(compared("eq", "tenant", "t1")), {"type": "limit", "max": 2}, {"type": "vectors", "return": False})

    got = asked(gateway, behind, "get", {"include": ["embeddings"]}, *obliged).json()

    assert (got["ids"], got["embeddings"]) == (["a1", "a2"], None)
    assert asked(gateway, behind, "count", None, *obliged).json() == 3


# --- evidence -------------------------------------------------------------------------------------------------------------


def test_what_was_refused_and_what_was_asked_is_on_record(gateway: Gateway, behind: Collection) -> None:
    """A refusal names its reason and no id; a count is a count, with the obligations under which it was allowed."""
    name, owner = "an-id-of-a-record", "the-name-of-a-tenant"
    behind.add(ids=[name], embeddings=[[0.0, 0.0]])
    asked(gateway, behind, "count", None, *tenant(owner))
    refused = asked(gateway, behind, "upsert", {"ids": [name], **VECTORS}, *tenant(owner))
    leaves = [leaf for leaf in read_leaves(gateway.audit) if behind.name in str(leaf)]

    assert name not in refused.text
    assert not any(value in str(leaves) for value in (name, owner))
    assert sorted((leaf.kind, leaf.facts[0].action, leaf.decision, leaf.reasons) for leaf in leaves) == [
        ("intent", "count", "allow", ()),
        ("outcome", "count", "allow", ()),
        ("outcome", "upsert", "deny", ("record_foreign",)),
    ]
    assert {leaf.facts[0].obligations for leaf in leaves} == {("filter", "stamp")}


def test_two_filters_hold_together(gateway: Gateway, behind: Collection) -> None:
    """Two obligations of the policy are joined by *and*; two stamps that differ deny."""
    both = (only(compared("eq", "tenant", "t1")), only(compared("gt", "n", 1)))

    assert ids(asked(gateway, behind, "get", {}, *both)) == ["a2", "a3"]
    clash = asked(gateway, behind, "upsert", {"ids": ["x"], **VECTORS}, stamp(tenant="t1"), stamp(tenant="t2"))
    assert reason(clash) == "stamp_conflict"
