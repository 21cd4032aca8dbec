"""What every detector promises of any text, for the targets of the recognisers.

Findings come in order and apart, begin and end between letters, and are no fewer when more is looked for. Whatever way a text
is spelt in JSON, what is found in it is replaced, and all beside it reads as before.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from extproc.detection.catalogue import BUILT_IN
from extproc.detection.detector import THRESHOLD, Detector
from extproc.detection.finding import Finding
from extproc.detection.recogniser import Recogniser
from extproc.obligations.operators import veil
from extproc.obligations.sieve import Sieve

_ALL: Final = Detector(BUILT_IN)


class Promises:
    """The promises, held of some recognisers."""

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self._detector = Detector(recognisers)
        entities = {each.entity for each in recognisers}
        redact = veil("redact", None)
        self._sieve = Sieve(self._detector, dict.fromkeys(entities, "redact"), {"redact": redact})

    def check(self, data: bytes) -> None:
        """Search the text of an input, and mask it in each spelling. Raises `AssertionError`."""
        text = data.decode("utf-8", "replace").encode()
        found = self._detector.findings(text)
        at = 0
        for each in found:
            assert at <= each.start < each.end <= len(text), "findings are not apart"
            assert text[at : each.start].decode() is not None, "a finding begins inside of a letter"
            assert text[each.start : each.end].decode(), "a finding ends inside of a letter"
            assert each.score >= THRESHOLD
            at = each.end
        assert _covered(found) <= _covered(_ALL.findings(text)), "what is found is not found when more is looked for"
        expected = _replaced(text, found)
        for spelt in (json.dumps(text.decode()), json.dumps(text.decode(), ensure_ascii=False)):
            counted: Counter[str] = Counter()
            masked = self._sieve.sifted(msgspec.Raw(spelt.encode()), "document", counted)
            assert masked is not None
            assert json.loads(bytes(masked)) == expected, "a spelling is masked otherwise"
            assert counted.total() == len(found)


def _covered(found: Iterable[Finding]) -> set[int]:
    return {place for each in found for place in range(each.start, each.end)}


def _replaced(text: bytes, found: Iterable[Finding]) -> str:
    parts, at = [], 0
    for each in found:
        parts += [text[at : each.start].decode(), f"[{each.type}]"]
        at = each.end
    return "".join((*parts, text[at:].decode()))
