"""LangChain's and LlamaIndex's Chroma stores run through the gateway unchanged: they are given another client, and that is all.

Each does everything that it can, once against the database and once through the gateway, and every result must be the same.
Then a reader uses what an administrator stored. Embeddings are made here of the texts themselves; nothing is downloaded.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from chromadb.api import ClientAPI
from chromadb.errors import ChromaAuthError, ChromaError
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import BaseNode, NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.chroma import ChromaVectorStore

from support.gateway import Gateway, chroma_client

pytestmark = pytest.mark.envoy

IDS = [f"t{number}" for number in range(8)]
EMAIL = "grace.hopper@navy.test"
TEXTS = [f"ticket {number}: {EMAIL} was charged twice, größe {number * 7} \U0001f600" for number in range(8)]
METADATA = [{"n": number, "even": number % 2 == 0, "email": EMAIL, "team": f"team-{number % 3}"} for number in range(8)]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep LangChain from telling a service of its own what it does, and LlamaIndex from looking for a model that answers."""
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "false")
    monkeypatch.setenv("IS_TESTING", "true")


def vector(text: str) -> list[float]:
    """Return a vector that is made of the text alone."""
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]


def failure(act: Callable[[], Any]) -> str:
    """Return the name of what is raised."""
    try:
        act()
    except (ChromaError, ValueError, TypeError) as error:
        return type(error).__name__
    return "none"


# --- LangChain ---


class OwnEmbeddings(Embeddings):
    """Embeddings without a model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return [vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return vector(text)


def langchain(client: ClientAPI, name: str, **more: Any) -> Chroma:
    """Return LangChain's store of a collection, as its own guide makes it."""
    return Chroma(client=client, collection_name=name, embedding_function=OwnEmbeddings(), **more)


def documents(found: list[Document]) -> list[Any]:
    """Return LangChain's documents as plain values."""
    return [(each.id, each.page_content, each.metadata) for each in found]


def scored(found: list[tuple[Document, float]]) -> list[Any]:
    """Return LangChain's documents with their scores as plain values."""
    return [(*documents([each]), score) for each, score in found]


def langchain_story(client: ClientAPI, name: str) -> list[Any]:
    """Do everything that LangChain's store can do; return each result."""
    seen: list[Any] = []
    note = seen.append
    store = langchain(client, name, collection_metadata={"topic": "tickets"})
    note(store.add_texts(TEXTS[:4], metadatas=[dict(each) for each in METADATA[:4]], ids=IDS[:4]))
    note(store.add_texts(["without metadata", "with"], metadatas=[{}, {"n": 50}], ids=["bare", "full"]))
    more = [Document(page_content=text, metadata=dict(METADATA[4])) for text in TEXTS[4:]]
    note(store.add_documents(more, ids=IDS[4:]))
    note(langchain(client, name)._collection.count())
    note(documents(store.similarity_search(TEXTS[2], k=3)))
    note(documents(store.similarity_search(TEXTS[2], k=3, filter={"team": "team-1"})))
    note(documents(store.similarity_search(TEXTS[2], k=3, where_document={"$contains": "ticket 1"})))
    note(scored(store.similarity_search_with_score(TEXTS[1], k=4)))
    note(scored(store.similarity_search_with_relevance_scores(TEXTS[1], k=2)))
    note(documents(store.similarity_search_by_vector(vector(TEXTS[3]), k=2)))
    note(scored(store.similarity_search_by_vector_with_relevance_scores(vector(TEXTS[3]), k=2)))
    note([(*documents([each]), near.tolist()) for each, near in store.similarity_search_with_vectors(TEXTS[3], k=2)])
    after: Any = {"n": {"$gte": 1}}
    note(documents(store.max_marginal_relevance_search(TEXTS[0], k=3, fetch_k=6, filter=after)))
    note(documents(store.max_marginal_relevance_search_by_vector(vector(TEXTS[0]), k=2, fetch_k=5)))
    for search in ("similarity", "mmr"):
        note(documents(store.as_retriever(search_type=search, search_kwargs={"k": 2}).invoke(TEXTS[5])))
    note(store.get(where={"$and": [{"n": {"$gte": 1}}, {"even": False}]}, limit=2, offset=1))
    note(store.get(ids=["t1", "missing"], include=["metadatas", "documents"]))
    note(store.get(where_document={"$contains": "größe 14"})["ids"])
    note(documents(store.get_by_ids(["t3", "t0"])))
    store.update_document("t1", Document(page_content="changed", metadata={"n": 100}))
    store.update_documents(["t2"], [Document(page_content="changed too", metadata={"n": 101})])
    note(documents(store.get_by_ids(["t1", "t2"])))
    store.delete(ids=["t0"])
    store.delete(where={"n": {"$gte": 100}})
    note(sorted(store.get()["ids"]))
    note(failure(lambda: store.similarity_search_by_vector([1.0, 2.0])))
    store.reset_collection()
    note(store.get()["ids"])
    own: dict[str, Any] = {"embedding": OwnEmbeddings(), "collection_name": name, "client": client}
    made = Chroma.from_texts(["again"], metadatas=[{"n": 1}], ids=["a"], **own)
    note(documents(made.get_by_ids(["a"])))
    made = Chroma.from_documents([Document(page_content="b", id="b")], **own)
    note(sorted(made.get()["ids"]))
    made.delete_collection()
    note(failure(lambda: langchain(client, name, create_collection_if_not_exists=False)))
    note(failure(store.get))
    return seen


