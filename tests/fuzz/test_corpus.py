"""The kept inputs of the fuzzer: each is replayed, and each target is shown to notice what it is there for."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import segments
from extproc.config.reader import Reader
from extproc.detection import addresses, custom, detector, keys, national, networks, payments, phones
from extproc.detection.expression import Expression
from extproc.engines import archive, opa_answer, signature
from extproc.errors import EngineError, UpstreamError
from extproc.identity import Identifier
from extproc.obligations import marks, tokens
from extproc.obligations.masking import Mask
from extproc.obligations.sieve import Sieve
from extproc.protocols import (
    chroma_dialect,
    chroma_errors,
    chroma_forms,
    chroma_records,
    chroma_search,
    chroma_where,
    routes,
    strict_json,
)
from extproc.protocols.adapter import json_immediate
from extproc.stream import State, Stream
from extproc.wire import ext_proc_pb2 as wire
from fuzz import mutation, run
from fuzz.framing import joined, split
from fuzz.mutation import Mutator

_PLAIN_ANSWER = json_immediate(404, b'{"error":"NotFoundError","message":"id 7 of ada"}', "database_error")


def _check(target: str) -> Callable[[bytes], None]:
    found: Callable[[bytes], None] = importlib.import_module(f"fuzz.targets.{target}").check
    return found


def _inputs(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((run.CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", run.TARGETS)
def test_kept_inputs_are_read_as_they_should_be(target: str) -> None:
    """What the fuzzer once found worth keeping is replayed, without the fuzzer."""
    check = _check(target)
    for data in _inputs(target):
        check(data)


@pytest.mark.parametrize("target", run.TARGETS)
def test_kept_inputs_are_few(target: str) -> None:
    """There are some for every target, and not more than somebody would want to check out."""
    sizes = [len(data) for data in _inputs(target)]

    assert 0 < len(sizes) <= run.MOST_FILES
    assert sum(sizes) <= run.MOST_BYTES


def test_no_input_is_kept_for_a_target_that_is_gone() -> None:
    """Each folder of inputs has its target."""
    assert sorted(path.name for path in run.CORPUS.iterdir()) == list(run.TARGETS)


def _broken_law(stream: Stream, event: Any) -> Any:
    stream.state = State.NOTHING
    return _RECEIVE(stream, event)


_HEAD = wire.ProcessingRequest(
    request_headers={
        "headers": {"headers": [{"key": name, "raw_value": b"x"} for name in (":method", ":path")]},
        "end_of_stream": True,
    },
    protocol_config={"request_body_mode": wire.BodySendMode.BUFFERED, "response_body_mode": wire.BodySendMode.BUFFERED},
)
_WITNESSES = {
    # Inputs that the fuzzer might not keep, because a refusal is all that comes of them while nothing is broken.
    "answer": b'get\n\x03\n\n{"ids":["a","b","c","d"],"include":[]}',
    "stream": joined([_HEAD.SerializeToString()] * 2),
    "strictness": b'{"a":{"b":1,"b":2}}',
}
_RECEIVE = Stream.receive
_PACK = archive.pack
_WRITE = chroma_forms.write


@pytest.mark.parametrize(
    ("target", "owner", "name", "broken"),
    [
        ("answer", Mask, "_hide_payloads", lambda *_: None),
        ("answer", Mask, "_hide_texts", lambda *_: None),
        ("answer", Mask, "_withhold", lambda *_: None),
        ("answer", Mask, "_refuse_excess", lambda *_: None),
        ("bundle", signature, "digest", lambda *_: "00"),
        ("bundle", archive, "pack", lambda files: _PACK({**files, "more": b""})),
        ("configuration", Reader, "error", lambda *_: ValueError("not one of ours")),
        *(
            (f"detect_{module.__name__.rpartition('.')[2]}", Sieve, "_replaced", lambda *_: b"x")
            for module in (addresses, keys, national, networks, payments, phones)
        ),
        ("detect_phones", detector, "settled", lambda found: [*found] * 2),
        ("detect_custom", custom, "_taken", lambda pattern: pattern),
        ("error_answer", chroma_errors, "masked", lambda _: _PLAIN_ANSWER),
        ("evidence", segments, "leaf_offset", lambda *_: 1 / 0),
        ("identity", Identifier, "_principal", lambda *_: UpstreamError("not one of ours")),
        ("opa_answer", opa_answer, "_revision", lambda _: "r1"),
        ("opa_answer", opa_answer, "unreadable", lambda: EngineError("not the reason", code="policy_error")),
        ("owned", chroma_records, "_filtered", lambda form, _: form),
        ("owned", chroma_records, "_searched", lambda search, _: search),
        ("owned", chroma_records, "_stamped", lambda body, _: body.get("metadatas") or [{}] * len(body["ids"])),
        ("owned", chroma_records, "_refuse_unowned", lambda *_: None),
        ("owned", chroma_dialect._Chroma, "every", lambda _, clauses: clauses[0]),
        ("path", routes.Target, "__str__", lambda target: "/" + "/".join(target.segments)),
        ("request", chroma_forms, "write", lambda form: (_WRITE(form) or b"").replace(b"ids", b"uris") or None),
        ("search", chroma_search, "tested_fields", lambda _: set()),
        ("stream", Stream, "receive", _broken_law),
        ("strictness", strict_json, "_STRICT", json.JSONDecoder()),
        ("token", tokens, "key_of", lambda _: "k2"),
        ("where", chroma_where, "conjoined", lambda where, _: where),
        ("written_mask", marks, "_masks", lambda _: Expression("REDACTED")),
    ],
)
def test_a_broken_reader_is_noticed(target: str, owner: Any, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reader that does not do its duty at least one kept input fails: no target looks away."""
    check = _check(target)
    monkeypatch.setattr(owner, name, broken)

    def fails(data: bytes) -> bool:
        try:
            check(data)
        except Exception:  # noqa: BLE001 - whatever it is, the fuzzer would stop at it
            return True
        return False

    assert any(map(fails, [*_inputs(target), _WITNESSES.get(target, b"")]))


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_messages_come_apart_as_they_were_joined(messages: list[bytes]) -> None:
    """Lengths in front of messages say where each ends."""
    assert messages == list(split(joined(messages)))


@pytest.mark.parametrize("mutate", [mutation.tree, mutation.lines, mutation.frames])
@given(
    data=st.binary(max_size=99) | st.sampled_from([b'get\n\n{"a":[1,{"b":null}]}', b"a: 1\n  b: {c: d}\n", b"\0\1a\0\2bc"]),
    seed=st.integers(0, 2**32),
)
def test_a_change_is_repeatable_and_not_too_large(mutate: Mutator, data: bytes, seed: int) -> None:
    """An input and a seed give one change, and never more bytes than may be."""
    changes = {mutate(data, 120, seed, lambda given, most: given[:most]) for _ in range(2)}

    assert [len(changed) <= 120 for changed in changes] == [True]
