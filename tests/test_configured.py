"""The policy engine that the configuration describes: embedded, or an OPA of somebody else's, as the documentation has it."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.check import check
from extproc.config import load
from extproc.configured import load_engine, mirror_task, open_safe
from extproc.decision import Input
from extproc.engines.build import build
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.opa import OpaEngine
from extproc.engines.signature import SigningKey
from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError, SecretMissing
from extproc.up.bundles import BundleServer
from support.asking import asked
from support.certificates import self_signed
from support.docs import ROOT, blocks
from support.gateway import STARTER, merge
from support.issuer import TestIssuer
from support.ports import free_port

START_SECONDS = 60
DOCUMENT = ROOT / "docs" / "deployment.md"
CONFIG = {
    "version": 1,
    "databases": [{"name": "kb", "engine": "chroma", "listen": "127.0.0.1:8100", "upstream": "http://127.0.0.1:8000"}],
    "identity": {"issuers": [{"issuer": "https://idp.test", "jwks": {"file": "jwks.json"}}]},
}
MANAGED = {"engine": "opa", "opa": {"managed": True}}
TOKEN = "let-me-in"


def loaded(path: Path) -> EmbeddedEngine | OpaEngine:
    """Return the engine that the configuration at `path` asks for."""
    config = load(path)
    return load_engine(config, open_safe(config))


class Stage:
    """A directory with a configuration, keys and certificates, and an OPA as the documentation has it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.key = folder, free_port(), SigningKey.create()
        for name in ("opa", "gateway", "other"):
            self_signed(folder / f"{name}.pem", folder / f"{name}.key", "opa.internal" if name == "opa" else name)
        (folder / "opa.token").write_text(f"{TOKEN}\n")
        for secret in (folder / "opa.token", folder / "gateway.key"):
            secret.chmod(0o600)
        TestIssuer().write_jwks(folder)
        source = Source(path=STARTER)
        self.archive = build(source.files(), STARTER, self.key, "v1").archive
        (folder / "policy.tar.gz").write_bytes(self.archive)
        (folder / "policy.pub").write_text(self.key.public().pem)

    def write(self, policy: dict[str, Any]) -> Path:
        """Write the configuration; return its path."""
        path = self.folder / "vecgate.yaml"
        path.write_text(yaml.safe_dump(merge(CONFIG, {"policy": policy})))
        return path

    def opa(self, **changes: Any) -> dict[str, Any]:
        """Return the configuration of an engine on this OPA, as it is documented but for `changes`."""
        (block,) = (block.text for block in blocks("yaml", DOCUMENT) if "url:" in block.text)
        here = {"url": f"https://127.0.0.1:{self.port}", "tls": {"sni": "opa.internal"}}
        return merge(yaml.safe_load(block)["policy"], {"opa": merge(here, changes)})

    def decided(self, policy: dict[str, Any], question: Input | None = None) -> str:
        """Return the revision of a decision, or the reason of a denial."""

        async def decide() -> str:
            asking = loaded(self.write(policy))
            try:
                return (await asking.decide(question or asked())).revision
            except EngineError as error:
                return error.code
            finally:
                await asking.close()

        return asyncio.run(decide())

    @contextmanager
    def running(self, program: str, *, token: bool = False) -> Iterator[None]:
        """Run OPA, with bundles from a server of ours, until the block ends; with `token`, it asks for one."""
        bundles = BundleServer(self.archive)
        (config,) = (block.text for block in blocks("text", DOCUMENT) if "bundles:" in block.text)
        served = yaml.safe_load(config)
        served["services"]["policies"] = {"url": bundles.url, "credentials": {"bearer": {"token": bundles.token}}}
        (self.folder / "opa.yaml").write_text(yaml.safe_dump(served))
        (authorization,) = (block.text for block in blocks("rego", DOCUMENT))
        (self.folder / "authz.rego").write_text(authorization.replace("CN=gateway", TOKEN) if token else authorization)
        (command,) = (block.text for block in blocks("text", DOCUMENT) if block.text.startswith("opa run"))
        here = command.replace("\\\n", " ").replace("0.0.0.0:8181", f"127.0.0.1:{self.port}")
        words = (here.replace("--authentication tls", "--authentication token") if token else here).split()
        with (self.folder / "opa.log").open("wb") as log:
            process = subprocess.Popen([program, *words[1:]], cwd=self.folder, stdout=log, stderr=log)
            try:
                end = time.monotonic() + START_SECONDS
                while b"Bundle loaded and activated" not in (said := (self.folder / "opa.log").read_bytes()):
                    assert time.monotonic() < end, said
                    assert process.poll() is None, said
                    time.sleep(0.05)
                yield
            finally:
                process.kill()
                process.wait()
                bundles.close()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage."""
    return Stage(tmp_path)


def test_an_opa_as_it_is_documented(stage: Stage, opa: str) -> None:
    """It decides for whoever verifies it and shows the right certificate, and for nobody else; each failure has its reason."""
    with stage.running(opa):
        found = {
            "as documented": stage.decided(stage.opa()),
            "another certificate": stage.decided(stage.opa(tls={"certificate": "other.pem", "key": {"file": "other.key"}})),
            "another authority": stage.decided(stage.opa(tls={"ca": "other.pem"})),
            "another name": stage.decided(stage.opa(tls={"sni": "opa.example"})),
            "another rule": stage.decided({**stage.opa(), "entrypoint": "vecgate/authz/allow"}),
        }

    assert found == {
        "as documented": f"v1@{Source(path=STARTER).bundle().revision}",
        "another certificate": "policy_unavailable",
        "another authority": "policy_unavailable",
        "another name": "policy_unavailable",
        "another rule": "policy_refused",
    }


def test_an_opa_that_asks_for_a_token(stage: Stage, opa: str) -> None:
    """The right one opens it; another, none, and what is no token do not."""
    (stage.folder / "other.token").write_text("let-me-in-too\n")
    with stage.running(opa, token=True):
        found = {
            name: stage.decided(stage.opa(token={"file": name})) for name in ("opa.token", "other.token", "none", "opa.key")
        }

    assert found == {
        "opa.token": f"v1@{Source(path=STARTER).bundle().revision}",
        "other.token": "policy_refused",
        "none": "policy_unavailable",
        "opa.key": "policy_unavailable",
    }


def test_a_changed_token_takes_effect_at_once(stage: Stage, opa: str) -> None:
    """A token is a secret in a file like any other."""

    async def decide() -> list[str]:
        asking = loaded(stage.write(stage.opa(token={"file": "opa.token"})))
        found = []
        for token in (TOKEN, "stolen", TOKEN):
            (stage.folder / "opa.token").unlink()
            (stage.folder / "opa.token").write_text(token)
            try:
                found.append((await asking.decide(asked())).revision[:3])
            except EngineError as error:
                found.append(error.code)
        await asking.close()
        return found

    with stage.running(opa, token=True):
        assert asyncio.run(decide()) == ["v1@", "policy_refused", "v1@"]


def test_check_asks_an_opa_of_somebody_elses(stage: Stage, opa: str) -> None:
    """One that answers is nothing to say; one that does not, or not to us, is a warning that says what it means."""
    with stage.running(opa):
        clean = check(stage.write(stage.opa()))
        refused = check(stage.write({**stage.opa(), "entrypoint": "vecgate/authz/allow"}))
    gone = check(stage.write(stage.opa()))

    def about_opa(warnings: list[str]) -> list[str]:
        return [warning for warning in warnings if warning.startswith("policy.opa")]

    url = f"policy.opa: https://127.0.0.1:{stage.port}"
    assert about_opa(clean) == []
    assert about_opa(refused) == [
        f"{url}: the OPA server does not let this gateway ask; until that changes, every request is denied"
    ]
    assert about_opa(gone) == [f"{url}: the OPA server cannot be reached; until that changes, every request is denied"]


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        ({"bundle": str(STARTER)}, EmbeddedEngine),
        ({"bundle": str(STARTER), "engine": "embedded", "opa": {"managed": True}}, EmbeddedEngine),
        ({"bundle": "policy.tar.gz", "verification_key": "policy.pub"}, EmbeddedEngine),
        ({"engine": "opa"}, OpaEngine),
        (MANAGED | {"bundle": str(STARTER)}, OpaEngine),
    ],
)
def test_the_engine_is_the_configured_one(stage: Stage, policy: dict[str, Any], kind: type) -> None:
    """The word `engine` decides, whatever else is there."""

    async def close() -> type:
        asking = loaded(stage.write(policy))
        await asking.close()
        return type(asking)

    assert asyncio.run(close()) is kind


def other(stage: Stage) -> None:
    """Put another key in the place of the one that verifies."""
    (stage.folder / "policy.pub").write_text(SigningKey.create().public().pem)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"bundle": "policy.tar.gz", "verification_key": "policy.pub"}, ""),
        ({"bundle": "policy.tar.gz", "verification_key": "other.pub"}, "is not signed with this key"),
        ({"bundle": "policy.tar.gz"}, "name the key that verifies it"),
        ({"bundle": str(STARTER), "entrypoint": "vecgate/authz/nope"}, "has no rule"),
        (MANAGED | {"bundle": "policy.tar.gz", "verification_key": "policy.pub"}, ""),
        (MANAGED | {"bundle": "policy.tar.gz", "verification_key": "other.pub"}, "is not signed with this key"),
        (MANAGED | {"bundle": str(STARTER)}, ""),
        (
            MANAGED | {"bundle": str(STARTER), "entrypoint": "vecgate/authz/nope"},
            "OPA refuses the policy: .*does not refer",
        ),
    ],
)
def test_check_loads_the_policy_as_it_will_be_loaded(
    stage: Stage, opa: str, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Any], said: str
) -> None:
    """In process or by OPA, verified, with its entry point; one line says what does not hold."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    (stage.folder / "other.pub").write_text(SigningKey.create().public().pem)
    path = stage.write(policy)
    if not said:
        assert [warning for warning in check(path) if "policy" in warning] == []
        return
    with pytest.raises(ConfigError, match=said) as refused:
        check(path)
    assert "\n" not in str(refused.value)