async def langchain_asynchronous_story(client: ClientAPI, name: str) -> list[Any]:
    """Do everything that LangChain's store offers to asynchronous programs; return each result."""
    store = langchain(client, name)
    seen: list[Any] = [await store.aadd_texts(TEXTS, metadatas=[dict(each) for each in METADATA], ids=IDS)]
    note = seen.append
    note(documents(await store.asimilarity_search(TEXTS[2], k=3, filter={"even": True})))
    note(scored(await store.asimilarity_search_with_score(TEXTS[2], k=3)))
    note(documents(await store.asimilarity_search_by_vector(vector(TEXTS[2]), k=3)))
    note(documents(await store.amax_marginal_relevance_search(TEXTS[2], k=3)))
    both = [store.as_retriever(search_kwargs={"k": 2}).ainvoke(text) for text in TEXTS[:6]]
    note([documents(found) for found in await asyncio.gather(*both)])
    note(documents(await store.aget_by_ids(["t1", "t5"])))
    await store.adelete(ids=["t1"])
    note(sorted(store.get()["ids"]))
    store.delete_collection()
    return seen


# --- LlamaIndex ---


class OwnEmbedding(MockEmbedding):
    """Embeddings without a model, where LlamaIndex asks for them."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return vector(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return vector(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return vector(query)


def nodes() -> list[BaseNode]:
    """Return nodes of three documents, with vectors, metadata and a relation to the document that they come of."""
    return [
        TextNode(
            id_=IDS[number],
            text=TEXTS[number],
            metadata=dict(METADATA[number]),
            embedding=vector(TEXTS[number]),
            relationships={
                NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc-{number % 3}", metadata={"email": EMAIL}),
            },
        )
        for number in range(8)
    ]


def where(*conditions: tuple[str, str, Any], joined: FilterCondition = FilterCondition.AND) -> Any:
    """Return LlamaIndex's filter of these conditions; the store takes one where it says that it takes many."""
    filters: list[Any] = [
        MetadataFilter(key=key, operator=FilterOperator(operator), value=value) for key, operator, value in conditions
    ]
    return MetadataFilters(filters=filters, condition=joined)


def plain(found: Any) -> Any:
    """Return LlamaIndex's nodes, with their scores where they have some, as plain values."""
    if isinstance(found, NodeWithScore):
        return (found.score, plain(found.node))
    return (found.node_id, found.get_content(), found.metadata, found.ref_doc_id)


