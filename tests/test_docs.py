"""The documentation says what is so: configurations load, commands run, policies compile, tables are complete."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from chromadb.errors import error_types

from extproc import auditor
from extproc.__main__ import app, policy_app
from extproc.audit import spans
from extproc.audit.leaf import Leaf
from extproc.config import load
from extproc.config.evidence import Mirror
from extproc.config.schema import schema
from extproc.decision import decode
from extproc.demo.tickets import tickets
from extproc.errors import Error
from extproc.protocols import chroma_errors, routes
from extproc.protocols.adapter import Denial
from extproc.protocols.chroma_forms import SHAPES
from extproc.protocols.qdrant_methods import CALLS
from extproc.protocols.qdrant_rows import SHAPES as QDRANT_SHAPES
from extproc.session_commands import sessions_app
from support.docs import DOCUMENTS, ROOT, Block, blocks, commands, tables
from support.gateway import merge
from support.issuer import TestIssuer

README = ROOT / "README.md"
LANGUAGES = {"json", "python", "rego", "sh", "text", "yaml"}
GROUPS = {"": app, "policy ": policy_app, "audit ": auditor.app, "sessions ": sessions_app}
CHROMA_PREFIX = "/api/v2/tenants/{tenant}/databases/{database}"

ELSEWHERE = {
    # Commands that are not run here, and where they are: a program that stays up, or that needs what is not on this machine.
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "make check": ".ci/run",
    "make demo DEMO_ARGS=--once": ".ci/run",
    "make venv": "Makefile",
    "make opa": "Makefile",
    "make help": "Makefile",
    "make detectors": "Makefile",
    "vecgate up -c vecgate.yaml": "tests/e2e/test_docs_snippets.py",
    "cat var/audit/log/worker-0/checkpoint": "tests/e2e/test_docs_snippets.py",
    "vecgate audit key -c vecgate.yaml": "tests/e2e/test_docs_snippets.py",
    "vecgate audit verify var/audit": "tests/e2e/test_docs_snippets.py",
    'python extproc/audit/standalone.py var/audit/log/worker-0 "$(vecgate audit key -c vecgate.yaml)"': (
        "tests/e2e/test_docs_snippets.py"
    ),
    "vecgate audit prove var/audit worker-0 --entry 0 -o first.tlog-proof": "tests/e2e/test_docs_snippets.py",
    "vecgate audit verify first.tlog-proof": "tests/e2e/test_docs_snippets.py",
    **dict.fromkeys(
        (
            "vecgate explain -c vecgate.yaml --exchange 897039492e9176664e155325e24c54b9",
            "vecgate explain -c vecgate.yaml --exchange 897039492e9176664e155325e24c54b9 --for-caller",
            "vecgate policy replay candidate -c vecgate.yaml",
            "vecgate policy replay candidate -c vecgate.yaml --suggest",
            "vecgate policy observed -c vecgate.yaml",
        ),
        "tests/e2e/test_author_tools.py",
    ),
    "docker compose -f deploy/compose.yaml up --build": "tests/test_deploy.py",
}


def smallest() -> dict[str, Any]:
    """Return the smallest configuration of the documentation."""
    found: dict[str, Any] = yaml.safe_load(blocks("yaml", ROOT / "docs" / "configuration.md")[0].text)
    return found


def cells(document: Path, column: int = 0) -> Iterator[str]:
    """Give what stands between backticks in one column of all tables of a document."""
    for table in tables(document):
        for row in table:
            yield from re.findall(r"`([^`]+)`", row[column])


def test_every_block_says_its_language() -> None:
    """A block of a language that no test here knows would be checked by nobody."""
    assert [str(block) for block in blocks() if block.language not in LANGUAGES] == []


def test_links_lead_somewhere() -> None:
    """Every relative link names a file that is there, and a heading that it has."""
    broken = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
            name, _, anchor = target.partition("#")
            if target.startswith("https://"):
                continue
            path = document.parent / name if name else document
            if not path.exists() or (anchor and anchor not in headings(path)):
                broken.append(f"{document.name}: {target}")

    assert broken == []


def headings(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as they are made from its text."""
    found = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_no_path_of_a_machine_is_named() -> None:
    """What is written for everybody names no directory of somebody's own."""
    written = [*DOCUMENTS, *(path for path in (ROOT / "deploy").iterdir() if path.is_file())]
    named = [path.name for path in written if re.search(r"(?<![\w.])/(?:root|home|work|Users)/", path.read_text("utf-8"))]

    assert named == []


