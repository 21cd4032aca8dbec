"""Masked searches by the unchanged client, once or without a pause: what somebody logs in for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from support.gateway import Gateway

MASKED = [[{"subject": "Lost card", "email": "[REDACTED]"}]]
"""What a reader under the starter policy finds."""

_NAME = "tickets-of-a-login"


def fill(gateway: Gateway, token: str) -> None:
    """Write the one record that is searched for, as the bearer of `token`."""
    written = gateway.chroma(token=token).get_or_create_collection(_NAME, embedding_function=None)
    fields = {"subject": "Lost card", "email": "ada@corp.example"}
    written.upsert(ids=["t1"], embeddings=[[1.0, 0.0]], documents=["call me"], metadatas=[fields])


def search(gateway: Gateway, token: str) -> object:
    """Search as the bearer of `token`; return what was found."""
    read = gateway.chroma(token=token).get_collection(_NAME, embedding_function=None)
    return read.query(query_embeddings=[[1.0, 0.0]], n_results=1, include=["metadatas"])["metadatas"]


@contextmanager
def searching(gateway: Gateway, tokens: list[str]) -> Iterator[list[object]]:
    """Search without a pause until the block ends, each time with the last of `tokens`; give what was found, or the error."""
    found: list[object] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                found.append(search(gateway, tokens[-1]))
            except Exception as error:  # noqa: BLE001  # whoever asked for the searches looks at it
                found.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
