"""The fifth part of the corpus: texts with values and texts without, labelled as a careful reader would. It knows no recogniser.

It was written without sight of the recognisers and of the other parts; it is frozen and not for tuning.
`python -m detectors.fifth` writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from detectors import (
    fifth_code,
    fifth_decoys,
    fifth_decoys_code,
    fifth_decoys_tongues,
    fifth_english,
    fifth_forms,
    fifth_tongues,
)
from detectors import fifth_secrets as secrets
from detectors import fifth_values as values
from detectors.fifth_fillers import FILLERS

FROZEN = Path(__file__).parent / "corpus" / "fifth.jsonl"
SEED = 55_021
HALF = 1000
OTHER_TONGUES = 75  # records of each tongue in each half; the rest is English
WRAPPED = 0.4  # of the sentences get others around them

_PLACE = re.compile(r"\{\{([A-Za-z_0-9]+)\}\}")
_SENTENCE = re.compile(r"[^\n]+[.?!]")


def _national(country: str) -> Callable[[Random], str]:
    return lambda rng: values.national_phone(rng, country)


_PHONE: dict[str, Callable[[Random], str]] = {f"PHONE_{country}": _national(country) for country in values.COUNTRIES}
_MAKERS: dict[str, dict[str, Callable[[Random], str]]] = {
    "EMAIL_ADDRESS": {"EMAIL": values.email},
    "PHONE_NUMBER": {"PHONE": values.phone} | _PHONE,
    "CREDIT_CARD": {"CARD": values.card, "CARD_PLAIN": values.plain_card},
    "US_SSN": {
        "SSN": values.ssn,
        "SSN_NAMED": values.named_ssn,
        "SSN_PLAIN": lambda rng: values.ssn(rng).replace("-", ""),
    },
    "IBAN_CODE": {"IBAN": values.iban},
    "IP_ADDRESS": {"IP": values.ip, "IP4": values.ipv4, "IP6": values.ipv6},
    "URL": {"URL": values.url},
    "MAC_ADDRESS": {"MAC": values.mac},
    "CRYPTO": {"COIN": secrets.coin, "BITCOIN": secrets.bitcoin, "ETHEREUM": secrets.ethereum},
    "API_KEY": {
        "KEY": secrets.shaped_key,
        "KEY_NAMED": secrets.named_key,
        "AWS": secrets.aws,
        "AWS_SECRET": secrets.aws_secret,
        "GITHUB": secrets.github,
        "GOOGLE": secrets.google,
        "SLACK": secrets.slack,
        "STRIPE": secrets.stripe,
    },
}
VALUES = {place: (kind, maker) for kind, makers in _MAKERS.items() for place, maker in makers.items()}

WITH_VALUES = {
    "en": (*fifth_english.PROSE, *fifth_forms.FORMS, *fifth_code.CODE),
    "de": fifth_tongues.GERMAN,
    "fr": fifth_tongues.FRENCH,
    "es": fifth_tongues.SPANISH,
    "it": fifth_tongues.ITALIAN,
}
WITHOUT = {
    "en": (*fifth_decoys.DECOYS, *fifth_decoys_code.DECOYS),
    "de": fifth_decoys_tongues.GERMAN,
    "fr": fifth_decoys_tongues.FRENCH,
    "es": fifth_decoys_tongues.SPANISH,
    "it": fifth_decoys_tongues.ITALIAN,
}


def _filled(template: str, rng: Random) -> dict[str, Any]:
    """The template with its places filled, and where its values stand."""
    text, entities, end = "", [], 0
    for place in _PLACE.finditer(template):
        text += template[end : place.start()]
        end = place.end()
        name = place[1]
        if name in VALUES:
            kind, maker = VALUES[name]
            value = maker(rng)
            entities.append({"type": kind, "start": len(text), "end": len(text) + len(value)})
            text += value
        else:
            text += FILLERS[name](rng)
    return {"text": text + template[end:], "entities": entities}


def _wrapped(template: str, rng: Random) -> str:
    """A sentence, sometimes with one before or after it."""
    if not _SENTENCE.fullmatch(template) or rng.random() >= WRAPPED:
        return template
    opening = rng.choice(("", f"{rng.choice(fifth_english.OPENINGS)}{rng.choice((' ', chr(10)))}"))
    closing = rng.choice(("", f"{rng.choice((' ', chr(10)))}{rng.choice(fifth_english.CLOSINGS)}"))
    return f"{opening}{template}{closing}"


def _half(templates: dict[str, tuple[str, ...]], rng: Random) -> list[dict[str, Any]]:
    """As many different records, in which each template of a tongue comes as often as any other."""
    records: dict[str, dict[str, Any]] = {}
    for tongue, own in templates.items():
        wanted = len(records) + (HALF - OTHER_TONGUES * (len(templates) - 1) if tongue == "en" else OTHER_TONGUES)
        round_: list[str] = []
        while len(records) < wanted:
            round_ = round_ or rng.sample(own, len(own))
            template = round_.pop()
            record = _filled(_wrapped(template, rng) if tongue == "en" else template, rng)
            records.setdefault(record["text"], record)
    return list(records.values())


def corpus() -> list[dict[str, Any]]:
    """All records: text, and entities in order with type and the places in characters where they start and end."""
    rng = Random(SEED)
    records = [*_half(WITH_VALUES, rng), *_half(WITHOUT, rng)]
    rng.shuffle(records)
    return records


def written() -> str:
    """The corpus as lines of JSON."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in corpus())


if __name__ == "__main__":
    FROZEN.write_text(written(), encoding="utf-8")
