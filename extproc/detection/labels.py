"""What a text calls a number: the words of a label that ends where the number begins, in the languages of Europe.

``policy number 68856140586``, ``Nr sprawy 724765161``, ``Kundennummer: 4711``: whatever has a number is neither a telephone nor a
person by that alone, so a label is known by its grammar, and not by a list of all things that have numbers. Pure.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from extproc.detection.things import MODIFIERS, PIECES

_WORD: Final = r"[^\W\d_]"
_NUMBER: Final = r"(?:numbers?|nummern?|num[ée]ros?|n[úu]meros?|numer[au]?|numret|num|nr|no|n[°ºo]|номера?)"
_SIGN: Final = "[№#]"
_BE: Final = r"(?:is|was|are|ist|lautet|est|es|è|é|jest|to|är|er|of|con)"
_TO: Final = rf"[\s:=#\"'`(>\[]*(?:\b{_BE}\b[\s:=#\"'`(]*(?:(?:le|la|el|der|die|the|o|il)\b\s*)?)?$"
_OF: Final = r"(?:(?:de|di|do|du|del|dell|della|da|des|der|van|of|d|la|le|l|el|os)\b[ ']?)*"
_LABELS: Final = (
    re.compile(rf"(?i)(?:\b{_NUMBER}\.?|{_SIGN}) {_OF}(?P<noun>{_WORD}{{3,}}){_TO}"),
    re.compile(
        rf"(?i)\b(?P<noun>{_WORD}{{2,}})['’.\"]{{0,2}}[ .:-]{{0,2}}(?:(?:identification|identity|reference|registration|account) )?(?:\b(?:{_NUMBER}|ids?|codes?|refs?|keys?)\b\.?|{_SIGN}){_TO}"
    ),
    re.compile(rf"(?i)\b(?P<noun>{_WORD}{{3,}}?)s?(?:nummern?|numret|nr|kennzeichen|zeichen|kennung)\b\.?{_TO}"),
)
_PIECE: Final = re.compile(rf"(?<!\S)[\"'(\[]?(?P<noun>{_WORD}(?:[/-]?{_WORD})+)[\s:=#\"'`(\[]*$")
_BARE: Final = re.compile(rf"(?i)(?:\b{_NUMBER}\b\.?|{_SIGN}),?{_TO}")
_OWNERS: Final = frozenset(
    "my your his her our their mein meine meiner deine ihre unsere mon son notre votre mi su nuestro mio suo nostro meu seu nosso mijn uw ons"
    " mój twój nasz mitt ditt".split()
)


class Label(NamedTuple):
    """Where a label begins, in characters; whether it says what the number is of, and whether only whose it is."""

    begins: int
    foreign: bool
    owned: bool


def label(before: str) -> Label | None:
    """Return the label at the end of `before`, None where a number has none."""
    labels = [(found.start(), found["noun"].lower()) for pattern in _LABELS if (found := pattern.search(before)) is not None]
    if labels:
        begins = min(start for start, _ in labels)
        foreign = any(noun not in MODIFIERS for _, noun in labels)
        return Label(begins, foreign=foreign, owned=not foreign and any(noun in _OWNERS for _, noun in labels))
    found = _PIECE.search(before)
    if found is not None and {noun := found["noun"].lower(), noun.removesuffix("s")} & PIECES:
        return Label(found.start("noun"), foreign=True, owned=False)
    found = _BARE.search(before)
    return Label(found.start(), foreign=False, owned=False) if found is not None else None
