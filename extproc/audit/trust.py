"""Whose signatures on a checkpoint count: keys that an auditor names, and those that a log names itself. Pure.

A log says in its `start` entries which keys sign it and which witnesses do, so a rotation is on record. A key that it names in
a part that a trusted key has signed is as good as that one. Where an auditor names no key at all, the log's own word is all
there is: then it shows that the log holds together, and not whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from extproc.audit import note
from extproc.audit.note import Kind, Note, Unverified, Verifier


class Signed(NamedTuple):
    """Who signed a checkpoint: keys of the log itself, and witnesses with the time (Unix seconds) at which they did."""

    keys: tuple[Verifier, ...]
    witnesses: Mapping[Verifier, int]


@dataclass(slots=True)
class Trust:
    """Whose signatures count for the log called `origin`: `given` by the auditor, `named` by the log, each since an index."""

    origin: str
    given: tuple[Verifier, ...]
    named: dict[Verifier, int] = field(default_factory=dict)

    def learn(self, index: int, detail: Mapping[str, str]) -> None:
        """Take note of the keys that the `start` entry at `index` names. Raises `Unverified` for what is none."""
        for text in f"{detail.get('keys', '')} {detail.get('witnesses', '')}".split():
            self.named.setdefault(Verifier.parse(text), index)

    def signed(self, shown: Note, *, endorsed: int) -> Signed:
        """Return who signed the checkpoint `shown`; the first `endorsed` entries are known to be what a trusted key signed.

        Raises `Unverified` where no key that counts has, where a signature does not hold, and where one is by somebody whom
        neither the auditor nor the log knows.
        """
        known = [*self.given, *self.named]
        for each in shown.signatures:
            if not any(verifier.made(each) for verifier in known):
                raise Unverified(f"a signature of {each.name} is by a key that nobody knows")
        found = note.verify(shown, known)
        counting = set(self._counting(endorsed))
        keys = tuple(verifier for verifier in found if verifier in counting)
        if not keys:
            raise Unverified(f"none of the keys that count for {self.origin} has signed this")
        return Signed(keys, {verifier: when for verifier, when in found.items() if when is not None})

    def _counting(self, endorsed: int) -> Iterable[Verifier]:
        ours = [verifier for verifier in self.given if self._is_ours(verifier)]
        yield from ours
        for verifier, index in self.named.items():
            if self._is_ours(verifier) and (index < endorsed or not ours):
                yield verifier

    def _is_ours(self, verifier: Verifier) -> bool:
        return verifier.kind is Kind.SIGNER and verifier.name == self.origin
