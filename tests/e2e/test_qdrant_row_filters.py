"""Row filters and stamps before Qdrant, over REST and over gRPC: each way round them that was thought of, by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.http.exceptions import UnexpectedResponse

from extproc.audit.reader import read_leaves
from extproc.events import Transport
from support.obliged import Obligation, compared, only, stamp, tenant
from support.qdrant_gateway import OVER, Doors
from support.qdrant_played import failure, outcome, played
from support.qdrant_scenario import reads
from support.qdrant_tenants import ALONE, FOREIGN, NOBODYS, SHARED, laid_out, stored

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("over", OVER)]

NEAR = [0.1, 1.0, 0.5]
MAIN = SHARED.main


@pytest.fixture
def behind(told_doors: Doors) -> Iterator[QdrantClient]:
    """Return the database past the gateway, with two tenants' points in one collection."""
    told_doors.database.clear()
    direct = told_doors.direct("rest")
    laid_out(direct)
    yield direct
    told_doors.database.clear()


def own(doors: Doors, over: Transport, *more: Obligation) -> QdrantClient:
    """Return the unchanged client of the first tenant."""
    return doors.client(over, "caller", obligations=[*tenant("t1"), *more])


def told(act: Callable[[], Any]) -> Any:
    """Return what came back, or how the call failed."""
    try:
        return outcome(act(), MAIN)
    except (UnexpectedResponse, grpc.RpcError) as error:
        return failure(error)


def reason(doors: Doors) -> tuple[str, ...]:
    """Return the reasons of the last entry."""
    return list(read_leaves(doors.gateway.audit))[-1].reasons


# --- reading ------------------------------------------------------------------------------------------------------------


async def test_every_way_to_read_gives_a_tenant_what_it_has_alone(
    over: Transport, told_doors: Doors, behind: QdrantClient
) -> None:
    """Queries by vector and by point, nested prefetches, groups, facets, matrices, pages: as if nobody else were there."""
    expected = await played(told_doors.direct(over), reads(ALONE), ALONE.main)
    actual = await played(own(told_doors, over), reads(SHARED), MAIN)

    assert actual == expected
    assert [found for _, found in expected if str(found).startswith(("status ", "code "))] == []


WIDENINGS: dict[str, m.Filter] = {
    "the other tenant": m.Filter(must=[m.FieldCondition(key="tenant", match=m.MatchValue(value="t2"))]),
    "everybody else": m.Filter(must_not=[m.FieldCondition(key="tenant", match=m.MatchValue(value="t1"))]),
    "all tenants": m.Filter(should=[m.FieldCondition(key="tenant", match=m.MatchAny(any=["t1", "t2"]))]),
    "whatever lacks the field": m.Filter(must=[m.IsEmptyCondition(is_empty=m.PayloadField(key="tenant"))]),
    "a tautology": m.Filter(should=[m.Filter(), m.FieldCondition(key="price", range=m.Range(gte=0))]),
    "the ids": m.Filter(must=[m.HasIdCondition(has_id=[FOREIGN, FOREIGN + 1, FOREIGN * 2])]),
    "nothing of a list": m.Filter(must=[], should=[], must_not=[]),
    "one of none": m.Filter(min_should=m.MinShould(conditions=[m.HasIdCondition(has_id=[FOREIGN])], min_count=1)),
    "a path with quotes": m.Filter(must=[m.FieldCondition(key='"tenant"', match=m.MatchValue(value="t2"))]),
}


