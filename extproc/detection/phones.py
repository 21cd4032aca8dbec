"""Telephone numbers, in the ways in which countries write them.

A number with a country code is judged by the numbering plan (libphonenumber's data). One without tells little by itself: the
North American form is taken as it is, any other needs a word beside it or a line of its own. Pure.
"""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from stdnum import luhn

from extproc.detection.columns import column
from extproc.detection.context import Context, preceding, spaced
from extproc.detection.cues import NUMBER
from extproc.detection.labels import label
from extproc.detection.recogniser import Recogniser, Verdict
from extproc.detection.things import THINGS

_EXTENSION: Final = r"[ ,;]{0,2}(?:x|ext\.?|extension|app\.?|доб\.?|#)[ .:]{0,2}[0-9]{1,6}"
_PHONE: Final = rf"(?i)(?:\+|\(\+?|\b)[0-9](?:[ ().\-/\x{{a0}}\x{{2010}}-\x{{2014}}]{{0,3}}[0-9]){{5,16}}(?:{_EXTENSION})?\b"
_EXTENDED: Final = re.compile(f"(?i){_EXTENSION}$".encode())
_DATE: Final = re.compile(
    rb"^(?:(?:19|20)[0-9]{2}(?:[-/. ][01]?[0-9][-/. ][0-3]?[0-9]|[01][0-9][0-3][0-9])|[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:19|20)?[0-9]{2})"
    rb"(?:[ .-]+[0-9]{1,2}|[0-9]{4,6})?$"
)
_AMERICAN: Final = re.compile(rb"^(?:\+?1[-. ]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}$")
_IN_A_ROW: Final = re.compile(rb"\+|\(|(?:1[-. ])?[2-9][0-9]{2}[-. ][2-9][0-9]{2}[-. ][0-9]{4}$")
"""What is a number of its own between the commas of a table, and no part of an amount."""
_NORTH: Final = re.compile(rb"(?:1[-. ]?)?\(?[2-9][0-9]{2}\)?[-. ]?[2-9][0-9]{2}[-. ][0-9]{4}\b")
_NO_PHONE: Final = re.compile(
    rb"^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]{1,3}\.[0-9]{4,}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{1,3}(?:[ .][0-9]{3}){3,})$"
)
"""An address of a network, a decimal, a social security number, an amount."""
_BRACKETED: Final = re.compile(rb"^\(0?[0-9]{1,5}\) ?[0-9]")
_LEAST, _MOST, _LEAST_ALONE = 7, 15, 9
_INDENTED: Final = 16
"""How far from the beginning of its line a number may stand, in bytes."""
_NO_DIGITS: Final = bytes({*range(256)} - {*b"0123456789"})
_PLAIN: Final = b"0123456789 ().-/+"
_OPENING: Final = ord("(")
_WORDS: Final = Context(
    ("phone", "tel$", "tel.", "tel:", "teleph", "téléph", "telef", "teléf", "tél", "fon$", "mobil", "móvil", "movil", "cell$", "cellph", "cellular$", "cell.", "cel$", "cel.",
     "celular", "cellulare", "handy", "gsm", "fax", "caller id", "callerid", "call", "dial$", "dialed", "dialled", "dialing", "dialling", "ring$", "ringing", "reach$", "reached$", "reaching$", "sms", "text$", "texted", "whatsapp", "whats app", "telegram", "viber",
     "signal$", "hotline", "contact", "ruf", "anruf", "rück", "rückruf", "zurückruf", "durchwahl",
     "kontakt", "portable$", "erreich", "festnetz", "front desk", "helpline", "appel",
     "joindre", "llám", "llam", "chiam", "bel$", "bellen", "dzwon", "zadzwo", "kom.", "ring mig", "puhelin", "puh", "tlf", "landline",
     "switchboard", "caller", "msisdn", "tfno", "port.", "mob$", "mob.", "ph$", "ph:", "p:", "t:", "m:", "☎", "📞", "📱", "✆", "電話", "携帯", "手机", "手機",
     "电话", "联系", "전화", "휴대", "연락", "тел", "моб", "звон", "هاتف", "جوال", "טלפון", "נייד", "फ़ोन", "मोबाइल", "โทร"),
    (*THINGS, "epoch", "ssn", "social sec", "social ins", "nhs", "tfn", "sin$", "tax$", "aadhaar", "pesel", "nif", "dni$", "personn", "ip$", "tin$"),
    named=True,
)  # fmt: skip
_LABEL: Final = 48
"""How far before a number its label is looked for, in bytes."""
_MEASURED: Final = re.compile(
    rb" ?(?:[mck]m|[kmg]?g|ml|[KMGTkmgt]i?[Bb]|[mn\xc2\xb5]s|secs?|px|k?[Hh]z|rpm|EUR|USD|GBP|CHF|PLN|%|\xe2\x82\xac|\xc2\xa3|\$|"
    rb"(?i:bytes|seconds|rows?|records?|items|pcs|pieces|units|hits|views|points?|pts|steps|lines|times|users|events|messages|calls|phones|people|visitors|customers|requests|orders|tickets|copies|miles|met(?:er|re)s|per|"
    rb"st\xc3\xbcck|mal|sztuk|piezas|pezzi|unidades|euros?|dollars?|z\xc5\x82|\(?unix|\(?epoch))(?![A-Za-z.])"
)
"""What stands behind a measure."""
_EPOCH: Final = re.compile(rb"1[4-9](?:[0-9]{8}|[0-9]{11})$")
"""A time of this age, in seconds or thousandths; telephones in America begin with no 1, and others are grouped or longer."""
_TRAILING: Final = re.compile(rb"[0-9] $")
_NATIONAL: Final = re.compile(
    rb"^(?:0[1-9](?:[ .][0-9]{2}){4}|0[0-9]{2} [0-9]{4} [0-9]{4}|0[0-9]{3} [0-9]{3} [0-9]{4}|0[0-9]{4} [0-9]{6}|0[1-9][0-9]{1,4} ?/ ?[0-9]{4,8}|0[1-9]0-[0-9]{4}-[0-9]{4}|06-[0-9]{8})$"
)
"""As in France, in Britain, in Germany, in Japan and Korea, in the Netherlands."""


