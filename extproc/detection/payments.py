"""What money is moved by: payment cards, bank accounts, wallets. Check digits decide. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from stdnum import bitcoin, iban, luhn

from extproc.detection.context import Context
from extproc.detection.cues import LONG, NUMBER
from extproc.detection.recogniser import Recogniser, Verdict

# --- cards --------------------------------------------------------------------------------------------------------------

_CARD: Final = r"\b[0-9](?:[ -]?[0-9]){11,18}\b"
_RUNS: Final = re.compile(rb"[0-9A-Za-z]+")
_LENGTHS: Final = range(12, 20)
_CARDS: Final = Context(
    ("card", "credit", "debit", "visa", "master", "amex", "american express", "discover", "jcb", "diners", "maestro", "pan$", "cc$", "cc#",
     "charge", "payment", "karte", "kredit", "carte", "tarjeta", "carta", "cartão", "kaart", "karta", "kart ", "kort", "카드", "卡号",
     "カード", "карт", "pay ", "number=", "refund", "deposit", "billed", "declined", "cvv", "cvc", "exp$", "expir"),
    ("order", "invoice", "tracking", "reference", "ref$", "counter", "checksum", "ean", "isbn", "sku", "serial", "part", "epoch", "timestamp",
     "ts$", "value", "id$", "imei", "sendung", "bestell"),
)  # fmt: skip


def _issued(digits: bytes) -> tuple[bool, bool]:  # noqa: PLR0911 - one for each range of numbers
    """Return whether a card of these digits may have been issued, and whether by one of the large issuers."""
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if two in {34, 37}:
        return length == 15, True  # noqa: PLR2004
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # noqa: PLR2004
        return length == 16, True  # noqa: PLR2004
    if digits[:1] == b"4":
        return length in {13, 16, 19}, length == 16  # noqa: PLR2004
    if four == 6011 or 6440 <= four <= 6599 or 3528 <= four <= 3589:  # noqa: PLR2004
        return 16 <= length <= 19, length == 16  # noqa: PLR2004
    if two in {36, 38, 39} or 3000 <= four <= 3059 or four == 3095:  # noqa: PLR2004
        return length == 14 or (two == 36 and length == 16), False  # noqa: PLR2004
    if four in {2131, 1800}:
        return length == 15, False  # noqa: PLR2004
    if two == 62:  # noqa: PLR2004
        return 16 <= length <= 19, length == 16  # noqa: PLR2004
    if two in {50, 56, 57, 58, 81} or four in {6304, 6390, 604} or two == 67 or 2200 <= four <= 2204 or four == 9792:  # noqa: PLR2004
        return True, False
    return two in {60, 63, 65}, False


def _card(text: bytes, start: int, end: int) -> Verdict | None:
    if text[start - 1 : start] in {b"-", b"."} or (text[end : end + 1] in {b"-", b"."} and text[end + 1 : end + 2].isdigit()):
        return None
    groups = _groups(text, start, end)
    for first, (begin, _) in enumerate(groups):
        for last in range(len(groups), first, -1):
            digits = b"".join(text[low:high] for low, high in groups[first:last])
            if len(digits) in _LENGTHS and _grouped([high - low for low, high in groups[first:last]]):
                score = _card_score(digits, last - first, text, begin, groups[last - 1][1])
                if score:
                    return Verdict(begin, groups[last - 1][1], score)
    return None


def _grouped(sizes: list[int]) -> bool:
    """Whether digits are grouped as on a card: fours with a rest, or 4-6-5 and 4-6-4."""
    if len(sizes) == 1:
        return True
    return sizes in ([4, 6, 5], [4, 6, 4]) or (all(size == 4 for size in sizes[:-1]) and sizes[-1] <= 7)  # noqa: PLR2004


def _card_score(digits: bytes, groups: int, text: bytes, start: int, end: int) -> float:
    issued, large = _issued(digits)
    if not issued or len(set(digits)) == 1 or not luhn.is_valid(digits.decode()):
        return 0.0
    leaning = _CARDS.leaning(text, start, end)
    if leaning > 0:
        return 0.95
    if large or groups > 1:
        return 0.4 if leaning < 0 and not large else 0.8
    return 0.3


def _groups(text: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Return where each run of letters and digits between `start` and `end` begins and ends."""
    return [found.span() for found in _RUNS.finditer(text, start, end)]


