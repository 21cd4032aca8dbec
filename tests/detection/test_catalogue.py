"""What is built in finds what it is for and nothing beside it, on the parts of the labelled corpus that it was made with."""

from __future__ import annotations

import pytest

from detectors.scores import Score, labelled, scored
from extproc.detection.catalogue import Catalogue
from extproc.detection.detector import Detector
from extproc.errors import Unfulfillable

CATALOGUE = Catalogue()
HIGH = {"CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN"}


def values(detector: Detector, text: str) -> list[tuple[str, str]]:
    """Return what is found in a text, with its type."""
    encoded = text.encode()
    return [(each.type, encoded[each.start : each.end].decode()) for each in detector.findings(encoded)]


@pytest.fixture(scope="module", params=["first", "third", "fourth"])
def scores(request: pytest.FixtureRequest) -> dict[str, Score]:
    """Score all that is built in on a part of the corpus that it was made with."""
    texts, labels = labelled(request.param)
    detector = CATALOGUE.detector(CATALOGUE.patterned)
    found = []
    for text in texts:
        encoded = text.encode()
        found.append(
            [
                (each.type, len(encoded[: each.start].decode()), len(encoded[: each.end].decode()))
                for each in detector.findings(encoded)
            ]
        )
    return scored(labels, found)


def test_every_entity_is_found_precisely(scores: dict[str, Score]) -> None:
    """Of a hundred findings 98 are right, 90 of telephone numbers."""
    wrong = {name: score.precision for name, score in scores.items() if score.precision < (0.98 if name in HIGH else 0.9)}

    assert wrong == {}


def test_every_entity_is_found(scores: dict[str, Score]) -> None:
    """Of a hundred values 98 are found, 90 of telephone numbers."""
    missed = {name: score.recall for name, score in scores.items() if score.recall < (0.98 if name in HIGH else 0.9)}

    assert missed == {}


@pytest.mark.parametrize(("part", "size"), [("first", 2000), ("second", 2000), ("third", 1000)])
def test_the_corpus_is_the_one_that_was_frozen(part: str, size: int) -> None:
    """About half of the texts of each part hold a value."""
    texts, labels = labelled(part)

    assert len(texts) == size
    assert sum(bool(spans) for spans in labels) >= 0.45 * size
    assert sum(not spans for spans in labels) >= 0.45 * size


TEXTS = [
    ("write to ana.ruiz+x@mail.example.org, please", [("EMAIL_ADDRESS", "ana.ruiz+x@mail.example.org")]),
    ("logo@2x.png and user@host", []),
    ("call 001-333-444-5555x123 now", [("PHONE_NUMBER", "001-333-444-5555x123")]),
    ("+44 20 7946 0123", [("PHONE_NUMBER", "+44 20 7946 0123")]),
    ("order 4471-882-1234, 2026-11-24 10:15:00", []),
    ("card 4242 4242 4242 4242", [("CREDIT_CARD", "4242 4242 4242 4242")]),
    ("card 4242 4242 4242 4243", []),
    ("SSN 078-05-1120", [("US_SSN", "078-05-1120")]),
    ("SSN 000-05-1120", []),
    ("name,ssn,phone,id\nOmar,520-25-2260,303-555-0158,7", [("US_SSN", "520-25-2260"), ("PHONE_NUMBER", "303-555-0158")]),
    ("order 4711 is paid, 520-25-2260 filed", [("US_SSN", "520-25-2260")]),
    ("part 520-25-2260", []),
    ("a lot of 1,303,555 pieces", []),
    ("IBAN DE89 3704 0044 0532 0130 00", [("IBAN_CODE", "DE89 3704 0044 0532 0130 00")]),
    ("IBAN DE89 3704 0044 0532 0130 01", []),
    ("host 203.0.113.77 is down", [("IP_ADDRESS", "203.0.113.77")]),
    ("version 2.14.0.3 is out", []),
    ("ping 2001:db8::17", [("IP_ADDRESS", "2001:db8::17")]),
    ("see https://example.org/a_(b).", [("URL", "https://example.org/a_(b)")]),
    ("fixed in parser.rs and run.sh", []),
    ("mac 00:1b:44:11:3a:b7", [("MAC_ADDRESS", "00:1b:44:11:3a:b7")]),
    ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", [("CRYPTO", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")]),
    ("1BoatSLRHtKNngkdXEeobR76b53LETtpyU", []),
    ("key sk_live_9aF3kLm2Qw8Zx7Vb6Nn5Tt4R", [("API_KEY", "sk_live_9aF3kLm2Qw8Zx7Vb6Nn5Tt4R")]),
    ("commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", []),
    ("password: see the vault", []),
    ("PESEL 44051401359", [("PL_PESEL", "44051401359")]),
    ("part 44051401359", []),
    ("user_pesel=44051401359", [("PL_PESEL", "44051401359")]),
    ("NIF 12.345.678-Z", [("ES_NIF", "12.345.678-Z")]),
    ("personnummer;ort\n195004181409;Umeå", [("SE_PERSONNUMMER", "195004181409")]),
    ("sort 195004181409", []),
    ("MAC address 005056225738", [("MAC_ADDRESS", "005056225738")]),
    ("device 005056225738", []),
    ("time 10:20:30:40:50:60", []),
    ("Connection refused: web-25/81.166.43.226:9092", [("IP_ADDRESS", "81.166.43.226")]),
    ("path /81.166.43.226/x", []),
    ("AssemblyVersion: 3.7.9.212", []),
    ("<Version>2.4.9.178</Version>; who owns 118.234.7.200?", [("IP_ADDRESS", "118.234.7.200")]),
    ("page_token=jgbLIqlqaObeL6N3d7BVuD", []),
    ("nextPageToken: jgbLIqlqaObeL6N3d7BVuD", []),
    ("cache-key: v8-linux-659a3c5e62d4a5652506947bf3db3ab9c8c52ac9", []),
    ("key=tenant/2024/11/report-final-v2.csv", []),
    ("api_key=jgbLIqlqaObeL6N3d7BVuD", [("API_KEY", "jgbLIqlqaObeL6N3d7BVuD")]),
    ("La clé d'API est jgbLIqlqaObeL6N3d7BVuD.", [("API_KEY", "jgbLIqlqaObeL6N3d7BVuD")]),
    ("Der API-Schlüssel lautet jgbLIqlqaObeL6N3d7BVuD", [("API_KEY", "jgbLIqlqaObeL6N3d7BVuD")]),
    ("The API key for staging is jgbLIqlqaObeL6N3d7BVuD", [("API_KEY", "jgbLIqlqaObeL6N3d7BVuD")]),
    ("mot de passe : Zx9!kLm2#Qw8", [("API_KEY", "Zx9!kLm2#Qw8")]),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=[text for text, _ in TEXTS])
