"""The transcript of an exchange: what its entries hold, and of what was erased that it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extproc.audit import transcript
from extproc.audit.entry import Entry, Private, Recording
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.audit.transcript import Body, Transcript
from extproc.errors import AuditError
from extproc.secret import Secret
from support.evidence import KEY, PRINCIPAL, SOURCE, entry
from support.logs import Writer

TRACE = "0af7651916cd43dd8448eb211c80319c"
ASKED = {"principal": {}, "context": {"approval": {"id": "A-1", "approvers": ["omar"]}}}
PLACES = [("w", 1), ("w", 2)]


def written(directory: Path) -> None:
    """Write the intent and the outcome of one exchange, with both bodies."""
    private = Private(
        principal=PRINCIPAL,
        source=SOURCE,
        trace=f"00-{TRACE}-b7ad6b7169203331-01",
        inputs=(msgspec.Raw(json.dumps(ASKED).encode()),),
        decisions=(msgspec.Raw(b'{"allow":true}'),),
    )
    answer = Recording(method="POST", target="/query", body=b'{"ids":[["T-1"]]}', status=200, records={0: ("T-1",)})
    writer = Writer(directory)
    writer.write(
        entry(1, exchange="e", private=private),
        entry(
            2,
            exchange="e",
            kind="outcome",
            end="delivered",
            status=200,
            private=Private(principal=PRINCIPAL, source=SOURCE, returned=((msgspec.Raw(b'"T-1"'),),)),
            recording=answer,
        ),
    )
    writer.stop()


def erase(directory: Path, *indexes: int) -> None:
    """Destroy keys."""
    (path,) = (directory / "private" / "w").glob("*.keys")
    for index in indexes:
        content = path.read_bytes()
        path.write_bytes(content[: index * SLOT_BYTES] + ERASED + content[(index + 1) * SLOT_BYTES :])


def read(directory: Path, key: Secret = KEY) -> Transcript:
    """Read the transcript."""
    return transcript.read(directory, "e", PLACES, key)


def test_everything_of_an_exchange_is_told(tmp_path: Path) -> None:
    """Who, the trace, what let it pass, both bodies, the decision and the records that came back."""
    written(tmp_path)
    found = read(tmp_path)
    intent, outcome = found.entries

    assert (found.principal, found.trace, found.approval) == (PRINCIPAL, TRACE, {"id": "A-1", "approvers": ["omar"]})
    assert found.request is not None
    assert found.answer is not None
    assert (found.request.status, found.answer.status, bytes(found.answer.body or b"")) == (None, 200, b'{"ids":[["T-1"]]}')
    assert (intent.kind, [bytes(each) for each in intent.decided], outcome.end) == ("intent", [b'{"allow":true}'], "delivered")
    assert [[bytes(each) for each in ids] for ids in outcome.returned] == [[b'"T-1"']]
    assert {intent.state, outcome.state} == {"kept"}


@pytest.mark.parametrize(("gone", "states"), [((1,), ["erased", "kept"]), ((1, 2), ["erased", "erased"])])
def test_what_was_erased_says_so_and_tells_nothing_else(tmp_path: Path, gone: tuple[int, ...], states: list[str]) -> None:
    """The leaf is still told; of who, from where and what there is nothing but in the other entry."""
    written(tmp_path)
    erase(tmp_path, *gone)
    found = read(tmp_path)
    told = msgspec.json.encode(found).decode()

    assert [each.state for each in found.entries] == states
    assert (found.request, found.entries[0].source, found.entries[0].asked) == (None, "", ())
    assert [text in told for text in ("rita.reader", SOURCE, "T-1")] == (
        [True, True, True] if states[1] == "kept" else [False] * 3
    )


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    """It is an error, and not an empty transcript."""
    written(tmp_path)
    with pytest.raises(AuditError):
        read(tmp_path, Secret(b"x" * 32))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a":1}', {"body": {"a": 1}}),
        (b"\x00\xff", {"base64": "AP8="}),
        (b'"\xff"', {"base64": "Iv8i"}),
        (b'{"a":', {"base64": "eyJhIjo="}),
        (b"", {}),
    ],
)
def test_a_body_that_is_no_json_is_shown_whole_all_the_same(body: bytes, shown: dict[str, Any]) -> None:
    """As base64, so that what a client sent cannot break what an auditor reads."""
    told = json.loads(msgspec.json.encode(Body.of(Recording(method="POST", target="/x", body=body))))

    assert told == {"method": "POST", "target": "/x"} | shown


def test_an_act_is_an_exchange_too(tmp_path: Path) -> None:
    """What an administrator did is told like what anybody did."""
    writer = Writer(tmp_path)
    writer.write(Entry(kind="administration", time_ns=3, exchange="e", private=Private(principal=PRINCIPAL)))
    writer.stop()
    found = transcript.read(tmp_path, "e", [("w", 1)], KEY)

    assert ([each.kind for each in found.entries], found.principal) == (["administration"], PRINCIPAL)
