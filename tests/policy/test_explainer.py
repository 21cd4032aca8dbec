"""Requests, inputs and exchanges explained: what the gateway would do, with nothing sent, written or told to the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from rich.console import Console
from rich.text import Text

from extproc.audit.entry import Private
from extproc.audit.history import Recalled
from extproc.config import load
from extproc.decision import decode
from extproc.engines.engine import encode
from extproc.errors import AuditError, ConfigError
from extproc.operation import Operation
from extproc.policy import documents, drawing
from extproc.policy.asking import Caller, Supposed, Wire
from extproc.policy.explainer import MOST_OPERATIONS, Explainer
from extproc.policy.explanation import Explanation, advice
from support.asking import asked
from support.envoy import write_config
from support.gateway import RAW_KEY, STARTER
from support.issuer import TestIssuer
from support.obliged import AS_TOLD, tenant
from support.ports import free_port
from support.recall import recalled

OBSERVED = {"enforcement": "observe"}
NOW_NS = 1_800_000_000_000_000_000
PLACE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
RECORDS = f"{PLACE}/6ad26b4f-9ff9-49a4-b3f7-32f50a4e4d3c"
READER, WRITER = Caller(subject="rita", roles=("reader",)), Caller(subject="walt", roles=("writer",))
CONTEXT = {"time_ns": 1, "source": "", "user_agent": "", "exchange": "", "approval": None}
SEARCH = {"query_embeddings": [[0.123456] * 8], "n_results": 200, "where": {"product": "payments"}}


@pytest.fixture(autouse=True)
def program(opa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program of the tests traced with."""
    monkeypatch.setenv("VECGATE_OPA", opa)


def explainer(folder: Path, policy: Path = STARTER, enforcement: str = "enforce") -> Explainer:
    """Return what explains by a policy; nothing listens where its database would be."""
    path, _, _ = write_config(folder, f"http://127.0.0.1:{free_port()}", policy={"bundle": str(policy)})
    document = yaml.safe_load(path.read_text())
    document["databases"][0]["enforcement"] = enforcement
    path.write_text(yaml.safe_dump(document))
    return Explainer(load(path))


async def explained(found: Explainer, caller: Caller, path: str, body: Any = None, **changes: Any) -> Explanation:
    """Return the explanation of a request whose collection is called ``tickets``."""
    sent = b"" if body is None else json.dumps(body).encode()
    wire = Wire(method=changes.pop("method", "POST"), target=path, body=sent)
    return await found.request("kb", caller, wire, NOW_NS, changes.pop("supposed", Supposed(collection="tickets")))


def drawn(explanation: Explanation) -> str:
    """Return what a terminal shows."""
    console = Console(width=200)
    with console.capture() as shown:
        console.print(drawing.explained(explanation))
    return shown.get()


async def test_an_allowed_search_is_explained_down_to_what_would_leave(tmp_path: Path) -> None:
    """Limit clamped, vectors not asked for, every obligation with the rule that made it; no credential anywhere."""
    body = SEARCH | {"include": ["documents", "embeddings"]}
    found = await explained(explainer(tmp_path), READER, f"{RECORDS}/query", body)
    document = documents.explained(found)
    (operation,) = document["operations"]

    assert (found.reason, found.undecided, found.notes) == ("", False, [])
    assert document["forwarded"] == {
        "method": "POST",
        "target": f"{RECORDS}/query",
        "body": body | {"n_results": 50, "include": ["documents"]},
    }
    assert operation["decision"]["allow"] is True
    assert [each["rules"] for each in operation["obligations"] if not each["rules"]] == []
    assert operation["terms"]["limit"] == 50
    assert RAW_KEY not in json.dumps(document) + drawn(found)
    assert "(8 numbers)" in drawn(found)


