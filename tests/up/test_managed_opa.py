"""An OPA of our own: private, clean, always on a bundle that it verifies, and kept up to date."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config import load
from extproc.configured import load_engine, open_safe
from extproc.engines.build import build
from extproc.engines.opa import OpaEngine
from extproc.engines.signature import SigningKey
from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError
from extproc.private import private_directory
from extproc.up.child import Child
from extproc.up.opa import ManagedOpa
from support.asking import asked
from support.gateway import merge
from support.processes import command, descendants

CONFIG = {
    "version": 1,
    "databases": [{"name": "kb", "engine": "chroma", "listen": "127.0.0.1:8100", "upstream": "http://127.0.0.1:8000"}],
    "identity": {"issuers": [{"issuer": "https://idp.test", "jwks": {"file": "jwks.json"}}]},
    "policy": {"engine": "opa", "bundle": "policy", "opa": {"managed": True}},
}
SAYS = 'package vecgate.authz\n\ndecision := {"allow": true, "reasons": ["%s"]}\n'


class Stage:
    """A directory with a policy and a configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = SigningKey.create()
        self.write(SAYS % "first")

    def write(self, text: str) -> None:
        """Change the policy's directory."""
        (self.folder / "policy").mkdir(exist_ok=True)
        new = self.folder / "new"
        new.write_text(text)
        new.rename(self.folder / "policy" / "p.rego")

    def build(self, key: SigningKey | None = None) -> None:
        """Make a signed bundle file of the directory."""
        source = Source(path=self.folder / "policy")
        new = self.folder / "new"
        new.write_bytes(build(source.files(), source.path, key or self.key).archive)
        new.rename(self.folder / "policy.tar.gz")
        (self.folder / "policy.pub").write_text(self.key.public().pem)

    def managed(self, **policy: Any) -> tuple[ManagedOpa, OpaEngine]:
        """Return an OPA that is configured, and who asks it."""
        path = self.folder / "vecgate.yaml"
        path.write_text(yaml.safe_dump(merge(CONFIG, {"policy": policy})))
        config = load(path)
        private_directory(config.service.socket.parent)
        asking = load_engine(config, open_safe(config))
        assert isinstance(asking, OpaEngine)
        asking._deadline = 60.0
        return ManagedOpa(config), asking


