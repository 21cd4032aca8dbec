"""Proofs: each holds by itself, for every entry and every earlier size, and nothing that was changed does."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import merkle, note, proofs
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.journal import Place
from extproc.audit.note import Note, Signer, Unverified
from extproc.audit.published import Published
from support.cosigner import follows
from support.evidence import FORMER
from support.logs import SIGNER, Writer

SIZES = (1, 51, 256, 301, 513)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Published, dict[int, Note]]:
    """Return a log and its checkpoints at some sizes."""
    directory = tmp_path_factory.mktemp("log")
    writer = Writer(directory)
    shown = {1: writer.journal.sign()}
    for before, size in itertools.pairwise(SIZES):
        shown[size] = writer.grow(size - before, batch=60)
    writer.journal.close()
    return Published(Place.of(directory, "w").log), shown


@given(index=st.integers(0, 512), size=st.sampled_from(SIZES))
def test_every_entry_is_proven(grown: tuple[Published, dict[int, Note]], index: int, size: int) -> None:
    """A proof gives the leaf back, for any entry under any checkpoint; one that is not there yet has none."""
    published, shown = grown
    if index >= size:
        with pytest.raises(Unverified, match="there is no entry"):
            proofs.inclusion(published, shown[size], index)
        return
    proven = proofs.verify(proofs.inclusion(published, shown[size], index), [SIGNER.verifier])

    assert (proven.leaf, proven.place) == (*published.leaves(index, index + 1), index)


def test_a_changed_proof_does_not_hold(grown: tuple[Published, dict[int, Note]]) -> None:
    """Whichever character of it is changed."""
    published, shown = grown
    text = proofs.inclusion(published, shown[301], 77)
    held = []
    for at in range(len(text)):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        try:
            proofs.verify(changed, [SIGNER.verifier])
        except Unverified:
            continue
        held.append(at)

    assert held == []


def test_a_proof_by_another_key_does_not_hold(grown: tuple[Published, dict[int, Note]]) -> None:
    """Neither of another key, nor of a log of another name."""
    published, shown = grown
    text = proofs.inclusion(published, shown[51], 3)
    for other in (Signer.load("o/w", FORMER), Signer.load("o/x", FORMER)):
        with pytest.raises(Unverified, match="none of the keys"):
            proofs.verify(text, [other.verifier])


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", SIZES)
def test_growth_is_proven(grown: tuple[Published, dict[int, Note]], old: int, new: int) -> None:
    """To a witness that computes by the RFC; from larger to smaller there is no proof."""
    published, shown = grown
    before, after = Checkpoint.parse(shown[old].text), Checkpoint.parse(shown[new].text)
    if old > new:
        with pytest.raises(Unverified):
            proofs.consistency(published, before, shown[new])
        return
    head, _, rest = proofs.consistency(published, before, shown[new]).partition("\n\n")
    first, *hashes = head.split("\n")

    assert first == f"old {old}"
    assert follows(old, before.root, new, after.root, [base64.b64decode(each) for each in hashes])
    assert note.parse(rest.encode()) == shown[new]


def test_growth_from_another_tree_is_not_proven(grown: tuple[Published, dict[int, Note]]) -> None:
    """A checkpoint of the same name and size with another root is told."""
    published, shown = grown
    forged = Checkpoint.parse(shown[51].text)._replace(root=merkle.EMPTY)
    with pytest.raises(Unverified, match="not those of then"):
        proofs.consistency(published, forged, shown[301])
