"""The command line: one line for each mistake, and the exit status that scripts rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from extproc.config.schema import schema
from support.envoy import write_config
from support.gateway import STARTER


def vecgate(*arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "extproc", *arguments], capture_output=True, text=True, check=False, timeout=100, cwd=directory
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("bogus",), 2, "No such command 'bogus'"),
        (("up", "--nope"), 2, "No such option"),
        (("token",), 2, "Missing option '--key'"),
        (("token", "--key", "k"), 2, "--subject"),
        (("config",), 2, "Missing command"),
        (("check", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("up", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("serve", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("envoy", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("policy",), 2, "Missing command"),
        (("policy", "test", "absent"), 1, "absent: is no directory"),
        (("explain",), 2, "give one of --path, --input and --exchange"),
        (("explain", "--exchange", "00ff", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("policy", "replay"), 2, "name the candidate's directory"),
        (("policy", "replay", "rego", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("policy", "observed", "-c", "absent.yaml"), 1, "absent.yaml"),
        (("policy", "build", "absent"), 1, "absent: is no directory"),
        (("policy", "build", ".", "--key", "absent.key"), 1, "absent.key: is absent, unreadable or empty"),
        (("policy", "build", "--public-key", "--key", "absent.key"), 1, "absent.key: is absent, unreadable or empty"),
    ],
)
def test_a_mistake_is_one_line_on_standard_error(tmp_path: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    """Bad use ends with 2, what does not hold with 1, each with one line that names it and nothing on standard output."""
    ended = vecgate(*arguments, directory=tmp_path)

    assert (ended.returncode, ended.stdout) == (status, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("vecgate: ")
    assert said in ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("demo",),
        ("up",),
        ("serve",),
        ("envoy",),
        ("check",),
        ("token",),
        ("config", "schema"),
        ("policy", "build"),
        ("policy", "test"),
        ("policy", "replay"),
        ("policy", "observed"),
        ("explain",),
    ],
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    """`--help` describes each command and ends with 0."""
    ended = vecgate(*command, "--help")

    assert ended.returncode == 0
    assert "Usage:" in ended.stdout


def test_check_passes_a_good_configuration_and_envoy_prints_its_bootstrap(tmp_path: Path) -> None:
    """The two commands that an operator runs before `up` agree on a configuration."""
    config, port, _ = write_config(tmp_path, "http://127.0.0.1:8000")

    checked = vecgate("check", "-c", str(config))
    printed = vecgate("envoy", "-c", str(config))

    assert (checked.returncode, checked.stderr) == (0, "")
    listener = json.loads(printed.stdout)["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": port}


def test_check_names_key_and_line_of_a_misspelt_option(tmp_path: Path) -> None:
    """A typing mistake is told with its line and the nearest known key."""
    config, _, _ = write_config(tmp_path, "http://127.0.0.1:8000")
    lines = config.read_text().splitlines()
    number = next(index for index, line in enumerate(lines, 1) if line.startswith("policy:"))
    config.write_text(config.read_text().replace("policy:", "polizy:"))

    ended = vecgate("check", "-c", str(config))

    assert ended.returncode == 1
    assert f":{number}" in ended.stderr
    assert "polizy" in ended.stderr
    assert "policy" in ended.stderr.replace("polizy", "")


def test_check_refuses_a_socket_that_others_can_reach(tmp_path: Path) -> None:
    """Whoever reaches the socket could forge identities, so its directory must be private."""
    config, _, _ = write_config(tmp_path, "http://127.0.0.1:8000")
    (tmp_path / "var").chmod(0o755)

    for command in ("check", "serve"):
        ended = vecgate(command, "-c", str(config))
        assert ended.returncode == 1
        assert "chmod 700" in ended.stderr


def test_check_refuses_plain_http_off_loopback(tmp_path: Path) -> None:
    """Tokens and records do not cross a network in the clear by accident."""
    config, port, _ = write_config(tmp_path, "http://127.0.0.1:8000")
    config.write_text(config.read_text().replace(f"127.0.0.1:{port}", f"0.0.0.0:{port}"))

    ended = vecgate("check", "-c", str(config))

    assert ended.returncode == 1
    assert "tls" in ended.stderr


def test_a_demo_token_is_minted_only_for_a_demo_issuer(tmp_path: Path) -> None:
    """A key on this machine may sign only for an issuer that says so."""
    config, _, _ = write_config(tmp_path, "http://127.0.0.1:8000")
    key = tmp_path / "demo.jwk"
    assert vecgate("token", "--key", str(key), "--create-key").returncode == 0

    refused = vecgate("token", "--key", str(key), "--subject", "rita", "-c", str(config))
    config.write_text(config.read_text().replace("- audiences:", "- demo: true\n    audiences:"))
    minted = vecgate("token", "--key", str(key), "--subject", "rita", "--role", "reader", "-c", str(config))

    assert refused.returncode == 1
    assert "demo" in refused.stderr
    assert minted.stdout.count(".") == 2


def test_the_schema_is_printed() -> None:
    """`config schema` prints the JSON Schema of the file."""
    assert json.loads(vecgate("config", "schema").stdout) == schema()


def test_a_policy_is_tested_and_built(opa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands that a pipeline runs: tests on both engines, a key, a bundle file, and the key that verifies it."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    tested = vecgate("policy", "test", str(STARTER), "--threshold", "100")
    as_json = vecgate("policy", "test", str(STARTER), "--json")
    assert vecgate("policy", "build", "--create-key", directory=tmp_path).returncode == 0
    public = vecgate("policy", "build", "--public-key", directory=tmp_path)
    built = vecgate("policy", "build", str(STARTER), "--revision", "v1", directory=tmp_path)

    assert (tested.returncode, tested.stderr) == (0, "")
    assert re.fullmatch(r"OPA: (\d+) of \1 tests pass, coverage 100 %\nboth engines: (\d+) of \2 inputs .*\n", tested.stdout)
    assert json.loads(as_json.stdout)["ok"]
    assert public.stdout.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert re.fullmatch(r"policy\.tar\.gz: v1@sha256:[0-9a-f]{16}\n", built.stdout)


def test_a_policy_whose_tests_fail_ends_with_one(opa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not hold is said line by line on standard error, in JSON too."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    (tmp_path / "p.rego").write_text("package p\n\ndecision := 1\n")
    (tmp_path / "p_test.rego").write_text("package p_test\n\ntest_it if data.p.decision == 2\n")
    ended = vecgate("policy", "test", str(tmp_path), "--entrypoint", "p/decision")
    as_json = vecgate("policy", "test", str(tmp_path), "--entrypoint", "p/decision", "--json")

    assert (ended.returncode, ended.stderr) == (1, f"vecgate: {tmp_path.name}/p_test.rego:3: p_test.test_it: fail\n")
    assert (as_json.returncode, json.loads(as_json.stdout)["ok"]) == (1, False)
