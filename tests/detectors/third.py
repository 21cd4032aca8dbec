"""A further part of the labelled corpus: rows of tables, forms, objects, lines of logs. ``PYTHONPATH=tests python -m detectors.third``.

Made after the second half had been scored, and frozen before the detectors were changed for what the second half had shown.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from random import Random

from detectors import values
from detectors.first import ENTITIES, FAMILY, GIVEN, Record, write

SEED = 31007
RECORDS = 1000

TOLD = ("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "IP_ADDRESS", "MAC_ADDRESS", "CRYPTO")
"""What is told by its form, so that it may stand without a word."""
NAMES = {
    "EMAIL_ADDRESS": ("email", "mail", "contact"),
    "PHONE_NUMBER": ("phone", "tel", "mobile", "phone_number"),
    "CREDIT_CARD": ("card", "card_number", "credit card"),
    "US_SSN": ("ssn", "SSN", "social security number"),
    "IBAN_CODE": ("iban", "IBAN", "bank account"),
    "IP_ADDRESS": ("ip", "client_ip", "host"),
    "URL": ("url", "website", "link"),
    "MAC_ADDRESS": ("mac", "device"),
    "CRYPTO": ("wallet", "btc", "address"),
}


def plain(r: Random) -> tuple[str, str]:
    """Return the name of a field and a value that is nobody's."""
    return r.choice((
        ("name", f"{r.choice(GIVEN)} {r.choice(FAMILY)}"),
        ("city", r.choice(("Graz", "Lyon", "Porto", "Boston", "Łódź"))),
        ("qty", str(r.randint(1, 400))),
        ("amount", f"{r.randint(1, 9)},{r.randint(0, 999):03d}.{r.randint(0, 99):02d}"),
        ("date", f"20{r.randint(19, 26)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"),
        ("order", f"{r.randint(100, 999)}-{r.randint(1000000, 9999999)}"),
        ("sku", values.masked(r, r.choice(("###-##-####", "##-####-##", "AB-####")))),
        ("part", values.masked(r, "###-##-####")),
        ("version", f"{r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 20)}"),
        ("status", r.choice(("open", "closed", "paid"))),
        ("id", str(r.randint(1000, 99999))),
        ("", r.choice(("yes", "no", "n/a", "-"))),
    ))  # fmt: skip


def told(r: Random) -> tuple[str, str]:
    """Return the name of a field and a value that is nobody's in any form but those with a check on the words beside them."""
    while True:
        name, value = plain(r)
        if name not in {"sku", "part", "order"}:
            return name, value


def row(r: Random, kinds: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Return (type, name, value) of a few fields, those of `kinds` among the plain ones."""
    fields = [("", *told(r)) for _ in range(r.randint(2, 5))]
    for kind in kinds:
        fields.insert(r.randint(0, len(fields)), (kind, r.choice(NAMES[kind]), ENTITIES[kind](r)))
    return fields


def joined(parts: list[tuple[str, str]]) -> Record:
    """Return a record of (type, text) parts; those with a type are values."""
    text, entities = "", []
    for kind, part in parts:
        if kind:
            entities.append({"type": kind, "start": len(text), "end": len(text) + len(part)})
        text += part
    return {"text": text, "entities": entities}


def table(r: Random, fields: list[tuple[str, str, str]]) -> Record:
    """Return a row of a table, maybe below its head."""
    separator = r.choice((",", ",", ";", "|", "\t", ", ", " | "))
    parts = [("", part) for part in (separator.join(name or "x" for _, name, _ in fields), "\n")] if r.random() < 0.5 else []
    for index, (kind, _, value) in enumerate(fields):
        parts += [("", separator)] if index else []
        parts.append((kind, value))
    return joined(parts)


def named(r: Random, fields: list[tuple[str, str, str]]) -> Record:
    """Return a form or a line of a log: each value behind its name."""
    between, behind = r.choice(((": ", "\n"), ("=", " "), (": ", " | "), (": ", ", "), (" - ", "\n"), ("=", "&")))
    parts: list[tuple[str, str]] = []
    for index, (kind, name, value) in enumerate(fields):
        parts += [("", behind if index else ""), ("", f"{name or 'x'}{between}"), (kind, value)]
    return joined(parts)


def document(r: Random, fields: list[tuple[str, str, str]]) -> Record:
    """Return an object in JSON."""
    gap = r.choice(("", " "))
    parts = [("", "{")]
    for index, (kind, name, value) in enumerate(fields):
        parts += [("", f",{gap}" if index else ""), ("", f'"{name or "x"}":{gap}"'), (kind, value), ("", '"')]
    return joined([*parts, ("", "}")])


TALK = (
    ("what is your {}?\n", ""), ("ok, the {} is ", ", thanks"), ("member since 2019, {} ", ""), ("my phone died, so here: {} ", " ok?"),
    ("(ticket 4711) {}: ", " - please check"), ("insurance wants the {}: ", "."), ("account 99 is closed, {} ", " stays"),
)  # fmt: skip


def talk(r: Random, fields: list[tuple[str, str, str]]) -> Record:
    """Return something that somebody says."""
    parts: list[tuple[str, str]] = []
    for kind, name, value in fields:
        if kind:
            before, after = r.choice(TALK)
            parts += [("", before.format(name)), (kind, value), ("", after + r.choice(("\n", " ")))]
    return joined(parts)


MAKERS: tuple[Callable[[Random, list[tuple[str, str, str]]], Record], ...] = (table, named, document, talk)


def positive(r: Random) -> Record:
    """Return a record with a few values in it."""
    make = r.choice(MAKERS)
    kinds = TOLD if make is table else tuple(NAMES)
    return make(r, row(r, tuple(r.sample(kinds, r.choice((1, 2, 2, 3))))))


def decoy(r: Random) -> Record:
    """Return a record with nothing in it, in the same forms."""
    fields = [("", *plain(r)) for _ in range(r.randint(3, 7))]
    if any(name in {"sku", "part"} for _, name, _ in fields):
        return r.choice((named, document))(r, fields)  # without their names they could be anything
    return r.choice((table, named, document))(r, fields)


def records() -> list[Record]:
    """Return all records, the same each time."""
    r = random.Random(SEED)
    made = [positive(r) if index % 2 else decoy(r) for index in range(RECORDS)]
    return [json.loads(json.dumps(each)) for each in made]


if __name__ == "__main__":
    write(records(), Path(__file__).with_name("corpus") / "third.jsonl")
