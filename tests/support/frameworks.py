"""What tests of LangChain's and LlamaIndex's stores share: texts, embeddings that are made of them, plain values of results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from llama_index.core import MockEmbedding
from llama_index.core.schema import BaseNode, NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

EMAIL = "grace.hopper@navy.test"
TEXTS = [f"ticket {number}: {EMAIL} was charged twice, größe {number * 7} \U0001f600" for number in range(8)]
IDS = [f"t{number}" for number in range(8)]
METADATA = [{"n": number, "even": number % 2 == 0, "email": EMAIL, "team": f"team-{number % 3}"} for number in range(8)]


def vector(text: str) -> list[float]:
    """Return a vector that is made of the text alone."""
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]


# --- LangChain ---


class OwnEmbeddings(Embeddings):
    """Embeddings without a model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return [vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return vector(text)


def documents(found: list[Document]) -> list[Any]:
    """Return LangChain's documents as plain values."""
    return [(each.id, each.page_content, each.metadata) for each in found]


def scored(found: list[tuple[Document, float]]) -> list[Any]:
    """Return LangChain's documents with their scores as plain values."""
    return [(*documents([each]), score) for each, score in found]


# --- LlamaIndex ---


class OwnEmbedding(MockEmbedding):
    """Embeddings without a model, where LlamaIndex asks for them."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return vector(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return vector(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return vector(query)


def nodes(ids: Sequence[str] = IDS) -> list[BaseNode]:
    """Return nodes of three documents, with vectors, metadata and a relation to the document that they come of."""
    return [
        TextNode(
            id_=ids[number],
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
