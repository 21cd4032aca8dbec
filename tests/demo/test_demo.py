"""The demo for real: it ends well with the starter policy, and says which step does not hold with a broken one."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from extproc.demo import STARTER_POLICY

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(400)]

SEARCH = "A search, as a reader and as an admin"
VECTORS = "Vectors are withheld"
LIMIT = "A limit is clamped"
FILTER = "A filter on a masked field is refused"
DELETE = "A delete is refused"


def told(policy: Path) -> tuple[int, str, set[str]]:
    """Run the demo once; return its exit status, what it said, and the steps that did not hold."""
    ended = subprocess.run(
        [sys.executable, "-m", "extproc", "demo", "--once", "--policy", str(policy)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = ended.stdout + ended.stderr
    return ended.returncode, said, {found.strip() for found in re.findall(r"^┃ ✘ (.*?) *┃$", said, re.MULTILINE)}


def broken(tmp_path: Path, changes: list[tuple[str, str]]) -> Path:
    """Return a copy of the starter policy whose data were changed."""
    policy = tmp_path / "rego"
    shutil.copytree(STARTER_POLICY, policy)
    data = policy / "data.yaml"
    text = data.read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    data.write_text(text, "utf-8")
    return policy


def commands() -> list[str]:
    """Return the command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace"))
    return found


def test_every_step_holds_with_the_starter_policy() -> None:
    """The demo exits with 0, every step held, and nothing that it started is left."""
    status, said, steps = told(STARTER_POLICY)

    assert (0, set()) == (status, steps), said
    assert "All 8 steps held." in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            [("[api_key, metadata.api_key], with: drop", "[apikey, metadata.api_key], with: drop")],
            {SEARCH, FILTER},
            id="a mask is misspelt",
        ),
        pytest.param(
            [
                ("reader: {permissions: [connect, read]}", "reader: {permissions: [connect, read, write]}"),
                ("type: vectors, return: false", "type: vectors, return: true"),
                ("records: 50, for: [everyone]", "records: 120, for: [everyone]"),
            ],
            {VECTORS, LIMIT, DELETE},
            id="a role is wider, and so are vectors and limit",
        ),
    ],
)
def test_broken_policy_is_found_out(tmp_path: Path, changes: list[tuple[str, str]], expected: set[str]) -> None:
    """With the policy weakened the demo exits with 1 and names the steps that no longer hold, and only those."""
    status, said, steps = told(broken(tmp_path, changes))

    assert (1, expected) == (status, steps), said


def test_policy_that_cannot_be_loaded_is_one_clear_error(tmp_path: Path) -> None:
    """Where the gateway does not start the demo says so, and exits with 1."""
    (tmp_path / "broken.rego").write_text("package vecgate.authz\n\ndecision := {", "utf-8")
    status, said, _ = told(tmp_path)

    assert status == 1
    assert "the gateway did not start" in said
    assert "Traceback" not in said


def test_demo_stays_up_until_it_is_interrupted(tmp_path: Path) -> None:
    """Without --once it offers a token and stays; Ctrl-C ends it with 0 and leaves neither a process nor a file."""
    output = tmp_path / "said"
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", "extproc", "demo"],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": "/tmp"},  # noqa: S108  # a socket's path must be short
        )
    try:
        end = time.monotonic() + 200
        while "Ctrl-C stops" not in (said := output.read_text("utf-8")) and child.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        found = re.search(r"The audit log +(\S+)/audit", said)
        assert found is not None, said
        assert Path(found[1]).is_dir()
        child.send_signal(signal.SIGINT)
        status = child.wait(60)
    finally:
        child.kill()
        child.wait()

    assert status == 0
    assert not Path(found[1]).exists()
    assert [command for command in commands() if found[1] in command] == []
