"""Names of persons and places, found by Presidio where it is installed: the extra `presidio` and a model of spaCy's.

Patterns do not know names. This is far slower than they are, so it takes part only where a policy asks for one
of its entities. Nothing is ever fetched: a model that is not there is an error of the configuration.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

from extproc.detection.finding import Finding
from extproc.errors import ConfigError

ENTITIES: Final = frozenset({"LOCATION", "PERSON"})


class Names:
    """Presidio with one model: a `Finder`. Loading the model takes a second or so."""

    def __init__(self, *, model: str, language: str) -> None:
        """Load the model. Raises `ConfigError` where Presidio or the model is not installed."""
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise ConfigError("Presidio is not installed; run: pip install 'vecgate[presidio]'")
        spacy: Any = importlib.import_module("spacy")
        if not spacy.util.is_package(model):
            raise ConfigError("the model of spaCy is not installed; install its package")
        engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")
        recognisers: Any = importlib.import_module("presidio_analyzer.predefined_recognizers")
        self._engine = engines.SpacyNlpEngine(models=[{"lang_code": language, "model_name": model}])
        self._engine.load()
        self._recogniser = recognisers.SpacyRecognizer(supported_language=language, supported_entities=sorted(ENTITIES))
        self._language = language

    def findings(self, text: bytes) -> list[Finding]:
        """Return the names in `text`, which is UTF-8; offsets are bytes."""
        decoded = text.decode()
        artifacts = self._engine.process_text(decoded, self._language)
        found = self._recogniser.analyze(decoded, sorted(ENTITIES), artifacts)
        return [
            Finding(
                type=each.entity_type,
                start=len(decoded[: each.start].encode()),
                end=len(decoded[: each.end].encode()),
                score=each.score,
            )
            for each in found
        ]
