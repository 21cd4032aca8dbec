"""``vecgate audit erase``: destroys the keys of what is on record of somebody, through the control API."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from extproc.commandline import DEFAULT, AsJson, ConfigFile, ControlAuthority, ControlUrl, TokenFile, one_line_errors

# ruff: noqa: PLC0415, PLR0917, T201 - see `commandline`; the command line names each option, and prints


@one_line_errors()
def erase(
    token_file: TokenFile,
    reason: Annotated[str, typer.Option("--reason", help="Why; the receipt says so. Name nobody in it.")] = "",
    principal: Annotated[str | None, typer.Option("--principal", help="The entries of a caller, ISSUER#SUBJECT.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="Those of a person.")] = None,
    record: Annotated[str | None, typer.Option("--record", help="Those that tell of the record with this id.")] = None,
    recording: Annotated[str | None, typer.Option("--recording", help="Those of one session, by its id.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="Only of this database.")] = None,
    collection: Annotated[str | None, typer.Option("--collection", help="Only of this collection.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only say how many entries that would be.")] = False,
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: AsJson = False,
) -> None:
    """Erase entries for good: they can be read by nobody any more, and the logs still verify."""
    from extproc.control.client import Client

    said = {
        "principal": principal,
        "person": person,
        "record": record,
        "recording": recording,
        "database": database,
        "collection": collection,
    }
    if sum(said[name] is not None for name in ("principal", "person", "record", "recording")) != 1:
        raise typer.BadParameter("say one of them", param_hint="--principal, --person, --record, --recording")
    if not preview and not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    asked = {name: value for name, value in said.items() if value is not None} | {"reason": reason, "preview": preview}
    found = Client.create(config, token_file, url=url, ca=ca).post("/v1/erase", asked)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    verb = "would be" if found["preview"] else "were"
    own = ", this request's own among them" if recording is None else ""
    print(f"{found['entries']} entries {verb} erased{own}")
    for log, count in sorted(found["logs"].items()):
        print(f"  {log}: {count}")