# --- configurations ---


@pytest.mark.parametrize("block", [each for each in blocks("yaml") if not each.text.startswith("vecgate:")], ids=str)
def test_every_configuration_loads(block: Block, tmp_path: Path) -> None:
    """A whole file loads as it is, a part of one laid over the smallest; policy data are tests/rego/test_guide.py's."""
    document = yaml.safe_load(block.text)
    file = tmp_path / "vecgate.yaml"
    file.write_text(block.text if "version" in document else yaml.safe_dump(merge(smallest(), document)))

    assert load(file).version == 1


def leaves_of(node: dict[str, Any], where: str = "", *, needed: bool = False) -> Iterator[tuple[str, str]]:
    """Give each key of the schema that holds a value, and its default as the documentation writes it."""
    if "anyOf" in node or "env" in node.get("properties", {}):
        yield where, written(node, needed=needed)
    elif node.get("type") == "object":
        for name, inner in node["properties"].items():
            yield from leaves_of(inner, f"{where}.{name}" if where else name, needed=name in node["required"])
    elif node.get("type") == "array" and node["items"].get("type") == "object":
        yield from leaves_of(node["items"], f"{where}[]")
    else:
        yield where, written(node, needed=needed)


def written(node: dict[str, Any], *, needed: bool) -> str:
    """Return a default as the table shows it."""
    match node.get("default"):
        case None:
            return "**required**" if needed else ""
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case {"file": path}:
            return f"`{{file: {path}}}`"
        case value:
            return f"`{value}`"


UNWRITTEN_DEFAULTS = {
    # Defaults that the schema does not carry as people write them; `test_defaults_in_words_are_so` holds them.
    "identity.issuers[].audiences": "`[vecgate]`",
    "identity.issuers[].jwks.cache": "`5m`",
    "identity.issuers[].max_lifetime": "`24h`",
    "audit.heartbeat": "`10m`",
    "audit.mirror.every": "`10s`",
    "secrets.refresh": "`30s`",
    "secrets.stale": "`10m`",
    "limits.locks_age": "`30s`",
    "limits.body": "`64MiB`",
    "limits.message_timeout": "`10s`",
}


def test_every_key_is_documented_with_its_default() -> None:
    """The table of keys is the schema's, no more and no less."""
    rows = {row[0].strip("`"): row[1] for row in tables(ROOT / "docs" / "configuration.md")[0]}
    described = dict(leaves_of(schema()))

    assert described | UNWRITTEN_DEFAULTS == rows


def test_defaults_in_words_are_so(tmp_path: Path) -> None:
    """Durations, sizes and lists have the defaults that the table gives."""
    file = tmp_path / "vecgate.yaml"
    file.write_text(yaml.safe_dump(smallest()))
    config = load(file)
    issuer = config.identity.issuers[0]

    assert (issuer.audiences, issuer.max_lifetime) == (("vecgate",), 24 * 3600)
    assert (config.audit.retiring_keys, config.audit.heartbeat) == ((), 600)
    assert Mirror(bucket="b").every == 10
    assert (config.limits.body, config.limits.message_timeout, config.limits.locks_age) == (64 << 20, 10, 30)
    assert (issuer.jwks.cache, config.secrets.refresh, config.secrets.stale) == (300, 30, 600)


def unavailable() -> list[tuple[str, dict[str, Any]]]:
    """Return a configuration for each function that the documentation calls not available yet."""
    database = smallest()["databases"][0]
    return [
        ("credential.mint", {"databases": [database | {"credential": {"header": "a", "value": {"env": "A"}, "mint": True}}]}),
        ("grpc", {"databases": [database | {"grpc": {"listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:2"}}]}),
        ("engine", {"databases": [database | {"engine": "weaviate"}]}),
        ("service", {"service": {"listen": "127.0.0.1:9000"}}),
    ]