def _phone(text: bytes, start: int, end: int) -> Verdict | None:
    before, after = text[max(0, start - 1) : start], text[end : end + 2]
    if before in {b"-", b".", b"/", b"_", b"#", b"@", b"$", b"%", b"+", b"&"} or text[max(0, start - 2) : start] == b"\xc2\xa3":
        return None
    unended = after[:1] in {b"-", b"_", b"%", b"/", b"@"} or (after[:1] in {b".", b":"} and after[1:].isdigit())
    if text[start] == _OPENING and b")" not in text[start:end]:
        start += 1  # the sentence's
    whole = text[start:end]
    if (
        ((before == b"," and text[start - 2 : start - 1].isdigit()) or (after[:1] == b"," and after[1:].isdigit()))
        and not _IN_A_ROW.match(whole)
        and column(text, start, end) is None
    ):
        return None
    extension = _EXTENDED.search(whole) if whole.translate(None, _PLAIN) else None
    body = end - len(extension.group()) if extension is not None else end
    for stop in _stops(text, start, body)[unended:]:
        found = text[start:stop]
        score = _score(found, text, start, end if stop == body else stop)
        if score:
            return Verdict(start, end if stop == body else stop, score)
    return None


def _stops(text: bytes, start: int, end: int) -> list[int]:
    """Return where the number may end: at its end, or before the last group or two, which may be something else."""
    stops = [end]
    for _ in range(2 if text[start] in b"+(" or _NORTH.match(text[start:end]) else 0):
        at = max((text.rfind(sign, start, stops[-1]) for sign in (b" ", b"/")), default=-1)
        if at <= start:
            break
        stops.append(len(text[start:at].rstrip(b" ().-/")) + start)
    return stops


def _score(found: bytes, text: bytes, start: int, end: int) -> float:  # noqa: PLR0911 - one for each reason
    digits = found.translate(None, _NO_DIGITS)
    if not _LEAST <= len(digits) <= _MOST or len(set(digits)) < 3 or found.count(b"(") != found.count(b")"):  # noqa: PLR2004
        return 0.0
    if found.lstrip(b"(").startswith(b"+"):
        return _by_plan(digits, found, text, start, end)
    american = _AMERICAN.match(found) is not None
    if not american and (
        _MEASURED.match(text, end)
        or _EPOCH.match(found)
        or _DATE.match(found)
        or _NO_PHONE.match(found)
        or (found[:1] not in b"0(" and _TRAILING.search(text, max(0, start - 2), start))
        or (len(digits) > 12 and luhn.is_valid(digits.decode()))  # noqa: PLR2004 - a card
    ):
        return 0.0
    leaning = _WORDS.leaning(text, start, end)
    if leaning < 0:
        return 0.0
    if found.startswith(b"00"):
        return _by_plan(digits.lstrip(b"0"), found, text, start, end)
    if american:
        return 0.85 if leaning else 0.65
    if leaning or _EXTENDED.search(found) is not None or _numbered(text, start, grouped=found != digits):
        return 0.75
    if _BRACKETED.match(found) or _NATIONAL.match(found):
        return 0.55
    return 0.5 if _alone(text, start, end) and len(digits) >= _LEAST_ALONE and found != digits else 0.0


def _numbered(text: bytes, start: int, *, grouped: bool) -> bool:
    """Whether a number is called one, and of nothing else; without groups it must be somebody's."""
    named = label(spaced(preceding(text, start, _LABEL)))
    return named is not None and not named.foreign and (grouped or named.owned)


def _by_plan(digits: bytes, found: bytes, text: bytes, start: int, end: int) -> float:
    """Return how sure a number with a country code is: by its plan if it is in use, else by the words beside it."""
    written = found.replace(b"(0)", b"").decode(errors="replace")
    plain = "+" + "".join(sign for sign in written if sign.isdigit()) if b"(0)" in found else "+" + digits.decode()
    try:
        number = phonenumbers.parse(plain)
    except phonenumbers.NumberParseException:
        return 0.6 if _WORDS.leaning(text, start, end) > 0 else 0.0
    if phonenumbers.is_valid_number(number):
        return 0.9
    leaning = _WORDS.leaning(text, start, end)
    if leaning > 0:
        return 0.7
    return 0.55 if leaning == 0 and found.startswith(b"+") and phonenumbers.is_possible_number(number) else 0.0


def _alone(text: bytes, start: int, end: int) -> bool:
    """Whether nothing else stands on the line, as in a signature below others."""
    above = text.rfind(b"\n", max(0, start - _INDENTED), start)
    return above >= 0 and not text[above + 1 : start].strip() and text[end : end + 1] in {b"", b"\n", b"\r"}


RECOGNISERS: Final = (Recogniser(entity="PHONE_NUMBER", cue=NUMBER, pattern=_PHONE, judge=_phone, again=True),)
