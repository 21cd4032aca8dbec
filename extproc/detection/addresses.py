"""Addresses of electronic mail and of the web. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

from extproc.detection.context import Context
from extproc.detection.recogniser import Recogniser, Verdict

_OTHER: Final = r"\x{80}-\x{10FFFF}"
"""Everything that is not ASCII. Classes of letters would make patterns hundreds of times as large; the judge looks closer."""

_LOCAL: Final = rf"(?:[A-Za-z0-9_+{_OTHER}][A-Za-z0-9_.+'&%!#*^~{_OTHER}-]*|\"[^\"\s@]+\")"
_LABELS: Final = rf"(?:[A-Za-z0-9_{_OTHER}-]+\.)+"
_TOP: Final = rf"[A-Za-z{_OTHER}][A-Za-z0-9{_OTHER}-]+"
_NUMERIC: Final = r"\[(?:IPv6:)?[0-9A-Fa-f:.]{2,}\]"
_EMAIL: Final = rf"{_LOCAL}@(?:{_LABELS}{_TOP}|{_NUMERIC})"

_UNSPACED: Final = "\u0e00"
"""From here on are the scripts in which an address may follow a word without a space: Thai, Chinese, Japanese, Korean."""

_FILES: Final = frozenset(b"png jpg jpeg gif svg webp ico bmp css js ts json xml yaml yml html htm txt log".split())
"""Endings after a dot that are a file's and no top-level domain: ``logo@2x.png``."""


def _email(text: bytes, start: int, end: int) -> Verdict | None:
    local, _, domain = text[start:end].rpartition(b"@")
    if not local.isascii():
        start += len(local) - len(_last_word(local))
        local = text[start : start + len(local)].partition(b"@")[0]
    if not domain.isascii():
        end -= len(domain) - len(domain := _first_words(domain))
    labels = domain.split(b".")
    if not local.strip(b".") or (len(labels) < 2 and domain[:1] != b"[") or not all(labels):  # noqa: PLR2004 - a name and its top
        return None
    before = text[start - 1 : start]
    if before == b"@" or (before == b"/" and text[max(0, start - 3) : start] != b"://") or text[end : end + 1] == b"@":
        return None
    if labels[-1].lower() in _FILES:
        return None
    if len(labels) > 2 and labels[-1].istitle() and labels[-2].islower() and _is_top(labels[-2]):  # noqa: PLR2004 - name, top, word
        end -= len(labels[-1]) + 1  # the next sentence, without a space before it
    return Verdict(start, end, 0.95)


def _last_word(found: bytes) -> bytes:
    """Return the end of `found` that is one word: behind signs, and behind a script that needs no space before an address."""
    text = found.decode()
    at = len(text)
    while at and (text[at - 1].isascii() or unicodedata.category(text[at - 1])[0] in "LMN"):
        at -= 1
    word = text[at:]
    unspaced = [index for index, letter in enumerate(word) if letter >= _UNSPACED]
    if unspaced and unspaced[-1] + 1 < len(word):
        word = word[unspaced[-1] + 1 :]
    return word.encode()


def _first_words(domain: bytes) -> bytes:
    """Return the beginning of `domain` that is one: up to a sign, and its last label only as long as it stays in one script."""
    text = domain.decode()
    at = next(
        (index for index, sign in enumerate(text) if not sign.isascii() and unicodedata.category(sign)[0] not in "LMN"),
        len(text),
    )
    head, dot, top = text[:at].rstrip(".").rpartition(".")
    if top[:1].isascii():
        top = top[: next((index for index, letter in enumerate(top) if not letter.isascii()), len(top))]
    return f"{head}{dot}{top}".encode()


# --- the web ------------------------------------------------------------------------------------------------------------

_GENERIC: Final = frozenset(
    b"academy agency app art asia bank bio biz blog buzz cafe center cloud club com company coop design dev digital edu email"
    b" energy expert finance fm fun gov group health hotel info int inc io jobs legal life link live ltd media mil mobi museum"
    b" name net network news ngo one online org page pro shop site social software solutions space store studio tech technology"
    b" tel today tools top travel tv university website wiki work world xyz zone".split()
)
_COUNTRIES: Final = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci"
    " ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fo fr ga gd ge gf gg gh gi gl gm gn gp"
    " gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li"
    " lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz"
    " om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy"
    " sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_TOPS: Final = _GENERIC | frozenset(_COUNTRIES.encode().split())
