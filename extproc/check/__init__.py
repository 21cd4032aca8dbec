"""Everything that can be known to be wrong before the first request: configuration, secrets, keys, policy, Envoy.

`check` raises on what would not work or would not be safe, and returns warnings about what is allowed but should not surprise
anybody. It changes nothing but the socket's directory, which it makes when absent.
"""

from __future__ import annotations

import asyncio
import csv
import difflib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Final, get_args, get_type_hints

from extproc import bootstrap
from extproc.administration import Act
from extproc.check.issuers import issuer_warnings
from extproc.check.policy_words import Kind, Word, policy_words
from extproc.check.secrets import secret_warnings
from extproc.config import load
from extproc.config.types import Config, Database, EngineName
from extproc.configured import ADMINISTRATION, administers, looked_up, mirror_task, opa_server, open_safe
from extproc.decision import STRENGTH
from extproc.detectors import catalogue
from extproc.engines.build import build
from extproc.engines.bundle import Bundle, read_bundle
from extproc.engines.opa import OpaEngine
from extproc.engines.opa_program import require_loads
from extproc.engines.process import Process
from extproc.engines.signature import SigningKey
from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError, Error
from extproc.operation import Operation, Principal
from extproc.private import private_directory, write_private
from extproc.protocols import credential_headers

_VALIDATE_TIMEOUT: Final = 60.0
_OPA_TIMEOUT: Final = 5.0
_CONDITIONS: Final = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "in", "nin", "and", "or", "not"})
_SCOPES: Final = frozenset({"cluster", "collection", "database", "records"})
_CALLERS: Final = frozenset({"everyone", "role:", "group:", "kind:human", "kind:workload"})


def check(path: Path) -> list[str]:
    """Check the configuration at `path` and all that it names; return warnings, one line each. Raises `ConfigError`."""
    config = load(path)
    warnings = [warning for database in config.databases for warning in _database_warnings(database)]
    warnings += issuer_warnings(config)
    warnings += secret_warnings(config)
    mirror_task(config, "worker-0", open_safe(config))  # raises where a library is missing
    private_directory(config.service.socket.parent)
    _check_writable(config.audit.directory, "the audit log")
    if config.store.path is not None:
        _check_writable(config.store.path.parent, "the store")
    warnings += _check_policy(config)
    _check_envoy(config)
    otlp = config.audit.otlp
    if otlp is not None and not otlp.tls and not otlp.loopback:
        warnings.append("audit.otlp is http:// off loopback, so user ids in spans cross in clear")
    return warnings


def _database_warnings(database: Database) -> Iterator[str]:
    if not database.upstream.tls and not database.upstream.loopback:
        yield f"database {database.name}: its upstream is http:// off loopback, so key and records cross in clear"
    if database.tls and database.tls.insecure:
        yield f"database {database.name}: `insecure: true`: something else must encrypt what clients send"
    if database.enforcement == "observe":
        yield f"database {database.name}: `enforcement: observe`: NO decision is enforced, and whoever has a token may do all"
    if database.credential is None:
        yield f"database {database.name}: no `credential`, so the database itself admits whoever reaches it past the gateway"


def _check_writable(directory: Path, what: str) -> None:
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"{directory}: {what} cannot be written there; choose a directory that you own")


def _check_policy(config: Config) -> Iterator[str]:
    policy = config.policy
    if policy.bundle is not None:
        source = Source(path=policy.bundle, library=policy.library, key=policy.verification_key)
        files = source.files()
        bundle = read_bundle(files, source.path)
        entrypoints = (policy.entrypoint, *([ADMINISTRATION] if administers(bundle) else []))
        if policy.engine == "embedded":
            _check_in_process(bundle, entrypoints)
        elif policy.opa.managed:
            key = SigningKey.create()
            archive = build(files, source.path, key).archive
            for entrypoint in entrypoints:
                require_loads(archive, key.public(), entrypoint)
        _check_words(config, policy_words(files, source.place))
    if policy.engine == "opa" and not policy.opa.managed:
        yield from asyncio.run(_opa_warnings(config))


def _check_in_process(bundle: Bundle, entrypoints: Iterable[str]) -> None:
    try:
        for entrypoint in entrypoints:
            process = Process(bundle, entrypoint)
            process.start()
            process.stop()
    except Error as error:
        raise ConfigError(f"policy: {' '.join(str(error).split())}") from error


def _check_words(config: Config, words: list[Word]) -> None:
    known = _vocabulary(config)
    for word in words:
        if word.text not in known[word.kind]:
            raise ConfigError(_unknown_word(word, sorted(known[word.kind])))
    keyed = next((word for word in words if word.kind == "operator" and word.text in {"hash", "token"}), None)
    if keyed and not config.masking.keys:
        raise ConfigError(f"{keyed.place}: masks with `{keyed.text}`, which needs a key; name one in masking.keys")


async def _opa_warnings(config: Config) -> list[str]:
    """Ask an OPA of somebody else's once: it need not run yet, but nobody should be surprised that all is denied until then."""
    engine = OpaEngine(opa_server(config, looked_up(config)), config.policy.entrypoint, _OPA_TIMEOUT)
    try:
        await engine.look()
    except EngineError as error:
        return [f"policy.opa: {config.policy.opa.url}: {error}; until that changes, every request is denied"]
    finally:
        await engine.close()
    return []


def _vocabulary(config: Config) -> dict[Kind, frozenset[str]]:
    with (resources.files("extproc.protocols") / "operations.csv").open(encoding="utf-8") as file:
        actions = frozenset(row["action"] for row in csv.DictReader(file))
    return {
        "action": actions,
        "act": frozenset(get_args(Act)),
        "database": frozenset(database.name for database in config.databases),
        "engine": frozenset(get_args(EngineName)),
        "scope": _SCOPES,
        "selector": _literals(Operation, "selector"),
        "probe": _literals(Operation, "probe"),
        "kind": _literals(Principal, "kind"),
        "operator": frozenset(STRENGTH) - {"partial"},
        "condition": _CONDITIONS,
        "entity": catalogue(config.detection).entities,
        "caller": _CALLERS,
    }


def _literals(struct: type, member: str) -> frozenset[str]:
    """Return the words that a member of the policy input may be."""
    return frozenset(get_args(get_type_hints(struct)[member]))


def _unknown_word(word: Word, known: list[str]) -> str:
    near = difflib.get_close_matches(word.text, known, n=1, cutoff=0)
    return f"{word.place}: there is no {word.kind} `{word.text}`, so the rule would never hold; the nearest is `{near[0]}`"


def _check_envoy(config: Config) -> None:
    document = bootstrap.text(config, credential_headers()).encode()
    program = bootstrap.envoy_program()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "envoy.json"
        write_private(path, document, replace=False)
        command = [str(program), "--mode", "validate", "-c", str(path), "--log-level", "error"]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=_VALIDATE_TIMEOUT)  # noqa: S603  # our own program
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"{program}: did not start or did not end; see that it is Envoy 1.40 or newer") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise ConfigError(f"Envoy refuses the bootstrap: {said}")
