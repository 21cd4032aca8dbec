"""Numbers that states give to persons, for the fourth part of the corpus, with check digits that hold."""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random

from stdnum import luhn, verhoeff
from stdnum.au import tfn
from stdnum.es import dni
from stdnum.pl import pesel

from detectors.fourth_signs import some

Maker = Callable[[Random], str]


def checked(size: int, check: Callable[[str], str], form: str = "") -> Maker:
    """A national number: its digits, the check digit that `check` gives last, written as `form` says."""

    def make(rng: Random) -> str:
        while True:
            body = some(rng, "1234567", 1) + some(rng, string.digits, size - 2)
            digit = check(body)
            if len(digit) == 1 and digit.isdigit():
                break
        signs = iter(body + digit)
        return "".join(next(signs) if sign == "#" else sign for sign in rng.choice(form.split("|")))

    return make


def personnummer(rng: Random) -> str:
    """A number of a person in Sweden, with or without the century."""
    day = f"{rng.randrange(40, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
    body = day + some(rng, string.digits, 3)
    number = f"{day}-{body[6:]}{luhn.calc_check_digit(body)}"
    return rng.choice([number, number, f"19{number}", f"19{number.replace('-', '')}"])


def person_of_poland(rng: Random) -> str:
    """A PESEL of someone born in the last century."""
    body = f"{rng.randrange(30, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{some(rng, string.digits, 4)}"
    return body + pesel.calc_check_digit(body)


def person_of_spain(rng: Random) -> str:
    """A DNI with its letter."""
    body = some(rng, "1234567", 1) + some(rng, string.digits, 7)
    letter = dni.calc_check_digit(body)
    return rng.choice([body + letter, body + letter, f"{body}-{letter}", f"{body[:2]}.{body[2:5]}.{body[5:]}-{letter}"])


def aadhaar(rng: Random) -> str:
    """A number of India's register, in fours or in one piece."""
    while True:
        body = some(rng, "23456789", 1) + some(rng, string.digits, 10)
        number = body + verhoeff.calc_check_digit(body)
        if number != number[::-1]:
            return number if rng.random() < 0.35 else " ".join((number[:4], number[4:8], number[8:]))


def taxpayer(rng: Random) -> str:
    """An Australian tax file number."""
    while True:
        number = some(rng, "123456789", 1) + some(rng, string.digits, 8)
        if tfn.is_valid(number):
            return number if rng.random() < 0.35 else " ".join((number[:3], number[3:6], number[6:]))
