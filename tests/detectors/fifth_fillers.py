"""What fills the sentences of the fifth part without being a value: names, dates, numbers of orders and parts. It knows no sentence."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from random import Random

from stdnum import ean, iban, isbn, issn, luhn

from detectors import fifth_values
from detectors.fifth_secrets import ALNUM, hexadecimal, signs
from detectors.fifth_values import digits, words

FIRST = words(
    "Maria James Aisha Peter Linda Carlos Emma Ravi Sophie Tom Grace Omar Helen Daniel Ingrid Luca Fatima Paul Nora Kevin "
    "Claire Stefan Beatriz Giulia Marc Yuki Andrea Piotr"
)
LAST = words(
    "Hernandez Whitaker Okonkwo Larsson Patel Dubois Novak Brandt Moretti Sullivan Kowalski Reyes Lindgren Baker Haddad "
    "Steiner Marchand Ortega Ricci Tanaka Bishop Fleming Krüger Delgado Fontaine Greco"
)
CITIES = words("Boston Leeds Hamburg Lyon Sevilla Torino Denver Bristol Graz Nantes Bilbao Verona Portland Perth Basel Utrecht")
COMPANIES = (
    "Brightleaf Ltd",
    "Nordwind Logistik GmbH",
    "Kestrel Bank",
    "Oak & Stone",
    "Talleres Vega S.L.",
    "Studio Bianchi",
    "Harbourview Clinic",
    "Quarry Software",
)
PRODUCTS = (
    "router",
    "desk lamp",
    "espresso machine",
    "bicycle rack",
    "thermostat",
    "printer",
    "headset",
    "water filter",
    "tablet",
    "drill",
)
JOBS = ("nurse", "accountant", "driver", "developer", "sales assistant", "warehouse lead", "paralegal", "technician")
MONTHS = words("January February March April May June July August September October November December")


def _day(rng: Random, form: str) -> str:
    return form.format(d=rng.randrange(1, 29), m=rng.randrange(1, 13), y=rng.randrange(2016, 2026), month=rng.choice(MONTHS))


def _clock(rng: Random) -> str:
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"


def _moment(rng: Random) -> str:
    return _day(rng, "{y}-{m:02}-{d:02}T") + _clock(rng) + rng.choice(("Z", "+02:00", ".113Z", ""))


def _sixteen(rng: Random) -> str:
    """Sixteen digits that no card has."""
    while luhn.is_valid(number := rng.choice("123456789") + digits(rng, 15)):
        pass
    return rng.choice((number, number, " ".join(number[at : at + 4] for at in range(0, 16, 4))))


def _broken_iban(rng: Random) -> str:
    """What has the shape of an IBAN and wrong check digits."""
    number = fifth_values.iban(rng)
    while iban.is_valid(number):
        number = f"{number[:2]}{rng.randrange(2, 99):02}{number[4:]}"
    return number


def _isbn(rng: Random) -> str:
    body = rng.choice(("9780", "9783", "9782")) + digits(rng, 8)
    return isbn.format(body + ean.calc_check_digit(body))


def _issn(rng: Random) -> str:
    body = digits(rng, 7)
    return issn.format(body + issn.calc_check_digit(body))


def _ean(rng: Random) -> str:
    body = rng.choice(("400", "501", "761", "843")) + digits(rng, 9)
    return body + ean.calc_check_digit(body)


def _imei(rng: Random) -> str:
    body = rng.choice(("35", "86")) + digits(rng, 12)
    return body + luhn.calc_check_digit(body)


def _encoded(rng: Random) -> str:
    return base64.b64encode(rng.randbytes(rng.randrange(24, 60))).decode()


def _choice(options: tuple[str, ...] | list[str]) -> Callable[[Random], str]:
    return lambda rng: rng.choice(options)


def _digits(count: int) -> Callable[[Random], str]:
    return lambda rng: rng.choice("123456789") + digits(rng, count - 1)


def _hex(count: int) -> Callable[[Random], str]:
    return lambda rng: hexadecimal(rng, count)


FILLERS: dict[str, Callable[[Random], str]] = {
    "first": _choice(FIRST),
    "last": _choice(LAST),
    "name": lambda rng: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
    "city": _choice(CITIES),
    "company": _choice(COMPANIES),
    "product": _choice(PRODUCTS),
    "job": _choice(JOBS),
    "iso": lambda rng: _day(rng, "{y}-{m:02}-{d:02}"),
    "dmy": lambda rng: _day(rng, "{d:02}.{m:02}.{y}"),
    "slash": lambda rng: _day(rng, "{d:02}/{m:02}/{y}"),
    "born": lambda rng: f"{rng.randrange(1, 13)}/{rng.randrange(1, 29)}/{rng.randrange(1941, 2004)}",
    "day": lambda rng: _day(rng, rng.choice(("{month} {d}", "{d} {month}", "{month} {d}, {y}"))),
    "clock": _clock,
    "hour": lambda rng: f"{rng.randrange(7, 21)}:{rng.randrange(60):02}",
    "moment": _moment,
    "expiry": lambda rng: f"{rng.randrange(1, 13):02}/{rng.randrange(25, 32)}",
    "epoch": lambda rng: str(rng.randrange(1_500_000_000, 1_790_000_000)),
    "money": lambda rng: f"{rng.randrange(3, 2400)}.{rng.randrange(100):02}",
    "euro": lambda rng: f"{rng.randrange(3, 2400)},{rng.randrange(100):02} €",
    "small": lambda rng: str(rng.randrange(2, 99)),
    "ratio": lambda rng: f"0.{rng.randrange(10**6, 10**9)}",
    "measure": lambda rng: f"{rng.randrange(1, 400)}.{rng.randrange(10)}",
    **{f"digits_{count}": _digits(count) for count in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 18, 20)},
    "sixteen": _sixteen,
    "broken_iban": _broken_iban,
    **{f"hex_{count}": _hex(count) for count in (2, 4, 7, 8, 16, 32, 40, 64, 128)},
    "upper": lambda rng: hexadecimal(rng, 8).upper(),
    "print_16": lambda rng: ":".join(hexadecimal(rng, 2) for _ in range(16)),
    "print_20": lambda rng: ":".join(hexadecimal(rng, 2).upper() for _ in range(20)),
    "bytes": lambda rng: " ".join(hexadecimal(rng, 2) for _ in range(rng.choice((8, 10, 16)))),
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "code": lambda rng: signs(rng, "ABCDEFGHJKLMNPQRSTUVWXYZ", 3) + rng.choice(("-", "")) + digits(rng, 5),
    "serial": lambda rng: signs(rng, ALNUM[:36], 4) + rng.choice(("-", "")) + signs(rng, ALNUM[:36], 8),
    "isbn": _isbn,
    "issn": _issn,
    "ean": _ean,
    "imei": _imei,
    "part": lambda rng: f"{_digits(3)(rng)}-{digits(rng, 2)}-{digits(rng, 4)}",
    "zip": lambda rng: f"{digits(rng, 5)}-{digits(rng, 4)}",
    "latitude": lambda rng: f"{rng.randrange(-60, 60)}.{digits(rng, 6)}",
    "longitude": lambda rng: f"{rng.randrange(-170, 170)}.{digits(rng, 6)}",
    "version": lambda rng: f"{rng.randrange(1, 12)}.{rng.randrange(30)}.{rng.randrange(20)}",
    "four": lambda rng: ".".join(str(rng.randrange(1, 30)) for _ in range(4)),
    "build": lambda rng: f"10.0.{rng.randrange(17000, 27000)}.{rng.randrange(300, 5000)}",
    "handle": lambda rng: f"@{rng.choice(FIRST).lower()}{rng.choice(('', '_dev', '.k', digits(rng, 2)))}",
    "base64": _encoded,
    "ssh": lambda rng: "AAAAC3NzaC1lZDI1NTE5AAAAI" + signs(rng, ALNUM, 43),
    "bic": _choice(("COBADEFFXXX", "BNPAFRPP", "CAIXESBBXXX", "UNCRITMM", "BARCGB22", "UBSWCHZH80A")),
}
