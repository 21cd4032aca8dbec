"""Policies that change while they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.engines.source import Source
from extproc.engines.watch import Watch
from extproc.errors import ConfigError


class Policy:
    """A file, what it says, and a watch over it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "a.rego"
        self.write("one")
        self.watch = Watch(Source(path=folder))

    def write(self, text: str) -> None:
        """Replace the file as a whole."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.rename(self.file)

    def taken(self) -> str | None:
        """Look once; return what was taken."""
        return self.watch.take(self.file.read_text)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """Return a policy that says `one`."""
    return Policy(tmp_path)


def test_what_was_there_is_not_new(policy: Policy) -> None:
    """Nothing is taken while nothing changes."""
    assert [policy.taken(), policy.taken()] == [None, None]


def test_a_change_is_taken_once_it_is_at_rest(policy: Policy) -> None:
    """At the first look it may go on, at the second it does not, and after that it is no news."""
    policy.write("two")

    assert [policy.taken(), policy.taken(), policy.taken()] == [None, "two", None]


def test_what_goes_on_changing_is_not_taken(policy: Policy) -> None:
    """An author who is still at work is waited for."""
    seen = []
    for text in ("two", "three", "four"):
        policy.write(text)
        seen.append(policy.taken())

    assert [*seen, policy.taken()] == [None, None, None, "four"]


def test_attack_a_change_while_it_is_read(policy: Policy) -> None:
    """What changed between the look and the end of reading is not taken, but read again."""
    policy.write("two")
    policy.taken()

    def read() -> str:
        text = policy.file.read_text()
        policy.write("three")
        return text

    assert policy.watch.take(read) is None
    assert [policy.taken(), policy.taken()] == [None, "three"]


def test_what_cannot_be_read_is_said_once(policy: Policy) -> None:
    """A bad policy is an error when it comes, and again when it changes, not at every look."""

    def refuse() -> str:
        raise ConfigError(policy.file.read_text())

    outcomes: list[str | None] = []
    for text in ("bad", "", "", "worse", ""):
        if text:
            policy.write(text)
        try:
            outcomes.append(policy.watch.take(refuse))
        except ConfigError as error:
            outcomes.append(str(error))

    assert outcomes == [None, "bad", None, None, "worse"]


@pytest.mark.parametrize("gone", [lambda policy: policy.file.unlink(), lambda policy: policy.write("two")])
def test_what_comes_back_is_new_again(policy: Policy, gone: Callable[[Policy], object]) -> None:
    """Each state that comes to rest is taken, also one that was there before."""
    gone(policy)
    policy.watch.take(lambda: "gone")
    first = policy.watch.take(lambda: "gone")
    policy.write("one")

    assert [first, policy.taken(), policy.taken()] == ["gone", None, "one"]


def test_what_is_forgotten_is_taken_again(policy: Policy) -> None:
    """Whoever could not use what was taken asks for it again."""
    policy.write("two")
    policy.taken()
    policy.taken()
    policy.watch.forget()

    assert policy.taken() == "two"
