"""LangChain's and LlamaIndex's Qdrant stores run through the gateway unchanged, over REST and over gRPC.

Each does everything that it can, once against the database and once through the gateway, and every result must be the same.
Then a reader uses what an administrator stored.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from langchain_core.documents import Document
from langchain_qdrant import QdrantVectorStore, RetrievalMode, SparseEmbeddings, SparseVector
from langchain_qdrant.qdrant import QdrantVectorStoreError
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import FilterCondition, VectorStoreQuery, VectorStoreQueryMode
from llama_index.vector_stores.qdrant import QdrantVectorStore as LlamaIndexStore
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from extproc.events import Transport
from support.frameworks import (
    EMAIL,
    METADATA,
    TEXTS,
    OwnEmbedding,
    OwnEmbeddings,
    documents,
    nodes,
    plain,
    scored,
    vector,
    where,
)
from support.qdrant_gateway import OVER, Doors

pytestmark = pytest.mark.envoy

IDS = [str(uuid.UUID(int=number + 1)) for number in range(9)]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep LangChain from telling a service of its own what it does, and LlamaIndex from looking for a model that answers."""
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "false")
    monkeypatch.setenv("IS_TESTING", "true")


def failure(act: Callable[[], Any]) -> str:
    """Return how a call fails: a status where the database or the gateway says so, else the name of what is raised."""
    try:
        act()
    except UnexpectedResponse as error:
        return f"status {error.status_code}"
    except grpc.RpcError as error:
        return f"code {error.code()}"
    except (QdrantVectorStoreError, ResponseHandlingException, ValueError, TypeError, KeyError) as error:
        return type(error).__name__
    return "none"


# --- LangChain ---


class Words(SparseEmbeddings):
    """Sparse vectors without a model: each length of word is an index."""

    def embed_query(self, text: str) -> SparseVector:
        """Return the sparse vector of a question."""
        lengths = sorted({len(word) for word in text.split()})
        return SparseVector(indices=lengths, values=[1.0 + each / 8 for each in lengths])

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Return the sparse vector of each text."""
        return [self.embed_query(text) for text in texts]


SIZES = models.VectorParams(size=8, distance=models.Distance.COSINE)
HYBRID: dict[str, Any] = {"sparse_embedding": Words(), "sparse_vector_name": "sparse", "retrieval_mode": RetrievalMode.HYBRID}


def langchain(client: QdrantClient, name: str, **more: Any) -> QdrantVectorStore:
    """Return LangChain's store of a collection, as its own guide makes it."""
    return QdrantVectorStore(client=client, collection_name=name, embedding=OwnEmbeddings(), **more)


def having(key: str, value: Any) -> models.Filter:
    """Return the filter of one field that LangChain keeps."""
    return models.Filter(must=[models.FieldCondition(key=f"metadata.{key}", match=models.MatchValue(value=value))])


def langchain_story(client: QdrantClient, name: str) -> list[Any]:
    """Do everything that LangChain's store can do; return each result."""
    seen: list[Any] = []
    note = seen.append
    note(failure(lambda: langchain(client, name)))
    client.create_collection(name, vectors_config=SIZES, sparse_vectors_config={"sparse": models.SparseVectorParams()})
    store = langchain(client, name, **HYBRID)
    note(store.add_texts(TEXTS[:4], metadatas=[dict(each) for each in METADATA[:4]], ids=IDS[:4]))
    more = [Document(page_content=text, metadata=dict(METADATA[4])) for text in TEXTS[4:]]
    note(store.add_documents(more, ids=IDS[4:8], batch_size=3))
    note(scored(store.similarity_search_with_score(TEXTS[2], k=3)))
    note(scored(store.similarity_search_with_score(TEXTS[2], k=3, filter=having("team", "team-1"))))
    by_rank = models.FusionQuery(fusion=models.Fusion.DBSF)
    note(scored(store.similarity_search_with_score(TEXTS[2], k=3, hybrid_fusion=by_rank)))
    sparse = langchain(client, name, **{**HYBRID, "retrieval_mode": RetrievalMode.SPARSE})
    note(sorted(each[2]["n"] for each in documents(sparse.similarity_search(TEXTS[1], k=8))))
    dense = langchain(client, name)
    note(documents(dense.similarity_search(TEXTS[2], k=3, offset=1)))
    note(scored(dense.similarity_search_with_score(TEXTS[1], k=4, score_threshold=0.8)))
    note(scored(dense.similarity_search_with_relevance_scores("a question", k=2)))
    note(documents(dense.similarity_search_by_vector(vector(TEXTS[3]), k=2)))
    note(scored(dense.similarity_search_with_score_by_vector(vector(TEXTS[3]), k=2, filter=having("even", True))))
    note(documents(dense.max_marginal_relevance_search(TEXTS[0], k=3, fetch_k=6)))
    note(documents(dense.max_marginal_relevance_search_by_vector(vector(TEXTS[0]), k=2, fetch_k=5)))
    for search in ("similarity", "mmr"):
        note(documents(dense.as_retriever(search_type=search, search_kwargs={"k": 2}).invoke(TEXTS[5])))
    note(documents(dense.get_by_ids([IDS[3], IDS[0], IDS[8]])))
    note(dense.delete(ids=[IDS[0]]))
    note(documents(dense.get_by_ids(IDS[:2])))
    note(failure(lambda: dense.similarity_search_by_vector([1.0, 2.0])))
    note(failure(lambda: langchain(client, name, distance=models.Distance.DOT)))
    client.delete_collection(name)
    note(failure(lambda: dense.similarity_search("x")))
    return seen


