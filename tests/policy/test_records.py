"""What was asked and decided, as it is on record; and what there is to say where nothing is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from extproc.audit.entry import Private
from extproc.config import load
from extproc.decision import Decision
from extproc.engines.engine import encode
from extproc.errors import AuditError, ConfigError, EngineError
from extproc.policy.records import asked, recalled
from support.asking import asked as question
from support.envoy import write_config

INPUT = msgspec.Raw(encode(question()))


def test_inputs_and_decisions_come_as_they_were_recorded() -> None:
    """One for each operation; an entry that tells only how an exchange ended has none."""
    private = Private(inputs=(INPUT, INPUT), decisions=(msgspec.Raw(b'{"allow": true}'), msgspec.Raw(b'{"allow": false}')))
    found = list(asked((), private))

    assert [each.input for each in found] == [question()] * 2
    assert [each.decision for each in found] == [Decision(allow=True), Decision(allow=False)]
    assert list(asked((), Private())) == []


@pytest.mark.parametrize(
    ("reasons", "decisions", "code"),
    [
        (("policy_late",), (), "policy_late"),
        ((), (), EngineError.default_code),
        ((), (msgspec.Raw(b'{"allow": 1}'),), "decision_invalid"),
    ],
)
def test_where_there_was_no_decision_the_reason_is_told(
    reasons: tuple[str, ...], decisions: tuple[msgspec.Raw, ...], code: str
) -> None:
    """The one of the entry, or that it does not read."""
    (found,) = asked(reasons, Private(inputs=(INPUT,), decisions=decisions))

    assert isinstance(found.decision, EngineError)
    assert found.decision.code == code


def test_an_input_of_another_version_is_unreadable() -> None:
    """It is not taken for something else."""
    with pytest.raises(AuditError, match="another version"):
        list(asked((), Private(inputs=(msgspec.Raw(b'{"principal": {}}'),))))


def test_where_nothing_is_on_record_that_is_said(tmp_path: Path) -> None:
    """With the key of the configuration that names where it would lie; and no sealing key is made for it."""
    path, _, _ = write_config(tmp_path, "http://127.0.0.1:8000")
    config = load(path)
    with pytest.raises(ConfigError, match=r"there is nothing on record; audit\.directory names where it lies"):
        recalled(config, 0, lambda _: True).__enter__()
    config.audit.directory.mkdir(parents=True)

    with (
        pytest.raises(ConfigError, match="there is no sealing key"),
        recalled(config, 0, lambda _: True) as entries,
    ):
        list(entries)
    assert list(tmp_path.rglob("sealing.key")) == []
