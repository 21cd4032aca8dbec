"""Recognisers that the configuration describes: a pattern with a check digit and words around it, or a list of terms. Pure.

Each is looked for by itself and not among the built-in cues: what somebody else's pattern costs, the others do not pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import re2
from stdnum import damm, ean, imei, isin, lei, luhn, verhoeff
from stdnum.iso7064 import mod_11_2, mod_11_10, mod_37_2, mod_37_36, mod_97_10

from extproc.detection.context import Context
from extproc.detection.expression import Expression
from extproc.detection.recogniser import Judge, Recogniser, Verdict
from extproc.errors import ConfigError

Validator = Literal[
    "damm", "ean", "imei", "isin", "lei", "luhn", "mod_11_10", "mod_11_2", "mod_37_2", "mod_37_36", "mod_97_10", "verhoeff"
]
"""Check digits that a value of a pattern may have; spaces and dashes do not count."""

_VALIDATORS: Final[dict[Validator, Callable[[str], bool]]] = {
    "damm": damm.is_valid,
    "ean": ean.is_valid,
    "imei": imei.is_valid,
    "isin": isin.is_valid,
    "lei": lei.is_valid,
    "luhn": luhn.is_valid,
    "mod_11_10": mod_11_10.is_valid,
    "mod_11_2": mod_11_2.is_valid,
    "mod_37_2": mod_37_2.is_valid,
    "mod_37_36": mod_37_36.is_valid,
    "mod_97_10": mod_97_10.is_valid,
    "verhoeff": verhoeff.is_valid,
}
_BESIDE_ITS_WORDS: Final = 0.35
"""What a word of its context adds to the score of a value."""
_TERM: Final = 0.9
_ALWAYS: Final = ""
"""The cue that occurs in every text."""


def of_pattern(
    entity: str, pattern: str, *, validator: Validator | None = None, context: Iterable[str] = (), score: float
) -> Recogniser:
    """Return what recognises values of the form `pattern`, RE2's syntax. Raises `ConfigError` for one that RE2 does not take."""
    return Recogniser(entity=entity, cue=_ALWAYS, pattern=_taken(pattern), judge=_judge(validator, tuple(context), score))


def of_terms(entity: str, terms: Iterable[str]) -> Recogniser:
    """Return what recognises any of `terms` as whole words, in any letter case and with any space between their words."""
    written = sorted({_term(term) for term in terms}, key=len, reverse=True)
    return Recogniser(entity=entity, cue=_ALWAYS, pattern=_taken(f"(?i)(?:{'|'.join(written)})"), judge=_sure)


def _judge(validator: Validator | None, words: tuple[str, ...], score: float) -> Judge:
    valid = _VALIDATORS[validator] if validator else None
    context = Context(words) if words else None

    def judge(text: bytes, start: int, end: int) -> Verdict | None:
        if valid is not None and not valid(text[start:end].decode().replace(" ", "").replace("-", "").upper()):
            return None
        beside = context is not None and context.leaning(text, start, end) > 0
        return Verdict(start, end, min(1.0, score + _BESIDE_ITS_WORDS) if beside else score)

    return judge


def _sure(text: bytes, start: int, end: int) -> Verdict:
    del text
    return Verdict(start, end, _TERM)


def _term(term: str) -> str:
    """Return a term as a pattern; only a letter or digit of ASCII has a border that RE2 knows."""
    words = term.split()
    if not words:
        raise ConfigError("a term is empty; name what is to be found")
    first, last = words[0][0], words[-1][-1]
    quoted = r"\s+".join(re2.escape(word) for word in words)
    return ("\\b" if _bordered(first) else "") + quoted + ("\\b" if _bordered(last) else "")


def _bordered(letter: str) -> bool:
    return letter.isascii() and letter.isalnum()


def _taken(pattern: str) -> str:
    try:
        compiled = Expression(pattern)
    except re2.error:
        raise ConfigError("the pattern is not one of RE2, or too large; it has no look-around and no back-references") from None
    if compiled.find(b"") is not None:
        raise ConfigError("the pattern is also found where nothing is; say what is there at least")
    return pattern