def test_check_digits_and_words_decide(text: str, expected: list[tuple[str, str]]) -> None:
    """A value is told from what only has its form."""
    assert expected == values(CATALOGUE.detector(CATALOGUE.patterned), text)


DISGUISED = [
    ("wide digits", "４２４２４２９５７３１９７８２０", "CREDIT_CARD"),
    ("odd spaces", "4242\u00a04295\u20097319\u202f7820", "CREDIT_CARD"),
    ("odd dashes", "078\u201105\u20101120", "US_SSN"),
    ("nothing between", "omar.qu\u200binn@exam\u2060ple.net", "EMAIL_ADDRESS"),
    ("soft hyphens", "omar.quinn@exam\u00adple.net", "EMAIL_ADDRESS"),
    ("a sign of direction", "\u202e4242429573197820\u202c", "CREDIT_CARD"),
    ("Arabic digits", "٤٢٤٢٤٢٩٥٧٣١٩٧٨٢٠", "CREDIT_CARD"),
    ("mathematical digits", "".join(chr(0x1D7CE + int(digit)) for digit in "4242429573197820"), "CREDIT_CARD"),
    ("wide letters", "ｏｍａｒ＠ｅｘａｍｐｌｅ．ｎｅｔ", "EMAIL_ADDRESS"),
    ("tags", "omar@example\U000e0061.net", "EMAIL_ADDRESS"),
]


@pytest.mark.parametrize(
    ("text", "entity"), [(text, entity) for _, text, entity in DISGUISED], ids=[name for name, _, _ in DISGUISED]
)
def test_a_value_in_disguise_is_found_whole(text: str, entity: str) -> None:
    """What a person reads as a value is one, in whatever letters it is written; the text around it stays."""
    encoded = f"önce {text} sonra".encode()
    (found,) = CATALOGUE.detector([entity]).findings(encoded)
    left = encoded[: found.start] + encoded[found.end :]

    assert found.type == entity
    assert sum(letter.isdecimal() or letter.isalpha() for letter in left.decode()) == len("öncesonra")


@pytest.mark.parametrize("sign", ["\u017f", "\u212a"])
@pytest.mark.parametrize("text", ["bc1qqqqqqqqqqqqqqqq", "DE89370400440532013000", "RSSMRA85T10A562S", "sk_live_9aF3kLm2Qw8Z"])
def test_letters_that_only_case_makes_ascii_break_nothing(text: str, sign: str) -> None:
    """The long s and the sign of kelvins match without regard to case, and are no digits of anything."""
    detector = CATALOGUE.detector(CATALOGUE.patterned)
    for at in range(len(text) + 1):
        encoded = f"{text[:at]}{sign}{text[at:]}".encode()

        assert all(encoded[each.start : each.end].decode() for each in detector.findings(encoded))


def test_what_nothing_recognises_cannot_be_asked_for() -> None:
    """An entity without a recogniser is a denial, and never a search that finds nothing."""
    with pytest.raises(Unfulfillable) as caught:
        CATALOGUE.detector(["EMAIL_ADDRESS", "PERSON"])

    assert caught.value.code == "entity_unavailable"


def test_findings_below_the_threshold_are_none() -> None:
    """The threshold is the configuration's."""
    text = "my social is 333224444, my SSN 333-22-4445"

    assert values(Catalogue(threshold=0.95).detector(["US_SSN"]), text) == []
    assert [value for _, value in values(Catalogue(threshold=0.5).detector(["US_SSN"]), text)] == ["333224444", "333-22-4445"]