@pytest.mark.parametrize(("key", "changes"), unavailable(), ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_called_not_available_is_refused(tmp_path: Path, key: str, changes: dict[str, Any]) -> None:
    """No key that does nothing is taken."""
    file = tmp_path / "vecgate.yaml"
    file.write_text(yaml.safe_dump(merge(smallest(), changes)))

    with pytest.raises(Error, match=r"available (yet|for this)") as refusal:
        load(file)

    assert key in str(refusal.value)


# --- commands ---


@pytest.fixture
def project(tmp_path: Path, opa: str) -> Path:
    """Return a directory with the README's configuration, policies and keys, and OPA in `bin`."""
    for name in ("rego", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "vecgate.yaml").write_text(blocks("yaml", README)[0].text)
    TestIssuer().write_jwks(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "opa").symlink_to(Path(opa).resolve())
    return tmp_path


def run(project: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run lines as one script in `project`, with the program and OPA on the path."""
    path = f"{Path(sys.executable).parent}:{project / 'bin'}:{os.environ['PATH']}"
    script = "\n".join(("set -euo pipefail", *lines))
    return subprocess.run(
        ["bash", "-c", script], cwd=project, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if commands(each)], ids=lambda path: path.name)
def test_every_command_runs(document: Path, project: Path) -> None:
    """The commands of a document succeed one after the other, but for those that are run elsewhere."""
    if document == README:
        (project / "jwks.json").unlink()  # its commands make one

    done = run(project, *(line for line in commands(document) if line not in ELSEWHERE))

    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")


def test_commands_that_run_elsewhere_do() -> None:
    """Each is still in some document, and the place that is said to run it knows it."""
    documented = {line for document in DOCUMENTS for line in commands(document)}
    ci = (ROOT / ".ci" / "run").read_text()

    assert set(ELSEWHERE) - documented == set()
    assert [line for line, place in ELSEWHERE.items() if not (ROOT / place).exists()] == []
    assert [line for line, place in ELSEWHERE.items() if place == ".ci/run" and line not in ci] == []


@pytest.mark.parametrize("line", sorted({line for line in ELSEWHERE if line.startswith("make ")}))
def test_every_make_command_has_its_target(line: str) -> None:
    """`make -n` knows the target of each."""
    done = subprocess.run([*line.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_of_the_program_is_documented() -> None:
    """Whoever reads the documentation has met each command once."""
    text = "\n".join(document.read_text("utf-8") for document in DOCUMENTS)
    commands = [(group, command) for group, of in GROUPS.items() for command in of.registered_commands]
    names = {f"{group}{command.name or (command.callback and command.callback.__name__)}" for group, command in commands}

    assert {name for name in names if f"vecgate {name}" not in text} == set()
    assert "vecgate config schema" in text


# --- JSON and Python ---


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_every_json_document_has_its_form(block: Block) -> None:
    """A policy input fits its schema, a decision is taken, a leaf has a leaf's members and no others."""
    document = json.loads(block.text)
    match document:
        case {"act": _}:
            jsonschema.validate(document, json.loads((ROOT / "rego" / "schemas" / "admin_input.json").read_text()))
        case {"principal": _}:
            jsonschema.validate(document, json.loads((ROOT / "rego" / "schemas" / "input.json").read_text()))
        case {"allow": _}:
            jsonschema.validate(document, json.loads((ROOT / "rego" / "schemas" / "decision.json").read_text()))
            decode(block.text.encode())
        case {"kind": _}:
            again = msgspec.json.encode(msgspec.json.decode(block.text, type=Leaf))
            assert json.loads(again) == document
        case _:
            pytest.fail("a document of an unknown kind")


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_compiles(block: Block) -> None:
    """They are run against a gateway by tests/e2e/test_docs_snippets.py."""
    compile(block.text, str(block), "exec")


# --- what is said of the program ---


def test_every_module_is_in_the_architecture() -> None:
    """The table of files names each module once, and none that is gone."""
    named: list[str] = []
    folder = ""
    for row in next(table for table in tables(ROOT / "ARCHITECTURE.md") if table[0][0] == "`__main__.py`"):
        names = re.findall(r"`([^`]+)`", row[0])
        inner = row[0].startswith("·")
        folder = folder if inner else names[0] if names[0].endswith("/") else ""
        named += [f"{folder if inner else ''}{name}" for name in names if name.endswith(".py")]
    there = [
        str(path.relative_to(ROOT / "extproc"))
        for path in (ROOT / "extproc").rglob("*.py")
        if path.name != "__init__.py" and not path.name.endswith("_pb2.py")
    ]

    assert sorted(named) == sorted(there)


def chroma_rows(table: int) -> set[tuple[str, str, str]]:
    """Return (method, path, action) of a table of docs/chroma.md."""
    rows = set()
    for row in tables(ROOT / "docs" / "chroma.md")[table]:
        method, path = row[0].strip("`").split(" ")
        rows.add((method, path.replace("…", CHROMA_PREFIX), row[1].strip("`")))
    return rows


def test_the_operations_of_chroma_are_all_told() -> None:
    """The tables of what is covered and of what is refused are those of the program."""
    rows = {(row.method, row.template, row.action) for row in routes.rows("chroma")}
    covered = {row for row in rows if row[:2] in SHAPES}

    assert chroma_rows(1) == covered
    assert chroma_rows(2) == rows - covered
    assert f"{len(covered)} of the {len(rows)} operations" in README.read_text()
    assert f"The other {len(rows - covered)}," in README.read_text()


def qdrant_rows(table: int) -> set[tuple[str, str, str]]:
    """Return (method, path, action) of a table of docs/qdrant.md; a call has no method."""
    rows = set()
    for row in tables(ROOT / "docs" / "qdrant.md")[table]:
        method, _, path = row[0].strip("`").rpartition(" ")
        rows.add((method, path.replace("…", "/collections/{collection_name}"), row[1].strip("`")))
    return rows


def test_the_operations_of_qdrant_are_all_told() -> None:
    """The tables of what is covered and of what is refused are those of the program, on both interfaces."""
    rest = {(row.method, row.template, row.action) for row in routes.rows("qdrant")}
    calls = {("", row.template, row.action) for row in routes.rows("qdrant", "grpc")}
    covered = {row for row in rest if row[:2] in QDRANT_SHAPES}
    answered = {row for row in calls if row[1] in CALLS or row[2] == "health"}
    text = (ROOT / "docs" / "qdrant.md").read_text()

    assert (qdrant_rows(1), qdrant_rows(2), qdrant_rows(3)) == (covered, answered, rest - covered)
    for told in (
        f"{len(covered) + len(answered)} of the {len(rest) + len(calls)} rows",
        f"{len(covered)} over REST, {len(answered)} over gRPC",
        f"the {len(calls) - len(answered)} calls of",
    ):
        assert told in text


def test_the_exceptions_of_the_chroma_client_are_those_of_the_table() -> None:
    """For each status of a refusal the official client raises what the table says."""
    found = {}
    for row in tables(ROOT / "docs" / "chroma.md")[0]:
        for exception in re.findall(r"`(\w+Error)`", row[2]):
            error = Error("a refusal")
            error.status = int(row[1])  # type: ignore[misc]  # a class variable for the kinds; here any status will do
            body = json.loads(chroma_errors.denial(Denial(error=error, exchange="x")).body)
            found[row[1]] = (exception, error_types[body["error"]].__name__)

    assert found.keys() == {"401", "403", "400", "413", "415", "404", "500", "502"}
    assert [status for status, (told, raised) in found.items() if told != raised] == []


def test_the_attributes_of_spans_are_all_told() -> None:
    """The table of span attributes is the program's."""
    names = re.findall(r'"((?:db|user|error|vecgate)\.[a-z._]+)"', Path(spans.__file__).read_text())

    assert set(cells(ROOT / "docs" / "evidence.md")) >= set(names)


def test_the_story_of_the_readme_is_that_of_the_demo() -> None:
    """The record that both see is one of the demo's tickets, and what the reader does not see is its own."""
    story = blocks("text", README)[1].text.partition(" 3. ")[0]
    shown = {row[0]: row[1:] for line in story.splitlines() if len(row := re.split(r" {2,}", line.strip())) == 3}
    (ticket,) = (each for each in tickets() if each.id == shown["id"][1])
    hidden = {name for name, (reader, admin) in shown.items() if reader != admin}

    assert {name: admin for name, (_, admin) in shown.items() if name not in {"id", "document"}} == {
        name: str(ticket.metadata[name]) for name in ("subject", "product", "created", "name", "email", "phone", "card")
    }
    assert hidden == {"name", "email", "phone", "card", "document"}


def test_the_licence_is_whole() -> None:
    """LICENSE is the text of the Apache License 2.0 from its title to its appendix."""
    text = (ROOT / "LICENSE").read_text()

    assert text.split("\n", 2)[1].strip() == "Apache License"
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.rstrip().endswith("limitations under the License.")
