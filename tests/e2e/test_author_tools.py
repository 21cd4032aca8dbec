"""The policy author's tools on the record of a real gateway and Chroma, and what the guide shows of them, to the letter."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.audit.journal import Place
from extproc.audit.reader import read_leaves
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.demo.backstage import backstage
from extproc.demo.stage import Stage
from extproc.demo.story import STEPS, load
from support.docs import ROOT, blocks
from support.gateway import STARTER, Gateway, chroma_client, running
from support.policies import LIBRARY, SCHEMAS, Policy, run

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(300)]
GUIDE = ROOT / "docs" / "policy.md"
EXCHANGE = "897039492e9176664e155325e24c54b9"
TABLE = "vecgate policy observed -c vecgate.yaml"
TERMINAL = {"TERM": "xterm", "COLUMNS": "120"}
VARYING = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "TIME",
    r"sha256:[0-9a-f]{16}": "REVISION",
    r"\b[0-9a-f]{32}\b": "EXCHANGE",
}


def pairs() -> list[tuple[list[str], str]]:
    """Return the lines of each shell block of the guide that output follows, and that output."""
    found, last = [], None
    for block in blocks(None, GUIDE):
        if block.language == "sh":
            last = block
        elif block.language == "text" and last is not None and "vecgate " in last.text:
            found.append((last.text.splitlines(), block.text))
            last = None
    return found


def told(text: str) -> str:
    """Return an output without what differs each time, and without the space at the ends of lines."""
    for pattern, name in VARYING.items():
        text = re.sub(pattern, name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def shell(line: str, folder: Path, opa: str, config: Path, exchange: str = "") -> subprocess.CompletedProcess[str]:
    """Run a line of the guide in `folder` with another configuration and exchange than it names."""
    line = line.replace("vecgate.yaml", str(config)).replace(EXCHANGE, exchange)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{line}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "VECGATE_OPA": str(Path(opa).resolve())},
        capture_output=True,
        text=True,
        check=False,
    )


def printed(*arguments: Any) -> str:
    """Return what a line prints; it must succeed."""
    done = shell(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- enforced: the demo ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the starter policy."""
    found = tmp_path_factory.mktemp("author")
    shutil.copytree(STARTER, found / "rego")
    return found


@pytest.fixture(scope="module")
def stage(folder: Path) -> Iterator[Stage]:
    """Have the demo's story told on a real gateway and Chroma, which stay up."""
    with backstage(folder / "rego", lambda _: None) as found:
        scenes = [load(found, lambda _: None), *(step.play(found) for step in STEPS)]
        assert [scene.held for scene in scenes] == [True] * len(scenes)
        yield found


def exchange_of(stage: Stage, reason: str) -> str:
    """Return the id of the exchange that was refused for this in the story."""
    return next(refusal.exchange for refusal in stage.refusals if refusal.reason == reason)


def test_the_guide_shows_what_the_tools_say_of_the_demo(stage: Stage, folder: Path, opa: str) -> None:
    """Each output follows the lines that print it, word for word but for times, revisions and ids."""
    exchange = exchange_of(stage, "masked_field_predicate")
    shown = [(lines, text) for lines, text in pairs() if lines != [TABLE]]
    outputs = ["".join(printed(line, folder, opa, stage.config, exchange) for line in lines) for lines, _ in shown]

    assert len(shown) == 5
    assert list(map(told, outputs)) == [told(text) for _, text in shown]


def test_a_refused_exchange_is_explained_by_the_id_that_its_client_was_shown(stage: Stage, folder: Path, opa: str) -> None:
    """What was asked, decided and answered is as it was; the caller's form holds four words of it and no value."""
    exchange = exchange_of(stage, "masked_field_predicate")
    line = f"vecgate explain -c vecgate.yaml --json --exchange {EXCHANGE}"
    found = json.loads(printed(line, folder, opa, stage.config, exchange))
    told_caller = printed(f"{line} --for-caller", folder, opa, stage.config, exchange)
    (operation,) = found["operations"]

    assert (found["exchange"], found["refused"], found["notes"]) == (exchange, "masked_field_predicate", [])
    assert (operation["input"]["principal"]["subject"], operation["input"]["operation"]["action"]) == ("rita", "scroll")
    assert json.loads(told_caller).keys() == {"exchange", "reason", "title", "remedy"}
    values = [str(ticket.metadata[name]) for ticket in stage.tickets for name in ("name", "email") if name in ticket.metadata]
    private = [*values, "rita", "reader", "support-tickets", "classes.rego", "scroll", "@"]
    assert [each for each in private if each in told_caller] == []


