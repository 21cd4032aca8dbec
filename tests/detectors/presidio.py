"""Presidio's patterns over the corpus, in the environment that has Presidio: one line of JSON with what it found and how long.

Run by `compare`, not by itself: ``python tests/detectors/presidio.py CORPUS ENTITY...``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import SpacyRecognizer


class Tokens(SpacyNlpEngine):
    """Presidio's engine on a pipeline that only splits words, which is what context words need."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}


def main(path: Path, entities: list[str]) -> None:
    """Print what is found, as [[type, start, end, score], …] for each record, and the seconds of processor time."""
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers()
    registry.recognizers = [each for each in registry.recognizers if not isinstance(each, SpacyRecognizer)]
    known = {entity for each in registry.recognizers for entity in each.supported_entities}
    engine = AnalyzerEngine(registry=registry, nlp_engine=Tokens(), supported_languages=["en"])
    texts = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    wanted = [entity for entity in entities if entity in known]
    engine.analyze(texts[0], language="en", entities=wanted)
    started = time.process_time()
    found = [engine.analyze(text, language="en", entities=wanted) for text in texts]
    seconds = time.process_time() - started
    spans = [[[each.entity_type, each.start, each.end, each.score] for each in results] for results in found]
    print(json.dumps({"found": spans, "seconds": seconds, "entities": wanted}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