def test_check_of_a_managed_opa_needs_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear line where there is none."""
    monkeypatch.setenv("VECGATE_OPA", "/nowhere/opa")
    with pytest.raises(ConfigError, match="no OPA: put `opa`"):
        check(stage.write(MANAGED | {"bundle": str(STARTER)}))


def test_words_of_a_bundle_file_are_checked_too(stage: Stage) -> None:
    """A rule on an action that does not exist is found in an archive as in a directory."""
    rules = b'package vecgate.authz\n\ndecision := {"allow": true} if input.operation.action == "serch"\n'
    (stage.folder / "policy.tar.gz").write_bytes(build({"p.rego": rules}, Path(), stage.key).archive)
    with pytest.raises(ConfigError, match=r"policy\.tar\.gz/p\.rego:3: there is no action `serch`"):
        check(stage.write({"bundle": "policy.tar.gz", "verification_key": "policy.pub"}))


@pytest.mark.parametrize(
    ("mirror", "prefix"),
    [
        ({"replica": "one"}, "one/"),
        ({"replica": "one", "prefix": "a/b"}, "a/b/one/"),
        ({}, f"{socket.gethostname()}/"),
    ],
)
def test_each_replica_has_a_prefix_of_its_own_in_the_mirror(tmp_path: Path, mirror: dict[str, str], prefix: str) -> None:
    """The machine's name where none is given; the keys to the store are read each time."""
    keys = {name: {"file": f"{name}.key"} for name in ("access_key", "secret_key")}
    file = tmp_path / "vecgate.yaml"
    policy = {"policy": {"bundle": "rego"}}
    file.write_text(yaml.safe_dump(CONFIG | policy | {"audit": {"mirror": {"bucket": "b", **keys, **mirror}}}))
    config = load(file)
    task = mirror_task(config, "worker-0", open_safe(config))
    assert task is not None
    with pytest.raises(SecretMissing):
        task()
    found = []
    for secret in ("one", "two"):
        for name in keys:
            (tmp_path / f"{name}.key").write_text(f"{name}-{secret}\n")
        told = task()
        found.append((told.prefix, told.worker, told.access_key, told.secret_key))

    assert found == [(prefix, "worker-0", f"access_key-{each}", f"secret_key-{each}") for each in ("one", "two")]


def test_a_mirror_without_its_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install; without a mirror the library is not needed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    file = tmp_path / "vecgate.yaml"
    found = []
    for audit in ({"mirror": {"bucket": "b"}}, {}):
        file.write_text(yaml.safe_dump(CONFIG | {"policy": {"bundle": "rego"}, "audit": audit}))
        config = load(file)
        try:
            found.append(str(mirror_task(config, "worker-0", open_safe(config))))
        except ConfigError as error:
            found.append(str(error))

    assert found == ["audit.mirror: needs a library; install `vecgate[aws]`", "None"]
