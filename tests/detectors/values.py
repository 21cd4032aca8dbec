"""Made-up values with right check digits, and values that only look like them. All chance comes from the `Random` passed in.

A mask is text in which ``#`` stands for any digit, ``%`` for 2 to 9 and ``@`` for a capital letter.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import string
from random import Random

from stdnum import luhn, verhoeff
from stdnum.iso7064 import mod_97_10

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_ALNUM = string.ascii_letters + string.digits
_URLSAFE = _ALNUM + "-_"


def masked(r: Random, mask: str) -> str:
    """Fill a mask."""
    chosen = {"#": string.digits, "%": "23456789", "@": string.ascii_uppercase}
    return "".join(r.choice(chosen[sign]) if sign in chosen else sign for sign in mask)


def drawn(r: Random, alphabet: str, length: int) -> str:
    """Draw a text of characters of `alphabet`."""
    return "".join(r.choice(alphabet) for _ in range(length))


def grouped(text: str, sizes: tuple[int, ...], separator: str) -> str:
    """Break `text` into groups; the last size is repeated."""
    parts, at, index = [], 0, 0
    while at < len(text):
        size = sizes[min(index, len(sizes) - 1)]
        parts.append(text[at : at + size])
        at, index = at + size, index + 1
    return separator.join(parts)


# --- numbers ------------------------------------------------------------------------------------------------------------

_ISSUERS = (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16), ("65", 16))
_RARE_ISSUERS = (("36", 14), ("3528", 16), ("3589", 16), ("62", 16), ("5018", 16), ("6759", 16), ("4", 13), ("6304", 19))


def card(r: Random, *, rare: bool = False) -> str:
    """Return the digits of a payment card."""
    prefix, length = r.choice(_RARE_ISSUERS if rare else _ISSUERS)
    body = prefix + drawn(r, string.digits, length - len(prefix) - 1)
    return body + luhn.calc_check_digit(body)


def card_written(r: Random, number: str) -> str:
    """Write a card as people do."""
    sizes = (4, 6, 5) if len(number) == 15 else (4, 6, 4) if len(number) == 14 else (4,)
    return r.choice((number, number, grouped(number, sizes, " "), grouped(number, sizes, " "), grouped(number, sizes, "-")))


def wrong_card(r: Random) -> str:
    """Return digits of a card's length and beginning with a wrong check digit."""
    number = card(r)
    return number[:-1] + str((int(number[-1]) + r.randint(1, 9)) % 10)


_IBANS = {
    "DE": "##################", "GB": "@@@@##############", "FR": "##########@##########"[:21] + "##", "ES": "#" * 20,
    "IT": "@" + "#" * 22, "NL": "@@@@##########", "BE": "#" * 12, "AT": "#" * 16, "CH": "#" * 17, "PL": "#" * 24,
    "SE": "#" * 20, "NO": "#" * 11, "DK": "#" * 14, "FI": "#" * 14, "IE": "@@@@##############", "PT": "#" * 21,
    "CZ": "#" * 20, "HU": "#" * 24, "RO": "@@@@################", "GR": "#" * 23, "LU": "#" * 16, "TR": "#" * 22,
    "SA": "#" * 20, "AE": "#" * 19, "HR": "#" * 17, "SK": "#" * 20, "LT": "#" * 16, "LV": "@@@@#############",
}  # fmt: skip


def iban(r: Random, countries: tuple[str, ...] = tuple(_IBANS)) -> str:
    """Return an IBAN, unspaced; its national check digits are anything."""
    country = r.choice(countries)
    account = masked(r, _IBANS[country])
    return country + mod_97_10.calc_check_digits(account + country) + account


def wrong_iban(r: Random) -> str:
    """Return an IBAN whose check digits are wrong."""
    right = iban(r)
    return f"{right[:2]}{(int(right[2:4]) + r.randint(1, 90)) % 97 + 1:02d}{right[4:]}"


def ssn(r: Random) -> str:
    """Return the nine digits of a social security number that may have been issued."""
    area = r.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03d}{r.randint(1, 99):02d}{r.randint(1, 9999):04d}"


def wrong_ssn(r: Random) -> str:
    """Return nine digits that no social security number has."""
    return r.choice(
        (f"000{drawn(r, string.digits, 6)}", f"666{drawn(r, string.digits, 6)}", f"{masked(r, '%##')}00{masked(r, '####')}")
    )


# --- networks -----------------------------------------------------------------------------------------------------------


def ipv4(r: Random) -> str:
    """Return an address of version 4."""
    first = r.choice((10, 172, 192, 203, 198, 100, r.randint(11, 223)))
    return f"{first}.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(1, 254)}"


def ipv6(r: Random) -> str:
    """Return an address of version 6 in one of its spellings."""
    groups = [r.choice(("2001", "2a02", "2600", "fe80", "fd12"))] + [f"{r.randint(0, 0xFFFF):x}" for _ in range(7)]
    if r.random() < 0.5:
        groups[3:7] = ["0"] * 4
    address = ipaddress.IPv6Address(":".join(groups))
    return r.choice((str(address), str(address), address.exploded, str(address).upper()))


def mac(r: Random) -> str:
    """Return a hardware address in one of its spellings."""
    digits = drawn(r, "0123456789abcdef", 12)
    digits = r.choice((digits, digits.upper()))
    return r.choice(
        (grouped(digits, (2,), ":"), grouped(digits, (2,), ":"), grouped(digits, (2,), "-"), grouped(digits, (4,), "."))
    )


# --- wallets ------------------------------------------------------------------------------------------------------------


