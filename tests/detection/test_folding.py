"""A text as it is read: places in it lead back to the original."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.detection.folding import folded

odd = st.sampled_from("４٤\u200b\u00a0\u2011ａ．\U000e0061\u202e①ab1 -é")


@given(st.text(odd, max_size=30))
def test_folding_leads_back(text: str) -> None:
    """What is folded from two parts is folded from both, and a place between them leads to the place between the originals."""
    encoded = text.encode()
    whole = folded(encoded)
    for at in range(len(text) + 1):
        first, rest = text[:at].encode(), text[at:].encode()
        parts = [(found.text if (found := folded(part)) else part) for part in (first, rest)]
        if whole is None:
            assert b"".join(parts) == encoded
            continue
        origin = whole.origin(len(parts[0]))
        skipped = encoded[len(first) : origin].decode()

        assert whole.text == b"".join(parts)
        assert origin >= len(first)
        assert all(folded(letter.encode()) and not folded(letter.encode()).text for letter in skipped)  # type: ignore[union-attr]


@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_plain_text_is_read_as_it_is_written(text: str) -> None:
    """There is nothing to fold in ASCII."""
    assert folded(text.encode()) is None