def test_the_database_is_asked_where_that_is_wanted(stage: Stage, folder: Path, opa: str) -> None:
    """With the collection's own id, and its name from Chroma; what would leave then is what the database would get."""
    place = "/api/v2/tenants/default_tenant/databases/default_database/collections"
    line = f"vecgate explain -c vecgate.yaml --json --ask --subject rita --role reader --path {place}/{stage.behind().id}/count"
    found = json.loads(printed(f"{line} --method GET", folder, opa, stage.config))

    assert found["operations"][0]["input"]["operation"]["collection"] == "support-tickets"
    assert found["forwarded"]["method"] == "GET"


@pytest.mark.parametrize("engine", ["embedded", "opa"])
def test_the_policy_that_decided_changes_nothing(stage: Stage, folder: Path, opa: str, engine: str) -> None:
    """Every recorded decision comes out again, on either engine."""
    line = f"vecgate policy replay rego -c vecgate.yaml --json --engine {engine}"
    found = json.loads(printed(line, folder, opa, stage.config))

    assert found["operations"] > 70
    assert (found["unchanged"], found["gains"], found["losses"], found["others"]) == (found["operations"], [], [], [])
    assert (found["erased"], found["unreadable"]) == (0, 0)


def test_a_draft_grants_what_was_done_and_is_a_policy(stage: Stage, folder: Path, opa: str, tmp_path: Path) -> None:
    """With the rest of the data beside it, it passes OPA's check and the library's tests, and nobody gains or loses by it."""
    draft = yaml.safe_load(printed("vecgate policy replay -c vecgate.yaml --suggest", folder, opa, stage.config))
    document = yaml.safe_load((STARTER / "data.yaml").read_text())
    document["vecgate"] |= draft["vecgate"]
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "data.yaml").write_text(yaml.safe_dump(document))
    made = Policy(tmp_path / "draft", LIBRARY)

    run(opa, "check", "--strict", "--schema", str(SCHEMAS), *made.for_opa)
    run(opa, "test", "--schema", str(SCHEMAS), *made.for_opa)
    line = f"vecgate policy replay draft --library {LIBRARY} -c vecgate.yaml --json"
    found = json.loads(printed(line, tmp_path, opa, stage.config))

    assert (found["gains"], found["losses"]) == ([], [])
    assert {row["what"] for row in found["others"]} <= {"refused: place_not_granted (was action_not_granted)"}