def llama_index(client: ClientAPI, name: str) -> VectorStoreIndex:
    """Return LlamaIndex's index over a collection, as its own guide makes it."""
    collection = client.get_or_create_collection(name, embedding_function=None)
    store = ChromaVectorStore(chroma_collection=collection)
    return VectorStoreIndex.from_vector_store(store, embed_model=OwnEmbedding(embed_dim=8))


def llama_index_story(client: ClientAPI, name: str) -> list[Any]:
    """Do everything that LlamaIndex's store and an index over it can do; return each result."""
    seen: list[Any] = []
    note = seen.append
    collection = client.create_collection(name, embedding_function=None)
    store = ChromaVectorStore.from_collection(collection)
    note(store.add(nodes()[:6]))
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex([], storage_context=context, embed_model=OwnEmbedding(embed_dim=8))
    index.insert_nodes(nodes()[6:])
    note(collection.count())
    for filters in (
        None,
        where(("team", "==", "team-1")),
        where(("n", ">=", 2), ("n", "!=", 3)),
        where(("n", "<", 2), ("team", "in", ["team-2"]), joined=FilterCondition.OR),
        where(("n", "nin", [0, 1, 2]), ("n", "<=", 5), ("n", ">", 3)),
    ):
        note([plain(each) for each in index.as_retriever(similarity_top_k=3, filters=filters).retrieve(TEXTS[2])])
        note([plain(each) for each in store.get_nodes([], filters=filters)])
    mmr = index.as_retriever(similarity_top_k=3, vector_store_query_mode="mmr", vector_store_kwargs={"mmr_threshold": 0.3})
    note([plain(each) for each in mmr.retrieve(TEXTS[2])])
    answer = index.as_query_engine(response_mode="no_text", similarity_top_k=2).query(TEXTS[4])
    note([plain(each) for each in answer.source_nodes])
    question = VectorStoreQuery(query_embedding=vector(TEXTS[1]), similarity_top_k=2, mode=VectorStoreQueryMode.DEFAULT)
    found = store.query(question, where_document={"$contains": "ticket 1"})
    note([found.ids, found.similarities, [plain(each) for each in found.nodes or []]])
    found = store.query(VectorStoreQuery(similarity_top_k=2, filters=where(("team", "!=", "team-0"))))
    note([found.ids, [plain(each) for each in found.nodes or []]])
    note([plain(each) for each in store.get_nodes(["t1", "missing"])])
    store.delete("doc-1")
    store.delete_nodes(["t0"])
    note(failure(lambda: store.delete_nodes(filters=where(("n", "==", 5)))))
    index.delete_nodes(["t2"], delete_from_docstore=False)
    note(sorted(each.node_id for each in store.get_nodes([])))
    note(failure(lambda: store.query(VectorStoreQuery(query_embedding=[1.0], similarity_top_k=1))))
    store.clear()
    note(collection.count())
    client.delete_collection(name)
    note(failure(lambda: store.add(nodes())))
    return seen


async def llama_index_asynchronous_story(client: ClientAPI, name: str) -> list[Any]:
    """Do everything that LlamaIndex offers to asynchronous programs; return each result."""
    index = llama_index(client, name)
    seen: list[Any] = [await index.vector_store.async_add(nodes())]
    retriever = index.as_retriever(similarity_top_k=2, filters=where(("n", ">", 1)))
    seen.append([[plain(each) for each in await retriever.aretrieve(text)] for text in TEXTS[:4]])
    answer = await index.as_query_engine(response_mode="no_text", similarity_top_k=2).aquery(TEXTS[4])
    seen.append([plain(each) for each in answer.source_nodes])
    await index.vector_store.adelete("doc-2")
    await index.vector_store.adelete_nodes(["t1"])
    seen.append(sorted(each.node_id for each in await index.vector_store.aget_nodes([])))
    await index.vector_store.aclear()
    client.delete_collection(name)
    return seen


# --- the same as direct ---

