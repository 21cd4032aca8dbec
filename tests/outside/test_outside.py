"""Other people's tools accept the logs: tiles, checkpoints, cosignatures and proofs, read by Go modules not of ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from extproc.audit import proofs
from extproc.audit.journal import Place
from extproc.audit.ledger import Ledger
from extproc.audit.orders import Witness
from extproc.audit.published import Published
from support.cosigner import Cosigner, serving
from support.evidence import KEYS, entry
from support.logs import SIGNER, flip, made

KEY = str(SIGNER.verifier)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the verifier from the modules that ``go.sum`` pins."""
    binary = tmp_path_factory.mktemp("outside") / "verifier"
    subprocess.run([os.environ.get("GO", "go"), "build", "-o", binary, "."], cwd=HERE, check=True, timeout=110)
    return binary


def run(verifier: Path, *arguments: str | Path) -> tuple[int, str]:
    """Return how it ended and the last line that it said."""
    ended = subprocess.run([verifier, *arguments], capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, (ended.stdout + ended.stderr).strip().rpartition("\n")[2]


@pytest.mark.parametrize("count", [0, 254, 255, 700])
def test_a_log_of_any_size_is_accepted(verifier: Path, tmp_path: Path, count: int) -> None:
    """Every leaf is under the signed root, through tiles of two levels."""
    made(tmp_path, count)

    assert run(verifier, Place.of(tmp_path, "w").log, KEY) == (0, str(count + 2))


def test_a_changed_log_is_not_accepted(verifier: Path, tmp_path: Path) -> None:
    """The same verifier finds a flipped byte."""
    made(tmp_path, 300)
    flip(tmp_path / "log/w/tile/entries/000", 9000)

    assert run(verifier, Place.of(tmp_path, "w").log, KEY)[0] == 1


def test_a_proof_is_accepted(verifier: Path, tmp_path: Path) -> None:
    """A .tlog-proof is read, its leaf is in its extra data, and it holds; about another leaf it does not."""
    made(tmp_path, 300)
    published = Published(Place.of(tmp_path, "w").log)
    shown = published.note()
    assert shown is not None
    (tmp_path / "p").write_text(proofs.inclusion(published, shown, 77))
    for name, index in (("leaf", 77), ("other", 78)):
        (tmp_path / name).write_bytes(next(published.leaves(index, index + 1)))
    folder = Place.of(tmp_path, "w").log

    assert run(verifier, "-proof", tmp_path / "p", "-leaf", tmp_path / "leaf", folder, KEY) == (0, "302")
    assert run(verifier, "-proof", tmp_path / "p", "-leaf", tmp_path / "other", folder, KEY)[0] == 1


async def test_a_cosigned_checkpoint_is_accepted(verifier: Path, tmp_path: Path) -> None:
    """With the witness's signature, and its key for cosignatures."""
    with serving(Cosigner(logs={"o/w": SIGNER.verifier.public})) as cosigner:
        witness = Witness(key=cosigner.verifier, url=cosigner.url)
        ledger = Ledger.open(tmp_path, "w", KEYS, origin="o", witnesses=(witness,))
        await ledger.append(entry(0))
        await ledger.close()

    assert run(verifier, "-witness", cosigner.verifier, Place.of(tmp_path, "w").log, KEY) == (0, "1")
