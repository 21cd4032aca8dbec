"""Sealing: what goes in comes out for the right key, in the right place, unchanged, and not otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.entry import Recording
from extproc.audit.leaf import Salts
from extproc.audit.sealing import ERASED, SLOT_BYTES, Hidden, Sealer, Wrapper, fresh_keys, pack
from extproc.errors import AuditError
from extproc.secret import Secret
from support.evidence import BODY, KEY, PERSON, entry

HIDDEN = Hidden(salts=Salts.cut(bytes(96)), private=entry().private)
ENTRY_KEY = b"e" * 32


def sealed(index: int = 5, worker: str = "w") -> tuple[bytes, bytes]:
    """Return the two ciphertexts of the sample entry."""
    private, recording = Sealer(worker).seal(HIDDEN, pack(Recording(method="POST", target="/q", body=BODY)), ENTRY_KEY, index)
    assert recording is not None
    return private, recording


@given(st.binary(max_size=2000), st.text(st.characters(codec="ascii"), max_size=20), st.integers(0, 2**60))
def test_a_sealed_recording_opens_unchanged(body: bytes, target: str, index: int) -> None:
    """A recording of any bytes is the same after sealing and opening."""
    sealer = Sealer("w")
    recording = Recording(method="PUT", target=target, body=body)
    _, found = sealer.seal(HIDDEN, pack(recording), ENTRY_KEY, index)

    assert found is not None
    assert recording == sealer.open_recording(found, ENTRY_KEY, index)


def test_a_sealed_private_part_opens_unchanged() -> None:
    """Principal, policy input, decision and salts come out as they went in."""
    private, _ = sealed()

    assert Sealer("w").open_private(private, ENTRY_KEY, 5) == HIDDEN


def test_nothing_shows_through_the_seal() -> None:
    """No personal value and no byte run of the request is in the ciphertexts."""
    assert [value for value in (PERSON.encode(), b"078-05-1120") for part in sealed() if value in part] == []


def test_tampered_ciphertext_does_not_open() -> None:
    """Any flipped bit of either part is found."""
    private, recording = sealed()
    sealer = Sealer("w")
    for at in range(0, len(private), 9):
        with pytest.raises(AuditError, match="does not open"):
            sealer.open_private(_flipped(private, at), ENTRY_KEY, 5)
    for at in range(0, len(recording), 9):
        with pytest.raises(AuditError, match="does not open"):
            sealer.open_recording(_flipped(recording, at), ENTRY_KEY, 5)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_sealed_part_cannot_be_moved() -> None:
    """A part opens at its own index, worker and role only."""
    private, recording = sealed(index=5, worker="w")

    for worker, index, part in (("w", 6, private), ("v", 5, private), ("w", 5, recording)):
        with pytest.raises(AuditError) as caught:
            Sealer(worker).open_private(part, ENTRY_KEY, index)
        assert caught.value.code == "entry_unreadable"


def test_a_slot_has_a_fixed_size_and_gives_its_key_back() -> None:
    """Every slot is as long as every other, so that one can be overwritten in place."""
    wrapper = Wrapper(KEY, "w")
    keys = fresh_keys(3)
    slots = [wrapper.slot(key, index) for index, key in enumerate(keys)]

    assert {SLOT_BYTES} == {len(slot) for slot in slots}
    assert keys == [wrapper.key(slot, index) for index, slot in enumerate(slots)]


def test_a_slot_opens_with_its_sealing_key_in_its_place_only() -> None:
    """A wrong sealing key, another index or another worker gets nothing."""
    slot = Wrapper(KEY, "w").slot(ENTRY_KEY, 5)

    for wrapper, index in ((Wrapper(Secret(b"j" * 32), "w"), 5), (Wrapper(KEY, "w"), 6), (Wrapper(KEY, "v"), 5)):
        with pytest.raises(AuditError) as caught:
            wrapper.key(slot, index)
        assert caught.value.code == "entry_unreadable"


@pytest.mark.parametrize("slot", [b"", b"short", b"\1" * SLOT_BYTES])
def test_what_is_no_slot_does_not_open(slot: bytes) -> None:
    """Missing or foreign bytes in place of a slot are unreadable, not an accident."""
    with pytest.raises(AuditError) as caught:
        Wrapper(KEY, "w").key(slot, 5)

    assert caught.value.code == "entry_unreadable"


def test_an_erased_slot_is_told_from_a_damaged_one() -> None:
    """An overwritten slot says that the entry was erased."""
    with pytest.raises(AuditError) as caught:
        Wrapper(KEY, "w").key(ERASED, 5)

    assert caught.value.code == "entry_erased"


def test_every_key_is_drawn_afresh() -> None:
    """No two entries share a key, which is what lets their nonces be fixed."""
    assert len(set(fresh_keys(1000))) == 1000