_PLAIN_TOPS: Final = frozenset(
    b"com org net edu gov mil de fr uk nl eu ch ru br jp au ca es it pl se dk fi cz at no be cn kr tr ua mx ar biz museum travel".split()
)
"""Top-level domains by which a name is one of the web without more around it; `run.sh` and `obj.info` are none."""

_CODE: Final = frozenset(b"py sh rs md pl so cc ps hs mm ml la in to is as mk pm st".split())
"""Top-level domains that are more often a file's ending or a word."""

_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]{1,20}://"
_URL: Final = rf"\b{_SCHEME}[^\s<>\"`{{}}|\\^\x00-\x1f、。，）」』】》！？；]+"
_NAMES: Final = rf"(?:[A-Za-z0-9{_OTHER}][A-Za-z0-9{_OTHER}-]*\.)+"
_BARE: Final = rf"{_NAMES}(?:[A-Za-z]{{2,24}}|xn--[A-Za-z0-9-]{{2,59}})\b(?::[0-9]{{2,5}})?(?:[/?#][^\s<>\"`{{}}|\\^、。，）」』】》！？；]*)?"
_SITE: Final = Context(
    ("url", "website", "web site", "site", "domain", "link", "visit", "host", "homepage", "web$", "www", "webseite", "sitio", "sito web",
     "strona", "сайт", "网站", "サイト")
)  # fmt: skip
_CLOSING: Final = {b")": b"(", b"]": b"["}


def _url(text: bytes, start: int, end: int) -> Verdict | None:
    end = _ending(text, start, end)
    host = text[start:end].partition(b"://")[2]
    if not host or not (host[:1].isalnum() or host[:1] == b"[" or host[0] >= 128):  # noqa: PLR2004 - not ASCII
        return None
    return Verdict(start, end, 0.9)


def _ending(text: bytes, start: int, end: int) -> int:
    """Return where an address of the web ends: punctuation behind it is the sentence's, and so is an unpaired bracket."""
    unpaired = {
        closing: text.count(closing, start, end) - text.count(opening, start, end) for closing, opening in _CLOSING.items()
    }
    while end > start:
        last = text[end - 1 : end]
        if unpaired.get(last, 0) > 0:
            unpaired[last] -= 1
        elif last not in b".,;:!?'*_~":
            break
        end -= 1
    return end


def _is_top(label: bytes) -> bool:
    return label.lower() in _TOPS or label[:4].lower() == b"xn--"


def _bare(text: bytes, start: int, end: int) -> Verdict | None:  # noqa: PLR0911 - one way out for each kind of name
    end = _ending(text, start, end)
    first = text[start:end].partition(b".")[0]
    if not first.isascii():
        start += len(first) - len(_last_word(first))
    before, after = text[start - 1 : start] if start else b"", text[end : end + 1]
    if before in {b"@", b".", b"/", b"-", b"_", b"\\", b"$", b"%"} or after in {b"(", b"@", b"_"}:
        return None
    found = text[start:end]
    name = found[: min((at for at in (found.find(sign) for sign in b":/?#") if at >= 0), default=len(found))]
    labels = name.split(b".")
    top, pathed = labels[-1], len(name) < len(found)
    if not _is_top(top) or not any(label[:1].isalpha() or label[:1] > b"\x7f" for label in labels[:-1]):
        return None
    if labels[0].lower().rstrip(b"0123456789") == b"www":
        return Verdict(start, end, 0.85)
    if not (top.islower() or found.isupper()):
        return None
    if top.lower() in _PLAIN_TOPS or (pathed and top.lower() not in _FILES):
        return Verdict(start, end, 0.6)
    if top.lower() in _CODE:
        return None
    return Verdict(start, end, 0.6) if _SITE.leaning(text, start, end) > 0 else None


RECOGNISERS: Final = (
    Recogniser(entity="EMAIL_ADDRESS", cue="@", pattern=_EMAIL, judge=_email),
    Recogniser(entity="URL", cue="://", pattern=_URL, judge=_url),
    Recogniser(entity="URL", cue=rf"[A-Za-z0-9{_OTHER}]\.[A-Za-z]{{2}}", pattern=_BARE, judge=_bare),
)