def _base58check(payload: bytes) -> str:
    whole = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(whole, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + text


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for index, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> index & 1 else 0
    return check


def bech32(r: Random, version: int = 0, length: int = 32) -> str:
    """Return a segwit address of main net: version 0 or 1 (taproot)."""
    human, data = "bc", [version, *(r.randrange(32) for _ in range(length))]
    expanded = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human]
    check = _polymod([*expanded, *data, *[0] * 6]) ^ (0x2BC830A3 if version else 1)
    return human + "1" + "".join(_BECH32[value] for value in [*data, *(check >> 5 * (5 - i) & 31 for i in range(6))])


def crypto(r: Random) -> str:
    """Return a Bitcoin address, now and then one of Ethereum."""
    kind = r.randrange(8)
    if kind < 3:
        return _base58check(b"\0" + r.randbytes(20))
    if kind < 5:
        return _base58check(b"\5" + r.randbytes(20))
    if kind < 7:
        return bech32(r) if kind == 5 else bech32(r, 1, 52)
    return "0x" + drawn(r, "0123456789abcdef", 40)


# --- keys ---------------------------------------------------------------------------------------------------------------


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def jwt(r: Random) -> str:
    """Return a signed token."""
    claims = {"sub": drawn(r, string.digits, 8), "iat": r.randint(1_600_000_000, 1_800_000_000)}
    return f"{_segment({'alg': 'HS256', 'typ': 'JWT'})}.{_segment(claims)}.{drawn(r, _URLSAFE, 43)}"


def private_key(r: Random) -> str:
    """Return a PEM block."""
    kind = r.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"))
    lines = [drawn(r, _ALNUM + "+/", 64) for _ in range(r.randint(3, 9))]
    return "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"))


_UPPER = string.ascii_uppercase + string.digits
_LOWER = string.ascii_lowercase + string.digits
_HEX = "0123456789abcdef"


def api_key(r: Random) -> str:
    """Return a key that tells by its form whose it is."""
    makers = (
        lambda: "AKIA" + drawn(r, string.ascii_uppercase + "234567", 16),
        lambda: "ASIA" + drawn(r, string.ascii_uppercase + "234567", 16),
        lambda: "AIza" + drawn(r, _URLSAFE, 35),
        lambda: r.choice(("ghp_", "gho_", "ghs_")) + drawn(r, _ALNUM, 36),
        lambda: "github_pat_" + drawn(r, _ALNUM, 22) + "_" + drawn(r, _ALNUM, 59),
        lambda: "glpat-" + drawn(r, _URLSAFE, 20),
        lambda: "xoxb-" + masked(r, "############-############-") + drawn(r, _ALNUM, 24),
        lambda: "sk_live_" + drawn(r, _ALNUM, 24),
        lambda: "rk_live_" + drawn(r, _ALNUM, 24),
        lambda: "sk-proj-" + drawn(r, _URLSAFE, 48),
        lambda: "sk-ant-api03-" + drawn(r, _URLSAFE, 93) + "AA",
        lambda: "hf_" + drawn(r, string.ascii_letters, 34),
        lambda: "npm_" + drawn(r, _ALNUM, 36),
        lambda: "SG." + drawn(r, _URLSAFE, 22) + "." + drawn(r, _URLSAFE, 43),
        lambda: "dop_v1_" + drawn(r, _HEX, 64),
        lambda: "shpat_" + drawn(r, _HEX, 32),
        lambda: "GOCSPX-" + drawn(r, _URLSAFE, 28),
        lambda: jwt(r),
        lambda: private_key(r),
    )
    return r.choice(makers)()


def opaque_key(r: Random) -> str:
    """Return a key that only its surroundings tell."""
    alphabet, length = r.choice(((_ALNUM, 40), (_ALNUM + "+/", 40), (_HEX, 32), (_HEX, 64), (_LOWER, 32), (_ALNUM, 24)))
    return drawn(r, alphabet, length)


# --- national ids -------------------------------------------------------------------------------------------------------


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def nhs(r: Random) -> str:
    """Return an NHS number."""
    while True:
        body = masked(r, "4########")
        check = 11 - _weighted(body, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
        if check != 10:
            return body + str(check % 11)


def nif(r: Random) -> str:
    """Return a Spanish NIF."""
    number = r.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def pesel(r: Random) -> str:
    """Return a Polish PESEL."""
    body = f"{r.randint(40, 99):02d}{r.randint(1, 12):02d}{r.randint(1, 28):02d}{drawn(r, string.digits, 4)}"
    return body + str(-_weighted(body, (1, 3, 7, 9) * 3) % 10)


def sin(r: Random) -> str:
    """Return a Canadian social insurance number."""
    body = r.choice("1245679") + drawn(r, string.digits, 7)
    return body + luhn.calc_check_digit(body)


def tfn(r: Random) -> str:
    """Return an Australian tax file number."""
    while True:
        number = r.choice("123456789") + drawn(r, string.digits, 8)
        if _weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0:
            return number


def aadhaar(r: Random) -> str:
    """Return an Aadhaar number."""
    body = masked(r, "%##########")
    return body + verhoeff.calc_check_digit(body)


def personnummer(r: Random) -> str:
    """Return a Swedish personal number of ten digits."""
    body = f"{r.randint(40, 99):02d}{r.randint(1, 12):02d}{r.randint(1, 28):02d}{r.randint(1, 999):03d}"
    return f"{body[:6]}-{body[6:]}{luhn.calc_check_digit(body)}"


NATIONAL = {
    "UK_NHS": nhs, "ES_NIF": nif, "PL_PESEL": pesel, "CA_SIN": sin, "AU_TFN": tfn, "IN_AADHAAR": aadhaar,
    "SE_PERSONNUMMER": personnummer,
}  # fmt: skip
