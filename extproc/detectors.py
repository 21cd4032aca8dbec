"""What the configuration says of values in texts, made ready: the catalogue of what can be found."""

from __future__ import annotations

from extproc.config.types import Detection, Recogniser
from extproc.detection import custom, recogniser
from extproc.detection.catalogue import Catalogue
from extproc.detection.presidio import Names
from extproc.errors import ConfigError


def catalogue(detection: Detection) -> Catalogue:
    """Return all that can be found. Raises `ConfigError` for a recogniser that cannot be made, or no Presidio."""
    names = Names(model=detection.presidio.model, language=detection.presidio.language) if detection.presidio else None
    return Catalogue(map(_made, detection.recognisers), names=names, threshold=detection.threshold)


def _made(described: Recogniser) -> recogniser.Recogniser:
    try:
        if described.pattern is None:
            return custom.of_terms(described.entity, described.terms)
        return custom.of_pattern(
            described.entity,
            described.pattern,
            validator=described.validator,
            context=described.context,
            score=described.score,
        )
    except ConfigError as error:
        raise ConfigError(f"detection.recognisers: {described.entity}: {error}") from error