async def test_a_denial_is_explained_with_its_rule_and_the_answer_that_the_client_gets(tmp_path: Path) -> None:
    """In the engine's own form."""
    found = await explained(explainer(tmp_path), READER, f"{RECORDS}/delete", {"ids": ["a"]})
    document = documents.explained(found)
    (reason,) = document["operations"][0]["reasons"]

    assert (found.reason, found.status, found.outgoing) == ("action_not_granted", 403, None)
    assert (reason["reason"], [each["title"] for each in reason["rules"]]) == ("action_not_granted", ["Action not granted"])
    assert document["answer"]["error"] == "AuthError"
    assert "denied by the policy" in drawn(found)


@pytest.mark.parametrize(
    ("caller", "path", "body", "reason"),
    [
        (READER, f"{RECORDS}/get", {"where": {"email": "a@b.test"}}, "masked_field_predicate"),
        (READER, f"{RECORDS}/get", {"nonsense": 1}, "member_unknown"),
        (READER, "/api/v2/nothing-of-the-kind", None, "operation_unknown"),
        (Caller(subject="nobody"), f"{PLACE}/tickets", None, "role_missing"),
        (Caller(token=TestIssuer().token("reader")), f"{PLACE}/tickets", None, "token_expired"),
    ],
)
async def test_what_the_gateway_itself_refuses_is_told_by_its_reason(
    tmp_path: Path, caller: Caller, path: str, body: Any, reason: str
) -> None:
    """Before the policy, by it, and after it."""
    method = "GET" if body is None else "POST"

    assert (await explained(explainer(tmp_path), caller, path, body, method=method)).reason == reason


async def test_without_the_collections_name_it_is_not_guessed(tmp_path: Path) -> None:
    """A policy may decide by it."""
    with pytest.raises(ConfigError, match="name the --collection, or --ask it"):
        await explained(explainer(tmp_path), READER, f"{RECORDS}/get", {}, supposed=Supposed())


async def test_whose_records_are_written_is_left_open(tmp_path: Path) -> None:
    """Neither allowed nor refused is said, because only the database knows."""
    caller = Caller(subject="t", claims={"obligations": list(tenant("t1"))})
    found = await explained(explainer(tmp_path, AS_TOLD), caller, f"{RECORDS}/upsert", {"ids": ["a"], "embeddings": [[1.0]]})

    assert (found.undecided, found.reason, found.status, found.outgoing) == (True, "", None, None)
    assert found.notes == ["whose records these are only the database knows: --ask it"]


async def test_a_database_that_cannot_be_asked_is_the_gateways_own_refusal(tmp_path: Path) -> None:
    """As it would be then."""
    found = await explained(explainer(tmp_path), READER, f"{RECORDS}/get", {}, supposed=None)

    assert (found.status, found.operations) == (502, ())


@pytest.mark.parametrize(
    ("path", "body", "reason", "waived"),
    [
        (f"{RECORDS}/delete", {"ids": ["a"]}, "action_not_granted", True),
        ("/api/v2/nothing-of-the-kind", {}, "operation_unknown", False),
    ],
)
async def test_on_an_observed_database_a_denial_is_told_and_not_done(
    tmp_path: Path, path: str, body: Any, reason: str, waived: bool
) -> None:
    """What cannot be read is refused all the same; and a caller is not advised of a refusal that they do not meet."""
    found = await explained(explainer(tmp_path, enforcement="observe"), READER, path, body)

    assert (found.reason, found.observed, advice(found) is None) == (reason, waived, waived)
    assert found.notes == ["database kb is only observed: what is decided would be told, and not done"] * waived


def test_a_recorded_exchange_that_was_let_through_is_no_refusal_to_its_caller(tmp_path: Path) -> None:
    """They were never told the reason."""
    entry = recalled(asked(action="count"), decision=DENIED, kind="outcome", end="delivered", status=200, detail=OBSERVED)
    found = explainer(tmp_path).exchange([entry])

    assert (found.reason, found.observed, advice(found)) == ("action_not_granted", True, None)
    assert found.notes[0] == "its database was only observed: what was decided was told and not done"


