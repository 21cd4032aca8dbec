"""The fourth part of the corpus: 2,000 records, half with values and half with decoys, the same each time.

It was written without sight of any recogniser and is not for tuning. Which text a value has around it is in `fourth_texts`
and `fourth_decoys`, what is made up in `fourth_values` and `fourth_fillers`; here they become records with their labels.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import TypedDict

from detectors.fourth_decoys import CLOSERS, DECOYS, OPENERS, ROWS
from detectors.fourth_fillers import FILLERS
from detectors.fourth_texts import LINES, PROSE, SEVERAL
from detectors.fourth_values import VALUES

FROZEN = Path(__file__).parent / "corpus" / "fourth.jsonl"
SEED = 40_404
HALF = 1000
SHARE_OF_SEVERAL = 0.24
COMMON = ["US_SSN", "CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "PHONE_NUMBER", "API_KEY"]
BROAD = ["IP_ADDRESS", "URL", "MAC_ADDRESS", "CRYPTO"]
NATIONAL = ["AU_TFN", "CA_SIN", "ES_NIF", "IN_AADHAAR", "PL_PESEL", "SE_PERSONNUMMER", "UK_NHS"]
TURNS = COMMON * 6 + BROAD * 6 + NATIONAL * 2
PLACE = re.compile(r"\[\[([A-Za-z][\w.-]*)\]\]")


class Label(TypedDict):
    """One value: its entity and where it stands, in characters, the end excluded."""

    type: str
    start: int
    end: int


class Record(TypedDict):
    """A text and all the values in it."""

    text: str
    entities: list[Label]


def filled(rng: Random, template: str) -> Record:
    """`template` with something made up at each place."""
    text, at, labels = "", 0, list[Label]()
    for place in PLACE.finditer(template):
        text += template[at : place.start()]
        at, name = place.end(), place[1]
        if name in VALUES:
            entity, make = VALUES[name]
            value = make(rng)
            labels.append({"type": entity, "start": len(text), "end": len(text) + len(value)})
        else:
            value = FILLERS[name](rng)
        text += value
    return {"text": text + template[at:], "entities": labels}


def prose(rng: Random, middle: list[str]) -> str:
    """`middle` between what people write before and after."""
    before = [rng.choice(OPENERS)] if rng.random() < 0.55 else []
    after = [rng.choice(CLOSERS)] if rng.random() < 0.45 else []
    between = rng.choice(["\n", " ", " ", "\n\n"])
    parts = [*before, *middle, *after]
    ended = [part if part[-1] in ".!?:,;)。" else part + rng.choice([".", ";", " -", "."]) for part in parts[:-1]]
    return between.join([*(ended if between == " " else parts[:-1]), parts[-1]])


def lines(rng: Random, middle: list[str]) -> str:
    """`middle` among lines of the same machine."""
    before = rng.sample(ROWS, rng.choice([0, 0, 1, 2]))
    after = rng.sample(ROWS, rng.choice([0, 0, 1]))
    return "\n".join([*before, *middle, *after]) + rng.choice(["", "", "\n"])


def with_values(rng: Random, turn: int) -> str:
    """A template with one value or several, now and then a decoy beside it."""
    if rng.random() < SHARE_OF_SEVERAL:
        return rng.choice([SEVERAL[turn % len(SEVERAL)], prose(rng, [SEVERAL[turn % len(SEVERAL)]])])
    entity = TURNS[turn % len(TURNS)]
    kind, frame = (PROSE, prose) if rng.random() < 0.55 else (LINES, lines)
    middle = [rng.choice(kind[entity])]
    if rng.random() < 0.35:
        middle.append(rng.choice(kind[rng.choice(COMMON + BROAD)]))
    if rng.random() < 0.25:
        middle.insert(rng.randrange(len(middle) + 1), rng.choice(DECOYS))
    return frame(rng, middle)


def with_decoys(rng: Random, turn: int) -> str:
    """A template without a value: one decoy or up to three."""
    middle = [DECOYS[turn % len(DECOYS)], *rng.sample(DECOYS, rng.choice([0, 0, 1, 2]))]
    return rng.choice([prose, prose, lines])(rng, middle)


def corpus() -> list[Record]:
    """All records, no text twice, in an order of chance."""
    rng = Random(SEED)
    records: dict[str, Record] = {}
    for make, size in ((with_values, HALF), (with_decoys, 2 * HALF)):
        turn = 0
        while len(records) < size:
            record = filled(rng, make(rng, turn))
            records.setdefault(record["text"], record)
            turn += 1
    mixed = list(records.values())
    rng.shuffle(mixed)
    return mixed


def written() -> str:
    """The corpus as it is frozen: one record a line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in corpus())


if __name__ == "__main__":
    FROZEN.write_text(written(), encoding="utf-8")
    print(f"{FROZEN.name}: {2 * HALF} records")
