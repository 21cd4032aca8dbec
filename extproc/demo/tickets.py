"""A lifelike support knowledge base: some hundred tickets with names, mail addresses, phones, cards and API keys in them.

The same tickets each time, for the demo says what must come back. Everybody in them is made up: mail addresses lie in domains
that are reserved for examples, phones in ranges that are reserved for fiction, cards in a test range, keys open nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from extproc.demo.helpdesk import Helpdesk, Scenario, helpdesk

COUNT: Final = 300

_SEED: Final = 20260
_FIRST_DAY: Final = date(2025, 9, 1)
_DAYS: Final = 270
_TENANTS: Final = ("harbour-books", "oakline-furniture", "solano-coffee")
_STATUSES: Final = ("open", "pending", "solved", "solved")
_AGENTS: Final = ("Ines", "Tom", "Priya", "Marek")
_DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example", "post.example")
_CARD_RANGE: Final = "424242"
_CARD_DIGITS: Final = 16
_KEY_PREFIX: Final = "nwk_live_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One record: its id, its text, and its metadata as the database keeps them (`created` is a day as yyyymmdd)."""

    id: str
    text: str
    metadata: dict[str, str | int]


def tickets(count: int = COUNT) -> tuple[Ticket, ...]:
    """Return the knowledge base, the same for each call."""
    chance = random.Random(_SEED)  # noqa: S311  # the same tickets each time are the point
    desk = helpdesk()
    return tuple(_ticket(chance, number, desk, desk.scenarios[number % len(desk.scenarios)]) for number in range(count))


def _ticket(chance: random.Random, number: int, desk: Helpdesk, scenario: Scenario) -> Ticket:
    created = _FIRST_DAY + timedelta(days=number * _DAYS // COUNT)
    values = _values(chance, desk, created)
    status = chance.choice(_STATUSES)
    paragraphs = [chance.choice(kind) for kind in (desk.greetings, scenario.stories, desk.contacts, desk.closings)]
    if status != "open":
        paragraphs.append(f"--- {chance.choice(_AGENTS)} (support) wrote:\nHello {{first}}. {chance.choice(scenario.answers)}")
    subject = chance.choice(scenario.subjects).format_map(values)
    name = f"T-{10_000 + number}"
    metadata: dict[str, str | int] = {
        "ticket": name,
        "subject": subject,
        "product": scenario.product,
        "priority": chance.choice(scenario.priorities),
        "status": status,
        "created": int(created.strftime("%Y%m%d")),
        "tenant": chance.choice(_TENANTS),
        "name": values["name"],
        "email": values["email"],
        "phone": values["phone"],
    }
    if scenario.mentions is not None:
        metadata[scenario.mentions] = values[scenario.mentions].replace(" ", "")
    return Ticket(id=name, text="\n\n".join((subject, *paragraphs)).format_map(values), metadata=metadata)


def _values(chance: random.Random, desk: Helpdesk, created: date) -> dict[str, str]:
    """Return what fills the braces of one ticket."""
    first, last = chance.choice(desk.first_names.split()), chance.choice(desk.last_names.split())
    card = _card(chance)
    day = created - timedelta(days=chance.randint(1, 12))
    return {
        "first": first,
        "name": f"{first} {last}",
        "email": f"{first}.{last}{chance.choice(('', '', chance.randint(1, 99)))}@{chance.choice(_DOMAINS)}".lower(),
        "phone": _phone(chance),
        "card": card,
        "card_end": card[-4:],
        "api_key": _KEY_PREFIX + f"{chance.getrandbits(112):028x}",
        "order": f"NW-{chance.randint(100_000, 999_999)}",
        "amount": f"{chance.choice(('€', '£', '$'))}{chance.randint(9, 480)}.{chance.choice(('00', '50', '90', '95', '99'))}",
        "date": f"{day.day} {day:%B}",
        "city": chance.choice(desk.cities),
        "version": f"5.{chance.randint(0, 9)}.{chance.randint(0, 4)}",
    }


def _phone(chance: random.Random) -> str:
    """Return a number from a range that is kept free for fiction (Ofcom's and the North American 555-01xx)."""
    return chance.choice(
        (
            f"+44 20 7946 0{chance.randint(0, 999):03}",
            f"+44 7700 900{chance.randint(0, 999):03}",
            f"+1 {chance.choice((202, 303, 415, 617))} 555 01{chance.randint(0, 99):02}",
        )
    )


def _card(chance: random.Random) -> str:
    """Return a number of a payment processor's test range with a right check digit, in groups of four."""
    body = _CARD_RANGE + "".join(str(chance.randint(0, 9)) for _ in range(_CARD_DIGITS - len(_CARD_RANGE) - 1))
    digits = body + str(next(digit for digit in range(10) if luhn_valid(f"{body}{digit}")))
    return " ".join(digits[start : start + 4] for start in range(0, _CARD_DIGITS, 4))


def luhn_valid(digits: str) -> bool:
    """Return whether the check digit of a card number is right (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0  # noqa: PLR2004  # the digits of 10 to 18, added
