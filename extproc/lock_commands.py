"""``vecgate lock``: ends somebody's access on every worker, or gives it back, through the control API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from extproc.commandline import DEFAULT, ConfigFile, ControlAuthority, ControlUrl, TokenFile, one_line_errors

# ruff: noqa: PLR0917, T201 - the command line names each option, and prints

lock_app = typer.Typer(help="Who is locked out: access ends on every worker within a second.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@lock_app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="principal, person, role, issuer, token or database.")],
    value: Annotated[str, typer.Argument(help="Its name: of a principal ISSUER#SUBJECT, of a token its jti.")],
    token_file: TokenFile,
    note: Annotated[str, typer.Option("--note", help="Why, for whoever finds the lock later.")] = "",
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: Json = False,
) -> None:
    """Lock somebody or something out, if the administration policy lets you."""
    with one_line_errors():
        asked = {"kind": kind, "value": value, "note": note}
        _show([_ask("/v1/locks", asked, config, token_file, url, ca)], as_json=as_json)


@lock_app.command("lift")
def lift(
    lock: Annotated[str, typer.Argument(help="The lock's id.", metavar="ID")],
    token_file: TokenFile,
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: Json = False,
) -> None:
    """Lift a lock; access is back within a second."""
    with one_line_errors():
        _show([_ask("/v1/locks/lift", {"id": lock}, config, token_file, url, ca)], as_json=as_json)


@lock_app.command("list")
def show(
    token_file: TokenFile,
    lifted: Annotated[bool, typer.Option("--lifted", help="Those that were lifted too.")] = False,
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: Json = False,
) -> None:
    """List the locks that hold, the newest first."""
    with one_line_errors():
        _show(_ask("/v1/locks/list", {"lifted": lifted}, config, token_file, url, ca), as_json=as_json)


def _ask(path: str, asked: dict[str, Any], config: Path, token_file: Path, url: str | None, ca: Path | None) -> Any:
    from extproc.control.client import Client  # noqa: PLC0415 - only these commands need it

    return Client.create(config, token_file, url=url, ca=ca).post(path, asked)


def _show(locks: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(locks, ensure_ascii=False, indent=2))
        return
    for lock in locks:
        since = datetime.fromtimestamp(lock["set_at"], UTC).strftime("%Y-%m-%d %H:%M")
        ended = "" if lock["lifted_at"] is None else f", lifted by {lock['lifted_by']}"
        note = f": {lock['note']}" if lock["note"] else ""
        print(f"{lock['id']}  {lock['kind']} {lock['value']}  since {since} UTC by {lock['set_by']}{ended}{note}")
