"""The commands of an auditor: verify, prove, and the keys that verify. Each reads its arguments and calls one function.

Like `__main__`, it loads what a command needs only when that command runs.
"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extproc.commandline import DEFAULT, AsJson, one_line_errors
from extproc.errors import AuditError

if TYPE_CHECKING:
    from extproc.audit.audition import Audition, Progress
    from extproc.audit.note import Verifier
    from extproc.audit.verification import Verified
    from extproc.config.types import Config

# ruff: noqa: PLC0415 - see `commandline`

app = typer.Typer(help="Evidence: whether it holds, and proofs of it.")

Directory = Annotated[Path, typer.Argument(help="The audit directory, or a .tlog-proof file.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="A configuration whose signing keys count.")]
Keys = Annotated[list[str] | None, typer.Option("--key", help="A verifier key that counts: NAME+ID+KEY; may be repeated.")]


@app.command()
@one_line_errors()
def verify(  # noqa: PLR0917 - the command line names each
    directory: Directory,
    since: Annotated[list[Path] | None, typer.Option("--since", help="An earlier checkpoint; may be repeated.")] = None,
    key: Keys = None,
    config: ConfigFile = None,
    leaves_only: Annotated[bool, typer.Option("--leaves-only", help="There is only log/, without private/.")] = False,
    mirrored: Annotated[bool, typer.Option("--mirrored", help="It is a copy of a mirror: no keys, no last segment.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify every log below a directory, or one proof; exit 1 and name the first thing that does not hold."""
    from extproc.audit.audition import Auditor, read_checkpoint

    keys = _verifiers(key, config, directory)
    if directory.is_file():
        _verify_proof(directory, keys, as_json=as_json)
        return
    earlier = [read_checkpoint(path) for path in since or ()]
    auditor = Auditor(directory=directory, keys=keys, since=earlier, leaves_only=leaves_only, mirrored=mirrored)
    with _progress() as progress:
        found = auditor.audit(progress)
    if not keys:
        print("warning: no key was named, so the logs hold together, but whose they are is their own word", file=sys.stderr)
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        for worker, verified in found.verified.items():
            if worker not in found.findings:
                print(f"{verified.origin}: {_told(verified)}")
    for finding in found.findings.values():
        print(f"vecgate: {finding}", file=sys.stderr)
    if found.findings:
        raise typer.Exit(1)


@app.command()
@one_line_errors()
def prove(
    directory: Annotated[Path, typer.Argument(help="The audit directory.")],
    worker: Annotated[str, typer.Argument(help="The worker whose log it is, such as worker-0.")],
    entry: Annotated[
        int | None, typer.Option("--entry", help="Prove that the entry with this index is in the log.", min=0)
    ] = None,
    since: Annotated[Path | None, typer.Option("--since", help="Prove that the log grew from this checkpoint.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; printed without.")] = None,
) -> None:
    """Print a proof: of an entry as a c2sp.org/tlog-proof, of growth as a witness takes it."""
    from extproc.audit import proofs
    from extproc.audit.audition import read_checkpoint
    from extproc.audit.checkpoint import Checkpoint
    from extproc.audit.journal import Place
    from extproc.audit.note import Unverified
    from extproc.audit.published import Published

    if (entry is None) == (since is None):
        raise typer.BadParameter("say one of them", param_hint="--entry, --since")
    published = Published(Place.of(directory, worker).log)
    shown = published.note()
    if shown is None:
        raise AuditError(f"{directory}: there is no checkpoint of {worker}")
    try:
        if since is not None:
            proof = proofs.consistency(published, Checkpoint.parse(read_checkpoint(since).text), shown)
        else:
            proof = proofs.inclusion(published, shown, entry or 0)
    except Unverified as error:
        raise AuditError(str(error)) from error
    if output is None:
        print(proof, end="")
    else:
        output.write_text(proof)


@app.command()
@one_line_errors()
def key(config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = DEFAULT) -> None:
    """Print the verifier key of each log."""
    from extproc import config as configuration
    from extproc.audit import reader

    read = configuration.load(config)
    workers = dict.fromkeys([f"worker-{index}" for index in range(read.workers)] + reader.workers(read.audit.directory))
    for worker in workers:
        print(_configured_keys(read, [worker])[0])


def _verifiers(named: list[str] | None, config: Path | None, directory: Path) -> list[Verifier]:
    """Return the keys that count: those named, or of a configuration that is named, or beside and not about another place."""
    from extproc import config as configuration
    from extproc.audit import reader
    from extproc.audit.note import Unverified, Verifier

    try:
        found = [Verifier.parse(text) for text in named or ()]
    except Unverified as error:
        raise AuditError(str(error)) from error
    if found or (config is None and not DEFAULT.exists()):
        return found
    read = configuration.load(config or DEFAULT)
    if config is None and directory.is_dir() and read.audit.directory.resolve() != directory.resolve():
        return []
    return _configured_keys(read, reader.workers(directory if directory.is_dir() else read.audit.directory))


def _configured_keys(config: Config, workers: list[str]) -> list[Verifier]:
    from extproc.audit.keys import Keys as Held
    from extproc.audit.note import Signer

    held = Held.load(config.audit.sealing_key, config.audit.signing_key, config.audit.retiring_keys)
    return [Signer.load(f"{config.audit.origin}/{worker}", pem).verifier for worker in workers for pem in held.signing]


def _verify_proof(path: Path, keys: list[Verifier], *, as_json: bool) -> None:
    from extproc.audit import proofs
    from extproc.audit.note import Unverified

    try:
        proven = proofs.verify(path.read_text(), keys)
    except (Unverified, UnicodeDecodeError) as error:
        raise AuditError(f"{path}: {error}") from error
    if as_json:
        print(json.dumps({"log": proven.checkpoint.origin, "index": proven.place, "leaf": json.loads(proven.leaf)}, indent=2))
    else:
        print(f"{proven.checkpoint.origin}: entry {proven.place} is in the log of {proven.checkpoint.size}")
        print(proven.leaf.decode())


def _told(verified: Verified) -> str:
    told = f"{verified.size} entries hold"
    if verified.signed.witnesses:
        told += f", cosigned by {', '.join(_cosigned(each.name, when) for each, when in verified.signed.witnesses.items())}"
    if verified.erased:
        told += f"; {len(verified.erased)} are erased"
    if verified.waiting:
        told += f"; {verified.waiting} more are under no checkpoint yet"
    return told


def _cosigned(name: str, when: int) -> str:
    return f"{name} at {datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _as_json(found: Audition) -> dict[str, Any]:
    return {
        "ok": not found.findings,
        "logs": [
            {
                "log": verified.origin,
                "size": verified.size,
                "waiting": verified.waiting,
                "erased": len(verified.erased),
                "keys": [str(each) for each in verified.signed.keys],
                "witnesses": {each.name: when for each, when in verified.signed.witnesses.items()},
            }
            for verified in found.verified.values()
        ],
        "findings": [
            {"log": worker, "place": finding.place, "index": finding.index, "what": finding.what}
            for worker, finding in found.findings.items()
        ],
    }


def _progress() -> AbstractContextManager[Progress]:
    """Return what shows a bar for each log on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _log, _done, _all: None)
    from extproc.progress import bars

    return bars()