STORIES: list[Callable[[ClientAPI, str], list[Any]]] = [langchain_story, llama_index_story]
ASYNCHRONOUS_STORIES: list[Callable[[ClientAPI, str], Awaitable[list[Any]]]] = [
    langchain_asynchronous_story,
    llama_index_asynchronous_story,
]


@pytest.mark.parametrize("story", STORIES)
def test_an_unchanged_store_gives_the_same_results_as_direct(
    story: Callable[[ClientAPI, str], list[Any]], open_gateway: Gateway, chroma: int
) -> None:
    """Under an allow-all policy all that a store can do gives through the gateway exactly what it gives without it."""
    direct = story(chroma_client(chroma), story.__name__)
    guarded = story(open_gateway.chroma("anyone"), story.__name__)

    assert guarded == direct


@pytest.mark.parametrize("story", ASYNCHRONOUS_STORIES)
async def test_an_unchanged_store_in_an_asynchronous_program_gives_the_same_results_as_direct(
    story: Callable[[ClientAPI, str], Awaitable[list[Any]]], open_gateway: Gateway, chroma: int
) -> None:
    """The stores' asynchronous methods, several at once among them, give what they give directly."""
    direct = await story(chroma_client(chroma), story.__name__)
    guarded = await story(open_gateway.chroma("anyone"), story.__name__)

    assert guarded == direct


# --- a reader under the starter policy ---


@pytest.fixture
def stored(starter_gateway: Gateway) -> Iterator[Gateway]:
    """Return the gateway of the starter policy with what an administrator stored: one collection for each framework."""
    admin = starter_gateway.chroma("admin")
    langchain(admin, "of-langchain").add_texts(TEXTS, metadatas=[dict(each) for each in METADATA], ids=IDS)
    llama_index(admin, "of-llama-index").insert_nodes(nodes())
    yield starter_gateway
    admin.delete_collection("of-langchain")
    admin.delete_collection("of-llama-index")


def masked(value: Any) -> Any:
    """Return `value`, having seen that no address is in it, in a text or beside one, however deep."""
    said = repr(value)
    assert "[REDACTED]" in said
    assert [word for word in ("grace", "hopper", "navy") if word in said.lower()] == []
    return value


def test_a_reader_searches_with_langchain_and_gets_texts_with_what_is_found_masked(stored: Gateway) -> None:
    """The store that an administrator filled opens for a reader as it is; which documents are found is the same."""
    theirs, own = (langchain(stored.chroma(role), "of-langchain") for role in ("admin", "reader"))

    found = masked(own.similarity_search(TEXTS[2], k=3))
    near = masked(own.similarity_search_with_score(TEXTS[2], k=3))
    retrieved = masked(own.as_retriever(search_kwargs={"k": 3, "filter": {"n": {"$lt": 5}}}).invoke(TEXTS[2]))
    named = masked(own.get_by_ids(["t1", "t2"]))

    assert documents(found)[0] == ("t2", TEXTS[2].replace(EMAIL, "[EMAIL_ADDRESS]"), {**METADATA[2], "email": "[REDACTED]"})
    assert [each.id for each in found] == [each.id for each in theirs.similarity_search(TEXTS[2], k=3)]
    assert [score for _, score in near] == [
        pytest.approx(score, abs=1e-4) for _, score in theirs.similarity_search_with_score(TEXTS[2], k=3)
    ]
    assert all(each.metadata["n"] < 5 for each in retrieved)
    assert len(retrieved) == 3
    assert [each.id for each in named] == ["t1", "t2"]


def test_a_reader_searches_with_llama_index_and_gets_texts_with_what_is_found_masked(stored: Gateway) -> None:
    """LlamaIndex keeps each node a second time, as JSON in one field of its metadata: no value comes out there either."""
    own = llama_index(stored.chroma("reader"), "of-llama-index")
    theirs = llama_index(stored.chroma("admin"), "of-llama-index")

    for filters in (None, where(("n", "<", 5))):
        found = masked(own.as_retriever(similarity_top_k=3, filters=filters).retrieve(TEXTS[2]))
        meant = theirs.as_retriever(similarity_top_k=3, filters=filters).retrieve(TEXTS[2])

        assert [each.node_id for each in found] == [each.node_id for each in meant]
        assert [each.score for each in found] == [pytest.approx(each.score, abs=1e-4) for each in meant]
        assert found[0].node.metadata["team"] == meant[0].node.metadata["team"]
    assert [each.node_id for each in masked(own.vector_store.get_nodes([], filters=where(("n", "<", 2))))] == ["t0", "t1"]


