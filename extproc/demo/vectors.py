"""Vectors from text without a model: hashed words, word pairs and letter groups, weighed, in 256 dimensions.

Good enough that a question finds the tickets that are about it; no meaning beyond shared words and parts of words. No model is
downloaded, and every machine makes the same vectors.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from extproc.demo.helpdesk import helpdesk

DIMENSIONS: Final = 256

_WORD: Final = re.compile(r"[a-z]{2,}")
_GROUP: Final = 4
_WORD_WEIGHT: Final = 1.0
_PAIR_WEIGHT: Final = 0.7
_GROUP_WEIGHT: Final = 0.25
_TITLE_WEIGHT: Final = 2.0


def embed(text: str) -> list[float]:
    """Return the unit vector of `text`, of which the first line counts more, as a title does; the zero vector without words."""
    title, _, rest = text.partition("\n")
    weights: defaultdict[str, float] = defaultdict(float)
    for part, weight in ((title, _TITLE_WEIGHT), (rest, 1.0)):
        for feature, worth in _features(part):
            weights[feature] += weight * worth
    vector = [0.0] * DIMENSIONS
    for feature, weight in weights.items():
        place, sign = _place(feature)
        # The root tames words that a long text repeats.
        vector[place] += sign * math.sqrt(weight)
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector


def _features(text: str) -> Iterator[tuple[str, float]]:
    words = [_stem(word) for word in _WORD.findall(text.lower()) if word not in _common_words()]
    for word in words:
        yield word, _WORD_WEIGHT
        padded = f"<{word}>"
        for start in range(len(padded) - _GROUP + 1):
            yield f"#{padded[start : start + _GROUP]}", _GROUP_WEIGHT
    for one, other in pairwise(words):
        yield f"{one} {other}", _PAIR_WEIGHT


@lru_cache(maxsize=1)
def _common_words() -> frozenset[str]:
    return frozenset(helpdesk().common_words.split())


def _stem(word: str) -> str:
    """Return `word` without its commonest endings, so that 'charged', 'charges' and 'charge' are one."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:  # noqa: PLR2004  # what is left must still be a word
            return word.removesuffix(ending)
    return word


@lru_cache(maxsize=65536)
def _place(feature: str) -> tuple[int, float]:
    """Return the dimension of a feature and its sign; signs let collisions cancel out."""
    digest = hashlib.blake2b(feature.encode(), digest_size=4).digest()
    number = int.from_bytes(digest, "big")
    return number % DIMENSIONS, 1.0 if number & 0x8000_0000 else -1.0
