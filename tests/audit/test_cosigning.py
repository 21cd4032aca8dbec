"""Witnesses: what they sign is in the checkpoint, what they refuse holds nothing up, and a log that was set back is told."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from extproc.audit import cosigning, note, standalone
from extproc.audit.cosigning import Asker
from extproc.audit.edge import Edge
from extproc.audit.files import Files
from extproc.audit.journal import Place
from extproc.audit.ledger import Ledger
from extproc.audit.note import Note, Signer, Verifier
from extproc.audit.orders import Errand, Frames, Witness, frame
from extproc.audit.published import Published
from extproc.audit.publisher import Publisher
from support.cosigner import TIME, Cosigner, serving
from support.evidence import KEYS, SIGNING, entry
from support.logs import audited

SIGNER = Signer.load("o/w", SIGNING)
LEAVES = [b"leaf %d" % index for index in range(700)]


@pytest.fixture
def cosigner() -> Iterator[Cosigner]:
    """Run a witness that knows the log."""
    with serving(Cosigner(logs={"o/w": SIGNER.verifier.public})) as found:
        yield found


class Log:
    """A log that grows to any size and says its checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._publisher = Publisher(folder, Files(), [SIGNER], edge=Edge(), missing=[], size=0)

    def at(self, size: int) -> Note:
        """Grow to `size` and return the checkpoint."""
        self._publisher.take(LEAVES[self._publisher.signed : size])
        return self._publisher.sign()


async def asked(cosigner: Cosigner, folder: Path, *shown: Note) -> list[dict[Verifier, int | None]]:
    """Show checkpoints to the witness; return for each by whom it is signed then, and when."""
    witness = Witness(key=cosigner.verifier, url=cosigner.url)
    verifiers = [SIGNER.verifier, Verifier.parse(cosigner.verifier)]
    found = []
    async with httpx.AsyncClient(trust_env=False) as client:
        asker = Asker(witness, Published(folder), client, 30)
        for each in shown:
            signature = await asker.ask(each)
            whole = Note(each.text, (*each.signatures, *([signature] if signature else [])))
            found.append(note.verify(note.parse(whole.content), verifiers))
    return found


async def test_a_witness_signs_what_grew(cosigner: Cosigner, tmp_path: Path) -> None:
    """With the right proofs across the borders of tiles, and again where nothing was added."""
    log = Log(tmp_path)
    verifier = Verifier.parse(cosigner.verifier)
    for size in (1, 2, 255, 256, 257, 600, 600):
        shown = log.at(size)
        assert await asked(cosigner, tmp_path, shown) == [{SIGNER.verifier: None, verifier: TIME}]

    assert cosigner.seen["o/w"][0] == 600


async def test_how_far_it_has_seen_is_asked_once(cosigner: Cosigner, tmp_path: Path) -> None:
    """Who does not know is told by the witness, and knows it from then on."""
    log = Log(tmp_path)
    await asked(cosigner, tmp_path, log.at(5))
    cosigner.asked.clear()
    found = await asked(cosigner, tmp_path, log.at(9), log.at(300))

    assert [len(signed) for signed in found] == [2, 2]
    assert cosigner.asked == [409, 200, 200]