def test_nobody_beside_those_who_acted_is_given_anything(stage: Stage, folder: Path, opa: str) -> None:
    """The draft names the roles of the story, its database and its collections."""
    draft = yaml.safe_load(printed("vecgate policy replay -c vecgate.yaml --suggest", folder, opa, stage.config))["vecgate"]
    named = {name for each in draft["permissions"].values() for name in each.get("collections", ())}

    assert set(draft["roles"]) == {"admin", "reader", "writer"}
    assert named == {"draft-answers", "support-tickets"}
    assert {name for each in draft["permissions"].values() for name in each["databases"]} == {"kb"}
    assert "delete_records" not in json.dumps(draft)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("vecgate explain -c vecgate.yaml", 2, "give one of --path, --input and --exchange"),
        ("vecgate explain -c vecgate.yaml --path /a --exchange b", 2, "give one of --path, --input and --exchange"),
        ("vecgate explain -c vecgate.yaml --path /api/v2/version", 2, "say who asks, or name a token"),
        ("vecgate explain -c vecgate.yaml --exchange 00ff", 1, "no entry on record is of that exchange"),
        ("vecgate explain -c vecgate.yaml --input absent.json", 1, "absent.json: cannot be read"),
        ("vecgate explain -c vecgate.yaml --subject a --path /api/v2/version --database x", 1, "x"),
        ("vecgate explain -c vecgate.yaml --subject a --path /api/v2/version --at noon", 2, "is neither a time"),
        ("vecgate policy replay -c vecgate.yaml", 2, "name the candidate's directory"),
        ("vecgate policy replay absent -c vecgate.yaml", 1, "absent: is no directory and no file"),
        ("vecgate policy replay rego -c absent.yaml", 1, "absent.yaml"),
        ("vecgate policy replay rego -c vecgate.yaml --since yesterday", 2, "is neither a time"),
        ("vecgate policy replay rego -c vecgate.yaml --engine java", 2, "java"),
        ("vecgate policy replay rego -c vecgate.yaml --suggest --json", 2, "a draft is YAML"),
        ("vecgate policy replay broken -c vecgate.yaml", 1, "p.rego:3: this is unclosed"),
        (
            "VECGATE_OPA=/absent vecgate explain -c vecgate.yaml --subject a --path /api/v2/auth/identity",
            1,
            "no OPA: put `opa`",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(  # noqa: PLR0917 - one column of the table each
    stage: Stage, folder: Path, opa: str, line: str, status: int, said: str
) -> None:
    """Bad use ends with 2, what does not hold with 1, and nothing is printed that could be taken for an answer."""
    (folder / "broken").mkdir(exist_ok=True)
    (folder / "broken" / "p.rego").write_text("package vecgate.authz\n\ndecision := {\n")
    done = shell(line, folder, opa, stage.config)

    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_bar_is_drawn_where_somebody_looks(stage: Stage, folder: Path) -> None:
    """On a terminal's standard error, so that what is printed stays JSON; elsewhere there is none (`printed` holds that)."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "extproc", "policy", "observed", "-c", str(stage.config), "--json"]
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=theirs, check=True, env={**os.environ, **TERMINAL}
    )
    os.close(theirs)
    with os.fdopen(terminal, "rb", buffering=0) as file:
        drawn = file.read(1 << 16)

    assert json.loads(done.stdout)["requests"] == 0
    assert b"Reading what is on record" in drawn


# --- observed -------------------------------------------------------------------------------------------------------------

TICKETS: dict[str, Any] = {
    "ids": ["T-1", "T-2"],
    "embeddings": [[1.0, 0.0], [0.0, 1.0]],
    "documents": ["Charged twice, says ana@b.test", "Never charged, says cem@d.test"],
    "metadatas": [{"email": "a@b.test", "product": "payments"}, {"email": "c@d.test", "product": "payments"}],
}


@pytest.fixture(scope="module")
def observed(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Have readers at work on a gateway that only observes: they search, filter by a masked field, and delete."""
    direct = chroma_client(chroma)
    with suppress(Exception):
        direct.delete_collection("support-tickets")
    direct.create_collection("support-tickets", embedding_function=None).add(**TICKETS)
    place = f"http://127.0.0.1:{chroma}"
    with running(tmp_path_factory.mktemp("observed"), place, policy=STARTER, enforcement="observe") as gateway:
        collection = gateway.chroma("reader").get_collection("support-tickets", embedding_function=None)
        for _ in range(3):
            collection.query(query_embeddings=[[1.0, 0.5]], n_results=100, include=["documents", "embeddings", "distances"])
        collection.get(where={"email": "a@b.test"})
        collection.delete(ids=["T-2"])
        yield gateway
    direct.delete_collection("support-tickets")


def test_the_guide_shows_what_the_report_says(observed: Gateway, folder: Path, opa: str) -> None:
    """What would have been refused and what would have been narrowed or masked, with how often and by whom."""
    ((_, text),) = [each for each in pairs() if each[0] == [TABLE]]

    assert told(printed(TABLE, folder, opa, observed.config)) == told(text)


def test_what_was_observed_becomes_grants(observed: Gateway, folder: Path, opa: str) -> None:
    """Also what the policy would have refused, which nobody missed so far."""
    line = "vecgate policy replay rego -c vecgate.yaml --suggest"
    (role,) = yaml.safe_load(printed(line, folder, opa, observed.config))["vecgate"]["permissions"].values()

    assert (role["collections"], "delete_records" in role["actions"]) == (["support-tickets"], True)


def test_of_what_was_erased_nothing_is_told(observed: Gateway, folder: Path, opa: str) -> None:
    """An exchange whose keys were destroyed is counted by the report, and explained no more."""
    leaf = next(each for each in read_leaves(observed.audit) if each.kind == "intent" and each.decision == "deny")
    keys = Place.of(observed.audit, "worker-0").private / "000000000000.keys"
    before = keys.read_bytes()
    try:
        with keys.open("r+b") as file:
            file.seek(leaf.index * SLOT_BYTES)
            file.write(ERASED)
        done = shell(f"vecgate explain -c vecgate.yaml --exchange {leaf.exchange}", folder, opa, observed.config)
        found = json.loads(printed(f"{TABLE} --json", folder, opa, observed.config))
    finally:
        keys.write_bytes(before)

    assert (done.returncode, done.stdout) == (1, "")
    assert "was erased" in done.stderr
    assert found["erased"] == 1
