"""Find values of some entities in texts.

One pass of an RE2 `Set` over the text says which cues occur in it at all; only their recognisers then search. Most texts hold
nothing, and cost that one pass. Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec
import re2

from extproc.detection.expression import options
from extproc.detection.finding import Finding, settled
from extproc.detection.folding import folded
from extproc.detection.recogniser import Recogniser, Search
from extproc.errors import Error

THRESHOLD: Final = 0.5
"""Findings that are less sure are none."""
_MEMORY: Final = 32 << 20
"""How large the automaton of all cues may become, in bytes; on most texts a third of it is used."""


class Finder(Protocol):
    """Whatever finds values in a text by another way than patterns."""

    def findings(self, text: bytes) -> list[Finding]:
        """Return what is found in `text`, which is UTF-8; offsets are bytes."""


class Detector:
    """Recognisers, ready for any number of texts. Of what `finders` find, `entities` count."""

    def __init__(
        self,
        recognisers: Sequence[Recogniser],
        *,
        finders: Iterable[Finder] = (),
        entities: frozenset[str] = frozenset(),
        threshold: float = THRESHOLD,
    ) -> None:
        self._finders = tuple(finders)
        self._entities = entities
        self._threshold = threshold
        # RE2 gives an empty list both where nothing occurs and where it could not look. The first cue occurs in every text.
        searches: dict[str, list[Search]] = {"": []}
        for each in recognisers:
            searches.setdefault(each.cue, []).append(Search(each))
        self._searches = list(searches.values())
        self._cues = re2.Set.SearchSet(options(_MEMORY))
        for cue in searches:
            self._cues.Add(cue)
        self._cues.Compile()

    def findings(self, text: bytes) -> list[Finding]:
        """Return what is in `text`, which is UTF-8, in order and apart from each other; offsets are bytes.

        It is searched as it is written, and where it reads otherwise, as it reads.
        """
        found = self._found(text)
        if not text.isascii() and (reads := folded(text)) is not None:
            for each in self._found(reads.text):
                # What has no shape and stands behind a value goes with it; what stands before it stays.
                found.append(msgspec.structs.replace(each, start=reads.origin(each.start), end=reads.origin(each.end)))
        return settled(each for each in found if each.score >= self._threshold) if found else []

    def _found(self, text: bytes) -> list[Finding]:
        occurring = self._cues.Match(text)
        if not occurring:
            raise Error("the cues of the detectors do not fit into memory")
        found = [each for finder in self._finders for each in finder.findings(text) if each.type in self._entities]
        for index in occurring:
            for search in self._searches[index]:
                for start, end, score in search.verdicts(text):
                    found.append(Finding(type=search.entity, start=start, end=end, score=score))
        return found
