"""Signed notes: those of others are read, ours are read by others, and whatever was changed does not hold."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import note
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.note import Kind, Signature, Signer, Unverified, Verifier
from support.evidence import FORMER, SIGNING

# The example in the documentation of Go's package golang.org/x/mod/sumdb/note.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANNS = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

OURS = Signer.load("example.com/log", SIGNING)
TEXT = Checkpoint("example.com/log", 7, bytes(range(32))).text
NOTE = note.signed(TEXT, [OURS])
WITNESS = Verifier(
    "witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"w" * 32).public_key().public_bytes_raw(), Kind.WITNESS
)


def cosignature(time: int) -> Signature:
    """Return the witness's signature of the text."""
    made = Ed25519PrivateKey.from_private_bytes(b"w" * 32).sign(b"cosignature/v1\ntime %d\n" % time + TEXT.encode())
    return Signature(WITNESS.name, WITNESS.id, time.to_bytes(8) + made)


def test_a_note_of_somebody_else_holds() -> None:
    """Key and note as another implementation made them."""
    verifier = Verifier.parse(NEUMANN)

    assert str(verifier) == NEUMANN
    assert note.verify(note.parse(NEUMANNS), [verifier]) == {verifier: None}
    assert note.parse(NEUMANNS).content == NEUMANNS


def test_a_signature_of_a_key_that_is_not_asked_for_is_passed_over() -> None:
    """Others may sign as well, under our name too."""
    both = note.signed(TEXT, [OURS, Signer.load("example.com/log", FORMER)])

    assert note.verify(note.parse(both.content), [OURS.verifier]) == {OURS.verifier: None}
    assert note.verify(note.parse(both.content), [Verifier.parse(NEUMANN)]) == {}


def test_a_witness_signs_at_a_time() -> None:
    """Its signature is of the time and the text, and says the time."""
    cosigned = note.Note(TEXT, (*NOTE.signatures, cosignature(1_700_000_000)))
    again = note.parse(cosigned.content)

    assert note.verify(again, [OURS.verifier, WITNESS]) == {OURS.verifier: None, WITNESS: 1_700_000_000}
    late = Signature(WITNESS.name, WITNESS.id, (1_700_000_001).to_bytes(8) + cosignature(1_700_000_000).made[8:])
    with pytest.raises(Unverified, match="does not hold"):
        note.verify(note.Note(TEXT, (late,)), [WITNESS])


def test_the_id_of_a_witness_is_of_its_kind() -> None:
    """The same key has another id as a witness, so neither signature can be passed off as the other."""
    assert WITNESS.id != Verifier(WITNESS.name, WITNESS.public).id
    assert Verifier.parse(str(WITNESS)) == WITNESS


@given(st.data())
def test_no_byte_of_a_note_can_be_changed(data: st.DataObject) -> None:
    """With any other byte in any place it is no note, or nobody has signed it, or the signature does not hold."""
    content = NOTE.content
    at = data.draw(st.integers(0, len(content) - 1))
    changed = (
        content[:at] + bytes([data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))]) + content[at + 1 :]
    )
    try:
        found = note.verify(note.parse(changed), [OURS.verifier])
    except Unverified:
        return
    assert found == {}


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_what_is_no_note_is_refused(content: bytes) -> None:
    """Whatever is read as a note makes the same bytes again."""
    try:
        found = note.parse(content)
    except Unverified:
        return
    assert content == found.content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"\n\n",
        b"text\n\nno dash AAAAAAA=\n",
        "text\n\n\N{EM DASH} name AAAAAAA=".encode(),
        "text\n\n\N{EM DASH} name AAAA\n".encode(),
        "text\n\n\N{EM DASH} na+me AAAAAAA=\n".encode(),
        "text\n\n\N{EM DASH} name AAAAAAB=\n".encode(),  # the last bits of base64 are not zero: another form of the same
        "te\txt\n\n\N{EM DASH} name AAAAAAA=\n".encode(),
        b"text\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        ("text\n\n" + "\N{EM DASH} name AAAAAAA=\n" * 65).encode(),
    ],
)
def test_malformed_notes_are_refused(content: bytes) -> None:
    """Each misses the form in one way."""
    with pytest.raises(Unverified):
        note.parse(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("+AR", "+BR"),
        NEUMANN.replace("Peter", "Peter "),
        "name+00000000+" + base64.b64encode(b"\1" + bytes(31)).decode(),
    ],
)
def test_malformed_keys_are_refused(text: str) -> None:
    """Without a part, with another id, of another kind, under a name with a space, too short."""
    with pytest.raises(Unverified):
        Verifier.parse(text)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    """Origin, size and root; lines beyond them are passed over."""
    assert Checkpoint.parse(TEXT) == Checkpoint("example.com/log", 7, bytes(range(32)))
    assert Checkpoint.parse(TEXT + "an extension\n") == Checkpoint.parse(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n\n"),
        ("example.com/log\n", ""),
        ("AAEC", "AAE"),
        ("Hh8=", "Hh9="),
        ("AAEC", "AA!C"),
    ],
)
def test_malformed_checkpoints_are_refused(old: str, new: str) -> None:
    """A size in another form, a line less, a root that is no SHA-256."""
    assert old in TEXT
    with pytest.raises(Unverified):
        Checkpoint.parse(TEXT.replace(old, new))
