"""The command line. Each command reads its arguments, calls one function, and turns an `Error` into one line and exit 1."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from extproc import __version__
from extproc import config as configuration
from extproc.errors import Error

# What only one command needs is imported by that command: a worker need not load what renders Envoy's configuration.
# ruff: noqa: PLC0415

app = typer.Typer(
    name="vecgate",
    help="A data-path security gateway for vector databases.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="The configuration file itself.", no_args_is_help=True)
app.add_typer(config_app, name="config")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
DEFAULT = Path("vecgate.yaml")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn an `Error` into one line on standard error and exit status 1."""
    try:
        yield
    except Error as error:
        print(f"vecgate: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _version(wanted: bool) -> None:
    if wanted:
        print(f"vecgate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    del version


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Leave when the story is told; exit 0 when every step held.")] = False,
    policy: Annotated[Path | None, typer.Option(help="Policy directory to show instead of the starter policy.")] = None,
) -> None:
    """Show the main job on embedded parts and lifelike data."""
    from extproc.demo import run

    with _one_line_errors():
        raise typer.Exit(run(once=once, policy=policy))


@app.command()
def up(config: ConfigFile = DEFAULT) -> None:
    """Run Envoy and the workers in the foreground; print "ready" when all listeners answer."""
    from extproc.up import run

    with _one_line_errors():
        raise typer.Exit(run(config))


@app.command()
def serve(config: ConfigFile = DEFAULT, index: Annotated[int, typer.Option("--worker", hidden=True)] = 0) -> None:
    """Run the ext_proc service alone, on its private socket."""
    from extproc import worker

    with _one_line_errors():
        read = configuration.load(config)
        if not 0 <= index < read.workers:
            raise typer.BadParameter(f"there are {read.workers} workers", param_hint="--worker")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(worker.serve(read, index))


@app.command()
def envoy(config: ConfigFile = DEFAULT) -> None:
    """Print the Envoy bootstrap."""
    from extproc import bootstrap, protocols

    with _one_line_errors():
        read = configuration.load(config)
        print(bootstrap.text(read, protocols.credential_headers()), end="")


@app.command()
def check(config: ConfigFile = DEFAULT) -> None:
    """Validate the configuration, the policy and what they name; exit 1 when something does not hold."""
    from extproc.check import check as complaints

    with _one_line_errors():
        for warning in complaints(config):
            print(f"warning: {warning}", file=sys.stderr)
    print(f"{config}: ok")


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    from extproc import config_schema

    print(json.dumps(config_schema.schema(), indent=2))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
