"""The commands of an auditor: what they print, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.logs import SIGNER, Writer, flip, made

KEY = str(SIGNER.verifier)


def audit(*arguments: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run ``vecgate audit`` in `directory`."""
    return subprocess.run(
        [sys.executable, "-m", "extproc", "audit", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=directory,
    )


def test_an_orderly_log_is_told_in_one_line(tmp_path: Path) -> None:
    """With its name and size; without a key, a warning says what that is worth."""
    made(tmp_path / "audit", 5)
    known = audit("verify", "audit", "--key", KEY, directory=tmp_path)
    unknown = audit("verify", "audit", directory=tmp_path)

    assert (known.returncode, known.stdout, known.stderr) == (0, "o/w: 7 entries hold\n", "")
    assert (unknown.returncode, unknown.stdout) == (0, known.stdout)
    assert unknown.stderr.startswith("warning: no key was named")


def test_what_does_not_hold_is_told_in_one_line(tmp_path: Path) -> None:
    """On standard error, by file and entry, with exit status 1; as JSON too."""
    made(tmp_path / "audit", 5)
    flip(tmp_path / "audit/log/w/tile/0/000.p/7", 3 * 32)
    ended = audit("verify", "audit", "--key", KEY, directory=tmp_path)
    as_json = audit("verify", "audit", "--key", KEY, "--json", directory=tmp_path)

    place, what = "log/w/tile/0/000.p/7", "the tile does not hold the hashes of what is below it"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"vecgate: {place}, entry 3: {what}\n")
    assert json.loads(as_json.stdout) == {
        "ok": False,
        "logs": [],
        "findings": [{"log": "w", "place": place, "index": 3, "what": what}],
    }


def test_a_copy_of_a_mirror_has_no_keys_and_not_the_last_segment(tmp_path: Path) -> None:
    """Taken for what it is with ``--mirrored``, and without it for a log whose records are gone."""
    made(tmp_path / "audit", 100)
    private = tmp_path / "audit" / "private" / "w"
    for path in (*private.glob("*.keys"), max(private.glob("*.seal"))):
        path.unlink()
    known = audit("verify", "audit", "--key", KEY, "--mirrored", directory=tmp_path)
    taken_for_a_log = audit("verify", "audit", "--key", KEY, directory=tmp_path)

    assert (known.returncode, known.stdout, known.stderr) == (0, "o/w: 102 entries hold\n", "")
    assert (taken_for_a_log.returncode, taken_for_a_log.stdout) == (1, "")


def test_a_log_that_was_set_back_is_told(tmp_path: Path) -> None:
    """`--since` takes a checkpoint that somebody kept."""
    (tmp_path / "kept").write_bytes(made(tmp_path / "later", 9).content)
    made(tmp_path / "audit", 5)
    ended = audit("verify", "audit", "--key", KEY, "--since", "kept", directory=tmp_path)

    assert (ended.returncode, ended.stderr) == (1, "vecgate: log/w/checkpoint: then it had 11 entries, and now 7\n")


def test_a_proof_can_be_made_and_verified(tmp_path: Path) -> None:
    """Of an entry, in a file that needs no log; and of growth."""
    writer = Writer(tmp_path / "audit")
    (tmp_path / "kept").write_bytes(writer.grow(4).content)
    writer.grow(4)
    writer.stop()
    printed = audit("prove", "audit", "w", "--entry", "3", directory=tmp_path)
    written = audit("prove", "audit", "w", "--entry", "3", "-o", "3.tlog-proof", directory=tmp_path)
    verified = audit("verify", "3.tlog-proof", "--key", KEY, directory=tmp_path)
    grew = audit("prove", "audit", "w", "--since", "kept", directory=tmp_path)

    assert (written.returncode, (tmp_path / "3.tlog-proof").read_text()) == (0, printed.stdout)
    assert verified.stdout.startswith("o/w: entry 3 is in the log of 10\n{")
    assert grew.stdout.startswith("old 5\n")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("verify",), 2, "Missing argument 'directory'"),
        (("verify", "absent"), 1, "there is no log below it"),
        (("verify", "audit", "--key", "nonsense"), 1, "is not a verifier key"),
        (("verify", "audit", "--since", "absent"), 1, "absent: No such file"),
        (("verify", "audit/log/w/checkpoint", "--key", KEY), 1, "this is no proof of an entry"),
        (("prove", "audit", "w"), 2, "--entry, --since"),
        (("prove", "audit", "w", "--entry", "7"), 1, "there is no entry 7"),
        (("prove", "audit", "v", "--entry", "7"), 1, "there is no checkpoint of v"),
        (("prove", "audit", "../w", "--entry", "7"), 1, "a worker's name"),
        (("key", "-c", "absent.yaml"), 1, "absent.yaml"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    """Bad use ends with 2, what does not hold with 1."""
    made(tmp_path / "audit", 5)
    ended = audit(*arguments, directory=tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (status, "", 1)
    assert ended.stderr.startswith("vecgate: ")
    assert said in ended.stderr


def test_the_keys_of_a_configuration_count(tmp_path: Path) -> None:
    """`key` prints one a log, made when there is none; `verify` takes those of the configuration beside the directory."""
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    (tmp_path / "vecgate.yaml").write_text(
        yaml.safe_dump(
            {
                "version": 1,
                "databases": [{"name": "kb", "engine": "chroma", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:2"}],
                "identity": {"issuers": [{"issuer": "https://idp.example.com", "jwks": {"file": "jwks.json"}}]},
                "policy": {"bundle": "rego"},
                "audit": {"origin": "o", "directory": "audit"},
                "workers": 2,
            }
        )
    )
    made(tmp_path / "audit", 5)
    keys = audit("key", directory=tmp_path)
    verified = audit("verify", "audit", directory=tmp_path)

    assert [line.partition("+")[0] for line in keys.stdout.splitlines()] == ["o/worker-0", "o/worker-1", "o/w"]
    assert (verified.returncode, verified.stderr) == (
        1,
        "vecgate: log/w/checkpoint: none of the keys that count for o/w has signed this\n",
    )
