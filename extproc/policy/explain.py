"""The command `vecgate explain`: reads its arguments, and calls what explains a request, a policy input or an exchange."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from extproc.commandline import DEFAULT, AsJson, ConfigFile, moment, one_line_errors, show
from extproc.errors import ConfigError

if TYPE_CHECKING:
    from extproc.config.types import Config
    from extproc.policy.explainer import Explainer
    from extproc.policy.explanation import Explanation

# ruff: noqa: PLC0415 - see `commandline`


def explain(  # noqa: PLR0917 - the command line names each
    config: ConfigFile = DEFAULT,
    subject: Annotated[str, typer.Option("--subject", help="Who asks.")] = "",
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of theirs; may be repeated.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group of theirs; may be repeated.")] = None,
    claim: Annotated[list[str] | None, typer.Option("--claim", help="NAME=VALUE, a claim; may be repeated.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="What tells this person apart, mostly an email.")] = None,
    kind: Annotated[Literal["human", "workload"], typer.Option("--kind", help="Whether a person or a program asks.")] = "human",
    issuer: Annotated[str | None, typer.Option("--issuer", help="Who vouches for them, where there are several.")] = None,
    token: Annotated[Path | None, typer.Option("--token", help="A file with a token of theirs, in the place of these.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Which database, where there are several.")] = None,
    method: Annotated[str, typer.Option("--method", help="The request's method; POST where there is a body, else GET.")] = "",
    path: Annotated[str, typer.Option("--path", help="Its path and query.")] = "",
    body: Annotated[Path | None, typer.Option("--body", help="A file with its body.")] = None,
    source: Annotated[str, typer.Option("--source", help="The client's IP address.")] = "127.0.0.1",
    user_agent: Annotated[str, typer.Option("--user-agent", help="The client's user agent.")] = "",
    at: Annotated[str, typer.Option("--at", help="When it is asked, such as 2026-11-24T08:00Z; now by default.")] = "",
    collection: Annotated[
        str | None, typer.Option("--collection", help="The collection's name, where only its id is sent.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the database itself what only it knows.")] = False,
    given: Annotated[
        Path | None, typer.Option("--input", help="A file with a policy input, in the place of a request.")
    ] = None,
    exchange: Annotated[str, typer.Option("--exchange", help="A recorded exchange's id, in the place of a request.")] = "",
    for_caller: Annotated[bool, typer.Option("--for-caller", help="Only what may be told to whoever was refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what would be decided for a caller and a request, or was, by which rules, and what the gateway makes of it."""
    from extproc.config import load
    from extproc.policy.asking import Caller, Supposed, Wire
    from extproc.policy.explainer import Explainer

    if sum(map(bool, (path, given, exchange))) != 1:
        raise typer.BadParameter("give one of --path, --input and --exchange", param_hint="--path")
    if path and not subject and token is None:
        raise typer.BadParameter("say who asks, or name a token", param_hint="--subject")
    now_ns = moment(at, "--at") or time.time_ns()
    with one_line_errors():
        read = load(config)
        explainer = Explainer(read)
        if exchange:
            found = _exchange(read, explainer, exchange)
        elif given is not None:
            found = asyncio.run(explainer.input(_read(given)))
        else:
            caller = Caller(
                subject=subject,
                roles=tuple(role or ()),
                groups=tuple(group or ()),
                person=person,
                workload=kind == "workload",
                claims=dict(map(_claim, claim or ())),
                issuer=issuer,
                token=_read(token).decode("ascii", "replace") if token else None,
            )
            sent = _read(body) if body else b""
            wire = Wire(
                method=method or ("POST" if sent else "GET"), target=path, body=sent, source=source, user_agent=user_agent
            )
            supposed = None if ask else Supposed(collection=collection)
            found = asyncio.run(explainer.request(_database(read, database), caller, wire, now_ns, supposed))
    _show(found, for_caller=for_caller, as_json=as_json)


def _exchange(config: Config, explainer: Explainer, exchange: str) -> Explanation:
    from extproc.policy.records import recalled

    with recalled(config, 0, lambda leaf: leaf.exchange == exchange) as entries:
        return explainer.exchange([each for each in entries if each.leaf])


def _show(found: Explanation, *, for_caller: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from extproc.policy import documents, drawing
    from extproc.policy.explanation import advice

    if for_caller:
        told = advice(found)
        untold = "Whether it is refused only the database knows." if found.undecided else "The request is not refused."
        document = asdict(told) if told else {"reason": None, "undecided": found.undecided}
        show(drawing.advised(told) if told else untold, document if as_json else None)
    else:
        show(drawing.explained(found), documents.explained(found) if as_json else None)


def _database(config: Config, name: str | None) -> str:
    if name is None and len(config.databases) > 1:
        raise ConfigError(f"name the --database, one of {', '.join(each.name for each in config.databases)}")
    return name or config.databases[0].name


def _claim(text: str) -> tuple[str, Any]:
    """Return the name and the value of a claim: JSON where it is some, else the text itself."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _read(path: Path) -> bytes:
    """Return what is in a file, or, of ``-``, what comes in."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
