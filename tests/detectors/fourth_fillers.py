"""What stands in texts of the fourth part of the corpus beside values and is none: names, dates, numbers of other things."""

from __future__ import annotations

import base64
import string
import uuid
from collections.abc import Callable
from random import Random

from stdnum import iban, luhn

from detectors.fourth_signs import ALNUM, HEX, drawn, some, words
from detectors.fourth_values import FAMILY, GIVEN, grouped

CITIES = words("Graz Lyon Sevilla Leeds Austin Gdańsk Malmö Porto Kochi Perth Toronto Osaka Tarnau Bergheim")
COMPANIES = words("Brightwater Ltd|Halden Logistik GmbH|Casa Verde S.L.|Quillon Inc.|Mirador SA|Northgate plc|Pixelwerk", "|")
NOUNS = words("invoice parcel router cache backup invoice-run onboarding telescope harvest migration checkout battery")


def date(rng: Random) -> str:
    """A day as one of several peoples writes it."""
    year, month, day = rng.randrange(1955, 2027), rng.randrange(1, 13), rng.randrange(1, 29)
    return rng.choice(
        [
            f"{year}-{month:02}-{day:02}",
            f"{day:02}.{month:02}.{year}",
            f"{month:02}/{day:02}/{year}",
            f"{day} {words('Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec')[month - 1]} {year}",
        ]
    )


def iso(rng: Random) -> str:
    """A day as machines write it."""
    return f"{rng.randrange(2015, 2027)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def clock(rng: Random) -> str:
    """A time of day with seconds."""
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"


def no_card(rng: Random) -> str:
    """Sixteen digits that Luhn refuses."""
    while luhn.is_valid(
        number := drawn(rng, rng.choice(["4###############", "5N##############", "################", "6011############"]))
    ):
        pass
    return number


def no_iban(rng: Random) -> str:
    """What begins like an account and whose check digits are wrong."""
    while iban.is_valid(number := rng.choice(["DE", "FR", "GB", "NL", "PL", "CH"]) + some(rng, string.digits, 20)):
        pass
    return number


def isbn13(rng: Random) -> str:
    """A number of a book, with hyphens or without."""
    body = "978" + some(rng, string.digits, 9)
    number = body + str(-sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10)
    return rng.choice([number, f"{number[:3]}-{number[3]}-{number[4:7]}-{number[7:12]}-{number[12]}"])


FILLERS: dict[str, Callable[[Random], str]] = {
    "name": lambda rng: f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}",
    "first": lambda rng: rng.choice(GIVEN),
    "last": lambda rng: rng.choice(FAMILY),
    "city": lambda rng: rng.choice(CITIES),
    "company": lambda rng: rng.choice(COMPANIES),
    "word": lambda rng: rng.choice(NOUNS),
    "host": lambda rng: f"{rng.choice(['web', 'db', 'mail', 'edge', 'laptop'])}-{rng.randrange(1, 40):02}",
    "date": date,
    "iso": iso,
    "time": clock,
    "ts": lambda rng: (
        f"{iso(rng)}{rng.choice([' ', 'T'])}{clock(rng)}{rng.choice(['', 'Z', '.' + some(rng, string.digits, 3), '+02:00'])}"
    ),
    "clf": lambda rng: f"{rng.randrange(1, 29):02}/Mar/2024:{clock(rng)} +0000",
    "expiry": lambda rng: f"{rng.randrange(1, 13):02}/{rng.randrange(25, 32)}",
    "amount": lambda rng: f"{rng.randrange(1, 9999)}.{rng.randrange(100):02}",
    "thousands": lambda rng: f"{rng.randrange(1, 999)},{rng.randrange(1000):03}.{rng.randrange(100):02}",
    "order": lambda rng: rng.choice(
        [
            f"#{rng.randrange(1000, 99999)}",
            f"ORD-{rng.randrange(10000, 99999)}",
            f"{rng.randrange(100, 999)}-{some(rng, string.digits, 7)}",
        ]
    ),
    "n1": lambda rng: drawn(rng, "N"),
    "n2": lambda rng: drawn(rng, "N#"),
    "three": lambda rng: drawn(rng, "N##"),
    "n4": lambda rng: drawn(rng, "N###"),
    "n5": lambda rng: drawn(rng, "N####"),
    "n8": lambda rng: drawn(rng, "N#######"),
    "n9": lambda rng: drawn(rng, "N########"),
    "n10": lambda rng: drawn(rng, "N#########"),
    "n11": lambda rng: drawn(rng, "N##########"),
    "n12": lambda rng: drawn(rng, "N###########"),
    "unix": lambda rng: str(rng.randrange(1_500_000_000, 1_790_000_000)),
    "millis": lambda rng: str(rng.randrange(1_500_000_000_000, 1_790_000_000_000)),
    "part": lambda rng: drawn(rng, "N##-##-####"),
    "phonelike": lambda rng: drawn(rng, "N##-N##-####"),
    "no-card": no_card,
    "no-card-spaced": lambda rng: grouped(no_card(rng), " "),
    "no-iban": no_iban,
    "vat": lambda rng: f"{rng.choice(['DE', 'IT', 'PL', 'PT'])}{some(rng, string.digits, 9)}",
    "isbn": isbn13,
    "ean": lambda rng: drawn(rng, "50##########") + drawn(rng, "#"),
    "ups": lambda rng: "1Z" + some(rng, string.ascii_uppercase + string.digits, 16),
    "usps": lambda rng: drawn(rng, "9400 1### #### #### #### ##"),
    "zip4": lambda rng: drawn(rng, "N####-####"),
    "uuid": lambda rng: str(uuid.UUID(bytes=rng.randbytes(16), version=4)),
    "hex6": lambda rng: some(rng, HEX, 6),
    "ref": lambda rng: some(rng, string.ascii_uppercase, 6),
    "pop": lambda rng: drawn(rng, "N##,###"),
    "hex7": lambda rng: some(rng, HEX, 7),
    "hex32": lambda rng: some(rng, HEX, 32),
    "hex40": lambda rng: some(rng, HEX, 40),
    "hex64": lambda rng: some(rng, HEX, 64),
    "print": lambda rng: ":".join(some(rng, HEX, 2).upper() for _ in range(20)),
    "md5print": lambda rng: ":".join(some(rng, HEX, 2) for _ in range(16)),
    "dump": lambda rng: " ".join(some(rng, HEX, 2) for _ in range(16)),
    "b64": lambda rng: base64.b64encode(rng.randbytes(rng.choice([30, 45, 66]))).decode(),
    "sri": lambda rng: "sha512-" + base64.b64encode(rng.randbytes(64)).decode(),
    "v3": lambda rng: f"{rng.randrange(1, 20)}.{rng.randrange(30)}.{rng.randrange(20)}",
    "v4": lambda rng: f"{rng.randrange(1, 12)}.{rng.randrange(20)}.{rng.randrange(20)}.{rng.randrange(1, 250)}",
    "lat": lambda rng: f"{rng.uniform(-80, 80):.5f}, {rng.uniform(-170, 170):.5f}",
    "decimal": lambda rng: f"{rng.random():.12f}",
    "id": lambda rng: some(rng, ALNUM, 22),
}