@pytest.mark.parametrize("name", WIDENINGS)
def test_a_clients_filter_does_not_widen(name: str, over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """Whatever stands in the client's filter, what comes back is its own, in every operation that takes a filter."""
    client, widening = own(told_doors, over), WIDENINGS[name]
    prefetch = m.Prefetch(query=NEAR, using="text", filter=widening, limit=50)
    scrolled, _ = client.scroll(MAIN, scroll_filter=widening, limit=50)
    found: list[Any] = [
        *scrolled,
        *client.query_points(MAIN, query=NEAR, using="text", query_filter=widening, limit=50).points,
        *client.query_points(MAIN, prefetch=prefetch, query=m.FusionQuery(fusion=m.Fusion.RRF), limit=50).points,
        *client.query_points(
            MAIN, prefetch=m.Prefetch(prefetch=prefetch, query=NEAR, using="text"), query=NEAR, using="text", limit=50
        ).points,
    ]
    pairs = client.search_matrix_pairs(MAIN, query_filter=widening, sample=50, limit=50, using="text").pairs

    assert [each.id for each in found if int(each.id) >= FOREIGN] == []
    assert [pair for pair in pairs if int(pair.a) >= FOREIGN or int(pair.b) >= FOREIGN] == []
    assert client.count(MAIN, count_filter=widening).count <= len(stored(behind, ALONE.main))
    assert {hit.value: hit.count for hit in client.facet(MAIN, "tenant", facet_filter=widening).hits}.keys() <= {"t1"}


PROBES: dict[str, Callable[[QdrantClient, int], Any]] = {
    "a query": lambda client, point: client.query_points(MAIN, query=point, using="text", limit=3),
    "a recommendation": lambda client, point: client.query_points(
        MAIN, query=m.RecommendQuery(recommend=m.RecommendInput(positive=[1, point])), using="text", limit=3
    ),
    "what is not wanted": lambda client, point: client.query_points(
        MAIN, query=m.RecommendQuery(recommend=m.RecommendInput(positive=[1], negative=[point])), using="text", limit=3
    ),
    "a target": lambda client, point: client.query_points(
        MAIN,
        query=m.DiscoverQuery(discover=m.DiscoverInput(target=point, context=[m.ContextPair(positive=1, negative=2)])),
        using="text",
        limit=3,
    ),
    "a pair of a context": lambda client, point: client.query_points(
        MAIN, query=m.ContextQuery(context=[m.ContextPair(positive=1, negative=point)]), using="text", limit=3
    ),
    "a prefetch": lambda client, point: client.query_points(
        MAIN,
        prefetch=m.Prefetch(prefetch=[m.Prefetch(query=point, using="text", limit=9)], query=1, using="text", limit=5),
        query=NEAR,
        using="text",
        limit=3,
    ),
    "one query of several": lambda client, point: client.query_batch_points(
        MAIN,
        requests=[m.QueryRequest(query=1, using="text", limit=2), m.QueryRequest(query=point, using="text", limit=2)],
    ),
    "groups": lambda client, point: client.query_points_groups(MAIN, group_by="city", query=point, using="text", limit=2),
    "another collection": lambda client, point: client.query_points(
        MAIN, query=point, using="text", lookup_from=m.LookupLocation(collection=SHARED.other, vector="text"), limit=3
    ),
    "another collection's prefetch": lambda client, point: client.query_points(
        MAIN,
        prefetch=m.Prefetch(query=point, using="text", lookup_from=m.LookupLocation(collection=SHARED.other), limit=4),
        query=NEAR,
        using="text",
        limit=3,
    ),
}


@pytest.mark.parametrize("name", PROBES)
def test_a_foreign_point_to_start_from_reads_as_one_that_is_not_there(
    name: str, over: Transport, told_doors: Doors, behind: QdrantClient
) -> None:
    """What lies near to a foreign record would tell what it is, so to start from it fails as from an id that nobody has."""
    client, probe = own(told_doors, over), PROBES[name]

    foreign, nobodys = (told(lambda point=point: probe(client, point)) for point in (FOREIGN, NOBODYS))  # type: ignore[misc]

    assert foreign == nobodys
    assert str(foreign).startswith(("status 404", "code StatusCode.NOT_FOUND"))
    assert not str(told(lambda: probe(client, 2))).startswith(("status ", "code "))


def test_a_foreign_id_reads_as_one_that_is_not_there(over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """By id a foreign record gives what an id gives that nobody has, with others or alone; the order stays the client's."""
    client, direct = own(told_doors, over), told_doors.direct(over)

    for asked in ([FOREIGN], [3, FOREIGN, 1], [FOREIGN * 2, 2]):
        instead = [NOBODYS if each >= FOREIGN else each for each in asked]
        for how in ({}, {"with_payload": False}, {"with_vectors": True}, {"with_payload": ["tenant"]}):
            found, meant = client.retrieve(MAIN, asked, **how), direct.retrieve(ALONE.main, instead, **how)
            assert outcome(found, MAIN) == outcome(meant, ALONE.main)


def test_a_page_that_starts_at_a_foreign_id_holds_the_callers_own(
    over: Transport, told_doors: Doors, behind: QdrantClient
) -> None:
    """An offset is an id, and it need not be one's own; what follows is, and so is where the next page starts."""
    client = own(told_doors, over)

    beyond, after = client.scroll(MAIN, offset=FOREIGN, limit=50)
    pages, offset = [], None
    while True:
        page, offset = client.scroll(MAIN, offset=offset, limit=5)
        pages += [int(each.id) for each in page]
        if offset is None:
            break
        assert int(str(offset)) < FOREIGN

    assert (beyond, after) == ([], None)
    assert pages == list(range(12))


def test_how_much_is_in_a_collection_is_told_of_the_callers_own(
    over: Transport, told_doors: Doors, behind: QdrantClient
) -> None:
    """A count counts the caller's own; the description of a collection, which cannot, does not tell."""
    whole = ("points_count", "indexed_vectors_count")
    filtered = told_doors.client(over, "caller", everywhere=True, obligations=[*tenant("t1")])
    described = filtered.get_collection(MAIN)

    assert filtered.count(MAIN).count == 12
    assert {getattr(described, name) for name in whole} <= {None, 0}
    assert described.config == told_doors.direct(over).get_collection(MAIN).config


def test_records_beside_groups_are_the_callers_own(over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """A foreign record that belongs to a group by its id is left out, as if there were none."""
    behind.set_payload(SHARED.other, {"tenant": "t2"}, points=[1])
    behind.set_payload(MAIN, {"part": 0}, points=[0, 1, 2])
    behind.set_payload(MAIN, {"part": 1}, points=[3, 4])
    behind.set_payload(MAIN, {"part": 55}, points=[5])
    client = own(told_doors, over)

    def grouped(lookup: Any) -> dict[Any, Any]:
        found = client.query_points_groups(MAIN, group_by="part", query=NEAR, using="text", limit=9, with_lookup=lookup)
        return {group.id: group.lookup and group.lookup.payload for group in found.groups}

    assert grouped(SHARED.other) == {0: {"label": "l0", "tenant": "t1"}, 1: None, 55: None}
    chosen = m.WithLookup(collection=SHARED.other, with_payload=["label"])
    assert told(lambda: grouped(chosen)) in {"status 403", "code StatusCode.PERMISSION_DENIED"}
    assert reason(told_doors) == ("obligation_unsupported",)


# --- writing ------------------------------------------------------------------------------------------------------------

FOREIGNERS = m.Filter(must=[m.FieldCondition(key="tenant", match=m.MatchValue(value="t2"))])
VECTOR: Any = {"text": [0.0, 1.0, 0.0]}
ATTACKS: dict[str, Callable[[QdrantClient, int], Any]] = {
    "overwriting": lambda client, point: client.upsert(MAIN, [m.PointStruct(id=point, vector=VECTOR, payload={"mine": True})]),
    "overwriting in columns": lambda client, point: client.upsert(
        MAIN, m.Batch(ids=[point], vectors={"text": [[0.0, 1.0, 0.0]]}, payloads=[{"tenant": "t2"}])
    ),
    "overwriting under a condition": lambda client, point: client.upsert(
        MAIN, [m.PointStruct(id=point, vector=VECTOR, payload={})], update_filter=FOREIGNERS
    ),
    "overwriting only": lambda client, point: client.upsert(
        MAIN, [m.PointStruct(id=point, vector=VECTOR, payload={})], update_mode=m.UpdateMode.UPDATE_ONLY
    ),
    "other vectors": lambda client, point: client.update_vectors(MAIN, [m.PointVectors(id=point, vector=VECTOR)]),
    "other vectors under a condition": lambda client, point: client.update_vectors(
        MAIN, [m.PointVectors(id=point, vector=VECTOR)], update_filter=FOREIGNERS
    ),
    "no vectors": lambda client, point: client.delete_vectors(MAIN, ["text"], points=[point, FOREIGN * 2]),
    "no vectors by a filter": lambda client, _: client.delete_vectors(MAIN, ["text"], points=FOREIGNERS),
    "deletion": lambda client, point: client.delete(MAIN, [point, FOREIGN * 2]),
    "deletion by a filter": lambda client, _: client.delete(MAIN, m.FilterSelector(filter=FOREIGNERS)),
    "more payload": lambda client, point: client.set_payload(MAIN, {"mine": True}, points=[point]),
    "more payload by a filter": lambda client, _: client.set_payload(MAIN, {"mine": True}, points=FOREIGNERS),
    "more payload at a place": lambda client, point: client.set_payload(MAIN, {"name": "x"}, points=[point], key="owner"),
    "another payload": lambda client, point: client.overwrite_payload(MAIN, {"mine": True}, points=[point]),
    "less payload": lambda client, point: client.delete_payload(MAIN, ["city"], points=[point]),
    "no payload": lambda client, point: client.clear_payload(MAIN, [point]),
    "several at once": lambda client, point: client.batch_update_points(
        MAIN,
        [
            m.UpsertOperation(upsert=m.PointsList(points=[m.PointStruct(id=point, vector=VECTOR, payload={})])),
            m.DeleteOperation(delete=m.PointIdsList(points=[point + 1])),
            m.ClearPayloadOperation(clear_payload=m.FilterSelector(filter=FOREIGNERS)),
            m.SetPayloadOperation(set_payload=m.SetPayload(payload={"mine": True}, filter=FOREIGNERS)),
            m.UpdateVectorsOperation(update_vectors=m.UpdateVectors(points=[m.PointVectors(id=point, vector=VECTOR)])),
            m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(points=[point], vector=["text"])),
        ],
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_foreign_record_is_not_changed(name: str, over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """It stays as it is, and what the database says tells nothing: it is what it says of an id that nobody has."""
    client, before = own(told_doors, over), stored(behind)

    foreign = told(lambda: ATTACKS[name](client, FOREIGN))

    assert stored(behind) == before
    assert foreign == told(lambda: ATTACKS[name](client, NOBODYS))


def test_what_is_written_carries_the_stamp(over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """Whatever the client says of the stamped field, new and changed records are its own."""
    client = own(told_doors, over)

    client.upsert(MAIN, [m.PointStruct(id=50, vector=VECTOR, payload={"tenant": "t2", "n": 1})])
    client.upsert(MAIN, m.Batch(ids=[51, 52], vectors={"text": [[0.0, 1.0, 0.0]] * 2}, payloads=[{"tenant": ["t1", "t2"]}, {}]))
    client.upsert(MAIN, [m.PointStruct(id=53, vector=VECTOR)])
    client.upload_points(MAIN, [m.PointStruct(id=54, vector=VECTOR, payload={"tenant": None})], wait=True)
    client.set_payload(MAIN, {"tenant": "t2", "m": 2}, points=[1])
    client.overwrite_payload(MAIN, {"only": True, "tenant": "t2"}, points=[2])
    client.clear_payload(MAIN, [3])
    client.batch_update_points(
        MAIN,
        [
            m.UpsertOperation(upsert=m.PointsList(points=[m.PointStruct(id=55, vector=VECTOR, payload={"tenant": "t2"})])),
            m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload={"tenant": "t3"}, points=[4])),
            m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=[5])),
        ],
    )

    found = {point: payload for point, (payload, _) in stored(behind).items()}
    assert {point: found[point] for point in (50, 51, 52, 53, 54, 55)} == {
        50: {"tenant": "t1", "n": 1},
        **{point: {"tenant": "t1"} for point in (51, 52, 53, 54, 55)},
    }
    assert (found[1]["tenant"], found[1]["m"]) == ("t1", 2)
    assert [found[point] for point in (2, 3, 4, 5)] == [{"tenant": "t1", "only": True}, *[{"tenant": "t1"}] * 3]
    assert [found[FOREIGN + point]["tenant"] for point in range(12)] == ["t2"] * 12


HELD: dict[str, Callable[[QdrantClient], Any]] = {
    "deleting it": lambda client: client.delete_payload(MAIN, ["city", "tenant"], points=[1]),
    "deleting it in quotes": lambda client: client.delete_payload(MAIN, ['"tenant"'], points=[1]),
    "deleting a part": lambda client: client.delete_payload(MAIN, ["tenant.name"], points=[1]),
    "setting a part": lambda client: client.set_payload(MAIN, {"name": "t2"}, points=[1], key="tenant"),
    "deleting it in a batch": lambda client: client.batch_update_points(
        MAIN,
        [
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["city"], points=[1])),
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["tenant"], points=[1])),
        ],
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_the_stamped_field_is_held(name: str, over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """A change that would take the stamp away, or turn it into something else, is refused, and so is all that came with it."""
    before = stored(behind)

    assert told(lambda: HELD[name](own(told_doors, over))) in {"status 403", "code StatusCode.PERMISSION_DENIED"}
    assert reason(told_doors) == ("field_held",)
    assert stored(behind) == before


def test_a_record_is_not_written_out_of_ones_own_reach(over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """A filter on a field that is not stamped is a condition on what is written, too."""
    cheap = only(compared("lt", "price", 5))
    client = doors_client(told_doors, over, cheap)
    before = stored(behind)
    writes: list[Callable[[], Any]] = [
        lambda: client.upsert(MAIN, [m.PointStruct(id=60, vector=VECTOR, payload={"price": 9})]),
        lambda: client.upsert(MAIN, [m.PointStruct(id=60, vector=VECTOR, payload={})]),
        lambda: client.set_payload(MAIN, {"price": 7.5}, points=[1]),
        lambda: client.set_payload(MAIN, {"price": [1, 9]}, points=[1]),
        lambda: client.overwrite_payload(MAIN, {"n": 1}, points=[1]),
        lambda: client.clear_payload(MAIN, [1]),
    ]

    for write in writes:
        assert told(write) in {"status 403", "code StatusCode.PERMISSION_DENIED"}
        assert reason(told_doors) == ("record_outside_filter",)
    assert stored(behind) == before
    client.upsert(MAIN, [m.PointStruct(id=60, vector=VECTOR, payload={"price": 4.5})])
    assert stored(behind)[60][0] == {"price": 4.5}


def doors_client(doors: Doors, over: Transport, *obligations: Obligation) -> QdrantClient:
    """Return the unchanged client of a caller under these obligations."""
    return doors.client(over, "caller", obligations=list(obligations))


def test_a_stamp_alone_is_a_lock(over: Transport, told_doors: Doors, behind: QdrantClient) -> None:
    """Without a filter everything is read, but a record that carries another stamp is not written over."""
    client = doors_client(told_doors, over, stamp(tenant="t1"))
    before = stored(behind)

    assert client.count(MAIN).count == len(before)
    client.upsert(MAIN, [m.PointStruct(id=FOREIGN, vector=VECTOR, payload={})])
    client.set_payload(MAIN, {"mine": 1}, points=[FOREIGN, FOREIGN * 2])

    assert stored(behind) == before


WHOLE: dict[str, Callable[[QdrantClient], Any]] = {
    "deleting the collection": lambda client: client.delete_collection(MAIN),
    "a snapshot": lambda client: client.create_snapshot(MAIN),
    "a snapshot of all": lambda client: client.create_full_snapshot(),
    "deleting a shard": lambda client: client.delete_shard_key(MAIN, "k"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_touches_all_of_a_collection_is_refused(
    name: str, over: Transport, told_doors: Doors, behind: QdrantClient
) -> None:
    """No filter can be put to it, so under one it is denied; here the policy puts its filter on every operation."""
    with pytest.raises((UnexpectedResponse, grpc.RpcError)):
        WHOLE[name](told_doors.client(over, "caller", everywhere=True, obligations=[*tenant("t1")]))

    assert behind.collection_exists(MAIN)
    assert "obligation_unsupported" in reason(told_doors) or "operation_unsupported" in reason(told_doors)
