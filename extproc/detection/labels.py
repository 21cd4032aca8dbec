"""What a text calls a number: the words of a label that ends where the number begins, in the languages of Europe.

``policy number 68856140586``, ``Nr sprawy 724765161``, ``Kundennummer: 4711``: whatever has a number is neither a telephone nor a
person by that alone, so a label is known by its grammar, and not by a list of all things that have numbers. Pure.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from extproc.detection.expression import Expression
from extproc.detection.things import MODIFIERS, PIECES

_NUMBER: Final = r"(?:numbers?|nummern?|num[ée]ros?|n[úu]meros?|numer[au]?|numret|num|nr|no|n[°ºo]|номера?)"
_SIGN: Final = "[№#]"
_BE: Final = r"(?:is|was|are|ist|lautet|est|es|è|é|jest|to|är|er|of|con)"
_THE: Final = "(?:le|la|el|der|die|the|o|il)"
_TO: Final = rf"[\s:=#\"'`(>\[]*(?:{_BE}[\s:=#\"'`(]+(?:{_THE}[\s]+)?)?$"
_OF: Final = r"(?:(?:de|di|do|du|del|dell|della|da|des|der|van|of|d|la|le|l|el|os)[ ']+)*"
_KIND: Final = "(?:(?:identification|identity|reference|registration|account) )?"
_FOLLOWED: Final = Expression(rf"(?i)((?:\b{_NUMBER}\.?|{_SIGN}) {_OF}\pL{{3,}}){_TO}")
"""A word for a number, and what it is a number of."""
_PRECEDED: Final = Expression(
    rf"(?i)\b(\pL{{2,}})['’.\"]{{0,2}}[ .:-]{{0,2}}{_KIND}(?:\b(?:{_NUMBER}|ids?|codes?|refs?|keys?)\b\.?|{_SIGN}){_TO}"
)
_COMPOUND: Final = Expression(rf"(?i)(\pL{{3,}}?)s?(?:nummern?|numret|nr|kennzeichen|zeichen|kennung)\b\.?{_TO}")
_PIECE: Final = Expression(r"(?:^|\s)[\"'(\[]?(\pL(?:[/-]?\pL)+)[\s:=#\"'`(\[]*$")
_BARE: Final = Expression(rf"(?i)(\b(?:number|nummer|num[ée]ro|n[úu]mero|numer|номер)\b:?,?){_TO}")
_LAST: Final = re.compile(rb"[ ']")
_OWNERS: Final = frozenset(
    "my your his her our their mein meine meiner deine ihre unsere mon son notre votre mi su nuestro mio suo nostro meu seu nosso mijn uw ons"
    " mój twój nasz mitt ditt".split()
)


class Label(NamedTuple):
    """Where a label begins, in bytes; whether it says what the number is of, and whether only whose it is."""

    begins: int
    foreign: bool
    owned: bool


def label(before: bytes) -> Label | None:
    """Return the label at the end of `before`, which is UTF-8; None where a number has none."""
    labels = [found for pattern in (_FOLLOWED, _PRECEDED, _COMPOUND) if (found := pattern.find(before)) is not None]
    if labels:
        nouns = {_LAST.split(before[start:end])[-1].decode().lower() for start, end in labels}
        foreign = not nouns <= MODIFIERS
        return Label(min(labels)[0], foreign=foreign, owned=not foreign and not nouns.isdisjoint(_OWNERS))
    found = _PIECE.find(before)
    if found is not None and not PIECES.isdisjoint(_singular(before[slice(*found)].decode().lower())):
        return Label(found[0], foreign=True, owned=False)
    found = _BARE.find(before)
    return Label(found[0], foreign=False, owned=False) if found is not None else None


def _singular(noun: str) -> set[str]:
    """Return a noun, and what may be its singular."""
    return {noun, *(noun.removesuffix(ending) for ending in ("s", "es", "n", "en", "e"))}
