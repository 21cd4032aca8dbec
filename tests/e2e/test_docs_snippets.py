"""The documentation's programs, run as they stand against real gateways; only ports are exchanged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chromadb.errors import ChromaError
from qdrant_client import models

from support.docs import ROOT, Block, blocks, commands
from support.gateway import STARTER, Gateway
from support.ports import free_port
from support.qdrant_gateway import Doors

pytestmark = pytest.mark.envoy
README = ROOT / "README.md"
CHROMA = ROOT / "docs" / "chroma.md"
QDRANT = ROOT / "docs" / "qdrant.md"
EVIDENCE = ROOT / "docs" / "evidence.md"
BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    """Return this environment with the program on the path and no proxy."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **more}


def python(text: str, directory: Path, **variables: str) -> str:
    """Run a Python block in `directory` and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=directory, env=environment(**variables), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
    return done.stdout


def shell(line: str, directory: Path) -> str:
    """Run a line of a shell block in `directory` and return what it printed."""
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{line}"],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
    return done.stdout


@contextmanager
def up(line: str, directory: Path) -> Iterator[None]:
    """Run the documentation's `vecgate up` until the block ends."""
    with (directory / "up.log").open("w") as log:
        process = subprocess.Popen(
            line.split(), cwd=directory, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True
        )
    with process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert (said, (directory / "up.log").read_text() if said != "ready\n" else "") == ("ready\n", "")
            yield
        finally:
            process.terminate()
            process.wait(60)
    assert process.returncode == 0


def test_the_readmes_ten_lines_put_a_gateway_before_a_chroma(chroma: int, tmp_path: Path) -> None:
    """Configuration, commands and client of the README, one after the other, as a newcomer types them."""
    port = free_port()
    configuration = blocks("yaml", README)[0].text
    (tmp_path / "rego").symlink_to(STARTER)
    (tmp_path / "vecgate.yaml").write_text(configuration.replace(":8100", f":{port}").replace(":8000", f":{chroma}"))
    lines = [line for line in commands(README) if line.startswith(("vecgate ", "export TOKEN="))]
    *before, start, token = lines
    for line in before:
        shell(line, tmp_path)

    with up(start, tmp_path):
        given = shell(f'{token}\nprintf %s "$TOKEN"', tmp_path)
        printed = python(blocks("python", README)[0].text.replace("8100", str(port)), tmp_path, TOKEN=given)

    assert [line.split()[1] for line in before] == ["token", "token", "check"]
    assert printed.startswith("[")


@pytest.fixture
def tickets(starter_gateway: Gateway) -> Gateway:
    """Return the shared gateway, with a collection that the documentation's clients read."""
    collection = starter_gateway.chroma("admin").get_or_create_collection("tickets", embedding_function=None)
    collection.upsert(
        ids=["t1"], embeddings=[[1.0, 2.0]], documents=["write to ana@b.test"], metadatas=[{"email": "ana@b.test"}]
    )
    return starter_gateway


@pytest.mark.parametrize("block", blocks("python", CHROMA), ids=str)
def test_the_clients_of_the_chroma_guide_read_masked_records(block: Block, tickets: Gateway, tmp_path: Path) -> None:
    """The synchronous and the asynchronous client get the record, and not what is masked in it."""
    text = block.text.replace("8100", str(tickets.port))

    printed = python(text, tmp_path, TOKEN=tickets.issuer.token("reader"))

    assert "'t1'" in printed
    assert "write to [EMAIL_ADDRESS]" in printed
    assert "ana@b.test" not in printed


@pytest.mark.parametrize("block", blocks("python", QDRANT), ids=str)
def test_the_clients_of_the_qdrant_guide_read_masked_records(block: Block, starter_doors: Doors, tmp_path: Path) -> None:
    """Each client, over either interface, and each framework gets the record, and not what is masked in it."""
    starter_doors.database.clear()
    behind = starter_doors.direct("rest")
    behind.create_collection("tickets", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE))
    payload = {
        "page_content": "write to a@b.test",
        "text": "write to a@b.test",
        "metadata": {"email": "a@b.test", "number": "t1"},
    }
    behind.upsert("tickets", [models.PointStruct(id=1, vector=[1.0, 2.0], payload=payload)])
    text = block.text.replace("8110", str(starter_doors.rest)).replace("8111", str(starter_doors.grpc))

    printed = python(text, tmp_path, TOKEN=starter_doors.gateway.issuer.token("reader"))

    assert "1" in printed
    assert "write to [EMAIL_ADDRESS]" in printed
    assert "a@b.test" not in printed


def test_the_refusal_in_the_readme_is_what_a_client_raises(tickets: Gateway) -> None:
    """A reader who deletes gets the README's exception, word for word but for the exchange."""
    told = blocks("text", README)[2].text.strip()
    collection = tickets.chroma("reader").get_collection("tickets", embedding_function=None)

    with pytest.raises(ChromaError) as refusal:
        collection.delete(ids=["t1"])

    raised = f"{type(refusal.value).__module__}.{type(refusal.value).__name__}: {refusal.value}"
    assert re.sub(r"[0-9a-f]{32}", "ID", raised) == re.sub(r"[0-9a-f]{32}", "ID", told)


def test_the_evidence_guide_reads_what_was_written(tickets: Gateway) -> None:
    """Its shell line shows a checkpoint, its program the principal behind an entry."""
    for _ in range(200):  # it follows the entry
        if (tickets.audit / "log" / "worker-0" / "checkpoint").exists():
            break
        time.sleep(0.05)
    checkpoint = shell(next(line for line in commands(EVIDENCE) if line.startswith("cat ")), tickets.directory)
    printed = python(blocks("python", EVIDENCE)[0].text, tickets.directory)

    others = [shell(line.replace("extproc/", f"{ROOT}/extproc/"), tickets.directory) for line in commands(EVIDENCE)[1:]]

    assert checkpoint.startswith("vecgate.test/tests/worker-0\n")
    assert [each.startswith("vecgate.test/tests/worker-0") for each in others if each] == [True] * 4
    assert f"{tickets.issuer.issuer}#user-" in printed