@pytest.fixture
def stage(tmp_path: Path, opa: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a stage, with OPA where it is sought."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    monkeypatch.setenv("KB_KEY", "s3cret")
    return Stage(tmp_path)


@asynccontextmanager
async def running(managed: ManagedOpa, asking: OpaEngine) -> AsyncIterator[Child]:
    """Run a managed OPA, with its policy followed, until the block ends."""
    child = Child(managed.part)
    child.start()
    child.settled = True
    following = [asyncio.create_task(managed.follow(every=0.05)), asyncio.create_task(asking.follow(_nothing, every=0.05))]
    try:
        await until(lambda: bool(asking.revision))
        yield child
    finally:
        for task in following:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asking.close()
        await child.end(20)
        managed.close()


async def _nothing(_: str) -> None:
    pass


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def says(asking: OpaEngine) -> str:
    """Return what the policy says, or the reason of a denial."""
    try:
        return (await asking.decide(asked())).decision.reasons[0]
    except EngineError as error:
        return error.code


async def changed(asking: OpaEngine) -> None:
    """Wait for another revision."""
    before = asking.revision
    await until(lambda: asking.revision != before)


async def test_a_directory_is_decided_by_and_kept_up_with(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A changed file takes effect; a bad one is said out loud and changes nothing; the next good one takes effect."""
    managed, asking = stage.managed()
    async with running(managed, asking):
        first = await says(asking)
        stage.write(SAYS % "second")
        await changed(asking)
        second = await says(asking)
        with caplog.at_level(logging.ERROR):
            stage.write(SAYS.replace("{", "[") % "bad")
            await until(lambda: "the old one stays in force: OPA refuses the policy" in caplog.text)
        kept = await says(asking)
        stage.write(SAYS % "third")
        await changed(asking)
        third = await says(asking)

    assert [first, second, kept, third] == ["first", "second", "second", "third"]


async def test_a_bundle_file_is_verified_with_the_configured_key(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """One that somebody else signed changes nothing, and the next good one takes effect."""
    stage.build()
    managed, asking = stage.managed(bundle="policy.tar.gz", verification_key="policy.pub")
    async with running(managed, asking):
        first = await says(asking)
        stage.write(SAYS % "stolen")
        with caplog.at_level(logging.ERROR):
            stage.build(SigningKey.create())
            await until(lambda: "failed to verify JWT signature" in caplog.text)
        kept = await says(asking)
        stage.write(SAYS % "second")
        stage.build()
        await changed(asking)
        second = await says(asking)

    assert [first, kept, second] == ["first", "first", "second"]
    assert asking.revision == Source(path=stage.folder / "policy").bundle().revision


async def test_an_opa_that_is_killed_comes_back_with_the_last_good_policy(stage: Stage) -> None:
    """Whatever lies on the disk by then."""
    managed, asking = stage.managed()
    async with running(managed, asking) as child:
        stage.write(SAYS % "second")
        await changed(asking)
        stage.write("package vecgate.authz\n\nbroken {\n")
        assert child._process is not None
        child._process.kill()
        await until(lambda: asking._silent > 0)
        await until(lambda: asking._silent == 0)
        again = await says(asking)

    assert again == "second"


async def test_nobody_else_can_reach_it(stage: Stage) -> None:
    """Socket and configuration are this user's alone, OPA listens nowhere else, and has nothing of our environment."""
    managed, asking = stage.managed()
    async with running(managed, asking) as child:
        await says(asking)
        assert child._process is not None
        modes = [stat.S_IMODE((managed.socket.parent / name).stat().st_mode) for name in (".", "opa.sock", "opa.json")]
        environment, listening = process(child._process.pid)

    assert modes == [0o700, 0o700, 0o600]
    assert b"s3cret" not in environment
    assert listening == []


def process(pid: int) -> tuple[bytes, list[list[str]]]:
    """Return a process's environment, and the TCP sockets on which it listens."""
    folder = Path(f"/proc/{pid}")
    own = set()
    for link in (folder / "fd").iterdir():
        with suppress(OSError):
            own.add(str(link.readlink()))
    sockets = [line.split() for name in ("tcp", "tcp6") for line in (folder / "net" / name).read_text().splitlines()[1:]]
    listening = [fields for fields in sockets if fields[3] == "0A" and f"socket:[{fields[9]}]" in own]
    return (folder / "environ").read_bytes(), listening


def test_it_asks_nobody_for_its_own_version(stage: Stage) -> None:
    """OPA would report to its makers at every start."""
    managed, _ = stage.managed()
    managed.close()

    assert "--skip-version-check" in managed.part.command
    assert "--skip-verify" not in managed.part.command


def test_the_token_for_the_bundle_is_in_a_private_file_alone(stage: Stage) -> None:
    """It is on no command line."""
    managed, _ = stage.managed()
    managed.close()
    document = json.loads(managed.socket.with_name("opa.json").read_text())
    token = document["services"]["vecgate"]["credentials"]["bearer"]["token"]

    assert len(token) > 40
    assert [word for word in managed.part.command if token in word] == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda stage: stage.write("package vecgate.other\n"), "does not refer to a rule"),
        (lambda stage: stage.write("package vecgate.authz\n\ndecision := {\n"), "OPA refuses the policy: "),
        (lambda stage: (stage.folder / "policy" / "p.rego").unlink(), "holds no policy"),
    ],
)
def test_what_cannot_be_decided_by_does_not_start(stage: Stage, harm: Callable[[Stage], object], said: str) -> None:
    """One line at the start, not an OPA that denies everything."""
    harm(stage)
    with pytest.raises(ConfigError, match=said):
        stage.managed()


def test_without_an_opa_it_does_not_start(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says where to put one."""
    monkeypatch.setenv("VECGATE_OPA", str(stage.folder / "nowhere"))
    with pytest.raises(ConfigError, match="no OPA: put `opa`"):
        stage.managed()


def test_no_process_is_left() -> None:
    """Each test above ended what it started."""
    assert [pid for pid in descendants(os.getpid()) if "--unix-socket-perm" in command(pid)] == []
