"""What is on record, asked by people: what the policy is asked about is what the answer is narrowed to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extproc.administration import Input
from extproc.audit import reader
from extproc.audit.entry import Entry, Fact, Private
from extproc.audit.ledger import Ledger
from extproc.control.acts import Acts
from extproc.control.callers import Caller
from extproc.control.erasing import Eraser
from extproc.control.sessions import Archive, Sessions
from extproc.decision import Decision
from extproc.engines.engine import Decided
from extproc.errors import Denied, Error, NotFound
from extproc.operation import Context
from extproc.store import Store
from support.evidence import KEY, KEYS, PERSON, PRINCIPAL
from support.logs import Writer

AUDITOR = msgspec.structs.replace(PRINCIPAL, id="i#ada", subject="ada", person="ada@example.com", claims={})
OWN = "ab" * 16
"""The exchange of the question itself."""
HIS = "cd" * 16
"""An exchange of the person of `PRINCIPAL`."""


@dataclass(slots=True)
class Judge:
    """Allows or not, and remembers what was asked."""

    allow: bool = True
    asked: list[Input] = field(default_factory=list)
    revision: str = "r"

    async def decide(self, asked: Input) -> Decided:
        """Decide."""
        self.asked.append(asked)
        return Decided(decision=Decision(allow=self.allow), revision="r")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with one session of somebody, of two operations, and four of nobody."""
    writer = Writer(tmp_path / "audit")
    facts = tuple(Fact(action="search", scope="records", collection="tickets", decision="allow", rows=1) for _ in "ab")
    private = Private(principal=PRINCIPAL, returned=((msgspec.Raw(b'"T-1"'),), ()))
    members = {"kind": "outcome", "end": "delivered", "database": "kb", "decision": "allow"}
    writer.write(Entry(time_ns=5, exchange=HIS, facts=facts, private=private, **members))  # type: ignore[arg-type]
    writer.write(*[Entry(kind="login_rejected", time_ns=6 + each // 2, exchange=f"{each:032x}") for each in range(4)])
    writer.stop()
    return tmp_path / "audit"


def answer(directory: Path, what: str, body: Any, judge: Judge | None = None) -> Any:
    """Return what is answered to an auditor."""
    judge = judge or Judge()
    context = Context(time_ns=9, source="192.0.2.9", user_agent="cli", approval=None, exchange=OWN)

    async def asked() -> Any:
        ledger = Ledger.open(directory, "control", KEYS, origin="o")
        archive = Archive(directory, KEY, partial(Store.open, path=directory.parent / "store.db"))
        acts = Acts(judge=judge, log=ledger, clock=lambda: 9)
        sessions = Sessions(acts, archive)
        endpoints: dict[str, Callable[[Caller, bytes], Any]] = {
            "list": sessions.list,
            "show": sessions.show,
            "erase": Eraser(acts, archive, log=ledger, origin="o", clock=lambda: 9),
        }
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        try:
            return await endpoints[what](Caller(principal=AUDITOR, context=context), content)
        finally:
            await ledger.close()
            archive.store().close()

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("list", b""),
        ("list", {"person": ""}),
        ("list", {"person": "x" * 2000}),
        ("list", {"record": "a\0b"}),
        ("list", {"limit": 0}),
        ("list", {"limit": 1001}),
        ("list", {"since": "yesterday"}),
        ("list", {"where": "x"}),
        ("show", {}),
        ("show", {"id": "../../etc"}),
        ("erase", {"reason": "r"}),
        ("erase", {"person": PERSON}),
        ("erase", {"person": PERSON, "reason": "  "}),
        ("erase", {"person": PERSON, "record": "T-1", "reason": "r"}),
        ("erase", {"database": "kb", "reason": "everything"}),
        ("erase", {"person": PERSON, "reason": "r" * 2000}),
    ],
)
def test_what_is_not_asked_rightly_is_refused_before_the_policy_is_asked(directory: Path, what: str, body: Any) -> None:
    """There is nothing to decide, and nothing is done."""
    judge = Judge()
    with pytest.raises(Error) as caught:
        answer(directory, what, body, judge)

    assert (caught.value.status, judge.asked) == (400, [])


@pytest.mark.parametrize(
    ("what", "body", "target"),
    [
        ("list", {"person": PERSON, "database": "kb"}, (None, PERSON, "kb", None)),
        ("list", {"principal": PRINCIPAL.id, "record": "T-1"}, (PRINCIPAL.id, None, None, None)),
        ("list", {"record": "T-1", "collection": "tickets"}, ("record:T-1", None, None, "tickets")),
        ("list", {}, (None, None, None, None)),
        ("show", {"id": HIS}, (HIS, PERSON, "kb", "tickets")),
        ("show", {"id": "0" * 31 + "1"}, ("0" * 31 + "1", None, None, None)),
        ("show", {"id": "f" * 32}, ("f" * 32, None, None, None)),
        ("erase", {"person": PERSON, "reason": "r"}, (None, PERSON, None, None)),
        ("erase", {"principal": PRINCIPAL.id, "reason": "r"}, (PRINCIPAL.id, None, None, None)),
        ("erase", {"record": "T-1", "database": "kb", "reason": "r"}, ("record:T-1", None, "kb", None)),
        ("erase", {"recording": HIS, "preview": True}, (HIS, PERSON, "kb", "tickets")),
    ],
)
def test_the_policy_is_asked_about_what_it_is_about_and_a_denial_tells_nothing(
    directory: Path, what: str, body: Any, target: Any
) -> None:
    """A session that is not there is denied as one that is, and what is denied was not done."""
    judge = Judge(allow=False)
    with pytest.raises(Denied):
        answer(directory, what, body, judge)
    (asked,) = judge.asked
    found = asked.target

    assert (asked.act, found.id, found.person, found.database, found.collection) == (
        "erase" if what == "erase" else "session_read",
        *target,
    )
    assert None not in [opened for _, opened in reader.read_entries(directory, "w", KEY)]


def test_what_is_not_there_is_not_found(directory: Path) -> None:
    """Once it may be asked about."""
    with pytest.raises(NotFound):
        answer(directory, "show", {"id": "f" * 32})


def test_a_page_breaks_between_moments(directory: Path) -> None:
    """The two operations of one exchange stay together, and so do exchanges of one time; the next page begins behind them."""
    pages, until = [], "3000"
    while until is not None:
        found = answer(directory, "list", {"limit": 3, "until": until})
        pages.append([each.kind for each in found.sessions if each.worker == "w"])
        until = found.until

    assert [page for page in pages if page] == [["login_rejected"] * 2, ["login_rejected"] * 2, ["outcome"] * 2]


def test_a_batch_that_is_larger_than_a_page_hides_none_of_its_operations(directory: Path) -> None:
    """Two operations of one moment on pages of one row come together, and what is older comes after them."""
    pages, until = [], "3000"
    while until is not None:
        found = answer(directory, "list", {"limit": 1, "until": until, "database": "kb"})
        pages.append([(each.exchange, each.operation) for each in found.sessions])
        until = found.until

    assert [page for page in pages if page and page[0][0] == HIS] == [[(HIS, 0), (HIS, 1)]]


def test_a_recording_is_erased_alone(directory: Path) -> None:
    """What is erased is told by log, and is shown as erased; the request names nobody, so it stays."""
    foreseen = answer(directory, "erase", {"recording": HIS, "preview": True})
    done = answer(directory, "erase", {"recording": HIS, "reason": "r"})
    shown = answer(directory, "show", {"id": HIS})

    assert [(each.preview, each.entries, each.logs) for each in (foreseen, done)] == [(True, 1, {"w": 1}), (False, 1, {"w": 1})]
    assert ([each.state for each in shown.entries], shown.principal, shown.erased) == (["erased"], None, True)
    assert answer(directory, "list", {"person": PERSON}).sessions == []


def test_the_receipt_is_in_the_session_that_erased(directory: Path) -> None:
    """Who had it done, and why; whom it was about is in the request alone, which is erased with the rest."""
    answer(directory, "erase", {"person": PERSON, "reason": "ticket 77"})
    shown = answer(directory, "show", {"id": OWN})
    by_kind = [(each.state, each.detail.get("act"), each.claimed) for each in shown.entries][:4]

    assert by_kind == [
        ("erased", None, None),
        ("kept", "erase", {"reason": "ticket 77"}),
        ("kept", "erase", {"reason": "ticket 77"}),
        ("kept", None, None),
    ]
    assert shown.principal == AUDITOR
    assert PERSON not in msgspec.json.encode(shown).decode()


def test_nothing_to_erase_writes_no_receipt(directory: Path) -> None:
    """But that it was asked for is on record."""
    done = answer(directory, "erase", {"recording": "f" * 32, "reason": "r"})
    details = [leaf.detail for leaf in reader.read_leaves(directory, "control") if leaf.kind == "administration"]

    assert (done.entries, details) == (0, [{}, {}])
