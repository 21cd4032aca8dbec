"""A value in a table is what the head of its column says."""

from __future__ import annotations

import pytest

from extproc.detection.catalogue import Catalogue
from extproc.detection.columns import column

DETECTOR = Catalogue().detector(["CREDIT_CARD", "PHONE_NUMBER", "US_SSN"])
SSN, PHONE = "520-25-2260", "303-555-0158"

NAMES = [
    (f"name,ssn\nAna,{SSN}", SSN, b"ssn"),
    (f'"name","ssn"\n"Ruiz, Ana","{SSN}"', SSN, b"ssn"),
    (f"a;b;c\n1;2;3\n4;{SSN};6", SSN, b"b"),
    (f"a\tb\n{SSN}\t7", SSN, b"a"),
    (f"| name | ssn |\n|---|---|\n| Ana | {SSN} |", SSN, b"ssn"),
    (f"It has worked for years. sku,qty\n{SSN},7", SSN, b"sku"),
    (f"Kunde : 4711; sku,qty\n{SSN},7", SSN, b"sku"),
    (f"INSERT INTO t (id, name, ssn) VALUES (7, 'Ana, R.', '{SSN}')", SSN, b"ssn"),
    (f"insert into t (id, ssn) values (7, '1'), (8, '{SSN}')", SSN, b"ssn"),
]


@pytest.mark.parametrize(("text", "value", "name"), NAMES)
def test_a_column_has_the_name_of_its_head(text: str, value: str, name: bytes) -> None:
    """In tables of every sign, and in the statements that fill one."""
    start = text.encode().index(value.encode())
    found = column(text.encode(), start, start + len(value))

    assert found is not None
    assert name == found.name


@pytest.mark.parametrize(
    "text",
    [
        SSN,
        f"\n{SSN},7",
        f"Dear Ana,\n{SSN}, please",
        f"4711,2024\n{SSN},7",
        f"a,b\n\n{SSN},7",
        f"INSERT INTO t VALUES (7, '{SSN}')",
        f"name,ssn\nmy number is {SSN}, thanks",
    ],
)
def test_a_text_that_is_no_table_has_no_columns(text: str) -> None:
    """Commas of a sentence, rows of values, and values inside of sentences."""
    start = text.encode().index(SSN.encode())

    assert column(text.encode(), start, start + len(SSN)) is None


TABLES = [
    (f"sku,qty,price\n{SSN},7,1038.75\n445-13-0522,48,8848.28", []),
    (f"material;plant;bestand\n{SSN};4711;12", []),
    (f"order_id,amount\n{PHONE},20.50", []),
    (f"name,phone,balance\nAna,{PHONE},1234567890", [PHONE]),
    ("Nom,Téléphone,Ville\nAna,0301234567,Lyon", ["0301234567"]),
    (f"name,contact,id\nAna,{PHONE},3035550159", [PHONE]),
    (f"id;customer_ssn\n7;{SSN}", [SSN]),
    ("name,ssn\nAna,520252260", ["520252260"]),
    ("mail,card\na@b.example,36152285189483", ["36152285189483"]),
    (f"INSERT INTO goods (sku, qty) VALUES ('{SSN}', 3)", []),
    ("INSERT INTO staff (mobile, bonus) VALUES ('3035550158', 3035550159)", ["3035550158"]),
]


@pytest.mark.parametrize(("text", "expected"), TABLES)
def test_the_name_of_a_column_decides(text: str, expected: list[str]) -> None:
    """For and against, whatever the words of other columns are."""
    encoded = text.encode()

    assert expected == [encoded[each.start : each.end].decode() for each in DETECTOR.findings(encoded)]


def test_a_head_far_above_is_not_looked_for() -> None:
    """A value costs as much in a long text as in a short one."""
    rows = "name,ssn\n" + "Ana,7\n" * 5_000
    start = len(rows) + len("Ana,")

    assert column(f"{rows}Ana,{SSN}".encode(), start, start + len(SSN)) is None