async def langchain_asynchronous_story(client: QdrantClient, _: AsyncQdrantClient, name: str) -> list[Any]:
    """Do everything that LangChain's store offers to asynchronous programs; return each result."""
    client.create_collection(name, vectors_config=SIZES)
    store = langchain(client, name)
    seen: list[Any] = [await store.aadd_texts(TEXTS, metadatas=[dict(each) for each in METADATA], ids=IDS[:8])]
    note = seen.append
    note(documents(await store.asimilarity_search(TEXTS[2], k=3, filter=having("even", True))))
    note(scored(await store.asimilarity_search_with_score(TEXTS[2], k=3)))
    note(documents(await store.asimilarity_search_by_vector(vector(TEXTS[2]), k=3)))
    note(documents(await store.amax_marginal_relevance_search(TEXTS[2], k=3)))
    note(documents(await store.aget_by_ids([IDS[1], IDS[5]])))
    note(await store.adelete(ids=[IDS[1]]))
    client.delete_collection(name)
    return seen


# --- LlamaIndex ---


def sparse(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    """Return the sparse vectors of texts, as LlamaIndex wants them."""
    found = Words().embed_documents(texts)
    return [each.indices for each in found], [each.values for each in found]


def llama_store(client: QdrantClient, name: str, **more: Any) -> LlamaIndexStore:
    """Return LlamaIndex's store of a collection."""
    return LlamaIndexStore(name, client=client, parallel=1, **more)


def llama_index(store: LlamaIndexStore) -> VectorStoreIndex:
    """Return LlamaIndex's index over a collection, as its own guide makes it."""
    return VectorStoreIndex.from_vector_store(store, embed_model=OwnEmbedding(embed_dim=8))


def llama_index_story(client: QdrantClient, name: str) -> list[Any]:
    """Do everything that LlamaIndex's store and an index over it can do; return each result."""
    seen: list[Any] = []
    note = seen.append
    store = llama_store(client, name, enable_hybrid=True, sparse_doc_fn=sparse, sparse_query_fn=sparse)
    index = VectorStoreIndex(
        [], storage_context=StorageContext.from_defaults(vector_store=store), embed_model=OwnEmbedding(embed_dim=8)
    )
    index.insert_nodes(nodes(IDS)[:6])
    note(store.add(nodes(IDS)[6:]))
    note(client.count(name).count)
    for filters in (
        None,
        where(("team", "==", "team-1")),
        where(("n", ">=", 2), ("n", "!=", 3)),
        where(("n", "<", 2), ("team", "in", ["team-2"]), joined=FilterCondition.OR),
        where(("n", "nin", [0, 1, 2]), ("n", "<=", 5), ("n", ">", 3)),
        where(("email", "==", "nobody"), joined=FilterCondition.NOT),
        where(("missing", "is_empty", None)),
        where(("email", "text_match", "grace")),
    ):
        note([plain(each) for each in index.as_retriever(similarity_top_k=3, filters=filters).retrieve(TEXTS[2])])
        note([plain(each) for each in store.get_nodes(filters=filters)])
    note([plain(each) for each in store.get_nodes([IDS[1], IDS[8]])])
    for mode in ("hybrid", "sparse", "default"):
        # Sparse vectors here are alike: as many results as there are points, so that equals cannot change places.
        asked = index.as_retriever(vector_store_query_mode=mode, similarity_top_k=8, sparse_top_k=8, hybrid_top_k=8)
        note(sorted(json.dumps(plain(each)[0]) for each in asked.retrieve(TEXTS[2])))
    answer = index.as_query_engine(response_mode="no_text", similarity_top_k=2).query(TEXTS[4])
    note([plain(each) for each in answer.source_nodes])
    found = store.query(VectorStoreQuery(query_embedding=vector(TEXTS[1]), similarity_top_k=2, doc_ids=["doc-1"]))
    note([found.ids, found.similarities, [plain(each) for each in found.nodes or []]])
    again = llama_store(client, name)
    note([plain(each) for each in llama_index(again).as_retriever(similarity_top_k=2).retrieve(TEXTS[2])])
    store.delete("doc-1")
    store.delete_nodes([IDS[0]])
    store.delete_nodes(filters=where(("n", "==", 5)))
    note(sorted(each.node_id for each in store.get_nodes()))
    wrong = VectorStoreQuery(query_embedding=[1.0], similarity_top_k=1, mode=VectorStoreQueryMode.DEFAULT)
    note(failure(lambda: store.query(wrong)))
    store.clear()
    note(client.collection_exists(name))
    return seen


async def llama_index_asynchronous_story(_: QdrantClient, client: AsyncQdrantClient, name: str) -> list[Any]:
    """Do everything that LlamaIndex offers to asynchronous programs; return each result."""
    store = LlamaIndexStore(name, aclient=client)
    index = llama_index(store)
    seen: list[Any] = [await store.async_add(nodes(IDS))]
    retriever = index.as_retriever(similarity_top_k=2, filters=where(("n", ">", 1)))
    seen.append([[plain(each) for each in await retriever.aretrieve(text)] for text in TEXTS[:4]])
    answer = await index.as_query_engine(response_mode="no_text", similarity_top_k=2).aquery(TEXTS[4])
    seen.append([plain(each) for each in answer.source_nodes])
    await store.adelete("doc-2")
    await store.adelete_nodes([IDS[1]])
    seen.append(sorted(each.node_id for each in await store.aget_nodes()))
    await store.aclear()
    return seen


# --- the same as direct ---

STORIES: list[Callable[[QdrantClient, str], list[Any]]] = [langchain_story, llama_index_story]
ASYNCHRONOUS_STORIES: list[Callable[[QdrantClient, AsyncQdrantClient, str], Awaitable[list[Any]]]] = [
    langchain_asynchronous_story,
    llama_index_asynchronous_story,
]


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("story", STORIES)
def test_an_unchanged_store_gives_the_same_results_as_direct(
    story: Callable[[QdrantClient, str], list[Any]], over: Transport, qdrant_doors: Doors
) -> None:
    """Under an allow-all policy all that a store can do gives through the gateway exactly what it gives without it."""
    direct = story(qdrant_doors.direct(over), story.__name__)
    guarded = story(qdrant_doors.client(over, "anyone"), story.__name__)

    assert guarded == direct


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("story", ASYNCHRONOUS_STORIES)
async def test_an_unchanged_store_in_an_asynchronous_program_gives_the_same_results_as_direct(
    story: Callable[[QdrantClient, AsyncQdrantClient, str], Awaitable[list[Any]]], over: Transport, qdrant_doors: Doors
) -> None:
    """The stores' asynchronous methods give what they give directly."""
    doors = qdrant_doors
    direct = await story(doors.direct(over), doors.direct_asynchronous(over), story.__name__)
    guarded = await story(doors.client(over, "anyone"), doors.asynchronous(over, "anyone"), story.__name__)

    assert guarded == direct


# --- a reader under the starter policy ---


@pytest.fixture
def stored(starter_doors: Doors) -> Iterator[Doors]:
    """Return the doors of the starter policy with what an administrator stored: one collection for each framework."""
    starter_doors.database.clear()
    admin = starter_doors.client("rest", "admin")
    admin.create_collection("of-langchain", vectors_config=SIZES)
    langchain(admin, "of-langchain").add_texts(TEXTS, metadatas=[dict(each) for each in METADATA], ids=IDS[:8])
    llama_index(llama_store(admin, "of-llama-index")).insert_nodes(nodes(IDS))
    yield starter_doors
    starter_doors.database.clear()


def masked(value: Any) -> Any:
    """Return `value`, having seen that no address is in it, in a text or beside one, however deep."""
    said = repr(value)
    assert "[REDACTED]" in said
    assert [word for word in ("grace", "hopper", "navy") if word in said.lower()] == []
    return value


@pytest.mark.parametrize("over", OVER)
def test_a_reader_searches_with_langchain_and_gets_texts_with_what_is_found_masked(stored: Doors, over: Transport) -> None:
    """The store that an administrator filled opens for a reader as it is; which documents are found is the same."""
    theirs, own = (langchain(stored.client(over, role), "of-langchain") for role in ("admin", "reader"))

    found = masked(own.similarity_search(TEXTS[2], k=3))
    near = masked(own.similarity_search_with_score(TEXTS[2], k=3))
    named = masked(own.get_by_ids(IDS[1:3]))

    shown = {"email": "[REDACTED]", "_id": IDS[2], "_collection_name": "of-langchain"}
    assert documents(found)[0] == (None, TEXTS[2].replace(EMAIL, "[EMAIL_ADDRESS]"), {**METADATA[2], **shown})
    meant = theirs.similarity_search_with_score(TEXTS[2], k=3)
    assert [each.metadata["_id"] for each in found] == [each.metadata["_id"] for each, _ in meant]
    assert [score for _, score in near] == [pytest.approx(score, abs=1e-4) for _, score in meant]
    assert {each.metadata["_id"] for each in named} == set(IDS[1:3])


@pytest.mark.parametrize("over", OVER)
def test_a_reader_searches_with_llama_index_and_gets_masked_texts(stored: Doors, over: Transport) -> None:
    """LlamaIndex keeps each node, its text with it, as JSON in one field of the payload: no value comes out there.

    Without that field it makes nodes of the others, so a reader's store must be told of one that holds a text.
    """
    own = llama_store(stored.client(over, "reader"), "of-llama-index", text_key="email")
    theirs = llama_store(stored.client(over, "admin"), "of-llama-index")

    for filters in (None, where(("n", "<", 5))):
        found = masked(llama_index(own).as_retriever(similarity_top_k=3, filters=filters).retrieve(TEXTS[2]))
        meant = llama_index(theirs).as_retriever(similarity_top_k=3, filters=filters).retrieve(TEXTS[2])

        assert [each.node_id for each in found] == [each.node_id for each in meant]
        assert [each.score for each in found] == [pytest.approx(each.score, abs=1e-4) for each in meant]
        assert found[0].node.metadata["team"] == meant[0].node.metadata["team"]
    assert [each.node_id for each in masked(own.get_nodes(filters=where(("n", "<", 2))))] == IDS[:2]


@pytest.mark.parametrize("over", OVER)
def test_maximal_marginal_relevance_is_the_databases_own_work(stored: Doors, over: Transport) -> None:
    """It needs vectors, which a reader does not get; Qdrant itself compares them, so it works as for an administrator."""
    theirs, own = (langchain(stored.client(over, role), "of-langchain") for role in ("admin", "reader"))

    found, meant = (store.max_marginal_relevance_search(TEXTS[2], k=3) for store in (own, theirs))

    assert [each.metadata["_id"] for each in masked(found)] == [each.metadata["_id"] for each in meant]


REFUSED: list[tuple[str, str, Callable[[QdrantClient], Any]]] = [
    ("reader", "action_not_granted", lambda client: langchain(client, "of-langchain").add_texts(["x"], ids=[IDS[8]])),
    ("reader", "action_not_granted", lambda client: langchain(client, "of-langchain").delete(ids=[IDS[1]])),
    (
        "reader",
        "masked_field_predicate",
        lambda client: langchain(client, "of-langchain").similarity_search("x", filter=having("email", EMAIL)),
    ),
    ("reader", "action_not_granted", lambda client: llama_store(client, "of-llama-index").add(nodes(IDS))),
    ("writer", "selector_not_granted", lambda client: llama_store(client, "of-llama-index").delete("doc-1")),
    (
        "reader",
        "masked_field_predicate",
        lambda client: llama_store(client, "of-llama-index").get_nodes(filters=where(("_node_content", "!=", "x"))),
    ),
    ("reader", "action_not_granted", lambda client: llama_store(client, "of-nobody").add(nodes(IDS))),
]


@pytest.mark.filterwarnings("ignore:Batch upload failed")  # the client's own uploads try again whatever the answer
@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize(("role", "code", "act"), REFUSED)
def test_a_denied_call_raises_what_qdrant_raises_with_the_reason(
    stored: Doors, over: Transport, role: str, code: str, act: Callable[[QdrantClient], Any]
) -> None:
    """Neither framework hides the error of Qdrant's client, so the reason is where a developer looks."""
    with pytest.raises((UnexpectedResponse, grpc.RpcError), match=code):
        act(stored.client(over, role))

    direct = stored.direct("rest")
    assert [direct.count(name).count for name in ("of-langchain", "of-llama-index")] == [8, 8]
    assert not direct.collection_exists("of-nobody")


@pytest.mark.parametrize("over", OVER)
def test_a_writer_adds_and_deletes_by_id_with_either_store(stored: Doors, over: Transport) -> None:
    """What a writer may do, the stores do: add, change, and delete what is named."""
    client = stored.client(over, "writer")
    store, index = langchain(client, "of-langchain"), llama_index(llama_store(client, "of-llama-index"))

    store.add_texts(["new"], metadatas=[{"n": 8}], ids=[IDS[8]])
    store.delete(ids=[IDS[0]])
    index.insert_nodes([TextNode(id_=IDS[8], text="new", embedding=vector("new"))])
    index.delete_nodes([IDS[0]])

    for name in ("of-langchain", "of-llama-index"):
        left, _ = stored.direct("rest").scroll(name)
        assert sorted(str(each.id) for each in left) == IDS[1:]
