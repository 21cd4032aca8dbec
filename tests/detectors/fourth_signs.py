"""Signs drawn by chance, of which the fourth part of the corpus makes values and what is beside them."""

from __future__ import annotations

import string
from random import Random

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
BLANKS = {"#": string.digits, "N": "23456789"}


def words(text: str, sign: str | None = None) -> list[str]:
    """A table of words written as one text."""
    return text.split(sign)


def some(rng: Random, alphabet: str, count: int) -> str:
    """`count` characters of `alphabet`."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def drawn(rng: Random, pattern: str) -> str:
    """`pattern` with a digit for each #, one of 2 to 9 for each N."""
    return "".join(rng.choice(BLANKS[sign]) if sign in BLANKS else sign for sign in pattern)
