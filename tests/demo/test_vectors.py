"""Hashed vectors: a question finds the tickets that are about it."""

import math
import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.demo.tickets import tickets
from extproc.demo.vectors import DIMENSIONS, embed

TICKETS = tickets()
VECTORS = [embed(ticket.text) for ticket in TICKETS]


def nearest(question: str, count: int) -> list[str]:
    """Return the subjects of the tickets nearest to a question."""
    asked = embed(question)
    order = sorted(range(len(TICKETS)), key=lambda index: -sum(map(operator.mul, asked, VECTORS[index])))
    return [str(TICKETS[index].metadata["subject"]).lower() for index in order[:count]]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("customer was charged twice for the same order", ("twice", "double", "duplicate")),
        ("refund for double charge", ("twice", "double", "duplicate", "refund")),
        ("leaked api key", ("key",)),
        ("the app crashes", ("crash", "closes")),
        ("webhook signature", ("webhook",)),
        ("cannot log in, lost my phone", ("phone", "locked", "password", "codes", "reset")),
    ],
)
def test_question_finds_what_it_is_about(question: str, words: tuple[str, ...]) -> None:
    """The five nearest tickets are about the question."""
    assert [subject for subject in nearest(question, 5) if not any(word in subject for word in words)] == []


@given(st.text(max_size=200))
@settings(max_examples=60)
def test_vectors_have_length_one(text: str) -> None:
    """Every text has a vector of one length, or the zero vector where it has no words."""
    vector = embed(text)

    assert len(vector) == DIMENSIONS
    assert math.isclose(math.hypot(*vector), 1.0) or not any(vector)


def test_letter_case_and_endings_do_not_matter() -> None:
    """Texts that differ in case and common endings have the same vector."""
    assert embed("Charged orders") != embed("parcels")
    assert embed("CHARGED") == embed("charges")
