"""The demo: the main job on embedded parts and lifelike data, told as a story in which every step is checked.

`story` is the order of things; `answers`, `refusals` and `aftermath` are its steps, played on a `Stage` that `backstage` sets
up, and drawn by `drawing`. The tickets are made by `tickets`, their vectors by `vectors`.
"""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from extproc.demo import drawing
from extproc.demo.backstage import backstage
from extproc.demo.scene import Check, Scene, Step
from extproc.demo.stage import COLLECTION, Stage
from extproc.demo.story import STEPS, load

STARTER_POLICY: Final = Path(__file__).parents[2] / "rego"
_LEAST_WIDTH: Final = 120
_INTRODUCTION: Final = (
    "A support desk keeps its tickets in a vector database. Vecgate stands before it: clients are unchanged, their short-lived "
    "token goes where the database's API key used to go. Every step below is checked on the answers that really came back."
)


def run(*, once: bool, policy: Path | None = None) -> int:
    """Tell the story; 0 when every step held, else 1. Without `once` it stays up until Ctrl-C.

    `policy` is the directory of the policy, the starter policy by default. Raises `ConfigError` where something does not start.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _LEAST_WIDTH))
    console.print(Panel(Text(_INTRODUCTION), title="Vecgate", border_style="cyan"))
    held = False
    # A supervisor's SIGTERM takes everything down as Ctrl-C does.
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with backstage(policy or STARTER_POLICY, lambda what: console.print(Text(what, style="dim"))) as stage:
            held = _tell(console, stage)
            if not once:
                _stay(console, stage)
    except KeyboardInterrupt:
        console.print(Text("Interrupted.", style="dim"))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if held else 1


def _tell(console: Console, stage: Stage) -> bool:
    """Play all steps and draw them; return whether all held."""
    title = f"{len(stage.tickets)} tickets are loaded through the gateway"
    with Progress(
        TextColumn("Loading tickets"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=len(stage.tickets))
        loading = Step(title=title, play=lambda on: load(on, lambda count: progress.advance(task, count)))
        played = [(title, _play(loading, stage))]
    console.print(drawing.scene(1, *played[0]))
    if played[0][1].held:
        for number, step in enumerate(STEPS, start=2):
            with console.status(step.title):
                played.append((step.title, _play(step, stage)))
            console.print(drawing.scene(number, *played[-1]))
    else:
        console.print(Text("The rest of the story needs the tickets.", style="bold red"))
    console.print(drawing.ending([(title, scene.held) for title, scene in played]))
    return all(scene.held for _, scene in played)


def _play(step: Step, stage: Stage) -> Scene:
    try:
        return step.play(stage)
    except Exception as error:  # noqa: BLE001  # a step that breaks has not held, and the others are still worth seeing
        broken = Check(what="the step could be played", held=False, found=f"{type(error).__name__}: {error}")
        return Scene(shown=(), checks=(broken,))


def _stay(console: Console, stage: Stage) -> None:
    """Say how to go on by oneself, and wait for Ctrl-C."""
    console.print(Panel(Text(_invitation(stage)), title="It is still up: try it yourself", border_style="cyan"))
    for role, token in (("reader", stage.tokens.reader), ("writer", stage.tokens.writer), ("admin", stage.tokens.admin)):
        # Not inside a box: a token has to be copied.
        console.print(Text(f"\n{role} (8 hours):", style="bold"))
        console.print(Text(token), soft_wrap=True)
    console.print(Text("\nCtrl-C stops everything and removes it.", style="bold"))
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


def _invitation(stage: Stage) -> str:
    return f"""\
The gateway     {stage.url}
Its file        {stage.config}
The audit log   {stage.evidence.directory}

    TOKEN=...   # one of those below
    curl -s -H "x-chroma-token: $TOKEN" \\
        {stage.url}/api/v2/tenants/default_tenant/databases/default_database/collections

    import chromadb
    from chromadb.config import Settings
    client = chromadb.HttpClient(host="{stage.host}", port={stage.port}, settings=Settings(
        chroma_client_auth_provider="chromadb.auth.token_authn.TokenAuthClientProvider",
        chroma_client_auth_credentials=TOKEN, chroma_auth_token_transport_header="X-Chroma-Token"))
    client.get_collection("{COLLECTION}", embedding_function=None).get(limit=3)

    vecgate explain -c {stage.config} --exchange ...   # the id in a refusal
    vecgate policy replay a-changed-copy-of-the-policy -c {stage.config}"""
