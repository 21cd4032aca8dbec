"""A number is what its label says it is a number of, in whatever language."""

from __future__ import annotations

import pytest

from extproc.detection.catalogue import Catalogue

DETECTOR = Catalogue().detector(["PHONE_NUMBER", "US_SSN"])

FOREIGN = [
    "Order number {}",
    "Case no. {}",
    "Ticket #{}",
    "Batch ID: {}",
    "License key {}",
    "orderNumber: {}",
    "part_no={}",
    "the invoice number is {}",
    "Kundennummer: {}",
    "Vertragsnr. {}",
    "Art.-Nr. {}",
    "Numéro de dossier : {}",
    "n° de série {}",
    "Número de pedido: {}",
    "numero pratica {}",
    "codice articolo {}",
    "Nr sprawy {}",
    "onderdeelnummer {}",
    "Número do processo: {}",
    "gasket {} fits",
    "Dichtungen {}, 4 Stück",
    "catalog {} replaces {}",
    "policy {} and claim {}",
    "{{'serial': '{}'}}",
    "<sku>{}</sku>",
]
"""Labels of numbers that are neither a telephone's nor a person's."""


@pytest.mark.parametrize("label", FOREIGN)
@pytest.mark.parametrize("number", ["303-555-0158", "520-25-2260", "68856140586"])
def test_a_label_of_something_else_speaks_against_a_number(label: str, number: str) -> None:
    """What is called the number of a thing is nobody's, in the form of whatever it is written."""
    assert DETECTOR.findings(label.format(number, number).encode()) == []


PHONES = [
    ("my number is 5037820238, leave a message", "5037820238"),
    ("Mon numéro est le 0612345678", "0612345678"),
    ("Meine Nummer ist 0171 2345678", "0171 2345678"),
    ("Numéro de téléphone : 06 12 34 56 78", "06 12 34 56 78"),
    ("Telefonnummer des Kunden: 0301234567", "0301234567"),
    ("customer_phone: 3035550158", "3035550158"),
    ("homePhone=3035550158", "3035550158"),
    ("NIF 39437322-G, comparece. my number is 5037820238", "5037820238"),
    ("Our front desk: 020 7459 6250 ext. 6517", "020 7459 6250 ext. 6517"),
    ("Rückruf bitte unter 0176 / 35126952", "0176 / 35126952"),
    ("Tel 030 1234567, Kundennummer 7654321", "030 1234567"),
    ("Kundennummer 7654321, Tel. 030 1234567", "030 1234567"),
    ("Your order is ready. We tried 303-555-0158 twice.", "303-555-0158"),
    ("Account holder: Ana Ruiz, 303-555-0158", "303-555-0158"),
    ("Customer Ana (303-555-0158) wrote", "303-555-0158"),
    ("call 303-555-0158 Ms. Ruiz", "303-555-0158"),
    ("callerId=3035550158 duration=31", "3035550158"),
    ("emergency_contact_no,3035550158", "3035550158"),
    ("090-1234-5678 まで", "090-1234-5678"),
]


@pytest.mark.parametrize(("text", "number"), PHONES)
def test_a_telephone_number_is_told_by_its_own_words(text: str, number: str) -> None:
    """Words of another number, of another sentence, of whom a number is for, do not speak against it."""
    encoded = text.encode()

    assert [encoded[each.start : each.end].decode() for each in DETECTOR.findings(encoded)] == [number]


PERSONS = [
    "the background check came back for Ana Ruiz, 520-25-2260",
    "What is the credit score for 520-25-2260?",
    "Policy holder Ana Ruiz 520-25-2260",
    "Taxpayer Identification Number 520-25-2260",
    "Her Social Security card shows 520-25-2260",
    "Social Security No. 520-25-2260",
    "order 4711 is paid, 520-25-2260 filed",
    "please update my policy, 520-25-2260",
]


@pytest.mark.parametrize("text", PERSONS)
def test_a_social_security_number_is_told_by_its_own_words(text: str) -> None:
    """A word against it that belongs to something else leaves it one."""
    assert [each.type for each in DETECTOR.findings(text.encode())] == ["US_SSN"]


NONE = [
    "loss 0.074819980879 after epoch 28",
    "OID 1.3.6.1.4.1.56330.6",
    "mobile: '+43 664 3509840'; expires at 1703996116 (unix time)",
    "customer called again today.\nwidth: 61.33cm; depth 69-53-9128 mm",
    "USPS 9400 1217 7138 6238 7839 53",
    "call took 1234567 ms",
    "a phone call of 12345678 bytes",
    "call id 3035550158",
    "phone_id=3035550158",
    "last_call_at=1700000000123",
    "called 1234567 times",
    "12345678 phones shipped",
]


@pytest.mark.parametrize("text", NONE)
def test_measures_and_times_are_no_telephone_numbers(text: str) -> None:
    """Decimals, times, measures and long rows of digits stay, also where telephones are spoken of."""
    found = [text.encode()[each.start : each.end].decode() for each in DETECTOR.findings(text.encode())]

    assert [each for each in found if not each.startswith("+")] == []


def test_two_numbers_side_by_side_are_two() -> None:
    """A stroke between two telephone numbers hides neither."""
    text = b"Ph 303-555-0158 / 303-555-0159"

    assert [text[each.start : each.end] for each in DETECTOR.findings(text)] == [b"303-555-0158", b"303-555-0159"]
