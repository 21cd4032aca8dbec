"""The command line. Each command reads its arguments, calls one function, and turns an `Error` into one line and exit 1."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from extproc import __version__, auditor
from extproc import config as configuration
from extproc.commandline import DEFAULT, ConfigFile, ControlAuthority, ControlUrl, TokenFile, one_line_errors
from extproc.erase_command import erase
from extproc.errors import ConfigError
from extproc.lock_commands import lock_app
from extproc.policy import commands as policy_commands
from extproc.policy.explain import explain
from extproc.session_commands import sessions_app

# ruff: noqa: PLC0415 - see `commandline`

app = typer.Typer(
    name="vecgate",
    help="A data-path security gateway for vector databases.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="The configuration file itself.")
policy_app = policy_commands.app
app.add_typer(config_app, name="config")
app.add_typer(policy_app, name="policy")
app.add_typer(auditor.app, name="audit")
app.command()(explain)
mask_app = typer.Typer(help="Masks, and what is behind those that can be undone.")
app.add_typer(mask_app, name="mask")
app.add_typer(lock_app, name="lock")
app.add_typer(sessions_app, name="sessions")
auditor.app.command()(erase)


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

    with one_line_errors():
        raise typer.Exit(run(once=once, policy=policy))


@app.command()
def up(config: ConfigFile = DEFAULT) -> None:
    """Run Envoy and the workers in the foreground; print "ready" when all listeners answer."""
    from extproc.up import run

    with one_line_errors():
        raise typer.Exit(run(config))


@app.command()
def serve(config: ConfigFile = DEFAULT, index: Annotated[int, typer.Option("--worker", hidden=True)] = 0) -> None:
    """Run the ext_proc service alone, on its private socket."""
    # Before gRPC is loaded: its older listener reads from sockets in the thread that hands messages over, one waking less a
    # message, which is a fifth of what a stream costs. Where it is not known any more, it is ignored.
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    from extproc import worker

    with one_line_errors():
        read = configuration.load(config)
        if not 0 <= index < read.workers:
            raise typer.BadParameter(f"there are {read.workers} workers", param_hint="--worker")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(worker.serve(read, index))


@app.command()
def control(config: ConfigFile = DEFAULT) -> None:
    """Run the control API alone, on its private socket."""
    from extproc.control.service import serve

    with one_line_errors(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(configuration.load(config)))


@app.command()
def envoy(config: ConfigFile = DEFAULT) -> None:
    """Print the Envoy bootstrap."""
    from extproc import bootstrap, discovery, protocols

    with one_line_errors():
        read = discovery.resolve(configuration.load(config))
        print(bootstrap.text(read, protocols.credential_headers()), end="")


@app.command()
def check(config: ConfigFile = DEFAULT) -> None:
    """Validate the configuration, the policy and what they name; exit 1 when something does not hold."""
    from extproc.check import check as complaints

    with one_line_errors():
        for warning in complaints(config):
            print(f"warning: {warning}", file=sys.stderr)
    print(f"{config}: ok")


@app.command()
def token(  # noqa: PLR0917 - the command line names each
    key: Annotated[Path, typer.Option("--key", help="The private key, a file.")],
    subject: Annotated[str, typer.Option("--subject", help="Who the token is for.")] = "",
    config: ConfigFile = DEFAULT,
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of the subject; may be repeated.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group of the subject; may be repeated.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="What tells this person apart, mostly an email.")] = None,
    lifetime: Annotated[str, typer.Option("--lifetime", help="How long the token is good, such as 15m.")] = "15m",
    issuer: Annotated[str | None, typer.Option("--issuer", help="The issuer, where several are marked demo.")] = None,
    create_key: Annotated[bool, typer.Option("--create-key", help="Only write a new private key.")] = False,
    jwks: Annotated[bool, typer.Option("--jwks", help="Only print the public keys, for the issuer's jwks.file.")] = False,
) -> None:
    """Print a signed token of an issuer whose private key lies here; the issuer must be marked `demo: true`."""
    from extproc import token as minting
    from extproc.decision import duration

    with one_line_errors():
        if create_key:
            minting.create_key(key)
        elif jwks:
            print(minting.jwks(key), end="")
        elif not subject:
            raise typer.BadParameter("say who the token is for", param_hint="--subject")
        else:
            try:
                seconds = int(duration(lifetime))
            except ValueError as error:
                raise typer.BadParameter(str(error), param_hint="--lifetime") from error
            found = minting.demo_issuer(configuration.load(config), issuer)
            now = int(time.time())
            print(
                minting.mint(
                    key, found, subject, now=now, lifetime=seconds, roles=role or (), groups=group or (), person=person
                )
            )


@app.command()
def detect(
    file: Annotated[Path | None, typer.Argument(help='Lines of {"text": …}; standard input where it is left out.')] = None,
    entities: Annotated[
        str | None, typer.Option(help="What to look for, such as EMAIL_ADDRESS,URL; all patterns else.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Take recognisers and threshold from this.")] = None,
) -> None:
    """Find personal data and secrets in texts: JSON lines in, JSON lines out."""
    from extproc.config.types import Detection
    from extproc.detect import lines
    from extproc.detectors import catalogue

    with one_line_errors():
        known = catalogue(configuration.load(config).detection if config else Detection())
        wanted = set(filter(None, (entities or "").split(","))) or known.patterned
        if unknown := wanted - known.entities:
            raise typer.BadParameter(f"nothing recognises {', '.join(sorted(unknown))}", param_hint="--entities")
        try:
            with file.open("rb") if file else nullcontext(sys.stdin.buffer) as given:
                for line in lines(given, known.detector(wanted)):
                    sys.stdout.buffer.write(line)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    from extproc.config.schema import schema as described

    print(json.dumps(described(), indent=2))


@mask_app.command()
def reveal(  # noqa: PLR0917 - the command line names each
    tokens: Annotated[list[str], typer.Argument(help="Masks of the form [token:…].", metavar="TOKEN…")],
    token_file: TokenFile,
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: Annotated[bool, typer.Option("--json", help="Also say where each value was, as JSON lines.")] = False,
) -> None:
    """Print the values behind tokens, one a line, if the administration policy lets you see their fields."""
    from extproc.control.client import Client

    with one_line_errors():
        client = Client.create(config, token_file, url=url, ca=ca)
        for mask in tokens:
            found = client.post("/v1/masks/reveal", {"token": mask})
            print(json.dumps(found if as_json else found["value"], ensure_ascii=False))


def main() -> None:
    """Run the command line. Bad use is one line on standard error and exit status 2."""
    try:
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        said = getattr(error, "format_message", error.__str__)().partition("\n")[0].rstrip(".")
        print(f"vecgate: {said}. Try: {context.command_path if context else 'vecgate'} --help", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