def test_maximal_marginal_relevance_needs_the_vectors_that_a_reader_does_not_get(stored: Gateway) -> None:
    """LangChain cannot do it without them and says so in its own way; LlamaIndex goes back to plain similarity."""
    store = langchain(stored.chroma("reader"), "of-langchain")
    index = llama_index(stored.chroma("reader"), "of-llama-index")

    with pytest.raises(TypeError):
        store.max_marginal_relevance_search(TEXTS[2], k=2)

    by_default, by_mmr = (
        index.as_retriever(similarity_top_k=2, vector_store_query_mode=mode).retrieve(TEXTS[2]) for mode in ("default", "mmr")
    )
    assert masked(by_mmr) == by_default


REFUSED: list[tuple[str, str, Callable[[ClientAPI], Any]]] = [
    ("reader", "action_not_granted", lambda client: langchain(client, "of-langchain").add_texts(["x"], ids=["x"])),
    ("reader", "action_not_granted", lambda client: langchain(client, "of-langchain").delete(ids=["t1"])),
    ("reader", "action_not_granted", lambda client: langchain(client, "of-langchain").delete_collection()),
    ("reader", "action_not_granted", lambda client: langchain(client, "of-nobody")),
    ("writer", "selector_not_granted", lambda client: langchain(client, "of-langchain").delete(where={"n": 1})),
    (
        "reader",
        "masked_field_predicate",
        lambda client: langchain(client, "of-langchain").similarity_search("x", filter={"email": EMAIL}),
    ),
    ("reader", "action_not_granted", lambda client: llama_index(client, "of-llama-index").vector_store.add(nodes())),
    ("writer", "selector_not_granted", lambda client: llama_index(client, "of-llama-index").vector_store.delete("doc-1")),
    (
        "reader",
        "masked_field_predicate",
        lambda client: llama_index(client, "of-llama-index").vector_store.get_nodes([], where(("_node_content", "!=", "x"))),
    ),
    ("reader", "action_not_granted", lambda client: llama_index(client, "of-nobody")),
]


@pytest.mark.parametrize(("role", "code", "act"), REFUSED)
def test_a_denied_call_raises_what_chroma_raises_with_the_reason(
    stored: Gateway, role: str, code: str, act: Callable[[ClientAPI], Any]
) -> None:
    """Neither framework hides the error of Chroma's client, so the reason is where a developer looks."""
    with pytest.raises(ChromaAuthError, match=code):
        act(stored.chroma(role))

    assert langchain(stored.chroma("admin"), "of-langchain")._collection.count() == len(TEXTS)
    assert "of-nobody" not in [each.name for each in stored.chroma("admin").list_collections()]


def test_a_writer_adds_and_deletes_by_id_with_either_store(stored: Gateway) -> None:
    """What a writer may do, the stores do: add, change, and delete what is named."""
    client = stored.chroma("writer")
    store, index = langchain(client, "of-langchain"), llama_index(client, "of-llama-index")

    store.add_texts(["new"], metadatas=[{"n": 8}], ids=["t8"])
    store.update_document("t8", Document(page_content="newer", metadata={"n": 9}))
    store.delete(ids=["t0"])
    index.insert_nodes([TextNode(id_="t8", text="new", embedding=vector("new"))])
    index.delete_nodes(["t0"])

    for name in ("of-langchain", "of-llama-index"):
        left = stored.chroma("admin").get_collection(name, embedding_function=None).get()["ids"]
        assert sorted(left) == [*IDS[1:], "t8"]
