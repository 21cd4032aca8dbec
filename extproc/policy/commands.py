"""The commands `vecgate policy …`. Each reads its arguments and calls one function."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from extproc.commandline import DEFAULT, AsJson, ConfigFile, Since, moment, one_line_errors, show

if TYPE_CHECKING:
    from extproc.config.types import Config
    from extproc.engines.source import Source
    from extproc.policy.replay import Replay

# ruff: noqa: PLC0415 - see `commandline`

app: Final = typer.Typer(help="Policies, before they decide anything.")

PolicyDirectory = Annotated[Path, typer.Argument(help="The directory of .rego and data files.")]
PolicyLibrary = Annotated[Path | None, typer.Option("--library", help="A directory of rules that it is read together with.")]
Entrypoint = Annotated[str, typer.Option("--entrypoint", help="The rule that is the decision.")]
EngineKind = Literal["embedded", "opa"]
DEFAULT_POLICY: Final = Path("rego")
DEFAULT_RULE: Final = "vecgate/authz/decision"


@app.command()
def build(  # noqa: PLR0917 - the command line names each
    directory: PolicyDirectory = DEFAULT_POLICY,
    key: Annotated[Path, typer.Option("--key", help="The private key that signs, a file.")] = Path("policy.key"),
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle file.")] = Path("policy.tar.gz"),
    revision: Annotated[str | None, typer.Option("--revision", help="What you call it; its digest is added.")] = None,
    library: PolicyLibrary = None,
    entrypoint: Entrypoint = DEFAULT_RULE,
    create_key: Annotated[bool, typer.Option("--create-key", help="Only write a new private key.")] = False,
    public_key: Annotated[bool, typer.Option("--public-key", help="Only print what verifies the bundle.")] = False,
) -> None:
    """Build a signed bundle file, which OPA and the embedded engine verify; OPA tries it first."""
    from extproc.engines.source import Source
    from extproc.policy import bundling

    with one_line_errors():
        if create_key:
            bundling.create_key(key)
        elif public_key:
            print(bundling.public_key(key), end="")
        else:
            source = Source(path=directory, library=library)
            named = bundling.write_bundle(source, key, output, entrypoint=entrypoint, name=revision)
            print(f"{output}: {named}")


@app.command("test")
def try_out(  # noqa: PLR0917 - the command line names each
    directory: PolicyDirectory = DEFAULT_POLICY,
    library: PolicyLibrary = None,
    entrypoint: Entrypoint = DEFAULT_RULE,
    threshold: Annotated[float, typer.Option("--threshold", help="Least coverage, in percent.")] = 0.0,
    opa_only: Annotated[bool, typer.Option("--opa-only", help="For a policy that is for OPA alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a policy's tests on OPA, with coverage, and put their inputs to both engines; exit 1 where something fails."""
    from dataclasses import asdict

    from extproc.engines.source import Source
    from extproc.policy.trial import try_policy

    with one_line_errors():
        trial = try_policy(Source(path=directory, library=library), entrypoint, embedded=not opa_only)
    complaints = list(trial.complaints(threshold))
    if as_json:
        print(json.dumps({"ok": not complaints} | asdict(trial), indent=2))
    else:
        passed = sum(each.outcome == "pass" for each in trial.tests)
        covered = "" if trial.coverage is None else f", coverage {trial.coverage:g} %"
        print(f"OPA: {passed} of {len(trial.tests)} tests pass{covered}")
        if not opa_only and not trial.refused:
            print(f"both engines: {trial.inputs - len(trial.differences)} of {trial.inputs} inputs of the tests decided alike")
        for complaint in complaints:
            print(f"vecgate: {complaint}", file=sys.stderr)
    if complaints:
        raise typer.Exit(1)


@app.command()
def observed(config: ConfigFile = DEFAULT, since: Since = "", as_json: AsJson = False) -> None:
    """Report what enforcement would have refused, narrowed and masked on databases with `enforcement: observe`."""
    from extproc.config import load
    from extproc.policy import documents, drawing
    from extproc.policy import observed as observing
    from extproc.policy.records import judge_of, recalled

    begin = moment(since)
    with one_line_errors():
        read = load(config)
        with recalled(read, begin, observing.wanted) as entries:
            found = observing.report(entries, judge_of(read))
    show(drawing.observed(found), documents.observed(found) if as_json else None)


@app.command()
def replay(  # noqa: PLR0917 - the command line names each
    directory: Annotated[Path | None, typer.Argument(help="The candidate: a directory, or a signed bundle file.")] = None,
    config: ConfigFile = DEFAULT,
    library: PolicyLibrary = None,
    since: Since = "",
    engine: Annotated[EngineKind, typer.Option("--engine", help="What evaluates the candidate.")] = "embedded",
    suggest: Annotated[
        bool,
        typer.Option("--suggest", help="Draft grants, as YAML, for what was let through; of that, what a candidate refuses."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put what is on record to a candidate policy: who gains, who loses, which fields become clear."""
    from extproc.config import load
    from extproc.engines.source import Source
    from extproc.policy import documents, drawing
    from extproc.policy.suggestion import draft

    if directory is None and not suggest:
        raise typer.BadParameter("name the candidate's directory", param_hint="DIRECTORY")
    if suggest and as_json:
        raise typer.BadParameter("a draft is YAML", param_hint="--json")
    begin = moment(since)
    with one_line_errors():
        read = load(config)
        key = read.policy.verification_key if directory and directory.is_file() else None
        source = Source(path=directory, library=library, key=key) if directory else None
        found, revision = asyncio.run(_replayed(read, source, engine, begin))
    if suggest:
        print(draft(found.seen), end="")
    else:
        show(drawing.replayed(found, revision), documents.replayed(found, revision) if as_json else None)


async def _replayed(config: Config, source: Source | None, engine: EngineKind, begin: int) -> tuple[Replay, str]:
    """Return what came of a candidate, and its revision; without one, what was seen."""
    from extproc.policy import replay as replaying
    from extproc.policy.candidate import candidate
    from extproc.policy.records import judge_of, recalled

    judge = judge_of(config)
    with recalled(config, begin, replaying.wanted) as entries:
        if source is None:
            return await replaying.replay(entries, None, judge), ""
        async with candidate(source, config.policy.entrypoint, engine) as decides:
            return await replaying.replay(entries, decides, judge), decides.revision