async def test_a_policy_input_is_explained(tmp_path: Path) -> None:
    """As a replay or a log has it."""
    found = await explainer(tmp_path).input(encode(asked(action="delete_records")))

    assert (found.reason, found.outgoing) == ("action_not_granted", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"extra": 1}, "input.extra is not known"),
        ({"context": CONTEXT | {"clock": 1}}, "context.clock is not known"),
        ({"principal": None}, "Expected `object`"),
    ],
)
async def test_what_is_no_policy_input_is_refused_and_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """A misspelt member would be left out in silence."""
    document = json.loads(encode(asked())) | change

    with pytest.raises(ConfigError, match="that is no policy input: .*" + said):
        await explainer(tmp_path).input(json.dumps(document).encode())


DENIED = decode(b'{"allow": false, "reasons": ["action_not_granted"]}')


def test_a_recorded_exchange_is_explained_as_it_was_decided(tmp_path: Path) -> None:
    """With the rules that decide so, as long as the policy still does."""
    entry = recalled(asked(action="delete_records"), decision=DENIED, number=3)
    found = explainer(tmp_path).exchange([entry])

    assert (found.exchange, found.reason, found.status, found.revision) == ("e3", "action_not_granted", 403, "r1")
    assert [each.title for each in found.operations[0].traced.makers("action_not_granted")] == ["Action not granted"]


def test_a_policy_that_has_changed_since_is_told(tmp_path: Path) -> None:
    """What was decided stays what is explained."""
    found = explainer(tmp_path).exchange([recalled(asked(), decision=DENIED)])

    assert found.reason == "action_not_granted"
    assert found.notes == ["the policy as it is now decides otherwise: allowed, with other obligations"]


def test_only_so_many_operations_are_explained(tmp_path: Path) -> None:
    """A batch may have a thousand."""
    many = [asked(action="delete_records")] * (MOST_OPERATIONS + 1)

    assert len(explainer(tmp_path).exchange([recalled(*many, decision=DENIED)]).operations) == MOST_OPERATIONS


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "no entry on record is of that exchange"),
        ([recalled(asked(), decision=DENIED, erased=True)], "was erased, or does not open"),
        (
            [
                msgspec.structs.replace(
                    recalled(asked(), decision=DENIED), private=Private(inputs=(msgspec.Raw(b'{"a": "b"}'),))
                )
            ],
            "a policy input of another version",
        ),
    ],
)
def test_an_exchange_that_is_not_there_any_more_is_one_clear_error(tmp_path: Path, entries: list[Recalled], said: str) -> None:
    """It says which of the ways it is gone."""
    with pytest.raises(AuditError, match=said):
        explainer(tmp_path).exchange(entries)


async def test_a_configuration_without_the_policys_files_is_one_clear_error(tmp_path: Path) -> None:
    """OPA's policy may lie elsewhere."""
    path, _, _ = write_config(tmp_path, "http://127.0.0.1:8000")
    document = yaml.safe_load(path.read_text())
    document["policy"] = {"engine": "opa", "opa": {"url": "http://127.0.0.1:8181"}}
    path.write_text(yaml.safe_dump(document))

    with pytest.raises(ConfigError, match=r"policy\.bundle is missing"):
        Explainer(load(path))


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    """A role or a collection is somebody else's choice; its characters are shown and not obeyed."""
    wild = "tick\x1b]0;owned\x07ets\u202e"
    entry = recalled(asked(action="delete_records", collection=wild, roles=("re\x1b[2Jader",)), decision=DENIED)
    shown = drawn(explainer(tmp_path).exchange([entry]))

    assert [each for each in ("\x1b]", "\x1b[2J", "\x07", "\u202e") if each in shown] == []
    assert "tick\\x1b]0;owned\\x07ets\\u202e" in shown


def test_what_is_drawn_of_an_operation_is_plain(tmp_path: Path) -> None:
    """One line that says what was asked."""
    del tmp_path
    operation = Operation(database="kb", engine="chroma", action="count", scope="records", collection="a", limit=0)

    assert drawing._asked(operation) == "count on a in kb, limit 0"
    assert isinstance(drawing._text("a"), Text)
