"""``vecgate sessions``: who did what, what came back, and who has seen a record, through the control API.

What is shown was chosen by callers of the gateway, so a terminal shows it and does not obey it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from extproc.commandline import (
    DEFAULT,
    AsJson,
    ConfigFile,
    ControlAuthority,
    ControlUrl,
    TokenFile,
    moment,
    one_line_errors,
    show,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

# ruff: noqa: PLC0415, PLR0917, T201 - see `commandline`; the command line names each option, and prints

sessions_app = typer.Typer(help="Who did what, what came back, and who has seen a record.", no_args_is_help=True)

_EXACT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
_SECOND: Final = 19  # characters of a time down to its seconds


@sessions_app.command("list")
def list_sessions(
    token_file: TokenFile,
    person: Annotated[str | None, typer.Option("--person", help="Of this person.")] = None,
    principal: Annotated[str | None, typer.Option("--principal", help="Of this caller, ISSUER#SUBJECT.")] = None,
    database: Annotated[str | None, typer.Option("--database", help="On this database.")] = None,
    collection: Annotated[str | None, typer.Option("--collection", help="On this collection.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="With this action.")] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="allow or deny.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="With this among the reasons.")] = None,
    record: Annotated[str | None, typer.Option("--record", help="That brought back the record with this id.")] = None,
    masked: Annotated[str | None, typer.Option("--masked", help="In which this field was masked.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From then on: a time, or how long ago, such as 24h.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before then.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="The most that are listed.", min=1, max=1000)] = 100,
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: AsJson = False,
) -> None:
    """List sessions, the newest first, if the administration policy lets you."""
    with one_line_errors():
        said = {
            "person": person,
            "principal": principal,
            "database": database,
            "collection": collection,
            "action": action,
            "decision": decision,
            "reason": reason,
            "record": record,
            "masked": masked,
            "since": _time(since, "--since"),
            "until": _time(until, "--until"),
        }
        asked = {name: value for name, value in said.items() if value is not None} | {"limit": limit}
        found = ask("/v1/sessions/list", asked, config, token_file, url, ca)
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        show(_listed(found["sessions"]))
        if found["until"]:
            print(f"there are more: --until {found['until']}", file=sys.stderr)


@sessions_app.command("show")
def show_session(
    session: Annotated[str, typer.Argument(help="The session's id.", metavar="ID")],
    token_file: TokenFile,
    config: ConfigFile = DEFAULT,
    url: ControlUrl = None,
    ca: ControlAuthority = None,
    as_json: AsJson = False,
) -> None:
    """Show one session: the request, the decision, what came back and what was masked."""
    with one_line_errors():
        found = ask("/v1/sessions/show", {"id": session}, config, token_file, url, ca)
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        show(_whole(found))


def ask(path: str, asked: dict[str, Any], config: Path, token_file: Path, url: str | None, ca: Path | None) -> Any:
    """Put a question to the control API and return the answer. Raises `Error`."""
    from extproc.control.client import Client

    return Client.create(config, token_file, url=url, ca=ca).post(path, asked)


def _time(text: str | None, option: str) -> str | None:
    """Return a time as leaves have it."""
    from extproc.audit.leaf import rfc3339

    return text if not text or _EXACT.fullmatch(text) else rfc3339(moment(text, option))


def _listed(sessions: list[dict[str, Any]]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("time", "who", "database", "collection", "action", "decision", "rows", "shown", "id"):
        table.add_column(name, justify="right" if name == "rows" else "left", no_wrap=name in {"time", "id"}, overflow="fold")
    for each in sessions:
        decided = " ".join([each["decision"] or each["kind"], *each["reasons"]])
        shown = f"masked: {', '.join(each['masked'])}" if each["shown"] == "masked" else ("in clear" if each["shown"] else "-")
        who = each["person"] or each["principal"] or "-"
        rows = "-" if each["rows"] is None else str(each["rows"])
        cells = (each["time"][:_SECOND], who, each["database"], each["collection"], each["action"], decided, rows, shown)
        table.add_row(*[_plain(cell or "-") for cell in (*cells, each["exchange"])])
    return table


def _whole(found: dict[str, Any]) -> RenderableType:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in _lines(found):
        table.add_row(_plain(name), _plain(value))
    return table


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is told of a session, line by line."""
    who = found["principal"]
    lines = [("session", found["id"])]
    if who is not None:
        lines += [("who", who["person"] or who["id"]), ("principal", who["id"]), ("roles", ", ".join(who["roles"]) or "-")]
    lines += [("trace", found["trace"] or "-"), ("approval", _short(found["approval"]) if found["approval"] else "-")]
    for each in found["entries"]:
        lines.append((each["kind"], f"{each['time']}  {each['log']} entry {each['entry']}"))
        if each["state"] == "erased":
            lines.append(("", "erased: who, from where, and what was recorded can be read by nobody any more"))
        ended = [each["decision"], *each["reasons"], each["end"], each["status"] and f"status {each['status']}"]
        if any(ended):
            lines.append(("", " ".join(str(word) for word in ended if word)))
        lines += [("", _operation(operation)) for operation in each["operations"]]
        lines += [("came back", _short(ids)) for ids in each["returned"] if ids]
        lines += [("decided", _short(decision)) for decision in each["decided"]]
        lines += [("detail", _short(each["detail"]))] if each["detail"] else []
    for name in ("request", "answer"):
        body = found[name]
        if body is not None:
            status = f" {body['status']}" if body.get("status") else ""
            lines.append((name, f"{body['method']} {body['target']}{status}{' (truncated)' if body.get('truncated') else ''}"))
            lines.append(("", _short(body["body"]) if "body" in body else body.get("base64", "")))
        elif any(each["state"] == "kept" for each in found["entries"]):
            lines.append((name, "not recorded"))
    return lines


def _operation(operation: dict[str, Any]) -> str:
    told = f"{operation['action']} {operation['collection'] or ''} {operation['decision']} {' '.join(operation['reasons'])}"
    if operation["rows"] is not None:
        told += f", {operation['rows']} rows"
    if operation["masked_fields"]:
        told += f", {operation['masked_values']} values masked in {', '.join(operation['masked_fields'])}"
    return told


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> Any:
    """Return a text whose characters a terminal shows and does not obey."""
    from rich.text import Text

    return Text("".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text))