# --- accounts -----------------------------------------------------------------------------------------------------------

_IBAN: Final = r"(?i)\b[A-Z]{2}[0-9]{2}(?:[ -]?[0-9A-Z]){11,30}\b"
_COUNTRIES: Final = {
    country: int(length)
    for country, length in (
        pair.split(":")
        for pair in (
            "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28"
            " EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26"
            " IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28"
            " NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25"
            " SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
        ).split()
    )
}
"""How long an IBAN of each country is, by the registry of SWIFT."""


def _iban(text: bytes, start: int, end: int) -> Verdict | None:
    length = _COUNTRIES.get(text[start : start + 2].decode(errors="replace").upper())
    if length is None or not text[start:end].isascii():
        return None
    compact, at = b"", start
    while at < end and len(compact) < length:
        compact += text[at : at + 1].strip(b" -")
        at += 1
    if len(compact) < length or text[at : at + 1].isalnum():
        return None
    number = compact.decode().upper()
    return Verdict(start, at, 0.97) if iban.is_valid(number, check_country=False) else None


# --- wallets ------------------------------------------------------------------------------------------------------------

_BASE58: Final = r"\b[13LMDT][1-9A-HJ-NP-Za-km-z]{25,34}\b"
_BECH32: Final = r"(?i)\b(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,71}\b"
_HEX: Final = r"\b0x[0-9A-Fa-f]{40}\b"
_MONERO: Final = r"\b[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}\b"
_VERSIONS: Final = frozenset({0x00, 0x05, 0x30, 0x32, 0x1E, 0x16, 0x41})
"""First bytes of addresses of Bitcoin, Litecoin, Dogecoin and Tron."""
_ADDRESS_BYTES: Final = 25
_BECH32_SUMS: Final = frozenset({1, 0x2BC830A3})
"""Of version 0 and of later ones: BIP 173 and BIP 350."""
_DIGITS32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _base58(text: bytes, start: int, end: int) -> Verdict | None:
    address = bitcoin.b58decode(text[start:end].decode())
    if len(address) != _ADDRESS_BYTES or address[0] not in _VERSIONS:
        return None
    checked = hashlib.sha256(hashlib.sha256(address[:-4]).digest()).digest()[:4] == address[-4:]
    return Verdict(start, end, 0.97) if checked else None


def _bech32(text: bytes, start: int, end: int) -> Verdict | None:
    found = text[start:end].decode()
    # Without regard to case a pattern takes two letters for ASCII that are none: the long s, and the sign of kelvins.
    if not found.isascii() or found not in {found.lower(), found.upper()}:
        return None
    human, _, data = found.lower().partition("1")
    expanded = [ord(letter) >> 5 for letter in human] + [0] + [ord(letter) & 31 for letter in human]
    check = bitcoin.bech32_checksum(expanded + [_DIGITS32.index(letter) for letter in data])
    return Verdict(start, end, 0.97) if check in _BECH32_SUMS else None


def _by_form(text: bytes, start: int, end: int) -> Verdict | None:
    del text
    return Verdict(start, end, 0.7)


RECOGNISERS: Final = (
    Recogniser(entity="CREDIT_CARD", cue=NUMBER, pattern=_CARD, judge=_card, again=True),
    Recogniser(entity="IBAN_CODE", cue="[A-Za-z]{2}[0-9]{2}[ -]?[0-9A-Za-z]{2}", pattern=_IBAN, judge=_iban, again=True),
    Recogniser(entity="CRYPTO", cue=LONG, pattern=_BASE58, judge=_base58),
    Recogniser(entity="CRYPTO", cue=LONG, pattern=_BECH32, judge=_bech32),
    Recogniser(entity="CRYPTO", cue="0x[0-9A-Fa-f]{4}", pattern=_HEX, judge=_by_form),
    Recogniser(entity="CRYPTO", cue=LONG, pattern=_MONERO, judge=_by_form),
)
