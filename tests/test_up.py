"""Running everything in the foreground, with stand-ins for the parts: order, readiness, restarts and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.config import load
from extproc.config.forms import Address
from extproc.errors import ConfigError
from extproc.up import Plan, plan, supervise
from extproc.up.child import Child, Part
from support.ports import free_port

WORKER = """
import os, signal, socket, sys, time
path, journal = sys.argv[1:3]
def say(word):
    with open(journal, "a") as file: file.write(f"{word} {os.getpid()}\\n")
def end(*_):
    say("worker-end"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
if os.path.exists(path): os.unlink(path)
server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen(); say("worker"); print("listening", flush=True)
while True: server.accept()[0].close()
"""

ENVOY = """
import asyncio, os, signal, sys
admin, port, journal, busy = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
def say(word):
    with open(journal, "a") as file: file.write(f"{word} {os.getpid()}\\n")
async def answer(reader, writer):
    global busy
    head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode()
    method, target = head.split()[:2]
    body = "LIVE\\n"
    if method == "POST": say(target)
    if target.startswith("/stats"):
        body = f"http.admin.downstream_rq_active: 1\\nhttp.kb.downstream_rq_active: {busy}\\n"
        if busy: say("busy")
        busy = max(0, busy - 1)
    writer.write(f"HTTP/1.1 200 OK\\r\\nconnection: close\\r\\n\\r\\n{body}".encode()); await writer.drain(); writer.close()
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.start_unix_server(answer, admin)
    await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
    say("envoy"); await stop.wait(); say("envoy-end")
asyncio.run(main())
"""

CONFIG = """\
version: 1
databases: [{{name: kb, engine: chroma, listen: "127.0.0.1:{port}", upstream: "http://127.0.0.1:1"}}]
identity: {{issuers: [{{issuer: i, jwks: {{file: j}}}}]}}
policy: {{bundle: rego}}
workers: 2
"""


def stage(directory: Path, *, busy: int = 0) -> Plan:
    """Return a plan of one stand-in worker and a stand-in Envoy that both write into `journal`."""
    port, journal = free_port(), directory / "journal"
    socket, admin = directory / "w.sock", directory / "a.sock"
    journal.touch()
    return Plan(
        workers=(Part(name="worker-0", command=(sys.executable, "-c", WORKER, str(socket), str(journal))),),
        envoy=Part(name="envoy", command=(sys.executable, "-c", ENVOY, str(admin), str(port), str(journal), str(busy))),
        sockets=(socket,),
        admin=admin,
        listeners=(Address(host="127.0.0.1", port=port),),
    )


def journal(directory: Path) -> list[str]:
    """Return the words that the parts wrote, in order."""
    return [line.split()[0] for line in (directory / "journal").read_text().splitlines()]


def pids(directory: Path, word: str) -> list[int]:
    """Return the process ids that wrote `word`."""
    lines = [line.split() for line in (directory / "journal").read_text().splitlines()]
    return [int(line[1]) for line in lines if line[0] == word]


async def until(directory: Path, word: str, count: int) -> None:
    """Wait until `word` was written `count` times."""
    while journal(directory).count(word) < count:  # noqa: ASYNC110  # what is waited for is another process
        await asyncio.sleep(0.02)


async def test_ready_is_said_when_all_answer_and_sigterm_ends_everything_in_order(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Workers come first and go last; in between Envoy stops listening and waits for what is under way."""
    ready = asyncio.Event()
    running = asyncio.create_task(supervise(stage(tmp_path, busy=2), announce=ready.set))
    await ready.wait()
    assert journal(tmp_path) == ["worker", "envoy"]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert journal(tmp_path) == [
        "worker",
        "envoy",
        "/healthcheck/fail",
        "/drain_listeners",
        "busy",
        "busy",
        "envoy-end",
        "worker-end",
    ]
    assert "worker-0: listening\n" in capfd.readouterr().err


async def test_the_word_on_standard_output_is_exactly_ready(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever waits for it reads one line; everything else goes to standard error."""
    running = asyncio.create_task(supervise(stage(tmp_path)))
    out = ""
    while not out:
        await asyncio.sleep(0.02)
        out = capfd.readouterr().out
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0
    assert out == "ready\n"


@pytest.mark.parametrize("word", ["worker", "envoy"])
async def test_what_dies_is_started_again(tmp_path: Path, word: str) -> None:
    """A worker or an Envoy that is killed has a successor."""
    ready = asyncio.Event()
    running = asyncio.create_task(supervise(stage(tmp_path), announce=ready.set))
    await ready.wait()
    os.kill(pids(tmp_path, word)[0], signal.SIGKILL)
    await until(tmp_path, word, 2)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert len(set(pids(tmp_path, word))) == 2
    assert pids(tmp_path, f"{word}-end")[-1:] == pids(tmp_path, word)[-1:]


@pytest.mark.parametrize("name", ["worker-0", "envoy"])
async def test_a_part_that_does_not_start_ends_everything(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A mistake at the start is an error with the part's name, its words stand above, and nothing is left behind."""
    what = stage(tmp_path)
    broken = Part(name=name, command=(sys.executable, "-c", "import sys; sys.exit('no such port')"))
    what = replace(what, envoy=broken) if name == "envoy" else replace(what, workers=(broken,))
    with pytest.raises(ConfigError, match=f"{name} did not start"):
        await supervise(what)
    assert f"{name}: no such port\n{name}: ended with status 1\n" in capfd.readouterr().err
    assert journal(tmp_path).count("worker") == journal(tmp_path).count("worker-end")


async def test_a_program_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """A path that leads nowhere is a failed part, not a stack trace."""
    child = Child(Part(name="envoy", command=("/nowhere/envoy",)))
    child.start()
    await child.failed
    assert "envoy: cannot be started: No such file" in capfd.readouterr().err


async def test_told_to_stop_before_it_is_ready_it_ends_without_the_word(tmp_path: Path) -> None:
    """SIGTERM during the start is an end like any other."""
    what = stage(tmp_path)
    deaf = Part(name="envoy", command=(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"))
    said: list[str] = []
    running = asyncio.create_task(supervise(replace(what, envoy=deaf), announce=lambda: said.append("ready")))
    await until(tmp_path, "worker", 1)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert (said, journal(tmp_path)[-1]) == ([], "worker-end")


async def test_a_child_that_does_not_listen_to_sigterm_is_killed(capfd: pytest.CaptureFixture[str]) -> None:
    """The end has a bound."""
    source = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = Child(Part(name="worker-0", command=(sys.executable, "-c", source)))
    child.start()
    while "deaf" not in capfd.readouterr().err:  # noqa: ASYNC110  # what is waited for is another process
        await asyncio.sleep(0.02)
    assert await child.end(0.1) is False
    assert "killed" in capfd.readouterr().err


async def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    """When the supervisor itself is killed, the kernel tells the children."""
    what = stage(tmp_path)
    script = (
        "import asyncio, sys\nfrom extproc.up.child import Child, Part\n"
        "async def main():\n"
        f"    Child(Part(name='w', command={what.workers[0].command!r})).start()\n    await asyncio.sleep(600)\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stderr=asyncio.subprocess.DEVNULL)
    await until(tmp_path, "worker", 1)
    parent.kill()
    await parent.wait()
    await until(tmp_path, "worker-end", 1)
    assert pids(tmp_path, "worker") == pids(tmp_path, "worker-end")


def test_the_plan_names_a_worker_for_each_socket_and_writes_a_private_bootstrap(tmp_path: Path) -> None:
    """Commands, sockets and listeners come from the configuration; the bootstrap is for this user alone."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG.format(port=8100))
    what = plan(load(path), path)
    assert [part.name for part in what.workers] == ["worker-0", "worker-1"]
    assert [part.command[-5:] for part in what.workers] == [("serve", "-c", str(path), "--worker", str(n)) for n in range(2)]
    assert [socket.name for socket in what.sockets] == ["extproc.sock", "extproc-1.sock"]
    assert what.listeners == (Address(host="127.0.0.1", port=8100),)
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var/envoy.json").stat().st_mode & 0o777 == 0o600


def test_the_control_api_is_planned_where_the_configuration_has_it(tmp_path: Path) -> None:
    """It runs, ends and is started again like a worker; nothing is ready before its socket and its listener answer."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG.format(port=8100) + "control: {listen: 127.0.0.1:8099}\n")
    what = plan(load(path), path)

    assert (what.workers[-1].name, what.workers[-1].command[-3:]) == ("control", ("control", "-c", str(path)))
    assert what.sockets[-1].name == "control.sock"
    assert what.listeners[-1] == Address(host="127.0.0.1", port=8099)


def test_a_socket_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """Whoever reaches the socket could forge identities."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG.format(port=8100))
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        plan(load(path), path)
