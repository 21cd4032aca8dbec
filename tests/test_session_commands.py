"""What an auditor's commands ask and show; the control API is a stand-in that gives one answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extproc.__main__ import app
from extproc.control.client import Client
from extproc.errors import Denied

SESSION: dict[str, Any] = {
    "worker": "worker-0",
    "entry": 4,
    "operation": 0,
    "kind": "outcome",
    "time": "2026-11-24T08:00:00.123456789Z",
    "exchange": "ab" * 16,
    "principal": "i#rita",
    "person": "rita@example.com",
    "source": "192.0.2.7",
    "database": "kb",
    "collection": "tickets\x1b[2J\u202e[bold]",
    "action": "search",
    "decision": "allow",
    "reasons": [],
    "end": "delivered",
    "status": 200,
    "rows": 2,
    "masked": ["email", "name"],
    "shown": "masked",
}
ENTRY: dict[str, Any] = {
    "log": "o/worker-0",
    "entry": 3,
    "kind": "outcome",
    "time": SESSION["time"],
    "state": "kept",
    "decision": "allow",
    "reasons": ["not_much"],
    "end": "delivered",
    "status": 200,
    "operations": [
        {
            "action": "search",
            "collection": "tickets",
            "decision": "allow",
            "reasons": [],
            "rows": 2,
            "masked_fields": ["email"],
            "masked_values": 7,
        }
    ],
    "detail": {"enforcement": "observe"},
    "decided": [{"allow": True}],
    "returned": [["T-1\x07"]],
}
SHOWN: dict[str, Any] = {
    "id": "ab" * 16,
    "principal": {"id": "i#rita", "person": "rita@example.com", "roles": ["reader"]},
    "trace": "0af7",
    "approval": None,
    "request": {"method": "POST", "target": "/query", "body": {"n": 1}},
    "answer": {"method": "POST", "target": "/query", "status": 200, "base64": "AP8=", "truncated": True},
    "entries": [ENTRY],
}


ERASED: dict[str, Any] = {
    "principal": None,
    "request": None,
    "answer": None,
    "entries": [ENTRY | {"state": "erased", "returned": []}],
}


class Api:
    """Answers, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []

    def post(self, path: str, document: Any) -> Any:
        """Answer, or refuse."""
        self.asked.append((path, document))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def run(monkeypatch: pytest.MonkeyPatch, api: Api, *arguments: str) -> Result:
    """Run a command before this API."""
    monkeypatch.setattr(Client, "create", lambda *_, **__: api)
    return CliRunner().invoke(app, [*arguments, "--token-file", str(Path("me.token"))])


def test_a_list_is_a_table_of_who_did_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows names that callers chose and does not obey them; that there is more goes to standard error."""
    more = {"sessions": [SESSION], "until": SESSION["time"]}
    done = run(monkeypatch, Api(more), "sessions", "list")
    (row,) = [line for line in done.stdout.splitlines() if "rita@" in line]

    assert row.split()[:2] == ["2026-11-24T08:00:00", "rita@example.com"]
    assert ("masked: email" in row, "\x1b" in done.stdout, "\u202e" in done.stdout) == (True, False, False)
    assert (done.exit_code, done.stderr) == (0, f"there are more: --until {SESSION['time']}\n")


@pytest.mark.parametrize(
    ("shown", "masked", "told"), [("masked", ["email"], "masked: email"), ("clear", [], "in clear"), (None, [], " - ")]
)
def test_each_row_says_how_records_were_seen(
    monkeypatch: pytest.MonkeyPatch, shown: str | None, masked: list[str], told: str
) -> None:
    """In clear, masked, or not at all."""
    one = SESSION | {"shown": shown, "masked": masked, "collection": "tickets"}
    done = run(monkeypatch, Api({"sessions": [one], "until": None}), "sessions", "list")

    assert (told in done.stdout, done.stderr) == (True, "")


def test_filters_are_asked_for_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times as leaves have them, and one that a page ended with as it is."""
    api = Api({"sessions": [], "until": None})
    filters = ["--person", "p", "--record", "T-1", "--since", "2026-03-01", "--until", SESSION["time"], "--limit", "5"]
    run(monkeypatch, api, "sessions", "list", *filters)

    assert api.asked == [
        (
            "/v1/sessions/list",
            {"person": "p", "record": "T-1", "since": "2026-03-01T00:00:00.000000000Z", "until": SESSION["time"], "limit": 5},
        )
    ]


def test_a_session_is_told_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who, decision, what came back, what was masked, both bodies; nothing that a terminal obeys."""
    done = run(monkeypatch, Api(SHOWN), "sessions", "show", "ab" * 16)
    wanted = ["rita@example.com", "0af7", "not_much delivered status 200", "2 rows, 7 values masked in email", '{"n": 1}']
    wanted += ["POST /query 200 (truncated)", "AP8=", '"allow": true', "T-1"]

    assert ([each for each in wanted if each not in done.stdout], "\x07" in done.stdout) == ([], False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"principal": None, "request": None, "answer": None, "entries": [ENTRY | {"state": "erased", "returned": []}]},
            "erased: ",
        ),
        ({"answer": None}, "not recorded"),
        ({"approval": {"id": "A-1"}}, '{"id": "A-1"}'),
    ],
)
def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], told: str) -> None:
    """Erased is not the same as not recorded."""
    done = run(monkeypatch, Api(SHOWN | changes), "sessions", "show", "ab" * 16)

    assert (done.exit_code, told in done.stdout) == (0, True)
    assert ("not recorded" in done.stdout) == (told == "not recorded")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("sessions", "list"), {"sessions": [SESSION], "until": None}),
        (("sessions", "show", "ab" * 16), SHOWN),
        (("audit", "erase", "--person", "p", "--reason", "r"), {"preview": False, "entries": 2, "logs": {"worker-0": 2}}),
    ],
)
def test_programs_get_everything_as_json(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], answer: Any) -> None:
    """As the control API has it."""
    done = run(monkeypatch, Api(answer), *arguments, "--json")

    assert json.loads(done.stdout) == answer


@pytest.mark.parametrize(
    "arguments", [("sessions", "list"), ("sessions", "show", "x"), ("audit", "erase", "--person", "p", "--preview")]
)
def test_a_refusal_is_one_line(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """And exit status 1."""
    done = run(monkeypatch, Api(Denied("the policy does not allow this")), *arguments)

    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "vecgate: the policy does not allow this\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--reason", "r"),
        ("--person", "p"),
        ("--person", "p", "--reason", " "),
        ("--person", "p", "--record", "x", "--reason", "r"),
        ("--database", "kb", "--reason", "r"),
    ],
)
def test_an_erasure_needs_one_subject_and_a_reason(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """Bad use is told before anybody is asked."""
    api = Api({})
    done = run(monkeypatch, api, "audit", "erase", *arguments)

    assert (done.exit_code, api.asked) == (2, [])


@pytest.mark.parametrize(
    ("options", "preview", "told"),
    [
        (("--person", "p", "--preview"), True, "3 entries would be erased, this request's own among them"),
        (("--recording", "ab" * 16, "--reason", "r"), False, "3 entries were erased"),
    ],
)
def test_what_was_erased_is_told_by_log(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], preview: bool, told: str
) -> None:
    """And what would be."""
    api = Api({"preview": preview, "entries": 3, "logs": {"worker-0": 2, "control": 1}})
    done = run(monkeypatch, api, "audit", "erase", *options)

    assert done.stdout.splitlines() == [told, "  control: 1", "  worker-0: 2"]
    assert api.asked[0][1]["preview"] is preview