async def test_a_log_that_was_set_back_is_told(cosigner: Cosigner, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A witness that has seen more does not sign, and it is said once why."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    await asked(cosigner, tmp_path / "one", Log(tmp_path / "one").at(300))
    older = Log(tmp_path / "two").at(200)
    with caplog.at_level(logging.WARNING):
        found = await asked(cosigner, tmp_path / "two", older, older)

    assert found == [{SIGNER.verifier: None}] * 2
    assert ["it was set back" in line for line in caplog.messages] == [True]
    assert cosigner.seen["o/w"][0] == 300


async def test_another_tree_of_the_same_name_is_not_signed(cosigner: Cosigner, tmp_path: Path) -> None:
    """A log that does not begin as the one that the witness has seen gets no signature, whatever its size."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    await asked(cosigner, tmp_path / "one", Log(tmp_path / "one").at(300))
    other = Log(tmp_path / "two")
    other._publisher.take([b"another leaf"])

    assert await asked(cosigner, tmp_path / "two", other.at(301)) == [{SIGNER.verifier: None}]
    assert cosigner.asked[-1] == 422


@pytest.mark.parametrize(
    ("status", "kind", "answer"),
    [
        (200, "text/plain", "no signature"),
        (200, "text/plain", ""),
        (200, "text/plain", "\N{EM DASH} somebody AAAAAAAA\n"),
        (200, "text/plain", "x" * (65 << 10)),
        (200, "text/plain", "{line}"),
        (404, "text/plain", ""),
        (409, "text/x.tlog.size", "minus one"),
        (409, "text/x.tlog.size", "\N{SUPERSCRIPT TWO}"),
        (409, "text/x.tlog.size", "9" * 4000),
        (409, "text/plain", "7"),
        (301, "text/plain", ""),
    ],
)
async def test_a_witness_that_answers_nonsense_signs_nothing(  # noqa: PLR0917 - pytest names what it passes
    cosigner: Cosigner, tmp_path: Path, status: int, kind: str, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no signature of this checkpoint is passed over and told."""
    shown = Log(tmp_path).at(3)
    verifier = Verifier.parse(cosigner.verifier)
    wrong = note.Signature(verifier.name, verifier.id, bytes(72)).line
    transport = httpx.MockTransport(
        lambda _: httpx.Response(status, headers={"content-type": kind}, content=answer.replace("{line}", wrong).encode())
    )
    async with httpx.AsyncClient(transport=transport) as client:
        asker = Asker(Witness(key=cosigner.verifier, url="http://w.test"), Published(tmp_path), client, 30)
        with caplog.at_level(logging.WARNING):
            assert await asker.ask(shown) is None

    assert len(caplog.messages) == 1


async def test_the_process_shows_the_last_of_what_has_come(cosigner: Cosigner, tmp_path: Path) -> None:
    """Checkpoints that came while it was busy are passed over for the last one; it ends with the socket."""
    log = Log(tmp_path)
    ours, theirs = socket.socketpair()
    errand = Errand(witnesses=(Witness(key=cosigner.verifier, url=cosigner.url),), log=str(tmp_path), patience=30.0)
    last = [log.at(size) for size in (3, 8)][-1]
    ours.sendall(frame(errand) + frame("not even a note") + frame(last.content.decode()))
    serving_it = asyncio.create_task(cosigning.serve(theirs))
    ours.setblocking(False)
    frames = Frames()
    frames.feed(await asyncio.get_running_loop().sock_recv(ours, 1 << 16))
    (content,) = list(frames)
    ours.close()
    await serving_it
    theirs.close()

    assert content.decode().count("\N{EM DASH}") == 2
    assert cosigner.asked == [200]


def published(directory: Path) -> dict[Verifier, int | None]:
    """Return by whom the checkpoint is signed, of the log's key and any witness."""
    found = Published(Place.of(directory, "w").log).note()
    return {} if found is None else {Verifier(each.name, b""): None for each in found.signatures}


async def test_a_checkpoint_is_published_with_what_witnesses_signed(cosigner: Cosigner, tmp_path: Path) -> None:
    """Entries are acknowledged at once; the checkpoint that follows has both signatures, also after a restart and a stop."""
    witness = Witness(key=cosigner.verifier, url=cosigner.url)
    names = []
    for number in range(2):
        ledger = Ledger.open(tmp_path, "w", KEYS, origin="o", cadence=0.0, witnesses=(witness,))
        assert await ledger.append(entry(number)) == number
        await ledger.flush()
        names.append({each.name for each in published(tmp_path)})
        await ledger.close()
        names.append({each.name for each in published(tmp_path)})

    assert names == [{"o/w", "witness.test/w1"}] * 4
    assert standalone.main([str(Place.of(tmp_path, "w").log), str(SIGNER.verifier)]) == 0


async def test_an_auditor_can_ask_for_a_witness(cosigner: Cosigner, tmp_path: Path) -> None:
    """With its key a checkpoint that it has signed holds, and one of a time when it was away does not."""
    ledger = Ledger.open(tmp_path, "w", KEYS, origin="o", witnesses=(Witness(key=cosigner.verifier, url=cosigner.url),))
    await ledger.append(entry(0))
    await ledger.flush()
    keys = [SIGNER.verifier, Verifier.parse(cosigner.verifier)]
    signed = audited(tmp_path, keys)
    cosigner.silent = True
    await ledger.append(entry(1))
    await ledger.flush()
    await ledger.close()

    assert (signed.findings, signed.verified["w"].signed.witnesses) == ({}, {keys[1]: TIME})
    assert [str(each) for each in audited(tmp_path, keys).findings.values()] == [
        "log/w/checkpoint: the witness witness.test/w1 has not signed this"
    ]


async def test_a_checkpoint_comes_back_while_nobody_waits(cosigner: Cosigner, tmp_path: Path) -> None:
    """The clerk takes a signature when it comes."""
    ledger = Ledger.open(
        tmp_path, "w", KEYS, origin="o", cadence=0.0, witnesses=(Witness(key=cosigner.verifier, url=cosigner.url),)
    )
    await ledger.append(entry(0))
    for _ in range(600):
        if len(published(tmp_path)) == 2:
            break
        await asyncio.sleep(0.05)

    assert {each.name for each in published(tmp_path)} == {"o/w", "witness.test/w1"}
    await ledger.close()


async def test_a_witness_that_is_away_holds_nothing_up(cosigner: Cosigner, tmp_path: Path) -> None:
    """The checkpoint is published without it, and with it once it is back."""
    cosigner.silent = True
    ledger = Ledger.open(tmp_path, "w", KEYS, origin="o", witnesses=(Witness(key=cosigner.verifier, url=cosigner.url),))
    await ledger.append(entry(0))
    await ledger.flush()
    without = {each.name for each in published(tmp_path)}
    cosigner.silent = False
    await ledger.append(entry(1))
    await ledger.flush()

    assert (without, {each.name for each in published(tmp_path)}) == ({"o/w"}, {"o/w", "witness.test/w1"})
    await ledger.close()


async def test_what_a_witness_has_seen_is_gone_on_with(cosigner: Cosigner, tmp_path: Path) -> None:
    """A log begun anew under its old name gets no signature of a witness that has seen more of it."""
    witness = Witness(key=cosigner.verifier, url=cosigner.url)
    for count in (5, 2):
        ledger = Ledger.open(tmp_path, "w", KEYS, origin="o", witnesses=(witness,))
        for number in range(count):
            await ledger.append(entry(number))
        await ledger.close()
        names = {each.name for each in published(tmp_path)}
        assert names == ({"o/w", "witness.test/w1"} if count == 5 else {"o/w"})
        shutil.rmtree(tmp_path)
