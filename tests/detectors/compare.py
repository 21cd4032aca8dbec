"""The detectors beside Presidio's patterns, on the same texts in the same run: ``make detectors``, into docs/detection.md.

Presidio runs in an environment of its own, on a pipeline that only splits words, which is what its context words need; its
models find names, which no pattern does. For each entity it is given the threshold at which it does best on these very texts.
Speed is processor time on one core: the least of five runs over the texts, of Presidio's patterns one run after a first text.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import re2

from detectors.scores import CORPUS, DIGESTS, Score, Span, labelled, scored
from extproc.detection.catalogue import Catalogue
from extproc.detection.detector import Detector

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "detection.md"
BEGIN, END = "<!-- begin: written by make detectors -->", "<!-- end: written by make detectors -->"
COMMON: Final = (
    "CREDIT_CARD",
    "CRYPTO",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "PHONE_NUMBER",
    "URL",
    "US_SSN",
)
"""What both find by patterns, in the whole of the corpus."""
FIVE: Final = ("CREDIT_CARD", "EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")
_THRESHOLDS: Final = (0.0, 0.3, 0.4, 0.5, 0.6, 0.85)
_TIMES: Final = 5
_CLEAN: Final = (
    "The delivery was late again and the box had a dent on one side, but the product itself works fine and support was quick to"
    " answer. On the second day two of the four lamps went dark; we changed the fuse, waited for an hour and tried once more. "
)
_BARE: Final = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
"""A pattern as it is often used for addresses; on a text without one it is only looked for."""


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--presidio", type=Path, required=True, help="the Python that has Presidio")
    parser.add_argument("--parts", nargs="+", default=["first", "third", "fourth"], choices=sorted(DIGESTS))
    options = parser.parse_args()
    catalogue = Catalogue()
    tables = [_compared(part, catalogue, options.presidio) for part in options.parts]
    text = "\n\n".join((*tables, _speed_on_clean_text(catalogue)))
    print(text)
    if options.parts == (parser.get_default("parts")):
        page = DOCUMENT.read_text("utf-8")
        DOCUMENT.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", page, flags=re.DOTALL), "utf-8")


def _compared(part: str, catalogue: Catalogue, python: Path) -> str:
    texts, labels = labelled(part)
    encoded = [text.encode() for text in texts]
    size = sum(map(len, encoded))
    everything, common = catalogue.detector(catalogue.patterned), catalogue.detector(COMMON)
    ours = scored(labels, [_spans(everything, text) for text in encoded])
    theirs = _presidio(python, part, ours)
    best = _best(labels, theirs["found"], theirs["entities"])
    timed = _presidio(python, part, COMMON)
    our_rate, their_rate = size / _seconds(lambda: _search(common, encoded)) / 1e6, size / timed["seconds"] / 1e6
    rows = ["| entity | values | precision | recall | Presidio: precision | recall |", "|---|---|---|---|---|---|"]
    rows += [_row(name, score, best.get(name)) for name, score in ours.items()]
    all_rate = size / _seconds(lambda: _search(everything, encoded)) / 1e6
    speed = (
        f"On these texts, which are short and half of which hold a value: {our_rate:.2f} MB/s for the nine entities that both"
        f" find everywhere, Presidio's patterns {their_rate:.3f} MB/s, so {our_rate / their_rate:.0f} times as fast;"
        f" {all_rate:.2f} MB/s for all entities."
    )
    told = f"The {part} part: {len(texts):,} texts, {sum(map(len, labels)):,} values."
    return "\n".join((told, "", *rows, "", speed))


def _presidio(python: Path, part: str, entities: Iterable[str]) -> Any:
    """Return what Presidio finds in one part, and how long it takes."""
    command = [str(python), str(Path(__file__).with_name("presidio.py")), str(CORPUS / f"{part}.jsonl"), *sorted(entities)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _row(name: str, score: Score, other: Score | None) -> str:
    values = score.right + score.missed
    beside = f"{other.precision:.3f} | {other.recall:.3f}" if other else "– | –"
    return f"| `{name}` | {values} | {score.precision:.3f} | {score.recall:.3f} | {beside} |"


def _best(labels: Sequence[Iterable[Span]], found: list[list[list[Any]]], entities: Iterable[str]) -> dict[str, Score]:
    """Return Presidio's score of each entity, at the threshold that is best for it."""
    tried = [
        scored(labels, [[(type_, start, end) for type_, start, end, score in each if score >= threshold] for each in found])
        for threshold in _THRESHOLDS
    ]
    return {name: max((each[name] for each in tried if name in each), key=lambda score: score.f1) for name in entities}


def _spans(detector: Detector, text: bytes) -> list[Span]:
    return [(each.type, len(text[: each.start].decode()), len(text[: each.end].decode())) for each in detector.findings(text)]


def _search(detector: Detector, texts: Iterable[bytes]) -> None:
    for text in texts:
        detector.findings(text)


def _seconds(what: Callable[[], object]) -> float:
    """Return the least processor time of a few runs."""
    return min(_timed(what) for _ in range(_TIMES))


def _timed(what: Callable[[], object]) -> float:
    started = time.process_time()
    what()
    return time.process_time() - started


def _speed_on_clean_text(catalogue: Catalogue) -> str:
    """Return a table of how fast texts without a value are gone through, beside a bare search."""
    rows = ["| texts without a value | bare RE2 | five entities | all entities |", "|---|---|---|---|"]
    bare = re2.compile(_BARE)
    for size in (200, 2_000, 20_000):
        text = (_CLEAN * (size // len(_CLEAN) + 1))[:size].encode()
        many = [text] * (4_000_000 // size)
        searched = (
            lambda many: [bare.search(text) for text in many],
            partial(_search, catalogue.detector(FIVE)),
            partial(_search, catalogue.detector(catalogue.patterned)),
        )
        rates = [sum(map(len, many)) / _seconds(partial(each, many)) / 1e6 for each in searched]
        told = " | ".join(f"{rate:,.0f} MB/s ({rate / rates[0]:.2f}×)" for rate in rates[1:])
        rows.append(f"| {size:,} bytes each | {rates[0]:,.0f} MB/s | {told} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
