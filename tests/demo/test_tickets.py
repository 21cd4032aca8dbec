"""The demo's tickets: lifelike, made up, and the same each time."""

import re
from collections import Counter

from extproc.demo.tickets import COUNT, Ticket, luhn_valid, tickets

TICKETS = tickets()


def test_tickets_are_the_same_each_time() -> None:
    """The demo's checks rest on knowing what is in the database."""
    assert tickets() == TICKETS
    assert len(TICKETS) == COUNT


def test_tickets_differ() -> None:
    """No two tickets share an id or a text, and no product, status or tenant makes up nearly all of them."""
    assert len({ticket.id for ticket in TICKETS}) == COUNT
    assert len({ticket.text for ticket in TICKETS}) == COUNT
    for name in ("product", "status", "tenant", "priority"):
        ((_, most),) = Counter(ticket.metadata[name] for ticket in TICKETS).most_common(1)
        assert 0 < most < 0.7 * COUNT


def test_texts_carry_what_masks_must_hide() -> None:
    """Personal values stand in the texts too, not only in the fields."""
    for name in ("name", "email", "phone"):
        assert sum(str(ticket.metadata[name]) in ticket.text for ticket in TICKETS) > 0.2 * COUNT
    assert any(str(ticket.metadata.get("api_key", "\0")) in ticket.text for ticket in TICKETS)
    assert any(re.search(r"4242 42\d\d \d{4} \d{4}", ticket.text) for ticket in TICKETS)


def test_no_placeholder_is_left() -> None:
    """Every brace of the prose is filled in."""
    assert not [ticket.id for ticket in TICKETS if "{" in ticket.text + str(ticket.metadata["subject"])]


def test_people_are_made_up() -> None:
    """Addresses lie in reserved domains, phones in reserved ranges, cards in a test range with a right check digit."""
    assert not [each for each in TICKETS if not re.search(r"@(mail\.|post\.)?example(\.com|\.org|\.net)?$", _of(each, "email"))]
    fiction = re.compile(r"\+44 20 7946 0\d{3}|\+44 7700 900\d{3}|\+1 \d{3} 555 01\d\d")
    assert not [each for each in TICKETS if not fiction.fullmatch(_of(each, "phone"))]
    cards = [str(ticket.metadata["card"]) for ticket in TICKETS if "card" in ticket.metadata]
    assert len(cards) > 50
    assert not [card for card in cards if not (card.startswith("424242") and len(card) == 16 and luhn_valid(card))]


def test_luhn_tells_a_wrong_digit() -> None:
    """The check digit catches every single wrong digit."""
    right = "4111111111111111"

    assert luhn_valid(right)
    assert not any(luhn_valid(right[:place] + "2" + right[place + 1 :]) for place in range(1, 16))


def _of(ticket: Ticket, name: str) -> str:
    return str(ticket.metadata[name])
